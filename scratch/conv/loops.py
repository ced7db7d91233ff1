"""Chapter 5: convolution of images with channels in up to seven loops, and its gradients.

Slow, and what the fast forms are held against, every option of theirs included. Filters are laid on
as they stand, not turned round; a filter has a part for each channel that comes in and each that
goes out, in that order (``docs/errata.md``, E14). Height and width are apart everywhere (E15).

Integers are taken as float64; float32 stays float32.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.conv.geometry import Geometry, Padding, Pair, make_geometry
from scratch.conv.one_dimension import floating_type, require_axes, require_filter
from scratch.conv.two_dimensions import Margins, pad_images

_CHANNELS = ("channels", "height", "width")
_CHANNEL_IMAGES = ("batch", "channels", "height", "width")
_CHANNEL_FILTERS = ("in_channels", "out_channels", "filter height", "filter width")


def pad_2d_channel(inp: ndarray, num: Margins) -> ndarray:
    """``pad_2d`` of each channel of an image, ``(channels, height, width)``. Raises as ``pad_2d``.

    Chapter 5, "The Last Element: Adding Channels".
    """
    return pad_images(inp, num, _CHANNELS, "pad_2d_channel")


def pad_conv_input(inp: ndarray, num: Margins) -> ndarray:
    """``pad_2d_channel`` of each image, ``(batch, channels, height, width)``. Raises as ``pad_2d``.

    Chapter 5, "The Last Element: Adding Channels".
    """
    return pad_images(inp, num, _CHANNEL_IMAGES, "pad_conv_input")


def compute_output_obs(
    obs: ndarray,
    param: ndarray,
    *,
    padding: Padding = "same",
    stride: Pair = 1,
    dilation: Pair = 1,
) -> ndarray:
    """Lay every filter on every channel of one image. Chapter 5, "The Last Element: Forward Pass".

    A channel of the output is the sum over all channels of the input. With ``padding="same"`` and a
    stride of 1, as in the book, it has the image's height and width.

    Args:
        obs: shape ``(in_channels, height, width)``.
        param: the filters, shape ``(in_channels, out_channels, filter height, filter width)``.
        padding: "same", "valid", or the zeros on each side; see ``Geometry``.
        stride: pixels from one stop of the filter to the next; not in the book.
        dilation: pixels from one element of the filter to the next; not in the book.

    Returns:
        Shape ``(out_channels, stops down, stops across)``.

    Raises:
        ValueError: the shapes do not fit together, or an option is none.
    """
    require_axes(obs, _CHANNELS, "obs", "compute_output_obs")
    geometry, shape = _fit(obs, param, padding, stride, dilation, "compute_output_obs")
    obs_pad = pad_2d_channel(obs, geometry.margins)
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    in_channels, out_channels, param_h, param_w = param.shape
    out = np.zeros(shape, floating_type(obs, param))
    for c_in in range(in_channels):
        for c_out in range(out_channels):
            for o_h in range(shape[1]):
                for o_w in range(shape[2]):
                    for p_h in range(param_h):
                        for p_w in range(param_w):
                            out[c_out, o_h, o_w] += (
                                param[c_in, c_out, p_h, p_w]
                                * obs_pad[c_in, o_h * s_h + p_h * d_h, o_w * s_w + p_w * d_w]
                            )
    return out


def conv_output(
    inp: ndarray,
    param: ndarray,
    *,
    padding: Padding = "same",
    stride: Pair = 1,
    dilation: Pair = 1,
) -> ndarray:
    """``compute_output_obs`` of each image: the book's ``_output``. Chapter 5, "The Last Element:
    Forward Pass".

    Args:
        inp: shape ``(batch, in_channels, height, width)``.
        param: as for ``compute_output_obs``, and so are the options.

    Returns:
        Shape ``(batch, out_channels, stops down, stops across)``.

    Raises:
        ValueError: the shapes do not fit together, or an option is none.
    """
    require_axes(inp, _CHANNEL_IMAGES, "inp", "conv_output")
    _, shape = _fit(inp, param, padding, stride, dilation, "conv_output")
    out = np.zeros((len(inp), *shape), floating_type(inp, param))
    for i in range(len(inp)):
        out[i] = compute_output_obs(
            inp[i], param, padding=padding, stride=stride, dilation=dilation
        )
    return out


def compute_grads_obs(
    input_obs: ndarray,
    output_grad_obs: ndarray,
    param: ndarray,
    *,
    padding: Padding = "same",
    stride: Pair = 1,
    dilation: Pair = 1,
) -> ndarray:
    """The gradient on one image of ``compute_output_obs``. Chapter 5, "The Last Element: Backward
    Pass".

    Its loops go where those of the forward pass went, and hand each result's gradient back to the
    pixels that it came from; what falls on the margins is nobody's. The book asks each pixel which
    results it went into, which is the same at a stride of 1.

    Args:
        input_obs: shape ``(in_channels, height, width)``; only its shape counts.
        output_grad_obs: shape ``(out_channels, stops down, stops across)``.
        param: as for ``compute_output_obs``, and so are the options.

    Returns:
        Shape ``(in_channels, height, width)``.

    Raises:
        ValueError: the shapes do not fit together, or an option is none.
    """
    require_axes(input_obs, _CHANNELS, "input_obs", "compute_grads_obs")
    geometry, shape = _fit(input_obs, param, padding, stride, dilation, "compute_grads_obs")
    _require_output_grad(output_grad_obs, shape, "output_grad_obs", "compute_grads_obs")
    (above, _), (left, _) = geometry.margins
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    in_channels, out_channels, param_h, param_w = param.shape
    height, width = input_obs.shape[1:]
    grad_pad = np.zeros(
        (in_channels, *geometry.padded_size(height, width)),
        floating_type(input_obs, output_grad_obs, param),
    )
    for c_in in range(in_channels):
        for c_out in range(out_channels):
            for o_h in range(shape[1]):
                for o_w in range(shape[2]):
                    for p_h in range(param_h):
                        for p_w in range(param_w):
                            grad_pad[c_in, o_h * s_h + p_h * d_h, o_w * s_w + p_w * d_w] += (
                                output_grad_obs[c_out, o_h, o_w] * param[c_in, c_out, p_h, p_w]
                            )
    return grad_pad[:, above : above + height, left : left + width].copy()


def conv_input_grad(
    inp: ndarray,
    output_grad: ndarray,
    param: ndarray,
    *,
    padding: Padding = "same",
    stride: Pair = 1,
    dilation: Pair = 1,
) -> ndarray:
    """``compute_grads_obs`` of each image: the book's ``_input_grad``. Chapter 5, "The Last
    Element: Backward Pass".

    Args:
        inp: shape ``(batch, in_channels, height, width)``; only its shape counts.
        output_grad: shape ``(batch, out_channels, stops down, stops across)``.
        param: as for ``compute_output_obs``, and so are the options.

    Returns:
        Shape ``(batch, in_channels, height, width)``.

    Raises:
        ValueError: the shapes do not fit together, or an option is none.
    """
    require_axes(inp, _CHANNEL_IMAGES, "inp", "conv_input_grad")
    _, shape = _fit(inp, param, padding, stride, dilation, "conv_input_grad")
    _require_output_grad(output_grad, (len(inp), *shape), "output_grad", "conv_input_grad")
    input_grad = np.zeros(inp.shape, floating_type(inp, output_grad, param))
    for i in range(len(inp)):
        input_grad[i] = compute_grads_obs(
            inp[i], output_grad[i], param, padding=padding, stride=stride, dilation=dilation
        )
    return input_grad


def conv_param_grad(
    inp: ndarray,
    output_grad: ndarray,
    param: ndarray,
    *,
    padding: Padding = "same",
    stride: Pair = 1,
    dilation: Pair = 1,
) -> ndarray:
    """The gradient on the filters, added up over the batch: the book's ``_param_grad``. Chapter 5,
    "The Last Element: Backward Pass".

    Args:
        inp: shape ``(batch, in_channels, height, width)``.
        output_grad: shape ``(batch, out_channels, stops down, stops across)``.
        param: as for ``compute_output_obs``, and so are the options; only its shape counts.

    Returns:
        Shape ``(in_channels, out_channels, filter height, filter width)``.

    Raises:
        ValueError: the shapes do not fit together, or an option is none.
    """
    require_axes(inp, _CHANNEL_IMAGES, "inp", "conv_param_grad")
    geometry, shape = _fit(inp, param, padding, stride, dilation, "conv_param_grad")
    _require_output_grad(output_grad, (len(inp), *shape), "output_grad", "conv_param_grad")
    inp_pad = pad_conv_input(inp, geometry.margins)
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    in_channels, out_channels, param_h, param_w = param.shape
    param_grad = np.zeros(param.shape, floating_type(inp, output_grad, param))
    for i in range(len(inp)):
        for c_in in range(in_channels):
            for c_out in range(out_channels):
                for o_h in range(shape[1]):
                    for o_w in range(shape[2]):
                        for p_h in range(param_h):
                            for p_w in range(param_w):
                                param_grad[c_in, c_out, p_h, p_w] += (
                                    inp_pad[i, c_in, o_h * s_h + p_h * d_h, o_w * s_w + p_w * d_w]
                                    * output_grad[i, c_out, o_h, o_w]
                                )
    return param_grad


def _fit(
    images: ndarray, param: ndarray, padding: Padding, stride: Pair, dilation: Pair, who: str
) -> tuple[Geometry, tuple[int, int, int]]:
    """How the filters move over images of that height and width, and the shape of one's output."""
    require_filter(param, _CHANNEL_FILTERS, who)
    in_channels, height, width = images.shape[-3:]
    if in_channels != param.shape[0]:
        raise ValueError(
            f"{who}: filters of shape {param.shape} take {param.shape[0]} channels, the input of "
            f"shape {images.shape} has {in_channels}"
        )
    geometry = make_geometry(param.shape[2:], padding, stride, dilation, who)
    return geometry, (param.shape[1], *geometry.output_size(height, width, who))


def _require_output_grad(output_grad: ndarray, shape: tuple[int, ...], what: str, who: str) -> None:
    if output_grad.shape != shape:
        raise ValueError(f"{who}: {what} must have shape {shape}, not {output_grad.shape}")
