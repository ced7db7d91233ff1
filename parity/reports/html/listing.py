"""The lines of a learner's file that a page shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from parity.diagnosis.places import Place

#: So many lines of a component at most, and characters of a line.
MAX_LINES, MAX_CHARACTERS = 60, 160

#: How a function or a class begins.
_HEAD = re.compile(r"\s*(@|class\b|def\b|async\b)")

#: So far above its first method a class is looked for.
_ABOVE = 40

#: So many lines stand before the one to look at, where a component has to be cut.
_BEFORE = 4


@dataclass(frozen=True)
class Line:
    """A line of code, with whether it is one to look at."""

    number: int
    code: str
    marked: bool


@dataclass(frozen=True)
class Listing:
    """Part of a file.

    Attributes:
        lines: in order.
        caption: which part it is, and what is marked in it.
    """

    lines: list[Line]
    caption: str


def listing(
    source: str, whole: Place | None, places: Iterable[Place], most: int = MAX_LINES
) -> Listing | None:
    """The lines of a component, those to look at marked.

    Args:
        source: the file's text.
        whole: where the component stands.
        places: to look at, the first one first.
        most: so many lines at most.

    Returns:
        None where nothing is known, or the file has no such lines.
    """
    # As Python counts lines: str.splitlines also ends them at a form feed and at U+2028.
    code = re.split(r"\r\n|\r|\n", source)
    spots = [
        _to_its_end(place, code) for place in places if 1 <= place.first <= place.last <= len(code)
    ]
    if whole is not None and 1 <= whole.first <= whole.last <= len(code):
        whole = _to_its_end(_from_its_head(whole, code), code)
    if whole is None or (spots and not _holds(whole, spots[0])):
        whole = spots[0] if spots else None  # it is inherited, or stands in a function beside it
    if whole is None or not 1 <= whole.first <= whole.last <= len(code):
        return None
    first, last = whole.first, whole.last
    if last - first >= most and spots:
        first = max(first, min(spots[0].first - _BEFORE, last - most + 1))
    last = min(last, first + most - 1)
    caption = f"{whole.name}, {_lines(first, last)}"
    if (first, last) != (whole.first, whole.last):
        caption += f" of {whole.first} to {whole.last}"
    spots = [spot for spot in spots if spot.first <= last and first <= spot.last]
    marked = {n for spot in spots for n in range(spot.first, spot.last + 1)}
    if marked >= set(range(whole.first, whole.last + 1)):
        marked.clear()  # to mark all of it would say nothing
    if marked:
        names = dict.fromkeys(f"{spot.name}, {_lines(spot.first, spot.last)}" for spot in spots)
        caption += f"; marked: {'; '.join(names)}"
    lines = [Line(n, _cut(code[n - 1]), n in marked) for n in range(first, last + 1)]
    return Listing(lines, caption)


def _from_its_head(whole: Place, code: list[str]) -> Place:
    """A class is known by its methods: from the line on that gives its name."""
    head = re.compile(rf"\s*class\s+{re.escape(whole.name.rpartition('.')[2])}\b")
    if code[whole.first - 1][:1].isspace():
        for line in range(whole.first - 1, max(0, whole.first - _ABOVE), -1):
            if head.match(code[line - 1]):
                return Place(whole.name, line, whole.last)
    return whole


def _to_its_end(place: Place, code: list[str]) -> Place:
    """A function is known by the lines that run: to the last one that is indented, so that a
    bracket of its own is closed.
    """
    if place.first == place.last or not _HEAD.match(code[place.first - 1]):
        return place
    indent, last = _indent(code[place.first - 1]), place.last
    for line in range(place.last + 1, len(code) + 1):
        if code[line - 1].strip():
            if _indent(code[line - 1]) <= indent:
                break
            last = line
    return Place(place.name, place.first, last)


def _indent(code: str) -> int:
    return len(code) - len(code.lstrip())


def _holds(whole: Place, spot: Place) -> bool:
    return whole.first <= spot.first and spot.last <= whole.last


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"


def _cut(code: str) -> str:
    return code if len(code) <= MAX_CHARACTERS else f"{code[:MAX_CHARACTERS]}…"
