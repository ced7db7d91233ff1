"""Catalogue of chapter 1: functions, derivatives, chains, matrix functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Mutant, Observed
from parity.catalogue.twins import array, tensor
from parity.mutants import functions as mutants
from scratch import functions as scratch

# Functions that are handed to what is checked: ours, never the learner's, so that one mistake does
# not show twice. The difference quotient of a polynomial of degree two is exact, so cases with
# "square" and "affine" are held to the strict tolerance.
SIGMAS: dict[str, scratch.ArrayFunction] = {
    "sigmoid": scratch.sigmoid,
    "square": scratch.square,
    "leaky_relu": scratch.leaky_relu,
    "affine": lambda x: 3 * x - 1,
}


def _twin(sigma: str) -> Callable[[Any], Any]:
    import torch

    from reference import functions as reference

    twins: dict[str, Callable[[Any], Any]] = {
        "sigmoid": torch.sigmoid,
        "square": torch.square,
        "leaky_relu": reference.leaky_relu,
        "affine": lambda x: 3 * x - 1,
    }
    return twins[sigma]


def _function(
    name: str,
    summary: str,
    compares: tuple[str, ...],
    cases: tuple[Case, ...],
    code: str,
    mutations: tuple[Mutant, ...],
    *,
    gradients: dict[str, str] | None = None,
    objective: Callable[[Given], float] | None = None,
    in_book: bool = True,
) -> Component:
    """A function of arrays and perhaps a sigma (or a chain of them), that returns one array or as
    many as ``compares`` names.
    """

    def arguments(given: Given, convert: Callable[[ndarray], Any], side: Any) -> list[Any]:
        arrays = {key: convert(value) for key, value in given.inputs.items()}
        weights = [arrays.pop("V")] if "V" in arrays else []
        if "chain" in given.options:
            return [[side(sigma) for sigma in given.options["chain"]], *arrays.values()]
        sigma = [side(given.options["sigma"])] if "sigma" in given.options else []
        if name == "deriv":
            return [*sigma, *arrays.values()]
        return [*arrays.values(), *sigma, *weights]

    def named(result: Any) -> dict[str, Any]:
        if len(compares) == 1:
            return {compares[0]: result}
        if not isinstance(result, tuple | list):
            return dict.fromkeys(compares, result)
        return dict(zip(compares, result, strict=False))

    def run(impl: Implementation, given: Given) -> Observed:
        return Observed(
            named(getattr(impl, name)(*arguments(given, lambda x: x, SIGMAS.__getitem__)))
        )

    def reference(given: Given) -> dict[str, Any]:
        from reference import functions

        result = named(getattr(functions, name)(*arguments(given, tensor, _twin)))
        return {key: array(value) for key, value in result.items()}

    return Component(
        name=name,
        chapter=1,
        module="functions",
        summary=summary,
        compares=compares,
        run=run,
        reference=reference,
        cases=cases,
        skeleton=code,
        mutants=mutations,
        gradients=gradients or {},
        objective=objective,
        in_book=in_book,
    )


def _elementwise(n: int) -> Shapes:
    return {"x": (n, 3)}


def _range(n: int) -> Shapes:
    return {"input_range": (n,)}


def _pair(n: int) -> Shapes:
    return {"x": (n, 3), "y": (n, 3)}


def _matrices(n: int) -> Shapes:
    return {"X": (n, 5), "W": (5, 3)}


def _weighted(n: int) -> Shapes:
    return {"X": (n, 5), "W": (5, 3), "V": (n, 3)}


def _float64(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    return tuple(case for case in cases if case.dtype == "float64")


def _quotient_cases(shapes: Callable[[int], Shapes], **exact: Any) -> tuple[Case, ...]:
    """Cases for what takes difference quotients: strict where they are exact, and the book's own
    functions with the tolerance that the quotient allows.
    """
    return _float64(batch_cases(shapes, options=exact))


def _sigma_cases(shapes: Callable[[int], Shapes]) -> tuple[Case, ...]:
    return (
        *_quotient_cases(shapes, sigma="square"),
        Case("sigmoid", shapes(7), {"sigma": "sigmoid"}, tolerance="numeric"),
        Case(
            "sigmoid, batch of 64, reversed",
            shapes(64),
            {"sigma": "sigmoid"},
            layout="reversed",
            tolerance="numeric",
        ),
        Case(
            "sigmoid, float32",
            shapes(7),
            {"sigma": "sigmoid"},
            dtype="float32",
            tolerance="numeric",
        ),
    )


def _plain_sigma_cases(shapes: Callable[[int], Shapes]) -> tuple[Case, ...]:
    return batch_cases(shapes, options={"sigma": "sigmoid"})


def _chain_cases(
    exact: tuple[tuple[str, ...], ...], book: tuple[tuple[str, ...], ...]
) -> tuple[Case, ...]:
    cases: list[Case] = []
    for chain in exact:
        label = " then ".join(chain) or "no function"
        cases += [Case(f"{label}, {n} points", _range(n), {"chain": chain}) for n in (1, 2, 7, 64)]
        cases += [
            Case(f"{label}, {layout} in memory", _range(7), {"chain": chain}, layout=layout)
            for layout in ("strided", "reversed")
        ]
    for chain in book:
        label = " then ".join(chain)
        cases += [
            Case(
                f"{label}, {dtype}", _range(64), {"chain": chain}, dtype=dtype, tolerance="numeric"
            )
            for dtype in ("float64", "float32")
        ]
    return tuple(cases)


def _values(name: str, *values: float) -> Case:
    return Case(name, {}, values={"x": [list(values)]})


_KINK = _values("on the kink", -1.0, -0.0, 0.0, 1.0)

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


def _sum_of(function: Callable[..., Any]) -> Callable[[Given], float]:
    def objective(given: Given) -> float:
        inputs = dict(given.inputs)
        weights = [inputs.pop("V")] if "V" in inputs else []
        sigma = SIGMAS[given.options["sigma"]]
        return float(np.sum(function(*inputs.values(), sigma, *weights)))

    return objective


COMPONENTS = (
    _function(
        "square",
        "each element squared",
        ("output",),
        batch_cases(_elementwise, empty=True),
        'def square(x):\n    """Square each element of x."""',
        mutants.SQUARE,
    ),
    _function(
        "relu",
        "negative elements to 0",
        ("output",),
        (*batch_cases(_elementwise, empty=True), _KINK),
        'def relu(x):\n    """Replace negative elements of x by 0."""',
        mutants.RELU,
    ),
    _function(
        "leaky_relu",
        "negative elements times 0.2",
        ("output",),
        (*batch_cases(_elementwise, empty=True), _KINK),
        'def leaky_relu(x):\n    """Multiply negative elements of x by 0.2."""',
        mutants.LEAKY_RELU,
    ),
    _function(
        "sigmoid",
        "1 / (1 + exp(-x))",
        ("output",),
        (
            *batch_cases(_elementwise, empty=True),
            _values("large numbers", -1000.0, -40.0, 0.0, 40.0, 1000.0),
        ),
        'def sigmoid(x):\n    """Squash each element of x into (0, 1)."""',
        mutants.SIGMOID,
    ),
    _function(
        "deriv",
        "slope of a function, by central difference",
        ("output",),
        _sigma_cases(lambda n: {"input_": (n, 3)}),
        'def deriv(func, input_, delta=0.001):\n    """Slope of func at each element of input_."""',
        mutants.DERIV,
        gradients={"output": "input_"},
        objective=_sum_of_sigma,
    ),
    _function(
        "chain_length_2",
        "two functions in a row",
        ("output",),
        _chain_cases(_TWO, _BOOK_TWO),
        'def chain_length_2(chain, x):\n    """f2(f1(x)) for a chain [f1, f2]."""',
        mutants.CHAIN_LENGTH_2,
    ),
    _function(
        "chain_deriv_2",
        "slope of two functions in a row",
        ("output",),
        _chain_cases(_TWO, _BOOK_TWO),
        "def chain_deriv_2(chain, input_range):\n"
        '    """Slope of f2(f1(x)) at each element of input_range, shape (n,)."""',
        mutants.CHAIN_DERIV,
        gradients={"output": "input_range"},
        objective=_sum_of_chain,
    ),
    _function(
        "chain_deriv_3",
        "slope of three functions in a row",
        ("output",),
        _chain_cases(_THREE, _BOOK_THREE),
        "def chain_deriv_3(chain, input_range):\n"
        '    """Slope of f3(f2(f1(x))) at each element of input_range, shape (n,)."""',
        mutants.CHAIN_DERIV,
        gradients={"output": "input_range"},
        objective=_sum_of_chain,
    ),
    _function(
        "chain_forward",
        "any number of functions in a row",
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
    _function(
        "chain_deriv",
        "slope of any number of functions in a row",
        ("output",),
        _chain_cases((*_TWO, *_THREE, ("square",), ()), _BOOK_THREE),
        "def chain_deriv(chain, input_range):\n"
        '    """Slope of a chain of any length at each element of input_range."""',
        mutants.CHAIN_DERIV,
        gradients={"output": "input_range"},
        objective=_sum_of_chain,
        in_book=False,
    ),
    _function(
        "multiple_inputs_add",
        "sigma(x + y)",
        ("output",),
        _plain_sigma_cases(_pair),
        'def multiple_inputs_add(x, y, sigma):\n    """sigma(x + y)."""',
        mutants.MULTIPLE_INPUTS_ADD,
    ),
    _function(
        "multiple_inputs_add_backward",
        "slopes of sigma(x + y)",
        ("x_grad", "y_grad"),
        _sigma_cases(_pair),
        "def multiple_inputs_add_backward(x, y, sigma):\n"
        '    """Slopes of sigma(x + y) in x and in y: two arrays."""',
        mutants.MULTIPLE_INPUTS_ADD_BACKWARD,
        gradients={"x_grad": "x", "y_grad": "y"},
        objective=_sum_of(scratch.multiple_inputs_add),
    ),
    _function(
        "multiple_inputs_multiply",
        "sigma(x * y)",
        ("output",),
        _plain_sigma_cases(_pair),
        'def multiple_inputs_multiply(x, y, sigma):\n    """sigma(x * y)."""',
        mutants.MULTIPLE_INPUTS_MULTIPLY,
    ),
    _function(
        "multiple_inputs_multiply_backward",
        "slopes of sigma(x * y)",
        ("x_grad", "y_grad"),
        _sigma_cases(_pair),
        "def multiple_inputs_multiply_backward(x, y, sigma):\n"
        '    """Slopes of sigma(x * y) in x and in y: two arrays."""',
        mutants.MULTIPLE_INPUTS_MULTIPLY_BACKWARD,
        gradients={"x_grad": "x", "y_grad": "y"},
        objective=_sum_of(scratch.multiple_inputs_multiply),
    ),
    _function(
        "matmul_forward",
        "the product X W",
        ("output",),
        batch_cases(_matrices, empty=True),
        'def matmul_forward(X, W):\n    """X W, for X (batch, in) and W (in, out)."""',
        mutants.MATMUL_FORWARD,
    ),
    _function(
        "matmul_backward_first",
        "what carries a gradient on X W over to X",
        ("output",),
        batch_cases(_matrices),
        "def matmul_backward_first(X, W):\n"
        '    """The factor that turns a gradient on X W into one on X, shape (out, in)."""',
        mutants.MATMUL_BACKWARD_FIRST,
    ),
    _function(
        "matmul_backward_second",
        "what carries a gradient on X W over to W",
        ("output",),
        batch_cases(_matrices),
        "def matmul_backward_second(X, W):\n"
        '    """The factor that turns a gradient on X W into one on W, shape (in, batch)."""',
        mutants.MATMUL_BACKWARD_SECOND,
    ),
    _function(
        "matrix_forward_extra",
        "sigma(X W)",
        ("output",),
        _plain_sigma_cases(_matrices),
        'def matrix_forward_extra(X, W, sigma):\n    """sigma(X W)."""',
        mutants.MATRIX_FORWARD_EXTRA,
    ),
    _function(
        "matrix_function_backward_1",
        "gradient of sigma(X W) in X",
        ("X_grad",),
        _sigma_cases(_matrices),
        "def matrix_function_backward_1(X, W, sigma):\n"
        '    """Gradient of sigma(X W), added up, in X."""',
        mutants.MATRIX_FUNCTION_BACKWARD_X,
        gradients={"X_grad": "X"},
        objective=_sum_of(scratch.matrix_forward_extra),
    ),
    _function(
        "matrix_function_forward_sum",
        "L, the sum of sigma(X W)",
        ("L",),
        _plain_sigma_cases(_matrices),
        "def matrix_function_forward_sum(X, W, sigma):\n"
        '    """L, the sum of all elements of sigma(X W): one number."""',
        mutants.MATRIX_FUNCTION_FORWARD_SUM,
    ),
    _function(
        "matrix_function_backward_sum_1",
        "gradient of L in X",
        ("X_grad",),
        _sigma_cases(_matrices),
        "def matrix_function_backward_sum_1(X, W, sigma):\n"
        '    """Gradient of L, the sum of sigma(X W), in X."""',
        mutants.MATRIX_FUNCTION_BACKWARD_X,
        gradients={"X_grad": "X"},
        objective=_sum_of(scratch.matrix_function_forward_sum),
    ),
    _function(
        "matrix_function_backward_sum_2",
        "gradient of L in W",
        ("W_grad",),
        _sigma_cases(_matrices),
        "def matrix_function_backward_sum_2(X, W, sigma):\n"
        '    """Gradient of L, the sum of sigma(X W), in W."""',
        mutants.MATRIX_FUNCTION_BACKWARD_W,
        gradients={"W_grad": "W"},
        objective=_sum_of(scratch.matrix_function_forward_sum),
    ),
    _function(
        "matrix_function_forward_weighted_sum",
        "L, the sum of V * sigma(X W)",
        ("L",),
        _plain_sigma_cases(_weighted),
        "def matrix_function_forward_weighted_sum(X, W, sigma, V):\n"
        '    """L, the sum of all elements of V * sigma(X W): one number."""',
        mutants.WEIGHTED_SUM_FORWARD,
        in_book=False,
    ),
    _function(
        "matrix_function_backward_weighted_sum_1",
        "its gradient in X",
        ("X_grad",),
        _sigma_cases(_weighted),
        "def matrix_function_backward_weighted_sum_1(X, W, sigma, V):\n"
        '    """Gradient of L, the sum of V * sigma(X W), in X."""',
        mutants.WEIGHTED_SUM_BACKWARD,
        gradients={"X_grad": "X"},
        objective=_sum_of(scratch.matrix_function_forward_weighted_sum),
        in_book=False,
    ),
)
