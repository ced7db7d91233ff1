"""Chapters 3, 4 and 7 in PyTorch: the dense layer, under its name of chapter 7."""

from __future__ import annotations

from torch import Tensor, nn

from reference.dropout import Dropout
from reference.network import PyTorchLayer


class DenseLayer(PyTorchLayer):
    """``activation(x W + B)``. Chapter 7, "Implementing Building Blocks: DenseLayer".

    Args:
        input_size: columns of the input.
        neurons: columns of the output.
        activation: none where it is not given.
        dropout: the probability to keep an output in training, in chapter 4's form, or a module to
            end the layer with, such as chapter 7's ``nn.Dropout``.
    """

    def __init__(
        self,
        input_size: int,
        neurons: int,
        activation: nn.Module | None = None,
        dropout: float | nn.Module = 1.0,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, neurons)
        self.activation = nn.Identity() if activation is None else activation
        if isinstance(dropout, nn.Module):
            self.dropout = dropout
        else:
            self.dropout = nn.Identity() if dropout == 1 else Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, input_size)`` to ``(batch, neurons)``."""
        return self.dropout(self.activation(self.linear(x)))
