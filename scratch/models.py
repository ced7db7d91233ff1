"""The networks of the book, ready made: house prices (chapter 3), MNIST (chapters 4, 5 and 7), text
(chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence

from scratch.activations import Linear, Sigmoid, Tanh
from scratch.conv import Conv2D
from scratch.dense import Dense
from scratch.dropout import InvertedDropout
from scratch.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratch.network import NeuralNetwork
from scratch.recurrent import (
    GRULayer,
    LSTMLayer,
    RecurrentLayer,
    RNNLayer,
    RNNModel,
    SequenceSoftmaxCrossEntropy,
)
from scratch.seeding import Seed, as_stream

RECURRENT_LAYERS: dict[str, type[RecurrentLayer]] = {
    "rnn": RNNLayer,
    "gru": GRULayer,
    "lstm": LSTMLayer,
}


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


def mnist_conv_net(dropout: float = 0.8, seed: Seed = 20190402) -> NeuralNetwork:
    """Two convolutions of five by five with 16 and 8 maps, 32 neurons, ten outputs, softmax cross
    entropy. All but the last layer end with tanh and PyTorch's form of dropout.

    Takes ``(batch, 1, height, width)``. Chapter 7, "Convolutional Neural Networks in PyTorch".

    Args:
        dropout: the probability to keep an element in training.
        seed: as in ``NeuralNetwork``.
    """
    masks = as_stream(seed)
    first, second, third = (InvertedDropout(dropout, masks) for _ in range(3))
    return NeuralNetwork(
        [
            Conv2D(16, 5, Tanh(), dropout=first, weight_init="glorot", bias=True),
            Conv2D(8, 5, Tanh(), dropout=second, weight_init="glorot", bias=True, flatten=True),
            Dense(32, Tanh(), dropout=third, weight_init="glorot"),
            Dense(10, Linear(), weight_init="glorot"),
        ],
        SoftmaxCrossEntropy(),
        seed,
    )


def next_character(
    vocab_size: int,
    layers: Sequence[str] = ("lstm",),
    hidden_size: int = 256,
    carry_state: bool = True,
    seed: Seed = 20190501,
) -> RNNModel:
    """Recurrent layers that predict the next character of a text, softmax cross entropy.

    Takes ``(batch, time, vocab_size)``. Chapter 6, "Combining RNNLayer Variants", where 256 wide
    layers hand on 128 features.

    Args:
        vocab_size: how many characters there are.
        layers: the kind of each, "rnn", "gru" or "lstm"; all but the last hand on half as many
            features as ``hidden_size``.
        hidden_size: of each layer's state.
        carry_state: as in ``RecurrentLayer``.
        seed: as in ``RNNModel``.

    Raises:
        ValueError: there is no layer, or no such kind.
    """
    unknown = [kind for kind in layers if kind not in RECURRENT_LAYERS]
    if unknown:
        raise ValueError(
            f"next_character: a layer must be one of {', '.join(RECURRENT_LAYERS)}, not "
            f"{unknown[0]!r}"
        )
    sizes = [max(hidden_size // 2, 1)] * (len(layers) - 1) + [vocab_size]
    return RNNModel(
        [
            RECURRENT_LAYERS[kind](hidden_size, size, carry_state=carry_state)
            for kind, size in zip(layers, sizes, strict=False)
        ],
        SequenceSoftmaxCrossEntropy(),
        seed=seed,
    )
