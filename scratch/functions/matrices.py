"""Chapter 1: functions of matrices, and what carries a gradient back through them."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.functions.elementwise import ArrayFunction, deriv, require_same_shape


def matmul_forward(X: ndarray, W: ndarray) -> ndarray:
    """Matrix product. Chapter 1, "Functions with Multiple Vector Inputs".

    Args:
        X: shape ``(batch, in)``.
        W: shape ``(in, out)``.

    Returns:
        Shape ``(batch, out)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    return np.dot(X, W)


def matmul_backward_first(X: ndarray, W: ndarray) -> ndarray:
    """What a gradient on ``X W`` is multiplied by, on its right, to become one on ``X``.

    That is ``W`` transposed, shape ``(out, in)``.
    Chapter 1, "Derivatives of Functions with Multiple Vector Inputs".

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    return np.transpose(W, (1, 0)).copy()


def matmul_backward_second(X: ndarray, W: ndarray) -> ndarray:
    """What a gradient on ``X W`` is multiplied by, on its left, to become one on ``W``.

    That is ``X`` transposed, shape ``(in, batch)``.
    Chapter 1, "Derivatives of Functions with Multiple Vector Inputs".

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    return np.transpose(X, (1, 0)).copy()


def matrix_forward_extra(X: ndarray, W: ndarray, sigma: ArrayFunction) -> ndarray:
    """``sigma(X W)``, shape ``(batch, out)``. Chapter 1, "Vector Functions and Their Derivatives".

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    return sigma(np.dot(X, W))


def matrix_function_backward_1(X: ndarray, W: ndarray, sigma: ArrayFunction) -> ndarray:
    """Gradient of ``sigma(X W)``, its elements added up, in ``X``: shape ``(batch, in)``.

    Chapter 1, "Vector Functions and Their Derivatives: One Step Further".

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    N = np.dot(X, W)
    dSdN = deriv(sigma, N)
    dNdX = np.transpose(W, (1, 0))
    return np.dot(dSdN, dNdX)


def matrix_function_forward_sum(X: ndarray, W: ndarray, sigma: ArrayFunction) -> float:
    """``L``, the sum of all elements of ``sigma(X W)``. Chapter 1, "Computational Graph with Two 2D
    Matrix Inputs".

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    N = np.dot(X, W)
    S = sigma(N)
    return np.sum(S)


def matrix_function_backward_sum_1(X: ndarray, W: ndarray, sigma: ArrayFunction) -> ndarray:
    """Gradient of ``matrix_function_forward_sum`` in ``X``: shape ``(batch, in)``.

    Chapter 1, "The Fun Part: The Backward Pass". Carries ``dLdN`` on (the book carries ``dSdN``,
    which is the same only because ``L`` is a plain sum: see ``docs/errata.md``, E1).

    Raises:
        ValueError: the shapes do not fit together.
    """
    dLdN = _sum_gradient(X, W, sigma)
    dNdX = np.transpose(W, (1, 0))
    return np.dot(dLdN, dNdX)


def matrix_function_backward_sum_2(X: ndarray, W: ndarray, sigma: ArrayFunction) -> ndarray:
    """Gradient of ``matrix_function_forward_sum`` in ``W``: shape ``(in, out)``.

    Chapter 1, the note that closes "The Fun Part: The Backward Pass".

    Raises:
        ValueError: the shapes do not fit together.
    """
    dLdN = _sum_gradient(X, W, sigma)
    dNdW = np.transpose(X, (1, 0))
    return np.dot(dNdW, dLdN)


def _sum_gradient(X: ndarray, W: ndarray, sigma: ArrayFunction) -> ndarray:
    """``dLdN``: forward as far as ``N``, back from ``L``."""
    _require_product(X, W)
    N = np.dot(X, W)
    dSdN = deriv(sigma, N)
    dLdS = np.ones_like(dSdN)
    return dLdS * dSdN


def matrix_function_forward_weighted_sum(
    X: ndarray, W: ndarray, sigma: ArrayFunction, V: ndarray
) -> float:
    """``L``, the sum of all elements of ``V * sigma(X W)``; ``V`` has shape ``(batch, out)``.

    Not in the book: the smallest change to "Computational Graph with Two 2D Matrix Inputs" in
    which ``dLdS`` is not a matrix of ones.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    S = sigma(np.dot(X, W))
    require_same_shape(S, V)
    return np.sum(V * S)


def matrix_function_backward_weighted_sum_1(
    X: ndarray, W: ndarray, sigma: ArrayFunction, V: ndarray
) -> ndarray:
    """Gradient of ``matrix_function_forward_weighted_sum`` in ``X``: shape ``(batch, in)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_product(X, W)
    N = np.dot(X, W)
    require_same_shape(N, V)
    dLdS = V
    dSdN = deriv(sigma, N)
    dLdN = dLdS * dSdN
    dNdX = np.transpose(W, (1, 0))
    return np.dot(dLdN, dNdX)


def _require_product(X: ndarray, W: ndarray) -> None:
    if np.ndim(X) != 2 or np.ndim(W) != 2 or X.shape[1] != W.shape[0]:
        raise ValueError(
            f"the columns of X must be as many as the rows of W: X has shape {np.shape(X)}, "
            f"W has shape {np.shape(W)}"
        )
