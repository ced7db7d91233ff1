"""Catalogue of chapter 5: convolution of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.catalogue.cases import BATCHES, Shapes
from parity.catalogue.component import Case
from parity.catalogue.conv.describe import describe, grid, other_margins, with_grad
from parity.mutants.conv import one_dimension as mutants

_BOOK = {"inp": [1.0, 2.0, 3.0, 4.0, 5.0], "param": [1.0, 1.0, 1.0]}


def _length(n: int) -> Shapes:
    return {"inp": (n,), "param": (3,)}


def _length_only(n: int) -> Shapes:
    return {"inp": (n,)}


def _batch(n: int) -> Shapes:
    return {"inp": (n, 5), "param": (3,)}


def _batch_only(n: int) -> Shapes:
    return {"inp": (n, 5)}


def _batch_of_four(n: int) -> Shapes:
    """Short enough for differences in each of their elements."""
    return {"inp": (n, 4), "param": (3,)}


def _filters(*shapes: tuple[int, ...], grad: bool = False) -> tuple[Case, ...]:
    """Filters of other lengths, over an input of each shape."""
    return tuple(
        Case(
            f"filter of {size}, input of shape {shape}",
            {"inp": shape, "param": (size,), **({"output_grad": shape} if grad else {})},
        )
        for shape in shapes
        for size in (1, 5)
    )


_PADS = (
    *grid("length {}", _length_only, {"num": 2}),
    *other_margins((5,)),
)

_CASES = (
    *grid("length {}", _length),
    *_filters((7,), (2,)),
    Case("the book's numbers", {}, values=_BOOK),
)

_GRAD_CASES = (
    *grid("length {}", with_grad(_length)),
    *_filters((7,), (2,), grad=True),
    Case("gradient of the sum", {}, values={**_BOOK, "output_grad": [1.0, 1.0, 1.0, 1.0, 0.5]}),
)


def _positive(n: int, dtype: str = "float64", layout: str = "contiguous") -> Case:
    """Numbers whose sum keeps its digits."""
    draws = np.random.default_rng(n)
    values: dict[str, Any] = {
        name: draws.uniform(0.5, 5, size).round(3).tolist()
        for name, size in (("inp", n), ("param", 3))
    }
    name = f"length {n}, {dtype}, {layout} in memory"
    return Case(name, {}, dtype=dtype, layout=layout, values=values)


_SUM_CASES = (
    *(_positive(n) for n in BATCHES),
    *(_positive(7, layout=layout) for layout in ("strided", "reversed")),
    *(_positive(n, "float32") for n in (2, 64)),
    Case("the book's numbers", {}, values=_BOOK),
)

_ARGUMENTS = ("inp", "param", "output_grad")

COMPONENTS = (
    describe(
        "pad_1d",
        "zeros around a sequence",
        ("inp", "num"),
        _PADS,
        'def pad_1d(inp, num):\n    """num zeros in front of inp (length,), and num behind it."""',
        mutants.PAD_1D,
        aliases=("_pad_1d",),
    ),
    describe(
        "conv_1d",
        "convolution of a sequence",
        ("inp", "param"),
        _CASES,
        '''
def conv_1d(inp, param):
    """Lay the filter, of odd length, on each element of inp, with zeros around inp, not turned
    round. Shape (length,), as inp.
    """
''',
        mutants.CONV_1D,
        requires=("pad_1d",),
    ),
    describe(
        "conv_1d_sum",
        "the sum of conv_1d",
        ("inp", "param"),
        _SUM_CASES,
        'def conv_1d_sum(inp, param):\n    """The sum of all elements of conv_1d(inp, param)."""',
        mutants.CONV_1D_SUM,
        requires=("conv_1d",),
    ),
    describe(
        "input_grad_1d",
        "gradient on the input of conv_1d",
        _ARGUMENTS,
        _GRAD_CASES,
        '''
def input_grad_1d(inp, param, output_grad):
    """The gradient on inp of conv_1d, where output_grad is that on its output: shape (length,)."""
''',
        mutants.INPUT_GRAD_1D,
        twin="conv_1d",
        result="input_grad",
        forward="conv_1d",
        requires=("pad_1d", "conv_1d"),
        aliases=("_input_grad_1d",),
    ),
    describe(
        "param_grad_1d",
        "gradient on the filter of conv_1d",
        _ARGUMENTS,
        _GRAD_CASES,
        '''
def param_grad_1d(inp, param, output_grad):
    """The gradient on param of conv_1d, where output_grad is that on its output: as param."""
''',
        mutants.PARAM_GRAD_1D,
        twin="conv_1d",
        result="param_grad",
        forward="conv_1d",
        requires=("pad_1d", "conv_1d"),
        aliases=("_param_grad_1d",),
    ),
    describe(
        "pad_1d_batch",
        "zeros around each sequence of a batch",
        ("inp", "num"),
        (*grid("batch of {}", _batch_only, {"num": 2}), *other_margins((2, 5))),
        'def pad_1d_batch(inp, num):\n    """pad_1d of each row of inp (batch, length)."""',
        mutants.PAD_1D_BATCH,
        twin="pad_1d",
        requires=("pad_1d",),
        in_book=False,
    ),
    describe(
        "conv_1d_batch",
        "convolution of each sequence of a batch",
        ("inp", "param"),
        (*grid("batch of {}", _batch), *_filters((2, 5))),
        'def conv_1d_batch(inp, param):\n    """conv_1d of each row of inp (batch, length)."""',
        mutants.CONV_1D_BATCH,
        twin="conv_1d",
        requires=("conv_1d",),
    ),
    describe(
        "input_grad_1d_batch",
        "gradient on the input of conv_1d_batch",
        _ARGUMENTS,
        (*grid("batch of {}", with_grad(_batch_of_four)), *_filters((2, 5), grad=True)),
        '''
def input_grad_1d_batch(inp, param, output_grad):
    """input_grad_1d of each row of inp and output_grad (batch, length)."""
''',
        mutants.INPUT_GRAD_1D_BATCH,
        twin="conv_1d",
        result="input_grad",
        forward="conv_1d_batch",
        requires=("input_grad_1d", "conv_1d_batch"),
    ),
    describe(
        "param_grad_1d_batch",
        "gradient on the filter of conv_1d_batch",
        _ARGUMENTS,
        (*grid("batch of {}", with_grad(_batch_of_four)), *_filters((2, 5), grad=True)),
        '''
def param_grad_1d_batch(inp, param, output_grad):
    """param_grad_1d of the rows of inp and output_grad (batch, length), added up: as param."""
''',
        mutants.PARAM_GRAD_1D_BATCH,
        twin="conv_1d",
        result="param_grad",
        forward="conv_1d_batch",
        requires=("param_grad_1d", "conv_1d_batch"),
    ),
)
