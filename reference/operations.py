"""Chapter 3 in PyTorch: the operations with a parameter."""

from __future__ import annotations

from torch import Tensor, nn


class WeightMultiply(nn.Module):
    """``input W``. Chapter 3, "Building Blocks on Building Blocks".

    Args:
        W: shape ``(in, out)``, the book's orientation; ``nn.Linear`` holds its transpose.
    """

    def __init__(self, W: Tensor) -> None:
        super().__init__()
        self.param = nn.Parameter(W)

    def forward(self, input_: Tensor) -> Tensor:
        """``(batch, in)`` to ``(batch, out)``."""
        return input_ @ self.param


class BiasAdd(nn.Module):
    """``input + B``. Chapter 3, "Building Blocks on Building Blocks".

    Args:
        B: shape ``(1, out)``.
    """

    def __init__(self, B: Tensor) -> None:
        super().__init__()
        self.param = nn.Parameter(B)

    def forward(self, input_: Tensor) -> Tensor:
        """``(batch, out)`` to ``(batch, out)``."""
        return input_ + self.param
