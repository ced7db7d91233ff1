"""Catalogue of chapter 5: convolution and flattening as operations, and what can be added to them.

The book's operation takes filters alone, as high as they are wide and of odd size; what the filters
of other libraries can do besides is added under names of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Mutant,
    Observed,
    scratch_component,
    snapshot,
)
from parity.catalogue.twins import array, backpropagate, tensor
from parity.comparison import Absent
from parity.mutants.conv import flatten, options, printed
from parity.mutants.conv import operation as mutants

if TYPE_CHECKING:
    from torch import nn

#: Builds a PyTorch module of parameters and options.
MakeTwin = Callable[[list[ndarray], dict[str, Any]], "nn.Module"]


def _params(given: Given) -> dict[str, ndarray]:
    return {name: given.inputs[name] for name in ("W", "bias") if name in given.inputs}


def _make(impl: Implementation, name: str, given: Given) -> Any:
    W, *bias = _params(given).values()
    return getattr(impl, name)(W, **({"bias": bias[0]} if bias else {}), **given.options)


def run_convolution(name: str) -> Callable[[Implementation, Given], Observed]:
    """Runs an operation on images with filters ``W``, and a bias where the case has one."""

    def run(impl: Implementation, given: Given) -> Observed:
        """A pass with other arrays goes before, so that nothing stale or added up can pass; after
        the one that counts the parameters are updated in place, and then put back. An output of the
        wrong shape has no way back.
        """
        x, grad, params = given.inputs["input_"], given.inputs["output_grad"], _params(given)
        operation = _make(impl, name, given)
        first = operation.forward(x + 1)
        if not isinstance(first, ndarray) or first.shape != grad.shape:
            return Observed({"output": snapshot(operation.forward(x))})
        operation.backward(grad + 1)
        output = snapshot(operation.forward(x))
        input_grad = snapshot(operation.backward(grad))
        grads = [
            snapshot(getattr(operation, grad_name, Absent()))
            for grad_name in ("param_grad", "bias_grad")
        ]
        before = [snapshot(param) for param in params.values()]
        for param in params.values():
            param += 1
        updated = snapshot(operation.forward(x))
        for param, value in zip(params.values(), before, strict=True):
            param[...] = value
        return Observed(
            {"output": output, "input_grad": input_grad}
            | dict(zip(("param_grad", "bias_grad")[: len(params)], grads, strict=False))
            | {"output after an update": updated}
        )

    return run


def reference_convolution(make: MakeTwin, out: int) -> Callable[[Given], dict[str, Any]]:
    """The same with PyTorch's modules.

    Args:
        make: builds the module.
        out: the axis of the maps in its weight; the book's is 1.
    """

    def reference(given: Given) -> dict[str, Any]:
        params = list(_params(given).values())
        module = make(params, dict(given.options))
        output, input_grad, (param_grad, *bias_grad) = backpropagate(
            module, given.inputs["input_"], given.inputs["output_grad"], list(module.parameters())
        )
        updated = make([param + 1 for param in params], dict(given.options))
        return (
            {
                "output": output,
                "input_grad": input_grad,
                "param_grad": np.moveaxis(param_grad, out, 1),
            }
            | ({"bias_grad": bias_grad[0][None]} if bias_grad else {})
            | {"output after an update": array(updated(tensor(given.inputs["input_"])))}
        )

    return reference


def convolution_objective(name: str) -> Callable[[Given], float]:
    """The sum of output times output gradient, from one forward pass."""

    def objective(given: Given) -> float:
        impl = Implementation({name: scratch_component(name)})
        output = _make(impl, name, given).forward(given.inputs["input_"])
        return float(np.sum(output * given.inputs["output_grad"]))

    return objective


def conv_twin(params: list[ndarray], options: dict[str, Any]) -> nn.Module:
    """A ``ConvLayer`` without an activation, which has filters in the book's order, and a bias or
    none.
    """
    from parity.bridge import load_weights
    from reference.conv import ConvLayer

    n_in, n_out, *size = params[0].shape
    twin = ConvLayer(n_in, n_out, (size[0], size[1]), bias=len(params) == 2, **options)
    load_weights(twin.conv, params)
    return twin


def case(
    name: str,
    image: tuple[int, ...],
    filters: tuple[int, ...],
    result: tuple[int, ...],
    *,
    bias: bool = False,
    dtype: str = "float64",
    **options: Any,
) -> Case:
    """A case of images, filters and the result's shape."""
    row = {"bias": (1, filters[1])} if bias else {}
    shapes = {"input_": image, "output_grad": result, "W": filters, **row}
    return Case(name, shapes, options, dtype)


