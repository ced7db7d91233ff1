"""Mistakes in the autoencoder of chapter 7."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import autoencoder as right
from scratch.activations import Linear, Sigmoid
from scratch.dense import Layer
from scratch.losses import Loss, MeanSquaredError
from scratch.operations import Operation


class _FortranOrder(right.Reshape):
    def _output(self) -> ndarray:
        return self.input_.reshape(len(self.input_), *self.shape, order="F")

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad.reshape(self.input_.shape, order="F")


class _GradInOtherOrder(right.Reshape):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad.reshape(self.input_.shape, order="F")


class _GradLeftAsImages(right.Reshape):
    def backward(self, output_grad: ndarray) -> ndarray:
        return output_grad


class _ChannelsLast(right.Reshape):
    def _output(self) -> ndarray:
        channels, height, width = self.shape
        images = self.input_.reshape(len(self.input_), height, width, channels)
        return images.transpose(0, 3, 1, 2)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad.transpose(0, 2, 3, 1).reshape(self.input_.shape)


class _Sideways(right.Reshape):
    def _output(self) -> ndarray:
        channels, height, width = self.shape
        return self.input_.reshape(len(self.input_), channels, width, height)


RESHAPE = (
    Mutant(
        "Fortran order",
        "The elements of a row fill an image in another order: columns must change fastest, then "
        "rows, then channels, as .reshape has it.",
        _FortranOrder,
        "output",
    ),
    Mutant(
        "gradient in another order",
        "The gradient is not put back in the order in which forward took the elements.",
        _GradInOtherOrder,
        "input_grad",
    ),
    Mutant(
        "gradient left as images",
        "The gradient is left in the shape of images; bring it back to rows, as the input was.",
        _GradLeftAsImages,
        "input_grad",
    ),
    Mutant(
        "channels last",
        "The channels of a pixel are taken from next to each other; each channel's pixels must be.",
        _ChannelsLast,
        "output",
    ),
    Mutant(
        "height and width exchanged",
        "Height and width are exchanged: the shape is that of the batch, then channels, height, "
        "width.",
        _Sideways,
        "output",
    ),
)


class _EncoderNotTrained(right.Autoencoder):
    def backward(self, loss_grad: ndarray, code_grad: ndarray | None = None) -> None:
        self.decoder.backward(loss_grad)


class _EncoderGradsZero(right.Autoencoder):
    def backward(self, loss_grad: ndarray, code_grad: ndarray | None = None) -> None:
        self.decoder.backward(loss_grad)
        self.encoder.backward_to_params(np.zeros_like(self.code))


class _OnesToTheEncoder(right.Autoencoder):
    def backward(self, loss_grad: ndarray, code_grad: ndarray | None = None) -> None:
        self.decoder.backward(loss_grad)
        self.encoder.backward_to_params(np.ones_like(self.code))


class _CodeToTheEncoder(right.Autoencoder):
    def backward(self, loss_grad: ndarray, code_grad: ndarray | None = None) -> None:
        self.decoder.backward(loss_grad)
        self.encoder.backward_to_params(self.code)


class _DecoderNotTrained(right.Autoencoder):
    def param_grads(self) -> Iterator[ndarray]:
        yield from self.encoder.param_grads
        yield from map(np.zeros_like, self.decoder.param_grads)


class _DecoderFirst(right.Autoencoder):
    def param_grads(self) -> Iterator[ndarray]:
        yield from self.decoder.param_grads
        yield from self.encoder.param_grads


class _FirstCodeKept(right.Autoencoder):
    def forward(self, x_batch: ndarray, inference: bool = False) -> ndarray:
        first = getattr(self, "code", None)
        output = super().forward(x_batch, inference)
        self.code = self.code if first is None else first
        return output

    def backward(self, loss_grad: ndarray, code_grad: ndarray | None = None) -> None:
        self.encoder.backward_to_params(self.decoder.backward(loss_grad))


class _ImagesForCode(right.Autoencoder):
    def forward(self, x_batch: ndarray, inference: bool = False) -> ndarray:
        self.code = super().forward(x_batch, inference)
        return self.code

    def backward(self, loss_grad: ndarray, code_grad: ndarray | None = None) -> None:
        self.encoder.backward_to_params(self.decoder.backward(loss_grad))


class _Both(right.Autoencoder):
    """As in the book, whose trainer takes the first of the two."""

    def forward(self, x_batch: ndarray, inference: bool = False) -> Any:
        return super().forward(x_batch, inference), self.code

    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        loss = self.loss.forward(self.forward(x_batch)[0], y_batch)
        self.backward(self.loss.backward())
        return loss


class _EncodeReconstructs(right.Autoencoder):
    def encode(self, x_batch: ndarray) -> ndarray:
        return self.forward(x_batch, inference=True)


class _LastCode(right.Autoencoder):
    def encode(self, x_batch: ndarray) -> ndarray:
        return self.code


class _DecodesLastCode(right.Autoencoder):
    def decode(self, codes: ndarray) -> ndarray:
        return self.decoder.forward(self.code, inference=True)


class _TargetIgnored(right.Autoencoder):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        return super().train_batch(x_batch, x_batch)


class _Copies(right.Autoencoder):
    def params(self) -> Iterator[ndarray]:
        for param in super().params():
            yield param.copy()


class _WithLoss(right.Autoencoder):
    """An autoencoder with another loss."""

    make_loss: Callable[[], Loss]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.loss = type(self).make_loss()


class _LossOverRows(_WithLoss):
    make_loss = MeanSquaredError


class _HalvedSquaredError(MeanSquaredError):
    def __init__(self) -> None:
        super().__init__("elements")

    def _input_grad(self) -> ndarray:
        return super()._input_grad() / 2


class _RowwiseSquaredError(_HalvedSquaredError):
    def _input_grad(self) -> ndarray:
        return 2 * (self.prediction - self.target) / len(self.prediction)


class _HalfGradient(_WithLoss):
    make_loss = _HalvedSquaredError


class _GradientOfRows(_WithLoss):
    make_loss = _RowwiseSquaredError


def _with_activation(half: str, place: int, activation: type[Operation]) -> type[right.Autoencoder]:
    """An autoencoder with another activation than tanh in a layer."""

    class Wrong(right.Autoencoder):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            wrong = getattr(self, half)
            make_layers = wrong._make_layers

            def with_another(input_: ndarray) -> list[Layer]:
                layers: list[Layer] = make_layers(input_)
                layers[place].activation = activation()  # type: ignore[attr-defined]
                return layers

            wrong._make_layers = with_another

    return Wrong


class _MapsMixed(right.Autoencoder):
    """The decoder takes the rows for images with the channels last."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        make_layers = self.decoder._make_layers

        def mixed(input_: ndarray) -> list[Layer]:
            layers: Any = make_layers(input_)
            layers[0].reshape = _ChannelsLast(layers[0].reshape.shape)
            return list(layers)

        self.decoder._make_layers = mixed  # type: ignore[method-assign]


