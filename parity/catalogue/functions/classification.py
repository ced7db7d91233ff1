"""Catalogue of chapter 4: functions that classification needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import BATCHES, Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
)
from parity.catalogue.functions.describe import describe
from parity.catalogue.twins import array
from parity.mutants.functions import classification as mutants


def _vectors(values: Callable[[int], list[float]], name: str) -> tuple[Case, ...]:
    """A vector of each length, three layouts in memory, float32."""
    cases = [Case(f"{n} element{'s' * (n > 1)}", {}, values={name: values(n)}) for n in BATCHES]
    cases += [
        Case(f"7 elements, {layout} in memory", {}, layout=layout, values={name: values(7)})
        for layout in ("strided", "reversed")
    ]
    cases += [
        Case(f"{n} elements, float32", {}, dtype="float32", values={name: values(n)})
        for n in (2, 64)
    ]
    return tuple(cases)


def _positive(n: int) -> list[float]:
    """Their sum is far from 0: what is divided by it keeps its digits."""
    return [float(number) for number in np.random.default_rng(n).uniform(0.5, 5, n).round(3)]


def _rows(n: int) -> Shapes:
    return {"x": (n, 3)}


def _numbers(name: str, *rows: list[float], dtype: str = "float64") -> Case:
    return Case(name, {}, {"axis": 1}, dtype=dtype, values={"x": rows})


_SOFTMAX_CASES = (
    *batch_cases(_rows, options={"axis": 1}, empty=True),
    Case("axis=0", {"x": (7, 3)}, {"axis": 0}),
    Case("axis=0, float32", {"x": (7, 3)}, {"axis": 0}, dtype="float32"),
    Case("axis=-1", {"x": (7, 3)}, {"axis": -1}),
    *(Case(f"three dimensions, axis={axis}", {"x": (2, 4, 3)}, {"axis": axis}) for axis in (0, 1)),
    Case("three dimensions, axis=-1", {"x": (2, 4, 3)}, {"axis": -1}),
    Case("one column", {"x": (7, 1)}, {"axis": 1}),
    Case("as many rows as columns", {"x": (3, 3)}, {"axis": 1}),
    Case("a vector, no axis given", {}, values={"x": [5.0, 3.0, 2.0]}),
    _numbers("all equal", [2.0, 2.0, 2.0], [-3.0, -3.0, -3.0]),
    _numbers("large numbers", [1000.0, 999.0, -1000.0], [-1000.0, -1000.5, -1001.0]),
    # Large enough for float32 to overflow; a logarithm of the sum still has its digits.
    _numbers(
        "large numbers, float32", [100.0, 99.0, -110.0], [-110.0, -110.5, -111.0], dtype="float32"
    ),
)


def _classes(n: int) -> list[float]:
    """Class numbers from 0 to 3, unlike one another as far as they can be."""
    return [float(3 * i % 4) for i in range(n)]


def _labels(given: Given) -> ndarray:
    """Class numbers as integers that lie in memory as those of the case do."""
    labels = given.inputs["labels"].astype(np.int64)
    if given.inputs["labels"].strides[0] < 0:
        return labels[::-1].copy()[::-1]
    return labels if given.inputs["labels"].flags.contiguous else np.repeat(labels, 2)[::2]


def _run_one_hot(impl: Implementation, given: Given) -> Observed:
    """Of five classes, the last is never seen."""
    return Observed({"output": impl.one_hot(_labels(given), 5)})


def _reference_one_hot(given: Given) -> dict[str, Any]:
    """Of integers, so that any type will do."""
    import torch

    from reference.functions import one_hot

    labels = torch.from_numpy(given.inputs["labels"].astype(np.int64))
    return {"output": array(one_hot(labels, 5, torch.int64))}


COMPONENTS: tuple[Component, ...] = (
    describe(
        "normalize",
        "each element over the sum of all",
        ("x",),
        ("output",),
        (
            *_vectors(_positive, "x"),
            Case("the book's three numbers", {}, values={"x": [5.0, 3.0, 2.0]}),
            Case("one number negative", {}, values={"x": [5.0, -3.0, 2.0]}),
        ),
        'def normalize(x):\n    """Divide the elements of a vector by their sum."""',
        mutants.NORMALIZE,
        chapter=4,
    ),
    describe(
        "softmax",
        "exp(x) over its sum",
        ("x",),
        ("output",),
        _SOFTMAX_CASES,
        "def softmax(x, axis=None):\n"
        '    """exp(x) over its sum along the axis, for numbers as large as 1000 too."""',
        mutants.SOFTMAX,
        chapter=4,
        keywords=("axis",),
    ),
    Component(
        name="one_hot",
        chapter=4,
        module="functions",
        summary="a 1 in the column of each class number",
        compares=("output",),
        run=_run_one_hot,
        reference=_reference_one_hot,
        cases=_vectors(_classes, "labels"),
        skeleton='''
def one_hot(labels, num_classes):
    """A row for each class number, shape (n, num_classes): 1 in its column, 0 elsewhere."""
''',
        mutants=mutants.ONE_HOT,
        in_book=False,
    ),
)
