"""The pictures of house prices: the book's figures 2.6 to 2.8, 2.13 and 2.14 for any model, and two
loss curves (chapters 2 and 3).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy import ndarray

from parity.figures.style import (
    FONT_SIZE,
    GREY,
    LINES,
    LONE_LINES,
    LONE_POINTS,
    OTHER_LINE,
    PARTS,
    POINTS,
    VERMILION,
    count_epochs,
    label,
)

PRICE = "median house price (1000 \\$)"

SMALLEST_DIFFERENCE = 1e-17


def predicted_against_actual(
    actual: ndarray, panels: Mapping[str, Mapping[str, ndarray]]
) -> Figure:
    """Predictions over the actual prices; the better, the nearer to the diagonal.

    Args:
        actual: prices in 1000 dollars.
        panels: under each panel's title the predictions of each side, in 1000 dollars.
    """
    figure = Figure(figsize=(5.2 * len(panels), 5.6), layout="constrained")
    predictions = [values for panel in panels.values() for values in panel.values()]
    low = min(0.0, *(float(values.min()) for values in predictions)) - 2
    high = max(float(values.max()) for values in [actual, *predictions]) + 2

    for i, (title, panel) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), i)
        axes.plot([low, high], [low, high], color=GREY, linewidth=1.2, linestyle="--", zorder=0)
        for side, values in panel.items():
            style = POINTS[side] if len(panel) == 2 else LONE_POINTS
            axes.scatter(actual.ravel(), values.ravel(), label=side, **style)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        label(axes, f"actual {PRICE}", f"predicted {PRICE}" if i == 1 else "", title)
        axes.legend(loc="upper left", fontsize=FONT_SIZE - 1)
    return figure


def feature_against_target(
    values: ndarray,
    target: ndarray,
    name: str,
    curves: Mapping[str, tuple[ndarray, ndarray]] | None = None,
) -> Figure:
    """One feature against the price, and how models' predictions follow that feature.

    Args:
        values: the feature, standardised.
        target: prices in 1000 dollars.
        name: of the feature.
        curves: under each model's name, values of the feature and predictions in 1000 dollars.
    """
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(
        values.ravel(), target.ravel(), s=20, color=GREY, linewidths=0, label="actual", alpha=0.8
    )
    for side, (xs, predictions) in (curves or {}).items():
        axes.plot(xs, predictions.ravel(), label=side, **LINES.get(side, OTHER_LINE))
    title = f"{name}, the most important feature, against the price"
    if curves:
        title = f"Predictions as {name} varies, other features at their mean"
        axes.legend(fontsize=FONT_SIZE - 1)
    label(axes, f"{name} (standardised)", PRICE, title)
    return figure


def loss_curves(
    losses: Mapping[str, Mapping[str, list[float]]], title: str, limit: float
) -> Figure:
    """Losses after each epoch, and underneath how far the sides are apart if there are two.

    Args:
        losses: under each side's name its losses by what they are measured on: "validation" and
            "training", in (1000 dollars) squared.
        title: of the figure.
        limit: relative difference at which the sides are no longer equal.
    """
    both = len(losses) == 2
    figure = Figure(figsize=(8, 7.2 if both else 5.2), layout="constrained")
    grid = figure.add_gridspec(4, 1)
    upper = figure.add_subplot(grid[:3] if both else grid[:])
    for side, curves in losses.items():
        for part, values in curves.items():
            style = dict(LINES[side]) if both else dict(LONE_LINES[part])
            if side == "scratch":
                style["color"] = PARTS[part]
            if len(values) == 1:
                style["marker"] = "o"  # a line of one point would not show
            epochs = np.arange(1, len(values) + 1)
            upper.plot(epochs, values, label=f"{part}, {side}", **style)
    upper.set_yscale("log")
    upper.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    upper.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    upper.yaxis.set_minor_locator(NullLocator())
    longest = max(len(values) for curves in losses.values() for values in curves.values())
    count_epochs(upper, longest)
    upper.legend(fontsize=FONT_SIZE - 1, ncols=len(losses))
    label(upper, "" if both else "epoch", "mean squared error, (1000 \\$)²", title)
    if both:
        upper.tick_params(labelbottom=False)
        ours, theirs = losses.values()
        _differences(figure.add_subplot(grid[3], sharex=upper), ours, theirs, limit)
    return figure


def _differences(
    axes: Axes, ours: Mapping[str, list[float]], theirs: Mapping[str, list[float]], limit: float
) -> None:
    """Relative differences epoch by epoch. Equal losses are drawn at the bottom."""
    for marker, part in zip("o^", ours, strict=True):
        both = min(len(ours[part]), len(theirs[part]))
        a, b = np.array(ours[part][:both]), np.array(theirs[part][:both])
        axes.plot(
            np.arange(1, both + 1),
            np.maximum(np.abs(a - b) / np.abs(b), SMALLEST_DIFFERENCE),
            marker,
            color=PARTS[part],
            markersize=5,
            label=part,
        )
    axes.axhline(limit, color=VERMILION, linewidth=1.5, linestyle="--", label="limit")
    axes.set_yscale("log")
    axes.set_ylim(SMALLEST_DIFFERENCE / 3, limit * 30)
    axes.set_yticks(
        [SMALLEST_DIFFERENCE, 1e-15, 1e-12, limit], ["0", "1e-15", "1e-12", f"{limit:g}"]
    )
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(fontsize=FONT_SIZE - 1, ncols=3, loc="center right")
    label(axes, "epoch", "relative\ndifference", "")
