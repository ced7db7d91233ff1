"""Catalogue of chapter 3: layers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

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
from parity.catalogue.operations import make_scale
from parity.catalogue.twins import adopt, array, backpropagate, require_varied, tensor
from parity.comparison import Absent, with_article
from parity.mutants import dense as mutants


def _run_layer(impl: Implementation, given: Given) -> Observed:
    """Tries ``Layer`` through a subclass of three small operations, made from the implementation's
    own ``ParamOperation`` and ``Operation``, since ``Layer`` looks for their class.
    """
    scale, shift = np.array(given.inputs["scale"]), np.array(given.inputs["shift"])

    class Shift(impl.ParamOperation):  # type: ignore[name-defined]
        def _output(self, inference: bool = False) -> Any:
            return self.input_ + self.param

        def _input_grad(self, output_grad: Any) -> Any:
            return 1 * output_grad

        def _param_grad(self, output_grad: Any) -> Any:
            return output_grad.sum(axis=0, keepdims=True)

    class Square(impl.Operation):  # type: ignore[name-defined]
        def _output(self, inference: bool = False) -> Any:
            return self.input_ * self.input_

        def _input_grad(self, output_grad: Any) -> Any:
            return 2 * self.input_ * output_grad

    class Probe(impl.Layer):  # type: ignore[name-defined]
        set_up = 0

        def _setup_layer(self, input_: Any) -> None:
            self.set_up += 1
            self.operations = [make_scale(impl, scale), Shift(shift), Square()]
            self.params = [scale, shift]

    layer = Probe(scale.shape[1])
    layer.forward(given.inputs["input_"] + 1)
    layer.backward(given.inputs["output_grad"] + 1)
    output = snapshot(layer.forward(given.inputs["input_"]))
    input_grad = snapshot(layer.backward(given.inputs["output_grad"]))
    grads = indexed("param_grads", getattr(layer, "param_grads", Absent()))
    once = layer.set_up == 1
    layer.first, layer.set_up = True, 1
    layer.forward(given.inputs["input_"])
    return Observed(
        {"output": output, "input_grad": input_grad}
        | grads
        | {
            "number of param_grads": len(grads),
            "the layer is set up once": once,
            "the layer is set up again once first is True": layer.set_up == 2,
        }
    )


def _reference_layer(given: Given) -> dict[str, Any]:
    x, scale, shift = (
        tensor(given.inputs[name], requires_grad=True) for name in ("input_", "scale", "shift")
    )
    output = (x * scale + shift).square()
    output.backward(tensor(given.inputs["output_grad"]))
    return {
        "output": array(output),
        "input_grad": array(x.grad),
        "param_grads[0]": array(scale.grad),
        "param_grads[1]": array(shift.grad),
        "number of param_grads": 2,
        "the layer is set up once": True,
        "the layer is set up again once first is True": True,
    }


def make_dense(impl: Implementation, neurons: int, activation: str | None) -> Any:
    """A dense layer as the book makes one."""
    return seeded(
        impl.Dense(neurons=neurons)
        if activation is None
        else impl.Dense(neurons=neurons, activation=getattr(impl, activation)())
    )


def seeded(layer: Any) -> Any:
    """The layer, with ``seed`` as the book's network sets it."""
    with suppress(AttributeError):  # __slots__ without it
        layer.seed = 20190501
    return layer


def load(layer: Any, params: list[Any] | None) -> None:
    """Put parameters into a layer that has set itself up, in place."""
    if params is not None:
        for param, value in zip(layer.params, params, strict=True):
            param[...] = value


def listed(value: Any) -> list[Any]:
    """A list of what there is, or of one ``Absent`` for what is no series of arrays."""
    if isinstance(value, Absent):
        return [value]
    if isinstance(value, ndarray) or not hasattr(value, "__iter__"):
        return [Absent("None" if value is None else with_article(type(value).__name__))]
    return list(value)


def params_of(layer: Any) -> list[Any]:
    """The parameters of a layer, or ``Absent`` in the place of what is none."""
    return listed(getattr(layer, "params", Absent()))


def are_arrays(values: list[Any], n: int | None = None) -> bool:
    """Whether all are arrays, and ``n`` of them."""
    return n in (None, len(values)) and all(isinstance(value, ndarray) for value in values)


