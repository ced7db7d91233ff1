"""Chapter 6: gradients of operations in which one element enters many, or many enter one."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy import ndarray

Axes: TypeAlias = "int | tuple[int, ...] | None"


def sum_to_shape(grad: ndarray, shape: tuple[int, ...]) -> ndarray:
    """Sum a gradient over the axes along which an array of ``shape`` was broadcast.

    Args:
        grad: of the broadcast shape.
        shape: of the array that was broadcast, and of the result.
    """
    new = grad.ndim - len(shape)
    stretched = tuple(new + axis for axis, size in enumerate(shape) if size == 1)
    return grad.sum(axis=(*range(new), *stretched)).reshape(shape)


def spread_over_axes(grad: ndarray, shape: tuple[int, ...], axis: Axes, keepdims: bool) -> ndarray:
    """Give each element of an array of ``shape`` the gradient of the sum that it went into.

    Args:
        grad: of the shape of the sum.
        shape: of what was summed, and of the result.
        axis: the axes of the sum; None for all.
        keepdims: whether the sum kept them, with size 1.
    """
    if axis is None:
        grad = grad.reshape((1,) * len(shape))
    elif not keepdims:
        grad = np.expand_dims(grad, axis)
    return np.array(np.broadcast_to(grad, shape))


def matmul_grads(grad: ndarray, a: ndarray, b: ndarray) -> tuple[ndarray, ndarray]:
    """Gradients on both factors of ``a @ b``: of vectors, matrices, or batches of matrices.

    Args:
        grad: of the shape of the product.
        a: the first factor.
        b: the second one.
    """
    rows = a[np.newaxis, :] if a.ndim == 1 else a
    columns = b[:, np.newaxis] if b.ndim == 1 else b
    if b.ndim == 1:
        grad = grad[..., np.newaxis]
    if a.ndim == 1:
        grad = grad[..., np.newaxis, :]
    a_grad = sum_to_shape(grad @ np.swapaxes(columns, -1, -2), rows.shape)
    b_grad = sum_to_shape(np.swapaxes(rows, -1, -2) @ grad, columns.shape)
    return a_grad.reshape(a.shape), b_grad.reshape(b.shape)
