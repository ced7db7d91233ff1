"""Chapter 3: a network is layers and a loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy import ndarray

from scratch.dense import Layer
from scratch.losses import Loss
from scratch.operations import Operation
from scratch.seeding import Seed, as_stream, is_integer


class NeuralNetwork:
    """Layers in a row, and the loss at their end.

    Chapter 3, "The NeuralNetwork Class, and Maybe Others".

    Args:
        layers: at least one, first to last, no object twice.
        loss: what ``train_batch`` minimises.
        seed: where the layers' parameters come from. An integer does what the book does: each layer
            seeds the one shared stream anew, so two layers of one shape start out equal. With a
            ``Generator`` or ``RandomState`` each layer draws on where the last one stopped.

    Raises:
        ValueError: there is no layer, or layers share a layer, an activation or a dropout object.
    """

    def __init__(self, layers: Sequence[Layer], loss: Loss, seed: Seed = 1) -> None:
        if not layers:
            raise ValueError("a NeuralNetwork needs at least one layer")
        _require_distinct(layers)
        self.layers = list(layers)
        self.loss = loss
        self.seed = seed
        self.stream = np.random.RandomState(seed if is_integer(seed) else None)
        shared = seed if is_integer(seed) else as_stream(seed)
        for layer in self.layers:
            layer.seed = shared
            layer.stream = self.stream

    def forward(self, x_batch: ndarray, inference: bool = False) -> ndarray:
        """Predictions for a batch: ``(batch, features)`` to ``(batch, out)``.

        With ``inference`` dropout leaves nothing out (chapter 4).
        """
        x_out = x_batch
        for layer in self.layers:
            x_out = layer.forward(x_out, inference)
        return x_out

    def backward(self, loss_grad: ndarray) -> None:
        """Send the gradient of the loss back through all layers; fills their ``param_grads``."""
        grad = loss_grad
        first, *others = self.layers
        for layer in reversed(others):
            grad = layer.backward(grad)
        first.backward_to_params(grad)

    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        """Forward and backward over one batch, no update. Returns the loss.

        Raises:
            ValueError: predictions and ``y_batch`` differ in shape.
        """
        predictions = self.forward(x_batch)
        loss = self.loss.forward(predictions, y_batch)
        self.backward(self.loss.backward())
        return loss

    def params(self) -> Iterator[ndarray]:
        """All parameters, layer by layer: the arrays themselves, to be updated in place."""
        for layer in self.layers:
            yield from layer.params

    def param_grads(self) -> Iterator[ndarray]:
        """The gradients of the last ``train_batch``, in the order of ``params``."""
        for layer in self.layers:
            yield from layer.param_grads

    def __repr__(self) -> str:
        return f"NeuralNetwork({self.layers}, {self.loss})"


def _require_distinct(layers: Sequence[Layer]) -> None:
    """An operation stores its own output, so one object cannot stand in two places (E7)."""
    if len({id(layer) for layer in layers}) < len(layers):
        raise ValueError("one layer object stands twice in the network: make two")
    operations = [
        operation
        for layer in layers
        for operation in (getattr(layer, "activation", None), getattr(layer, "dropout", None))
        if isinstance(operation, Operation)
    ]
    if len({id(operation) for operation in operations}) < len(operations):
        raise ValueError("two layers share one activation or dropout object: give each its own")
