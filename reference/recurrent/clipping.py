"""Chapter 6 in PyTorch: gradients cut down to a length.

Clipping element by element is ``torch.nn.utils.clip_grad_value_``.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_by_norm(params: Iterable[Tensor], max_norm: float) -> float:
    """``torch.nn.utils.clip_grad_norm_`` without the 1e-6 that it adds to the length.

    Args:
        params: whose gradients are shortened, in place; those without one are passed over.
        max_norm: the length that all of them together may have.

    Returns:
        The length before.
    """
    grads = [param.grad for param in params if param.grad is not None]
    norm = torch.nn.utils.get_total_norm(grads).item()
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / norm
    return norm
