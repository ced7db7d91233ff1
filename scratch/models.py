"""The networks of the book, ready made: house prices (chapter 3), MNIST (chapters 4 and 5)."""

from __future__ import annotations

from collections.abc import Sequence

from scratch.activations import Linear, Sigmoid, Tanh
from scratch.conv import Conv2D
from scratch.dense import Dense
from scratch.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratch.network import NeuralNetwork
from scratch.seeding import Seed


def linear_regression(seed: Seed = 20190501) -> NeuralNetwork:
    """One neuron without activation. Chapter 3, "Neural Network: code" (without its E8)."""
    return NeuralNetwork([Dense(1, Linear())], MeanSquaredError(), seed)


def neural_network(seed: Seed = 20190501) -> NeuralNetwork:
    """13 sigmoid neurons, one output. Chapter 3, "Neural Network: code"."""
    return NeuralNetwork([Dense(13, Sigmoid()), Dense(1, Linear())], MeanSquaredError(), seed)


def deep_neural_network(seed: Seed = 20190501) -> NeuralNetwork:
    """Twice 13 sigmoid neurons, one output. Chapter 3, "Our First Deep Learning Model"."""
    return NeuralNetwork(
        [Dense(13, Sigmoid()), Dense(13, Sigmoid()), Dense(1, Linear())], MeanSquaredError(), seed
    )


def mnist_mean_squared_error(seed: Seed = 20190119) -> NeuralNetwork:
    """89 tanh neurons, ten sigmoid outputs, squared error. Chapter 4, "Experiments"."""
    return NeuralNetwork([Dense(89, Tanh()), Dense(10, Sigmoid())], MeanSquaredError(), seed)


def mnist_dense(
    hidden: Sequence[int] = (89,),
    dropout: float = 1.0,
    weight_init: str = "standard",
    seed: Seed = 20190119,
) -> NeuralNetwork:
    """Hidden tanh layers, ten outputs, softmax cross entropy: chapter 4's classifiers of digits.

    Chapter 4, from "Experiment: Softmax Cross Entropy Loss" on.

    Args:
        hidden: the width of each hidden layer.
        dropout: the probability to keep a neuron of a hidden layer in training.
        weight_init: of all layers, a name in ``scratch.initialization``.
        seed: as in ``NeuralNetwork``.
    """
    layers = [
        Dense(neurons, Tanh(), dropout=dropout, weight_init=weight_init) for neurons in hidden
    ]
    output = Dense(10, Linear(), weight_init=weight_init)
    return NeuralNetwork([*layers, output], SoftmaxCrossEntropy(), seed)


def mnist_conv(
    channels: int = 32,
    dropout: float = 0.8,
    weight_init: str = "glorot_as_printed",
    seed: Seed = 20190402,
) -> NeuralNetwork:
    """One convolution of five by five with tanh, ten outputs, softmax cross entropy.

    Takes ``(batch, 1, height, width)``. Chapter 5, "Experiments".

    Args:
        channels: how many filters, and so maps of each image.
        dropout: the probability to keep an element of a map in training.
        weight_init: of the filters, a name in ``scratch.initialization``. The listing says
            "glorot", which in the book's code is "glorot_as_printed" (E12). The dense layer has
            weights with a standard deviation of 1, as there.
        seed: as in ``NeuralNetwork``.
    """
    convolution = Conv2D(
        channels, 5, Tanh(), dropout=dropout, weight_init=weight_init, flatten=True
    )
    return NeuralNetwork([convolution, Dense(10, Linear())], SoftmaxCrossEntropy(), seed)
