"""Mistakes in the convolutional layer of chapter 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.conv.operation import flipped
from scratch.activations import Linear, Sigmoid
from scratch.conv import layer as right
from scratch.conv.operation import Conv2DOperation, Flatten
from scratch.conv.products import convolve
from scratch.dropout import Dropout
from scratch.operations import Operation

_SHARED = Sigmoid()


def _with_default(default: Callable[[], Operation]) -> type[right.Conv2D]:
    """A layer with another activation where none is given."""

    class Wrong(right.Conv2D):
        def __init__(
            self,
            out_channels: int,
            param_size: int,
            activation: Operation | None = None,
            **options: Any,
        ) -> None:
            chosen = default() if activation is None else activation
            super().__init__(out_channels, param_size, chosen, **options)

    return Wrong


def _with_operations(change: Callable[[list[Operation]], list[Operation]]) -> type[right.Conv2D]:
    """A layer that has set itself up with other operations."""

    class Wrong(right.Conv2D):
        def _setup_layer(self, input_: ndarray) -> None:
            super()._setup_layer(input_)
            self.operations = change(self.operations)

    return Wrong


def _with_convolution(convolution: type[Conv2DOperation]) -> type[right.Conv2D]:
    """A layer with another convolution."""

    class Wrong(right.Conv2D):
        def _setup_layer(self, input_: ndarray) -> None:
            super()._setup_layer(input_)
            self.operations[0] = convolution(self.params[0])

    return Wrong


class _FlippedForward(Conv2DOperation):
    def _output(self) -> ndarray:
        return convolve(self.input_, flipped(self.param), self.geometry)


class _NotFlippedInGrad(Conv2DOperation):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return convolve(output_grad, self.param.transpose(1, 0, 2, 3), self.geometry)


class _Averaged(Conv2DOperation):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return super()._param_grad(output_grad) / len(output_grad)


class _SetUpEachTime(right.Conv2D):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.first = True
        return super().forward(input_, inference)


class _OneFilter(right.Conv2D):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        W = self.params[0]
        W[...] = W[:, :1]


class _ParamsCopied(right.Conv2D):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.params = [param.copy() for param in self.params]


class _ParamsAppended(right.Conv2D):
    """A restart leaves the old filters in front, and the operations use those."""

    def _setup_layer(self, input_: ndarray) -> None:
        before = self.params
        super()._setup_layer(input_)
        self.params = before + self.params
        self.operations[0] = Conv2DOperation(self.params[0])


class _RestartIgnored(right.Conv2D):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.first = self.first and not self.params
        return super().forward(input_, inference)


class _GradientsAccumulate(right.Conv2D):
    def _param_grads(self) -> None:
        before = self.param_grads
        super()._param_grads()
        if before:
            self.param_grads = [a + b for a, b in zip(before, self.param_grads, strict=True)]


CONV_2D = (
    Mutant(
        "shared activation",
        "activation=Sigmoid() in the parameter list makes one object that all layers share, and it "
        "keeps only the last layer's output: use activation=None and make a new Sigmoid() inside.",
        _with_default(lambda: _SHARED),
        "input_grad of two layers",
        errata="E7",
    ),
    Mutant(
        "linear by default",
        "Without an activation argument the layer has none; the default is a Sigmoid.",
        _with_default(Linear),
        "output of two layers",
    ),
    Mutant(
        "no activation",
        "The activation is not among the operations of the layer.",
        _with_operations(lambda operations: [operations[0], *operations[2:]]),
        "output",
    ),
    Mutant(
        "flatten ignored",
        "flatten=True changes nothing: the operations must then end with Flatten().",
        _with_operations(lambda operations: operations[:2]),
        "output",
    ),
    Mutant(
        "always flattened",
        "The operations end with Flatten() without flatten=True, too: a convolution could not "
        "follow.",
        _with_operations(lambda operations: [*operations[:2], Flatten()]),
        "output",
    ),
    Mutant(
        "filters all alike",
        "All maps have the same filters, so they stay alike for ever: draw filters for each "
        "channel and each map.",
        _OneFilter,
        "each map has filters of its own",
    ),
    Mutant(
        "set up at each pass",
        "The filters are drawn anew at each forward pass: set self.first to False after the first.",
        _SetUpEachTime,
        "params stay from pass to pass",
    ),
    Mutant(
        "parameters copied",
        "layer.params holds a copy, so the optimizer's updates never reach the operation: put the "
        "very same array into both.",
        _ParamsCopied,
        "output after an update",
    ),
    Mutant(
        "parameters appended",
        "A restart puts new filters behind the old ones, and the operations keep the old: "
        "_setup_layer must begin with an empty list.",
        _ParamsAppended,
        "number of params after a restart",
    ),
    Mutant(
        "restart ignored",
        "A restart sets first to True, and the layer keeps its filters: draw them anew whenever "
        "self.first is True.",
        _RestartIgnored,
        "a restart draws new params",
    ),
    Mutant(
        "gradients accumulate",
        "The gradients of earlier backward passes are added to; each backward pass must replace "
        "them.",
        _GradientsAccumulate,
        "param_grads[0]",
    ),
    Mutant(
        "filter flipped in forward",
        "forward flips the filter; it moves over the image as it is.",
        _with_convolution(_FlippedForward),
        "output",
        within="Conv2DOperation",
    ),
    Mutant(
        "filter not flipped",
        "The input gradient uses the filter as it is; flip its rows and columns: "
        "W[:, :, ::-1, ::-1].",
        _with_convolution(_NotFlippedInGrad),
        "input_grad",
        errata="E17",
        within="Conv2DOperation",
    ),
    Mutant(
        "filter gradient averaged",
        "The filter gradient is divided by the batch size; the loss has done that already.",
        _with_convolution(_Averaged),
        "param_grads[0]",
        within="Conv2DOperation",
    ),
)


class _FlagNotPassed(right.Conv2D):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        return super().forward(input_, False)


class _AlwaysInference(right.Conv2D):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        return super().forward(input_, True)


class _DropInLayer(right.Conv2D):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        assert isinstance(self.dropout, float)
        self.operations[-1] = Dropout(1 - self.dropout)


class _NotOnTheWayBack(right.Conv2D):
    def backward(self, output_grad: ndarray) -> ndarray:
        operations = self.operations
        self.operations = operations[:-1]
        grad = super().backward(output_grad)
        self.operations = operations
        return grad


def _dropout_first(operations: list[Operation]) -> list[Operation]:
    convolution, *rest, dropout = operations
    return [convolution, dropout, *rest]


CONV_2D_DROPOUT = (
    Mutant(
        "no dropout",
        "dropout changes nothing: where it is below 1, the operations must end with "
        "Dropout(dropout).",
        _with_operations(lambda operations: operations[:-1]),
        "share kept",
    ),
    Mutant(
        "before the activation",
        "Dropout stands before the activation; it comes after it.",
        _with_operations(_dropout_first),
        "output over that without dropout where kept",
    ),
    Mutant(
        "inference not handed on",
        "forward does not hand inference on to the operations, so elements are left out at "
        "inference, too.",
        _FlagNotPassed,
        "output at inference",
        within="Dropout",
    ),
    Mutant(
        "always inference",
        "The operations always run as for inference, so nothing is ever left out: hand on the "
        "inference that forward got.",
        _AlwaysInference,
        "share kept",
    ),
    Mutant(
        "keep and drop exchanged",
        "Dropout gets 1 - dropout, but both are the probability to keep.",
        _DropInLayer,
        "share kept",
        within="Dropout",
    ),
    Mutant(
        "probability not handed on",
        "Dropout() keeps 0.8 whatever the layer was given: Dropout(self.dropout).",
        _with_operations(lambda operations: [*operations[:-1], Dropout()]),
        "share kept",
    ),
    Mutant(
        "not on the way back",
        "backward leaves dropout out, so what was left out has a part in the filters' gradient.",
        _NotOnTheWayBack,
        "param_grads are those of what was kept",
        within="Dropout",
    ),
)


def _with_deviation(deviation: Callable[[int, int, int], float]) -> type[right.Conv2D]:
    """A layer whose "glorot" is something else, by channels, maps and the size of a filter."""

    class Wrong(right.Conv2D):
        def _setup_layer(self, input_: ndarray) -> None:
            super()._setup_layer(input_)
            if self.weight_init == "glorot":
                n_in, n_out, size, _ = self.params[0].shape
                self.params[0] *= deviation(n_in, n_out, size) / self._scale(n_in)

    return Wrong


class _Positive(right.Conv2D):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        np.abs(self.params[0], out=self.params[0])


_DEVIATION = "standard deviation of the filters over the right one"

CONV_2D_WEIGHT_INIT = (
    Mutant(
        "without the filter's area",
        "sqrt(2 / (in + out_channels)) counts channels only; each output is a sum over the whole "
        "filter: sqrt(2 / ((in + out_channels) * param_size * param_size)).",
        _with_deviation(lambda n_in, n_out, size: (2 / (n_in + n_out)) ** 0.5),
        _DEVIATION,
    ),
    Mutant(
        "variance, without the filter's area",
        "2 / (in + out_channels), as in the book's companion code, is a variance, and without the "
        "area of the filter: the standard deviation is sqrt(2 / ((in + out_channels) * param_size "
        "* param_size)).",
        _with_deviation(lambda n_in, n_out, size: 2 / (n_in + n_out)),
        _DEVIATION,
        errata="E12",
    ),
    Mutant(
        "variance for standard deviation",
        "2 / ((in + out_channels) * param_size * param_size) is the variance, but what the random "
        "numbers are multiplied by is the standard deviation: take its square root.",
        _with_deviation(lambda n_in, n_out, size: 2 / (n_in + n_out) / size**2),
        _DEVIATION,
        errata="E12",
    ),
    Mutant(
        "one side of the filter",
        "The area of the filter is param_size * param_size, not param_size.",
        _with_deviation(lambda n_in, n_out, size: (2 / (n_in + n_out) / size) ** 0.5),
        _DEVIATION,
    ),
    Mutant(
        "ignored",
        'weight_init="glorot" changes nothing: the standard deviation stays 1.',
        _with_deviation(lambda n_in, n_out, size: 1.0),
        _DEVIATION,
    ),
    Mutant(
        "bounds for standard deviation",
        "sqrt(6 / ...) is how far the uniform form of Glorot's filters reaches; the standard "
        "deviation of normal ones is sqrt(2 / ...).",
        _with_deviation(lambda n_in, n_out, size: (6 / (n_in + n_out)) ** 0.5 / size),
        _DEVIATION,
    ),
    Mutant(
        "inputs only",
        "The standard deviation is that of the inputs alone; Glorot's counts in + out_channels, "
        "between the way forward and the way back.",
        _with_deviation(lambda n_in, n_out, size: (1 / n_in) ** 0.5 / size),
        _DEVIATION,
    ),
    Mutant(
        "He's",
        "The standard deviation is He's, for ReLUs, which counts the inputs alone; Glorot's counts "
        "in + out_channels.",
        _with_deviation(lambda n_in, n_out, size: (2 / n_in) ** 0.5 / size),
        _DEVIATION,
    ),
    Mutant(
        "all positive",
        "All elements of the filters are positive: draw them around 0, from the standard normal.",
        _Positive,
        "mean of the filters over their standard deviation",
    ),
)
