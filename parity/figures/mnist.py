"""The pictures of a classifier of digits: its training, epoch by epoch, and what it misreads
(chapter 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from parity.figures.style import (
    BLUE,
    FONT_SIZE,
    GREY,
    LINES,
    LONE_LINES,
    PARTS,
    VERMILION,
    count_epochs,
    label,
)

ROWS, COLUMNS = 5, 8

# With dropout each side draws its own masks: then the sides' lines do not lie on top of each other,
# and those of one side must be told apart too.
DARK_PARTS = {"validation": "#00304D", "training": "#8A2F00"}
DASHES = {"validation": (0, (4, 3)), "training": (0, (1.5, 1.5))}

BEST: dict[str, dict[str, Any]] = {
    "scratch": {"s": 190, "facecolors": "none", "edgecolors": BLUE, "linewidths": 2.2, "zorder": 4},
    "reference": {"s": 45, "color": VERMILION, "linewidths": 0, "zorder": 5},
}


def training_curves(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
    loss_name: str,
    accuracies: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Losses after each epoch, of one side or of both, and underneath the accuracies if given.

    The lowest validation loss of each side is marked.

    Args:
        curves: under "scratch" and "reference" the losses of that side by what they are measured
            on, "training" and "validation", one for each epoch; sides may have different numbers of
            epochs.
        title: of the figure.
        loss_name: which loss it is.
        accuracies: under each side the share of test images that is read right after each epoch,
            from 0 to 1; drawn in percent.

    Raises:
        ValueError: there is no loss to draw, or an accuracy does not lie between 0 and 1.
    """
    longest = max(
        (len(values) for parts in curves.values() for values in parts.values()), default=0
    )
    if longest == 0:
        raise ValueError("training_curves: there is no loss to draw, curves is empty")
    figure = Figure(figsize=(8, 7.8 if accuracies else 5.2), layout="constrained")
    grid = figure.add_gridspec(5, 1)
    upper = figure.add_subplot(grid[:3] if accuracies else grid[:])
    for side, parts in curves.items():
        for part, values in parts.items():
            if len(values) > 0:
                style = _style(side, part, len(curves) > 1)
                _plot_epochs(upper, values, f"{part}, {side}", style)
        if len(parts.get("validation", ())) > 0:
            _mark_best(upper, parts["validation"], side)
    count_epochs(upper, longest)
    upper.set_ylim(0, 1.08 * upper.dataLim.ymax)
    upper.legend(fontsize=FONT_SIZE - 1, ncols=len(curves))
    label(upper, "" if accuracies else "epoch", loss_name, title)
    if accuracies:
        upper.tick_params(labelbottom=False)
        _accuracies(figure.add_subplot(grid[3:], sharex=upper), accuracies)
    return figure


def _style(side: str, part: str, both: bool) -> dict[str, Any]:
    """A line's look: its width tells the side, its colour what is measured."""
    if not both:
        return LONE_LINES[part]
    if side == "scratch":
        return {**LINES[side], "color": PARTS[part]}
    return {**LINES[side], "color": DARK_PARTS[part], "linestyle": DASHES[part]}


def _plot_epochs(
    axes: Axes, values: Sequence[float] | ndarray, name: str, style: Mapping[str, Any]
) -> None:
    epochs = np.arange(1, len(values) + 1)
    [line] = axes.plot(epochs, values, label=name, **style)
    if len(values) == 1:  # a line of one point would not show
        line.set(marker="o", markersize=4 + 1.6 * style["linewidth"])


def _mark_best(axes: Axes, losses: Sequence[float], side: str) -> None:
    best = int(np.argmin(losses))
    axes.scatter(
        [best + 1], [losses[best]], label=f"lowest, {side}: epoch {best + 1}", **BEST[side]
    )


def _accuracies(axes: Axes, accuracies: Mapping[str, Sequence[float]]) -> None:
    for side, values in accuracies.items():
        shares = np.asarray(values, float)
        if not np.all((shares >= 0) & (shares <= 1)):
            raise ValueError(
                f"training_curves: the accuracies of {side} must lie between 0 and 1, "
                f"not {shares.min():g} to {shares.max():g}"
            )
        style = _style(side, "validation", len(accuracies) > 1)
        _plot_epochs(axes, 100 * shares, side, style)
    axes.legend(fontsize=FONT_SIZE - 1, loc="lower right")
    label(axes, "epoch", "accuracy, %", "")


def misclassified(images: ndarray, predicted: ndarray, actual: ndarray, title: str) -> Figure:
    """The digits that were read wrongly, the first 40 of them if there are more.

    Args:
        images: shape ``(n, 28, 28)``, those that were read right among them or not.
        predicted: what each was read as, shape ``(n,)``.
        actual: what each is, shape ``(n,)``.
        title: of the figure.

    Raises:
        ValueError: the shapes do not fit.
    """
    if images.ndim != 3 or not len(images) == len(predicted) == len(actual):
        raise ValueError(
            "misclassified: images must have shape (n, rows, columns), predicted and actual "
            f"shape (n,), not {images.shape}, {predicted.shape} and {actual.shape}"
        )
    wrong = np.flatnonzero(predicted != actual)
    shown = wrong[: ROWS * COLUMNS]
    columns = max(1, min(len(shown), COLUMNS))
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = Figure(figsize=(max(6.4, 1.25 * columns), 1.45 * rows + 0.45), layout="constrained")
    if len(shown) < len(wrong):
        title = f"{title} (the first {len(shown)} of {len(wrong)})"
    figure.suptitle(title, fontsize=FONT_SIZE + 1)
    if len(shown) == 0:
        figure.text(0.5, 0.4, "No digit was misread.", ha="center", fontsize=FONT_SIZE)
    for cell, i in enumerate(shown, 1):
        axes = figure.add_subplot(rows, columns, cell)
        axes.imshow(images[i], cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(f"{actual[i]}, read as {predicted[i]}", fontsize=FONT_SIZE - 1)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(GREY)
    return figure
