"""The filters of a convolutional layer that takes more than one channel (chapter 7)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy import ndarray

from parity.figures.mnist_conv import SIGNED
from parity.figures.style import FONT_SIZE, label

GAP = "#B0B0B0"


def layer_filters(filters: ndarray, title: str) -> Figure:
    """What each filter looks for in each channel of its input: blue where it wants much of it,
    orange where it wants none. A filter is a column.

    Args:
        filters: shape ``(in_channels, out_channels, height, width)``, drawn in one scale.
        title: of the figure.

    Raises:
        ValueError: the filters have another shape, or there are none.
    """
    if filters.ndim != 4 or 0 in filters.shape:
        raise ValueError(
            "layer_filters: filters must have shape (in_channels, out_channels, height, width), "
            f"none of them 0, not {filters.shape}"
        )
    rows, columns, height, width = filters.shape
    apart = np.full((rows, columns, height + 1, width + 1), np.nan, filters.dtype)
    apart[:, :, :-1, :-1] = filters
    mosaic = apart.transpose(0, 2, 1, 3).reshape(rows * (height + 1), columns * (width + 1))
    mosaic = mosaic[:-1, :-1]
    largest = float(np.abs(filters).max()) or 1.0

    figure = Figure(figsize=(0.55 * columns + 2.2, 0.55 * rows + 1.4), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.imshow(
        mosaic,
        cmap=SIGNED.with_extremes(bad=GAP),
        vmin=-largest,
        vmax=largest,
        interpolation="nearest",
    )
    label(axes, "filter", "channel of the input", "")
    figure.suptitle(title, fontsize=FONT_SIZE + 1)
    for axis, n, size in ((axes.xaxis, columns, width), (axes.yaxis, rows, height)):
        middles = (size + 1) * np.arange(n) + (size - 1) / 2
        axis.set_ticks(middles, [f"{number}" for number in range(1, n + 1)])
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03).set_label(
        "weight", fontsize=FONT_SIZE - 1
    )
    return figure
