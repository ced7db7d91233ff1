"""A wrong array as three heat maps: the learner's, PyTorch's, and the difference of the two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from parity.comparison import Absent, as_result
from parity.engine import Failure, Run

#: So many rows and columns at most are drawn, around the worst element.
EDGE = 24

#: A number is one of so many strengths of the colour for its sign, or 0.
LEVELS = 5

#: With so few columns the numbers stand in the cells.
_FEW_COLUMNS = 6


@dataclass(frozen=True)
class Cell:
    """One element.

    Attributes:
        row: in the map, from 0.
        column: in the map, from 0.
        level: of its colour, from ``-LEVELS`` to ``LEVELS``; None for NaN and infinity.
        text: its number in few digits, or a sign for what is not finite.
        title: where in the whole array it stands, and its number.
    """

    row: int
    column: int
    level: int | None
    text: str
    title: str

    @property
    def style(self) -> str:
        """Of its colour, as the style sheet calls it."""
        if self.level is None:
            return "bad"
        return f"{'n' if self.level < 0 else 'p'}{abs(self.level)}" if self.level else "z"


@dataclass(frozen=True)
class HeatMap:
    """Part of an array, element by element.

    Attributes:
        name: "Yours", "PyTorch’s" or "Yours minus PyTorch’s".
        cells: row by row.
        largest: the number that has the strongest colour.
        scale: from where to where its colours go, in words.
        label: in words, for those who do not see it.
    """

    name: str
    cells: list[Cell]
    largest: str
    scale: str
    label: str


@dataclass(frozen=True)
class Picture:
    """A wrong array.

    Attributes:
        result: its name.
        case: where it is first wrong.
        shown: which part of it is drawn, in words.
        worst: the worst element, in words.
        row: of the worst element in the maps.
        column: of the worst element in the maps.
        row_labels: the indices of the rows.
        column_labels: the indices of the columns; none for an array of one dimension.
        maps: three of them.
    """

    result: str
    case: str
    shown: str
    worst: str
    row: int
    column: int
    row_labels: list[int]
    column_labels: list[int]
    maps: list[HeatMap]

    @property
    def has_numbers(self) -> bool:
        """Whether there is room for numbers in the cells."""
        return len(self.column_labels) <= _FEW_COLUMNS

    @property
    def has_bad(self) -> bool:
        """Whether something in it is not finite."""
        return any(cell.level is None for each in self.maps for cell in each.cells)

    @property
    def row_ticks(self) -> list[tuple[int, int]]:
        """Rows that are labelled, each with its index."""
        return _ticks(self.row_labels, self.row, every=self.has_numbers)

    @property
    def column_ticks(self) -> list[tuple[int, int]]:
        """Columns that are labelled, each with its index."""
        return _ticks(self.column_labels, self.column, every=self.has_numbers)


def picture(failure: Failure, run: Run, edge: int = EDGE) -> Picture | None:
    """Draw the array that is wrong.

    Args:
        failure: what is wrong.
        run: in which it was seen.
        edge: so many rows and columns at most.

    Returns:
        None where there is nothing to draw: a single number, or an array of a wrong shape or type.
    """
    index = failure.difference.index
    found = as_result(run.observed.tensors.get(failure.result, Absent()))
    wanted = as_result(run.expected.get(failure.result, Absent()))
    if not index or isinstance(found, Absent) or isinstance(wanted, Absent):
        return None
    if found.shape != wanted.shape or "c" in (found.dtype.kind, wanted.dtype.kind):
        return None
    row, column = (0, index[0]) if len(index) == 1 else index[-2:]
    leading = index[:-2]
    yours, theirs = (_plane(array, leading) for array in (found, wanted))
    rows, columns = _window(row, yours.shape[0], edge), _window(column, yours.shape[1], edge)
    part = np.ix_(rows, columns)
    with np.errstate(all="ignore"):
        difference = yours[part] - theirs[part]
    largest = _largest(yours[part], theirs[part])
    place = _Place(leading, rows, columns, flat=len(index) == 1)
    maps = [
        _heat_map("Yours", yours[part], largest, place),
        _heat_map("PyTorch’s", theirs[part], largest, place),
        _heat_map("Yours minus PyTorch’s", difference, _largest(difference), place),
    ]
    return Picture(
        result=failure.result,
        case=failure.case.name,
        shown=_shown(found.shape, place),
        worst=_worst(index, yours[row, column], theirs[row, column]),
        row=row - rows.start,
        column=column - columns.start,
        row_labels=[] if place.flat else list(rows),
        column_labels=list(columns),
        maps=maps,
    )


@dataclass(frozen=True)
class _Place:
    """Which part of an array is drawn."""

    leading: tuple[int, ...]
    rows: range
    columns: range
    flat: bool

    def indices(self) -> Iterator[tuple[int, int, str]]:
        """Of each element: its row and column in the map, its index in the array in words."""
        for i, row in enumerate(self.rows):
            for j, column in enumerate(self.columns):
                yield i, j, _index((column,) if self.flat else (*self.leading, row, column))


def _plane(array: ndarray, leading: tuple[int, ...]) -> ndarray:
    plane = array[leading].astype(np.float64)
    return plane[None] if plane.ndim == 1 else plane


def _window(middle: int, size: int, edge: int) -> range:
    first = max(0, min(middle - edge // 2, size - edge))
    return range(first, min(first + edge, size))


def _largest(*arrays: ndarray) -> float:
    """The largest of the finite magnitudes."""
    sizes = [np.abs(array[np.isfinite(array)]) for array in arrays]
    return max((float(size.max()) for size in sizes if size.size), default=0.0)


def _heat_map(name: str, numbers: ndarray, largest: float, place: _Place) -> HeatMap:
    cells = [
        Cell(i, j, _level(number, largest), _short(number), f"{index}: {_long(number)}")
        for i, j, index in place.indices()
        for number in [float(numbers[i, j])]
    ]
    finite = numbers[np.isfinite(numbers)]
    span = f"from {finite.min():.3g} to {finite.max():.3g}" if finite.size else "nothing finite"
    bad = numbers.size - finite.size
    also = f", {bad} NaN or infinite" if bad else ""
    label = f"{name}: {numbers.shape[0]} by {numbers.shape[1]} numbers, {span}{also}"
    scale = f"from -{largest:.3g} to {largest:.3g}" if largest else "all 0"
    if not finite.size:
        scale = "nothing finite"
    return HeatMap(name, cells, f"{largest:.3g}", scale, label)


def _level(number: float, largest: float) -> int | None:
    if not np.isfinite(number):
        return None
    return round(number / largest * LEVELS) if largest else 0


def _short(number: float) -> str:
    if np.isfinite(number):
        return f"{number:.2g}"
    return "NaN" if np.isnan(number) else "∞" if number > 0 else "-∞"


def _long(number: float) -> str:
    if np.isfinite(number):
        return f"{number:.6g}"
    return "NaN" if np.isnan(number) else f"{'' if number > 0 else 'minus '}infinity"


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]"


def _worst(index: tuple[int, ...], yours: float, theirs: float) -> str:
    return f"Outlined, {_index(index)}: yours {_long(yours)}, PyTorch’s {_long(theirs)}."


def _ticks(labels: list[int], worst: int, *, every: bool) -> list[tuple[int, int]]:
    """All of them, or the worst element's and those of the ends that leave room for it."""
    ends = [0, len(labels) - 1] if labels else []
    return [
        (position, label)
        for position, label in enumerate(labels)
        if every or position == worst or (position in ends and abs(position - worst) > 1)
    ]


def _shown(shape: tuple[int, ...], place: _Place) -> str:
    words = f"Shape {shape}."
    if place.leading:
        part = ", ".join([*map(str, place.leading), ":", ":"])
        words += f" Drawn is [{part}], the slice with the worst element"
    cuts = [
        f"{what} {drawn.start} to {drawn.stop - 1} of {size}"
        for what, drawn, size in (
            ("rows", place.rows, 1 if place.flat else shape[-2]),
            ("columns", place.columns, shape[-1]),
        )
        if len(drawn) < size
    ]
    if cuts:
        cut = " and ".join(cuts)
        words += f": {cut}" if place.leading else f" Drawn around the worst element: {cut}"
    return words if words.endswith(".") else f"{words}."
