"""Mistakes in functions of numbers, their derivatives and chains."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch.functions import ArrayFunction, Chain, deriv
from scratch.functions import sigmoid as right_sigmoid

# One-line functions read best as lambdas here, next to the sentence that explains them.

SQUARE = (
    Mutant(
        "doubled",
        "This doubles instead of squaring: np.power(x, 2), not 2 * x.",
        lambda x: 2 * x,
        "output",
    ),
    Mutant(
        "sign kept",
        "The sign of x is kept: the square of a negative number is positive.",
        lambda x: x * np.abs(x),
        "output",
    ),
)

RELU = (
    Mutant("absolute", "Negative elements come out positive; relu makes them 0.", np.abs, "output"),
    Mutant(
        "minimum",
        "This keeps the negative elements: np.maximum(x, 0), not np.minimum.",
        lambda x: np.minimum(x, 0),
        "output",
    ),
)

LEAKY_RELU = (
    Mutant(
        "no leak",
        "Negative elements become 0; leaky_relu multiplies them by 0.2.",
        lambda x: np.maximum(0, x),
        "output",
    ),
    Mutant(
        "slope 0.01",
        "The leak is 0.01 here; the book's leaky_relu multiplies by 0.2.",
        lambda x: np.maximum(0.01 * x, x),
        "output",
    ),
    Mutant(
        "minimum",
        "np.minimum picks the wrong branch: use np.maximum(0.2 * x, x).",
        lambda x: np.minimum(0.2 * x, x),
        "output",
    ),
)

SIGMOID = (
    Mutant(
        "sign",
        "The sign in the exponent is wrong: 1 / (1 + exp(-x)), not exp(x).",
        lambda x: right_sigmoid(-x),
        "output",
    ),
    Mutant(
        "tanh",
        "This is tanh, which runs from -1 to 1; sigmoid runs from 0 to 1.",
        np.tanh,
        "output",
    ),
    Mutant(
        "derivative",
        "This is the derivative of sigmoid, not sigmoid itself.",
        lambda x: right_sigmoid(x) * (1 - right_sigmoid(x)),
        "output",
    ),
)

DERIV = (
    Mutant(
        "one-sided",
        "This is a one-sided difference: subtract func(input_ - delta), not "
        "func(input_), or the error is proportional to delta.",
        lambda func, x, delta=0.001: (func(x + delta) - func(x)) / delta,
        "output",
    ),
    Mutant(
        "not halved",
        "The interval is 2 * delta wide: divide by 2 * delta, not by delta.",
        lambda func, x, delta=0.001: (func(x + delta) - func(x - delta)) / delta,
        "output",
    ),
    Mutant(
        "precedence",
        "/ 2 * delta divides by 2 and then multiplies by delta: write / (2 * delta).",
        lambda func, x, delta=0.001: (func(x + delta) - func(x - delta)) / 2 * delta,
        "output",
    ),
    Mutant(
        "sign",
        "The two values are subtracted the wrong way round: func(input_ + delta) comes first.",
        lambda func, x, delta=0.001: (func(x - delta) - func(x + delta)) / (2 * delta),
        "output",
    ),
    Mutant(
        "delta ignored",
        "delta is not used: the step is 0.001 whatever the caller asks for.",
        lambda func, x, delta=0.001: deriv(func, x),
        "output",
    ),
)

CHAIN_LENGTH_2 = (
    Mutant(
        "order",
        "The functions are applied in the wrong order: the first of the chain comes "
        "first, f2(f1(x)).",
        lambda chain, x: chain[0](chain[1](x)),
        "output",
    ),
    Mutant(
        "second only",
        "The second function is applied to x, not to the result of the first.",
        lambda chain, x: chain[1](x),
        "output",
    ),
)


def _all_at_input(chain: Chain, x: ndarray) -> ndarray:
    return np.prod([deriv(func, x) for func in chain], axis=0)


def _last_only(chain: Chain, x: ndarray) -> ndarray:
    for func in chain[:-1]:
        x = func(x)
    return deriv(chain[-1], x)


def _added(chain: Chain, x: ndarray) -> ndarray:
    total = np.zeros_like(x)
    for func in chain:
        total = total + deriv(func, x)
        x = func(x)
    return total


def _reversed_chain(chain: Chain, x: ndarray) -> ndarray:
    slope = np.ones_like(x)
    for func in reversed(chain):
        slope = slope * deriv(func, x)
        x = func(x)
    return slope


CHAIN_DERIV = (
    Mutant(
        "all at the input",
        "Every derivative is taken at the input; each must be taken at what "
        "goes into its own function, such as f2' at f1(x).",
        _all_at_input,
        "output",
    ),
    Mutant(
        "last only",
        "Only the derivative of the last function is there; multiply by those of "
        "the functions before it.",
        _last_only,
        "output",
    ),
    Mutant("added", "The derivatives are added; the chain rule multiplies them.", _added, "output"),
    Mutant(
        "order",
        "The functions are taken in the wrong order: the first of the chain is applied first.",
        _reversed_chain,
        "output",
    ),
)

MULTIPLE_INPUTS_ADD = (
    Mutant("no sigma", "sigma is not applied to the sum.", lambda x, y, sigma: x + y, "output"),
    Mutant(
        "multiplied",
        "x and y are multiplied; this function adds them.",
        lambda x, y, sigma: sigma(x * y),
        "output",
    ),
)

MULTIPLE_INPUTS_MULTIPLY = (
    Mutant("no sigma", "sigma is not applied to the product.", lambda x, y, sigma: x * y, "output"),
    Mutant(
        "added",
        "x and y are added; this function multiplies them.",
        lambda x, y, sigma: sigma(x + y),
        "output",
    ),
)


def _twice(gradient: ndarray) -> tuple[ndarray, ndarray]:
    return gradient, gradient


MULTIPLE_INPUTS_ADD_BACKWARD = (
    Mutant(
        "at x",
        "The derivative of sigma is taken at x; it must be taken at x + y.",
        lambda x, y, sigma: _twice(deriv(sigma, x)),
        "x_grad",
    ),
    Mutant(
        "sigma itself",
        "This multiplies by sigma(x + y) instead of by its derivative there.",
        lambda x, y, sigma: _twice(sigma(x + y)),
        "x_grad",
    ),
    Mutant(
        "no sigma",
        "The derivative of sigma is missing: the slopes of x + y alone are 1.",
        lambda x, y, sigma: _twice(np.ones_like(x)),
        "x_grad",
    ),
)


def _product_backward(
    x: ndarray, y: ndarray, sigma: ArrayFunction, dadx: ndarray, dady: ndarray
) -> tuple[ndarray, ndarray]:
    dsda = deriv(sigma, x * y)
    return dsda * dadx, dsda * dady


MULTIPLE_INPUTS_MULTIPLY_BACKWARD = (
    Mutant(
        "exchanged",
        "The two factors are exchanged: the slope of x * y in x is y, in y it is x.",
        lambda x, y, sigma: _product_backward(x, y, sigma, x, y),
        "x_grad",
    ),
    Mutant(
        "as a sum",
        "The slopes are those of a sum: for a product, multiply by the other factor.",
        lambda x, y, sigma: _product_backward(x, y, sigma, np.ones_like(x), np.ones_like(y)),
        "x_grad",
    ),
    Mutant(
        "at the sum",
        "The derivative of sigma is taken at x + y; it must be taken at x * y.",
        lambda x, y, sigma: (deriv(sigma, x + y) * y, deriv(sigma, x + y) * x),
        "x_grad",
    ),
)
