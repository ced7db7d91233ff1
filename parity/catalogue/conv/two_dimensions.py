"""Catalogue of chapter 5: convolution of images of one channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.catalogue.cases import BATCHES, Shapes
from parity.catalogue.component import Case
from parity.catalogue.conv.describe import describe, grid, other_margins, with_grad
from parity.mutants.conv import two_dimensions as mutants


def _height(n: int) -> Shapes:
    return {"inp": (n, 4 if n < 64 else 2), "param": (3, 3)}


def _height_only(n: int) -> Shapes:
    return {"inp": _height(n)["inp"]}


def _batch(n: int) -> Shapes:
    """Pixels few enough for differences in each of them."""
    return {"inp": (n, 2, 3) if n < 64 else (n, 1, 2), "param": (3, 3)}


def _batch_only(n: int) -> Shapes:
    return {"inp": _batch(n)["inp"]}


def _others(*batch: int, grad: bool = False) -> tuple[Case, ...]:
    """Images and filters of other sizes."""
    sizes = {
        "a square image": (4, 4, 3),
        "an image higher than wide": (4, 3, 3),
        "filter of 5": (6, 7, 5),
        "filter of 1": (3, 4, 1),
        "filter larger than the image": (2, 3, 5),
    }
    return tuple(
        Case(
            name,
            {
                "inp": (*batch, height, width),
                "param": (filter_size, filter_size),
                **({"output_grad": (*batch, height, width)} if grad else {}),
            },
        )
        for name, (height, width, filter_size) in sizes.items()
    )


def _positive(n: int, dtype: str = "float64", layout: str = "contiguous") -> Case:
    """Numbers whose sum keeps its digits."""
    draws = np.random.default_rng(n)
    values: dict[str, Any] = {
        name: draws.uniform(0.5, 5, shape).round(3).tolist() for name, shape in _height(n).items()
    }
    name = f"height {n}, {dtype}, {layout} in memory"
    return Case(name, {}, dtype=dtype, layout=layout, values=values)


_ARGUMENTS = ("inp", "param", "output_grad")

COMPONENTS = (
    describe(
        "pad_2d",
        "zeros around an image",
        ("inp", "num"),
        (
            *grid("height {}", _height_only, {"num": 2}),
            *other_margins((4, 5)),
        ),
        '''
def pad_2d(inp, num):
    """num zeros on each of the four sides of inp (height, width)."""
''',
        mutants.PAD_2D,
    ),
    describe(
        "conv_2d",
        "convolution of an image of one channel",
        ("inp", "param"),
        (*grid("height {}", _height), *_others()),
        '''
def conv_2d(inp, param):
    """Lay the filter, as high as wide and of odd size, on each pixel of inp, with zeros around inp,
    not turned round. Shape (height, width), as inp.
    """
''',
        mutants.CONV_2D,
        requires=("pad_2d",),
    ),
    describe(
        "conv_2d_sum",
        "the sum of conv_2d",
        ("inp", "param"),
        (
            *(_positive(n) for n in BATCHES),
            *(_positive(7, layout=layout) for layout in ("strided", "reversed", "transposed")),
            *(_positive(n, "float32") for n in (2, 64)),
        ),
        'def conv_2d_sum(inp, param):\n    """The sum of all elements of conv_2d(inp, param)."""',
        mutants.CONV_2D_SUM,
        requires=("conv_2d",),
        in_book=False,
    ),
    describe(
        "input_grad_2d",
        "gradient on the input of conv_2d",
        _ARGUMENTS,
        (*grid("height {}", with_grad(_height)), *_others(grad=True)),
        '''
def input_grad_2d(inp, param, output_grad):
    """The gradient on inp of conv_2d, where output_grad is that on its output: as inp."""
''',
        mutants.INPUT_GRAD_2D,
        twin="conv_2d",
        result="input_grad",
        forward="conv_2d",
        requires=("pad_2d", "conv_2d"),
    ),
    describe(
        "param_grad_2d",
        "gradient on the filter of conv_2d",
        _ARGUMENTS,
        (*grid("height {}", with_grad(_height)), *_others(grad=True)),
        '''
def param_grad_2d(inp, param, output_grad):
    """The gradient on param of conv_2d, where output_grad is that on its output: as param."""
''',
        mutants.PARAM_GRAD_2D,
        twin="conv_2d",
        result="param_grad",
        forward="conv_2d",
        requires=("pad_2d", "conv_2d"),
    ),
    describe(
        "pad_2d_batch",
        "zeros around each image of a batch",
        ("inp", "num"),
        (*grid("batch of {}", _batch_only, {"num": 2}), *other_margins((2, 4, 3))),
        '''
def pad_2d_batch(inp, num):
    """pad_2d of each image of inp (batch, height, width)."""
''',
        mutants.PAD_2D_BATCH,
        twin="pad_2d",
        requires=("pad_2d",),
        in_book=False,
    ),
    describe(
        "conv_2d_batch",
        "convolution of each image of a batch",
        ("inp", "param"),
        (*grid("batch of {}", _batch), *_others(2)),
        '''
def conv_2d_batch(inp, param):
    """conv_2d of each image of inp (batch, height, width)."""
''',
        mutants.CONV_2D_BATCH,
        twin="conv_2d",
        requires=("conv_2d",),
    ),
    describe(
        "input_grad_2d_batch",
        "gradient on the input of conv_2d_batch",
        _ARGUMENTS,
        (*grid("batch of {}", with_grad(_batch)), *_others(2, grad=True)),
        '''
def input_grad_2d_batch(inp, param, output_grad):
    """input_grad_2d of each image of inp and output_grad (batch, height, width)."""
''',
        mutants.INPUT_GRAD_2D_BATCH,
        twin="conv_2d",
        result="input_grad",
        forward="conv_2d_batch",
        requires=("input_grad_2d", "conv_2d_batch"),
    ),
    describe(
        "param_grad_2d_batch",
        "gradient on the filter of conv_2d_batch",
        _ARGUMENTS,
        (*grid("batch of {}", with_grad(_batch)), *_others(2, grad=True)),
        '''
def param_grad_2d_batch(inp, param, output_grad):
    """param_grad_2d of the images of inp and output_grad (batch, height, width), added up: as
    param.
    """
''',
        mutants.PARAM_GRAD_2D_BATCH,
        twin="conv_2d",
        result="param_grad",
        forward="conv_2d_batch",
        requires=("param_grad_2d", "conv_2d_batch"),
    ),
)
