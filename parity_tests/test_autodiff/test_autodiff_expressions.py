"""Expressions drawn at random, in which nodes are used again: the gradients are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy import ndarray

from scratch.autodiff import ArrayWithGrad, NumberWithGrad

#: What can be done with one node, or with two. Nothing here divides by 0 or grows without end.
ONE: dict[str, Callable[[Any], Any]] = {
    "2 - a": lambda a: 2 - a,
    "3 * a": lambda a: 3 * a,
    "2 / (a * a + 1)": lambda a: 2 / (a * a + 1),
    "-a": lambda a: -a,
    "a ** 2": lambda a: a**2,
    "a ** 3": lambda a: a**3,
    "(a * a + 0.5) ** -1.5": lambda a: (a * a + 0.5) ** -1.5,
    "exp(tanh(a))": lambda a: a.tanh().exp(),
    "log(a * a + 0.5)": lambda a: (a * a + 0.5).log(),
    "tanh(a)": lambda a: a.tanh(),
    "relu(a)": lambda a: a.relu(),
}
TWO: dict[str, Callable[[Any, Any], Any]] = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / (b * b + 0.5)": lambda a, b: a / (b * b + 0.5),
}
NUMBERS_ONLY: dict[str, Callable[[Any, Any], Any]] = {
    "(a * a + 0.5) ** tanh(b)": lambda a, b: (a * a + 0.5) ** b.tanh(),
    "2 ** tanh(a) + b": lambda a, b: 2 ** a.tanh() + b,
}
ARRAYS_ONLY: dict[str, Callable[[Any], Any]] = {
    "sigmoid(a)": lambda a: a.sigmoid(),
    "sum of the rows": lambda a: a.sum(axis=0, keepdims=True),
    "mean of the columns": lambda a: a.mean(axis=-1, keepdims=True),
    "mean of all": lambda a: a.mean(),
    "rows 0, -1, 0": lambda a: a[[0, -1, 0]],
    "all in a row @ all in a column": lambda a: a.reshape((1, -1)) @ a.reshape((-1, 1)) / 10,
}
LARGEST = 1e3


EVERY: dict[str, Callable[..., Any]] = {**ONE, **TWO, **NUMBERS_ONLY, **ARRAYS_ONLY}

#: Steps: what is done, and to which of the nodes made so far.
Program = list[tuple[str, tuple[int, ...]]]


def run(program: Program, leaves: Sequence[Any]) -> list[Any]:
    """All nodes, the leaves first."""
    nodes = list(leaves)
    for name, places in program:
        nodes.append(EVERY[name](*(nodes[place % len(nodes)] for place in places)))
    return nodes


def programs(one: Iterable[str], two: Iterable[str]) -> st.SearchStrategy[Program]:
    place = st.integers(0, 30)
    single = st.tuples(st.sampled_from(sorted(one)), st.tuples(place))
    double = st.tuples(st.sampled_from(sorted(two)), st.tuples(place, place))
    return st.lists(st.one_of(single, double), min_size=1, max_size=20)


def assert_same(found: Any, expected: ndarray | None, scale: float) -> None:
    """A leaf that the result does not depend on has no gradient on either side."""
    assert (found is None) == (expected is None)
    if expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * scale)


def largest(tensors: Sequence[Any]) -> float:
    return max((float(tensor.detach().abs().max()) for tensor in tensors), default=0.0)


numbers = st.floats(-2, 2, allow_subnormal=False).map(lambda x: round(x, 3))


@given(programs(ONE, [*TWO, *NUMBERS_ONLY]), st.lists(numbers, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_gradients_of_numbers_are_pytorchs(program: Program, values: list[float]) -> None:
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    tensors = run(program, leaves)
    assume(largest(tensors) < LARGEST)
    for tensor in tensors:
        tensor.retain_grad()
    tensors[-1].backward()

    nodes = run(program, [NumberWithGrad(value) for value in values])
    nodes[-1].backward()
    grads = [tensor.grad for tensor in tensors]
    scale = max(1.0, largest([grad for grad in grads if grad is not None]))
    for node, tensor, grad in zip(nodes, tensors, grads, strict=True):
        np.testing.assert_allclose(node.num, tensor.item(), rtol=1e-9, atol=1e-12)
        assert_same(node.grad, None if grad is None else grad.numpy(), scale)


shapes = st.sampled_from([(3, 4), (1, 4), (3, 1), (1, 1), (2, 3, 4), (2, 1, 1)])


@given(
    programs([*ONE, *ARRAYS_ONLY], TWO),
    st.lists(shapes, min_size=1, max_size=4),
    st.integers(0, 1000),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_gradients_of_arrays_are_pytorchs(
    program: Program, sizes: list[tuple[int, ...]], seed: int
) -> None:
    draws = np.random.default_rng(seed)
    values = [draws.standard_normal(size) for size in sizes]
    leaves = [torch.tensor(value, requires_grad=True) for value in values]
    try:
        tensors = run(program, leaves)
    except (RuntimeError, IndexError):  # shapes that do not fit together
        assume(False)
    assume(largest(tensors) < LARGEST)
    for tensor in tensors:
        tensor.retain_grad()
    tensors[-1].sum().backward()

    nodes = run(program, [ArrayWithGrad(value) for value in values])
    nodes[-1].sum().backward()
    grads = [tensor.grad for tensor in tensors]
    scale = max(1.0, largest([grad for grad in grads if grad is not None]))
    for node, tensor, grad in zip(nodes, tensors, grads, strict=True):
        np.testing.assert_allclose(node.array, tensor.detach().numpy(), rtol=1e-9, atol=1e-12)
        assert_same(node.grad, None if grad is None else grad.numpy(), scale)
