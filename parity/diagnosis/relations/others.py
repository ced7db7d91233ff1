"""The result beside the other arrays of its case: one in place of another, a factor or a term too
many or too few, a product with the wrong factors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations, product

import numpy as np
from numpy import ndarray

from parity.diagnosis.relations.pairs import Pair, Pairs, Relation, numbers


def unchanged(pairs: Pairs) -> Relation | None:
    """What the learner's code showed before, under the same name or another one, where the right
    results differ from each other.
    """
    name = pairs.first.sample.name
    earlier = _earlier(pairs.first)
    for other in sorted(earlier, key=lambda word: _base(word) != _base(name)):

        def test(pair: Pair, other: str = other) -> bool | None:
            before = numbers(pair.sample.shown.get(other))
            wanted = numbers(pair.sample.wanted.get(other))
            if before is None or wanted is None:
                return None
            return pair.is_(before) and not (pair.sample.wrong and pair.same(wanted, pair.expected))

        if pairs.hold(test):
            if _base(name) == _base(other):
                return Relation(
                    "unchanged", f"It is your {other} again, as if nothing had changed."
                )
            return Relation("other result", f"It is your {other} again, not a result of its own.")
    return None


def another(pairs: Pairs) -> Relation | None:
    """Another right result of the case, one of its inputs, or a parameter."""
    if all(pair.found.size == 1 for pair in pairs.wrong):
        return None
    for source in pairs.source_names():
        if not pairs.hold(lambda pair, source=source: _is_source(pair, source)):  # type: ignore[misc]
            continue
        if source not in pairs.first.sample.wanted:
            what = source if source.startswith(("the", "params[")) else f"the input {source}"
            return Relation("input", f"It is {what}, unchanged.")
        if pairs.hold(lambda pair, source=source: _is_exchanged(pair, source)):  # type: ignore[misc]
            return Relation(
                "exchanged", f"It is the right {source}, and that one is this: they are exchanged."
            )
        return Relation("other result", f"It is the right {source}.")
    return None


def accumulated(pairs: Pairs) -> Relation | None:
    """The right one with an earlier one of the same kind still in it."""
    name = pairs.first.sample.name
    for other in _earlier(pairs.first):
        if _base(name) != _base(other):
            continue
        for shown in (True, False):

            def test(pair: Pair, other: str = other, shown: bool = shown) -> bool | None:
                results = pair.sample.shown if shown else pair.sample.wanted
                before = numbers(results.get(other))
                if before is None or before.shape != pair.expected.shape:
                    return None
                return pair.is_(pair.expected + before)

            if pairs.hold(test) and any(test(pair) for pair in pairs.wrong):
                return Relation("accumulated", f"It is the right one with {other} added to it.")
    return None


def _base(name: str) -> str:
    """The name of a result without what tells one time that it is looked at from another."""
    return re.split(r" of | after | at |, step ", name)[0]


def _earlier(pair: Pair) -> list[str]:
    """The names of what was shown before, the latest first."""
    shown = list(pair.sample.shown)
    name = pair.sample.name
    return shown[: shown.index(name)][::-1] if name in shown else []


def _is_source(pair: Pair, source: str) -> bool | None:
    return pair.is_(pair.sources[source]) if source in pair.sources else None


def _is_exchanged(pair: Pair, source: str) -> bool | None:
    other = numbers(pair.sample.shown.get(source))
    return other is not None and pair.same(other, pair.expected)


_Made = Callable[[ndarray], ndarray]

#: What is made of an array before it is a factor: itself, and derivatives of sigmoid and tanh.
_FACTORS: tuple[tuple[str, _Made], ...] = (
    ("{}", lambda a: a),
    ("(1 - {})", lambda a: 1 - a),
    ("{0} * (1 - {0})", lambda a: a * (1 - a)),
    ("(1 - {} ** 2)", lambda a: 1 - a * a),
)


def factor(pairs: Pairs) -> Relation | None:
    """A factor too many or too few, element by element."""
    for words, made in _FACTORS:
        for source in pairs.source_names():
            factors = [made(pair.sources[source]) for pair in pairs.wrong]
            if not all(map(_fits, factors, pairs.wrong)) or all(f.size == 1 for f in factors):
                continue
            named = words.format(source)

            def of(pair: Pair, source: str = source, made: _Made = made) -> ndarray | None:
                known = pair.sources.get(source)
                return made(known) if known is not None and _fits(made(known), pair) else None

            telling = sum(
                np.count_nonzero(pair.expected * f)
                for pair, f in zip(pairs.wrong, factors, strict=True)
            )
            # What a factor of 0 makes 0 says nothing of what it was.
            if telling < 2:
                continue
            if pairs.hold(lambda pair, of=of: _lacks(pair, of(pair))):  # type: ignore[misc]
                return Relation("missing factor", f"It lacks the factor {named}.")
            if pairs.hold(lambda pair, of=of: _has(pair, of(pair))):  # type: ignore[misc]
                return Relation("extra factor", f"It is the right one times {named}.")
    return None


def _fits(array: ndarray, pair: Pair) -> bool:
    """Whether an array can be a factor or a term of what was found, row by row at least."""
    shape = pair.expected.shape
    return (
        pair.in_shape
        and array.ndim == len(shape)
        and all(n in (1, m) for n, m in zip(array.shape, shape, strict=True))
    )


def _lacks(pair: Pair, array: ndarray | None) -> bool | None:
    return None if array is None else pair.same(pair.found * array, pair.expected)


def _has(pair: Pair, array: ndarray | None) -> bool | None:
    return None if array is None else pair.is_(pair.expected * array)


#: How often a term is missing, and what that is called. Twice: it is there with the other sign.
_TERMS = (
    (1.0, "missing term", "It lacks the term {}."),
    (-1.0, "extra term", "It is the right one plus {}."),
    (2.0, "sign of a term", "It has the term {} with the opposite sign."),
    (-2.0, "sign of a term", "It has the term {} with the opposite sign."),
)


def term(pairs: Pairs) -> Relation | None:
    """A term too many or too few."""
    for source in pairs.source_names():
        for sign, kind, words in _TERMS:

            def test(pair: Pair, source: str = source, sign: float = sign) -> bool | None:
                array = pair.sources.get(source)
                if array is None or not _fits(array, pair):
                    return None
                return pair.is_(pair.expected - sign * array)

            if all(test(pair) for pair in pairs.wrong) and pairs.hold(test):
                return Relation(kind, words.format(source))
    return None


def reduced(pairs: Pairs) -> Relation | None:
    """Another array of the case, summed over an axis, or its mean."""
    sources = [
        name
        for name in pairs.source_names()
        if not name.startswith("params[") and pairs.first.sources[name].size > 1
    ]
    for source, (words, reduce), keepdims in product(
        sources, (("sum", np.sum), ("mean", np.mean)), (False, True)
    ):
        for axis in (None, *range(pairs.first.sources[source].ndim)):

            def made(
                pair: Pair,
                source: str = source,
                reduce: Callable[..., ndarray] = reduce,
                axis: int | None = axis,
                keepdims: bool = keepdims,
            ) -> bool | None:
                array = pair.sources.get(source)
                if array is None or (axis is not None and axis >= array.ndim):
                    return None
                return pair.is_(reduce(array, axis=axis, keepdims=keepdims))

            if pairs.hold(made):
                over = "" if axis is None else f" over axis {axis}"
                return Relation("reduced", f"It is the {words} of {source}{over}.")
    return None


#: Of so many matrices all products are tried.
_MAX_MATRICES = 8


def matrix_product(pairs: Pairs) -> Relation | None:
    """A product of two matrices of the case, other ones than it should be, or the other way up."""
    matrices = [
        name
        for name in pairs.source_names()
        if name not in pairs.first.sample.wanted and pairs.first.sources[name].ndim == 2
    ][:_MAX_MATRICES]
    ways = list(product((False, True), repeat=2))
    found = right = ""
    for one, other in [pair for two in combinations(matrices, 2) for pair in (two, two[::-1])]:
        for first, second in ways:
            words = f"{one}{'.T' * first} @ {other}{'.T' * second}"

            def made(
                pair: Pair,
                names: tuple[str, str] = (one, other),
                turned: tuple[bool, bool] = (first, second),
            ) -> ndarray | None:
                a, b = (pair.sources.get(name) for name in names)
                if a is None or b is None or a.ndim != 2 or b.ndim != 2:
                    return None
                a, b = (a.T if turned[0] else a), (b.T if turned[1] else b)
                shapes = (pair.found.shape, pair.expected.shape)
                fits = a.shape[1] == b.shape[0] and (a.shape[0], b.shape[1]) in shapes
                return a @ b if fits else None

            if not found and pairs.hold(lambda pair, made=made: _is_made(pair, made(pair))):  # type: ignore[misc]
                found = words
            if all(_is_right(pair, made(pair)) for pair in pairs.wrong):
                right = words
    if found and right:
        return Relation("other product", f"It is {found}, must be {right}.")
    return Relation("other product", f"It is {found}, another product.") if found else None


def _is_right(pair: Pair, product_: ndarray | None) -> bool:
    return product_ is not None and pair.same(product_, pair.expected)


def _is_made(pair: Pair, product_: ndarray | None) -> bool | None:
    return None if product_ is None else pair.is_(product_)
