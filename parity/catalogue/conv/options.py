"""Catalogue of chapter 5: dropout and initial weights of the convolutional layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import BATCHES, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    indexed,
    snapshot,
)
from parity.catalogue.conv.layer import filters_shape, layer_twin, make_layer
from parity.catalogue.dense import are_arrays, load, params_of
from parity.catalogue.twins import adopt, array, require_varied, tensor
from parity.comparison import Absent
from parity.mutants.conv import layer as mutants
from scratch.conv import Conv2DOperation
from scratch.functions import sigmoid

#: So many elements are drawn before a share is taken to one decimal: half of a decimal is then ten
#: standard deviations or more. Filters of one element make that many passes bearable for a
#: convolution in loops.
DRAWN = 10_000


def _run_dropout(impl: Implementation, given: Given) -> Observed:
    """A layer of sigmoids: its output is 0 only where dropout has left it out."""
    x, grad, options = given.inputs["input_"], given.inputs["output_grad"], given.options
    layer = make_layer(
        impl,
        options["maps"],
        options["param_size"],
        "Sigmoid",
        flatten=True,
        dropout=options["keep_prob"],
    )
    layer.forward(x)
    arrays = params_of(layer)
    if not are_arrays(arrays, 1):
        return Observed({}, arrays)
    load(layer, given.params)
    params = [snapshot(arrays[0])]
    first = snapshot(layer.forward(x))
    output = snapshot(layer.forward(x))
    if not are_arrays([first, output]) or output.shape != grad.shape:
        return Observed({"output at inference": snapshot(layer.forward(x, inference=True))}, params)
    layer.backward(grad)
    grads = indexed("param_grads", getattr(layer, "param_grads", Absent()))
    return Observed(
        {
            **_where_kept(params[0], x, output, grad, list(grads.values())),
            "each forward pass draws a new mask": (first != output).any().item(),
            "share kept": _share_kept(lambda: layer.forward(x[:1]), grad.shape[1]),
            "output at inference": _settled(lambda: layer.forward(x, inference=True)),
        },
        params,
    )


def _where_kept(
    W: ndarray, x: ndarray, output: ndarray, grad: ndarray, grads: list[Any]
) -> dict[str, Any]:
    """What the output is of one without dropout, and whether the filters' gradient is that of what
    was kept.
    """
    operation = Conv2DOperation(W)
    whole = sigmoid(operation.forward(x))
    kept = output != 0
    ratios = output[kept] / whole.reshape(output.shape)[kept]
    middle = float(np.median(ratios)) if ratios.size else 0.0
    slope = (grad * kept).reshape(whole.shape) * whole * (1 - whole)
    operation.backward(slope)
    expected = operation.param_grad
    return {
        "output over that without dropout where kept": (
            round(middle, 3)
            if (abs(ratios - middle) <= 1e-4 * abs(middle)).all()
            else Absent("not one number")
        ),
        "param_grads are those of what was kept": (
            are_arrays(grads, 1)
            and grads[0].shape == expected.shape
            and (abs(grads[0] - expected) <= 1e-4).all().item()
        ),
    }


def _share_kept(draw: Callable[[], ndarray], columns: int) -> float:
    """The share of elements that are not 0, to one decimal, over many draws of one row."""
    shares = [np.mean(draw() != 0) for _ in range(-(-DRAWN // columns))]
    return round(float(np.mean(shares)), 1)


def _settled(forward: Callable[[], Any]) -> Any:
    """What a forward pass returns, if it returns it twice."""
    first, second = snapshot(forward()), snapshot(forward())
    if are_arrays([first, second]) and first.tolist() != second.tolist():
        return Absent("another one in each pass")
    return first


def _reference_dropout(given: Given) -> dict[str, Any]:
    keep_prob = given.options["keep_prob"]
    [W] = adopt(given, {"filters": filters_shape(given)})
    require_varied(W, "filters")
    twin = layer_twin(W, "Sigmoid", flatten=True, dropout=keep_prob)
    return {
        "output over that without dropout where kept": 1.0,
        "param_grads are those of what was kept": True,
        "each forward pass draws a new mask": True,
        "share kept": keep_prob,
        "output at inference": array(twin.eval()(tensor(given.inputs["input_"]))),
    }


def _readable(ratio: float) -> float:
    """As many digits as are the same in each draw of thousands of weights."""
    return round(ratio, 1) if 0.1 <= ratio < 10 else float(f"{ratio:.1g}")


def _spread(W: ndarray, weight_init: str) -> dict[str, float]:
    """Of filters in the book's order of axes."""
    n_in, n_out, height, width = W.shape
    right = np.sqrt(2 / ((n_in + n_out) * height * width)) if weight_init == "glorot" else 1.0
    deviation = float(W.std())
    return {
        "mean of the filters over their standard deviation": (
            abs(round(float(W.mean()) / deviation, 1)) if deviation else 0.0
        ),
        "standard deviation of the filters over the right one": _readable(deviation / float(right)),
    }


