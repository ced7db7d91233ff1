"""Chapter 7 in PyTorch: what t-SNE minimises; the gradient is autograd's.

Leading dimensions, if there are any, are sets of points of their own.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical


def squared_distances(X: Tensor) -> Tensor:
    """``(…, points, columns)`` to ``(…, points, points)``."""
    return (X.unsqueeze(-2) - X.unsqueeze(-3)).square().sum(dim=-1)


def conditional_probabilities(X: Tensor, perplexity: float) -> Tensor:
    """Softmax of ``-precision * squared distance`` over all other points, with the precision at
    which the row's entropy is ``log(perplexity)``. van der Maaten and Hinton (2008), equation 1.

    Args:
        X: ``(…, points, columns)``.
        perplexity: from 1 to ``points - 1``.

    Returns:
        ``(…, points, points)``; 0 on the diagonal.

    Raises:
        ValueError: the perplexity is out of range.
    """
    n = X.shape[-2]
    if not 1 <= perplexity <= n - 1:
        raise ValueError(f"perplexity must lie between 1 and {n - 1}, not be {perplexity}")
    others = ~torch.eye(n, dtype=torch.bool)
    gaps = squared_distances(X)[..., others].unflatten(-1, (n, n - 1))
    gaps = gaps - gaps.amin(dim=-1, keepdim=True)
    scale = gaps.mean(dim=-1, keepdim=True)
    gaps = gaps / torch.where(scale > 0, scale, 1)

    # Bisection of the precision's logarithm, until float64 has no number left between the two.
    reach = math.log(torch.finfo(X.dtype).max) / 2
    lower, upper = torch.full_like(scale, -reach), torch.full_like(scale, reach)
    for _ in range(70):
        middle = (lower + upper) / 2
        entropy = Categorical(logits=-middle.exp() * gaps, validate_args=False).entropy()
        too_flat = entropy.unsqueeze(-1) > math.log(perplexity)
        lower, upper = torch.where(too_flat, middle, lower), torch.where(too_flat, upper, middle)

    rows = F.softmax(-upper.exp() * gaps, dim=-1)
    probabilities = X.new_zeros(*X.shape[:-1], n)
    probabilities[..., others] = rows.flatten(-2)
    return probabilities


def joint_probabilities(X: Tensor, perplexity: float) -> Tensor:
    """``(p_j|i + p_i|j) / (2 points)``. van der Maaten and Hinton (2008), section 3.1."""
    conditional = conditional_probabilities(X, perplexity)
    return (conditional + conditional.mT) / (2 * X.shape[-2])


def low_dimensional_affinities(Y: Tensor) -> Tensor:
    """Proportional to ``1 / (1 + squared distance)``. van der Maaten and Hinton (2008), equation 4.

    Args:
        Y: ``(…, points, dimensions)``.

    Returns:
        ``(…, points, points)``; 0 on the diagonal, adds up to 1.
    """
    kernel = 1 / (1 + squared_distances(Y))
    kernel = kernel * ~torch.eye(Y.shape[-2], dtype=torch.bool)
    return kernel / kernel.sum(dim=(-2, -1), keepdim=True)


def kl_divergence(P: Tensor, Y: Tensor) -> Tensor:
    """``sum(p log(p / q))`` of each set. van der Maaten and Hinton (2008), equation 2.

    Args:
        P: ``(…, points, points)``, as ``joint_probabilities`` has it.
        Y: ``(…, points, dimensions)``.
    """
    pairs = ~torch.eye(Y.shape[-2], dtype=torch.bool)
    log_Q = low_dimensional_affinities(Y)[..., pairs].log()
    return F.kl_div(log_Q, P[..., pairs], reduction="none").sum(dim=-1)
