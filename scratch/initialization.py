"""Chapter 4: how large the initial weights are, by the width of the layer."""

from __future__ import annotations

import math
from collections.abc import Callable

#: The standard deviation of a layer's initial weights, from its inputs and its neurons.
Scale = Callable[[int, int], float]


def standard(n_in: int, n_out: int) -> float:
    """1, whatever the layer. Chapter 3, and the starting point of chapter 4."""
    return 1.0


def glorot(n_in: int, n_out: int) -> float:
    """``sqrt(2 / (n_in + n_out))``: keeps the spread of values and of gradients about the same from
    layer to layer. Chapter 4, "Math and Code" of the weight initialization.
    """
    return math.sqrt(2 / (n_in + n_out))


def glorot_as_printed(n_in: int, n_out: int) -> float:
    """``2 / (n_in + n_out)``, the variance, which the book's code takes for the standard deviation
    (E12). The printed results of chapter 4 were computed with it.
    """
    return 2 / (n_in + n_out)


def he(n_in: int, n_out: int) -> float:
    """``sqrt(2 / n_in)``, for layers with a ReLU, which lets half of the values through.

    Not in the book: He et al. (2015).
    """
    return math.sqrt(2 / n_in)


SCALES: dict[str, Scale] = {
    "standard": standard,
    "glorot": glorot,
    "glorot_as_printed": glorot_as_printed,
    "he": he,
}


def initial_scale(weight_init: str, n_in: int, n_out: int) -> float:
    """The standard deviation of the initial weights of a layer.

    Args:
        weight_init: a name in ``SCALES``.
        n_in: columns of the layer's input.
        n_out: neurons.

    Raises:
        ValueError: there is no such name.
    """
    if weight_init not in SCALES:
        raise ValueError(f"weight_init must be one of {', '.join(SCALES)}, not {weight_init!r}")
    return SCALES[weight_init](n_in, n_out)
