"""Graphs of numbers that find their own gradients: what is computed, and what is looked at.

A case is one small graph, made for each number of a batch by itself. PyTorch makes it for the whole
batch at a time, from the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from parity.catalogue.cases import batch_cases
from parity.catalogue.component import Case, Given, Implementation
from parity.catalogue.twins import array, tensor
from parity.comparison import Absent, with_article

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


#: Those with ``-``, and the sign.
DIFFERENCES: Mapping[str, Graph] = {
    "c = a - b; c * (2 - a) + (b - 3) * c": _differences,
    "c = -a; c * b + c": _negative,
}

QUOTIENTS: Mapping[str, Graph] = {
    "c = b * b + 1; a / c + 2 / c + a / 4": _quotients,
}

POWERS: Mapping[str, Graph] = {
    "c = a * a + 1; c ** 3 + a ** 2 * b + b * c ** -1.5": _powers,
    "c = a * a + 1.5; c ** b + 2 ** a": _exponents,
}

FUNCTIONS: Mapping[str, Graph] = {
    "c = exp(a); c * b + c": _exponentials,
    "c = log(a * a + 0.5); c * b + c": _logarithms,
    "c = tanh(a * b); c * b + c": _tangents,
    "c = relu(a); c * b + relu(a * b)": _rectified,
}

#: relu at 0, where its slope is a convention.
KINK = Case(
    "c = relu(a); c * b + relu(a * b), a of 0",
    {"a": (3,), "b": (3,)},
    {"graph": "c = relu(a); c * b + relu(a * b)"},
    values={"a": [0, 2, -1], "b": [3, 0.5, 4]},
    differentiable=False,
)

_GRAPHS = {**BOOK, **DIFFERENCES, **QUOTIENTS, **POWERS, **FUNCTIONS}

GRADIENTS = {"a.grad": "a", "b.grad": "b"}


def _shapes(graph: str, n: int) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys("ab"[: _GRAPHS[graph].__code__.co_argcount], (n,))


def graph_cases(graphs: Mapping[str, Graph]) -> Iterator[Case]:
    """Each graph, and the last one in all batch sizes and layouts."""
    for graph in graphs:
        for case in batch_cases(partial(_shapes, graph), options={"graph": graph}):
            in_short = case.name in ("batch of 7", "batch of 2, float32")
            if in_short or graph == list(graphs)[-1]:
                yield replace(case, name=f"{graph}, {case.name}")


def rows(given: Given) -> Iterator[list[float]]:
    """The numbers of each graph, one from each input."""
    for row in zip(*given.inputs.values(), strict=True):
        yield [float(value) for value in row]


def plain_numbers(values: list[Any], dtype: Any) -> Any:
    """Plain numbers in one array, or what the first is that is none."""
    for value in values:
        if isinstance(value, Absent):
            return value
        if hasattr(value, "num"):
            return Absent("a NumberWithGrad")
        if not isinstance(value, int | float | np.number):
            return Absent("None" if value is None else with_article(type(value).__name__))
    return np.array(values, dtype=dtype)


def type_of(given: Given) -> Any:
    """The dtype of a case, which its results have, too."""
    return given.inputs["a"].dtype


def made(make: Callable[[float], Any], given: Given) -> Iterator[dict[str, Any]]:
    """The nodes of each graph of a batch: the last one, the one on the way, and the leaves."""
    for row in rows(given):
        leaves = [make(int(value) if given.options.get("whole") else value) for value in row]
        output, inner = _GRAPHS[given.options["graph"]](*leaves)
        yield {"output": output, "inner": inner, **dict(zip("ab", leaves, strict=False))}


def in_columns(shown: Iterable[Mapping[str, Any]], given: Given) -> dict[str, Any]:
    """What each graph of a batch shows, as one array for each name."""
    columns: dict[str, list[Any]] = {}
    for row in shown:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return {name: plain_numbers(values, type_of(given)) for name, values in columns.items()}


def look_at(make: Callable[[float], Any], given: Given) -> dict[str, Any]:
    """The number and the gradients of each graph of a batch, after one backward pass."""
    shown = []
    for nodes in made(make, given):
        nodes["output"].backward()
        grads = {f"{name}.grad": node.grad for name, node in nodes.items()}
        shown.append({"output": nodes["output"].num, **grads})
    return in_columns(shown, given)


def torch_graph(given: Given) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``look_at`` shows, found by PyTorch; and the nodes, for further passes."""
    leaves = {name: tensor(values, requires_grad=True) for name, values in given.inputs.items()}
    output, inner = _GRAPHS[given.options["graph"]](*leaves.values())
    nodes = {"output": output, "inner": inner, **leaves}
    for node in nodes.values():
        node.retain_grad()
    output.sum().backward(retain_graph=True)
    grads = {f"{name}.grad": array(node.grad) for name, node in nodes.items()}
    return {"output": array(output), **grads}, nodes


def objective(given: Given) -> float:
    """The sum of the outputs, which the gradients are of."""
    nudged = replace(given, options={**given.options, "whole": False})
    graphs = made(Implementation().NumberWithGrad, nudged)
    return float(sum(nodes["output"].num for nodes in graphs))
