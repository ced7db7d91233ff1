"""Catalogue of chapter 5: the convolutional layer."""

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
    Observed,
    indexed,
    snapshot,
)
from parity.catalogue.dense import are_arrays, load, params_of, seeded
from parity.catalogue.twins import adopt, array, backpropagate, require_varied, tensor
from parity.comparison import Absent
from parity.mutants.conv import layer as mutants

if TYPE_CHECKING:
    from torch import nn


def make_layer(
    impl: Implementation, out_channels: int, param_size: int, activation: str | None, **rest: Any
) -> Any:
    """A convolutional layer as the book makes one."""
    if activation is not None:
        rest["activation"] = getattr(impl, activation)()
    return seeded(impl.Conv2D(out_channels=out_channels, param_size=param_size, **rest))


def filters_shape(given: Given) -> tuple[int, int, int, int]:
    """Of the filters that a layer makes for a case; ``maps`` is one of its options."""
    size = given.options["param_size"]
    return given.inputs["input_"].shape[1], given.options["maps"], size, size


def layer_twin(W: ndarray, activation: str | None, **options: Any) -> nn.Module:
    """A layer of ``reference`` with a layer's filters."""
    from parity.bridge import load_weights
    from reference import activations
    from reference.conv import ConvLayer

    n_in, n_out, *size = W.shape
    module = getattr(activations, activation or "Sigmoid")()
    twin = ConvLayer(n_in, n_out, (size[0], size[1]), module, **options)
    load_weights(twin.conv, [W])
    return twin


def _made(impl: Implementation, given: Given) -> Any:
    options = given.options
    return make_layer(
        impl,
        options["maps"],
        options["param_size"],
        options["activation"],
        **({"flatten": True} if options["flatten"] else {}),
    )


def _run_layer(impl: Implementation, given: Given) -> Observed:
    """The first forward pass sets the layer up. A pass with other arrays goes before the one that
    counts, so that nothing stale or added up can pass. An update and a restart follow. An output of
    the wrong shape has no way back.
    """
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    layer = _made(impl, given)
    layer.forward(x + 1)
    arrays = params_of(layer)
    if not are_arrays(arrays, 1):
        return Observed({}, arrays)
    varied = _maps_differ(arrays[0])
    load(layer, given.params)
    params = [snapshot(arrays[0])]
    first = layer.forward(x + 1)
    if not isinstance(first, ndarray) or first.shape != grad.shape:
        kept = _is_same(params_of(layer), arrays[0], params[0])
        shown = {"each map has filters of its own": varied, "params stay from pass to pass": kept}
        return Observed(shown | {"output": snapshot(layer.forward(x))}, params)
    layer.backward(grad + 1)
    output = snapshot(layer.forward(x))
    input_grad = snapshot(layer.backward(grad))
    grads = indexed("param_grads", getattr(layer, "param_grads", Absent()))
    kept = _is_same(params_of(layer), arrays[0], params[0])
    layer.params[0] += 1
    updated = snapshot(layer.forward(x))
    return Observed(
        {
            "each map has filters of its own": varied,
            "params stay from pass to pass": kept,
            "output": output,
            "input_grad": input_grad,
        }
        | grads
        | {"output after an update": updated}
        | _restart(layer, x, params[0]),
        params,
    )


def _maps_differ(W: ndarray) -> bool:
    return W.ndim != 4 or W.shape[1] == 1 or (W[:, :1] != W).any().item()


def _is_same(now: list[Any], before: ndarray, values: ndarray) -> bool:
    """Whether the parameter is in the same memory as before and has these values."""
    if not are_arrays(now, 1):
        return False
    return np.shares_memory(now[0], before) and now[0].tolist() == values.tolist()


def _restart(layer: Any, x: ndarray, W: ndarray) -> dict[str, Any]:
    """Sets a layer up again, as the book's trainer does, and then gives it its old filters."""
    before = snapshot(layer.params[0])
    layer.first = True
    layer.forward(x)
    again = params_of(layer)
    drawn = are_arrays(again, 1) and again[0].tolist() != before.tolist()
    if are_arrays(again[:1]) and again[0].shape == W.shape:
        again[0][...] = W
    return {
        "number of params after a restart": len(again),
        "a restart draws new params": drawn,
        "output after a restart": snapshot(layer.forward(x)),
    }


def _reference_layer(given: Given) -> dict[str, Any]:
    [W] = adopt(given, {"filters": filters_shape(given)})
    require_varied(W, "filters")
    options = {"flatten": given.options["flatten"]}
    twin = layer_twin(W, given.options["activation"], **options)
    output, input_grad, (weight_grad,) = backpropagate(
        twin, given.inputs["input_"], given.inputs["output_grad"], list(twin.parameters())
    )
    updated = layer_twin(W + 1, given.options["activation"], **options)
    return {
        "each map has filters of its own": True,
        "params stay from pass to pass": True,
        "output": output,
        "input_grad": input_grad,
        "param_grads[0]": weight_grad.transpose(1, 0, 2, 3),
        "output after an update": array(updated(tensor(given.inputs["input_"]))),
        "number of params after a restart": 1,
        "a restart draws new params": True,
        "output after a restart": output,
    }


