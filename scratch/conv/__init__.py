"""Chapter 5 and appendix A: convolution.

``one_dimension`` and ``loops`` are the sums as one would write them down, and the measure for all
the rest; ``matmul`` is the appendix's way; ``operation``, ``transposed`` and ``layer`` are what
networks are built of, made fast by ``products`` and ``forms``.
"""

from scratch.conv.geometry import Geometry, Padding, Pair, make_geometry
from scratch.conv.layer import Conv2D
from scratch.conv.loops import (
    compute_grads_obs,
    compute_output_obs,
    conv_input_grad,
    conv_output,
    conv_param_grad,
    pad_2d_channel,
    pad_conv_input,
)
from scratch.conv.matmul import (
    get_image_patches,
    input_grad_matmul,
    output_matmul,
    param_grad_matmul,
)
from scratch.conv.one_dimension import (
    conv_1d,
    conv_1d_batch,
    conv_1d_sum,
    input_grad_1d,
    input_grad_1d_batch,
    pad_1d,
    pad_1d_batch,
    param_grad_1d,
    param_grad_1d_batch,
)
from scratch.conv.operation import Conv2DOperation, Flatten
from scratch.conv.transposed import ConvTranspose2DOperation
from scratch.conv.two_dimensions import (
    conv_2d,
    conv_2d_batch,
    conv_2d_sum,
    input_grad_2d,
    input_grad_2d_batch,
    pad_2d,
    pad_2d_batch,
    param_grad_2d,
    param_grad_2d_batch,
)

__all__ = [
    "Geometry",
    "Padding",
    "Pair",
    "make_geometry",
    "pad_1d",
    "conv_1d",
    "conv_1d_sum",
    "input_grad_1d",
    "param_grad_1d",
    "pad_1d_batch",
    "conv_1d_batch",
    "input_grad_1d_batch",
    "param_grad_1d_batch",
    "pad_2d",
    "conv_2d",
    "conv_2d_sum",
    "input_grad_2d",
    "param_grad_2d",
    "pad_2d_batch",
    "conv_2d_batch",
    "input_grad_2d_batch",
    "param_grad_2d_batch",
    "pad_2d_channel",
    "pad_conv_input",
    "compute_output_obs",
    "conv_output",
    "compute_grads_obs",
    "conv_input_grad",
    "conv_param_grad",
    "get_image_patches",
    "output_matmul",
    "param_grad_matmul",
    "input_grad_matmul",
    "Conv2DOperation",
    "Flatten",
    "ConvTranspose2DOperation",
    "Conv2D",
]
