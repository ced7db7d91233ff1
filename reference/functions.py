"""Chapters 1 and 4 in PyTorch: the functions of ``scratch/functions``, gradients from autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

TensorFunction: TypeAlias = Callable[[Tensor], Tensor]
Chain: TypeAlias = Sequence[TensorFunction]

square = torch.square
relu = torch.relu
sigmoid = torch.sigmoid


def leaky_relu(x: Tensor) -> Tensor:
    """Multiply negative elements by 0.2. Chapter 1, "Basic functions in NumPy"."""
    return F.leaky_relu(x, negative_slope=0.2)


def deriv(func: TensorFunction, input_: Tensor) -> Tensor:
    """Exact slope of an elementwise ``func`` at each element. Chapter 1, "Derivatives"."""
    return _gradients(func, input_)[0]


def chain_forward(chain: Chain, x: Tensor) -> Tensor:
    """Apply any number of functions, first to last. Chapter 1, "Nested Functions"."""
    return reduce(lambda value, func: func(value), chain, x)


def chain_deriv(chain: Chain, input_range: Tensor) -> Tensor:
    """Slope of a chain at each element of ``input_range``. Chapter 1, "The Chain Rule"."""
    return deriv(lambda x: chain_forward(chain, x), input_range)


chain_length_2 = chain_forward
chain_deriv_2 = chain_deriv
chain_deriv_3 = chain_deriv


def multiple_inputs_add(x: Tensor, y: Tensor, sigma: TensorFunction) -> Tensor:
    """``sigma(x + y)``. Chapter 1, "Functions with Multiple Inputs"."""
    return sigma(x + y)


def multiple_inputs_add_backward(
    x: Tensor, y: Tensor, sigma: TensorFunction
) -> tuple[Tensor, Tensor]:
    """Slopes of ``sigma(x + y)`` in ``x`` and ``y``.

    Chapter 1, "Derivatives of Functions with Multiple Inputs".
    """
    dsdx, dsdy = _gradients(lambda x, y: multiple_inputs_add(x, y, sigma), x, y)
    return dsdx, dsdy


def multiple_inputs_multiply(x: Tensor, y: Tensor, sigma: TensorFunction) -> Tensor:
    """``sigma(x * y)``: the exercise of chapter 1, "Functions with Multiple Inputs"."""
    return sigma(x * y)


def multiple_inputs_multiply_backward(
    x: Tensor, y: Tensor, sigma: TensorFunction
) -> tuple[Tensor, Tensor]:
    """Slopes of ``sigma(x * y)`` in ``x`` and ``y``: the same exercise."""
    dsdx, dsdy = _gradients(lambda x, y: multiple_inputs_multiply(x, y, sigma), x, y)
    return dsdx, dsdy


def matmul_forward(X: Tensor, W: Tensor) -> Tensor:
    """``X W``. Chapter 1, "Functions with Multiple Vector Inputs"."""
    return X @ W


def matmul_backward_first(X: Tensor, W: Tensor) -> Tensor:
    """Jacobian of a row of ``X W`` in the same row of ``X``: shape ``(out, in)``.

    Chapter 1, "Derivatives of Functions with Multiple Vector Inputs".
    """
    return _jacobian(lambda row: row @ W, X[0])


def matmul_backward_second(X: Tensor, W: Tensor) -> Tensor:
    """Jacobian of a column of ``X W`` in the same column of ``W``, transposed: ``(in, batch)``.

    Chapter 1, "Derivatives of Functions with Multiple Vector Inputs".
    """
    return _jacobian(lambda column: X @ column, W[:, 0]).T


def matrix_forward_extra(X: Tensor, W: Tensor, sigma: TensorFunction) -> Tensor:
    """``sigma(X W)``. Chapter 1, "Vector Functions and Their Derivatives"."""
    return sigma(X @ W)


def matrix_function_forward_sum(X: Tensor, W: Tensor, sigma: TensorFunction) -> Tensor:
    """The sum of ``sigma(X W)``. Chapter 1, "Computational Graph with Two 2D Matrix Inputs"."""
    return matrix_forward_extra(X, W, sigma).sum()


def matrix_function_backward_sum_1(X: Tensor, W: Tensor, sigma: TensorFunction) -> Tensor:
    """Its gradient in ``X``. Chapter 1, "The Fun Part: The Backward Pass"."""
    return _gradients(lambda X: matrix_function_forward_sum(X, W, sigma), X)[0]


def matrix_function_backward_sum_2(X: Tensor, W: Tensor, sigma: TensorFunction) -> Tensor:
    """Its gradient in ``W``. Chapter 1, "The Fun Part: The Backward Pass"."""
    return _gradients(lambda W: matrix_function_forward_sum(X, W, sigma), W)[0]


matrix_function_backward_1 = matrix_function_backward_sum_1


def matrix_function_forward_weighted_sum(
    X: Tensor, W: Tensor, sigma: TensorFunction, V: Tensor
) -> Tensor:
    """The sum of ``V * sigma(X W)``: not in the book, see its scratch twin."""
    return (V * matrix_forward_extra(X, W, sigma)).sum()


def matrix_function_backward_weighted_sum_1(
    X: Tensor, W: Tensor, sigma: TensorFunction, V: Tensor
) -> Tensor:
    """Its gradient in ``X``."""
    return _gradients(lambda X: matrix_function_forward_weighted_sum(X, W, sigma, V), X)[0]


def normalize(x: Tensor, axis: int | None = -1) -> Tensor:
    """Divide by the sum along ``axis``. Chapter 4, "Component #1: The Softmax Function".

    Raises:
        ValueError: a sum is 0 (PyTorch would divide by it).
    """
    total = x.sum() if axis is None else x.sum(dim=axis, keepdim=True)
    if (total == 0).any():
        raise ValueError(f"normalize: cannot divide by a sum of 0 (shape {tuple(x.shape)})")
    return x / total


def softmax(x: Tensor, axis: int | None = -1) -> Tensor:
    """``F.softmax``; over all elements where ``axis`` is None.

    Chapter 4, "Component #1: The Softmax Function".
    """
    return F.softmax(x.flatten(), dim=0).reshape(x.shape) if axis is None else F.softmax(x, axis)


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """``F.one_hot`` in another dtype. Chapter 4, "Data Preprocessing"."""
    return F.one_hot(labels.long(), num_classes).to(dtype)


def _gradients(func: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    leaves = [input_.detach().clone().requires_grad_() for input_ in inputs]
    return torch.autograd.grad(func(*leaves).sum(), leaves)


def _jacobian(func: TensorFunction, input_: Tensor) -> Tensor:
    jacobian = torch.autograd.functional.jacobian(func, input_)
    assert isinstance(jacobian, Tensor)
    return jacobian
