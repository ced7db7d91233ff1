"""Mistakes in the convolution of chapter 5, as an operation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from parity.catalogue.component import Mutant
from scratch.conv import operation as right
from scratch.conv.geometry import Geometry
from scratch.conv.products import convolve, convolve_input_grad, convolve_param_grad
from scratch.operations import Operation


def flipped(filters: ndarray) -> ndarray:
    """The filters, upside down and back to front."""
    return filters[:, :, ::-1, ::-1]


def exchanged(filters: ndarray) -> ndarray:
    """The filters, with channels and maps exchanged."""
    return filters.transpose(1, 0, 2, 3)


class _FlippedForward(right.Conv2DOperation):
    def _output(self) -> ndarray:
        return convolve(self.input_, flipped(self.param), self.geometry)


class _TrueConvolution(_FlippedForward):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        size = self.input_.shape[2:]
        return convolve_input_grad(output_grad, flipped(self.param), size, self.geometry)

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return flipped(super()._param_grad(output_grad))


class NotFlippedInGrad(right.Conv2DOperation):
    """The appendix' input gradient, as printed, but for the number of channels."""

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return convolve(output_grad, exchanged(self.param), self.geometry)


class PatchesInOtherOrder(right.Conv2DOperation):
    """The appendix' filter gradient, as printed: patches lie by position, gradients by image."""

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        n_in, n_out, *size = self.param.shape
        padded = np.pad(self.input_, ((0, 0), (0, 0), *self.geometry.margins))
        patches = sliding_window_view(padded, tuple(size), axis=(2, 3)).transpose(2, 3, 0, 1, 4, 5)
        rows = patches.reshape(-1, n_in * size[0] * size[1])
        grads = output_grad.transpose(0, 2, 3, 1).reshape(len(rows), n_out)
        return (rows.T @ grads).reshape(n_in, *size, n_out).transpose(0, 3, 1, 2)


class _ChannelsExchanged(right.Conv2DOperation):
    """Runs where there are as many maps as channels."""

    def _output(self) -> ndarray:
        right.check_images(self.input_, exchanged(self.param), self)
        return convolve(self.input_, exchanged(self.param), self.geometry)


class _ChannelsExchangedInGrad(right.Conv2DOperation):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        filters = exchanged(self.param)
        return convolve_input_grad(output_grad, filters, self.input_.shape[2:], self.geometry)


class _RowsAndColumnsExchanged(right.Conv2DOperation):
    def _output(self) -> ndarray:
        return convolve(self.input_, self.param.transpose(0, 1, 3, 2), self.geometry)


class _OneSided(Geometry):
    """All zeros above the image and on its left."""

    @property
    def margins(self) -> tuple[tuple[int, int], tuple[int, int]]:
        rows, columns = map(sum, super().margins)
        return (rows, 0), (columns, 0)


class PaddedOnOneSide(right.Conv2DOperation):
    """As many zeros as there should be, elsewhere."""

    def __init__(self, W: ndarray, **options: Any) -> None:
        super().__init__(W, **options)
        geometry = self.geometry
        self.geometry = _OneSided(W.shape[2:], geometry.padding, geometry.stride, geometry.dilation)


class _ImagesSquare(right.Conv2DOperation):
    """The loops as printed: the height for both axes."""

    def _output(self) -> ndarray:
        height, width = self.input_.shape[2:]
        if height > width:
            raise IndexError
        output = super()._output()
        output[..., height:] = 0
        return output


class _OutputAsItLies(right.Conv2DOperation):
    """A product with the maps last, taken for one with the maps after the images."""

    def _output(self) -> ndarray:
        output = super()._output()
        return output.transpose(0, 2, 3, 1).reshape(output.shape)


class _FiltersAsTheyLie(right.Conv2DOperation):
    """The filters in the rows and columns of a matrix, without bringing the maps last before."""

    def _output(self) -> ndarray:
        n_in, n_out, *size = self.param.shape
        filters = self.param.reshape(n_in, *size, n_out).transpose(0, 3, 1, 2)
        return convolve(self.input_, filters, self.geometry)


