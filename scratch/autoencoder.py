"""Chapter 7: an autoencoder, which learns short codes of images by giving the images back.

The book writes it in PyTorch; here are its layers in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from scratch.activations import Tanh
from scratch.conv import Conv2D, Pair
from scratch.dense import Dense, Layer
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.operations import Operation, check_same_shape
from scratch.seeding import Seed, is_integer


class Reshape(Operation):
    """Each row in another shape, the way back from ``Flatten``.

    Chapter 7, "Implementing an Autoencoder in PyTorch", where it is ``x.view(-1, 7, 28, 28)``.
    Takes ``(batch, product of shape)``, returns ``(batch, *shape)``.

    Args:
        shape: of one observation, whole numbers of at least 1.

    Raises:
        ValueError: ``shape`` is not as above; in ``forward``, the input does not fit it.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        if not all(is_integer(length) and length >= 1 for length in self.shape):
            raise ValueError(
                f"Reshape: shape must hold whole numbers of at least 1, not {self.shape}"
            )

    def _output(self) -> ndarray:
        columns = int(np.prod(self.shape))
        if self.input_.ndim != 2 or self.input_.shape[1] != columns:
            raise ValueError(
                f"{self}: input must have shape (batch, {columns}), not {self.input_.shape}"
            )
        return self.input_.reshape(len(self.input_), *self.shape).copy()

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad.reshape(self.input_.shape).copy()

    def __repr__(self) -> str:
        return f"Reshape({self.shape})"


class AutoencoderHalf(Layer):
    """Layers in a row that count as one: what ``Encoder`` and ``Decoder`` have in common.

    A subclass defines ``_make_layers``; ``layers`` are there after the first ``forward``. They draw
    their parameters one after the other as the layers of a network do, each from ``seed``.
    """

    layers: list[Layer]

    def _make_layers(self, input_: ndarray) -> list[Layer]:
        raise NotImplementedError(f"{type(self).__name__} must define _make_layers")

    def _setup_layer(self, input_: ndarray) -> None:
        self.layers = self._make_layers(input_)
        for layer in self.layers:
            layer.seed, layer.stream = self.seed, self.stream

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """Pass a batch through the layers; the first one sets them up."""
        if self.first:
            self._setup_layer(input_)
        self.input_ = output = input_
        for layer in self.layers:
            output = layer.forward(output, inference)
        if self.first:  # each layer knows its parameters only now
            self.params = [param for layer in self.layers for param in layer.params]
            self.first = False
        self.output = output
        return output

    def backward(self, output_grad: ndarray) -> ndarray:
        """As ``Layer.backward``, through all layers."""
        self._check_output_grad(output_grad)
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        self._param_grads()
        return output_grad

    def backward_to_params(self, output_grad: ndarray) -> None:
        """As ``Layer.backward_to_params``, through all layers."""
        self._check_output_grad(output_grad)
        first, *others = self.layers
        for layer in reversed(others):
            output_grad = layer.backward(output_grad)
        first.backward_to_params(output_grad)
        self._param_grads()

    def _param_grads(self) -> None:
        self.param_grads = [grad for layer in self.layers for grad in layer.param_grads]


class Encoder(AutoencoderHalf):
    """Images to codes: two convolutions that keep the size, and a dense layer, all with tanh.

    Chapter 7, "Implementing an Autoencoder in PyTorch". Takes ``(batch, in, height, width)``; the
    first input says how many of each. Returns ``(batch, hidden_dim)``, between -1 and 1.
    ``params`` are filters and bias of either convolution, then ``W`` and ``B``.

    Args:
        hidden_dim: numbers in a code.
        channels: maps after the first convolution and after the second.
        param_size: height and width of the filters, one odd number or a pair.
        weight_init: as in ``Dense``, of all layers.
        seed: as in ``Layer``.

    Raises:
        ValueError: an argument is not as above; in ``forward``, the input is no batch of images,
            or of others than the first one.
    """

    def __init__(
        self,
        hidden_dim: int = 28,
        channels: tuple[int, int] = (14, 7),
        param_size: Pair = 5,
        weight_init: str = "glorot",
        seed: Seed = None,
    ) -> None:
        if not is_integer(hidden_dim) or hidden_dim < 1:
            raise ValueError(
                f"Encoder: hidden_dim must be a whole number of at least 1, not {hidden_dim!r}"
            )
        super().__init__(hidden_dim, seed)
        self.channels = _two_channels(channels, self)
        self.param_size = param_size
        self.weight_init = weight_init
        _convolution(self, 1)  # refuses what is no size and no name

    def _make_layers(self, input_: ndarray) -> list[Layer]:
        self.image_shape = input_.shape[1:]
        first, second = self.channels
        return [
            _convolution(self, first),
            _convolution(self, second, flatten=True),
            Dense(self.neurons, Tanh(), weight_init=self.weight_init),
        ]

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """Codes of a batch of images; the first one sets up the layers."""
        if not self.first and input_.shape[1:] != self.image_shape:
            raise ValueError(
                f"{self}: input of shape {input_.shape} does not fit images of shape "
                f"{self.image_shape}, which the first input had"
            )
        return super().forward(input_, inference)


