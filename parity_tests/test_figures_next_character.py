"""The picture of a training on text holds what it claims: each step of both sides."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from parity import figures

SMOOTHING = "exponential moving mean"


def draw(figure: Figure) -> None:
    """Layout and all, as it is saved: a warning of Matplotlib's is a failure."""
    figure.savefig(io.BytesIO(), format="png")


def line(axes: Axes, name: str) -> tuple[list[float], list[float]]:
    [found] = [line for line in axes.lines if line.get_label() == name]
    return np.asarray(found.get_xdata()).tolist(), np.asarray(found.get_ydata()).tolist()


def test_each_step_of_both_sides_is_drawn_in_one_picture() -> None:
    figure = figures.step_losses(
        {"scratch": [4.0, 3.0, 2.5], "reference": [4.0, 3.5]}, "title", SMOOTHING
    )
    [axes] = figure.axes
    assert line(axes, "scratch") == ([1, 2, 3], [4.0, 3.0, 2.5])
    assert line(axes, "reference") == ([1, 2], [4.0, 3.5])
    assert (axes.get_xlabel(), axes.get_title()) == ("steps", "title")
    assert axes.get_ylabel() == "training loss, nats per character"
    draw(figure)


def test_the_legend_says_how_losses_are_smoothed() -> None:
    legend = figures.step_losses({"scratch": [1.0, 2.0]}, "title", SMOOTHING).axes[0].get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == SMOOTHING


def test_a_single_point_shows() -> None:
    figure = figures.step_losses({"scratch": [2.0]}, "title", SMOOTHING)
    assert figure.axes[0].lines[0].get_marker() == "o"
    draw(figure)


@pytest.mark.parametrize("losses", [{}, {"scratch": []}])
def test_no_loss_is_refused(losses: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="there is no loss to draw"):
        figures.step_losses(losses, "title", SMOOTHING)
