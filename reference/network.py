"""Chapter 3 in PyTorch: dense layers in a row."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from reference.dense import DenseLayer


class NeuralNetwork(nn.Sequential):
    """Dense layers, first to last. Chapter 3, "The NeuralNetwork Class, and Maybe Others".

    Args:
        layers: at least one.
    """

    def __init__(self, layers: Sequence[DenseLayer]) -> None:
        super().__init__(*layers)
