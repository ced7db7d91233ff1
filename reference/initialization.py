"""Chapter 4 in PyTorch: initial weights by the width of the layer, with ``nn.init``."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn


def initialize(
    linear: nn.Linear, weight_init: str = "standard", generator: torch.Generator | None = None
) -> None:
    """Draw weights and biases anew. Chapter 4, "Math and Code".

    Args:
        linear: its weight and bias get the same standard deviation, as in the book.
        weight_init: a name of ``scratch.initialization``.
        generator: where they are drawn from; PyTorch's own by default.

    Raises:
        ValueError: there is no such name.
    """
    if weight_init not in INITIALIZERS:
        raise ValueError(
            f"weight_init must be one of {', '.join(INITIALIZERS)}, not {weight_init!r}"
        )
    INITIALIZERS[weight_init](linear, generator)


def _standard(linear: nn.Linear, generator: torch.Generator | None) -> None:
    nn.init.normal_(linear.weight, generator=generator)
    nn.init.normal_(linear.bias, generator=generator)


def _glorot(linear: nn.Linear, generator: torch.Generator | None) -> None:
    scale = math.sqrt(2 / (linear.in_features + linear.out_features))
    nn.init.xavier_normal_(linear.weight, generator=generator)
    nn.init.normal_(linear.bias, std=scale, generator=generator)


def _glorot_as_printed(linear: nn.Linear, generator: torch.Generator | None) -> None:
    scale = 2 / (linear.in_features + linear.out_features)
    nn.init.normal_(linear.weight, std=scale, generator=generator)
    nn.init.normal_(linear.bias, std=scale, generator=generator)


def _he(linear: nn.Linear, generator: torch.Generator | None) -> None:
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu", generator=generator)
    nn.init.normal_(linear.bias, std=math.sqrt(2 / linear.in_features), generator=generator)


INITIALIZERS: dict[str, Callable[[nn.Linear, torch.Generator | None], None]] = {
    "standard": _standard,
    "glorot": _glorot,
    "glorot_as_printed": _glorot_as_printed,
    "he": _he,
}
