"""Mistakes in the layers of chapter 3."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import dense as right
from scratch.activations import Sigmoid
from scratch.operations import BiasAdd, Operation, ParamOperation, WeightMultiply


class _ClassOfClass(right.Layer):
    """The book's test, as printed."""

    def _param_grads(self) -> None:
        operations: list[Any] = list(self.operations)
        self.param_grads = [
            operation.param_grad
            for operation in operations
            if isinstance(operation.__class__, ParamOperation)
        ]


class _NotReversed(right.Layer):
    def backward(self, output_grad: ndarray) -> ndarray:
        for operation in self.operations:
            output_grad = operation.backward(output_grad)
        self._param_grads()
        return output_grad


class _GradientsAppended(right.Layer):
    def _param_grads(self) -> None:
        self.param_grads = self.param_grads + [
            operation.param_grad
            for operation in self.operations
            if isinstance(operation, ParamOperation)
        ]


class _GradNotPassed(right.Layer):
    """Every operation gets the layer's own output_grad."""

    def backward(self, output_grad: ndarray) -> ndarray:
        grad = output_grad
        for operation in reversed(self.operations):
            grad = operation.backward(output_grad)
        self._param_grads()
        return grad


class _LayerSetUpEachTime(right.Layer):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.first = True
        return super().forward(input_, inference)


class _LayerSetUpOnce(right.Layer):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.first = self.first and not self.operations
        return super().forward(input_, inference)


LAYER = (
    Mutant(
        "set up at each pass",
        "The layer is set up anew at each forward pass: set self.first to False after the first.",
        _LayerSetUpEachTime,
        "the layer is set up once",
    ),
    Mutant(
        "restart ignored",
        "A restart sets first to True, and the layer goes on as it was: call _setup_layer whenever "
        "self.first is True.",
        _LayerSetUpOnce,
        "the layer is set up again once first is True",
    ),
    Mutant(
        "class of the class",
        "No gradient is collected, so nothing trains. The book prints "
        "isinstance(operation.__class__, ParamOperation), which asks about the class of the "
        "class and is never true; it must be isinstance(operation, ParamOperation).",
        _ClassOfClass,
        "param_grads[0]",
        errata="E6",
    ),
    Mutant(
        "not reversed",
        "backward visits the operations in forward order; go through reversed(self.operations).",
        _NotReversed,
        "param_grads[0]",
    ),
    Mutant(
        "gradients appended",
        "param_grads grows with every backward pass; empty it first.",
        _GradientsAppended,
        "number of param_grads",
    ),
    Mutant(
        "gradient not passed on",
        "Every operation gets the layer's own output_grad; each must "
        "get the gradient that the one behind it returned.",
        _GradNotPassed,
        "input_grad",
    ),
)


_SHARED = Sigmoid()


class _SharedActivation(right.Dense):
    def __init__(
        self, neurons: int, activation: Operation | None = None, seed: right.Seed = None
    ) -> None:
        super().__init__(neurons, _SHARED if activation is None else activation, seed)


