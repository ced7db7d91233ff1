"""Catalogue of chapter 6: text as numbers, and what a model makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    arrange,
)
from parity.catalogue.twins import array, tensor
from parity.comparison import Absent
from parity.mutants import text as mutants

#: As many characters as the book's example knows; it has five time steps.
SIZE = 4


def _characters(*shape: int) -> list[Any]:
    """Numbers of characters, unlike from place to place; the vocabulary's last does not occur."""
    numbers: list[Any] = np.random.default_rng(shape).integers(0, SIZE, shape).tolist()
    return numbers


def _integers(numbers: ndarray) -> ndarray:
    """The same as integers that lie in memory as the numbers of the case do."""
    layout = "strided"
    if any(stride < 0 for stride in numbers.strides):
        layout = "reversed"
    elif numbers.flags.c_contiguous:
        layout = "contiguous"
    elif numbers.flags.f_contiguous:
        layout = "transposed"
    integers = arrange(numbers.astype(np.float64), layout).view(np.int64)
    integers[...] = numbers
    return integers


def _in_batches(name: str, time: int, **options: Any) -> list[Case]:
    """Batch sizes 1, 2, 7 and 64, three layouts in memory. No float32: what is looked at takes
    integers, so that no type of the input says which one its result should have.
    """

    def case(title: str, n: int, **rest: Any) -> Case:
        return Case(title, {}, options, values={name: _characters(n, time)}, **rest)

    cases = [case(f"batch of {n}", n) for n in (1, 2, 7, 64)]
    cases += [
        case(f"batch of 7, {layout} in memory", 7, layout=layout)
        for layout in ("strided", "reversed", "transposed")
    ]
    return cases


def _run_one_hot_sequences(impl: Implementation, given: Given) -> Observed:
    indices = _integers(given.inputs["indices"])
    return Observed({"output": impl.one_hot_sequences(indices, given.options["size"])})


def _reference_one_hot_sequences(given: Given) -> dict[str, Any]:
    """Of integers, so that any type will do."""
    import torch

    from reference.text import one_hot_sequences

    indices = tensor(given.inputs["indices"]).long()
    return {"output": array(one_hot_sequences(indices, given.options["size"], torch.int64))}


def _run_sequences_and_targets(impl: Implementation, given: Given) -> Observed:
    """One text after the other: what is looked at does not depend on the texts before."""
    length = given.options["sequence_length"]
    pairs = [impl.sequences_and_targets(_integers(text), length) for text in given.inputs["texts"]]
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return Observed(dict.fromkeys(_SEQUENCES, pair))
    stacked = [_stack(arrays) for arrays in zip(*pairs, strict=True)]
    return Observed(dict(zip(_SEQUENCES, stacked, strict=True)))


def _stack(arrays: Sequence[Any]) -> Any:
    """What the texts gave, in one array; what is no array, or lacks a shape in common, as it is."""
    for value in arrays:
        if not isinstance(value, ndarray):
            return value
    if len({value.shape for value in arrays}) > 1:
        return Absent("of another shape from text to text")
    return np.stack(arrays)


def _reference_sequences_and_targets(given: Given) -> dict[str, Any]:
    import torch

    from reference.text import sequences_and_targets

    texts, length = tensor(given.inputs["texts"]).long(), given.options["sequence_length"]
    inputs, targets = zip(*(sequences_and_targets(text, length) for text in texts), strict=True)
    return {"inputs": array(torch.stack(inputs)), "targets": array(torch.stack(targets))}


_SEQUENCES = ("inputs", "targets")


def _run_probabilities(impl: Implementation, given: Given) -> Observed:
    logits, temperature = given.inputs["logits"], given.options["temperature"]
    return Observed({"output": impl.next_character_probabilities(logits, temperature)})


def _reference_probabilities(given: Given) -> dict[str, Any]:
    from reference.text import next_character_probabilities

    logits, temperature = tensor(given.inputs["logits"]), given.options["temperature"]
    return {"output": array(next_character_probabilities(logits, temperature))}


def _logits(n: int) -> Shapes:
    return {"logits": (n, 5)}


