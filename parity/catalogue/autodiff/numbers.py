"""Catalogue of chapter 6: numbers that find their own gradients.

A case is one small graph, made for each number of a batch by itself. PyTorch makes it for the whole
batch at a time, from the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from parity.catalogue.cases import batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.twins import array, tensor
from parity.comparison import Absent, with_article
from parity.mutants.autodiff import functions as mutants_beyond
from parity.mutants.autodiff import numbers as mutants

#: Made from its inputs; returns its last node, and one on the way.
Graph = Callable[..., tuple[Any, Any]]


def _line(a: Any) -> tuple[Any, Any]:
    b = a * 4
    return b + 5, b


def _parabola(a: Any) -> tuple[Any, Any]:
    b = a * 4
    c = b + 3
    return c * (a + 2), c


def _twice(a: Any) -> tuple[Any, Any]:
    b = a * 4
    return b + b, b


def _square_of_sum(a: Any, b: Any) -> tuple[Any, Any]:
    c = a + b
    return c * c, c


def _branches(a: Any, b: Any) -> tuple[Any, Any]:
    """Figure 6.1, which the book has no way back for before this."""
    b1, b2 = a * 3, b * 2
    return (b1 + b2) * b2, b2


def _short_and_long_way(a: Any, b: Any) -> tuple[Any, Any]:
    c = a * b
    return c + (c * c) * a, c


#: Those of the book and others of ``+`` and ``*``, in which nodes on the way are used again.
BOOK: Mapping[str, Graph] = {
    "b = 4 * a; b + 5": _line,
    "c = 4 * a + 3; c * (a + 2)": _parabola,
    "b = 4 * a; b + b": _twice,
    "c = a + b; c * c": _square_of_sum,
    "c = 2 * b; (3 * a + c) * c": _branches,
    "c = a * b; c + c * c * a": _short_and_long_way,
}


def _differences(a: Any, b: Any) -> tuple[Any, Any]:
    c = a - b
    return c * (2 - a) + (b - 3) * c, c


def _quotients(a: Any, b: Any) -> tuple[Any, Any]:
    c = b * b + 1
    return a / c + 2 / c + a / 4, c


def _powers(a: Any, b: Any) -> tuple[Any, Any]:
    c = a * a + 1
    return c**3 + a**2 * b + b * c**-1.5, c


def _exponents(a: Any, b: Any) -> tuple[Any, Any]:
    c = a * a + 1.5
    return c**b + 2**a, c


def _negative(a: Any, b: Any) -> tuple[Any, Any]:
    c = -a
    return c * b + c, c


def _exponentials(a: Any, b: Any) -> tuple[Any, Any]:
    c = a.exp()
    return c * b + c, c


def _logarithms(a: Any, b: Any) -> tuple[Any, Any]:
    c = (a * a + 0.5).log()
    return c * b + c, c


def _tangents(a: Any, b: Any) -> tuple[Any, Any]:
    c = (a * b).tanh()
    return c * b + c, c


def _rectified(a: Any, b: Any) -> tuple[Any, Any]:
    c = a.relu()
    return c * b + (a * b).relu(), c


#: Those that need more than ``+`` and ``*``.
BEYOND: Mapping[str, Graph] = {
    "c = a - b; c * (2 - a) + (b - 3) * c": _differences,
    "c = b * b + 1; a / c + 2 / c + a / 4": _quotients,
    "c = a * a + 1; c ** 3 + a ** 2 * b + b * c ** -1.5": _powers,
    "c = a * a + 1.5; c ** b + 2 ** a": _exponents,
    "c = -a; c * b + c": _negative,
    "c = exp(a); c * b + c": _exponentials,
    "c = log(a * a + 0.5); c * b + c": _logarithms,
    "c = tanh(a * b); c * b + c": _tangents,
    "c = relu(a); c * b + relu(a * b)": _rectified,
}

_GRAPHS = {**BOOK, **BEYOND}


def _shapes(graph: str, n: int) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys("ab"[: _GRAPHS[graph].__code__.co_argcount], (n,))


def _cases(graphs: Mapping[str, Graph]) -> Iterator[Case]:
    """Each graph, and the last one in all batch sizes and layouts."""
    for graph in graphs:
        for case in batch_cases(partial(_shapes, graph), options={"graph": graph}):
            in_short = case.name in ("batch of 7", "batch of 2, float32")
            if in_short or graph == list(graphs)[-1]:
                yield replace(case, name=f"{graph}, {case.name}")


def _rows(given: Given) -> Iterator[list[float]]:
    """The numbers of each graph, one from each input."""
    for row in zip(*given.inputs.values(), strict=True):
        yield [float(value) for value in row]


def _plain(values: list[Any], dtype: Any) -> Any:
    """Plain numbers in one array, or what the first is that is none."""
    for value in values:
        if isinstance(value, Absent):
            return value
        if hasattr(value, "num"):
            return Absent("a NumberWithGrad")
        if not isinstance(value, int | float | np.number):
            return Absent("None" if value is None else with_article(type(value).__name__))
    return np.array(values, dtype=dtype)


def _type_of(given: Given) -> Any:
    return given.inputs["a"].dtype


def _look_at(make: Callable[[float], Any], given: Given) -> dict[str, Any]:
    """The number and the gradients of each graph of a batch, after one backward pass."""
    seen: dict[str, list[Any]] = {}
    for row in _rows(given):
        leaves = [make(int(value) if given.options.get("whole") else value) for value in row]
        output, inner = _GRAPHS[given.options["graph"]](*leaves)
        output.backward()
        shown = {"output": output.num, "output.grad": output.grad, "inner.grad": inner.grad}
        shown |= {f"{name}.grad": leaf.grad for name, leaf in zip("ab", leaves, strict=False)}
        for name, value in shown.items():
            seen.setdefault(name, []).append(value)
    return {name: _plain(values, _type_of(given)) for name, values in seen.items()}


def _torch_graph(given: Given) -> tuple[dict[str, Any], Any]:
    leaves = {name: tensor(values, requires_grad=True) for name, values in given.inputs.items()}
    output, inner = _GRAPHS[given.options["graph"]](*leaves.values())
    nodes = {"output": output, "inner": inner, **leaves}
    for node in nodes.values():
        node.retain_grad()
    output.sum().backward(retain_graph=True)
    grads = {f"{name}.grad": array(node.grad) for name, node in nodes.items()}
    return {"output": array(output), **grads}, nodes


def _objective(given: Given) -> float:
    """The sum of the outputs, which the gradients are of."""
    make = Implementation().NumberWithGrad
    graph = _GRAPHS[given.options["graph"]]
    return float(sum(graph(*map(make, row))[0].num for row in _rows(given)))


def _number_on_the_left(make: Callable[[float], Any], value: float) -> Any:
    a = make(value)
    try:
        (2 + 3 * a).backward()
    except TypeError:
        return Absent("not there, for it does not run (it needs __radd__ and __rmul__)")
    return a.grad


def _run_book(impl: Implementation, given: Given) -> Observed:
    make = impl.NumberWithGrad
    left = [_number_on_the_left(make, row[0]) for row in _rows(given)]
    return Observed(_look_at(make, given) | {"a.grad of 2 + 3 * a": _plain(left, _type_of(given))})


def _reference_book(given: Given) -> dict[str, Any]:
    shown, _ = _torch_graph(given)
    a = tensor(given.inputs["a"], requires_grad=True)
    (2 + 3 * a).sum().backward()
    return {**shown, "a.grad of 2 + 3 * a": array(a.grad)}


def _run_beyond(impl: Implementation, given: Given) -> Observed:
    """The second pass goes over the graph of the first."""
    again = []
    for row in _rows(given):
        leaves = [impl.NumberWithGrad(value) for value in row]
        output, _ = _GRAPHS[given.options["graph"]](*leaves)
        output.backward()
        output.backward()
        again.append(leaves[0].grad)
    return Observed(
        _look_at(impl.NumberWithGrad, given)
        | {"a.grad after a second backward": _plain(again, _type_of(given))}
    )


def _reference_beyond(given: Given) -> dict[str, Any]:
    shown, nodes = _torch_graph(given)
    nodes["output"].sum().backward()
    return {**shown, "a.grad after a second backward": array(nodes["a"].grad)}


def _run_ensure_number(impl: Implementation, given: Given) -> Observed:
    node = impl.NumberWithGrad(float(given.inputs["a"][0]))
    numbers: list[Any] = [impl.ensure_number(float(value)) for value in given.inputs["a"]]
    nums = [getattr(number, "num", None) for number in numbers]
    return Observed(
        {
            "num of a number": _plain(nums, _type_of(given)),
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


_GRADIENTS = {"a.grad": "a", "b.grad": "b"}

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
            "a.grad of 2 + 3 * a",
        ),
        run=_run_book,
        reference=_reference_book,
        cases=(
            _whole("b = 4 * a; b + 5", a=[3]),
            _whole("c = 4 * a + 3; c * (a + 2)", a=[3]),
            _whole("c = a + b; c * c", a=[3, -2, 0], b=[5, 7, 1]),
            *_cases(BOOK),
        ),
        gradients=_GRADIENTS,
        objective=_objective,
        mutants=mutants.NUMBER_WITH_GRAD,
        skeleton='''
class NumberWithGrad:
    """A number that keeps track of what is done with it. Gradients are plain numbers."""

    def __init__(self, num, depends_on=None, creation_op=""):
        """Keep num; depends_on are the NumberWithGrads it was made from, by creation_op."""

    def __add__(self, other):
        """self + other, a new NumberWithGrad; other is one, too, or a plain number."""

    def __radd__(self, other):
        """other + self, where other is a plain number, as in 2 + a."""

    def __mul__(self, other):
        """self * other, a new NumberWithGrad; other is one, too, or a plain number."""

    def __rmul__(self, other):
        """other * self, where other is a plain number, as in 3 * a."""

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
        name="NumberWithGrad.exponent",
        chapter=6,
        module="autodiff",
        summary="differences, quotients, powers, exp, log, tanh, relu",
        compares=(
            "output",
            "output.grad",
            "inner.grad",
            "a.grad",
            "b.grad",
            "a.grad after a second backward",
        ),
        run=_run_beyond,
        reference=_reference_beyond,
        cases=tuple(_cases(BEYOND)),
        gradients=_GRADIENTS,
        objective=_objective,
        mutants=mutants_beyond.NUMBER_WITH_GRAD_EXPONENT,
        requires=("NumberWithGrad",),
        in_book=False,
        skeleton="""
        Give NumberWithGrad the operators -, / and ** (its __pow__ takes an exponent, which is a
        number or a NumberWithGrad), with numbers on either side, the sign as in -a, and methods
        exp, log, tanh and relu. A second call of backward adds to the gradients of the first, and
        sends on only what is new.
        """,
    ),
)
