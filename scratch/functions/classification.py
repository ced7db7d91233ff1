"""Chapter 4: functions that classification needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike


def normalize(x: ndarray, axis: int | None = -1) -> ndarray:
    """Divide by the sum along ``axis``. Chapter 4, "Component #1: The Softmax Function".

    Args:
        x: any shape; integers are taken as float64.
        axis: along which the result adds up to 1; None for all elements together.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a sum is 0, there is no such axis, or ``x`` has no elements along it.
    """
    x = _floats(x)
    _require_elements(x, axis, "normalize")
    total = np.sum(x, axis=axis, keepdims=True)
    if np.any(total == 0):
        raise ValueError(f"normalize: cannot divide by a sum of 0 (shape {x.shape}, axis {axis})")
    return x / total


def softmax(x: ndarray, axis: int | None = -1) -> ndarray:
    """``exp(x)`` over its sum along ``axis``. Chapter 4, "Component #1: The Softmax Function".

    The largest element along the axis is subtracted first. That changes nothing in the result, and
    ``exp`` is only ever taken of numbers that are not positive, so nothing overflows.

    Args:
        x: any shape; integers are taken as float64.
        axis: along which the result adds up to 1; None for all elements together.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: there is no such axis, or ``x`` has no elements along it.
    """
    x = _floats(x)
    _require_elements(x, axis, "softmax")
    z = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return z / np.sum(z, axis=axis, keepdims=True)


def one_hot(
    labels: ndarray | Sequence[int], num_classes: int, dtype: DTypeLike = np.float64
) -> ndarray:
    """A row for each class number, with a 1 in the column of that number and 0 elsewhere.

    Chapter 4, "Data Preprocessing".

    Args:
        labels: class numbers from 0 on, shape ``(n,)``.
        num_classes: how many classes there are.
        dtype: of the result.

    Returns:
        Shape ``(n, num_classes)``.

    Raises:
        ValueError: the labels are not one-dimensional, not integers or out of range, or there are
            no classes.
    """
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be at least 1, not {num_classes}")
    labels = np.asarray(labels)
    check_class_numbers(labels, num_classes, "one_hot")
    rows = np.zeros((labels.size, num_classes), dtype)
    rows[np.arange(labels.size), labels] = 1
    return rows


def check_class_numbers(labels: ndarray, num_classes: int, who: str) -> None:
    """Whether an array holds one class number for each of its elements.

    Raises:
        ValueError: it has not shape ``(n,)``, or holds something else than integers from 0 to
            ``num_classes - 1``; names ``who``.
    """
    if labels.ndim != 1:
        raise ValueError(f"{who}: class numbers must have shape (n,), not {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{who}: class numbers must be integers, not {labels.dtype}")
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ValueError(
            f"{who}: class numbers must lie between 0 and {num_classes - 1}, not be {wrong}"
        )


def _floats(x: ndarray) -> ndarray:
    """``x`` itself, unless it holds integers."""
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.inexact) else x.astype(np.float64)


def _require_elements(x: ndarray, axis: int | None, who: str) -> None:
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{who}: there is no axis {axis} in an array of shape {x.shape}")
    if (x.size if axis is None else x.shape[axis]) == 0:
        along = "" if axis is None else f" along axis {axis}"
        raise ValueError(f"{who}: an array of shape {x.shape} has no elements{along}")
