"""Chapters 4 and 5 in PyTorch: initial weights by the width of the layer, with ``nn.init``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn

Weighted: TypeAlias = nn.Linear | nn.Conv2d
Initializer: TypeAlias = Callable[[Weighted, torch.Generator | None], None]


def initialize(
    layer: Weighted, weight_init: str = "standard", generator: torch.Generator | None = None
) -> None:
    """Draw weights and biases anew. Chapter 4, "Math and Code".

    Args:
        layer: its weight and its bias, if it has one, get the same standard deviation, as in the
            book. What comes in and goes out is counted in features, and in a convolution in maps
            times the filter's area, but for "glorot_as_printed", which counts maps only.
        weight_init: a name of ``scratch.initialization``.
        generator: where they are drawn from; PyTorch's own by default.

    Raises:
        ValueError: there is no such name.
    """
    if weight_init not in INITIALIZERS:
        raise ValueError(
            f"weight_init must be one of {', '.join(INITIALIZERS)}, not {weight_init!r}"
        )
    INITIALIZERS[weight_init](layer, generator)


def _standard(layer: Weighted, generator: torch.Generator | None) -> None:
    nn.init.normal_(layer.weight, generator=generator)
    _draw_bias(layer, 1.0, generator)


def _glorot(layer: Weighted, generator: torch.Generator | None) -> None:
    nn.init.xavier_normal_(layer.weight, generator=generator)
    n_out, n_in, area = _sizes(layer)
    _draw_bias(layer, math.sqrt(2 / ((n_in + n_out) * area)), generator)


def _glorot_as_printed(layer: Weighted, generator: torch.Generator | None) -> None:
    n_out, n_in, _ = _sizes(layer)
    scale = 2 / (n_in + n_out)
    nn.init.normal_(layer.weight, std=scale, generator=generator)
    _draw_bias(layer, scale, generator)


def _he(layer: Weighted, generator: torch.Generator | None) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
    _, n_in, area = _sizes(layer)
    _draw_bias(layer, math.sqrt(2 / (n_in * area)), generator)


def _sizes(layer: Weighted) -> tuple[int, int, int]:
    """Features or maps that go out and that come in, and the area of a filter, 1 without one."""
    n_out, n_in, *size = layer.weight.shape
    return n_out, n_in, math.prod(size)


def _draw_bias(layer: Weighted, scale: float, generator: torch.Generator | None) -> None:
    if layer.bias is not None:
        nn.init.normal_(layer.bias, std=scale, generator=generator)


INITIALIZERS: dict[str, Initializer] = {
    "standard": _standard,
    "glorot": _glorot,
    "glorot_as_printed": _glorot_as_printed,
    "he": _he,
}
