"""The picture of a training on text: losses step by step (chapter 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from parity.figures.style import FONT_SIZE, LINES, ORANGE, label

LONE: dict[str, Any] = {"color": ORANGE, "linewidth": 2.5, "linestyle": "-"}


def step_losses(losses: Mapping[str, Sequence[float]], title: str, smoothing: str) -> Figure:
    """Smoothed training losses step by step, of one side or of both.

    Args:
        losses: under "scratch" and "reference" the loss after each step, smoothed.
        title: of the figure.
        smoothing: how, in words for the legend.

    Raises:
        ValueError: there is no loss to draw.
    """
    if not any(len(values) for values in losses.values()):
        raise ValueError("step_losses: there is no loss to draw, losses is empty")
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for side, values in losses.items():
        style = LINES[side] if len(losses) > 1 else LONE
        [line] = axes.plot(range(1, len(values) + 1), values, label=side, **style)
        if len(values) == 1:  # a line of one point would not show
            line.set(marker="o", markersize=4 + 1.6 * style["linewidth"])
    axes.legend(
        fontsize=FONT_SIZE - 1,
        title=smoothing,
        title_fontsize=FONT_SIZE - 1,
        alignment="left",
        frameon=False,
    )
    axes.set_xlim(0, 1.02 * max(len(values) for values in losses.values()))
    label(axes, "steps", "training loss, nats per character", title)
    return figure
