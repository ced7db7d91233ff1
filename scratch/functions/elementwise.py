"""Chapter 1: functions of numbers, their derivatives, the chain rule, several inputs.

Derivatives of ``sigma`` are central differences, as in the book: ``sigma`` is any function that
works element by element. Everything else is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy import ndarray

ArrayFunction: TypeAlias = Callable[[ndarray], ndarray]
Chain: TypeAlias = Sequence[ArrayFunction]


def square(x: ndarray) -> ndarray:
    """Square each element. Any shape. Chapter 1, "Basic functions in NumPy"."""
    return np.power(x, 2)


def relu(x: ndarray) -> ndarray:
    """Replace negative elements by 0. Any shape. Chapter 1, "Basic functions in NumPy"."""
    return np.maximum(x, 0)


def leaky_relu(x: ndarray) -> ndarray:
    """Multiply negative elements by 0.2. Any shape. Chapter 1, "Basic functions in NumPy"."""
    return np.maximum(0.2 * x, x)


def sigmoid(x: ndarray) -> ndarray:
    """``1 / (1 + exp(-x))`` of each element. Any shape. Chapter 1, "The Chain Rule".

    Only ever takes ``exp`` of a number that is not positive, so nothing overflows.
    """
    z = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1.0, z) / (1.0 + z)


def deriv(func: ArrayFunction, input_: ndarray, delta: float = 0.001) -> ndarray:
    """Central difference of ``func`` at each element of ``input_``. Chapter 1, "Derivatives".

    Args:
        func: works element by element.
        input_: any shape; integers are taken as float64.
        delta: half the width of the interval, in the units of ``input_``.

    Returns:
        The slope at each element, in the shape of ``input_``; off by a term in ``delta`` squared.
    """
    return (func(input_ + delta) - func(input_ - delta)) / (2 * delta)


def chain_length_2(chain: Chain, x: ndarray) -> ndarray:
    """Apply two functions in a row: ``f2(f1(x))``. Chapter 1, "Nested Functions".

    Raises:
        ValueError: ``chain`` has not exactly two functions.
    """
    _require_length(chain, 2)
    f1, f2 = chain
    return f2(f1(x))


def chain_deriv_2(chain: Chain, input_range: ndarray) -> ndarray:
    """Slope of ``f2(f1(x))`` at each element of ``input_range``. Chapter 1, "The Chain Rule".

    Args:
        chain: two functions that work element by element.
        input_range: one-dimensional, shape ``(n,)``.

    Raises:
        ValueError: ``chain`` has not two functions, or ``input_range`` is not one-dimensional.
    """
    _require_length(chain, 2)
    _require_one_dimension(input_range)
    f1, f2 = chain

    df1dx = deriv(f1, input_range)
    df2du = deriv(f2, f1(input_range))
    return df1dx * df2du


def chain_deriv_3(chain: Chain, input_range: ndarray) -> ndarray:
    """Slope of ``f3(f2(f1(x)))`` at each element. Chapter 1, "A Slightly Longer Example".

    Args:
        chain: three functions that work element by element.
        input_range: one-dimensional, shape ``(n,)``.

    Raises:
        ValueError: ``chain`` has not three functions, or ``input_range`` is not one-dimensional.
    """
    _require_length(chain, 3)
    _require_one_dimension(input_range)
    f1, f2, f3 = chain

    f1_of_x = f1(input_range)
    f2_of_x = f2(f1_of_x)

    df3du = deriv(f3, f2_of_x)
    df2du = deriv(f2, f1_of_x)
    df1dx = deriv(f1, input_range)
    return df1dx * df2du * df3du


def chain_forward(chain: Chain, x: ndarray) -> ndarray:
    """Apply any number of functions, first to last. Chapter 1, "A Slightly Longer Example".

    Returns:
        A new array in the shape of ``x``; for an empty chain, a copy of ``x``.
    """
    output = np.array(x)
    for func in chain:
        output = func(output)
    return output


def chain_deriv(chain: Chain, input_range: ndarray) -> ndarray:
    """Slope of a chain of any number of functions at each element of ``input_range``, any shape.

    One pass forward keeps what goes into each function, the slopes there are multiplied.
    Chapter 1, "A Slightly Longer Example", for n functions. The slope of an empty chain is 1.
    """
    value = np.array(input_range)
    slope = np.ones_like(value)
    for func in chain:
        slope = slope * deriv(func, value)
        value = func(value)
    return slope


def multiple_inputs_add(x: ndarray, y: ndarray, sigma: ArrayFunction) -> ndarray:
    """``sigma(x + y)``. Chapter 1, "Functions with Multiple Inputs".

    Raises:
        ValueError: ``x`` and ``y`` differ in shape.
    """
    require_same_shape(x, y)
    return sigma(x + y)


def multiple_inputs_add_backward(
    x: ndarray, y: ndarray, sigma: ArrayFunction
) -> tuple[ndarray, ndarray]:
    """Slopes of ``sigma(x + y)`` in ``x`` and in ``y``, each in their shape.

    Chapter 1, "Derivatives of Functions with Multiple Inputs".

    Raises:
        ValueError: ``x`` and ``y`` differ in shape.
    """
    require_same_shape(x, y)
    dsda = deriv(sigma, x + y)
    return dsda, dsda.copy()


def multiple_inputs_multiply(x: ndarray, y: ndarray, sigma: ArrayFunction) -> ndarray:
    """``sigma(x * y)``: the exercise of chapter 1, "Functions with Multiple Inputs".

    Raises:
        ValueError: ``x`` and ``y`` differ in shape.
    """
    require_same_shape(x, y)
    return sigma(x * y)


def multiple_inputs_multiply_backward(
    x: ndarray, y: ndarray, sigma: ArrayFunction
) -> tuple[ndarray, ndarray]:
    """Slopes of ``sigma(x * y)`` in ``x`` and in ``y``, each in their shape: the same exercise.

    Raises:
        ValueError: ``x`` and ``y`` differ in shape.
    """
    require_same_shape(x, y)
    dsda = deriv(sigma, x * y)
    dadx, dady = y, x
    return dsda * dadx, dsda * dady


def _require_length(chain: Chain, length: int) -> None:
    if len(chain) != length:
        raise ValueError(f"the chain must have {length} functions, not {len(chain)}")


def _require_one_dimension(input_range: ndarray) -> None:
    if np.ndim(input_range) != 1:
        raise ValueError(
            f"input_range must be one-dimensional, not of shape {np.shape(input_range)}"
        )


def require_same_shape(x: ndarray, y: ndarray) -> None:
    """Compare two shapes.

    Raises:
        ValueError: they differ.
    """
    if np.shape(x) != np.shape(y):
        raise ValueError(f"shapes must be equal, not {np.shape(x)} and {np.shape(y)}")
