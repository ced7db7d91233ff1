"""Catalogue of chapter 1: functions, their derivatives, chains of them, several inputs."""

from __future__ import annotations

import numpy as np

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Given, Mutant
from parity.catalogue.functions.describe import (
    SIGMAS,
    describe,
    plain_sigma_cases,
    sigma_cases,
    sum_of,
)
from parity.mutants.functions import elementwise as mutants
from scratch import functions as scratch


def _elementwise(n: int) -> Shapes:
    return {"x": (n, 3)}


def _input(n: int) -> Shapes:
    return {"input_": (n, 3)}


def _range(n: int) -> Shapes:
    return {"input_range": (n,)}


def _pair(n: int) -> Shapes:
    return {"x": (n, 3), "y": (n, 3)}


def _chain_cases(
    exact: tuple[tuple[str, ...], ...], book: tuple[tuple[str, ...], ...]
) -> tuple[Case, ...]:
    cases: list[Case] = []
    for chain in exact:
        label = " then ".join(chain) or "no function"
        cases += [
            Case(f"{label}, {n} point{'s' * (n > 1)}", _range(n), {"chain": chain})
            for n in (1, 2, 7, 64)
        ]
        cases += [
            Case(f"{label}, {layout} in memory", _range(7), {"chain": chain}, layout=layout)
            for layout in ("strided", "reversed")
        ]
    for chain in book:
        label = " then ".join(chain)
        kinked = {"input_range": np.linspace(-3, 3, 64).tolist()} if "leaky_relu" in chain else {}
        cases += [
            Case(
                f"{label}, {dtype}",
                _range(64),
                {"chain": chain},
                dtype=dtype,
                values=kinked,  # none within the step of the kink
                tolerance="numeric",
            )
            for dtype in ("float64", "float32")
        ]
    return tuple(cases)


def _values(name: str, *values: float) -> Case:
    return Case(name, {}, values={"x": [list(values)]})


_KINK = _values("on the kink", -1.0, -0.0, 0.0, 1.0)

# The book's step is off by 1e-7 here: only the step that is asked for gives what is expected.
_SMALL_STEP = Case("sigmoid, delta=0.00001", _input(7), {"sigma": "sigmoid", "delta": 1e-5})

_TWO = (("square", "affine"), ("affine", "square"))
_BOOK_TWO = (("square", "sigmoid"), ("sigmoid", "square"))
_THREE = (("affine", "square", "affine"), ("square", "affine", "square"))
_BOOK_THREE = (("leaky_relu", "sigmoid", "square"),)


def _sum_of_sigma(given: Given) -> float:
    arrays = list(given.inputs.values())
    return float(np.sum(SIGMAS[given.options["sigma"]](arrays[0])))


def _sum_of_chain(given: Given) -> float:
    chain = [SIGMAS[name] for name in given.options["chain"]]
    return float(np.sum(scratch.chain_forward(chain, given.inputs["input_range"])))


