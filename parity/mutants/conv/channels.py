"""Mistakes in the convolution of images with channels, in loops."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from parity.catalogue.component import Mutant
from parity.mutants.conv.one_channel import (
    pad_mutants,
)
from parity.mutants.conv.sliding import (
    averaged,
    cut_to_square,
    first_for_all,
    for_batches,
    pad_one_side,
    stacked,
)
from parity.mutants.conv.two_dimensions import ONE_SIZE, OTHER_SIZE, one_size
from scratch.conv import loops as right


def _channels_slide(padded: ndarray, param: ndarray) -> ndarray:
    """The filters at each place where they fit, over all channels."""
    windows = sliding_window_view(padded, param.shape[2:], axis=(1, 2))
    return np.einsum("chwij,coij->ohw", windows, param)


def _indices_exchanged(param: ndarray) -> ndarray:
    """``param[c_out][c_in]`` where ``param[c_in][c_out]`` should be.

    Raises:
        IndexError: there are not as many channels coming in as going out.
    """
    in_channels, out_channels = param.shape[:2]
    return np.array(
        [[param[c_out][c_in] for c_out in range(out_channels)] for c_in in range(in_channels)]
    )


def _as_in_pytorch(obs: ndarray, param: ndarray) -> ndarray:
    """Counts channels as if filters lay ``[out, in]``."""
    in_channels = param.shape[1]
    return right.compute_output_obs(obs[list(range(in_channels))], param.swapaxes(0, 1))


PAD_2D_CHANNEL = (
    *pad_mutants(2, "the image"),
    Mutant(
        "channels padded",
        "There are channels of zeros before and behind the image's own; put zeros around each "
        "channel only.",
        np.pad,
        "output",
    ),
)

PAD_CONV_INPUT = for_batches(PAD_2D_CHANNEL, "pad_2d_channel", stacked(0))

COMPUTE_OUTPUT_OBS = (
    Mutant(
        "indices of the filter exchanged",
        "The filter for c_in and c_out is taken as param[c_out][c_in], as the book's text has it "
        "once; filters have shape [in_channels, out_channels, ...], so it is param[c_in][c_out].",
        lambda obs, param: right.compute_output_obs(obs, _indices_exchanged(param)),
        "output",
        errata="E14",
    ),
    Mutant(
        "filters [out, in]",
        "Channels are counted as if filters had shape [out_channels, in_channels, ...], as the "
        "book's layer draws them; everywhere else it is [in_channels, out_channels, ...].",
        _as_in_pytorch,
        "output",
        errata="E14",
    ),
    Mutant(
        "filter turned round",
        "The filter is laid on turned round; lay it on as it stands: both indices go up, "
        "param[c_in][c_out][p_h][p_w] * obs_pad[c_in][o_h + p_h][o_w + p_w].",
        lambda obs, param: right.compute_output_obs(obs, param[:, :, ::-1, ::-1]),
        "output",
    ),
    Mutant(
        "filter transposed",
        "The filter's height and width are exchanged: p_h goes with o_h, p_w with o_w.",
        lambda obs, param: right.compute_output_obs(obs, param.swapaxes(2, 3)),
        "output",
    ),
    Mutant(
        "not added up over channels",
        "Only the last input channel is left in the output; add up over all of them, out[c_out] "
        "+= ...",
        lambda obs, param: right.compute_output_obs(obs[-1:], param[-1:]),
        "output",
    ),
    Mutant(
        "averaged over channels",
        "The output is averaged over the input channels; it is their sum.",
        lambda obs, param: right.compute_output_obs(obs, param) / len(obs),
        "output",
    ),
    Mutant(
        "one filter for all outputs",
        "All output channels have the filters of the first; each has its own, param[c_in][c_out].",
        lambda obs, param: np.repeat(
            right.compute_output_obs(obs, param[:, :1]), param.shape[1], axis=0
        ),
        "output",
    ),
    one_size(
        "height for both",
        ONE_SIZE,
        lambda obs, param: cut_to_square(right.compute_output_obs(obs, param), -2),
        "output",
    ),
    one_size(
        "width for both",
        OTHER_SIZE,
        lambda obs, param: cut_to_square(right.compute_output_obs(obs, param), -1),
        "output",
    ),
    Mutant(
        "zeros in front only",
        "All zeros are put above and on the left of the image, so the output is shifted; put half "
        "of them below and on the right.",
        lambda obs, param: _channels_slide(pad_one_side(obs, param[0, 0], front=True), param),
        "output",
        within="pad_2d_channel",
    ),
    Mutant(
        "zeros behind only",
        "All zeros are put below and on the right of the image, so the output is shifted; put half "
        "of them above and on the left.",
        lambda obs, param: _channels_slide(pad_one_side(obs, param[0, 0], front=False), param),
        "output",
        within="pad_2d_channel",
    ),
)

CONV_OUTPUT = (
    *for_batches(COMPUTE_OUTPUT_OBS, "compute_output_obs", stacked(0)),
    first_for_all(right.conv_output, "output"),
)


def _grads_shifted(grad: ndarray, param: ndarray, *, front: bool) -> ndarray:
    padded = pad_one_side(grad, param[0, 0], front=front)
    return _channels_slide(padded, param[:, :, ::-1, ::-1].swapaxes(0, 1))


_grads = right.compute_grads_obs

COMPUTE_GRADS_OBS = (
    Mutant(
        "filter not turned round",
        "Both indices go up; as those of the filter go up, those of the gradient must go down: "
        "output_obs_pad[c_out][i_h + param_size - p_h - 1][i_w + param_size - p_w - 1].",
        lambda obs, grad, param: _grads(obs, grad, param[:, :, ::-1, ::-1]),
        "input_grad",
    ),
    Mutant(
        "filter turned round in height only",
        "The filter is turned round in height, but not in width; it must be in both.",
        lambda obs, grad, param: _grads(obs, grad, param[:, :, :, ::-1]),
        "input_grad",
    ),
    Mutant(
        "filter turned round in width only",
        "The filter is turned round in width, but not in height; it must be in both.",
        lambda obs, grad, param: _grads(obs, grad, param[:, :, ::-1, :]),
        "input_grad",
    ),
    Mutant(
        "filter transposed",
        "The filter's height and width are exchanged: p_h goes with i_h, p_w with i_w.",
        lambda obs, grad, param: _grads(obs, grad, param.swapaxes(2, 3)),
        "input_grad",
    ),
    Mutant(
        "indices of the filter exchanged",
        "The filter for c_in and c_out is taken as param[c_out][c_in]; filters have shape "
        "[in_channels, out_channels, ...], so it is param[c_in][c_out].",
        lambda obs, grad, param: _grads(obs, grad, _indices_exchanged(param)),
        "input_grad",
    ),
    Mutant(
        "not added up over channels",
        "Only the last output channel's gradient is left; an input channel went into all of them, "
        "so add up, input_grad[c_in] += ...",
        lambda obs, grad, param: _grads(obs, grad[-1:], param[:, -1:]),
        "input_grad",
    ),
    Mutant(
        "averaged over channels",
        "The gradient is averaged over the output channels; it is their sum.",
        lambda obs, grad, param: _grads(obs, grad, param) / len(grad),
        "input_grad",
    ),
    Mutant(
        "zeros in front only",
        "All zeros are put above and on the left of the output gradient, so what comes back is "
        "shifted; put half of them below and on the right.",
        lambda obs, grad, param: _grads_shifted(grad, param, front=True),
        "input_grad",
        within="pad_2d_channel",
    ),
    Mutant(
        "zeros behind only",
        "All zeros are put below and on the right of the output gradient, so what comes back is "
        "shifted; put half of them above and on the left.",
        lambda obs, grad, param: _grads_shifted(grad, param, front=False),
        "input_grad",
        within="pad_2d_channel",
    ),
)

CONV_INPUT_GRAD = (
    *for_batches(COMPUTE_GRADS_OBS, "compute_grads_obs", stacked(0, 1)),
    first_for_all(right.conv_input_grad, "input_grad"),
    averaged(right.conv_input_grad, "input_grad"),
)


def _grad_shifted(inp: ndarray, output_grad: ndarray, param: ndarray, *, front: bool) -> ndarray:
    padded = pad_one_side(inp, param[0, 0], front=front)
    windows = sliding_window_view(padded, output_grad.shape[2:], axis=(2, 3))
    return np.einsum("ncijhw,nohw->coij", windows, output_grad)


def _one_by_one(inp: ndarray, output_grad: ndarray, param: ndarray) -> ndarray:
    return np.stack(
        [
            right.conv_param_grad(obs[None], grad[None], param)
            for obs, grad in zip(inp, output_grad, strict=True)
        ]
    )


_param_grad = right.conv_param_grad

CONV_PARAM_GRAD = (
    Mutant(
        "turned round",
        "The gradient is turned round, as if output_grad had been padded and not the input: it "
        "takes inp_pad[i][c_in][o_h + p_h][o_w + p_w] * output_grad[i][c_out][o_h][o_w].",
        lambda inp, grad, param: _param_grad(inp, grad, param)[:, :, ::-1, ::-1],
        "param_grad",
    ),
    Mutant(
        "transposed",
        "The gradient's height and width are exchanged: p_h goes with o_h, p_w with o_w.",
        lambda inp, grad, param: _param_grad(inp, grad, param).swapaxes(2, 3),
        "param_grad",
    ),
    Mutant(
        "indices of the filter exchanged",
        "The gradient for c_in and c_out is put into param_grad[c_out][c_in]; filters have shape "
        "[in_channels, out_channels, ...], so it belongs into param_grad[c_in][c_out].",
        lambda inp, grad, param: _indices_exchanged(_param_grad(inp, grad, param)),
        "param_grad",
    ),
    Mutant(
        "filters [out, in]",
        "The gradient has shape [out_channels, in_channels, ...]; it must have the shape of param, "
        "[in_channels, out_channels, ...].",
        lambda inp, grad, param: _param_grad(inp, grad, param).swapaxes(0, 1),
        "param_grad",
    ),
    Mutant(
        "not added up over the batch",
        "There is a gradient for each image; all of them had the same filters, so add the "
        "gradients up.",
        _one_by_one,
        "param_grad",
    ),
    Mutant(
        "last of the batch",
        "Only the last image's gradient is left; start from zeros once, before the loop over the "
        "batch, and add them up.",
        lambda inp, grad, param: _param_grad(inp[-1:], grad[-1:], param),
        "param_grad",
    ),
    averaged(_param_grad, "param_grad"),
    Mutant(
        "averaged over positions",
        "The gradient is averaged over the positions; a filter takes part in each of them, so add "
        "them up.",
        lambda inp, grad, param: _param_grad(inp, grad, param) / grad[0, 0].size,
        "param_grad",
    ),
    Mutant(
        "zeros in front only",
        "All zeros are put above and on the left of the input; put half of them below and on the "
        "right.",
        lambda inp, grad, param: _grad_shifted(inp, grad, param, front=True),
        "param_grad",
        within="pad_conv_input",
    ),
    Mutant(
        "zeros behind only",
        "All zeros are put below and on the right of the input; put half of them above and on the "
        "left.",
        lambda inp, grad, param: _grad_shifted(inp, grad, param, front=False),
        "param_grad",
        within="pad_conv_input",
    ),
)