class _NoActivation(right.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.operations = self.operations[:2]


class _NoBias(right.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.operations = [self.operations[0], self.activation]


class _SetUpEachTime(right.Dense):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.first = True
        return super().forward(input_, inference)


def _dense(
    multiply: type[WeightMultiply] = WeightMultiply, add: type[BiasAdd] = BiasAdd
) -> type[right.Dense]:
    """A dense layer with another operation in it."""

    class Wrong(right.Dense):
        def _setup_layer(self, input_: ndarray) -> None:
            super()._setup_layer(input_)
            W, B = self.params
            self.operations = [multiply(W), add(B), self.activation]

    return Wrong


class _OneBias(BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.full_like(self.param, np.sum(output_grad))


class _BiasGradAveraged(BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return super()._param_grad(output_grad) / max(len(output_grad), 1)


class _WeightGradAveraged(WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return super()._param_grad(output_grad) / max(len(output_grad), 1)


class _NotTransposed(WeightMultiply):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(output_grad, self.param)


class _InputStale(WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(self.kept.T, output_grad)

    def _output(self) -> ndarray:
        if not hasattr(self, "kept"):
            self.kept = self.input_
        return super()._output()


class _GradientsAccumulate(right.Dense):
    def _param_grads(self) -> None:
        before = self.param_grads
        super()._param_grads()
        if before:
            self.param_grads = [a + b for a, b in zip(before, self.param_grads, strict=True)]


class _ParamsAppended(right.Dense):
    """A restart leaves the old ones in front, and the operations use those."""

    def _setup_layer(self, input_: ndarray) -> None:
        before = self.params
        super()._setup_layer(input_)
        W, B, *_ = self.params = before + self.params
        self.operations = [WeightMultiply(W), BiasAdd(B), self.activation]


class _ParamsAndOperationsAppended(right.Dense):
    """A restart leaves the old ones in front, and goes through them twice."""

    def _setup_layer(self, input_: ndarray) -> None:
        params, operations = self.params, self.operations
        super()._setup_layer(input_)
        W, B, *_ = self.params = params + self.params
        self.operations = [*operations, WeightMultiply(W), BiasAdd(B), self.activation]


class _RestartIgnored(right.Dense):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.first = self.first and not self.params
        return super().forward(input_, inference)


class _ParamsCopied(right.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.params = [param.copy() for param in self.params]


class _LinearByDefault(right.Dense):
    def __init__(
        self, neurons: int, activation: Operation | None = None, seed: right.Seed = None
    ) -> None:
        from scratch.activations import Linear

        super().__init__(neurons, Linear() if activation is None else activation, seed)


DENSE = (
    Mutant(
        "shared activation",
        "activation=Sigmoid() in the parameter list makes one object that "
        "all layers share, and it keeps only the last layer's output: use activation=None and "
        "make a new Sigmoid() inside.",
        _SharedActivation,
        "input_grad of two layers",
        errata="E7",
    ),
    Mutant(
        "no activation",
        "The activation is not among the operations of the layer.",
        _NoActivation,
        "output",
    ),
    Mutant("no bias", "BiasAdd is not among the operations of the layer.", _NoBias, "output"),
    Mutant(
        "set up at each pass",
        "The weights are drawn anew at each forward pass: set self.first to False after the first.",
        _SetUpEachTime,
        "params stay from pass to pass",
    ),
    Mutant(
        "one bias gradient",
        "The bias gradient is summed over the units as well, so all get the "
        "same one: sum over axis 0 only.",
        _dense(add=_OneBias),
        "param_grads[1]",
        within="BiasAdd",
    ),
    Mutant(
        "bias gradient averaged",
        "The bias gradient is averaged over the batch; it is the sum of the rows.",
        _dense(add=_BiasGradAveraged),
        "param_grads[1]",
        within="BiasAdd",
    ),
    Mutant(
        "weight gradient averaged",
        "The weight gradient is divided by the batch size; the loss has done that already.",
        _dense(_WeightGradAveraged),
        "param_grads[0]",
        within="WeightMultiply",
    ),
    Mutant(
        "weight not transposed",
        "The input gradient multiplies by W as it is; it needs W transposed.",
        _dense(_NotTransposed),
        "input_grad",
        within="WeightMultiply",
    ),
    Mutant(
        "stale input",
        "The first input enters the weight gradient for ever; each forward pass must keep its own.",
        _dense(_InputStale),
        "param_grads[0]",
        within="WeightMultiply",
    ),
    Mutant(
        "gradients accumulate",
        "The gradients of earlier backward passes are added to; each backward pass must replace "
        "them.",
        _GradientsAccumulate,
        "param_grads[0]",
    ),
    Mutant(
        "parameters appended",
        "A restart puts new parameters behind the old ones, and the operations keep the old: "
        "_setup_layer must begin with an empty list.",
        _ParamsAppended,
        "number of params after a restart",
    ),
    Mutant(
        "parameters and operations appended",
        "A restart puts new parameters and operations behind the old ones: _setup_layer must begin "
        "with empty lists.",
        _ParamsAndOperationsAppended,
        "output after a restart",
    ),
    Mutant(
        "restart ignored",
        "A restart sets first to True, and the layer keeps its weights: draw them anew whenever "
        "self.first is True.",
        _RestartIgnored,
        "a restart draws new params",
    ),
    Mutant(
        "parameters copied",
        "layer.params holds copies, so the optimizer's updates never reach "
        "the operations: put the very same arrays into both.",
        _ParamsCopied,
        "output after an update",
    ),
    Mutant(
        "linear by default",
        "Without an activation argument the layer has none; the default is chapter 3's, a Sigmoid, "
        "although chapter 4 prints Linear().",
        _LinearByDefault,
        "output of two layers",
        errata="E40",
    ),
)
