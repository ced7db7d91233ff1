"""Catalogue of chapter 6: the book's numbers that find their own gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from parity.catalogue.autodiff.graphs import (
    BOOK,
    GRADIENTS,
    graph_cases,
    in_columns,
    look_at,
    objective,
    plain_numbers,
    rows,
    torch_graph,
    type_of,
)
from parity.catalogue.cases import batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.twins import array, tensor
from parity.comparison import Absent
from parity.mutants.autodiff import numbers as mutants


def _run(impl: Implementation, given: Given) -> Observed:
    return Observed(look_at(impl.NumberWithGrad, given))


def _reference(given: Given) -> dict[str, Any]:
    shown, _ = torch_graph(given)
    return shown


#: What is computed, and the method that Python calls for it.
_ON_THE_LEFT: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "2 + a": (lambda a: 2 + a, "__radd__"),
    "3 * a": (lambda a: 3 * a, "__rmul__"),
}


def _left_of(make: Callable[[float], Any], value: float) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, (compute, method) in _ON_THE_LEFT.items():
        a = make(value)
        try:
            result = compute(a)
        except TypeError:
            shown |= dict.fromkeys(_results(name), Absent(f"an error (it needs {method})"))
            continue
        result.backward()
        shown |= dict(zip(_results(name), (result.num, a.grad), strict=True))
    return shown


def _results(name: str) -> tuple[str, str]:
    return name, f"a.grad of {name}"


def _run_left(impl: Implementation, given: Given) -> Observed:
    shown = [_left_of(impl.NumberWithGrad, a) for [a] in rows(given)]
    return Observed(in_columns(shown, given))


def _reference_left(given: Given) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, (compute, _) in _ON_THE_LEFT.items():
        a = tensor(given.inputs["a"], requires_grad=True)
        result = compute(a)
        result.sum().backward()
        shown |= dict(zip(_results(name), (array(result), array(a.grad)), strict=True))
    return shown


def _run_ensure_number(impl: Implementation, given: Given) -> Observed:
    node = impl.NumberWithGrad(float(given.inputs["a"][0]))
    numbers: list[Any] = [impl.ensure_number(float(value)) for value in given.inputs["a"]]
    nums = [getattr(number, "num", None) for number in numbers]
    return Observed(
        {
            "num of a number": plain_numbers(nums, type_of(given)),
            "a NumberWithGrad stays the same object": impl.ensure_number(node) is node,
        }
    )


def _reference_ensure_number(given: Given) -> dict[str, Any]:
    same = {"a NumberWithGrad stays the same object": True}
    return {"num of a number": array(tensor(given.inputs["a"])), **same}


def _batch(n: int) -> dict[str, tuple[int, ...]]:
    return {"a": (n,)}


def _whole(graph: str, **values: list[int]) -> Case:
    shapes = {name: (len(numbers),) for name, numbers in values.items()}
    return Case(
        f"{graph}, whole numbers", shapes, {"graph": graph, "whole": True}, values=dict(values)
    )


COMPONENTS = (
    Component(
        name="NumberWithGrad",
        chapter=6,
        module="autodiff",
        summary="a number that finds its own gradients",
        compares=(
            "output",
            "output.grad",
            "inner.grad",
            "a.grad",
            "b.grad",
        ),
        run=_run,
        reference=_reference,
        cases=(
            _whole("b = 4 * a; b + 5", a=[3]),
            _whole("c = 4 * a + 3; c * (a + 2)", a=[3]),
            _whole("c = a + b; c * c", a=[3, -2, 0, 4], b=[5, 7, 1, -4]),
            *graph_cases(BOOK),
        ),
        gradients=GRADIENTS,
        objective=objective,
        mutants=mutants.NUMBER_WITH_GRAD,
        skeleton='''
class NumberWithGrad:
    """A number that keeps track of what is done with it. Gradients are plain numbers."""

    def __init__(self, num, depends_on=None, creation_op=""):
        """Keep num; depends_on are the NumberWithGrads it was made from, by creation_op."""

    def __add__(self, other):
        """self + other, a new NumberWithGrad; other is one, too, or a plain number."""

    def __mul__(self, other):
        """self * other, a new NumberWithGrad; other is one, too, or a plain number."""

    def backward(self, backward_grad=None):
        """Set self.grad (1 where no gradient is given), and the gradients of all that self was
        made from; what is used several times gets the sum, and sends it on once."""
''',
    ),
    Component(
        name="ensure_number",
        chapter=6,
        module="autodiff",
        summary="a plain number as a NumberWithGrad",
        compares=("num of a number", "a NumberWithGrad stays the same object"),
        run=_run_ensure_number,
        reference=_reference_ensure_number,
        cases=batch_cases(_batch),
        mutants=mutants.ENSURE_NUMBER,
        requires=("NumberWithGrad",),
        aliases=("_number",),
        skeleton='''
def ensure_number(num):
    """num itself if it is a NumberWithGrad, otherwise a new NumberWithGrad of it."""
''',
    ),
    Component(
        name="NumberWithGrad.__radd__",
        chapter=6,
        module="autodiff",
        summary="plain numbers on the left of + and *",
        compares=("2 + a", "a.grad of 2 + a", "3 * a", "a.grad of 3 * a"),
        run=_run_left,
        reference=_reference_left,
        cases=batch_cases(_batch),
        mutants=mutants.NUMBER_WITH_GRAD_RADD,
        requires=("NumberWithGrad",),
        shown_by="NumberWithGrad.__add__()",
        skeleton="""
        Give NumberWithGrad methods __radd__ and __rmul__, which Python calls for 2 + a and 3 * a,
        where a plain number stands on the left.
        """,
    ),
)
