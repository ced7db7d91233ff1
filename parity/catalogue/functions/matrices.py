"""Catalogue of chapter 1: functions of matrices."""

from __future__ import annotations

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.functions.describe import (
    describe,
    plain_sigma_cases,
    sigma_cases,
    sum_of,
)
from parity.mutants.functions import matrices as mutants
from scratch import functions as scratch


def _matrices(n: int) -> Shapes:
    return {"X": (n, 5), "W": (5, 3)}


def _weighted(n: int) -> Shapes:
    return {"X": (n, 5), "W": (5, 3), "V": (n, 3)}


COMPONENTS = (
    describe(
        "matmul_forward",
        "the product X W",
        ("X", "W"),
        ("output",),
        batch_cases(_matrices, empty=True),
        'def matmul_forward(X, W):\n    """X W, for X (batch, in) and W (in, out)."""',
        mutants.MATMUL_FORWARD,
    ),
    describe(
        "matmul_backward_first",
        "what carries a gradient on X W over to X",
        ("X", "W"),
        ("output",),
        batch_cases(_matrices),
        "def matmul_backward_first(X, W):\n"
        '    """The factor that turns a gradient on X W into one on X, shape (out, in)."""',
        mutants.MATMUL_BACKWARD_FIRST,
    ),
    describe(
        "matmul_backward_second",
        "what carries a gradient on X W over to W",
        ("X", "W"),
        ("output",),
        batch_cases(_matrices),
        "def matmul_backward_second(X, W):\n"
        '    """The factor that turns a gradient on X W into one on W, shape (in, batch)."""',
        mutants.MATMUL_BACKWARD_SECOND,
    ),
    describe(
        "matrix_forward_extra",
        "sigma(X W)",
        ("X", "W", "sigma"),
        ("output",),
        plain_sigma_cases(_matrices),
        'def matrix_forward_extra(X, W, sigma):\n    """sigma(X W)."""',
        mutants.MATRIX_FORWARD_EXTRA,
    ),
    describe(
        "matrix_function_backward_1",
        "gradient of sigma(X W) in X",
        ("X", "W", "sigma"),
        ("X_grad",),
        sigma_cases(_matrices),
        "def matrix_function_backward_1(X, W, sigma):\n"
        '    """Gradient of sigma(X W), added up, in X."""',
        mutants.MATRIX_FUNCTION_BACKWARD_X,
        gradients={"X_grad": "X"},
        objective=sum_of(scratch.matrix_forward_extra, "X", "W", "sigma"),
    ),
    describe(
        "matrix_function_forward_sum",
        "L, the sum of sigma(X W)",
        ("X", "W", "sigma"),
        ("L",),
        plain_sigma_cases(_matrices),
        "def matrix_function_forward_sum(X, W, sigma):\n"
        '    """L, the sum of all elements of sigma(X W): one number."""',
        mutants.MATRIX_FUNCTION_FORWARD_SUM,
    ),
    describe(
        "matrix_function_backward_sum_1",
        "gradient of L in X",
        ("X", "W", "sigma"),
        ("X_grad",),
        sigma_cases(_matrices),
        "def matrix_function_backward_sum_1(X, W, sigma):\n"
        '    """Gradient of L, the sum of sigma(X W), in X."""',
        mutants.MATRIX_FUNCTION_BACKWARD_X,
        gradients={"X_grad": "X"},
        objective=sum_of(scratch.matrix_function_forward_sum, "X", "W", "sigma"),
    ),
    describe(
        "matrix_function_backward_sum_2",
        "gradient of L in W",
        ("X", "W", "sigma"),
        ("W_grad",),
        sigma_cases(_matrices),
        "def matrix_function_backward_sum_2(X, W, sigma):\n"
        '    """Gradient of L, the sum of sigma(X W), in W."""',
        mutants.MATRIX_FUNCTION_BACKWARD_W,
        gradients={"W_grad": "W"},
        objective=sum_of(scratch.matrix_function_forward_sum, "X", "W", "sigma"),
    ),
    describe(
        "matrix_function_forward_weighted_sum",
        "L, the sum of V * sigma(X W)",
        ("X", "W", "sigma", "V"),
        ("L",),
        plain_sigma_cases(_weighted),
        "def matrix_function_forward_weighted_sum(X, W, sigma, V):\n"
        '    """L, the sum of all elements of V * sigma(X W): one number."""',
        mutants.WEIGHTED_SUM_FORWARD,
        in_book=False,
    ),
    describe(
        "matrix_function_backward_weighted_sum_1",
        "its gradient in X",
        ("X", "W", "sigma", "V"),
        ("X_grad",),
        sigma_cases(_weighted),
        "def matrix_function_backward_weighted_sum_1(X, W, sigma, V):\n"
        '    """Gradient of L, the sum of V * sigma(X W), in X."""',
        mutants.WEIGHTED_SUM_BACKWARD,
        gradients={"X_grad": "X"},
        objective=sum_of(scratch.matrix_function_forward_weighted_sum, "X", "W", "sigma", "V"),
        in_book=False,
    ),
)