def _at(temperature: float, dtype: str = "float64") -> Case:
    name = f"temperature {temperature}" + (", float32" if dtype == "float32" else "")
    return Case(name, _logits(7), {"temperature": temperature}, dtype=dtype)


def _large(name: str, temperature: float, *rows: list[float], dtype: str = "float64") -> Case:
    return Case(name, {}, {"temperature": temperature}, dtype=dtype, values={"logits": rows})


COMPONENTS: tuple[Component, ...] = (
    Component(
        name="one_hot_sequences",
        chapter=6,
        module="text",
        summary="a one-hot row for each character of a sequence",
        compares=("output",),
        run=_run_one_hot_sequences,
        reference=_reference_one_hot_sequences,
        cases=(
            *_in_batches("indices", 5, size=SIZE + 2),
            Case(
                "the book's two sequences",
                {},
                {"size": 4},
                values={"indices": [[0, 1, 2, 3, 1], [1, 2, 3, 1, 0]]},
            ),
            Case("one time step", {}, {"size": SIZE}, values={"indices": _characters(7, 1)}),
            Case(
                "as many time steps as characters",
                {},
                {"size": 5},
                values={"indices": _characters(2, 5)},
            ),
            Case(
                "as many sequences as time steps",
                {},
                {"size": 6},
                values={"indices": _characters(5, 5)},
            ),
        ),
        skeleton='''
def one_hot_sequences(indices, size):
    """Numbers of characters, an array of integers (batch, time), become (batch, time, size): 1 at
    the number of each character, counted from 0, and 0 elsewhere."""
''',
        mutants=mutants.ONE_HOT_SEQUENCES,
    ),
    Component(
        name="sequences_and_targets",
        chapter=6,
        module="text",
        summary="all sequences of a text, and what comes next",
        compares=_SEQUENCES,
        run=_run_sequences_and_targets,
        reference=_reference_sequences_and_targets,
        cases=(
            *_in_batches("texts", 9, sequence_length=4),
            Case(
                "the book's text",
                {},
                {"sequence_length": 5},
                values={"texts": [[0, 1, 2, 3, 1, 0]]},
            ),
            Case(
                "one character in a sequence",
                {},
                {"sequence_length": 1},
                values={"texts": _characters(2, 6)},
            ),
            Case(
                "as many sequences as characters in one",
                {},
                {"sequence_length": 4},
                values={"texts": _characters(2, 8)},
            ),
        ),
        skeleton='''
def sequences_and_targets(indices, sequence_length):
    """All sequences of a text, which is an array of n integers, and the targets of each: the same
    characters one further on. Two arrays of shape (n - sequence_length, sequence_length): each
    sequence starts one character after the one before, and the last has a target for its end."""
''',
        mutants=mutants.SEQUENCES_AND_TARGETS,
    ),
    Component(
        name="next_character_probabilities",
        chapter=6,
        module="text",
        summary="softmax of a model's output over a temperature",
        compares=("output",),
        run=_run_probabilities,
        reference=_reference_probabilities,
        cases=(
            *batch_cases(_logits, options={"temperature": 1.0}),
            *(_at(temperature) for temperature in (0.1, 0.5, 2.0, 10.0)),
            *(_at(temperature, "float32") for temperature in (0.5, 2.0)),
            Case("as many rows as characters", {"logits": (5, 5)}, {"temperature": 0.5}),
            _at(0.0),
            _at(0.0, "float32"),
            _large("large numbers", 0.5, [1000.0, 999.0, -1000.0], [-1000.0, -1000.5, -1001.0]),
            _large("large numbers, hot", 100.0, [1e5, 99900.0, -1e5], [-1e5, -100050.0, -100100.0]),
            _large(
                "large numbers, float32",
                0.5,
                [100.0, 99.0, -110.0],
                [-110.0, -110.5, -111.0],
                dtype="float32",
            ),
        ),
        skeleton='''
def next_character_probabilities(logits, temperature=1.0):
    """Softmax of logits / temperature in each row of (batch, size), for numbers as large as 100,000
    too. At a temperature of 0 the largest of each row gets all of it: 1, the others 0."""
''',
        mutants=mutants.NEXT_CHARACTER_PROBABILITIES,
        in_book=False,
    ),
)
