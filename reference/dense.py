"""Chapter 3 in PyTorch: the dense layer, under its name of chapter 7."""

from __future__ import annotations

from torch import Tensor, nn


class DenseLayer(nn.Module):
    """``activation(x W + B)``. Chapter 7, "Implementing Building Blocks: DenseLayer".

    Args:
        input_size: columns of the input.
        neurons: columns of the output.
        activation: none where it is not given.
    """

    def __init__(self, input_size: int, neurons: int, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, neurons)
        self.activation = nn.Identity() if activation is None else activation

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, input_size)`` to ``(batch, neurons)``."""
        return self.activation(self.linear(x))
