"""The networks of the book in PyTorch: house prices (chapters 3, 7), MNIST (chapters 4, 5), text
(chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from reference.conv import ConvLayer
from reference.dense import DenseLayer
from reference.initialization import initialize
from reference.network import NeuralNetwork
from reference.recurrent import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer, RNNModel

RECURRENT_LAYERS: dict[str, type[RecurrentLayer]] = {
    "rnn": RNNLayer,
    "gru": GRULayer,
    "lstm": LSTMLayer,
}


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


def mnist_mean_squared_error() -> NeuralNetwork:
    """89 tanh neurons, ten sigmoid outputs. Chapter 4, "Experiments"."""
    layers = [DenseLayer(784, 89, nn.Tanh()), DenseLayer(89, 10, nn.Sigmoid())]
    for layer in layers:
        initialize(layer.linear)
    return NeuralNetwork(layers)


def mnist_dense(
    hidden: Sequence[int] = (89,), dropout: float = 1.0, weight_init: str = "standard"
) -> NeuralNetwork:
    """Hidden tanh layers, ten outputs (logits): chapter 4's classifiers of digits.

    Args:
        hidden: the width of each hidden layer.
        dropout: the probability to keep a neuron of a hidden layer in training.
        weight_init: of all layers, a name in ``reference.initialization``.
    """
    layers = [
        DenseLayer(inputs, neurons, nn.Tanh(), dropout)
        for inputs, neurons in pairwise((784, *hidden))
    ]
    layers.append(DenseLayer((784, *hidden)[-1], 10))
    for layer in layers:
        initialize(layer.linear, weight_init)
    return NeuralNetwork(layers)


def mnist_conv(
    channels: int = 32, dropout: float = 0.8, weight_init: str = "glorot_as_printed"
) -> NeuralNetwork:
    """One convolution of five by five with tanh, ten outputs (logits). Chapter 5, "Experiments".

    Takes ``(batch, 1, 28, 28)``.

    Args:
        channels: how many filters, and so maps of each image.
        dropout: the probability to keep an element of a map in training.
        weight_init: of the filters, a name in ``reference.initialization``; the dense layer has
            weights with a standard deviation of 1, as in the book.
    """
    convolution = ConvLayer(1, channels, 5, nn.Tanh(), dropout, flatten=True)
    output = DenseLayer(channels * 28 * 28, 10)
    initialize(convolution.conv, weight_init)
    initialize(output.linear)
    return NeuralNetwork([convolution, output])


def next_character(
    vocab_size: int,
    layers: Sequence[str] = ("lstm",),
    hidden_size: int = 256,
    carry_state: bool = True,
) -> RNNModel:
    """Recurrent layers that predict the next character (logits). Chapter 6, "Combining RNNLayer
    Variants".

    Takes ``(batch, time, vocab_size)``.

    Args:
        vocab_size: how many characters there are.
        layers: the kind of each, "rnn", "gru" or "lstm"; all but the last hand on half as many
            features as ``hidden_size``.
        hidden_size: of each layer's state.
        carry_state: as in ``RecurrentLayer``.
    """
    features = [vocab_size, *[max(hidden_size // 2, 1)] * (len(layers) - 1), vocab_size]
    return RNNModel(
        [
            RECURRENT_LAYERS[kind](inputs, hidden_size, outputs, carry_state)
            for kind, (inputs, outputs) in zip(layers, pairwise(features), strict=True)
        ]
    )
