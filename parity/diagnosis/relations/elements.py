"""The right result element by element: nothing of it, a function of it, so many digits of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray

from parity.comparison import same_result
from parity.diagnosis.relations.pairs import Pair, Pairs, Relation, Sample, numbers

#: What may have been done to each element of the right result.
_FUNCTIONS: tuple[tuple[str, str, Callable[[ndarray], ndarray]], ...] = (
    ("squared", "It is the square of the right one.", np.square),
    ("square root", "It is the square root of the right one.", np.sqrt),
    ("absolute", "It is the absolute value of the right one.", np.abs),
    ("clipped", "It is the right one where that is positive, and 0 elsewhere.",
     lambda e: np.maximum(e, 0)),
    ("clipped", "It is the right one where that is negative, and 0 elsewhere.",
     lambda e: np.minimum(e, 0)),
    ("inverse", "It is 1 over the right one.", lambda e: 1 / e),
    ("complement", "It is 1 minus the right one.", lambda e: 1 - e),
    ("exponential", "It is exp of the right one.", np.exp),
    ("logarithm", "It is the logarithm of the right one.", np.log),
    ("sign", "It is the sign of the right one, -1 or 1.", np.sign),
    ("rounded", "It is the right one, rounded to whole numbers.", np.round),
    ("rounded", "It is the right one, rounded down to whole numbers.", np.floor),
    ("sigmoid", "It is the sigmoid of the right one.", lambda e: 1 / (1 + np.exp(-e))),
    ("tanh", "It is tanh of the right one.", np.tanh),
)  # fmt: skip


def zero(pairs: Pairs) -> Relation | None:
    """All zeros, or some other number everywhere."""
    if pairs.hold(lambda pair: not pair.found.any()):
        return Relation("zero", "It is 0 everywhere.", 0.0)
    number = float(pairs.first.found.flat[0])
    several = any(pair.found.size > 1 for pair in pairs.wrong)
    if several and pairs.hold(lambda pair: bool((pair.found == number).all()), needed=3):
        return Relation("one number", f"It is {number:.6g} everywhere.", number)
    return None


def function_of(pairs: Pairs) -> Relation | None:
    """A function of the right one. Where no element tells it from the right one, it proves
    nothing; numbers that are 0 or 1 have many such functions, hence one element more.
    """
    for kind, sentence, function in _FUNCTIONS:
        if pairs.hold(
            lambda pair, function=function: pair.in_shape and pair.is_(function(pair.expected)),  # type: ignore[misc]
            needed=3,
        ):
            return Relation(kind, sentence)
    return None


def single_precision(pairs: Pairs) -> Relation | None:
    """Right by float32's tolerance in float64 cases, and nowhere else wrong."""

    def test(pair: Pair) -> bool | None:
        if pair.sample.case.dtype != "float64" or pair.sample.case.tolerance == "numeric":
            return None
        return same_result(pair.found, pair.expected, dtype="float32")

    if pairs.hold(test) and any(test(pair) for pair in pairs.wrong):
        return Relation(
            "float32", "It agrees to some 7 digits only, as if part of it were computed in float32."
        )
    return None


def nearly(pairs: Pairs) -> Relation | None:
    """Off by little everywhere, more than rounding is."""
    if not all(pair.in_shape for pair in pairs.wrong):
        return None
    errors = [
        float(np.abs(pair.found - pair.expected).max() / np.abs(pair.expected).max())
        for pair in pairs.wrong
        if pair.expected.any()
    ]
    if len(errors) < len(pairs.wrong) or pairs.evidence < 2 or max(errors) > 1e-3:
        return None
    digits = int(-np.log10(max(errors)))
    return Relation(
        "nearly right",
        f"It agrees to {digits} digits: look for a rounded constant or a small number added.",
        max(errors),
    )


def not_a_number(samples: Sequence[Sample]) -> Relation | None:
    """Right wherever it is a number at all, where no wrong case has nothing but numbers."""
    seen = 0
    words = set()
    for sample in samples:
        found, expected = numbers(sample.found), numbers(sample.expected)
        if not sample.wrong or found is None or expected is None or not found.size:
            continue
        finite = np.isfinite(found)
        if finite.all() or found.shape != expected.shape or not np.isfinite(expected).all():
            return None
        pair = Pair(sample, np.where(finite, found, expected), expected)
        if not pair.is_(expected):
            return None
        seen += int(finite.sum())
        words |= {"NaN" if np.isnan(number) else "infinite" for number in found[~finite]}
    if seen < 2 or not words:
        return None
    return Relation("not a number", f"It is right wherever it is not {' or '.join(sorted(words))}.")
