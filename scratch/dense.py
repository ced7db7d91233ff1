"""Chapters 3 and 4: layers, and the dense layer."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.activations import Sigmoid
from scratch.dropout import Dropout
from scratch.initialization import initial_scale
from scratch.operations import (
    BiasAdd,
    Operation,
    ParamOperation,
    WeightMultiply,
    check_columns,
    check_same_shape,
)
from scratch.seeding import Seed, Stream, as_stream, is_integer


class Layer:
    """A series of operations, set up by the first input. Chapter 3, "The Layer Blueprint".

    A subclass defines ``_setup_layer``. ``params`` and ``param_grads`` hold the arrays of each
    ``ParamOperation``, in order; the gradients are new after each ``backward``. A network calls
    ``backward_to_params`` of its first layer, and ``backward`` of the others.

    Args:
        neurons: the width of the layer.
        seed: where the layer's parameters come from. Within a network the network sets it, and
            ``stream`` too: with an integer the one stream that all layers share is seeded anew for
            each of them, as in the book.

    Raises:
        ValueError: ``neurons`` is not a whole number of at least 1.
    """

    def __init__(self, neurons: int, seed: Seed = None) -> None:
        if not is_integer(neurons) or neurons < 1:
            raise ValueError(
                f"{type(self).__name__}: neurons must be a whole number of at least 1, "
                f"not {neurons!r}"
            )
        self.neurons = neurons
        self.seed = seed
        self.stream: np.random.RandomState | None = None
        self.first = True
        self.params: list[ndarray] = []
        self.param_grads: list[ndarray] = []
        self.operations: list[Operation] = []

    def _setup_layer(self, input_: ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define _setup_layer")

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """Pass ``input_`` and ``inference`` through the operations; the first call sets them up."""
        if self.first:
            self._setup_layer(input_)
            self.first = False

        self.input_ = input_
        for operation in self.operations:
            input_ = operation.forward(input_, inference)
        self.output = input_
        return self.output

    def backward(self, output_grad: ndarray) -> ndarray:
        """Pass ``output_grad`` back through the operations and collect ``param_grads``.

        Returns:
            The gradient on the layer's input, in its shape.

        Raises:
            RuntimeError: ``forward`` has not run.
            ValueError: ``output_grad`` has not the shape of the output.
        """
        self._check_output_grad(output_grad)
        for operation in reversed(self.operations):
            output_grad = operation.backward(output_grad)
        self._param_grads()
        return output_grad

    def backward_to_params(self, output_grad: ndarray) -> None:
        """Collect ``param_grads`` alone, where nobody asks for a gradient on the input: the data.

        In the first layer of a network that is a third of its work. Raises as ``backward``.
        """
        if type(self).backward is not Layer.backward or not self.operations:
            self.backward(output_grad)  # a subclass has a way back of its own
            return
        self._check_output_grad(output_grad)
        first, *others = self.operations
        for operation in reversed(others):
            output_grad = operation.backward(output_grad)
        if isinstance(first, ParamOperation):
            first.backward_to_param(output_grad)
        self._param_grads()

    def _check_output_grad(self, output_grad: ndarray) -> None:
        if not hasattr(self, "output"):
            raise RuntimeError(f"{self}: backward was called before forward")
        check_same_shape(self.output, output_grad, self, "output and output_grad")

    def _param_grads(self) -> None:
        """Collect the gradients (the book tests the class of the class and finds none: E6)."""
        self.param_grads = [
            grad
            for operation in self.operations
            if isinstance(operation, ParamOperation)
            for grad in operation.param_grads
        ]

    def _params(self) -> None:
        """Collect the parameters."""
        self.params = [
            param
            for operation in self.operations
            if isinstance(operation, ParamOperation)
            for param in operation.params
        ]

    def _draws(self) -> Stream:
        """Where the parameters of this layer are drawn from."""
        if self.stream is not None and is_integer(self.seed):
            self.stream.seed(self.seed)
            return self.stream
        return as_stream(self.seed)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.neurons})"


class Dense(Layer):
    """A fully connected layer, ``activation(input W + B)``. Chapter 3, "The Dense Layer".

    Takes ``(batch, in)``, returns ``(batch, neurons)``. ``params`` are ``W`` ``(in, neurons)`` and
    ``B`` ``(1, neurons)``, both normally distributed around 0, in the dtype of the first input.

    Args:
        neurons: the width of the layer.
        activation: a new ``Sigmoid`` where none is given (the book's default is one object that all
            layers share: E7).
        seed: as in ``Layer``.
        dropout: the probability to keep an output in training, or an operation to end the layer
            with (chapter 4, "Adjusting the Rest of Our Framework"). Dropout made from a
            probability draws from where the parameters are drawn from.
        weight_init: the standard deviation of ``W`` and ``B``, by its name in
            ``scratch.initialization`` (chapter 4, "Math and Code").

    Raises:
        ValueError: ``neurons`` is not a whole number of at least 1, ``dropout`` no probability or
            ``weight_init`` no such name; in ``forward``, the input has not two dimensions or not as
            many columns as the first one had.
        TypeError: in ``forward``, the input is not of a floating-point type.
    """

    def __init__(
        self,
        neurons: int,
        activation: Operation | None = None,
        seed: Seed = None,
        dropout: float | Dropout = 1.0,
        weight_init: str = "standard",
    ) -> None:
        super().__init__(neurons, seed)
        if not isinstance(dropout, Dropout):
            Dropout(dropout)  # refuses what is no probability
        initial_scale(weight_init, 1, neurons)
        self.activation = Sigmoid() if activation is None else activation
        self.dropout = dropout
        self.weight_init = weight_init

    def _setup_layer(self, input_: ndarray) -> None:
        if input_.ndim != 2:
            raise ValueError(f"{self}: input must have shape (batch, in), not {input_.shape}")
        stream = self._draws()
        n_in = input_.shape[1]
        scale = initial_scale(self.weight_init, n_in, self.neurons)
        W = (scale * stream.standard_normal((n_in, self.neurons))).astype(input_.dtype)
        B = (scale * stream.standard_normal((1, self.neurons))).astype(input_.dtype)
        self.operations = [WeightMultiply(W), BiasAdd(B), self.activation]
        if isinstance(self.dropout, Dropout):
            self.operations.append(self.dropout)
        elif self.dropout < 1:
            self.operations.append(Dropout(self.dropout, stream))
        self._params()

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """Pass a batch through the layer; the first one sets up the weights."""
        if input_.dtype.kind != "f":
            raise TypeError(
                f"{self}: input must be of a floating-point type, not {input_.dtype}; "
                "use .astype(float)"
            )
        if not self.first:
            check_columns(input_, self.params[0], self)
        return super().forward(input_, inference)
