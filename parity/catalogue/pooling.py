"""Catalogue of chapter 5: pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def _arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """What a case gives, with JSON's lists as pairs."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }


def _run(name: str) -> Callable[[Implementation, Given], Observed]:
    def run(impl: Implementation, given: Given) -> Observed:
        """A pass whose largest elements are elsewhere goes before, so that nothing stale or added
        up can pass. An output of the wrong shape has no way back.
        """
        x, grad = given.inputs["input_"], given.inputs["output_grad"]
        pooling = getattr(impl, name)(**_arguments(given.options))
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
            getattr(pooling, name)(**_arguments(given.options)),
            given.inputs["input_"],
            given.inputs["output_grad"],
        )
        return {"output": output, "input_grad": input_grad}

    return reference


def _shapes(n: int) -> Shapes:
    return {"input_": (n, 2, 2, 6), "output_grad": (n, 2, 1, 3)}


def _case(
    name: str,
    image: tuple[int, ...],
    result: tuple[int, ...],
    *,
    dtype: str = "float64",
    layout: str = "contiguous",
    **options: Any,
) -> Case:
    return Case(name, {"input_": image, "output_grad": result}, options, dtype, layout)


_CASES = (
    *batch_cases(_shapes, empty=True),
    _case("a row and a column left out", (7, 2, 5, 7), (7, 2, 2, 3)),
    _case("pools of two rows and three columns", (2, 3, 4, 7), (2, 3, 2, 2), pool_size=[2, 3]),
    _case("overlap", (2, 2, 5, 6), (2, 2, 3, 4), pool_size=3, stride=1),
    _case("gaps", (2, 2, 7, 9), (2, 2, 2, 3), pool_size=2, stride=3),
    _case("gaps of rows, overlap of columns", (2, 2, 5, 5), (2, 2, 2, 4), stride=[3, 1]),
    _case("padding", (2, 2, 3, 5), (2, 2, 2, 3), padding=1),
    _case(
        "padding of columns",
        (2, 2, 4, 3),
        (2, 2, 2, 3),
        pool_size=[2, 3],
        padding=[0, 1],
        stride=[2, 1],
    ),
    *(
        _case(
            f"overlap and padding, {dtype}, {layout} in memory",
            (2, 3, 4, 5),
            (2, 3, 4, 5),
            dtype=dtype,
            layout=layout,
            pool_size=3,
            stride=1,
            padding=1,
        )
        for dtype, layout in (
            ("float64", "contiguous"),
            ("float64", "strided"),
            ("float64", "transposed"),
            ("float32", "contiguous"),
        )
    ),
    _case("pools of one element", (2, 3, 2, 3), (2, 3, 2, 3), pool_size=1),
    _case("one pixel an image", (7, 3, 1, 1), (7, 3, 1, 1), pool_size=3, padding=1),
    _case("one pool an image", (2, 3, 3, 5), (2, 3, 1, 1), pool_size=[3, 5]),
)

#: Images as they come out of ``max(0, x)``: many zeros, and numbers that occur more than once.
_TIES = [
    [[[0, 0, 3, 1, 2], [0, 0, 3, 3, 2], [1, 5, 0, 4, 0], [5, 1, 4, 4, 0]]],
    [[[2, 2, 2, 2, 1], [2, 2, 2, 2, 1], [0, 7, 0, 0, 6], [7, 7, 0, 0, 6]]],
]


def _ties() -> tuple[Case, ...]:
    return tuple(
        Case(
            f"{name}, {dtype}",
            {"output_grad": result},
            options,
            dtype,
            values={"input_": _TIES},
            differentiable=False,
        )
        for name, result, options in (
            ("ties", (2, 1, 2, 2), {}),
            ("ties, pools overlap", (2, 1, 2, 3), {"pool_size": 3, "stride": 1}),
            ("ties, padding", (2, 1, 2, 3), {"pool_size": 3, "stride": 2, "padding": 1}),
        )
        for dtype in ("float64", "float32")
    )


def _pooling(
    name: str, summary: str, mutations: tuple[Mutant, ...], cases: tuple[Case, ...], skeleton: str
) -> Component:
    return Component(
        name=name,
        chapter=5,
        module="pooling",
        summary=summary,
        compares=("output", "input_grad"),
        run=_run(name),
        reference=_reference(name),
        cases=cases,
        gradients={"input_grad": "input_"},
        mutants=mutations,
        requires=("Operation",),
        skeleton=skeleton,
        in_book=False,
    )


COMPONENTS = (
    _pooling(
        "MaxPool2D",
        "the largest element of each pool, as nn.MaxPool2d",
        mutants.MAX_POOL_2D,
        (*_CASES, *_ties()),
        '''
class MaxPool2D(Operation):
    """The largest element of each pool; images are (batch, channels, height, width)."""

    def __init__(self, pool_size=2, stride=None, padding=0):
        """Each is a number, or a pair for rows and columns. stride: from one pool to the next; None
        is pool_size. padding: -np.inf on each side, at most half of pool_size."""

    def _output(self):
        """Rows and columns at the end that do not fill a pool are left out."""

    def _input_grad(self, output_grad):
        """The gradient goes to the element that was the largest: of several to the first, row by
        row. Where pools overlap, gradients add up."""
''',
    ),
    _pooling(
        "AveragePool2D",
        "the average of each pool, as nn.AvgPool2d",
        mutants.AVERAGE_POOL_2D,
        _CASES,
        '''
class AveragePool2D(Operation):
    """The average of each pool; images are (batch, channels, height, width)."""

    def __init__(self, pool_size=2, stride=None, padding=0):
        """Each is a number, or a pair for rows and columns. stride: from one pool to the next; None
        is pool_size. padding: zeros on each side, at most half of pool_size, which count."""

    def _output(self):
        """Rows and columns at the end that do not fill a pool are left out."""

    def _input_grad(self, output_grad):
        """All elements of a pool get an equal share. Where pools overlap, gradients add up."""
''',
    ),
)
