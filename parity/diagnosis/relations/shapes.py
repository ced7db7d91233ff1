"""The right numbers in another arrangement: shapes, sums over axes, transposed, flipped, shifted,
in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, combinations, permutations

import numpy as np
from numpy import ndarray

from parity.diagnosis.relations.axes import axis_names, axis_words
from parity.diagnosis.relations.pairs import Pair, Pairs, Relation

_Reduce = Callable[[ndarray], ndarray | None]


def lengths_of_one(pairs: Pairs) -> Relation | None:
    """An axis of length 1 too many or too few."""

    def test(pair: Pair) -> bool | None:
        return pair.same(pair.found.squeeze(), pair.expected.squeeze())

    if any(pair.in_shape for pair in pairs.wrong) or not pairs.hold(test):
        return None
    pair = next((p for p in pairs.wrong if p.found.size > 1), pairs.first)
    if pair.found.ndim == pair.expected.ndim:
        return None
    change = "lacks an axis" if pair.found.ndim < pair.expected.ndim else "has an axis too many"
    return Relation(
        "axis of 1",
        f"Its numbers are right, but it {change}: {pair.found.shape}, must be "
        f"{pair.expected.shape}.",
    )


def summed(pairs: Pairs) -> Relation | None:
    """Summed over an axis that must stay, or not summed over one that must go; or the mean."""
    if any(pair.in_shape for pair in pairs.wrong):
        return None
    ndim = max(pairs.first.found.ndim, pairs.first.expected.ndim)
    axes = [*((i,) for i in range(ndim)), *combinations(range(ndim), 2), tuple(range(ndim))]
    for over in dict.fromkeys(axes):
        for words, reduce in (("sum", np.sum), ("mean", np.mean), ("largest", np.max)):
            for keepdims in (True, False):
                done = _over(over, reduce, keepdims)

                def too_much(pair: Pair, done: _Reduce = done) -> bool:
                    return _gives(pair, done(pair.expected), pair.found)

                def too_little(pair: Pair, done: _Reduce = done) -> bool:
                    return _gives(pair, done(pair.found), pair.expected)

                if pairs.hold(too_much):
                    return _summed(pairs, over, words, of="expected")
                if pairs.hold(too_little):
                    return _summed(pairs, over, words, of="found")
    return None


def _over(over: tuple[int, ...], reduce: Callable[..., ndarray], keepdims: bool) -> _Reduce:
    def done(array: ndarray) -> ndarray | None:
        return None if max(over) >= array.ndim else reduce(array, axis=over, keepdims=keepdims)

    return done


def _gives(pair: Pair, made: ndarray | None, result: ndarray) -> bool:
    return made is not None and pair.same(made, result)


def _summed(pairs: Pairs, over: tuple[int, ...], words: str, of: str) -> Relation:
    pair = pairs.first
    array = pair.expected if of == "expected" else pair.found
    names = axis_names(pair.sample, pair.sample.name if of == "expected" else "", array.shape)
    where = "all its axes" if len(over) == array.ndim > 1 else _and(names, over)
    verb = {"sum": "summed", "mean": "averaged", "largest": "reduced to the largest"}[words]
    if of == "expected":
        return Relation("summed", f"It is the right one {verb} over {where}.")
    return Relation("not summed", f"It is not {verb} over {where}; then it would be right.")


def _and(names: tuple[str, ...], axes: tuple[int, ...]) -> str:
    return " and ".join(axis_words(names, axis) for axis in axes)


def repeated(pairs: Pairs) -> Relation | None:
    """The right one over and over along an axis, or one slice of it."""
    if any(pair.in_shape for pair in pairs.wrong):
        return None

    def broadcast(pair: Pair) -> bool | None:
        try:
            return pair.is_(np.broadcast_to(pair.expected, pair.found.shape))
        except ValueError:
            return False

    if pairs.hold(broadcast):
        return Relation("repeated", "It is the right one, repeated along an axis.")
    for axis in range(pairs.first.expected.ndim):
        for index, words in ((0, "first"), (-1, "last")):
            for keep in (False, True):

                def one(
                    pair: Pair, axis: int = axis, index: int = index, keep: bool = keep
                ) -> bool | None:
                    if axis >= pair.expected.ndim:
                        return False
                    slice_ = np.take(pair.expected, index, axis)
                    return pair.is_(np.expand_dims(slice_, axis) if keep else slice_)

                if pairs.hold(one):
                    where = axis_words(_names(pairs), axis)
                    return Relation(
                        "slice", f"It is the right one, the {words} along {where} only."
                    )
    return _border(pairs)


def _border(pairs: Pairs) -> Relation | None:
    """With padding left on, or with the border cut off."""
    for wide, (of, words) in (
        (wide, side) for wide in (1, 2, 3) for side in ((True, "still on"), (False, "cut off"))
    ):

        def test(pair: Pair, wide: int = wide, of: bool = of) -> bool | None:
            outer, inner = (pair.found, pair.expected)[:: 1 if of else -1]
            if outer.ndim != inner.ndim:
                return False
            cut = tuple(
                slice(wide, n - wide) if n != m else slice(None)
                for n, m in zip(outer.shape, inner.shape, strict=True)
            )
            return pair.same(outer[cut], inner)

        if pairs.hold(test, needed=3):
            return Relation("border", f"It is the right one with a border of {wide} {words}.", wide)
    return None


def transposed(pairs: Pairs) -> Relation | None:
    """Axes exchanged, in right shape or in transposed shape."""
    ndim = pairs.first.expected.ndim
    for axes in _orders(ndim):

        def test(pair: Pair, axes: tuple[int, ...] = axes) -> bool | None:
            if pair.expected.ndim != len(axes):
                return False
            return pair.is_(pair.expected.transpose(axes))

        if pairs.hold(test):
            if ndim == 2:
                return Relation("transposed", "It is the right one, transposed.")
            moved = [i for i, axis in enumerate(axes) if i != axis]
            if len(moved) == 2:
                where = _and(_names(pairs), tuple(moved))
                return Relation("transposed", f"It is the right one with {where} exchanged.")
            return Relation("transposed", f"It is the right one transposed to axes {axes}.")
    return None


def _orders(ndim: int) -> Iterator[tuple[int, ...]]:
    """Other orders of the axes: those with two exchanged first."""
    straight = tuple(range(ndim))
    orders = permutations(straight) if ndim <= 4 else _exchanges(straight)
    return iter(
        sorted(
            (axes for axes in orders if axes != straight),
            key=lambda axes: sum(i != axis for i, axis in enumerate(axes)),
        )
    )


def _exchanges(straight: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for i, j in combinations(straight, 2):
        yield tuple(j if k == i else i if k == j else k for k in straight)


def reshaped(pairs: Pairs) -> Relation | None:
    """The right numbers in the right order, in another shape; or reshaped where axes must move."""
    if not any(pair.in_shape for pair in pairs.wrong) and pairs.hold(
        lambda pair: pair.same(pair.found.ravel(), pair.expected.ravel())
    ):
        return Relation("reshaped", "Its numbers are right and in order; reshape it.")
    if pairs.hold(lambda pair: pair.same(pair.found.ravel(), pair.expected.ravel(order="F"))):
        return Relation("reshaped", "Its numbers are right, but run down the columns (order 'F').")
    for axes in _orders(pairs.first.expected.ndim):

        def test(pair: Pair, axes: tuple[int, ...] = axes) -> bool | None:
            if pair.expected.ndim != len(axes):
                return False
            return pair.same(pair.found.ravel(), pair.expected.transpose(axes).ravel())

        if pairs.hold(test):
            return Relation(
                "reshaped", "Its numbers are right, but reshaped where axes must be transposed."
            )
    return None


def flipped(pairs: Pairs) -> Relation | None:
    """Turned round along one axis or several."""
    if not pairs.in_shape or pairs.first.expected.ndim > 5:
        return None
    ndim = pairs.first.expected.ndim
    for axes in chain.from_iterable(combinations(range(ndim), n) for n in range(1, ndim + 1)):
        if pairs.hold(lambda pair, axes=axes: pair.is_(np.flip(pair.expected, axes))):  # type: ignore[misc]
            names = _names(pairs)
            if axes == (1,) and names[1:2] == ("time",):
                return Relation("reversed", "It is the right one, reversed in time.")
            return Relation(
                "flipped", f"It is the right one turned round along {_and(names, axes)}."
            )
    return None


def shifted(pairs: Pairs) -> Relation | None:
    """Some steps late or early along an axis, with the end come round or with anything there."""
    if not pairs.in_shape:
        return None
    names = _names(pairs)
    for axis, by in _shifts(pairs):
        words = "step" if abs(by) == 1 else "steps"
        where = f"along {axis_words(names, axis)}"
        if names[axis] == "time":
            words, where = f"time {words}", ""
        way = f"{abs(by)} {words} {'late' if by > 0 else 'early'}"
        if pairs.hold(lambda pair, axis=axis, by=by: pair.is_(np.roll(pair.expected, by, axis))):  # type: ignore[misc]
            sentence = f"It is the right one {way} {where}".rstrip() + ", and goes round."
            return Relation("rolled", sentence, by)
        if _is_shifted(pairs, axis, by):
            return Relation("shifted", f"It is the right one {way} {where}".rstrip() + ".", by)
    return None


def _shifts(pairs: Pairs) -> Iterator[tuple[int, int]]:
    longest = max(pairs.wrong, key=lambda pair: pair.expected.size).expected.shape
    for by in range(1, 9):
        for axis, length in enumerate(longest):
            if by < length:
                yield from ((axis, by), (axis, -by))


def _is_shifted(pairs: Pairs, axis: int, by: int) -> bool:
    """Whether it holds wherever an axis is long enough, with elements enough to go by."""
    seen: list[ndarray] = []

    def test(pair: Pair) -> bool | None:
        length = pair.expected.shape[axis]
        if length <= abs(by):
            return not pair.found.any() if pair.sample.wrong else None
        late = np.arange(max(by, 0), length + min(by, 0))
        found, expected = (
            np.take(pair.found, late, axis),
            np.take(pair.expected, late - by, axis),
        )
        seen.append(found)
        return pair.same(found, expected)

    tests = [test(pair) for pair in pairs.wrong]
    if False in tests or None in tests or any(test(pair) is False for pair in pairs.right):
        return False
    return len(np.unique(np.concatenate([f[f != 0].ravel() for f in seen]))) >= 3


def permuted(pairs: Pairs) -> Relation | None:
    """Rows, columns, … in another order; blocks of them exchanged."""
    if not pairs.in_shape:
        return None
    names = _names(pairs)
    for axis in range(pairs.first.expected.ndim):
        if pairs.hold(lambda pair, axis=axis: _is_permuted(pair, axis), needed=3):  # type: ignore[misc]
            where = axis_words(names, axis)
            return Relation("permuted", f"It is the right one, in another order along {where}.")
    return None


def _is_permuted(pair: Pair, axis: int) -> bool:
    found, expected = (
        np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
        for array in (pair.found, pair.expected)
    )
    if len(found) > 64 or found.size > 20_000:
        return False
    distance = np.abs(found[:, None] - expected[None]).max(axis=2)
    order = distance.argmin(axis=1)
    if len(set(order.tolist())) < len(order):
        return False
    return pair.same(found, expected[order])


def reordered(pairs: Pairs) -> Relation | None:
    """The right numbers in the wrong places."""
    if pairs.hold(
        lambda pair: pair.same(np.sort(pair.found, None), np.sort(pair.expected, None)), 4
    ):
        return Relation("another order", "Its numbers are right, but in the wrong places.")
    return None


def _names(pairs: Pairs) -> tuple[str, ...]:
    first = pairs.first
    return axis_names(first.sample, first.sample.name, first.expected.shape)