class Decoder(AutoencoderHalf):
    """Codes to images: a dense layer and two convolutions that keep the size, all with tanh.

    Chapter 7, "Implementing an Autoencoder in PyTorch". Takes ``(batch, hidden_dim)``, returns
    ``(batch, *image_shape)``, between -1 and 1. ``params`` are ``W`` and ``B``, then filters and
    bias of either convolution.

    Args:
        image_shape: channels, height and width of the images to make. An ``Autoencoder`` sets it
            when it sees the first images.
        channels: as in ``Encoder``, in the encoder's order: the convolutions go back from the
            second to the first, and from there to the channels of the images.
        param_size: as in ``Encoder``.
        weight_init: as in ``Encoder``.
        seed: as in ``Layer``.

    Raises:
        ValueError: an argument is not as above; in ``forward``, there is no ``image_shape``, or the
            input does not fit.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        channels: tuple[int, int] = (14, 7),
        param_size: Pair = 5,
        weight_init: str = "glorot",
        seed: Seed = None,
    ) -> None:
        super().__init__(1, seed)  # how wide it is the images say
        self.channels = _two_channels(channels, self)
        self.image_shape = None if image_shape is None else tuple(image_shape)
        self.param_size = param_size
        self.weight_init = weight_init
        _convolution(self, 1)  # refuses what is no size and no name

    def _make_layers(self, input_: ndarray) -> list[Layer]:
        if self.image_shape is None:
            raise ValueError(
                f"{self}: the shape of the images is not known; give image_shape, or run an "
                "Autoencoder forward once"
            )
        if len(self.image_shape) != 3:
            raise ValueError(
                f"{self}: image_shape must be (channels, height, width), not {self.image_shape}"
            )
        in_channels, height, width = self.image_shape
        first, second = self.channels
        return [
            _DenseImages((second, height, width), Tanh(), weight_init=self.weight_init),
            _convolution(self, first),
            _convolution(self, in_channels),
        ]

    def __repr__(self) -> str:
        return "Decoder()" if self.image_shape is None else f"Decoder({self.image_shape})"


class Autoencoder(NeuralNetwork):
    """An encoder and a decoder, trained together to give back what comes in.

    Chapter 7, "Implementing an Autoencoder in PyTorch". A network of these two layers, so that an
    optimizer or a ``Trainer`` takes it as any other, with the images as targets, too; they are to
    lie between -1 and 1, as what comes out does. Therefore ``forward`` returns the images alone,
    where the book's returns image and code: the code is left in ``code``.

    The loss is the mean over all elements, as ``nn.MSELoss`` has it.

    Args:
        hidden_dim: numbers in a code.
        channels: as in ``Encoder``.
        param_size: as in ``Encoder``.
        weight_init: as in ``Encoder``.
        seed: as in ``NeuralNetwork``.

    Raises:
        ValueError: as ``Encoder``.
    """

    code: ndarray

    def __init__(
        self,
        hidden_dim: int = 28,
        channels: tuple[int, int] = (14, 7),
        param_size: Pair = 5,
        weight_init: str = "glorot",
        seed: Seed = 1,
    ) -> None:
        self.encoder = Encoder(hidden_dim, channels, param_size, weight_init)
        self.decoder = Decoder(None, channels, param_size, weight_init)
        super().__init__([self.encoder, self.decoder], MeanSquaredError("elements"), seed)

    def forward(self, x_batch: ndarray, inference: bool = False) -> ndarray:
        """``(batch, in, height, width)`` to images of that shape; their codes are in ``code``."""
        self.code = self.encoder.forward(x_batch, inference)
        if self.decoder.first:
            self.decoder.image_shape = x_batch.shape[1:]
        return self.decoder.forward(self.code, inference)

    def backward(self, loss_grad: ndarray, code_grad: ndarray | None = None) -> None:
        """Send the gradient of the loss back through both halves; fills their ``param_grads``.

        Args:
            loss_grad: on the images, in their shape.
            code_grad: on the codes, in their shape, where something beside the decoder looks at
                them, such as a penalty; it adds to what comes from the decoder.

        Raises:
            RuntimeError: ``forward`` has not run.
            ValueError: a gradient has another shape.
        """
        grad = self.decoder.backward(loss_grad)
        if code_grad is not None:
            check_same_shape(self.code, code_grad, type(self).__name__, "code and code_grad")
            grad = grad + code_grad
        self.encoder.backward_to_params(grad)

    def encode(self, x_batch: ndarray) -> ndarray:
        """Images to codes, ``(batch, hidden_dim)``."""
        return self.encoder.forward(x_batch, inference=True)

    def decode(self, codes: ndarray) -> ndarray:
        """Codes, ``(batch, hidden_dim)``, to images; they need not be codes of any image.

        Raises:
            ValueError: there has been no image yet, or the codes have another shape.
        """
        return self.decoder.forward(codes, inference=True)


class _DenseImages(Dense):
    """A dense layer whose output has a shape of its own."""

    def __init__(self, shape: Sequence[int], activation: Operation, weight_init: str) -> None:
        super().__init__(int(np.prod(shape)), activation, weight_init=weight_init)
        self.reshape = Reshape(shape)

    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.operations.append(self.reshape)


def _convolution(half: Encoder | Decoder, maps: int, flatten: bool = False) -> Conv2D:
    return Conv2D(
        maps,
        half.param_size,
        Tanh(),
        weight_init=half.weight_init,
        flatten=flatten,
        bias=True,
    )


def _two_channels(channels: Sequence[int], half: AutoencoderHalf) -> tuple[int, int]:
    if len(channels) != 2 or not all(is_integer(maps) and maps >= 1 for maps in channels):
        raise ValueError(
            f"{type(half).__name__}: channels must be two whole numbers of at least 1, "
            f"not {channels!r}"
        )
    first, second = channels
    return first, second
