"""The pictures of a convolutional network: its training, batch by batch, what its filters look for,
and what they find in an image (chapter 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy import ndarray

from parity.figures.style import (
    BLUE,
    DARK,
    FONT_SIZE,
    GREY,
    LINES,
    ORANGE,
    SKY,
    VERMILION,
    label,
)

COLUMNS = 8

#: So many batches make one point of a loss: single ones jump too much to be compared.
SMOOTHED_OVER = 10

#: Below 0, 0, above 0.
SIGNED = LinearSegmentedColormap.from_list("signed", [VERMILION, "white", BLUE])

LONE: dict[str, Any] = {"linewidth": 2.5, "linestyle": "-"}


def batch_curves(
    losses: Mapping[str, Sequence[float]],
    accuracies: Mapping[str, Mapping[int, float]],
    title: str,
    printed: Mapping[int, float] | None = None,
) -> Figure:
    """Training losses batch by batch, of one side or of both, and underneath the accuracies.

    Args:
        losses: under "scratch" and "reference" the loss of each batch; drawn as means over
            ``SMOOTHED_OVER`` of them.
        accuracies: under each side the share of test images that is read right, from 0 to 1, by the
            number of batches; drawn in percent. Without any, the losses are drawn alone.
        title: of the figure.
        printed: the book's accuracies, from 0 to 1, by the number of batches; those of a training
            with a wrong gradient (E16).

    Raises:
        ValueError: there is no loss to draw.
    """
    if not any(len(values) for values in losses.values()):
        raise ValueError("batch_curves: there is no loss to draw, losses is empty")
    figure = Figure(figsize=(8, 7.8 if accuracies else 5), layout="constrained")
    grid = figure.add_gridspec(5 if accuracies else 3, 1)
    upper = figure.add_subplot(grid[:3])
    for side, values in losses.items():
        means, ends = _means(values)
        _plot(upper, ends, means, side, _style(side, ORANGE, len(losses) > 1))
    upper.set_yscale("log")
    upper.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    upper.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    upper.yaxis.set_minor_locator(NullLocator())
    upper.legend(fontsize=FONT_SIZE - 1)
    upper.set_xlim(0, 1.02 * max(len(values) for values in losses.values()))
    label(
        upper,
        "" if accuracies else "batch",
        f"training loss, mean over {SMOOTHED_OVER} batches",
        title,
    )
    if accuracies:
        upper.tick_params(labelbottom=False)
        lower = figure.add_subplot(grid[3:], sharex=upper)
        _draw_accuracies(lower, accuracies, printed)
    return figure


def _draw_accuracies(
    axes: Axes,
    accuracies: Mapping[str, Mapping[int, float]],
    printed: Mapping[int, float] | None,
) -> None:
    for side, shares in accuracies.items():
        style = _style(side, SKY, len(accuracies) > 1)
        _plot(axes, list(shares), [100 * share for share in shares.values()], side, style)
    if printed:
        values = [100 * share for share in printed.values()]
        axes.plot(
            list(printed), values, "D", color=GREY, markersize=6, label="book (E16)", zorder=1
        )
    axes.legend(fontsize=FONT_SIZE - 1, loc="lower right")
    label(axes, "batch", "accuracy, %", "")


def _means(losses: Sequence[float]) -> tuple[list[float], list[int]]:
    """Over ``SMOOTHED_OVER`` batches each, and the number of the last of these."""
    starts = range(0, len(losses), SMOOTHED_OVER)
    blocks = [losses[start : start + SMOOTHED_OVER] for start in starts]
    ends = [start + len(block) for start, block in zip(starts, blocks, strict=True)]
    return [float(np.mean(block)) for block in blocks], ends


def _style(side: str, colour: str, both: bool) -> dict[str, Any]:
    if not both:
        return {**LONE, "color": colour}
    return {**LINES[side], "color": colour if side == "scratch" else DARK}


def _plot(
    axes: Axes, xs: Sequence[int], ys: Sequence[float], name: str, style: Mapping[str, Any]
) -> None:
    [line] = axes.plot(xs, ys, label=name, **style)
    if len(xs) == 1:  # a line of one point would not show
        line.set(marker="o", markersize=4 + 1.6 * style["linewidth"])


def filters(panels: Mapping[str, ndarray], title: str) -> Figure:
    """What each filter looks for: blue where it wants ink, orange where it wants none.

    Args:
        panels: under each name filters of shape ``(n, height, width)``, drawn in one scale.
        title: of the figure.

    Raises:
        ValueError: the filters have another shape, or there are none.
    """
    return _grids(panels, title, "weight", "filters")


def feature_maps(image: ndarray, maps: ndarray, title: str) -> Figure:
    """An image, and what each filter finds in it.

    Args:
        image: shape ``(rows, columns)``.
        maps: shape ``(n, rows, columns)``.
        title: of the figure.

    Raises:
        ValueError: there are no maps, or they have not the shape of the image.
    """
    if image.ndim != 2 or maps.shape[1:] != image.shape:
        raise ValueError(
            "feature_maps: the image must have shape (rows, columns) and the maps (n, rows, "
            f"columns), not {image.shape} and {maps.shape}"
        )
    return _grids({"": maps}, title, "activation", "feature_maps", image)


def _grids(
    panels: Mapping[str, ndarray], title: str, unit: str, who: str, image: ndarray | None = None
) -> Figure:
    for cells in panels.values():
        if cells.ndim != 3 or 0 in cells.shape:
            raise ValueError(
                f"{who}: each panel must have shape (n, rows, columns), none of them 0, "
                f"not {cells.shape}"
            )
    rows = [-(-len(cells) // COLUMNS) for cells in panels.values()]
    largest = max(float(np.abs(cells).max()) for cells in panels.values()) or 1.0
    height = 1.1 * sum(rows) + 0.35 * len(panels) + 0.4
    figure = Figure(figsize=(9.4 if image is None else 11.6, height), layout="constrained")
    figure.suptitle(title, fontsize=FONT_SIZE + 1)
    beside = int(image is not None)
    grid = figure.add_gridspec(
        len(panels), 1 + beside, height_ratios=rows, width_ratios=[1, 4][1 - beside :]
    )
    if image is not None:
        axes = figure.add_subplot(grid[:, 0])
        _cell(axes, image, 0, 0, cmap="gray_r")
        axes.set_axis_off()
    for part, (name, cells) in enumerate(panels.items()):
        axes = figure.add_subplot(grid[part, beside])
        axes.set_title(name, fontsize=FONT_SIZE)
        for cell, values in enumerate(cells):
            row, column = divmod(cell, COLUMNS)
            drawn = _cell(axes, values, row, column, cmap=SIGNED, vmin=-largest, vmax=largest)
        axes.set_axis_off()
        figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.02).set_label(
            unit, fontsize=FONT_SIZE - 1
        )
    return figure


def _cell(axes: Axes, values: ndarray, row: int, column: int, **style: Any) -> Any:
    """One of many little images in the same axes, each of width 1."""
    height = values.shape[0] / values.shape[1]
    left, top = 1.1 * column, (height + 0.1) * row
    drawn = axes.imshow(values, extent=(left, left + 1, top + height, top), **style)
    axes.add_patch(Rectangle((left, top), 1, height, fill=False, edgecolor=GREY))
    axes.set(xlim=(-0.05, max(axes.get_xlim()[1], left + 1.05)), ylim=(top + height + 0.05, -0.05))
    return drawn