def _run_weight_init(impl: Implementation, given: Given) -> Observed:
    options = given.options
    layer = make_layer(
        impl,
        options["maps"],
        options["param_size"],
        "Linear",
        weight_init=options["weight_init"],
    )
    layer.forward(given.inputs["input_"])
    W = params_of(layer)[0]
    if not are_arrays([W]) or W.shape != filters_shape(given):
        return Observed({"filters": W})
    return Observed({**_spread(W.astype(np.float64), options["weight_init"])})


def _reference_weight_init(given: Given) -> dict[str, Any]:
    """The same, of filters that ``torch.nn.init`` draws."""
    import torch
    from torch import nn

    from parity.bridge import to_book_layout
    from reference.initialization import initialize

    n_in, n_out, *size = filters_shape(given)
    conv = nn.Conv2d(n_in, n_out, (size[0], size[1]), bias=False)
    weight_init = given.options["weight_init"]
    initialize(conv, weight_init, torch.Generator().manual_seed(20190119))
    return {**_spread(to_book_layout(conv.weight).astype(np.float64), weight_init)}


def _dropout_case(name: str, n: int, keep_prob: float = 0.8, **rest: Any) -> Case:
    shapes = {"input_": (n, 2, 4, 5), "output_grad": (n, 200)}
    return Case(name, shapes, {"maps": 10, "param_size": 1, "keep_prob": keep_prob}, **rest)


def _init_case(
    name: str,
    n: int,
    channels: int = 40,
    *,
    weight_init: str = "glorot",
    param_size: int = 3,
    **rest: Any,
) -> Case:
    """Images of one pixel: the filters count, and loops through them take their time."""
    options = {"maps": 28, "param_size": param_size, "weight_init": weight_init}
    return Case(name, {"input_": (n, channels, 1, 1)}, options, **rest)


COMPONENTS = (
    Component(
        name="Conv2D.dropout",
        chapter=5,
        module="conv",
        summary="a convolutional layer with dropout",
        compares=(
            "output over that without dropout where kept",
            "param_grads are those of what was kept",
            "each forward pass draws a new mask",
            "share kept",
            "output at inference",
        ),
        run=_run_dropout,
        reference=_reference_dropout,
        cases=(
            *(
                _dropout_case(
                    case.name,
                    case.shapes["input_"][0],
                    dtype=case.dtype,
                    layout=case.layout,
                )
                for case in batch_cases(lambda n: {"input_": (n,)})
            ),
            _dropout_case("keeps 1 of 2", 7, 0.5),
        ),
        mutants=mutants.CONV_2D_DROPOUT,
        requires=("Conv2D", "Sigmoid", "Dropout"),
        skeleton="""
        Give Conv2D an argument dropout=1.0, as Dense has it: the probability to keep an element of
        the output. Where it is below 1, the operations of the layer end with Dropout(dropout).
        """,
    ),
    Component(
        name="Conv2D.weight_init",
        chapter=5,
        module="conv",
        summary="initial filters by the size of the layer",
        compares=(
            "mean of the filters over their standard deviation",
            "standard deviation of the filters over the right one",
        ),
        run=_run_weight_init,
        reference=_reference_weight_init,
        cases=(
            *(_init_case(f"batch of {n}", n) for n in BATCHES),
            _init_case("strided in memory", 2, layout="strided"),
            _init_case("reversed in memory", 2, layout="reversed"),
            _init_case("float32", 2, dtype="float32"),
            _init_case("more channels", 2, 70),
            _init_case("larger filters", 2, param_size=5),
            _init_case("standard", 2, weight_init="standard"),
        ),
        mutants=mutants.CONV_2D_WEIGHT_INIT,
        requires=("Conv2D", "Linear"),
        skeleton="""
        Give Conv2D an argument weight_init="standard". With "standard" the filters have a standard
        deviation of 1, with "glorot" one of sqrt(2 / ((in + out_channels) * param_size *
        param_size)): each output is a sum over in * param_size * param_size numbers.
        """,
    ),
)
