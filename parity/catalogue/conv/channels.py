"""Catalogue of chapter 5: convolution of images with channels, in loops."""

from __future__ import annotations

from parity.catalogue.cases import Shapes
from parity.catalogue.conv.describe import describe, grid, other_margins
from parity.catalogue.conv.filters import (
    filter_grid,
    images,
    images_and_gradients,
    other_filters,
)
from parity.mutants.conv import channels as mutants


def _obs(n: int) -> Shapes:
    """One image of n channels, with pixels few enough for differences in each of them."""
    height, width = (2, 3) if n < 64 else (1, 2)
    return {"obs": (n, height, width), "param": (n, 2, 3, 3)}


def _obs_only(n: int) -> Shapes:
    return {"inp": (n, 2, 3)}


def _batch_only(n: int) -> Shapes:
    return {"inp": images(n)["inp"]}


def _obs_and_gradient(n: int) -> Shapes:
    obs = _obs(n)["obs"]
    return {"input_obs": obs, "output_grad_obs": (2, *obs[1:]), "param": _obs(n)["param"]}


_GRADS = ("inp", "output_grad", "param")

COMPONENTS = (
    describe(
        "pad_2d_channel",
        "zeros around each channel of an image",
        ("inp", "num"),
        (*grid("channels: {}", _obs_only, {"num": 2}), *other_margins((2, 4, 3))),
        '''
def pad_2d_channel(inp, num):
    """num zeros on each of the four sides of each channel of inp (channels, height, width)."""
''',
        mutants.PAD_2D_CHANNEL,
        twin="pad_2d",
        aliases=("_pad_2d_channel",),
    ),
    describe(
        "pad_conv_input",
        "zeros around each channel of each image of a batch",
        ("inp", "num"),
        (*grid("batch of {}", _batch_only, {"num": 2}), *other_margins((2, 2, 4, 3))),
        '''
def pad_conv_input(inp, num):
    """pad_2d_channel of each image of inp (batch, channels, height, width)."""
''',
        mutants.PAD_CONV_INPUT,
        twin="pad_2d",
        requires=("pad_2d_channel",),
        aliases=("_pad_conv_input",),
    ),
    describe(
        "compute_output_obs",
        "convolution of one image with channels",
        ("obs", "param"),
        (*grid("in_channels={}", _obs), *other_filters("obs")),
        '''
def compute_output_obs(obs, param):
    """Lay the filters (in_channels, out_channels, size, size) on obs (in_channels, height, width),
    with zeros around it; size is odd. Shape (out_channels, height, width).
    """
''',
        mutants.COMPUTE_OUTPUT_OBS,
        twin="conv_output",
        requires=("pad_2d_channel",),
        aliases=("_compute_output_obs",),
    ),
    describe(
        "conv_output",
        "convolution of a batch of images with channels",
        ("inp", "param"),
        (*filter_grid(images), *other_filters("inp", 2)),
        '''
def conv_output(inp, param):
    """compute_output_obs of each image of inp (batch, in_channels, height, width)."""
''',
        mutants.CONV_OUTPUT,
        requires=("compute_output_obs",),
        aliases=("_output",),
    ),
    describe(
        "compute_grads_obs",
        "gradient on one image with channels",
        ("input_obs", "output_grad_obs", "param"),
        (
            *grid("in_channels={}", _obs_and_gradient),
            *other_filters("input_obs", grad="output_grad_obs"),
        ),
        '''
def compute_grads_obs(input_obs, output_grad_obs, param):
    """The gradient on input_obs of compute_output_obs, where output_grad_obs (out_channels, height,
    width) is that on its output: as input_obs.
    """
''',
        mutants.COMPUTE_GRADS_OBS,
        twin="conv_output",
        result="input_grad",
        forward="compute_output_obs",
        requires=("pad_2d_channel", "compute_output_obs"),
        aliases=("_compute_grads_obs",),
    ),
    describe(
        "conv_input_grad",
        "gradient on a batch of images with channels",
        _GRADS,
        (*filter_grid(images_and_gradients), *other_filters("inp", 2, grad="output_grad")),
        '''
def conv_input_grad(inp, output_grad, param):
    """compute_grads_obs of each image of inp (batch, in_channels, height, width) and output_grad
    (batch, out_channels, height, width).
    """
''',
        mutants.CONV_INPUT_GRAD,
        twin="conv_output",
        result="input_grad",
        forward="conv_output",
        requires=("compute_grads_obs", "conv_output"),
    ),
    describe(
        "conv_param_grad",
        "gradient on the filters of conv_output",
        _GRADS,
        (*filter_grid(images_and_gradients), *other_filters("inp", 2, grad="output_grad")),
        '''
def conv_param_grad(inp, output_grad, param):
    """The gradient on param of conv_output, added up over the images of the batch: as param.

    inp is (batch, in_channels, height, width), output_grad (batch, out_channels, height, width).
    """
''',
        mutants.CONV_PARAM_GRAD,
        twin="conv_output",
        result="param_grad",
        forward="conv_output",
        requires=("pad_conv_input", "conv_output"),
    ),
)
