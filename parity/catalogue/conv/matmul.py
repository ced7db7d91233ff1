"""Catalogue of appendix A: convolution as a product of matrices."""

from __future__ import annotations

from parity.catalogue.cases import Shapes
from parity.catalogue.component import Case
from parity.catalogue.conv.describe import describe, grid
from parity.catalogue.conv.filters import (
    filter_grid,
    images,
    images_and_gradients,
    other_filters,
)
from parity.mutants.conv import matmul as mutants


def _images_only(n: int) -> Shapes:
    return {"imgs_batch": images(n)["inp"]}


_RENAME = {"inp": "input_"}

_GRAD_CASES = (
    *filter_grid(images_and_gradients, _RENAME),
    *other_filters("input_", 2, grad="output_grad"),
)

_ARGUMENTS = ("input_", "param", "output_grad")

COMPONENTS = (
    describe(
        "get_image_patches",
        "what a filter covers at each of its stops",
        ("imgs_batch", "fil_size"),
        (
            *grid("batch of {}", _images_only, {"fil_size": 3}),
            *(
                Case(f"fil_size={size}, {name}", {"imgs_batch": (2, 2, *shape)}, {"fil_size": size})
                for size in (1, 3, 5)
                for name, shape in {"wide": (3, 4), "high": (4, 3), "square": (3, 3)}.items()
            ),
        ),
        '''
def get_image_patches(imgs_batch, fil_size):
    """Patches of imgs_batch (batch, channels, height, width) with zeros around it, one for each
    pixel, row by row: shape (height * width, batch, channels, fil_size, fil_size), fil_size odd.
    """
''',
        mutants.GET_IMAGE_PATCHES,
        requires=("pad_2d_channel",),
        aliases=("_get_image_patches",),
    ),
    describe(
        "output_matmul",
        "convolution of a batch as a product of matrices",
        ("input_", "param"),
        (*filter_grid(images, _RENAME), *other_filters("input_", 2)),
        '''
def output_matmul(input_, param):
    """conv_output by way of get_image_patches and np.matmul.

    input_ is (batch, in_channels, height, width), param (in_channels, out_channels, size, size).
    """
''',
        mutants.OUTPUT_MATMUL,
        twin="conv_output",
        requires=("get_image_patches",),
        aliases=("_output_matmul",),
    ),
    describe(
        "param_grad_matmul",
        "gradient on the filters of output_matmul",
        _ARGUMENTS,
        _GRAD_CASES,
        '''
def param_grad_matmul(input_, param, output_grad):
    """The gradient on param of output_matmul: as param.

    output_grad is the gradient on its output, (batch, out_channels, height, width).
    """
''',
        mutants.PARAM_GRAD_MATMUL,
        twin="conv_output",
        result="param_grad",
        forward="output_matmul",
        requires=("get_image_patches", "output_matmul"),
        aliases=("_param_grad_matmul",),
    ),
    describe(
        "input_grad_matmul",
        "gradient on the input of output_matmul",
        _ARGUMENTS,
        _GRAD_CASES,
        '''
def input_grad_matmul(input_, param, output_grad):
    """The gradient on input_ of output_matmul: as input_.

    output_grad is the gradient on its output, (batch, out_channels, height, width).
    """
''',
        mutants.INPUT_GRAD_MATMUL,
        twin="conv_output",
        result="input_grad",
        forward="output_matmul",
        requires=("get_image_patches", "output_matmul"),
        aliases=("_input_grad_matmul",),
    ),
)
