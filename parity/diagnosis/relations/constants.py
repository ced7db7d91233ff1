"""The right result times a constant, or plus one.

Constants that mean something come before those that do not: plain ones (-1, 2, 1/2), sizes and
options of the case, two of them together, and in the end any one number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy import ndarray

from parity.diagnosis.relations.axes import axis_names
from parity.diagnosis.relations.pairs import Pair, Pairs, Relation

_PLAIN = (-1.0, 2.0, 0.5, -2.0, -0.5, 4.0, 0.25)

_Form = tuple[str, Callable[[float], float]]

#: What may be made of one number, from what is common to what is not.
_FORMS: tuple[_Form, ...] = (
    ("times {}", lambda s: s),
    ("divided by {}", lambda s: 1 / s),
    ("times minus {}", lambda s: -s),
    ("divided by minus {}", lambda s: -1 / s),
    ("times 2 over {}", lambda s: 2 / s),
    ("times half of {}", lambda s: s / 2),
    ("times twice {}", lambda s: 2 * s),
    ("divided by twice {}", lambda s: 0.5 / s),
    ("times -2 over {}", lambda s: -2 / s),
    ("times 1 minus {}", lambda s: 1 - s),
    ("divided by 1 minus {}", lambda s: 1 / (1 - s)),
    ("times the square root of {}", lambda s: math.sqrt(s)),
    ("divided by the square root of {}", lambda s: 1 / math.sqrt(s)),
    ("times the square of {}", lambda s: s * s),
    ("divided by the square of {}", lambda s: 1 / (s * s)),
)

#: And of two.
_JOINED: tuple[tuple[str, Callable[[float, float], float]], ...] = (
    ("times {} times {}", lambda s, t: s * t),
    ("divided by {} and by {}", lambda s, t: 1 / (s * t)),
    ("times {} over {}", lambda s, t: s / t),
    ("divided by {} times {}", lambda s, t: t / s),
    ("times minus {} over {}", lambda s, t: -s / t),
    ("divided by minus {} times {}", lambda s, t: -t / s),
)

_ADDED: tuple[_Form, ...] = (
    ("plus {}", lambda s: s),
    ("minus {}", lambda s: -s),
    ("plus 1 over {}", lambda s: 1 / s),
    ("minus 1 over {}", lambda s: -1 / s),
)

#: What is often divided by: something of the right result itself.
_OWN: tuple[tuple[str, Callable[[ndarray], Any]], ...] = (
    ("its norm", np.linalg.norm),
    ("its sum", np.sum),
    ("its largest element", np.max),
    ("its mean", np.mean),
    ("its standard deviation", np.std),
)


@dataclass(frozen=True)
class _Fit:
    """The one constant of each case, and what it gives.

    Attributes:
        pairs: over which a relation must hold.
        apply: the right result with a constant.
        constants: of each wrong case.
        known: the symbols of each case, once they are asked for.
    """

    pairs: Pairs
    apply: Callable[[Pair, float], ndarray]
    constants: tuple[float, ...]
    known: dict[Pair, Mapping[str, float]] = field(default_factory=dict)

    def symbols(self, pair: Pair) -> Mapping[str, float]:
        """The numbers of a case that a constant may be made of, by the words for them."""
        if pair not in self.known:
            self.known[pair] = _symbols(pair)
        return self.known[pair]

    def holds(self, value: Callable[[Pair], float], needed: int = 2) -> bool:
        """Whether the constant is that in every case; what cannot be computed is another."""
        try:
            values = [value(pair) for pair in self.pairs.wrong]
        except (KeyError, ZeroDivisionError, ValueError):
            return False
        near = all(
            math.isclose(constant, v, rel_tol=2e-2, abs_tol=1e-2)
            for constant, v in zip(self.constants, values, strict=True)
        )
        return near and self.pairs.hold(lambda pair: self._test(pair, value), needed)

    def _test(self, pair: Pair, value: Callable[[Pair], float]) -> bool | None:
        try:
            return pair.is_(self.apply(pair, value(pair)))
        except (KeyError, ZeroDivisionError, ValueError):
            return None


def times(pairs: Pairs) -> Relation | None:
    """The right one times a constant."""
    fit = _fit(pairs, _ratio, lambda pair, constant: pair.expected * constant)
    if fit is None:
        return None
    if fit.holds(lambda _: -1.0):
        return Relation("negative", "It is the right one with the opposite sign.", -1.0)
    for plain in _PLAIN:
        if fit.holds(lambda _, plain=plain: plain):  # type: ignore[misc]
            return _constant(f"times {plain:g}", plain)
    named = _named(fit, _FORMS) or _joined(fit)
    if named is not None:
        return named
    for words, divisor in _OWN if _is_many(pairs) else ():
        if fit.holds(lambda pair, divisor=divisor: 1 / float(divisor(pair.expected))):  # type: ignore[misc]
            return Relation("normalised", f"It is the right one divided by {words}.")
    if (number := _common(fit)) is not None:
        return _constant(f"times {number:.6g}", number)
    if _is_many(pairs):
        return Relation(
            "factor",
            f"It is the right one times {_own_number(fit)}.",
            fit.constants[0],
        )
    return None


def plus(pairs: Pairs) -> Relation | None:
    """The right one plus a constant."""
    fit = _fit(pairs, _offset, lambda pair, constant: pair.expected + constant)
    if fit is None:
        return None
    for plain in (1.0, -1.0):
        if fit.holds(lambda _, plain=plain: plain):  # type: ignore[misc]
            return Relation("offset", f"It is the right one {_sign(plain)} 1.", plain)
    named = _named(fit, _ADDED)
    if named is not None:
        return Relation("offset", named.sentence, named.constant)
    if (number := _common(fit)) is not None:
        words = f"{_sign(number)} {abs(number):.6g}"
        return Relation("offset", f"It is the right one {words}.", number)
    if _is_many(pairs):
        return Relation(
            "offset",
            f"It is the right one plus {_own_number(fit)}.",
            fit.constants[0],
        )
    return None


def step(pairs: Pairs) -> Relation | None:
    """A parameter after an update: its change is the right one times a constant."""
    if not pairs.first.sample.name.startswith(("params", "weights")):
        return None
    for source in pairs.source_names():
        if all(pair.sources[source].shape == pair.found.shape for pair in pairs.wrong):
            relation = _step_from(pairs, source)
            if relation is not None:
                return relation
    return None


def _step_from(pairs: Pairs, source: str) -> Relation | None:
    def ratio(pair: Pair) -> float:
        start = pair.sources[source]
        return _slope(pair.found - start, pair.expected - start)

    def apply(pair: Pair, constant: float) -> ndarray:
        start = pair.sources[source]
        return start + constant * (pair.expected - start)

    fit = _fit(pairs, ratio, apply)
    if fit is None or not all(any_nonzero(pair.sources[source]) for pair in pairs.wrong):
        return None
    if fit.holds(lambda _: -1.0):
        return Relation("step", f"It goes from {source} in the opposite direction.", -1.0)
    named = _named(fit, _FORMS[:9])
    number = named.constant if named is not None else _common(fit)
    if number is None:
        return None
    return Relation("step", f"Its step from {source} is the right one times {number:.6g}.", number)


def any_nonzero(array: ndarray) -> bool:
    """Whether an array is more than zeros."""
    return bool(np.any(array))


def _fit(
    pairs: Pairs, of: Callable[[Pair], float], apply: Callable[[Pair, float], ndarray]
) -> _Fit | None:
    """The constants, if each wrong case has one."""
    if not all(pair.in_shape for pair in pairs.wrong):
        return None
    constants = []
    for pair in pairs.wrong:
        constant = of(pair)
        if not math.isfinite(constant) or not pair.is_(apply(pair, constant)):
            return None
        constants.append(constant)
    return _Fit(pairs, apply, tuple(constants))


def _ratio(pair: Pair) -> float:
    slope = _slope(pair.found, pair.expected)
    return slope if slope else math.nan


def _slope(found: ndarray, expected: ndarray) -> float:
    length = float((expected * expected).sum())
    return float((found * expected).sum()) / length if length else math.nan


def _offset(pair: Pair) -> float:
    return float((pair.found - pair.expected).mean())


def _sign(number: float) -> str:
    return "plus" if number > 0 else "minus"


def _constant(words: str, number: float) -> Relation:
    return Relation("constant", f"It is the right one {words}.", number)


def _named(fit: _Fit, forms: tuple[_Form, ...]) -> Relation | None:
    first = fit.symbols(fit.pairs.first)
    for words, form in forms:
        for name, size in first.items():
            if fit.holds(lambda pair, name=name, form=form: form(fit.symbols(pair)[name])):  # type: ignore[misc]
                return _constant(words.format(_with_value(name, size)), form(size))
    return None


def _joined(fit: _Fit) -> Relation | None:
    first = fit.symbols(fit.pairs.first)
    for words, form in _JOINED:
        for (name, size), (other, length) in combinations(first.items(), 2):

            def value(
                pair: Pair,
                form: Callable[[float, float], float] = form,
                names: tuple[str, str] = (name, other),
            ) -> float:
                known = fit.symbols(pair)
                return form(known[names[0]], known[names[1]])

            if fit.holds(value):
                named = words.format(_with_value(name, size), _with_value(other, length))
                return _constant(named, form(size, length))
    return None


def _common(fit: _Fit) -> float | None:
    """The one number that is the same in all cases."""
    exact = [
        constant
        for constant, pair in zip(fit.constants, fit.pairs.wrong, strict=True)
        if pair.sample.case.dtype == "float64"
    ]
    constant = [*exact, *fit.constants][0]
    for number in (float(f"{constant:.6g}"), constant):
        if fit.holds(lambda _, number=number: number, needed=3):  # type: ignore[misc]
            return number
    return None


def _own_number(fit: _Fit) -> str:
    number = f"{fit.constants[0]:.4g}"
    if len(fit.constants) == 1:
        return number
    return f"a number, another one in each case ({number} in the first)"


def _is_many(pairs: Pairs) -> bool:
    """Whether each case has elements enough for a number of its own."""
    return all(len(np.unique(pair.expected)) >= 3 for pair in pairs.wrong)


def _symbols(pair: Pair) -> Mapping[str, float]:
    known: dict[str, float] = {}
    for name, number in _sizes(pair):
        known.setdefault(name, float(number))
    for name, value in _options(pair.sample.case.options):
        known.setdefault(name, value)
    return known


def _sizes(pair: Pair) -> Iterator[tuple[str, int]]:
    sample = pair.sample
    for number, (name, array) in enumerate(sample.inputs.items()):
        names = axis_names(sample, name, array.shape)
        for axis, length in enumerate(array.shape):
            yield _size_words(name, names[axis], axis, first=not number), length
        if not number:
            yield f"the number of elements of {name}", array.size
        if names[-2:] == ("height", "width"):
            yield "the number of pixels", array.shape[-1] * array.shape[-2]
        if names[-2:] == ("filter height", "filter width"):
            yield "the filter's area", array.shape[-1] * array.shape[-2]
    for axis, length in enumerate(pair.expected.shape):
        yield f"its own size along axis {axis}", length
    yield "the number of its elements", pair.expected.size


def _size_words(name: str, axis_name: str, axis: int, first: bool) -> str:
    if axis_name == "batch":
        return "the batch size"
    if axis_name == "time":
        return "the number of time steps"
    if axis_name == "feature" and name in ("prediction", "target"):
        return "the number of columns"
    if axis_name == "feature" and ("out_grad" in name or name == "output_grad"):
        return "the number of outputs"
    if axis_name == "feature" and first:
        return "the number of features"
    if axis_name == "channel" and first:
        return "the number of channels"
    if axis_name.endswith(("height", "width", "length", "-channel")) and first:
        return f"the image's {axis_name}"
    return f"the size of {name} along axis {axis}"


def _options(options: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _options(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)


def _with_value(name: str, value: float) -> str:
    return f"{name} ({value:g})"
