"""Mistakes in the convolution of sequences."""

from __future__ import annotations

import numpy as np

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
    first_for_all,
    for_batches,
    stacked,
    summed,
)
from scratch.conv import one_dimension as right

PAD_1D = pad_mutants(1, "the sequence")
CONV_1D = forward_mutants(right.conv_1d, "pad_1d")
CONV_1D_SUM = sum_mutants(right.conv_1d)
INPUT_GRAD_1D = input_grad_mutants(right.input_grad_1d)
PARAM_GRAD_1D = param_grad_mutants(right.param_grad_1d, "pad_1d")

PAD_1D_BATCH = (
    *for_batches(PAD_1D, "pad_1d", stacked(0)),
    Mutant(
        "batch padded",
        "There are rows of zeros before and behind the batch; put zeros around each sequence only.",
        np.pad,
        "output",
    ),
)

CONV_1D_BATCH = (
    *for_batches(CONV_1D, "conv_1d", stacked(0)),
    first_for_all(right.conv_1d_batch, "output"),
)

INPUT_GRAD_1D_BATCH = (
    *for_batches(INPUT_GRAD_1D, "input_grad_1d", stacked(0, 2)),
    first_for_all(right.input_grad_1d_batch, "input_grad"),
    averaged(right.input_grad_1d_batch, "input_grad"),
)

PARAM_GRAD_1D_BATCH = (
    *for_batches(PARAM_GRAD_1D, "param_grad_1d", summed(0, 2)),
    *batch_sum_mutants(right.param_grad_1d, right.param_grad_1d_batch),
)