AUTOENCODER = (
    Mutant(
        "encoder without gradients",
        "backward stops at the code, so that the encoder has no gradients and never learns: hand "
        "what the decoder's backward returns to the encoder's.",
        _EncoderNotTrained,
        "param_grads[0]",
    ),
    Mutant(
        "gradients of the encoder 0",
        "The gradients of the encoder are 0 and it never learns: hand what the decoder's backward "
        "returns to the encoder's.",
        _EncoderGradsZero,
        "param_grads[0]",
    ),
    Mutant(
        "ones to the encoder",
        "The encoder's way back starts from ones; start it from what the decoder's backward "
        "returns.",
        _OnesToTheEncoder,
        "param_grads[0]",
    ),
    Mutant(
        "code to the encoder",
        "The encoder's way back starts from the code itself; start it from what the decoder's "
        "backward returns, the gradient on the code.",
        _CodeToTheEncoder,
        "param_grads[0]",
    ),
    Mutant(
        "gradients of the decoder 0",
        "Only the encoder is trained: the gradients of the decoder are 0.",
        _DecoderNotTrained,
        "param_grads[6]",
    ),
    Mutant(
        "gradients of the decoder first",
        "param_grads begins with the decoder, params with the encoder; both must be in one order, "
        "or each parameter is updated with another's gradient.",
        _DecoderFirst,
        "param_grads[0]",
    ),
    Mutant(
        "code and images returned",
        "forward returns images and code, as the book's does in PyTorch; here it returns the "
        "images, as every network, and keeps the code in self.code.",
        _Both,
        "output",
    ),
    Mutant(
        "first code kept",
        "self.code is that of the first images for ever; forward must keep each new one.",
        _FirstCodeKept,
        "code",
    ),
    Mutant(
        "images for the code",
        "self.code holds what the decoder returned; it must be what the encoder did.",
        _ImagesForCode,
        "code",
    ),
    Mutant(
        "encode gives images",
        "encode goes on through the decoder; it must return what the encoder does.",
        _EncodeReconstructs,
        "code of images",
    ),
    Mutant(
        "encode gives the last code",
        "encode returns the code of the last forward pass; it must run the encoder on its images.",
        _LastCode,
        "code of images",
    ),
    Mutant(
        "decode takes the last code",
        "decode makes images of the code of the last forward pass; it must take the codes that it "
        "is given.",
        _DecodesLastCode,
        "images of codes",
    ),
    Mutant(
        "target not used",
        "The loss compares with x_batch; it must compare with y_batch, even if that is mostly the "
        "same.",
        _TargetIgnored,
        "loss",
    ),
    Mutant(
        "loss over rows",
        "The loss is divided by the number of images, as in chapter 3; here it is a mean over all "
        "elements, as nn.MSELoss has it.",
        _LossOverRows,
        "loss",
    ),
    Mutant(
        "gradient over rows",
        "The loss is a mean over all elements, but its gradient is divided by the number of images "
        "alone.",
        _GradientOfRows,
        "param_grads[0]",
    ),
    Mutant(
        "half the gradient",
        "The 2 of the square's derivative is missing in the gradient of the loss.",
        _HalfGradient,
        "param_grads[0]",
    ),
    Mutant(
        "no tanh at the end",
        "The last convolution has no activation; with Tanh what comes out lies between -1 and 1, "
        "as the images do.",
        _with_activation("decoder", 2, Linear),
        "output",
    ),
    Mutant(
        "sigmoid at the end",
        "The last convolution has a Sigmoid, which gives 0 to 1; the images lie between -1 and 1, "
        "as Tanh does.",
        _with_activation("decoder", 2, Sigmoid),
        "output",
    ),
    Mutant(
        "no tanh on the code",
        "The dense layer that makes the code has no activation; give it Tanh.",
        _with_activation("encoder", 2, Linear),
        "code",
    ),
    Mutant(
        "no tanh before the images",
        "The decoder's dense layer has no activation; give it Tanh.",
        _with_activation("decoder", 0, Linear),
        "output",
    ),
    Mutant(
        "maps mixed up",
        "The decoder takes its rows for images with the channels last: reshape them to (batch, "
        "maps, height, width).",
        _MapsMixed,
        "output",
    ),
    Mutant(
        "copies of the parameters",
        "params gives out copies, so that no update ever reaches the network: yield the arrays "
        "themselves.",
        _Copies,
        "params can be updated in place",
    ),
)