def grid(
    image: tuple[int, ...],
    filters: tuple[int, ...],
    result: tuple[int, ...],
    *,
    bias: bool = False,
    **options: Any,
) -> tuple[Case, ...]:
    """The usual grid of batches of an image's shape."""

    def shapes(n: int) -> Shapes:
        return case("", (n, *image), filters, (n, *result), bias=bias).shapes

    return batch_cases(shapes, options=options)


def _run_flatten(impl: Implementation, given: Given) -> Observed:
    """A pass with other images goes before. An output of the wrong shape has no way back."""
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    operation = impl.Flatten()
    operation.forward(x[:1] + 1)
    output = snapshot(operation.forward(x))
    if not isinstance(output, ndarray) or output.shape != grad.shape:
        return Observed({"output": output})
    return Observed({"output": output, "input_grad": snapshot(operation.backward(grad))})


def _reference_flatten(given: Given) -> dict[str, Any]:
    from torch import nn

    output, input_grad, _ = backpropagate(
        nn.Flatten(), given.inputs["input_"], given.inputs["output_grad"]
    )
    return {"output": output, "input_grad": input_grad}


def _flat_shapes(n: int) -> Shapes:
    return {"input_": (n, 2, 3, 4), "output_grad": (n, 24)}


def _convolution(
    name: str,
    summary: str,
    cases: tuple[Case, ...],
    mutations: tuple[Mutant, ...],
    skeleton: str,
    *,
    bias: bool = False,
    requires: tuple[str, ...] = ("Conv2DOperation",),
    in_book: bool = False,
) -> Component:
    grads = {"param_grad": "W"} | ({"bias_grad": "bias"} if bias else {})
    return Component(
        name=name,
        chapter=5,
        module="conv",
        summary=summary,
        compares=("output", "input_grad", *grads, "output after an update"),
        run=run_convolution("Conv2DOperation"),
        reference=reference_convolution(conv_twin, out=0),
        cases=cases,
        gradients={"input_grad": "input_", **grads},
        objective=convolution_objective("Conv2DOperation"),
        mutants=mutations,
        requires=requires,
        skeleton=skeleton,
        in_book=in_book,
    )


