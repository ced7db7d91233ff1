"""Catalogue of chapter 3: layers."""

from __future__ import annotations

from typing import Any

import numpy as np

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
from parity.catalogue.twins import adopt, array, backpropagate, require_varied, tensor
from parity.mutants import dense as mutants


def _run_layer(impl: Implementation, given: Given) -> Observed:
    """Tries ``Layer`` through a subclass of three small operations, made from the implementation's
    own ``ParamOperation`` and ``Operation``, since ``Layer`` looks for their class.
    """
    scale, shift = np.array(given.inputs["scale"]), np.array(given.inputs["shift"])

    class Scale(impl.ParamOperation):  # type: ignore[name-defined]
        def _output(self) -> Any:
            return self.input_ * self.param

        def _input_grad(self, output_grad: Any) -> Any:
            return self.param * output_grad

        def _param_grad(self, output_grad: Any) -> Any:
            return (self.input_ * output_grad).sum(axis=0, keepdims=True)

    class Shift(impl.ParamOperation):  # type: ignore[name-defined]
        def _output(self) -> Any:
            return self.input_ + self.param

        def _input_grad(self, output_grad: Any) -> Any:
            return 1 * output_grad

        def _param_grad(self, output_grad: Any) -> Any:
            return output_grad.sum(axis=0, keepdims=True)

    class Square(impl.Operation):  # type: ignore[name-defined]
        def _output(self) -> Any:
            return self.input_ * self.input_

        def _input_grad(self, output_grad: Any) -> Any:
            return 2 * self.input_ * output_grad

    class Probe(impl.Layer):  # type: ignore[name-defined]
        set_up = 0

        def _setup_layer(self, input_: Any) -> None:
            self.set_up += 1
            self.operations = [Scale(scale), Shift(shift), Square()]
            self.params = [scale, shift]

    layer = Probe(scale.shape[1])
    layer.forward(given.inputs["input_"] + 1)
    layer.backward(given.inputs["output_grad"] + 1)
    output = snapshot(layer.forward(given.inputs["input_"]))
    input_grad = snapshot(layer.backward(given.inputs["output_grad"]))
    grads = indexed("param_grads", layer.param_grads)
    return Observed(
        {"output": output, "input_grad": input_grad}
        | grads
        | {"number of param_grads": len(grads), "times set up": layer.set_up}
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
        "times set up": 1,
    }


def make_dense(impl: Implementation, neurons: int, activation: str | None) -> Any:
    """A dense layer as the book makes one; ``seed`` as the book's network sets it."""
    layer = (
        impl.Dense(neurons=neurons)
        if activation is None
        else impl.Dense(neurons=neurons, activation=getattr(impl, activation)())
    )
    layer.seed = 20190501
    return layer


def load(layer: Any, params: list[Any] | None) -> None:
    """Put parameters into a layer that has set itself up, in place."""
    if params is not None:
        for param, value in zip(layer.params, params, strict=True):
            param[...] = value


def _run_dense(impl: Implementation, given: Given) -> Observed:
    """The first forward pass sets the layer up, the second one counts."""
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    layer = make_dense(impl, grad.shape[1], given.options["activation"])
    layer.forward(x)
    load(layer, given.params)
    arrays = list(layer.params)
    params = [snapshot(param) for param in arrays]
    output = snapshot(layer.forward(x))
    input_grad = snapshot(layer.backward(grad))
    grads = indexed("param_grads", layer.param_grads)
    kept = len(layer.params) == len(arrays) and all(
        after is before and np.array_equal(after, param)
        for after, before, param in zip(layer.params, arrays, params, strict=True)
    )
    for param in layer.params:
        param += 1
    return Observed(
        {"params stay from pass to pass": kept, "output": output, "input_grad": input_grad}
        | grads
        | {"output after an update": snapshot(layer.forward(x))},
        params,
    )


def _dense_twin(W: Any, B: Any, activation: str | None) -> Any:
    from parity.bridge import load_linear
    from reference import activations
    from reference.dense import DenseLayer

    twin = DenseLayer(W.shape[0], W.shape[1], getattr(activations, activation or "Sigmoid")())
    load_linear(twin.linear, W, B)
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
    }


def _run_default_activation(impl: Implementation, given: Given) -> Observed:
    """Two layers with the default activation, one on top of the other, and of one width: were they
    to share an activation object, its shape would not give it away.
    """
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    layers = [make_dense(impl, grad.shape[1], None) for _ in range(2)]
    layers[1].forward(layers[0].forward(x))
    for i, layer in enumerate(layers):
        load(layer, given.params[2 * i : 2 * i + 2] if given.params is not None else None)
    params = [snapshot(param) for layer in layers for param in layer.params]
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
        compares=("output", "input_grad", "param_grads"),
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
            "output",
            "input_grad",
            "param_grads",
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
            Case(
                "as many neurons as inputs",
                {"input_": (7, 4), "output_grad": (7, 4)},
                {"activation": "Sigmoid"},
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
