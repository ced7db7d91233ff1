"""Catalogue of chapter 5: pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Mutant,
    Observed,
    snapshot,
)
from parity.catalogue.twins import backpropagate
from parity.mutants import pooling as mutants


def _run(name: str) -> Callable[[Implementation, Given], Observed]:
    def run(impl: Implementation, given: Given) -> Observed:
        """A pass whose largest elements are elsewhere goes before, so that nothing stale or added
        up can pass. An output of the wrong shape has no way back.
        """
        x, grad = given.inputs["input_"], given.inputs["output_grad"]
        pooling = getattr(impl, name)(**given.options)
        first = pooling.forward(-x)
        if not isinstance(first, ndarray) or first.shape != grad.shape:
            return Observed({"output": snapshot(pooling.forward(x))})
        pooling.backward(grad + 1)
        output = snapshot(pooling.forward(x))
        return Observed({"output": output, "input_grad": snapshot(pooling.backward(grad))})

    return run


def _reference(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import pooling

        output, input_grad, _ = backpropagate(
            getattr(pooling, name)(**given.options),
            given.inputs["input_"],
            given.inputs["output_grad"],
        )
        return {"output": output, "input_grad": input_grad}

    return reference


def _shapes(n: int) -> Shapes:
    return {"input_": (n, 2, 2, 6), "output_grad": (n, 2, 1, 3)}


def _overlapping_shapes(n: int) -> Shapes:
    return {"input_": (n, 2, 4, 5), "output_grad": (n, 2, 2, 3)}


def _padded_shapes(n: int) -> Shapes:
    return {"input_": (n, 2, 3, 5), "output_grad": (n, 2, 2, 3)}


def _case(
    name: str,
    image: tuple[int, ...],
    result: tuple[int, ...],
    **options: Any,
) -> Case:
    return Case(name, {"input_": image, "output_grad": result}, options)


#: What the book describes: pools that lie side by side.
_SIDE_BY_SIDE = (
    *batch_cases(_shapes),
    _case("a row and a column left out", (7, 2, 5, 7), (7, 2, 2, 3)),
    _case("pools of three by three", (2, 3, 4, 7), (2, 3, 1, 2), pool_size=3),
    _case("pools of one element", (2, 3, 2, 3), (2, 3, 2, 3), pool_size=1),
    _case("one pool an image", (2, 3, 3, 5), (2, 3, 1, 1), pool_size=3),
)

_STRIDES = (
    *batch_cases(_overlapping_shapes, options={"pool_size": 3, "stride": 1}),
    _case("gaps", (2, 2, 7, 9), (2, 2, 2, 3), pool_size=2, stride=3),
    _case("as large as the pools", (2, 2, 5, 6), (2, 2, 2, 3), pool_size=2, stride=2),
)

_PADDINGS = (
    *batch_cases(_padded_shapes, options={"padding": 1}),
    _case("pools of three by three", (2, 3, 4, 5), (2, 3, 2, 2), pool_size=3, padding=1),
    _case("one pixel an image", (7, 3, 1, 1), (7, 3, 1, 1), pool_size=3, padding=1),
)

#: Images as they come out of ``max(0, x)``: many zeros, and numbers that occur more than once.
_TIES = [
    [[[0, 0, 3, 1, 2], [0, 0, 3, 3, 2], [1, 5, 0, 4, 0], [5, 1, 4, 4, 0]]],
    [[[2, 2, 2, 2, 1], [2, 2, 2, 2, 1], [0, 7, 0, 0, 6], [7, 7, 0, 0, 6]]],
]


def _ties(name: str, result: tuple[int, ...], **options: Any) -> tuple[Case, ...]:
    return tuple(
        Case(
            f"{name}, {dtype}",
            {"output_grad": result},
            options,
            dtype,
            values={"input_": _TIES},
            differentiable=False,
        )
        for dtype in ("float64", "float32")
    )


def _pooling(
    name: str, summary: str, mutations: tuple[Mutant, ...], cases: tuple[Case, ...], skeleton: str
) -> Component:
    symbol = name.partition(".")[0]
    return Component(
        name=name,
        chapter=5,
        module="pooling",
        summary=summary,
        compares=("output", "input_grad"),
        run=_run(symbol),
        reference=_reference(symbol),
        cases=cases,
        gradients={"input_grad": "input_"},
        mutants=mutations,
        requires=("Operation", *((symbol,) if symbol != name else ())),
        skeleton=skeleton,
        in_book=False,
    )


_STRIDE = """
Give {} an argument stride=None: how many rows and columns one pool is from the next; None is
pool_size. Where pools overlap, gradients add up.
"""

_PADDING = """
Give {} an argument padding=0: so many rows and columns on each side of the images, at most half of
pool_size; {}.
"""

COMPONENTS = (
    _pooling(
        "MaxPool2D",
        "the largest element of each pool, as nn.MaxPool2d",
        mutants.MAX_POOL_2D,
        (*_SIDE_BY_SIDE, *_ties("ties", (2, 1, 2, 2))),
        '''
class MaxPool2D(Operation):
    """The largest element of each pool; images are (batch, channels, height, width)."""

    def __init__(self, pool_size=2):
        """pool_size: rows and columns of a pool. The pools lie side by side."""

    def _output(self):
        """Rows and columns at the end that do not fill a pool are left out."""

    def _input_grad(self, output_grad):
        """The gradient goes to the element that was the largest: of several to the first, row by
        row."""
''',
    ),
    _pooling(
        "AveragePool2D",
        "the average of each pool, as nn.AvgPool2d",
        mutants.AVERAGE_POOL_2D,
        _SIDE_BY_SIDE,
        '''
class AveragePool2D(Operation):
    """The average of each pool; images are (batch, channels, height, width)."""

    def __init__(self, pool_size=2):
        """pool_size: rows and columns of a pool. The pools lie side by side."""

    def _output(self):
        """Rows and columns at the end that do not fill a pool are left out."""

    def _input_grad(self, output_grad):
        """All elements of a pool get an equal share."""
''',
    ),
    _pooling(
        "MaxPool2D.stride",
        "pools that overlap or leave gaps",
        mutants.MAX_POOL_2D_STRIDE,
        (*_STRIDES, *_ties("ties", (2, 1, 2, 3), pool_size=3, stride=1)),
        _STRIDE.format("MaxPool2D"),
    ),
    _pooling(
        "MaxPool2D.padding",
        "the largest element where pools reach over the edge",
        mutants.MAX_POOL_2D_PADDING,
        (*_PADDINGS, *_ties("ties", (2, 1, 2, 2), pool_size=3, padding=1)),
        _PADDING.format("MaxPool2D", "what lies there is smaller than any number, -np.inf"),
    ),
    _pooling(
        "AveragePool2D.stride",
        "pools that overlap or leave gaps",
        mutants.AVERAGE_POOL_2D_STRIDE,
        _STRIDES,
        _STRIDE.format("AveragePool2D"),
    ),
    _pooling(
        "AveragePool2D.padding",
        "the average where pools reach over the edge",
        mutants.AVERAGE_POOL_2D_PADDING,
        _PADDINGS,
        _PADDING.format("AveragePool2D", "what lies there is 0, and counts"),
    ),
)
