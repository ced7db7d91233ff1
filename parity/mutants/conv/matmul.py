"""Mistakes in convolution as a product of matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.conv.sliding import averaged, pad_one_side
from parity.mutants.conv.two_dimensions import ONE_SIZE, one_size
from scratch.conv import matmul as right
from scratch.conv.loops import pad_conv_input
from scratch.conv.matmul import get_image_patches

Gradient = Callable[[ndarray, ndarray, ndarray], ndarray]


def _unpadded_patches(padded: ndarray, fil_size: int) -> ndarray:
    height, width = (size - fil_size + 1 for size in padded.shape[2:])
    return np.stack(
        [
            padded[:, :, h : h + fil_size, w : w + fil_size]
            for h in range(height)
            for w in range(width)
        ]
    )


def _padded_on_one_side(imgs_batch: ndarray, fil_size: int, *, front: bool) -> ndarray:
    filter_ = np.empty((fil_size, fil_size))
    return _unpadded_patches(pad_one_side(imgs_batch, filter_, front=front), fil_size)


def _column_by_column(imgs_batch: ndarray, fil_size: int) -> ndarray:
    patches = get_image_patches(imgs_batch, fil_size)
    height, width = imgs_batch.shape[2:]
    shape = patches.shape[1:]
    return patches.reshape(height, width, *shape).swapaxes(0, 1).reshape(height * width, *shape)


def _square_patches(imgs_batch: ndarray, fil_size: int) -> ndarray:
    """As many positions across as down. Patches over the edge do not stack: it does not run."""
    padded = pad_conv_input(imgs_batch, fil_size // 2)
    side = range(imgs_batch.shape[2])
    return np.stack([padded[:, :, h : h + fil_size, w : w + fil_size] for h in side for w in side])


GET_IMAGE_PATCHES = (
    one_size("height for both", ONE_SIZE, _square_patches, "output"),
    Mutant(
        "batch first",
        "Patches lie [batch, position, ...]; they must lie [position, batch, ...].",
        lambda imgs, size: get_image_patches(imgs, size).swapaxes(0, 1),
        "output",
    ),
    Mutant(
        "column by column",
        "Positions go down the columns; they must go along the rows: the loop over h is the outer "
        "one.",
        _column_by_column,
        "output",
    ),
    Mutant(
        "not padded",
        "There are no zeros around the images, so there are too few positions; put half the "
        "filter's size of them on each side.",
        _unpadded_patches,
        "output",
    ),
    Mutant(
        "zeros in front only",
        "All zeros are put above and on the left of the images; put half of them below and on the "
        "right.",
        lambda imgs, size: _padded_on_one_side(imgs, size, front=True),
        "output",
        within="pad_2d_channel",
    ),
    Mutant(
        "zeros behind only",
        "All zeros are put below and on the right of the images; put half of them above and on "
        "the left.",
        lambda imgs, size: _padded_on_one_side(imgs, size, front=False),
        "output",
        within="pad_2d_channel",
    ),
    Mutant(
        "patches transposed",
        "Height and width are exchanged within the patches: h goes with the third axis of the "
        "images, w with the fourth.",
        lambda imgs, size: get_image_patches(imgs, size).swapaxes(3, 4),
        "output",
    ),
    Mutant(
        "first of the batch",
        "All images have the patches of the first; take them from the whole batch.",
        lambda imgs, size: np.repeat(get_image_patches(imgs[:1], size), len(imgs), axis=1),
        "output",
    ),
)


def _output(
    input_: ndarray,
    param: ndarray,
    *,
    patches_transposed: bool = True,
    param_transposed: bool = True,
    output_transposed: bool = True,
) -> ndarray:
    """``output_matmul`` with some transposition left out."""
    batch_size, _, height, width = input_.shape
    in_channels, out_channels, size, _ = param.shape
    patches = get_image_patches(input_, size)
    if patches_transposed:
        patches = patches.transpose(1, 0, 2, 3, 4)
    rows = patches.reshape(batch_size, height * width, in_channels * size * size)
    if param_transposed:
        param = param.transpose(0, 2, 3, 1)
    output = np.matmul(rows, param.reshape(in_channels * size * size, out_channels))
    if not output_transposed:
        return output.reshape(batch_size, out_channels, height, width)
    return output.reshape(batch_size, height, width, out_channels).transpose(0, 3, 1, 2)


def _square_output(input_: ndarray, param: ndarray) -> ndarray:
    batch_size, _, height, _ = input_.shape
    in_channels, out_channels, size, _ = param.shape
    patches = _square_patches(input_, size).transpose(1, 0, 2, 3, 4)
    rows = patches.reshape(batch_size, height * height, in_channels * size * size)
    output = np.matmul(rows, param.transpose(0, 2, 3, 1).reshape(-1, out_channels))
    return output.reshape(batch_size, height, height, out_channels).transpose(0, 3, 1, 2)


def _filters_out_in(input_: ndarray, param: ndarray) -> ndarray:
    """Counts as if filters lay ``[out, in]``: it does not run unless they are as many."""
    out_channels, in_channels, size, _ = param.shape
    batch_size, _, height, width = input_.shape
    patches = get_image_patches(input_, size).transpose(1, 0, 2, 3, 4)
    rows = patches.reshape(batch_size, height * width, -1)
    columns = param.transpose(1, 2, 3, 0).reshape(in_channels * size * size, out_channels)
    return (
        np.matmul(rows, columns)
        .reshape(batch_size, height, width, out_channels)
        .transpose(0, 3, 1, 2)
    )


OUTPUT_MATMUL = (
    replace(
        one_size("height for both", ONE_SIZE, _square_output, "output"),
        within="get_image_patches",
    ),
    Mutant(
        "patches not transposed",
        "Patches are read as if the batch came first; they lie [position, batch, ...], so "
        "transpose(1, 0, 2, 3, 4) before the reshape.",
        lambda input_, param: _output(input_, param, patches_transposed=False),
        "output",
    ),
    Mutant(
        "filters not transposed",
        "Filters are reshaped as they lie, [in, out, height, width]; the output channels must come "
        "last: transpose(0, 2, 3, 1) before the reshape.",
        lambda input_, param: _output(input_, param, param_transposed=False),
        "output",
    ),
    Mutant(
        "output not transposed",
        "The product is reshaped to [batch, out_channels, ...] as it lies; its last axis is the "
        "channels: reshape to [batch, height, width, -1], then transpose(0, 3, 1, 2).",
        lambda input_, param: _output(input_, param, output_transposed=False),
        "output",
    ),
    Mutant(
        "filters [out, in]",
        "Filters are read as [out_channels, in_channels, ...]; they lie [in_channels, "
        "out_channels, ...].",
        _filters_out_in,
        "output",
    ),
    Mutant(
        "filter turned round",
        "The filter is laid on turned round; lay it on as it stands.",
        lambda input_, param: right.output_matmul(input_, param[:, :, ::-1, ::-1]),
        "output",
    ),
    Mutant(
        "filter transposed",
        "The filter's height and width are exchanged.",
        lambda input_, param: right.output_matmul(input_, param.swapaxes(2, 3)),
        "output",
    ),
)


def _param_grad(
    *,
    patches_transposed: bool = True,
    grad_transposed: bool = True,
    result_transposed: bool = True,
    square_only: bool = False,
) -> Gradient:
    """``param_grad_matmul`` with some transposition left out."""

    def wrong(input_: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
        in_channels, out_channels, size, _ = param.shape
        height, width = input_.shape[2:]
        rows = len(input_) * height * (height if square_only else width)
        patches = get_image_patches(input_, size)
        if patches_transposed:
            patches = patches.transpose(1, 0, 2, 3, 4)
        if grad_transposed:
            output_grad = output_grad.transpose(0, 2, 3, 1)
        patches = patches.reshape(rows, in_channels * size * size)
        param_grad = np.matmul(patches.T, output_grad.reshape(rows, out_channels))
        if not result_transposed:
            return param_grad.reshape(param.shape)
        return param_grad.reshape(in_channels, size, size, out_channels).transpose(0, 3, 1, 2)

    return wrong


_ORDER = (
    "Patches lie [position, batch, ...] and meet gradients that lie [batch, position, ...], as "
    "printed in the book: right for a batch of one only. Use patches.transpose(1, 0, 2, 3, 4)"
)

PARAM_GRAD_MATMUL = (
    Mutant(
        "other order than the gradients, square images",
        f"{_ORDER}. The positions are height * width.",
        _param_grad(patches_transposed=False, square_only=True),
        "param_grad",
        errata="E16",
    ),
    Mutant(
        "other order than the gradients",
        f"{_ORDER}.",
        _param_grad(patches_transposed=False),
        "param_grad",
        errata="E16",
    ),
    Mutant(
        "gradients not transposed",
        "output_grad is reshaped as it lies, [batch, out, height, width]; the channels must come "
        "last: transpose(0, 2, 3, 1) before the reshape.",
        _param_grad(grad_transposed=False),
        "param_grad",
    ),
    Mutant(
        "result not transposed",
        "The product is reshaped to the shape of param as it lies; its last axis is the output "
        "channels: reshape to [in, size, size, out], then transpose(0, 3, 1, 2).",
        _param_grad(result_transposed=False),
        "param_grad",
    ),
    Mutant(
        "turned round",
        "The gradient is turned round; the filter was laid on as it stands, so its gradient is "
        "not turned either.",
        lambda *arguments: right.param_grad_matmul(*arguments)[:, :, ::-1, ::-1],
        "param_grad",
    ),
    Mutant(
        "filters [out, in]",
        "The gradient has shape [out_channels, in_channels, ...]; it must have the shape of param, "
        "[in_channels, out_channels, ...].",
        lambda *arguments: right.param_grad_matmul(*arguments).swapaxes(0, 1),
        "param_grad",
    ),
    averaged(right.param_grad_matmul, "param_grad"),
)


def _input_grad(
    *,
    flipped: bool = True,
    patches_transposed: bool = True,
    param_transposed: bool = True,
    result_transposed: bool = True,
    three_only: bool = False,
    square_only: str = "",
) -> Gradient:
    """``input_grad_matmul`` with something left out."""

    def wrong(input_: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
        in_channels, out_channels, size, _ = param.shape
        batch_size, _, height, width = input_.shape
        width = height if square_only else width
        patches_of = _square_patches if square_only == "patches" else get_image_patches
        patches = patches_of(output_grad, size)
        if patches_transposed:
            patches = patches.transpose(1, 0, 2, 3, 4)
        patches = patches.reshape(batch_size * height * width, out_channels * size * size)
        if flipped:
            param = param[:, :, ::-1, ::-1]
        if param_transposed:
            param = param.transpose(1, 2, 3, 0)
        input_grad = np.matmul(patches, param.reshape(out_channels * size * size, in_channels))
        channels = 3 if three_only else in_channels
        if not result_transposed:
            return input_grad.reshape(batch_size, channels, height, width)
        return input_grad.reshape(batch_size, height, width, channels).transpose(0, 3, 1, 2)

    return wrong


_FLIP = (
    "The filter is not turned round, as printed in the book: transpose "
    "param[:, :, ::-1, ::-1] to [out, height, width, in] and reshape it"
)

# The same mistake next to what else the listing counts on; those that run in the fewest cases come
# first, for in these cases they look alike.
_NOT_TURNED = tuple(
    Mutant(
        f"filter not turned round{', three channels' * three_only}{square_words}",
        f"{_FLIP}{rest}.",
        _input_grad(flipped=False, three_only=three_only, square_only=square_only),
        "input_grad",
        errata="E17",
    )
    for three_only, square_only, square_words, rest in (
        (True, "reshape", ", square images", ". The result has the input's shape, not 3 channels"),
        (True, "patches", ", square patches", ". The result has the input's shape, not 3 channels"),
        (True, "", "", ". The result has the input's channels, not 3"),
        (False, "reshape", ", square images", ". The positions are height * width"),
        (False, "patches", ", square patches", ". The positions are height * width"),
        (False, "", "", ""),
    )
)

INPUT_GRAD_MATMUL = (
    *_NOT_TURNED,
    Mutant(
        "filters not transposed",
        "Filters are reshaped as they lie, [in, out, height, width]; the input channels must come "
        "last: transpose(1, 2, 3, 0) before the reshape.",
        _input_grad(param_transposed=False),
        "input_grad",
    ),
    Mutant(
        "patches not transposed",
        "Patches are read as if the batch came first; they lie [position, batch, ...], so "
        "transpose(1, 0, 2, 3, 4) before the reshape.",
        _input_grad(patches_transposed=False),
        "input_grad",
    ),
    Mutant(
        "result not transposed",
        "The product is reshaped to [batch, in_channels, ...] as it lies; its last axis is the "
        "channels: reshape to [batch, height, width, -1], then transpose(0, 3, 1, 2).",
        _input_grad(result_transposed=False),
        "input_grad",
    ),
    averaged(right.input_grad_matmul, "input_grad"),
)
