"""Chapters 3 and 4 in PyTorch: activations, under the book's names."""

from torch import nn

Sigmoid = nn.Sigmoid
Linear = nn.Identity
Tanh = nn.Tanh
ReLU = nn.ReLU
ReLU6 = nn.ReLU6


class LeakyReLU(nn.LeakyReLU):
    """Negative elements times 0.2, as ``leaky_relu`` in chapter 1; ``nn.LeakyReLU`` takes 0.01."""

    def __init__(self, negative_slope: float = 0.2) -> None:
        super().__init__(negative_slope)
