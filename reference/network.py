"""Chapters 3 and 5 in PyTorch: layers in a row."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


class NeuralNetwork(nn.Sequential):
    """Layers, first to last. Chapter 3, "The NeuralNetwork Class, and Maybe Others".

    Args:
        layers: at least one.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__(*layers)
