"""Samples of one result, as pairs of arrays, and the rule by which a relation holds over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Case
from parity.comparison import TOLERANCES, Absent, as_result, same_result

#: So many results of a case, the first ones, are held against a wrong one: a hundred steps of an
#: optimizer have several hundred.
_MAX_RESULTS = 40


@dataclass(frozen=True)
class Sample:
    """One result of one case.

    Attributes:
        case: on which inputs.
        name: of the result, as "input_grad", "param_grads[0]", "output after an update".
        found: what the learner's code shows.
        expected: what the reference shows.
        shown: all results of the learner in this case, in order.
        wanted: all expected results of this case, in order.
        inputs: of the case.
        params: the learner's parameters.
        wrong: whether this result is judged wrong in this case.
    """

    case: Case
    name: str
    found: Any
    expected: Any
    shown: Mapping[str, Any]
    wanted: Mapping[str, Any]
    inputs: Mapping[str, ndarray]
    params: Sequence[Any]
    wrong: bool


@dataclass(frozen=True)
class Relation:
    """How a wrong result relates to the right one.

    Attributes:
        kind: one word or two, stable, for JSON.
        sentence: to the learner, about "it", the result; of 120 characters at most.
        constant: the number that the sentence speaks of, in the first wrong case.
    """

    kind: str
    sentence: str
    constant: float | None = None


@dataclass(frozen=True, eq=False)
class Pair:
    """What was found and what was expected, as float64 arrays.

    Attributes:
        sample: from which they come.
        found: of any shape.
        expected: likewise.
    """

    sample: Sample
    found: ndarray
    expected: ndarray

    def same(self, one: Any, other: Any) -> bool:
        """Whether two arrays are equal by the tolerance of the case."""
        if np.shape(one) != np.shape(other):
            return False
        case = self.sample.case
        return same_result(one, other, dtype=case.dtype, tolerance=case.tolerance)

    def is_(self, predicted: Any) -> bool:
        """Whether that is what was found."""
        return self.same(self.found, predicted)

    def off(self) -> ndarray:
        """Which elements are wrong; found and expected have one shape."""
        tolerance = TOLERANCES[self.sample.case.dtype, self.sample.case.tolerance]
        magnitude = np.abs(self.expected)
        allowed = np.maximum(
            tolerance.relative * magnitude, tolerance.floor * (magnitude.max(initial=0.0) or 1.0)
        )
        return ~(np.abs(self.found - self.expected) <= allowed)

    @property
    def in_shape(self) -> bool:
        """Whether the shape is right."""
        return self.found.shape == self.expected.shape

    @cached_property
    def sources(self) -> dict[str, ndarray]:
        """The other arrays of the case by the words for them: right results, inputs, parameters."""
        sample = self.sample
        arrays = dict(islice(sample.wanted.items(), _MAX_RESULTS))
        arrays.pop(sample.name, None)
        arrays |= {
            f"the input {name}" if name in arrays else name: value
            for name, value in sample.inputs.items()
        }
        arrays |= {f"params[{i}]": value for i, value in enumerate(sample.params)}
        return {
            name: plain for name, value in arrays.items() if (plain := numbers(value)) is not None
        }


#: Whether a relation holds in a case; None where the case cannot show it.
Test = Callable[[Pair], bool | None]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of one result over the cases of a component.

    Attributes:
        wrong: those that must show a relation.
        right: those in which it must be invisible.
    """

    wrong: Sequence[Pair]
    right: Sequence[Pair]

    @property
    def first(self) -> Pair:
        """Where it is first wrong."""
        return self.wrong[0]

    @cached_property
    def evidence(self) -> int:
        """How many different elements there are to go by.

        An element that has been seen before with the same number expected is no news. Where there
        are but a few different numbers, as in one-hot rows, it is their places that tell.
        """
        news = [_news(pair) for pair in self.wrong]
        places = sum(len(rows) // 8 for rows in news)
        return len(np.unique(np.concatenate(news), axis=0)) + places

    @cached_property
    def in_shape(self) -> bool:
        """Whether the shape is right in every case, and there are as many axes in all of them."""
        pairs = (*self.wrong, *self.right)
        return all(pair.in_shape for pair in pairs) and len({p.found.ndim for p in pairs}) == 1

    def hold(self, test: Test, needed: int = 2) -> bool:
        """Whether a relation holds: in each wrong case, and invisibly in each right one.

        Args:
            test: of one case.
            needed: so many different elements are asked for. Two can agree by chance with nothing
                that was not fitted to them; a number that is fitted takes one more.
        """
        return (
            self.evidence >= needed
            and all(test(pair) for pair in self.wrong)
            and all(test(pair) is not False for pair in self.right)
        )

    def source_names(self) -> Iterator[str]:
        """The words for the arrays that every wrong case has beside this one."""
        for name in self.first.sources:
            if all(name in pair.sources for pair in self.wrong):
                yield name


def pairs_of(samples: Sequence[Sample]) -> Pairs:
    """The samples that can tell a relation: not empty, finite, and of numbers.

    A result that is wrong by its type alone counts for neither side.
    """
    wrong, right = [], []
    for sample in samples:
        found, expected = numbers(sample.found), numbers(sample.expected)
        if found is None or expected is None or not found.size or not expected.size:
            continue
        if not (np.isfinite(found).all() and np.isfinite(expected).all()):
            continue
        pair = Pair(sample, found, expected)
        if not sample.wrong:
            right.append(pair)
        elif not pair.is_(expected):
            wrong.append(pair)
    return Pairs(wrong, right)


def numbers(value: Any) -> ndarray | None:
    """Something as a float64 array, if that is what it can be."""
    if isinstance(value, bool):
        return None
    plain = as_result(value)
    if isinstance(plain, Absent) or plain.dtype.kind == "c":
        return None
    return plain.astype(np.float64)


def _news(pair: Pair) -> ndarray:
    """Elements that are not what they must be, next to what they must be, to nine digits."""
    if not pair.in_shape:
        found = pair.found.ravel()
        rows = np.stack([found, np.zeros_like(found)], axis=1)[found != 0]
    else:
        off = pair.off()
        rows = np.stack([pair.found[off], pair.expected[off]], axis=1)
    scale = np.abs(rows).max(initial=0.0) or 1.0
    return np.round(rows / scale, 9) * scale
