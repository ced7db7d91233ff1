"""A printed number beside the one computed here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy import ndarray

Kind = Literal["exact", "band", "gain", "not reproduced", "not comparable", "unprinted", "measured"]

BOOK_DATA = "Data with the misprinted cell of row 445, split 70 : 30 with seed 80718."
CORRECTED_CELL = "row 445 corrected"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number or matrix that the book prints, and ours.

    Attributes:
        id: of the result it belongs to: the chapter, and a count; rows may share it.
        title: what the result is the result of, the same for all rows of an ``id``.
        what: which of the result's numbers this is.
        printed: as the book prints it.
        ours: computed here, to as many digits.
        kind: "exact" if every digit must be the same, "band" if thousands of steps carry rounding
            into the digits, "gain" if it must not be below 0 by more than chance, "not reproduced"
            if nobody knows how to, "not comparable" if it was computed in another way than the
            book's, "unprinted" if the book has none, and ours must be near those of ``instead``,
            "measured" if the book has none, or words, and nothing must be.
        band: how far ours may be from the printed one, for a "band"; below 0, for a "gain"; from
            those of ``instead``, for an "unprinted" one.
        required: whether a number counts as a difference when it is outside of twice its band.
        recipe: how ``ours`` was computed, with seeds and the variant of the data.
        note: what else there is to know; the same for all rows of an ``id``.
        instead: what comes out when one thing in the recipe is another, by that thing.
    """

    id: str
    title: str
    what: str
    printed: str
    ours: str
    recipe: str
    kind: Kind = "exact"
    band: float = 0.0
    required: bool = True
    note: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether ours is the printed one to the last digit."""
        return self.printed == self.ours

    @property
    def in_band(self) -> bool:
        """Whether ours is as near to the printed one as a "band" asks for, or a "gain" no loss."""
        if self.kind == "gain":
            return float(self.ours) >= -self.band
        if self.kind == "unprinted":
            return all(self._near(other) for other in self.instead.values())
        return self.kind == "band" and self._near(self.printed)

    @property
    def failed(self) -> bool:
        """Whether it should have been equal, or near, and is not."""
        if self.kind in ("band", "unprinted"):
            return self.required and not replace(self, band=2 * self.band).in_band
        if self.kind == "gain":
            return not self.in_band
        return self.kind == "exact" and not self.equal

    def _near(self, other: str) -> bool:
        return round(abs(float(self.ours) - float(other)), 6) <= self.band


def matrix_text(matrix: ndarray) -> str:
    """A matrix as NumPy prints it with four digits, and as the book sets it: one space for many."""
    return re.sub(" +", " ", np.array2string(matrix, precision=4, suppress_small=True))