COMPONENTS = (
    Component(
        name="Flatten",
        chapter=5,
        module="conv",
        summary="each image in one row",
        compares=("output", "input_grad"),
        run=_run_flatten,
        reference=_reference_flatten,
        cases=(
            *batch_cases(_flat_shapes),
            Case("one pixel an image", {"input_": (7, 1, 1, 1), "output_grad": (7, 1)}),
            Case("one channel", {"input_": (2, 1, 5, 3), "output_grad": (2, 15)}),
        ),
        gradients={"input_grad": "input_"},
        mutants=flatten.FLATTEN,
        requires=("Operation",),
        skeleton='''
class Flatten(Operation):
    """From (batch, channels, height, width) to one row for each image."""

    def _output(self):
        """Shape (batch, channels * height * width), in the order of the axes."""

    def _input_grad(self, output_grad):
        """The gradient in the shape of the input."""
''',
    ),
    _convolution(
        "Conv2DOperation",
        "filters moved over images",
        (
            *grid((2, 3, 4), (2, 3, 3, 3), (3, 3, 4)),
            case("images higher than wide", (2, 2, 6, 5), (2, 3, 3, 3), (2, 3, 6, 5)),
            case("filters of five by five", (2, 2, 5, 6), (2, 3, 5, 5), (2, 3, 5, 6)),
            case(
                "filters of five by five, float32",
                (2, 2, 5, 6),
                (2, 3, 5, 5),
                (2, 3, 5, 6),
                dtype="float32",
            ),
            case("filters of one element", (2, 2, 3, 4), (2, 3, 1, 1), (2, 3, 3, 4)),
            case("filters larger than the images", (7, 2, 1, 2), (2, 3, 5, 5), (7, 3, 1, 2)),
            case("one pixel an image", (7, 2, 1, 1), (2, 3, 3, 3), (7, 3, 1, 1)),
            case("one channel", (2, 1, 4, 5), (1, 3, 3, 3), (2, 3, 4, 5)),
            case("one map", (2, 3, 4, 5), (3, 1, 3, 3), (2, 1, 4, 5)),
            case("as many maps as channels", (2, 3, 4, 5), (3, 3, 3, 3), (2, 3, 4, 5)),
            case("square images", (2, 2, 4, 4), (2, 3, 3, 3), (2, 3, 4, 4)),
            case("square images of three channels", (7, 3, 4, 4), (3, 2, 3, 3), (7, 2, 4, 4)),
        ),
        (*mutants.CONV_2D_OPERATION, *printed.AS_PRINTED),
        '''
class Conv2DOperation(ParamOperation):
    """Filters moved over images of any height and width, with zeros around, so that the size stays.
    A filter is as high as it is wide, and of odd size."""

    def __init__(self, W):
        """W (in, out, filter height, filter width) is the parameter."""

    def _output(self):
        """From (batch, in, height, width) to (batch, out, height, width)."""

    def _input_grad(self, output_grad):
        """Shape (batch, in, height, width)."""

    def _param_grad(self, output_grad):
        """Shape (in, out, filter height, filter width)."""
''',
        requires=("Operation", "ParamOperation"),
        in_book=True,
    ),
    _convolution(
        "Conv2DOperation.stride",
        "filters that leave out rows and columns",
        (
            *grid((2, 4, 5), (2, 3, 3, 3), (3, 2, 3), stride=2),
            case("three apart", (2, 2, 6, 5), (2, 3, 3, 3), (2, 3, 2, 2), stride=3),
            case("filters of five by five", (2, 2, 5, 6), (2, 3, 5, 5), (2, 3, 3, 3), stride=2),
            case("further apart than large", (2, 2, 5, 7), (2, 3, 1, 1), (2, 3, 2, 3), stride=3),
            case("one stop an image", (7, 2, 2, 2), (2, 3, 3, 3), (7, 3, 1, 1), stride=2),
            case("the default", (2, 2, 3, 4), (2, 3, 3, 3), (2, 3, 3, 4)),
        ),
        options.STRIDE,
        """
        Give Conv2DOperation an argument stride=1: how many rows and columns a filter moves from one
        stop to the next. Zeros around the images and the first stop are as with a stride of 1, so
        the result has height / stride rows, rounded up, and columns likewise.
        """,
        in_book=True,
    ),
    _convolution(
        "Conv2DOperation.padding",
        "as many zeros around images as one likes",
        (
            *grid((2, 3, 4), (2, 3, 3, 3), (3, 5, 6), padding=2),
            case("valid", (2, 2, 5, 6), (2, 3, 3, 3), (2, 3, 3, 4), padding="valid"),
            case("same", (2, 2, 5, 6), (2, 3, 3, 5), (2, 3, 5, 6), padding="same"),
            case("the default", (2, 2, 5, 6), (2, 3, 5, 3), (2, 3, 5, 6)),
            case("none", (2, 2, 5, 4), (2, 3, 5, 3), (2, 3, 1, 2), padding=0),
            case("as high as wide", (2, 2, 3, 5), (2, 3, 3, 3), (2, 3, 3, 5), padding=1),
            case("even filters", (2, 2, 5, 6), (2, 3, 2, 4), (2, 3, 6, 5), padding=1),
            case(
                "more than the filter reaches", (2, 2, 2, 3), (2, 3, 1, 2), (2, 3, 6, 6), padding=2
            ),
            case(
                "filters larger than the images",
                (7, 2, 1, 2),
                (2, 3, 3, 4),
                (7, 3, 1, 1),
                padding=1,
            ),
        ),
        options.PADDING,
        """
        Give Conv2DOperation an argument padding="same". With "same" the size of the images stays,
        for filters of odd size; with "valid" nothing is put around them; a number is how many rows
        and columns of zeros are put on each side. Filters may then be of any height and width.
        """,
    ),
    _convolution(
        "Conv2DOperation.dilation",
        "filters whose elements are apart",
        (
            *grid((2, 3, 4), (2, 3, 3, 3), (3, 3, 4), dilation=2),
            case("three apart", (2, 2, 5, 6), (2, 3, 3, 3), (2, 3, 5, 6), dilation=3),
            case("filters of five by five", (2, 2, 7, 6), (2, 3, 5, 5), (2, 3, 7, 6), dilation=2),
            case("filters of one element", (2, 2, 3, 4), (2, 3, 1, 1), (2, 3, 3, 4), dilation=2),
            case("the default", (2, 2, 3, 4), (2, 3, 3, 3), (2, 3, 3, 4)),
        ),
        options.DILATION,
        """
        Give Conv2DOperation an argument dilation=1: how many rows and columns of the image the
        elements of a filter are apart. There are as many zeros around the images as it then takes
        for their size to stay: dilation * (filter height // 2) above and below.
        """,
    ),
    _convolution(
        "Conv2DOperation.bias",
        "a number added to each map",
        (
            *grid((2, 3, 4), (2, 3, 3, 3), (3, 3, 4), bias=True),
            case("one map", (2, 2, 3, 4), (2, 1, 3, 3), (2, 1, 3, 4), bias=True),
            case("as many maps as rows", (2, 2, 3, 4), (2, 3, 1, 1), (2, 3, 3, 4), bias=True),
        ),
        options.BIAS,
        """
        Give Conv2DOperation an argument bias=None, or of shape (1, out): one number for each map,
        which is added to all of it. Keep the array itself; backward keeps the gradient on it as
        self.bias_grad.
        """,
        bias=True,
    ),
)