def _kept(now: list[Any], before: list[Any], values: list[Any]) -> bool:
    """Whether parameters are in the same memory as before and have these values."""
    return are_arrays(now, len(before)) and all(
        np.shares_memory(param, old) and param.tolist() == value.tolist()
        for param, old, value in zip(now, before, values, strict=True)
    )


def _run_dense(impl: Implementation, given: Given) -> Observed:
    """The first forward pass sets the layer up. A pass with other arrays goes before the one that
    counts, so that nothing stale or added up can pass. An update and a restart follow.
    """
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    layer = make_dense(impl, grad.shape[1], given.options["activation"])
    layer.forward(x + 1)
    arrays = params_of(layer)
    if not are_arrays(arrays, 2):
        return Observed({}, arrays)
    load(layer, given.params)
    params = [snapshot(param) for param in arrays]
    layer.forward(x + 1)
    layer.backward(grad + 1)
    output = snapshot(layer.forward(x))
    input_grad = snapshot(layer.backward(grad))
    grads = indexed("param_grads", getattr(layer, "param_grads", Absent()))
    kept = _kept(params_of(layer), arrays, params)
    for param in layer.params:
        param += 1
    updated = snapshot(layer.forward(x))
    return Observed(
        {"params stay from pass to pass": kept, "output": output, "input_grad": input_grad}
        | grads
        | {"output after an update": updated}
        | _restart(layer, x, params),
        params,
    )


def _restart(layer: Any, x: ndarray, params: list[ndarray]) -> dict[str, Any]:
    """Sets a layer up again, as the book's trainer does, and then gives it its old parameters."""
    before = [snapshot(param) for param in params_of(layer)]
    layer.first = True
    layer.forward(x)
    again = params_of(layer)
    drawn = are_arrays(again, 2) and all(
        param.tolist() != old.tolist() for param, old in zip(again, before, strict=True)
    )
    for param, value in zip(again, params, strict=False):
        if isinstance(param, ndarray) and param.shape == value.shape:
            param[...] = value
    return {
        "number of params after a restart": len(again),
        "a restart draws new params": drawn,
        "output after a restart": snapshot(layer.forward(x)),
    }


def _dense_twin(W: Any, B: Any, activation: str | None) -> Any:
    from parity.bridge import load_weights
    from reference import activations
    from reference.dense import DenseLayer

    twin = DenseLayer(W.shape[0], W.shape[1], getattr(activations, activation or "Sigmoid")())
    load_weights(twin.linear, [W, B])
    return twin


def _reference_dense(given: Given) -> dict[str, Any]:
    inputs, neurons = given.inputs["input_"].shape[1], given.inputs["output_grad"].shape[1]
    W, B = adopt(given, {"W": (inputs, neurons), "B": (1, neurons)})
    require_varied(W, "W")
    activation = given.options["activation"]
    twin = _dense_twin(W, B, activation)
    output, input_grad, (weight_grad, bias_grad) = backpropagate(
        twin,
        given.inputs["input_"],
        given.inputs["output_grad"],
        [twin.linear.weight, twin.linear.bias],
    )
    updated = _dense_twin(W + 1, B + 1, activation)
    return {
        "params stay from pass to pass": True,
        "output": output,
        "input_grad": input_grad,
        "param_grads[0]": weight_grad.T,
        "param_grads[1]": bias_grad[None],
        "output after an update": array(updated(tensor(given.inputs["input_"]))),
        "number of params after a restart": 2,
        "a restart draws new params": True,
        "output after a restart": output,
    }


def _run_default_activation(impl: Implementation, given: Given) -> Observed:
    """Two layers with the default activation, one on top of the other, and of one width: were they
    to share an activation object, its shape would not give it away.
    """
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    layers = [make_dense(impl, grad.shape[1], None) for _ in range(2)]
    layers[1].forward(layers[0].forward(x))
    arrays = [param for layer in layers for param in params_of(layer)]
    if not are_arrays(arrays, 4):
        return Observed({}, arrays)
    for i, layer in enumerate(layers):
        load(layer, given.params[2 * i : 2 * i + 2] if given.params is not None else None)
    params = [snapshot(param) for param in arrays]
    output = snapshot(layers[1].forward(layers[0].forward(x)))
    input_grad = snapshot(layers[0].backward(layers[1].backward(grad)))
    return Observed(
        {"output of two layers": output, "input_grad of two layers": input_grad}, params
    )


