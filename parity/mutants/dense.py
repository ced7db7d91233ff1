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


LAYER = (
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
    def forward(self, input_: ndarray) -> ndarray:
        self.first = True
        return super().forward(input_)


class _BiasShared(right.Dense):
    """One number for all neurons."""

    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        W, B = self.params
        self.operations = [WeightMultiply(W), _OneBias(B), self.activation]


class _OneBias(BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.full_like(self.param, np.sum(output_grad))


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
        _BiasShared,
        "param_grads[1]",
        errata="E4",
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
        "Without an activation argument the layer has none; the book's default is a Sigmoid.",
        _LinearByDefault,
        "output of two layers",
    ),
)
