"""Mistakes in the convolution of images of one channel."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.conv.one_channel import (
    batch_sum_mutants,
    forward_mutants,
    input_grad_mutants,
    pad_mutants,
    param_grad_mutants,
    sum_mutants,
)
from parity.mutants.conv.sliding import (
    averaged,
    cut_to_square,
    first_for_all,
    for_batches,
    stacked,
    summed,
)
from scratch.conv import two_dimensions as right

ONE_SIZE = (
    "The image's height stands for its width, too, so on a wide image columns are left out. (The "
    "book has one img_size for both.) Loop over shape[-2] and shape[-1]."
)
OTHER_SIZE = (
    "The image's width stands for its height, too, so on a high image rows are left out. (The "
    "book has one img_size for both.) Loop over shape[-2] and shape[-1]."
)


def one_size(name: str, sentence: str, implementation: object, result: str) -> Mutant:
    """One size for both axes of an image, as the book has it."""
    return Mutant(name, sentence, implementation, result, errata="E15")


PAD_2D = pad_mutants(2, "the image")

CONV_2D = (
    *forward_mutants(right.conv_2d, "pad_2d"),
    one_size(
        "height for both",
        ONE_SIZE,
        lambda inp, param: cut_to_square(right.conv_2d(inp, param), -2),
        "output",
    ),
    one_size(
        "width for both",
        OTHER_SIZE,
        lambda inp, param: cut_to_square(right.conv_2d(inp, param), -1),
        "output",
    ),
    Mutant(
        "filter transposed",
        "The filter's height and width are exchanged: param[p_h][p_w] belongs to "
        "input_pad[o_h + p_h][o_w + p_w].",
        lambda inp, param: right.conv_2d(inp, param.T),
        "output",
    ),
)

CONV_2D_SUM = sum_mutants(right.conv_2d)

INPUT_GRAD_2D = (
    *input_grad_mutants(right.input_grad_2d),
    Mutant(
        "filter turned round in height only",
        "The filter is turned round in height, but not in width; it must be in both: "
        "i_w + param_size - p_w - 1.",
        lambda inp, param, output_grad: right.input_grad_2d(inp, param[:, ::-1], output_grad),
        "input_grad",
    ),
    Mutant(
        "filter turned round in width only",
        "The filter is turned round in width, but not in height; it must be in both: "
        "i_h + param_size - p_h - 1.",
        lambda inp, param, output_grad: right.input_grad_2d(inp, param[::-1], output_grad),
        "input_grad",
    ),
    Mutant(
        "filter transposed",
        "The filter's height and width are exchanged: param[p_h][p_w] belongs to p_h in the "
        "gradient's rows and p_w in its columns.",
        lambda inp, param, output_grad: right.input_grad_2d(inp, param.T, output_grad),
        "input_grad",
    ),
)


def _param_grad_cut(axis: int) -> object:
    def wrong(inp: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
        return right.param_grad_2d(inp, param, cut_to_square(output_grad, axis))

    return wrong


PARAM_GRAD_2D = (
    *param_grad_mutants(right.param_grad_2d, "pad_2d"),
    one_size("height for both", ONE_SIZE, _param_grad_cut(-2), "param_grad"),
    one_size("width for both", OTHER_SIZE, _param_grad_cut(-1), "param_grad"),
    Mutant(
        "transposed",
        "The gradient's height and width are exchanged: param_grad[p_h][p_w] takes "
        "input_pad[o_h + p_h][o_w + p_w].",
        lambda inp, param, output_grad: right.param_grad_2d(inp, param, output_grad).T,
        "param_grad",
    ),
)

PAD_2D_BATCH = (
    *for_batches(PAD_2D, "pad_2d", stacked(0)),
    Mutant(
        "batch padded",
        "There are images of zeros before and behind the batch; put zeros around each image only.",
        np.pad,
        "output",
    ),
)

CONV_2D_BATCH = (
    *for_batches(CONV_2D, "conv_2d", stacked(0)),
    first_for_all(right.conv_2d_batch, "output"),
)

INPUT_GRAD_2D_BATCH = (
    *for_batches(INPUT_GRAD_2D, "input_grad_2d", stacked(0, 2)),
    first_for_all(right.input_grad_2d_batch, "input_grad"),
    averaged(right.input_grad_2d_batch, "input_grad"),
)

PARAM_GRAD_2D_BATCH = (
    *for_batches(PARAM_GRAD_2D, "param_grad_2d", summed(0, 2)),
    *batch_sum_mutants(right.param_grad_2d, right.param_grad_2d_batch),
)
