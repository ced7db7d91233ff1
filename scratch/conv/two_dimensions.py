"""Chapter 5: convolution of images of one channel in loops that show every multiplication, and its
gradients.

As in one dimension, with height and width apart (``docs/errata.md``, E15): neither images nor
filters need be square.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.conv.geometry import checked_pair, same_margin
from scratch.conv.one_dimension import (
    Margin,
    floating_type,
    grad_or_ones,
    require_axes,
    require_filter,
)

#: Zeros around an image: one number for all four sides; or those above and below, and those on the
#: left and right.
Margins = int | tuple[Margin, Margin]

_IMAGE = ("height", "width")
_IMAGES = ("batch", "height", "width")
_FILTER = ("filter height", "filter width")


def pad_2d(inp: ndarray, num: Margins) -> ndarray:
    """Put zeros around an image. Chapter 5, "2D Convolutions".

    Args:
        inp: shape ``(height, width)``.
        num: zeros on each side; or those above and below, and those on the left and right.

    Returns:
        Shape ``(height + 2 * num, width + 2 * num)``.

    Raises:
        ValueError: ``inp`` is no image, or ``num`` is negative or no whole number.
    """
    return pad_images(inp, num, _IMAGE, "pad_2d")


def conv_2d(inp: ndarray, param: ndarray) -> ndarray:
    """Lay a filter on each pixel of an image. Chapter 5, "2D Convolutions: Coding the Forward
    Pass".

    Args:
        inp: shape ``(height, width)``.
        param: the filter, shape ``(filter height, filter width)``; may be larger than the image.

    Returns:
        Shape ``(height, width)``.

    Raises:
        ValueError: one of them has not two dimensions, or the filter is empty.
    """
    _require_images_and_filter(inp, _IMAGE, param, "conv_2d")
    input_pad = pad_2d(inp, _same_margins(param))
    out = np.zeros(inp.shape, floating_type(inp, param))
    for o_h in range(inp.shape[0]):
        for o_w in range(inp.shape[1]):
            for p_h in range(param.shape[0]):
                for p_w in range(param.shape[1]):
                    out[o_h, o_w] += param[p_h, p_w] * input_pad[o_h + p_h, o_w + p_w]
    return out


def conv_2d_sum(inp: ndarray, param: ndarray) -> float:
    """The sum of ``conv_2d``: the simplest loss. Raises as ``conv_2d``."""
    return np.sum(conv_2d(inp, param))


def input_grad_2d(inp: ndarray, param: ndarray, output_grad: ndarray | None = None) -> ndarray:
    """The gradient on the input of ``conv_2d``. Chapter 5, "2D Convolutions: Coding the Backward
    Pass".

    Args:
        inp: shape ``(height, width)``.
        param: the filter, shape ``(filter height, filter width)``.
        output_grad: shape ``(height, width)``; ones, for the gradient of the sum, where it is None.

    Returns:
        Shape ``(height, width)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_images_and_filter(inp, _IMAGE, param, "input_grad_2d")
    output_grad = grad_or_ones(output_grad, inp, param, "input_grad_2d")
    (above, below), (left, right) = _same_margins(param)
    output_pad = pad_2d(output_grad, ((below, above), (right, left)))
    param_h, param_w = param.shape
    input_grad = np.zeros(inp.shape, floating_type(inp, param, output_grad))
    for i_h in range(inp.shape[0]):
        for i_w in range(inp.shape[1]):
            for p_h in range(param_h):
                for p_w in range(param_w):
                    input_grad[i_h, i_w] += (
                        output_pad[i_h + param_h - p_h - 1, i_w + param_w - p_w - 1]
                        * param[p_h, p_w]
                    )
    return input_grad


