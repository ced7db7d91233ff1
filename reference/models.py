"""The networks of the book in PyTorch: house prices (chapters 3, 7), MNIST (chapters 4, 5, 7), text
(chapters 6, 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from reference.conv import ConvLayer
from reference.dense import DenseLayer
from reference.dropout import InvertedDropout
from reference.initialization import initialize
from reference.network import NeuralNetwork, PyTorchModel
from reference.recurrent import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer, RNNModel, chapter7
from reference.recurrent.cells import State

RECURRENT_LAYERS: dict[str, type[RecurrentLayer]] = {
    "rnn": RNNLayer,
    "gru": GRULayer,
    "lstm": LSTMLayer,
}


class HousePricesModel(PyTorchModel):
    """13 features, one hidden sigmoid layer, one price. Chapter 7, "Boston Housing Prices Model".

    Args:
        hidden_size: units in the hidden layer.
        hidden_dropout: the probability to keep one of them in training; the form is PyTorch's.
    """

    def __init__(self, hidden_size: int = 13, hidden_dropout: float = 1.0) -> None:
        super().__init__()
        dropout = InvertedDropout(hidden_dropout)
        self.dense1 = DenseLayer(13, hidden_size, nn.Sigmoid(), dropout)
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


class MNIST_ConvNet(PyTorchModel):  # noqa: N801
    """Two convolutions of five by five with 16 and 8 maps, 32 neurons, ten outputs (logits).

    Chapter 7, "Convolutional Neural Networks in PyTorch". All but the last layer end with tanh and
    PyTorch's dropout; filters have biases, and all weights are drawn as PyTorch does.

    Args:
        dropout: the probability to keep an element in training.
    """

    def __init__(self, dropout: float = 0.8) -> None:
        super().__init__()
        self.conv1 = ConvLayer(1, 16, 5, nn.Tanh(), InvertedDropout(dropout), bias=True)
        self.conv2 = ConvLayer(
            16, 8, 5, nn.Tanh(), InvertedDropout(dropout), flatten=True, bias=True
        )
        self.dense1 = DenseLayer(8 * 28 * 28, 32, nn.Tanh(), InvertedDropout(dropout))
        self.dense2 = DenseLayer(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, 1, 28, 28)`` to ``(batch, 10)``.

        Raises:
            ValueError: ``x`` has another shape.
        """
        if x.ndim != 4 or x.shape[1:] != (1, 28, 28):
            raise ValueError(
                f"MNIST_ConvNet: input must have shape (batch, 1, 28, 28), not {tuple(x.shape)}"
            )
        return self.dense2(self.dense1(self.conv2(self.conv1(x))))


class NextCharacterModel(PyTorchModel):
    """One layer of LSTMs that predicts the next character (logits). Chapter 7, "LSTMs in PyTorch".

    Args:
        vocab_size: how many characters there are.
        hidden_size: of each state.
        sequence_length: characters in a sequence that it is to be trained on; any number works.
        carry_state: as in ``reference.recurrent.chapter7.LSTMLayer``.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int = 256,
        sequence_length: int = 25,
        carry_state: bool = True,
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.sequence_length = sequence_length
        self.lstm = chapter7.LSTMLayer(
            sequence_length, vocab_size, hidden_size, vocab_size, carry_state
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, vocab_size)`` to ``(batch, vocab_size, time)``, with the classes where
        ``nn.CrossEntropyLoss`` wants them, from the layer's start state.

        Raises:
            ValueError: ``x`` has another shape.
        """
        self._require_one_hot(x)
        return self.lstm(x).permute(0, 2, 1)

    def forward_from(
        self, x: Tensor, states: Sequence[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """As ``RNNModel.forward_from``, so that ``reference.text.sample`` can let it write: the
        classes are last here.

        Args:
            x: ``(batch, time, vocab_size)``.
            states: the layer's in a list; by default 0.

        Raises:
            ValueError: ``x`` has another shape, or there is not one state.
        """
        self._require_one_hot(x)
        if states is None:
            zeros = x.new_zeros(len(x), self.lstm.hidden_size)
            states = [(zeros, zeros)]
        (state,) = states
        out, after = self.lstm.forward_from(x, state)
        return out, [after]

    def reset_state(self) -> None:
        """Let the next batch start from 0, as a new text does."""
        self.lstm.reset_state()

    def _require_one_hot(self, x: Tensor) -> None:
        if x.ndim != 3 or x.shape[2] != self.vocab_size:
            raise ValueError(
                f"NextCharacterModel: input must have shape (batch, time, {self.vocab_size}), not "
                f"{tuple(x.shape)}"
            )


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