class _OverlapsLost(right.Conv2DOperation):
    """``grad[..., rows, columns] += share``, where of several shares of a pixel the last counts."""

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        height, width = self.input_.shape[2:]
        down, across = self.param.shape[2:]
        (above, _), (left, _) = self.geometry.margins
        padded = np.zeros((*self.input_.shape[:2], *self.geometry.padded_size(height, width)))
        for i, j in np.ndindex(down, across):
            share = np.einsum("nohw,co->nchw", output_grad, self.param[:, :, i, j])
            padded[:, :, i : i + height, j : j + width] = share
        return padded[:, :, above : above + height, left : left + width].astype(output_grad.dtype)


class _LastChannel(right.Conv2DOperation):
    def _output(self) -> ndarray:
        return convolve(self.input_[:, -1:], self.param[-1:], self.geometry)


class _LastMapInGrad(right.Conv2DOperation):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        filters, size = self.param[:, -1:], self.input_.shape[2:]
        return convolve_input_grad(output_grad[:, -1:], filters, size, self.geometry)


class MarginsNotCut(right.Conv2DOperation):
    """The input gradient is that of the image's place in the padded image, moved."""

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        height, width = self.input_.shape[2:]
        size, bare = self.geometry.padded_size(height, width), replace(self.geometry, padding=0)
        padded = convolve_input_grad(output_grad, self.param, size, bare)
        return padded[:, :, :height, :width]


class _FilterGradFlipped(right.Conv2DOperation):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return flipped(super()._param_grad(output_grad))


class _FirstImage(right.Conv2DOperation):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return convolve_param_grad(self.input_[:1], output_grad[:1], self.param, self.geometry)


class _Overwritten(right.Conv2DOperation):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        last = np.zeros_like(output_grad)
        last[-1:, :, -1, -1] = output_grad[-1:, :, -1, -1]
        return super()._param_grad(last)


class _NotSummed(right.Conv2DOperation):
    """One gradient for each image."""

    def backward(self, output_grad: ndarray) -> ndarray:
        input_grad = Operation.backward(self, output_grad)
        self.param_grad = np.stack(
            [
                convolve_param_grad(image[None], grad[None], self.param, self.geometry)
                for image, grad in zip(self.input_, output_grad, strict=True)
            ]
        )
        return input_grad


class _Averaged(right.Conv2DOperation):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return super()._param_grad(output_grad) / len(output_grad)


class _Accumulated(right.Conv2DOperation):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return getattr(self, "param_grad", 0) + super()._param_grad(output_grad)


class _InputStale(right.Conv2DOperation):
    def _output(self) -> ndarray:
        if not hasattr(self, "kept"):
            self.kept = self.input_
        return super()._output()

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return convolve_param_grad(self.kept, output_grad, self.param, self.geometry)


class _FiltersCopied(right.Conv2DOperation):
    def __init__(self, W: ndarray) -> None:
        super().__init__(W.copy())