COMPONENTS = (
    describe(
        "square",
        "each element squared",
        ("x",),
        ("output",),
        batch_cases(_elementwise, empty=True),
        'def square(x):\n    """Square each element of x."""',
        mutants.SQUARE,
    ),
    describe(
        "relu",
        "negative elements to 0",
        ("x",),
        ("output",),
        (*batch_cases(_elementwise, empty=True), _KINK),
        'def relu(x):\n    """Replace negative elements of x by 0."""',
        mutants.RELU,
    ),
    describe(
        "leaky_relu",
        "negative elements times 0.2",
        ("x",),
        ("output",),
        (*batch_cases(_elementwise, empty=True), _KINK),
        'def leaky_relu(x):\n    """Multiply negative elements of x by 0.2."""',
        mutants.LEAKY_RELU,
    ),
    describe(
        "sigmoid",
        "1 / (1 + exp(-x))",
        ("x",),
        ("output",),
        (
            *batch_cases(_elementwise, empty=True),
            _values("large numbers", -1000.0, -40.0, 0.0, 40.0, 1000.0),
        ),
        'def sigmoid(x):\n    """Squash each element of x into (0, 1)."""',
        mutants.SIGMOID,
    ),
    describe(
        "deriv",
        "slope of a function, by central difference",
        ("sigma", "input_", "delta"),
        ("output",),
        (*sigma_cases(_input), _SMALL_STEP),
        'def deriv(func, input_, delta=0.001):\n    """Slope of func at each element of input_."""',
        mutants.DERIV,
        gradients={"output": "input_"},
        objective=_sum_of_sigma,
    ),
    describe(
        "chain_length_2",
        "two functions in a row",
        ("chain", "input_range"),
        ("output",),
        _chain_cases(_TWO, _BOOK_TWO),
        'def chain_length_2(chain, x):\n    """f2(f1(x)) for a chain [f1, f2]."""',
        mutants.CHAIN_LENGTH_2,
    ),
    describe(
        "chain_deriv_2",
        "slope of two functions in a row",
        ("chain", "input_range"),
        ("output",),
        _chain_cases(_TWO, _BOOK_TWO),
        "def chain_deriv_2(chain, input_range):\n"
        '    """Slope of f2(f1(x)) at each element of input_range, shape (n,)."""',
        mutants.CHAIN_DERIV,
        gradients={"output": "input_range"},
        objective=_sum_of_chain,
    ),
    describe(
        "chain_deriv_3",
        "slope of three functions in a row",
        ("chain", "input_range"),
        ("output",),
        _chain_cases(_THREE, _BOOK_THREE),
        "def chain_deriv_3(chain, input_range):\n"
        '    """Slope of f3(f2(f1(x))) at each element of input_range, shape (n,)."""',
        mutants.CHAIN_DERIV,
        gradients={"output": "input_range"},
        objective=_sum_of_chain,
    ),
    describe(
        "chain_forward",
        "any number of functions in a row",
        ("chain", "input_range"),
        ("output",),
        _chain_cases((*_TWO, *_THREE, ("square",), ()), _BOOK_THREE),
        'def chain_forward(chain, x):\n    """Apply the functions of the chain, first to last."""',
        (
            Mutant(
                "order",
                "The functions are applied in the wrong order: first of the chain first.",
                lambda chain, x: scratch.chain_forward(chain[::-1], x),
                "output",
            ),
        ),
        in_book=False,
    ),
    describe(
        "chain_deriv",
        "slope of any number of functions in a row",
        ("chain", "input_range"),
        ("output",),
        _chain_cases((*_TWO, *_THREE, ("square",), ()), _BOOK_THREE),
        "def chain_deriv(chain, input_range):\n"
        '    """Slope of a chain of any length at each element of input_range."""',
        mutants.CHAIN_DERIV,
        gradients={"output": "input_range"},
        objective=_sum_of_chain,
        in_book=False,
    ),
    describe(
        "multiple_inputs_add",
        "sigma(x + y)",
        ("x", "y", "sigma"),
        ("output",),
        plain_sigma_cases(_pair),
        'def multiple_inputs_add(x, y, sigma):\n    """sigma(x + y)."""',
        mutants.MULTIPLE_INPUTS_ADD,
    ),
    describe(
        "multiple_inputs_add_backward",
        "slopes of sigma(x + y)",
        ("x", "y", "sigma"),
        ("x_grad", "y_grad"),
        sigma_cases(_pair),
        "def multiple_inputs_add_backward(x, y, sigma):\n"
        '    """Slopes of sigma(x + y) in x and in y: two arrays."""',
        mutants.MULTIPLE_INPUTS_ADD_BACKWARD,
        gradients={"x_grad": "x", "y_grad": "y"},
        objective=sum_of(scratch.multiple_inputs_add, "x", "y", "sigma"),
    ),
    describe(
        "multiple_inputs_multiply",
        "sigma(x * y)",
        ("x", "y", "sigma"),
        ("output",),
        plain_sigma_cases(_pair),
        'def multiple_inputs_multiply(x, y, sigma):\n    """sigma(x * y)."""',
        mutants.MULTIPLE_INPUTS_MULTIPLY,
    ),
    describe(
        "multiple_inputs_multiply_backward",
        "slopes of sigma(x * y)",
        ("x", "y", "sigma"),
        ("x_grad", "y_grad"),
        sigma_cases(_pair),
        "def multiple_inputs_multiply_backward(x, y, sigma):\n"
        '    """Slopes of sigma(x * y) in x and in y: two arrays."""',
        mutants.MULTIPLE_INPUTS_MULTIPLY_BACKWARD,
        gradients={"x_grad": "x", "y_grad": "y"},
        objective=sum_of(scratch.multiple_inputs_multiply, "x", "y", "sigma"),
    ),
)
