"""Mistakes in convolution the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.conv.operation import exchanged, flipped
from scratch.conv import transposed as right
from scratch.conv.operation import check_images
from scratch.conv.products import convolve
from scratch.operations import Operation

_Right = right.ConvTranspose2DOperation


def _with(**changed: Any) -> type[_Right]:
    """An operation that takes no notice of some options."""

    class Wrong(_Right):
        def __init__(self, W: ndarray, bias: ndarray | None = None, **options: Any) -> None:
            super().__init__(W, bias, **{**options, **changed})

    return Wrong


class _Flipped(_Right):
    def _filters(self) -> ndarray:
        return flipped(super()._filters())

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return flipped(super()._param_grad(output_grad))


class _FlippedInGrad(_Right):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        height, width = self.input_.shape[2:]
        grad = convolve(output_grad, flipped(self._filters()), self.geometry)
        return grad[:, :, :height, :width]


class _ChannelsExchanged(_Right):
    """Runs where there are as many maps as channels."""

    def _filters(self) -> ndarray:
        check_images(self.input_, exchanged(self.param), self)
        return self.param

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return exchanged(super()._param_grad(output_grad))


class _FilterGradExchanged(_Right):
    def backward(self, output_grad: ndarray) -> ndarray:
        input_grad = Operation.backward(self, output_grad)
        self.param_grad = exchanged(self._param_grad(output_grad))
        return input_grad


class _ZerosInFront(_Right):
    """What is added goes above and to the left."""

    def _output(self) -> ndarray:
        (down, across), bare = self.output_padding, super()._output()
        return np.roll(bare, (down, across), axis=(2, 3))


def _uncut(operation: _Right) -> ndarray:
    stride, dilation = operation.geometry.stride, operation.geometry.dilation
    params, extra = (operation.param, operation.bias), operation.output_padding
    return _Right(*params, 0, stride, extra, dilation).forward(operation.input_)


class _PaddingAdded(_Right):
    def _output(self) -> ndarray:
        (rows, _), (columns, _) = self.geometry.margins
        whole = _uncut(self)
        return np.pad(whole, ((0, 0), (0, 0), (rows, rows), (columns, columns)))


class _CutInFront(_Right):
    """Twice the rows and columns, all of them above and on the left."""

    def _output(self) -> ndarray:
        (rows, _), (columns, _) = self.geometry.margins
        whole = _uncut(self)
        return whole[:, :, 2 * rows :, 2 * columns :].copy()


class _InputStale(_Right):
    def _output(self) -> ndarray:
        if not hasattr(self, "kept"):
            self.kept = self.input_
        return super()._output()

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        self.input_ = self.kept
        return super()._param_grad(output_grad)


class _FiltersCopied(_Right):
    def __init__(self, W: ndarray, *others: Any, **options: Any) -> None:
        super().__init__(W.copy(), *others, **options)


class _Averaged(_Right):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return super()._param_grad(output_grad) / len(output_grad)


class _BiasIgnored(_Right):
    def _output(self) -> ndarray:
        output = super()._output()
        return output if self.bias is None else output - self.bias.reshape(1, -1, 1, 1)


def _with_bias_grad(compute: Callable[[ndarray], ndarray]) -> type[_Right]:
    """An operation whose bias gradient is something else."""

    class Wrong(_Right):
        def _param_grad(self, output_grad: ndarray) -> ndarray:
            param_grad = super()._param_grad(output_grad)
            self.bias_grad = compute(output_grad)
            return param_grad

    return Wrong


CONV_TRANSPOSE_2D_OPERATION = (
    Mutant(
        "filter flipped",
        "The filter is flipped; each number of the images is multiplied by the filter as it is.",
        _Flipped,
        "output",
    ),
    Mutant(
        "filter flipped in the input gradient",
        "The input gradient flips the filter, as Conv2DOperation's does; here the filter moves "
        "over output_grad as it is.",
        _FlippedInGrad,
        "input_grad",
    ),
    Mutant(
        "channels exchanged",
        "The filters are taken for [out, in]; they are [in, out].",
        _ChannelsExchanged,
        "output",
    ),
    Mutant(
        "channels exchanged in the filter gradient",
        "The filter gradient is [out, in]; exchange its first two axes.",
        _FilterGradExchanged,
        "param_grad",
    ),
    Mutant(
        "stride ignored",
        "stride changes nothing: neighbours in the images are to be stride apart in the output.",
        _with(stride=1, output_padding=0),
        "output",
    ),
    Mutant(
        "dilation ignored",
        "dilation changes nothing: the elements of a filter are to be dilation apart.",
        _with(dilation=1, output_padding=0),
        "output",
    ),
    Mutant(
        "output_padding ignored",
        "output_padding changes nothing: it adds rows below and columns on the right.",
        _with(output_padding=0),
        "output",
    ),
    Mutant(
        "output_padding in front",
        "output_padding adds rows above and columns on the left; they belong below and on the "
        "right.",
        _ZerosInFront,
        "output",
    ),
    Mutant(
        "padding added",
        "padding puts zeros around the output; it is cut off on each side, so that a convolution "
        "with the same padding leads back to the size.",
        _PaddingAdded,
        "output",
    ),
    Mutant(
        "cut off on one side",
        "padding is cut off twice above and on the left; cut it off once on each side.",
        _CutInFront,
        "output",
    ),
    Mutant(
        "stale input",
        "The first input enters the filter gradient for ever; each forward pass must keep its own.",
        _InputStale,
        "param_grad",
    ),
    Mutant(
        "averaged",
        "The filter gradient is divided by the batch size; the loss has done that already.",
        _Averaged,
        "param_grad",
    ),
    Mutant(
        "filters copied",
        "self.param is a copy of W, so the optimizer's updates of W do not reach the operation; "
        "keep the array itself.",
        _FiltersCopied,
        "output after an update",
    ),
    Mutant("bias ignored", "The bias is not added.", _BiasIgnored, "output"),
    Mutant(
        "bias gradient not summed over the image",
        "The bias gradient has rows and columns; a map has one bias, so add up over the image, "
        "too: output_grad.sum(axis=(0, 2, 3)).",
        _with_bias_grad(lambda grad: grad.sum(axis=0, keepdims=True)),
        "bias_grad",
    ),
    Mutant(
        "bias gradient not summed over the batch",
        "There is a bias gradient for each image; add them up: output_grad.sum(axis=(0, 2, 3)).",
        _with_bias_grad(lambda grad: grad.sum(axis=(2, 3))),
        "bias_grad",
    ),
)
