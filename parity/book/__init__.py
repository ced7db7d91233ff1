"""The numbers the book prints, computed again, one module a chapter.

Each has ``rows()``: a ``Row`` for each number or matrix of the chapter, in the book's order.
Chapters 4 to 7, which take minutes, have ``parts()``, which do one training after the other.
"""

from __future__ import annotations

from importlib import import_module

from parity.book.rows import Row

CHAPTERS = (1, 2, 3, 4, 5, 6, 7)


def chapter_rows(chapter: int) -> list[Row]:
    """Compute the rows of one of ``CHAPTERS``.

    Raises:
        ValueError: the chapter is not one of them.
        DataFileError: the data the chapter needs is missing or damaged.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter must be one of {CHAPTERS}, not {chapter}")
    rows: list[Row] = import_module(f"parity.book.chapter{chapter}").rows()
    return rows
