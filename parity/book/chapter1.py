"""Chapter 1: gradients of matrix functions."""

from __future__ import annotations

from functools import partial

import numpy as np

from parity.book.rows import Row, matrix_text
from scratch.functions import (
    matrix_function_backward_1,
    matrix_function_backward_sum_1,
    matrix_function_forward_sum,
    sigmoid,
)

STEP = 0.001


def rows() -> list[Row]:
    """The numbers of chapter 1."""
    return [*_vector(), *_matrices()]


def _vector() -> list[Row]:
    stream = np.random.RandomState(190203)
    X, W = stream.standard_normal((1, 3)), stream.standard_normal((3, 1))
    row = partial(
        Row,
        id="1.1",
        title="sigmoid(X W) of one row",
        recipe=(
            "RandomState(190203) draws X (1 x 3), then W (3 x 1), from the standard normal; the "
            "gradient is matrix_function_backward_1(X, W, sigmoid) of scratch.functions."
        ),
    )
    gradient = matrix_function_backward_1(X, W, sigmoid)
    return [
        row(what="X", printed="[[ 0.4723 0.6151 -1.7262]]", ours=matrix_text(X)),
        row(what="gradient", printed="[[ 0.0852 -0.0557 -0.1121]]", ours=matrix_text(gradient)),
    ]


def _matrices() -> list[Row]:
    stream = np.random.RandomState(190204)
    X, W = stream.standard_normal((3, 3)), stream.standard_normal((3, 2))
    row = partial(
        Row,
        id="1.2",
        title="L, the sum of sigmoid(X W), and its gradient",
        recipe=(
            "RandomState(190204) draws X (3 x 3), then W (3 x 2), from the standard normal; L and "
            "dLdX are matrix_function_forward_sum and matrix_function_backward_sum_1 of "
            f"scratch.functions, dL/dx11 is what L gains when x11 grows by {STEP}, over {STEP}."
        ),
    )
    L = matrix_function_forward_sum(X, W, sigmoid)
    dLdX = matrix_function_backward_sum_1(X, W, sigmoid)
    X_moved = X.copy()
    X_moved[0, 0] += STEP
    slope = (matrix_function_forward_sum(X_moved, W, sigmoid) - L) / STEP
    return [
        row(
            what="X",
            printed=(
                "[[-1.5775 -0.6664 0.6391]\n [-0.5615 0.7373 -1.4231]\n [-1.4435 -0.3913 0.1539]]"
            ),
            ours=matrix_text(X),
        ),
        row(what="L", printed="2.3755", ours=f"{L:.4f}"),
        row(
            what="dLdX",
            printed=(
                "[[ 0.2489 -0.3748 0.0112]\n [ 0.126 -0.2781 -0.1395]\n [ 0.2299 -0.3662 -0.0225]]"
            ),
            ours=matrix_text(dLdX),
        ),
        row(what="dL/dx11", printed="0.2489", ours=f"{slope:.4f}"),
    ]