def param_grad_2d(inp: ndarray, param: ndarray, output_grad: ndarray | None = None) -> ndarray:
    """The gradient on the filter of ``conv_2d``. Chapter 5, "2D Convolutions: Coding the Backward
    Pass".

    Args:
        inp: shape ``(height, width)``.
        param: the filter, shape ``(filter height, filter width)``; only its shape counts.
        output_grad: shape ``(height, width)``; ones, for the gradient of the sum, where it is None.

    Returns:
        Shape ``(filter height, filter width)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_images_and_filter(inp, _IMAGE, param, "param_grad_2d")
    output_grad = grad_or_ones(output_grad, inp, param, "param_grad_2d")
    input_pad = pad_2d(inp, _same_margins(param))
    param_grad = np.zeros(param.shape, floating_type(inp, param, output_grad))
    for o_h in range(inp.shape[0]):
        for o_w in range(inp.shape[1]):
            for p_h in range(param.shape[0]):
                for p_w in range(param.shape[1]):
                    param_grad[p_h, p_w] += input_pad[o_h + p_h, o_w + p_w] * output_grad[o_h, o_w]
    return param_grad


def pad_2d_batch(inp: ndarray, num: Margins) -> ndarray:
    """``pad_2d`` of each image, ``(batch, height, width)``. Raises as ``pad_2d``."""
    return pad_images(inp, num, _IMAGES, "pad_2d_batch")


def conv_2d_batch(inp: ndarray, param: ndarray) -> ndarray:
    """``conv_2d`` of each image, ``(batch, height, width)``. Raises as ``conv_2d``."""
    _require_images_and_filter(inp, _IMAGES, param, "conv_2d_batch")
    out = np.zeros(inp.shape, floating_type(inp, param))
    for i in range(len(inp)):
        out[i] = conv_2d(inp[i], param)
    return out


def input_grad_2d_batch(
    inp: ndarray, param: ndarray, output_grad: ndarray | None = None
) -> ndarray:
    """``input_grad_2d`` of each image, ``(batch, height, width)``. Raises as ``input_grad_2d``."""
    _require_images_and_filter(inp, _IMAGES, param, "input_grad_2d_batch")
    output_grad = grad_or_ones(output_grad, inp, param, "input_grad_2d_batch")
    input_grad = np.zeros(inp.shape, floating_type(inp, param, output_grad))
    for i in range(len(inp)):
        input_grad[i] = input_grad_2d(inp[i], param, output_grad[i])
    return input_grad


def param_grad_2d_batch(
    inp: ndarray, param: ndarray, output_grad: ndarray | None = None
) -> ndarray:
    """``param_grad_2d`` added up over the batch, ``(filter height, filter width)``.

    Raises as ``param_grad_2d``.
    """
    _require_images_and_filter(inp, _IMAGES, param, "param_grad_2d_batch")
    output_grad = grad_or_ones(output_grad, inp, param, "param_grad_2d_batch")
    param_grad = np.zeros(param.shape, floating_type(inp, param, output_grad))
    for i in range(len(inp)):
        param_grad += param_grad_2d(inp[i], param, output_grad[i])
    return param_grad


def pad_images(inp: ndarray, num: Margins, axes: tuple[str, ...], who: str) -> ndarray:
    """``pad_2d`` of the last two axes of an array whose axes have these names.

    Raises:
        ValueError: as ``pad_2d``; names ``who``.
    """
    require_axes(inp, axes, "inp", who)
    rows, columns = num if isinstance(num, tuple) and len(num) == 2 else (num, num)
    (above, below), (left, right) = (
        checked_pair("num", margin, 0, who) for margin in (rows, columns)
    )
    height, width = inp.shape[-2:]
    size = (above + height + below, left + width + right)
    padded = np.zeros((*inp.shape[:-2], *size), floating_type(inp))
    padded[..., above : above + height, left : left + width] = inp
    return padded


def _same_margins(param: ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    return same_margin(param.shape[0]), same_margin(param.shape[1])


def _require_images_and_filter(
    inp: ndarray, axes: tuple[str, ...], param: ndarray, who: str
) -> None:
    require_axes(inp, axes, "inp", who)
    require_filter(param, _FILTER, who)
