"""Slopes by differences: where they are to be trusted, where there is a kink, and how far rounding
lets one see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy import ndarray

from parity.comparison import TOLERANCES

#: What ``parity.oracle.STEP`` is in float64, for a function that computes in float32: near the cube
#: root of its precision.
SINGLE_STEP = 2.0**-8

#: How often the step is halved where the slopes do not settle: from 1e-5 to 8e-8.
_HALVINGS = 7

#: A value of a function is off by so many units of rounding at most, by assumption: a few
#: operations one after the other.
_ROUNDINGS = 4.0

#: How the scatter of a function's values is found: by the differences of sixth order of so many
#: values in a row, so far apart relative to each element, in some directions.
_ROW, _ROW_STEP, _DIRECTIONS = 9, 3.7e-7, 3
_ORDER = 6

#: What the square of such a difference of numbers with a variance of 1 is on average, inverted.
_OF_NOISE = factorial(_ORDER) ** 2 / factorial(2 * _ORDER)

#: Between the precisions of float32, 6e-8, and of float64, 1e-16, relative to the value.
_SCATTER = 1e-10


@dataclass(frozen=True)
class Slopes:
    """The slopes of a function in each element of an array; all arrays are of its shape.

    Attributes:
        central: half way between the two sides.
        left: towards smaller elements.
        right: towards larger ones.
        noise: how far ``central`` may be off, by rounding of the function's values and by the step.
        kinks: where the slopes do not settle as the step is made smaller.
    """

    central: ndarray
    left: ndarray
    right: ndarray
    noise: ndarray
    kinks: ndarray

    @property
    def scale(self) -> float:
        """The largest slope outside of kinks."""
        return float(np.abs(self.central[~self.kinks]).max(initial=0.0))


@dataclass(frozen=True)
class Objective:
    """What is differentiated: the sum of a function's values times weights.

    Attributes:
        values: computes the function's values from the points as they are now.
        points: the arrays, of float64; changed while a slope is taken, and put back.
        weights: of the values' shape.
        single: whether the function computes in float32.
    """

    values: Callable[[], ndarray]
    points: Sequence[ndarray]
    weights: ndarray
    single: bool = False

    @property
    def precision(self) -> float:
        """Of the type that the function computes in."""
        return float(np.finfo(np.float32 if self.single else np.float64).eps)

    @property
    def tolerance(self) -> float:
        """What is asked of a slope, relative to the largest one."""
        return TOLERANCES["float32" if self.single else "float64", "numeric"].floor


@dataclass(frozen=True)
class _Sides:
    """The slopes on both sides of one element with one step."""

    left: float
    right: float
    central: float
    noise: float

    def settled(self, halved: _Sides, allowed: float) -> bool:
        """Whether half the step shows the same slope, and half the difference between its sides, as
        it must where there is no kink.
        """
        noise = self.noise + halved.noise
        return (
            abs(self.central - halved.central) <= allowed + noise
            and self.excess(halved) <= 2 * allowed + 4 * noise
        )

    def excess(self, halved: _Sides) -> float:
        """What half the step leaves of the difference between the sides, beyond half of it."""
        return abs((self.right - self.left) - 2 * (halved.right - halved.left))

    def off(self, halved: _Sides) -> float:
        """How far the slope may be off by the step, and by a kink within it that is too slight to
        tell from rounding, wherever within the step that is.
        """
        return 2 * abs(self.central - halved.central) + self.excess(halved) / 2

    @property
    def turn(self) -> float:
        """How far apart the slopes on both sides are."""
        return abs(self.right - self.left)


def slopes_of(objective: Objective, which: int, step: float) -> Slopes:
    """The slopes of an objective in each element of one of its points.

    The slopes are taken with a step and with half of it. Where the two do not agree, because of a
    kink or much curvature, the step is halved until they do, or until rounding hides it; an element
    in which they never do, nor come much closer to it, is at a kink.

    Raises:
        ValueError: an element is so large that the step makes no difference to it.
    """
    point = objective.points[which]
    here = objective.values()
    indices = list(np.ndindex(point.shape))
    wide = [_sides(objective, point, index, step, here) for index in indices]
    narrow = [_sides(objective, point, index, step / 2, here) for index in indices]
    # A jump has a steep slope on one side; it must not set the scale for all others.
    gentle = max((min(abs(s.left), abs(s.right)) for s in wide), default=0.0)
    scale = gentle or max((abs(s.central) for s in wide), default=0.0) or 1.0
    allowed = objective.tolerance / 2 * scale
    kinks = []
    for number, index in enumerate(indices):
        first, size = (wide[number], narrow[number]), step / 2
        while not (settled := wide[number].settled(narrow[number], allowed)):
            if size < step / 2**_HALVINGS or narrow[number].noise > allowed:
                break
            size /= 2
            wide[number] = narrow[number]
            narrow[number] = _sides(objective, point, index, size, here)
        kinks.append(not settled and not _is_settling(first, (wide[number], narrow[number])))

    def gathered(name: str) -> ndarray:
        return np.array([getattr(s, name) for s in wide], dtype=np.float64).reshape(point.shape)

    off = np.array([s.off(half) for s, half in zip(wide, narrow, strict=True)])
    return Slopes(
        gathered("central"),
        gathered("left"),
        gathered("right"),
        gathered("noise") + off.reshape(point.shape),
        np.array(kinks, dtype=bool).reshape(point.shape),
    )


def _is_settling(first: tuple[_Sides, _Sides], last: tuple[_Sides, _Sides]) -> bool:
    """Whether what changes as the step is halved goes to 0 with it: where the slope itself is close
    to 0, as near 0 in a cube, that takes steps too small for it to settle.
    """
    changes = [abs(wide.central - narrow.central) for wide, narrow in (first, last)]
    turns = [narrow.turn for _, narrow in (first, last)]
    noises = [wide.noise + narrow.noise for wide, narrow in (first, last)]
    return (
        changes[1] <= (changes[0] + noises[0]) / 16 + noises[1]
        and turns[1] <= (turns[0] + 4 * noises[0]) / 16 + 4 * noises[1]
    )


def _sides(
    objective: Objective, point: ndarray, index: tuple[int, ...], step: float, here: ndarray
) -> _Sides:
    value = point[index]
    kind = np.float32 if objective.single else np.float64
    at, high, low = (float(kind(v)) for v in (value, value + step, value - step))
    if not low < at < high:
        raise ValueError(
            f"gradcheck: a step of {step:g} makes no difference to an element of {value:g}; "
            "give a larger step"
        )
    try:
        point[index] = high
        above = objective.values()
        point[index] = low
        below = objective.values()
    finally:
        point[index] = value
    # What an element has no influence on is the same to the last bit, and adds no rounding; unless
    # rounding is what hides its influence, which goes for one value at least.
    sizes = np.maximum(np.abs(above), np.maximum(np.abs(below), np.abs(here)))
    sizes *= np.abs(objective.weights)
    moved = (above != below) | (above != here)
    summed = max(float(np.linalg.norm(sizes[moved])), float(sizes.max(initial=0.0)))
    rounding = _ROUNDINGS * objective.precision * summed
    return _Sides(
        float(np.sum((here - below) * objective.weights)) / (at - low),
        float(np.sum((above - here) * objective.weights)) / (high - at),
        float(np.sum((above - below) * objective.weights)) / (high - low),
        rounding / (high - low),
    )


def computes_in_single(objective: Objective) -> bool:
    """Whether a function that gives float64 computes in float32 on the way.

    Its values then scatter by more than a part in 1e10 about a smooth curve, as high differences of
    values in a row show (Moré and Wild, "Estimating computational noise", 2011); or they stay where
    they are, although a hundred steps further they have gone a little way.
    """
    generator = np.random.default_rng(0)
    votes = []
    for _ in range(_DIRECTIONS):
        signs = [generator.choice((-1.0, 1.0), point.shape) for point in objective.points]
        # From the first step on: the point itself may be where a function jumps.
        *row, far = (_moved(objective, signs, step) for step in (*range(1, _ROW + 1), 100))
        values = np.array(row)
        sizes = np.abs(values).max(axis=0)
        moves = (values != values[0]).any(axis=0)
        noise = np.sqrt(_OF_NOISE * np.mean(np.diff(values, n=_ORDER, axis=0) ** 2, axis=0))
        way = np.abs(far - values[0])
        stays = ~moves & (way > 1e-8 * sizes) & (way < 1e-4 * sizes)
        telling = moves | stays
        odd = stays | (noise > _SCATTER * sizes)
        votes.append(bool(telling.any()) and bool(odd[telling].mean() > 0.5))
    return sum(votes) > _DIRECTIONS / 2


def _moved(objective: Objective, signs: Sequence[ndarray], steps: int) -> ndarray:
    """The values with every element moved by so many steps."""
    starts = [point.copy() for point in objective.points]
    try:
        for point, sign in zip(objective.points, signs, strict=True):
            point += steps * _ROW_STEP * sign * np.where(point == 0, 1.0, np.abs(point))
        return objective.values()
    finally:
        for point, start in zip(objective.points, starts, strict=True):
            point[...] = start