def _reference_default_activation(given: Given) -> dict[str, Any]:
    from torch import nn

    inputs, neurons = given.inputs["input_"].shape[1], given.inputs["output_grad"].shape[1]
    W1, B1, W2, B2 = adopt(
        given,
        {
            "W1": (inputs, neurons),
            "B1": (1, neurons),
            "W2": (neurons, neurons),
            "B2": (1, neurons),
        },
    )
    model = nn.Sequential(_dense_twin(W1, B1, None), _dense_twin(W2, B2, None))
    output, input_grad, _ = backpropagate(
        model, given.inputs["input_"], given.inputs["output_grad"]
    )
    return {"output of two layers": output, "input_grad of two layers": input_grad}


def _run_dense_case(impl: Implementation, given: Given) -> Observed:
    two = given.options.get("layers") == 2
    return (_run_default_activation if two else _run_dense)(impl, given)


def _reference_dense_case(given: Given) -> dict[str, Any]:
    two = given.options.get("layers") == 2
    return (_reference_default_activation if two else _reference_dense)(given)


def _layer_shapes(n: int) -> Shapes:
    return {"input_": (n, 3), "output_grad": (n, 3), "scale": (1, 3), "shift": (1, 3)}


def _dense_shapes(n: int) -> Shapes:
    return {"input_": (n, 5), "output_grad": (n, 3)}


COMPONENTS = (
    Component(
        name="Layer",
        chapter=3,
        module="dense",
        summary="operations in a row",
        compares=(
            "output",
            "input_grad",
            "param_grads",
            "number of param_grads",
            "the layer is set up once",
            "the layer is set up again once first is True",
        ),
        run=_run_layer,
        reference=_reference_layer,
        cases=batch_cases(_layer_shapes, empty=True),
        gradients={"input_grad": "input_", "param_grads[0]": "scale", "param_grads[1]": "shift"},
        mutants=mutants.LAYER,
        requires=("Operation", "ParamOperation"),
        skeleton='''
class Layer:
    """Base class: a series of operations. Subclasses define _setup_layer(input_)."""

    def __init__(self, neurons):
        """self.first is True until the first forward pass; params, param_grads and operations
        are lists."""

    def _setup_layer(self, input_):
        """For subclasses to define: fill self.params and self.operations."""

    def forward(self, input_):
        """Set the layer up at the first call; pass input_ through the operations."""

    def backward(self, output_grad):
        """Pass output_grad back through the operations; collect self.param_grads."""

    def _param_grads(self):
        """Put the param_grad of each ParamOperation into self.param_grads."""
''',
    ),
    Component(
        name="Dense",
        chapter=3,
        module="dense",
        summary="activation(input W + B)",
        compares=(
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
        run=_run_dense_case,
        reference=_reference_dense_case,
        cases=(
            *batch_cases(_dense_shapes, empty=True, options={"activation": "Linear"}),
            *(
                Case(
                    f"{case.name}, sigmoid",
                    case.shapes,
                    {"activation": "Sigmoid"},
                    case.dtype,
                    case.layout,
                )
                for case in batch_cases(_dense_shapes)
            ),
            *(
                Case(f"as many neurons as {name}", shapes, {"activation": "Sigmoid"})
                for name, shapes in (
                    ("inputs", {"input_": (7, 4), "output_grad": (7, 4)}),
                    ("inputs and rows", {"input_": (4, 4), "output_grad": (4, 4)}),
                )
            ),
            Case("two layers with the default activation", _dense_shapes(7), {"layers": 2}),
        ),
        gradients={
            "input_grad": "input_",
            "param_grads[0]": "params[0]",
            "param_grads[1]": "params[1]",
            "input_grad of two layers": "input_",
        },
        mutants=mutants.DENSE,
        requires=(
            "Operation",
            "ParamOperation",
            "WeightMultiply",
            "BiasAdd",
            "Sigmoid",
            "Linear",
            "Layer",
        ),
        skeleton='''
class Dense(Layer):
    """activation(input_ W + B), from (batch, in) to (batch, neurons)."""

    def __init__(self, neurons, activation=None):
        """The default activation is a new Sigmoid()."""

    def _setup_layer(self, input_):
        """Draw W (in, neurons) and B (1, neurons) into self.params; fill self.operations."""
''',
    ),
)
