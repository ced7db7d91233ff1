"""Tables for a terminal and for a page, and numbers short enough for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: What stands where there is no number.
NOTHING = "-"


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns and the rows, all as text.

    Attributes:
        title: what is in it, with the unit.
        header: a name for each column.
        rows: each as long as the header.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """For a terminal: the first column to the left, the others to the right."""
        lines = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = ["  ".join(_align(line, widths)).rstrip() for line in lines]
        return "\n".join([self.title, aligned[0], "─" * len(aligned[0]), *aligned[1:]])

    def markdown(self) -> str:
        """For a page."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        lines = [f"| {' | '.join(line)} |" for line in (self.header, rule, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines])


def _align(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]


def short(number: float) -> str:
    """About three digits; a number that is none is a dash."""
    if math.isnan(number):
        return NOTHING
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.{2 - math.floor(math.log10(abs(number)))}f}"


def percent(share: float) -> str:
    """A share in percent."""
    return NOTHING if math.isnan(share) else f"{short(100 * share)} %"
