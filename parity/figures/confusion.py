"""Which digit is taken for which (chapter 7)."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy import ndarray

from parity.figures.style import DARK, FONT_SIZE, GREY, ORANGE, label

DIGITS = 10

#: Of an error's share; what is right stands on another colour, or it would leave errors none.
ERRORS = LinearSegmentedColormap.from_list("errors", ["white", ORANGE])
RIGHT = "#D3E5F0"


def confusion_matrix(expected: ndarray, predicted: ndarray, title: str) -> Figure:
    """How many images of each digit are read as which: true digits in rows, predicted in columns.

    Errors are coloured by their share of the row, those on the diagonal, which are right, are not:
    their share is written.

    Args:
        expected: the digits that the images show, shape ``(n,)``; some may be missing.
        predicted: those that they are read as, shape ``(n,)``.
        title: of the figure.

    Raises:
        ValueError: the shapes do not fit, there is no image, or a label is no digit.
    """
    if expected.ndim != 1 or expected.shape != predicted.shape or len(expected) == 0:
        raise ValueError(
            "confusion_matrix: expected and predicted must have one shape (n,), n not 0, "
            f"not {expected.shape} and {predicted.shape}"
        )
    for name, digits in {"expected": expected, "predicted": predicted}.items():
        if not np.all(np.isin(digits, np.arange(DIGITS))):
            raise ValueError(
                f"confusion_matrix: {name} must be digits from 0 to 9, "
                f"not {digits.min()} to {digits.max()}"
            )
    counts = np.zeros((DIGITS, DIGITS), np.int64)
    np.add.at(counts, (expected, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    errors = np.where(np.eye(DIGITS, dtype=bool), np.nan, shares)
    largest = float(np.nanmax(errors)) or 1.0

    figure = Figure(figsize=(9.2, 7.8), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.imshow(errors, cmap=ERRORS.with_extremes(bad=RIGHT), vmin=0, vmax=largest)
    for row, column in np.ndindex(counts.shape):
        count, right = int(counts[row, column]), row == column
        share = f"\n{shares[row, column]:.1%}" if right and count else ""
        axes.text(
            column,
            row,
            f"{count}{share}",
            ha="center",
            va="center",
            fontsize=FONT_SIZE - (2 if right else 1),
            color=DARK if count else GREY,
        )
    label(axes, "read as", "true digit", title)
    axes.set(xticks=range(DIGITS), yticks=range(DIGITS))
    axes.grid(False)
    bar = figure.colorbar(drawn, ax=axes, format=PercentFormatter(1), fraction=0.046, pad=0.02)
    bar.set_label("errors, share of the row", fontsize=FONT_SIZE - 1)
    return figure
