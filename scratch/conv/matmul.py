"""Appendix A: convolution as a product of matrices, and its gradients.

What a filter covers at one stop is a patch of the image; patches written out in rows, times filters
written out in columns, are the output. "Same" padding and a stride of 1, as in the appendix. Every
transposition here goes to a matrix with one row for each image and position, in that order.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.conv.geometry import Pair, checked_pair, same_margin
from scratch.conv.loops import pad_conv_input
from scratch.conv.one_dimension import require_axes, require_filter
from scratch.conv.two_dimensions import Margins

_IMAGES_WITH_CHANNELS = ("batch", "channels", "height", "width")
_FILTERS_WITH_CHANNELS = ("in_channels", "out_channels", "filter height", "filter width")


def get_image_patches(imgs_batch: ndarray, fil_size: Pair) -> ndarray:
    """What a filter covers at each of its stops, row by row. Appendix A, "Convolution via Matrix
    Multiplication".

    Args:
        imgs_batch: shape ``(batch, channels, height, width)``.
        fil_size: height and width of the filter; one number for both.

    Returns:
        Shape ``(height * width, batch, channels, filter height, filter width)``.

    Raises:
        ValueError: ``imgs_batch`` has not four dimensions, or a size is no whole number of at
            least 1.
    """
    require_axes(imgs_batch, _IMAGES_WITH_CHANNELS, "imgs_batch", "get_image_patches")
    sides = checked_pair("fil_size", fil_size, 1, "get_image_patches")
    return _patches_of(imgs_batch, sides, (same_margin(sides[0]), same_margin(sides[1])))


def output_matmul(input_: ndarray, param: ndarray) -> ndarray:
    """``conv_output`` as one product for each image. Appendix A, "Convolution via Matrix
    Multiplication".

    Args:
        input_: shape ``(batch, in_channels, height, width)``.
        param: the filters, shape ``(in_channels, out_channels, filter height, filter width)``.

    Returns:
        Shape ``(batch, out_channels, height, width)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_images_and_filters(input_, param, "output_matmul")
    batch_size, _, height, width = input_.shape
    in_channels, out_channels, *fil_size = param.shape
    patch_size = in_channels * fil_size[0] * fil_size[1]
    patches = get_image_patches(input_, tuple(fil_size))
    patches_reshaped = patches.transpose(1, 0, 2, 3, 4).reshape(
        batch_size, height * width, patch_size
    )
    param_reshaped = param.transpose(0, 2, 3, 1).reshape(patch_size, out_channels)
    output = np.matmul(patches_reshaped, param_reshaped)
    return output.reshape(batch_size, height, width, out_channels).transpose(0, 3, 1, 2)


def param_grad_matmul(input_: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
    """The gradient on the filters of ``output_matmul``, as one product. Appendix A, "Convolution
    via Matrix Multiplication".

    Patches come with the position first, the gradients with the image: one of the two has to be
    transposed before they meet (the book leaves both as they are: ``docs/errata.md``, E16).

    Args:
        input_: shape ``(batch, in_channels, height, width)``.
        param: as for ``output_matmul``; only its shape counts.
        output_grad: shape ``(batch, out_channels, height, width)``.

    Returns:
        Shape ``(in_channels, out_channels, filter height, filter width)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_all_fit(input_, param, output_grad, "param_grad_matmul")
    batch_size, _, height, width = input_.shape
    in_channels, out_channels, fil_height, fil_width = param.shape
    rows = batch_size * height * width
    patch_size = in_channels * fil_height * fil_width
    patches = get_image_patches(input_, (fil_height, fil_width))
    patches_reshaped = patches.transpose(1, 0, 2, 3, 4).reshape(rows, patch_size)
    output_grad_reshaped = output_grad.transpose(0, 2, 3, 1).reshape(rows, out_channels)
    param_grad = np.matmul(patches_reshaped.transpose(1, 0), output_grad_reshaped)
    return param_grad.reshape(in_channels, fil_height, fil_width, out_channels).transpose(
        0, 3, 1, 2
    )


def input_grad_matmul(input_: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
    """The gradient on the input of ``output_matmul``, as one product. Appendix A, "Convolution via
    Matrix Multiplication".

    A convolution of the output gradient, its filters turned round in height and width, from the
    output's channels to the input's (the book does not turn them, and counts on three channels and
    square images: ``docs/errata.md``, E17). For an even filter the margins change sides.

    Args:
        input_: shape ``(batch, in_channels, height, width)``; only its shape counts.
        param: as for ``output_matmul``.
        output_grad: shape ``(batch, out_channels, height, width)``.

    Returns:
        Shape ``(batch, in_channels, height, width)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_all_fit(input_, param, output_grad, "input_grad_matmul")
    batch_size, _, height, width = input_.shape
    in_channels, out_channels, fil_height, fil_width = param.shape
    patch_size = out_channels * fil_height * fil_width
    (above, below), (left, right) = same_margin(fil_height), same_margin(fil_width)
    output_grad_patches = _patches_of(
        output_grad, (fil_height, fil_width), ((below, above), (right, left))
    )
    output_grad_patches_reshaped = output_grad_patches.transpose(1, 0, 2, 3, 4).reshape(
        batch_size * height * width, patch_size
    )
    param_flipped = param[:, :, ::-1, ::-1]
    param_reshaped = param_flipped.transpose(1, 2, 3, 0).reshape(patch_size, in_channels)
    input_grad = np.matmul(output_grad_patches_reshaped, param_reshaped)
    return input_grad.reshape(batch_size, height, width, in_channels).transpose(0, 3, 1, 2)


def _patches_of(imgs_batch: ndarray, fil_size: tuple[int, int], margins: Margins) -> ndarray:
    batch_size, channels, height, width = imgs_batch.shape
    fil_height, fil_width = fil_size
    padded = pad_conv_input(imgs_batch, margins)
    patches = np.empty((height * width, batch_size, channels, *fil_size), padded.dtype)
    for h in range(height):
        for w in range(width):
            patches[h * width + w] = padded[:, :, h : h + fil_height, w : w + fil_width]
    return patches


def _require_images_and_filters(input_: ndarray, param: ndarray, who: str) -> None:
    require_axes(input_, _IMAGES_WITH_CHANNELS, "input_", who)
    require_filter(param, _FILTERS_WITH_CHANNELS, who)
    if input_.shape[1] != param.shape[0]:
        raise ValueError(
            f"{who}: filters of shape {param.shape} take {param.shape[0]} channels, the input of "
            f"shape {input_.shape} has {input_.shape[1]}"
        )


def _require_all_fit(input_: ndarray, param: ndarray, output_grad: ndarray, who: str) -> None:
    _require_images_and_filters(input_, param, who)
    batch_size, _, height, width = input_.shape
    wanted = (batch_size, param.shape[1], height, width)
    if output_grad.shape != wanted:
        raise ValueError(f"{who}: output_grad must have shape {wanted}, not {output_grad.shape}")
