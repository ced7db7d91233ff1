"""Chapter 6: gradients through time may explode; these cut them down, in place."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy import ndarray


def clip_by_value(grads: Iterable[ndarray], limit: float = 2.0) -> None:
    """Put every element back between ``-limit`` and ``limit``.

    As the book's companion code does before each update. The direction of the whole may change.

    Args:
        grads: arrays of any shape.
        limit: not negative.

    Raises:
        ValueError: ``limit`` is negative or no number.
    """
    _require_limit("clip_by_value", "limit", limit)
    for grad in grads:
        np.clip(grad, -limit, limit, out=grad)


def clip_by_norm(grads: Iterable[ndarray], max_norm: float) -> float:
    """Shorten all arrays together to a length of at most ``max_norm``, keeping the direction.

    Args:
        grads: arrays of any shape.
        max_norm: not negative.

    Returns:
        The length before: the root of the sum of all squares.

    Raises:
        ValueError: ``max_norm`` is negative or no number.
    """
    _require_limit("clip_by_norm", "max_norm", max_norm)
    arrays = list(grads)
    norm = float(np.sqrt(sum(float(np.sum(np.square(grad, dtype=float))) for grad in arrays)))
    if norm > max_norm:
        for grad in arrays:
            grad *= max_norm / norm
    return norm


def _require_limit(who: str, name: str, limit: float) -> None:
    if not limit >= 0:
        raise ValueError(f"{who}: {name} must be a number of at least 0, not {limit!r}")
