"""A part of the result is right: some rows, time steps, the inside of an image, one sign of the
input; or all is right up to a number for each row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.diagnosis.relations.axes import axis_names, axis_words, is_parameter, spatial_axes
from parity.diagnosis.relations.pairs import Pair, Pairs, Relation

#: What only a part of an axis can be, from most to least telling.
_PARTS: tuple[tuple[str, slice, slice], ...] = (
    ("first", slice(0, 1), slice(1, None)),
    ("last", slice(-1, None), slice(None, -1)),
)


def slices(pairs: Pairs) -> Relation | None:
    """Right in the first or the last row, time step, … only; or everywhere but there."""
    if not pairs.in_shape:
        return None
    names = axis_names(pairs.first.sample, pairs.first.sample.name, pairs.first.expected.shape)
    for axis, word in enumerate(names):
        for which, one, rest in _PARTS:
            noun = _noun(word, axis)
            noun = "element" if len(names) == 1 else noun
            if _is_right_only(pairs, axis, one, rest):
                zero = all(not _cut(pair.found, axis, rest).any() for pair in pairs.wrong)
                others = "the rest is 0" if zero else "the rest is not"
                return Relation(f"{which} only", f"Its {which} {noun} is right, {others}.")
            if _is_right_only(pairs, axis, rest, one):
                return Relation(f"{which} wrong", f"All of it is right but the {which} {noun}.")
    return None


def _noun(word: str, axis: int) -> str:
    nouns = {"batch": "row of the batch", "time": "time step"}
    return nouns.get(word, f"slice along {axis_words((word,), 0)}")


def _is_right_only(pairs: Pairs, axis: int, right: slice, wrong: slice) -> bool:
    """Whether one part is right in all cases that have the other, and the other is wrong there."""
    seen: list[ndarray] = []

    def test(pair: Pair) -> bool | None:
        if pair.expected.shape[axis] < 2:
            return None
        off = np.moveaxis(pair.off(), axis, 0)
        found = np.moveaxis(pair.found, axis, 0)
        if pair.sample.wrong:
            seen.append(found[right])
        return not off[right].any() and bool(off[wrong].any())

    holds = all(test(pair) for pair in pairs.wrong) and not any(
        test(pair) is False for pair in pairs.right
    )
    if not holds or pairs.evidence < 2:
        return False
    return _different(seen) >= 2


def _cut(array: ndarray, axis: int, part: slice) -> ndarray:
    return np.moveaxis(array, axis, 0)[part]


def _different(parts: list[ndarray]) -> int:
    """How many different numbers there are, apart from 0."""
    return len(np.unique(np.concatenate([part[part != 0].ravel() for part in parts])))


def at_border(pairs: Pairs) -> Relation | None:
    """Right inside of the images, wrong at their border."""
    first = pairs.first
    axes = spatial_axes(first.sample, first.expected.ndim)
    if not axes or not pairs.in_shape or is_parameter(first.sample.name):
        return None
    for wide in (1, 2):

        def border(pair: Pair, wide: int = wide) -> ndarray:
            return _border(pair.expected.shape, axes, wide)

        if _wrong_only(pairs, border):
            noun = "rows and columns" if axes == 2 else "elements"
            width = f"the {'' if wide == 1 else 'two '}outermost {noun}"
            return Relation("border", f"It is right inside, and wrong at the border ({width}).")
    return None


def _border(shape: tuple[int, ...], axes: int, wide: int) -> ndarray:
    border = np.ones(shape, dtype=bool)
    inside: Any = (..., *(slice(wide, max(n - wide, wide)) for n in shape[-axes:]))
    border[inside] = False
    return border


#: Where an input may be special.
_WHERE: tuple[tuple[str, str, Callable[[ndarray], ndarray]], ...] = (
    ("kink", "{} is 0", lambda a: a == 0),
    ("ties", "elements of {} are equal", lambda a: _tied(a)),
    ("sign", "{} is negative", lambda a: a < 0),
    ("sign", "{} is positive", lambda a: a > 0),
    ("nonzero", "{} is not 0", lambda a: a != 0),
)


def where_special(pairs: Pairs) -> Relation | None:
    """Wrong only where an input of the same shape, or the right result, is 0, negative, tied, …"""
    names = [
        name
        for name in pairs.source_names()
        if name in pairs.first.sample.inputs
        and all(pair.sources[name].shape == pair.expected.shape for pair in pairs.wrong)
    ]
    for kind, words, special in _WHERE:
        for name in names:

            def where(
                pair: Pair, name: str = name, special: Callable[[ndarray], ndarray] = special
            ) -> ndarray | None:
                array = pair.sources.get(name)
                return (
                    None if array is None or array.shape != pair.expected.shape else special(array)
                )

            if _wrong_only(pairs, where):
                return Relation(kind, f"It is wrong only where {words.format(name)}.")
    if _wrong_only(pairs, lambda pair: pair.expected < 0):
        return Relation("sign", "It is wrong only where the right one is negative.")
    if _wrong_only(pairs, lambda pair: pair.expected > 0):
        return Relation("sign", "It is wrong only where the right one is positive.")
    return None


def _tied(array: ndarray) -> ndarray:
    """Where a number stands that stands there more than once."""
    _, where, counts = np.unique(array, return_inverse=True, return_counts=True)
    return np.asarray(counts[where.reshape(array.shape)] > 1)


def _wrong_only(pairs: Pairs, where: Callable[[Pair], ndarray | None]) -> bool:
    """Whether nothing is wrong elsewhere, something is right there, and that is no chance.

    Were the wrong elements drawn by lot among all of the wrong cases, they would fall into that
    part once in 10,000 times at most; and most of that part must be wrong.
    """
    if not all(pair.in_shape for pair in pairs.wrong):
        return False
    log_chance, wrong, special, elsewhere = 0.0, 0, 0, 0
    for pair in pairs.wrong:
        mask, off = where(pair), pair.off()
        if mask is None or (off & ~mask).any():
            return False
        count, share = int(off.sum()), float(mask.mean())
        log_chance += count * np.log10(share) if share else 0.0
        wrong, special = wrong + count, special + int(mask.sum())
        elsewhere += int((~mask & (pair.expected != 0)).sum())
    return log_chance < -4 and elsewhere >= 2 and wrong >= special / 3


def gaps(pairs: Pairs) -> Relation | None:
    """Right but for elements that are 0."""
    seen = [pair.found[~pair.off()] for pair in pairs.wrong if pair.in_shape]
    if len(seen) < len(pairs.wrong) or _different(seen) < 3:
        return None
    if pairs.hold(lambda pair: pair.is_(np.where(pair.found == 0, 0, pair.expected))):
        return Relation("gaps", "Some of its elements are 0, the others are right.", 0.0)
    return None


def by_row(pairs: Pairs) -> Relation | None:
    """Right up to a number for each row, or each column: a term, or a factor."""
    first = pairs.first
    names = axis_names(first.sample, first.sample.name, first.expected.shape)
    if not pairs.in_shape or len(names) < 2:
        return None
    for axis in reversed(range(len(names))):
        along = axis_words(names, axis)
        if _is_fitted(pairs, axis, _row_offset):
            return Relation(
                "row offset", f"It is right up to a number added, the same one along {along}."
            )
        if _is_fitted(pairs, axis, _row_factor) and _is_varied(pairs, axis):
            return Relation(
                "row factor", f"It is right up to a factor, the same one along {along}."
            )
    return None


def _is_varied(pairs: Pairs, axis: int) -> bool:
    """Whether rows are no multiples of each other: those of a gradient over a batch of one are."""
    return any(
        np.linalg.matrix_rank(
            np.moveaxis(pair.expected, axis, -1).reshape(-1, pair.expected.shape[axis])
        )
        > 1
        for pair in pairs.wrong
    )


def _row_offset(pair: Pair, axis: int) -> ndarray:
    return np.asarray(pair.expected + (pair.found - pair.expected).mean(axis=axis, keepdims=True))


def _row_factor(pair: Pair, axis: int) -> ndarray:
    length = (pair.expected**2).sum(axis=axis, keepdims=True)
    factor = (pair.found * pair.expected).sum(axis=axis, keepdims=True) / np.where(
        length == 0, 1, length
    )
    return np.asarray(pair.expected * factor)


def _is_fitted(pairs: Pairs, axis: int, fitted: Callable[[Pair, int], ndarray]) -> bool:
    """Whether it holds with one number for each row: there must be far more elements than that."""
    numbers = sum(pair.expected.size // pair.expected.shape[axis] for pair in pairs.wrong)
    elements = sum(int(pair.off().sum()) for pair in pairs.wrong)
    if elements - numbers < 3 or pairs.evidence < 5:
        return False
    return pairs.hold(lambda pair: pair.is_(fitted(pair, axis)))
