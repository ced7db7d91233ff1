"""The networks of the book in PyTorch: the house-price models of chapters 3 and 7."""

from __future__ import annotations

from torch import Tensor, nn

from reference.dense import DenseLayer
from reference.network import NeuralNetwork


class HousePricesModel(nn.Module):
    """13 features, one hidden sigmoid layer, one price. Chapter 7, "Boston Housing Prices Model".

    Args:
        hidden_size: units in the hidden layer.
    """

    def __init__(self, hidden_size: int = 13) -> None:
        super().__init__()
        self.dense1 = DenseLayer(13, hidden_size, nn.Sigmoid())
        self.dense2 = DenseLayer(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, 13)`` to ``(batch, 1)``.

        Raises:
            ValueError: ``x`` has another shape.
        """
        if x.ndim != 2 or x.shape[1] != 13:
            raise ValueError(
                f"HousePricesModel: input must have shape (batch, 13), not {tuple(x.shape)}"
            )
        return self.dense2(self.dense1(x))


def linear_regression() -> NeuralNetwork:
    """One neuron without activation. Chapter 3, "Neural Network: code"."""
    return NeuralNetwork([DenseLayer(13, 1)])


def neural_network() -> HousePricesModel:
    """13 sigmoid neurons, one output. Chapter 3, "Neural Network: code"."""
    return HousePricesModel(hidden_size=13)


def deep_neural_network() -> NeuralNetwork:
    """Twice 13 sigmoid neurons, one output. Chapter 3, "Our First Deep Learning Model"."""
    return NeuralNetwork(
        [DenseLayer(13, 13, nn.Sigmoid()), DenseLayer(13, 13, nn.Sigmoid()), DenseLayer(13, 1)]
    )
