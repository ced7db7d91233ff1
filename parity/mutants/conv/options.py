"""Mistakes in what chapter 5's convolution can be given besides its filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.conv.operation import MarginsNotCut, PaddedOnOneSide
from scratch.conv import operation as right
from scratch.conv.geometry import Geometry, Pair
from scratch.conv.products import convolve, convolve_input_grad, convolve_param_grad


def _with_geometry(**parts: Any) -> type[right.Conv2DOperation]:
    """An operation that has parts of its geometry from elsewhere: each is computed from it."""

    class Wrong(right.Conv2DOperation):
        def __init__(self, W: ndarray, **options: Any) -> None:
            super().__init__(W, **options)
            changed = {name: compute(self.geometry) for name, compute in parts.items()}
            self.geometry = replace(self.geometry, **changed)

    return Wrong


class _StartsOneLater(right.Conv2DOperation):
    def _output(self) -> ndarray:
        (down, across), close = self.geometry.stride, replace(self.geometry, stride=(1, 1))
        everywhere = convolve(self.input_, self.param, close)
        return everywhere[:, :, down - 1 :: down, across - 1 :: across].copy()


class _LastStopMissing(right.Conv2DOperation):
    def _output(self) -> ndarray:
        height, width = self.input_.shape[2:]
        down, across = self.geometry.stride
        return super()._output()[:, :, : height // down, : width // across].copy()


class _StrideIgnoredInGrad(right.Conv2DOperation):
    """The gradients of stops that are apart, as if they were next to each other."""

    def _side_by_side(self, output_grad: ndarray) -> ndarray:
        down, across = output_grad.shape[2:]
        everywhere = np.zeros((*output_grad.shape[:2], *self.input_.shape[2:]), output_grad.dtype)
        everywhere[:, :, :down, :across] = output_grad
        return everywhere

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        grad, close = self._side_by_side(output_grad), replace(self.geometry, stride=(1, 1))
        return convolve_input_grad(grad, self.param, self.input_.shape[2:], close)


class _StrideIgnoredInFilterGrad(_StrideIgnoredInGrad):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return right.Conv2DOperation._input_grad(self, output_grad)

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        grad, close = self._side_by_side(output_grad), replace(self.geometry, stride=(1, 1))
        return convolve_param_grad(self.input_, grad, self.param, close)


class _GradRepeated(_StrideIgnoredInGrad):
    def _side_by_side(self, output_grad: ndarray) -> ndarray:
        height, width = self.input_.shape[2:]
        down, across = self.geometry.stride
        return output_grad.repeat(down, axis=2).repeat(across, axis=3)[:, :, :height, :width]


STRIDE = (
    Mutant(
        "ignored",
        "stride changes nothing: the filter stops at each row and column.",
        _with_geometry(stride=lambda geometry: (1, 1)),
        "output",
    ),
    Mutant(
        "starts later",
        "The filter stops first where its first step leads; it must stop at the first row and "
        "column, too.",
        _StartsOneLater,
        "output",
    ),
    Mutant(
        "last stop missing",
        "The result has height // stride rows, and the last stop is missing where that leaves a "
        "remainder: round up.",
        _LastStopMissing,
        "output",
    ),
    Mutant(
        "ignored in the input gradient",
        "The input gradient takes the stops for neighbours; put zeros between them, or go from "
        "stop to stop by stride.",
        _StrideIgnoredInGrad,
        "input_grad",
    ),
    Mutant(
        "repeated in the input gradient",
        "The gradient of each stop is repeated for the rows and columns that forward left out; "
        "those have none: put zeros there.",
        _GradRepeated,
        "input_grad",
    ),
    Mutant(
        "ignored in the filter gradient",
        "The filter gradient takes the stops for neighbours: the patch of stop [i, j] begins at "
        "[i * stride, j * stride].",
        _StrideIgnoredInFilterGrad,
        "param_grad",
    ),
)


class _ZerosInFilterGrad(right.Conv2DOperation):
    """As if the padding were what keeps the size."""

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        same = replace(self.geometry, padding="same")
        size = self.input_.shape[2:]
        grad = np.zeros((*output_grad.shape[:2], *size), output_grad.dtype)
        down, across = (min(sizes) for sizes in zip(size, output_grad.shape[2:], strict=True))
        grad[:, :, :down, :across] = output_grad[:, :, :down, :across]
        return convolve_param_grad(self.input_, grad, self.param, same)


PADDING = (
    Mutant(
        "ignored",
        "padding changes nothing: there are always as many zeros as keep the size.",
        _with_geometry(padding=lambda geometry: "same"),
        "output",
    ),
    Mutant(
        "on both sides together",
        "The number of zeros is that of both sides together; put as many on each side.",
        _with_geometry(padding=lambda geometry: tuple(m[0] // 2 for m in geometry.margins)),
        "output",
    ),
    Mutant(
        "on one side",
        "All zeros are above the image and on its left; put as many below and on its right.",
        PaddedOnOneSide,
        "output",
    ),
    Mutant(
        "margins not cut off",
        "The input gradient starts in the margin: leave out as many rows and columns as there are "
        "zeros around the image.",
        MarginsNotCut,
        "input_grad",
    ),
    Mutant(
        "ignored in the filter gradient",
        "The filter gradient pads the images by filter size // 2, whatever forward did.",
        _ZerosInFilterGrad,
        "param_grad",
    ),
)


class _DilationIgnoredInGrad(right.Conv2DOperation):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        close = replace(self.geometry, dilation=(1, 1))
        return convolve_input_grad(output_grad, self.param, self.input_.shape[2:], close)


class _DilationIgnoredInFilterGrad(right.Conv2DOperation):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        close = replace(self.geometry, dilation=(1, 1))
        return convolve_param_grad(self.input_, output_grad, self.param, close)


def _one_more(geometry: Geometry) -> Pair:
    return geometry.dilation[0] + 1, geometry.dilation[1] + 1


def _half_a_filter(geometry: Geometry) -> Pair:
    return geometry.filter_size[0] // 2, geometry.filter_size[1] // 2


DILATION = (
    Mutant(
        "ignored",
        "dilation changes nothing: the elements of the filter stay next to each other.",
        _with_geometry(dilation=lambda geometry: (1, 1)),
        "output",
    ),
    Mutant(
        "one too many",
        "dilation rows and columns are left out between the elements of a filter; with a dilation "
        "of 1 they are next to each other.",
        _with_geometry(dilation=_one_more),
        "output",
    ),
    Mutant(
        "too few zeros",
        "There are filter size // 2 zeros on each side, but the filter reaches further: dilation "
        "times as many.",
        _with_geometry(padding=_half_a_filter),
        "output",
    ),
    Mutant(
        "ignored in the input gradient",
        "The input gradient takes the filter's elements for neighbours; they are dilation apart, "
        "as in forward.",
        _DilationIgnoredInGrad,
        "input_grad",
    ),
    Mutant(
        "ignored in the filter gradient",
        "The filter gradient takes the filter's elements for neighbours; they are dilation apart, "
        "as in forward.",
        _DilationIgnoredInFilterGrad,
        "param_grad",
    ),
)


class _BiasIgnored(right.Conv2DOperation):
    def _output(self) -> ndarray:
        return convolve(self.input_, self.param, self.geometry)


class _BiasOfEachChannel(right.Conv2DOperation):
    def _output(self) -> ndarray:
        assert self.bias is not None
        more = len(self.param) - 1
        return super()._output() + more * self.bias.reshape(1, -1, 1, 1)


class _BiasSubtracted(right.Conv2DOperation):
    def _output(self) -> ndarray:
        assert self.bias is not None
        return super()._output() - 2 * self.bias.reshape(1, -1, 1, 1)


class _BiasCopied(right.Conv2DOperation):
    def __init__(self, W: ndarray, bias: ndarray) -> None:
        super().__init__(W, bias.copy())


class _BiasGradAccumulated(right.Conv2DOperation):
    def _keep_param_grad(self, output_grad: ndarray) -> None:
        before = getattr(self, "bias_grad", 0)
        super()._keep_param_grad(output_grad)
        self.bias_grad = self.bias_grad + before


def _with_bias_grad(compute: Callable[[ndarray], ndarray]) -> type[right.Conv2DOperation]:
    """An operation whose bias gradient is something else."""

    class Wrong(right.Conv2DOperation):
        def _param_grad(self, output_grad: ndarray) -> ndarray:
            param_grad = super()._param_grad(output_grad)
            self.bias_grad = compute(output_grad)
            return param_grad

    return Wrong


BIAS = (
    Mutant("ignored", "The bias is not added.", _BiasIgnored, "output"),
    Mutant("subtracted", "The bias is subtracted; add it.", _BiasSubtracted, "output"),
    Mutant(
        "added for each channel",
        "The bias is added once for each channel of the input; add it once to each map.",
        _BiasOfEachChannel,
        "output",
    ),
    Mutant(
        "gradient not summed over the image",
        "The bias gradient has rows and columns; a map has one bias, so add up over the image, "
        "too: output_grad.sum(axis=(0, 2, 3)).",
        _with_bias_grad(lambda grad: grad.sum(axis=0, keepdims=True)),
        "bias_grad",
    ),
    Mutant(
        "gradient not summed over the batch",
        "There is a bias gradient for each image; add them up: output_grad.sum(axis=(0, 2, 3)).",
        _with_bias_grad(lambda grad: grad.sum(axis=(2, 3))),
        "bias_grad",
    ),
    Mutant(
        "gradient summed over the maps",
        "The bias gradient is summed over the maps as well, so all get the same one: sum over the "
        "axes 0, 2 and 3.",
        _with_bias_grad(lambda grad: np.full((1, grad.shape[1]), grad.sum(), grad.dtype)),
        "bias_grad",
    ),
    Mutant(
        "gradient of the first image",
        "Only the first image of the batch enters the bias gradient.",
        _with_bias_grad(lambda grad: grad[:1].sum(axis=(2, 3))),
        "bias_grad",
    ),
    Mutant(
        "gradient averaged over the batch",
        "The bias gradient is divided by the batch size; the loss has done that already.",
        _with_bias_grad(lambda grad: grad.sum(axis=(0, 2, 3))[None] / len(grad)),
        "bias_grad",
    ),
    Mutant(
        "gradient averaged",
        "The bias gradient is the average over images, rows and columns; it is their sum.",
        _with_bias_grad(lambda grad: grad.mean(axis=(0, 2, 3))[None]),
        "bias_grad",
    ),
    Mutant(
        "gradients accumulate",
        "The bias gradient of the last backward pass is added to; each backward pass must replace "
        "self.bias_grad.",
        _BiasGradAccumulated,
        "bias_grad",
    ),
    Mutant(
        "bias copied",
        "self.bias is a copy, so the optimizer's updates of the bias do not reach the operation; "
        "keep the array itself.",
        _BiasCopied,
        "output after an update",
    ),
)
