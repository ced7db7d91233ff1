"""The pictures of the autoencoder: figures 7.3 to 7.5 of the book (chapter 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy import ndarray

from parity.figures.style import DARK, FONT_SIZE, GREY, ORANGE, SKY, label
from parity.training.embedding import label_places

PAIRS_IN_A_ROW = 8
DECODED_IN_A_ROW = 5

#: One for each digit: Tol's muted scheme, made for the colour-blind, but for its palest colours.
COLOURS = (
    "#332288", "#CC6677", "#117733", "#AA4499", "#44AA99",
    "#882255", "#999933", SKY, ORANGE, DARK,
)  # fmt: skip


def reconstructions(originals: ndarray, reconstructions: ndarray, title: str) -> Figure:
    """Figure 7.3 for several images: each above what the autoencoder makes of it.

    Args:
        originals: shape ``(n, rows, columns)``, pixels from -1 (white) to 1 (black).
        reconstructions: of the same shape and scale.
        title: of the figure.

    Raises:
        ValueError: there are no images, or the shapes do not fit.
    """
    if originals.ndim != 3 or 0 in originals.shape or originals.shape != reconstructions.shape:
        raise ValueError(
            "reconstructions: originals and reconstructions must have one shape (n, rows, "
            f"columns), none of them 0, not {originals.shape} and {reconstructions.shape}"
        )
    n = len(originals)
    columns, rows = min(n, PAIRS_IN_A_ROW), -(-n // PAIRS_IN_A_ROW)
    figure = Figure(figsize=(max(4.6, 1.2 * columns + 1), 2.5 * rows + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=FONT_SIZE + 1)
    grid = figure.add_gridspec(2 * rows, columns)
    for i, pair in enumerate(zip(originals, reconstructions, strict=True)):
        row, column = divmod(i, columns)
        for below, (name, image) in enumerate(zip(("original", "restored"), pair, strict=True)):
            axes = figure.add_subplot(grid[2 * row + below, column])
            _image(axes, image)
            if column == 0:
                axes.set_ylabel(name, fontsize=FONT_SIZE)
    return figure


def decoded(images: ndarray, title: str) -> Figure:
    """Figure 7.5: what the decoder makes of random codes.

    Args:
        images: shape ``(n, rows, columns)``, pixels from -1 (white) to 1 (black).
        title: of the figure.

    Raises:
        ValueError: there are no images, or they have another shape.
    """
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(
            "decoded: images must have shape (n, rows, columns), none of them 0, "
            f"not {images.shape}"
        )
    n = len(images)
    columns, rows = min(n, DECODED_IN_A_ROW), -(-n // DECODED_IN_A_ROW)
    figure = Figure(figsize=(max(4.6, 1.8 * columns), 1.9 * rows + 0.4), layout="constrained")
    figure.suptitle(title, fontsize=FONT_SIZE + 1)
    for cell, image in enumerate(images, 1):
        _image(figure.add_subplot(rows, columns, cell), image)
    return figure


def _image(axes: Axes, image: ndarray) -> None:
    axes.imshow(image, cmap="gray_r", vmin=-1, vmax=1)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(GREY)


def embedding(points: ndarray, labels: ndarray, title: str) -> Figure:
    """Figure 7.4: each code is a point in the plane, drawn as the digit that its image shows.

    Each digit stands once more, large, where its points are dense, and beside the picture with the
    number of its points.

    Args:
        points: shape ``(n, 2)``, without a unit.
        labels: the digits, shape ``(n,)``; some may be missing.
        title: of the figure.

    Raises:
        ValueError: the shapes do not fit, there is no point, one is not finite, or a label is no
            digit.
    """
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(
            "embedding: points must have shape (n, 2) and labels (n,), "
            f"not {points.shape} and {labels.shape}"
        )
    if len(points) == 0:
        raise ValueError("embedding: there is no point to draw, points is empty")
    if not np.all(np.isfinite(points)):
        raise ValueError("embedding: points must be finite numbers, some are not")
    digits = np.unique(labels).tolist()
    if not set(digits) <= set(range(len(COLOURS))):
        raise ValueError(
            f"embedding: labels must be digits from 0 to 9, not {digits[0]} to {digits[-1]}"
        )
    figure = Figure(figsize=(9.6, 8.8), layout="constrained")
    axes = figure.add_subplot()
    for digit in digits:
        cluster = points[labels == digit]
        style: dict[str, Any] = {"s": 16, "marker": f"${digit}$", "linewidths": 0}
        axes.scatter(*cluster.T, color=COLOURS[digit], label=f"{len(cluster):,}", **style)
    for digit, (x, y) in label_places(points, labels).items():
        text = axes.text(x, y, f"{digit}", ha="center", va="center", fontsize=26, weight="bold")
        text.set(color=DARK, path_effects=[withStroke(linewidth=5, foreground="white")])
    figure.legend(
        title="points",
        loc="outside right center",
        fontsize=FONT_SIZE,
        title_fontsize=FONT_SIZE,
        markerscale=2.4,
        scatteryoffsets=[0.45],
        frameon=False,
    )
    label(axes, "", "", title)
    axes.set(xticks=[], yticks=[])  # neither direction has a meaning of its own
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set(visible=True, color=GREY)
    return figure
