"""Figures 4.4 to 4.8 of the book: losses, activations, and the spread of what enters them.

Every curve is computed by the scratch side's own classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy import ndarray

from parity.figures.style import (
    BLUE,
    DARK,
    FONT_SIZE,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    label,
)
from scratch.activations import LeakyReLU, Linear, ReLU, ReLU6, Sigmoid, Tanh
from scratch.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratch.operations import Operation

ACTIVATIONS: dict[str, type[Operation]] = {
    "Sigmoid": Sigmoid,
    "Tanh": Tanh,
    "Linear": Linear,
    "ReLU": ReLU,
    "LeakyReLU": LeakyReLU,
    "ReLU6": ReLU6,
}

# An even number of points: none of them is a kink, where there is no derivative.
NARROW = np.linspace(-5, 5, 1000)
WIDE = np.linspace(-9, 9, 1800)

OUTPUT_LINE: dict[str, Any] = {"color": BLUE, "linewidth": 2.8}
DERIVATIVE_LINE: dict[str, Any] = {"color": VERMILION, "linewidth": 2.2, "linestyle": "--"}

NEAREST_TO_1 = 0.999
LOSS_LIMIT = 5.0

STEEP = 2.0  # beyond, tanh is nearly flat
SATURATED = 0.99


def cross_entropy_against_squared_error() -> Figure:
    """Figure 4.4: what a prediction between 0 and 1 costs if the target is 0."""
    predictions = np.linspace(0.001, NEAREST_TO_1, 999)
    logits = np.log(predictions / (1 - predictions))  # a single column is the sigmoid's input
    target = np.zeros((1, 1))
    cross_entropy = [SoftmaxCrossEntropy().forward(np.full((1, 1), x), target) for x in logits]
    squares = [MeanSquaredError().forward(np.full((1, 1), p), target) for p in predictions]

    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(predictions, cross_entropy, label="cross entropy", **OUTPUT_LINE)
    axes.plot(predictions, squares, label="squared error", **DERIVATIVE_LINE)
    axes.axvline(1, color=GREY, linewidth=1.2, linestyle=":")
    axes.set(xlim=(0, 1.04), ylim=(0, LOSS_LIMIT))
    axes.annotate(
        "grows beyond all bounds\nas the prediction nears 1",
        xy=(1 - np.exp(-4.4), 4.4),
        xytext=(0.87, 4.4),
        fontsize=FONT_SIZE - 1,
        ha="right",
        va="center",
        arrowprops={"arrowstyle": "->", "color": DARK},
    )
    axes.annotate(
        "is never more than 1",
        xy=(0.99, 0.96),
        xytext=(0.98, 0.25),
        fontsize=FONT_SIZE - 1,
        ha="right",
        va="center",
        arrowprops={"arrowstyle": "->", "color": DARK},
    )
    axes.legend(loc="upper left", fontsize=FONT_SIZE - 1)
    label(axes, "prediction", "loss", "Cross entropy against squared error for the target 0")
    return figure


def activation_function(name: str) -> Figure:
    """Figures 4.5 and 4.6, which show "ReLU" and "Tanh": an activation's output over its input.

    Raises:
        ValueError: there is no activation of that name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(
            f"activation_function: name must be one of {', '.join(ACTIVATIONS)}, not {name!r}"
        )
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    x = WIDE if name == "ReLU6" else NARROW
    axes.plot(x, ACTIVATIONS[name]().forward(x), **OUTPUT_LINE)
    _cross(axes)
    label(axes, "input", "output", f"The activation {name}")
    return figure


def activation_functions() -> Figure:
    """All activations of chapter 4, each with its derivative."""
    figure = Figure(figsize=(10.5, 6.4), layout="constrained")
    for i, name in enumerate(ACTIVATIONS, 1):
        axes = figure.add_subplot(2, 3, i)
        output, derivative = _output_and_derivative(name, WIDE)
        axes.plot(WIDE, output, label="output", **OUTPUT_LINE)
        axes.plot(WIDE, derivative, label="derivative", **DERIVATIVE_LINE)
        _cross(axes)
        label(axes, "input" if i > 3 else "", "", name)
        if i == 1:
            axes.legend(fontsize=FONT_SIZE - 1, loc="upper left")
    return figure


def activation_derivatives() -> Figure:
    """Figure 4.7: the derivative of the sigmoid against that of tanh."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    lines: dict[str, dict[str, Any]] = {"Sigmoid": DERIVATIVE_LINE, "Tanh": OUTPUT_LINE}
    for name, line in lines.items():
        _, derivative = _output_and_derivative(name, NARROW)
        axes.plot(NARROW, derivative, label=f"{name}, at most {derivative.max():.2f}", **line)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=FONT_SIZE - 1)
    label(axes, "input", "derivative", "The derivatives of the sigmoid and of tanh")
    return figure


def activation_spread(panels: Mapping[str, tuple[ndarray, ndarray]]) -> Figure:
    """Figure 4.8 for several initialisations: what goes into a hidden layer's tanh, and comes out.

    Args:
        panels: under each initialisation's name the inputs and the outputs of tanh, any shape.

    Raises:
        ValueError: there is no panel.
    """
    if not panels:
        raise ValueError("activation_spread: there is nothing to draw, panels is empty")
    n = len(panels)
    figure = Figure(figsize=(max(6.4, 3.5 * n), 6.6), layout="constrained")
    upper: Axes | None = None
    lower: Axes | None = None
    for i, (name, (before, after)) in enumerate(panels.items(), 1):
        y = "share of the values" if i == 1 else ""
        upper = figure.add_subplot(2, n, i, sharey=upper)
        limit = float(np.max(np.abs(before))) or 1.0
        _histogram(upper, before, limit)
        band = upper.axvspan(-STEEP, STEEP, color=ORANGE, alpha=0.35, linewidth=0, zorder=0.5)
        upper.set_xlim(-limit, limit)
        label(upper, "input of tanh", y, f"{name}\nstandard deviation {np.std(before):.3g}")

        lower = figure.add_subplot(2, n, n + i, sharey=lower)
        _histogram(lower, after, 1)
        saturated = np.mean(np.abs(after) > SATURATED)
        label(lower, "output of tanh", y, f"{saturated:.0%} beyond ±{SATURATED}")
    figure.legend(
        [band],
        [f"inputs from -{STEEP:g} to {STEEP:g}: beyond, tanh is nearly flat"],
        loc="outside lower center",
        fontsize=FONT_SIZE - 1,
    )
    return figure


def _output_and_derivative(name: str, x: ndarray) -> tuple[ndarray, ndarray]:
    activation = ACTIVATIONS[name]()
    return activation.forward(x), activation.backward(np.ones_like(x))


def _histogram(axes: Axes, values: ndarray, limit: float) -> None:
    axes.margins(y=0.15)  # a narrow band shows above the bars only
    axes.hist(
        values.ravel(),
        bins=40,
        range=(-limit, limit),
        weights=np.full(values.size, 1 / values.size),
        color=SKY,
        edgecolor=BLUE,
        linewidth=0.6,
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _cross(axes: Axes) -> None:
    """The lines through 0, and whole numbers at the x axis."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 4, 10]))
    axes.axhline(0, color=GREY, linewidth=1, zorder=0.5)
    axes.axvline(0, color=GREY, linewidth=1, zorder=0.5)