def _run_two_layers(impl: Implementation, given: Given) -> Observed:
    """Two layers with the default activation, one on top of the other, and with as many maps: were
    they to share an activation object, its shape would not give it away.
    """
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    layers = _two_layers(impl, given)
    layers[1].forward(layers[0].forward(x))
    arrays = [param for layer in layers for param in params_of(layer)]
    if not are_arrays(arrays, 2):
        return Observed({}, arrays)
    for i, layer in enumerate(layers):
        load(layer, None if given.params is None else given.params[i : i + 1])
    params = [snapshot(param) for param in arrays]
    output = snapshot(layers[1].forward(layers[0].forward(x)))
    input_grad = snapshot(layers[0].backward(layers[1].backward(grad)))
    return Observed(
        {"output of two layers": output, "input_grad of two layers": input_grad}, params
    )


def _two_layers(impl: Implementation, given: Given) -> list[Any]:
    maps, size = given.options["maps"], given.options["param_size"]
    return [make_layer(impl, maps, size, None) for _ in range(2)]


def _reference_two_layers(given: Given) -> dict[str, Any]:
    from torch import nn

    n_in, maps, *size = filters_shape(given)
    filters = {"filters 1": (n_in, maps, *size), "filters 2": (maps, maps, *size)}
    W1, W2 = adopt(given, filters)
    model = nn.Sequential(layer_twin(W1, None), layer_twin(W2, None))
    output, input_grad, _ = backpropagate(
        model, given.inputs["input_"], given.inputs["output_grad"]
    )
    return {"output of two layers": output, "input_grad of two layers": input_grad}


def _by_layers(one: Callable[..., Any], two: Callable[..., Any]) -> Callable[..., Any]:
    """What is done with a case of one layer, and with one of two."""

    def chosen(*arguments: Any) -> Any:
        return (two if arguments[-1].options.get("layers") == 2 else one)(*arguments)

    return chosen


def _objective(given: Given) -> float:
    """The sum of output times output gradient, from one forward pass of the scratch side."""
    impl, output = Implementation(), given.inputs["input_"]
    two = given.options.get("layers") == 2
    for i, layer in enumerate(_two_layers(impl, given) if two else [_made(impl, given)]):
        layer.forward(output[:1])
        load(layer, None if given.params is None else given.params[i : i + 1])
        output = layer.forward(output)
    return float(np.sum(output * given.inputs["output_grad"]))


def case(
    name: str,
    image: tuple[int, ...],
    maps: int,
    *,
    activation: str = "Sigmoid",
    param_size: int = 3,
    flatten: bool = False,
    **rest: Any,
) -> Case:
    """A case of a batch of images, and of a layer that keeps their size."""
    n, _, height, width = image
    options = {
        "maps": maps,
        "param_size": param_size,
        "activation": activation,
        "flatten": flatten,
        **rest.pop("options", {}),
    }
    result = (n, maps * height * width) if flatten else (n, maps, height, width)
    return Case(name, {"input_": image, "output_grad": result}, options, **rest)


def _shapes(n: int) -> Shapes:
    return {"input_": (n, 2, 1, 2) if n == 64 else (n, 2, 2, 3)}


def _grid() -> tuple[Case, ...]:
    """The usual grid, of layers without a bend, in which every wrong term shows."""
    return tuple(
        case(
            plain.name,
            plain.shapes["input_"],
            3,
            activation="Linear",
            dtype=plain.dtype,
            layout=plain.layout,
        )
        for plain in batch_cases(_shapes)
    )


COMPONENTS = (
    Component(
        name="Conv2D",
        chapter=5,
        module="conv",
        summary="activation(filters moved over images)",
        compares=(
            "each map has filters of its own",
            "params stay from pass to pass",
            "output",
            "input_grad",
            "param_grads",
            "output after an update",
            "number of params after a restart",
            "a restart draws new params",
            "output after a restart",
            "output of two layers",
            "input_grad of two layers",
        ),
        run=_by_layers(_run_layer, _run_two_layers),
        reference=_by_layers(_reference_layer, _reference_two_layers),
        cases=(
            *_grid(),
            case("sigmoid", (2, 2, 4, 5), 3),
            case("sigmoid, float32", (7, 2, 4, 5), 3, dtype="float32"),
            case("sigmoid, flattened", (2, 2, 3, 4), 3, flatten=True, layout="reversed"),
            case("sigmoid, flattened, float32", (2, 2, 3, 4), 3, flatten=True, dtype="float32"),
            case("filters of five by five", (2, 2, 5, 6), 3, param_size=5),
            case("one channel, images higher than wide", (2, 1, 5, 4), 3),
            case("one map", (2, 3, 4, 5), 1, flatten=True),
            case("as many maps as channels", (2, 3, 3, 4), 3),
            case("two layers with the default activation", (2, 2, 3, 4), 3, options={"layers": 2}),
        ),
        gradients={
            "input_grad": "input_",
            "param_grads[0]": "params[0]",
            "input_grad of two layers": "input_",
        },
        objective=_objective,
        mutants=mutants.CONV_2D,
        requires=(
            "Operation",
            "ParamOperation",
            "Sigmoid",
            "Linear",
            "Layer",
            "Flatten",
            "Conv2DOperation",
        ),
        skeleton='''
class Conv2D(Layer):
    """Filters moved over images, then an activation: from (batch, in, height, width) to (batch,
    out_channels, height, width), or to one row for each image."""

    def __init__(self, out_channels, param_size, activation=None, flatten=False):
        """param_size is height and width of the filters. The default activation is a new Sigmoid().
        With flatten the operations end with Flatten()."""

    def _setup_layer(self, input_):
        """Draw the filters (in, out_channels, param_size, param_size) into self.params, which holds
        nothing else; fill self.operations."""
''',
    ),
)