CONV_2D_OPERATION = (
    Mutant(
        "filter flipped in forward",
        "forward flips the filter; it moves over the image as it is, and only the input gradient "
        "flips it.",
        _FlippedForward,
        "output",
    ),
    Mutant(
        "true convolution",
        "The filter is flipped, forward and backward. That is a convolution in mathematics; in a "
        "network the filter moves over the image as it is.",
        _TrueConvolution,
        "output",
    ),
    Mutant(
        "filter not flipped",
        "The input gradient uses the filter as it is, as the book's appendix prints it; flip its "
        "rows and columns: W[:, :, ::-1, ::-1].",
        NotFlippedInGrad,
        "input_grad",
        errata="E17",
    ),
    Mutant(
        "patches in another order than gradients",
        "In the filter gradient the patches lie by position, then image, and the gradients by "
        "image, then position, as the book's appendix prints it: exchange the first two axes of "
        "the patches before .reshape.",
        PatchesInOtherOrder,
        "param_grad",
        errata="E16",
    ),
    Mutant(
        "channels exchanged",
        "The filters are taken for [out, in]; they are [in, out], although the book's text has "
        "fil[c_out][c_in] in one place: W[c_in][c_out].",
        _ChannelsExchanged,
        "output",
        errata="E14",
    ),
    Mutant(
        "channels exchanged in the input gradient",
        "The input gradient goes from channel to map as forward does; it goes back, from map to "
        "channel: use W[c_in][c_out] with the gradient of map c_out for channel c_in.",
        _ChannelsExchangedInGrad,
        "input_grad",
    ),
    Mutant(
        "rows and columns of the filter exchanged",
        "Rows and columns of the filter are exchanged: W[c_in][c_out][row][column].",
        _RowsAndColumnsExchanged,
        "output",
    ),
    Mutant(
        "padded on one side",
        "All zeros are above the image and on its left; half of them belong below and on its "
        "right: filter size // 2 on each side.",
        PaddedOnOneSide,
        "output",
    ),
    Mutant(
        "images taken for square",
        "One size is used for both axes, as the book prints it; loop over height and width.",
        _ImagesSquare,
        "output",
        errata="E15",
    ),
    Mutant(
        "output reshaped as it lies",
        "The output of the product is reshaped as it lies, but its maps are last: reshape to "
        "[batch, height, width, out], then transpose(0, 3, 1, 2).",
        _OutputAsItLies,
        "output",
    ),
    Mutant(
        "filters reshaped as they lie",
        "The filters are reshaped to a matrix as they lie, but its columns are the maps: "
        "transpose(0, 2, 3, 1) before the reshape.",
        _FiltersAsTheyLie,
        "output",
    ),
    Mutant(
        "overlaps lost",
        "A pixel of the input gradient has only one of its shares: with index arrays, += counts "
        "each place once. Use np.add.at, or add slice by slice.",
        _OverlapsLost,
        "input_grad",
    ),
    Mutant(
        "last channel only",
        "The output comes from the last channel alone: add up over all channels, with += instead "
        "of =.",
        _LastChannel,
        "output",
    ),
    Mutant(
        "last map only",
        "The input gradient comes from the last map alone: add up over all maps.",
        _LastMapInGrad,
        "input_grad",
    ),
    Mutant(
        "margins not cut off",
        "The input gradient starts in the margin: leave out the filter size // 2 rows and columns "
        "that stand for the zeros around the image.",
        MarginsNotCut,
        "input_grad",
    ),
    Mutant(
        "filter gradient flipped",
        "The filter gradient is flipped; only the input gradient has to do with a flipped filter.",
        _FilterGradFlipped,
        "param_grad",
    ),
    Mutant(
        "first image only",
        "Only the first image of the batch enters the filter gradient.",
        _FirstImage,
        "param_grad",
    ),
    Mutant(
        "overwritten",
        "The filter gradient is that of the last stop on the last image: add up over all of them, "
        "with += instead of =.",
        _Overwritten,
        "param_grad",
    ),
    Mutant(
        "not summed over the batch",
        "There is a filter gradient for each image; add them up.",
        _NotSummed,
        "param_grad",
    ),
    Mutant(
        "averaged",
        "The filter gradient is divided by the batch size; the loss has done that already.",
        _Averaged,
        "param_grad",
    ),
    Mutant(
        "gradients accumulate",
        "The filter gradient of the last backward pass is added to; each backward pass must "
        "replace self.param_grad.",
        _Accumulated,
        "param_grad",
    ),
    Mutant(
        "stale input",
        "The first input enters the filter gradient for ever; each forward pass must keep its own.",
        _InputStale,
        "param_grad",
    ),
    Mutant(
        "filters copied",
        "self.param is a copy of W, so the optimizer's updates of W do not reach the operation; "
        "keep the array itself.",
        _FiltersCopied,
        "output after an update",
    ),
)
