"""Catalogue of convolution the other way round, which chapter 7 speaks of and the book lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy import ndarray

from parity.catalogue.component import Component
from parity.catalogue.conv.operation import (
    case,
    convolution_objective,
    grid,
    reference_convolution,
    run_convolution,
)
from parity.catalogue.twins import tensor
from parity.mutants.conv import transposed as mutants

if TYPE_CHECKING:
    from torch import nn


def _twin(params: list[ndarray], options: dict[str, Any]) -> nn.Module:
    from torch import nn

    n_in, n_out, *size = params[0].shape
    twin = nn.ConvTranspose2d(n_in, n_out, (size[0], size[1]), bias=len(params) == 2, **options)
    twin.weight = nn.Parameter(tensor(params[0]))
    if len(params) == 2:
        twin.bias = nn.Parameter(tensor(params[1][0]))
    return twin


COMPONENTS = (
    Component(
        name="ConvTranspose2DOperation",
        chapter=5,
        module="conv",
        summary="images spread by filters, as nn.ConvTranspose2d",
        compares=("output", "input_grad", "param_grad", "bias_grad", "output after an update"),
        run=run_convolution("ConvTranspose2DOperation"),
        reference=reference_convolution(_twin, out=1),
        cases=(
            *grid((3, 2, 3), (3, 2, 3, 3), (2, 3, 5), padding=1, stride=2),
            case("the defaults", (2, 3, 2, 3), (3, 2, 3, 2), (2, 2, 4, 4)),
            case(
                "twice the size",
                (2, 3, 2, 3),
                (3, 2, 3, 3),
                (2, 2, 4, 6),
                stride=2,
                padding=1,
                output_padding=1,
            ),
            case("gaps", (2, 3, 2, 3), (3, 2, 2, 1), (2, 2, 5, 7), stride=3),
            case("cut off", (2, 3, 4, 5), (3, 2, 3, 3), (2, 2, 2, 3), padding=2),
            case("dilation", (2, 3, 2, 3), (3, 2, 3, 2), (2, 2, 6, 5), dilation=2),
            case(
                "dilation, stride and zeros behind",
                (2, 3, 2, 3),
                (3, 2, 3, 3),
                (2, 2, 7, 9),
                stride=2,
                output_padding=2,
                dilation=3,
                padding=2,
            ),
            case("as many maps as channels", (2, 3, 2, 3), (3, 3, 3, 3), (2, 3, 5, 7), stride=2),
            case("one pixel an image", (7, 3, 1, 1), (3, 2, 2, 3), (7, 2, 2, 3)),
            case("bias", (7, 3, 2, 3), (3, 2, 3, 3), (7, 2, 5, 7), stride=2, bias=True),
            case(
                "bias, float32",
                (2, 3, 2, 3),
                (3, 2, 2, 3),
                (2, 2, 3, 5),
                bias=True,
                dtype="float32",
            ),
        ),
        gradients={"input_grad": "input_", "param_grad": "W", "bias_grad": "bias"},
        objective=convolution_objective("ConvTranspose2DOperation"),
        mutants=mutants.CONV_TRANSPOSE_2D_OPERATION,
        requires=("Operation", "ParamOperation"),
        skeleton='''
class ConvTranspose2DOperation(ParamOperation):
    """Each number of the images is spread by a filter: Conv2DOperation's way back as a way forward,
    with PyTorch's arguments."""

    def __init__(self, W, bias=None, padding=0, stride=1, output_padding=0, dilation=1):
        """W (in, out, filter height, filter width) is the parameter, bias (1, out) or None another.
        The rest are numbers."""

    def _output(self):
        """From (batch, in, height, width) to (batch, out, (height - 1) * stride + dilation *
        (filter height - 1) + 1 - 2 * padding + output_padding, the same of the width). padding is
        cut off on each side; output_padding is added below and on the right."""

    def _input_grad(self, output_grad):
        """Shape (batch, in, height, width)."""

    def _param_grad(self, output_grad):
        """Shape (in, out, filter height, filter width). Keep the gradient on the bias as
        self.bias_grad, of shape (1, out)."""
''',
        in_book=False,
    ),
)
