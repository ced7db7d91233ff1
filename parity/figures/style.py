"""What all pictures have in common: colours, sizes and labels.

Made with Matplotlib's objects, never with pyplot's global state. Sides are told apart by shape and
width of their marks as well as by colour (Okabe and Ito's, made for the colour-blind).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

DPI = 150
FONT_SIZE = 12

BLUE, SKY, ORANGE, VERMILION = "#0072B2", "#56B4E9", "#E69F00", "#D55E00"
GREY, DARK = "#8C8C8C", "#222222"

# One side lies on top of the other: wide and light under thin and dark.
LINES: dict[str, dict[str, Any]] = {
    "scratch": {"color": SKY, "linewidth": 6, "linestyle": "-", "zorder": 2},
    "reference": {"color": DARK, "linewidth": 1.8, "linestyle": (0, (4, 3)), "zorder": 3},
}
OTHER_LINE: dict[str, Any] = {"color": ORANGE, "linewidth": 2.2, "linestyle": "-.", "zorder": 2.5}
PARTS = {"validation": SKY, "training": ORANGE}
LONE_LINES: dict[str, dict[str, Any]] = {
    "validation": {"color": SKY, "linewidth": 2.5, "linestyle": "-"},
    "training": {"color": ORANGE, "linewidth": 2.5, "linestyle": "--"},
}
POINTS: dict[str, dict[str, Any]] = {
    "scratch": {"s": 52, "facecolors": "none", "edgecolors": BLUE, "linewidths": 1.3},
    "reference": {"s": 9, "color": VERMILION, "linewidths": 0},
}
LONE_POINTS: dict[str, Any] = {"s": 20, "color": BLUE, "linewidths": 0}


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, format="png", dpi=DPI)


def count_epochs(axes: Axes, longest: int) -> None:
    """Let the x axis count epochs in whole numbers, of which there are ``longest``."""
    axes.set_xlim(0, longest + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def label(axes: Axes, x: str, y: str, title: str) -> None:
    """Axis labels and title in the sizes of all pictures, a light grid, no frame."""
    axes.set_xlabel(x, fontsize=FONT_SIZE)
    axes.set_ylabel(y, fontsize=FONT_SIZE)
    axes.set_title(title, fontsize=FONT_SIZE + 1)
    axes.tick_params(labelsize=FONT_SIZE - 1)
    axes.grid(color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
