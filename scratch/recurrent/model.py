"""Chapter 6: recurrent layers in a row, and a loss at their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy import ndarray

from scratch.losses import Loss
from scratch.recurrent.layers import RecurrentLayer
from scratch.recurrent.steps import State
from scratch.seeding import Seed, as_stream


class RNNModel:
    """Recurrent layers of any kinds, first to last, and the loss of the last one's output.

    Chapter 6, "RNNs: The Code" and "Combining RNNLayer Variants". The optimizers of
    ``scratch.optimizers`` train it: it shows ``params`` and ``param_grads`` as a network does.

    Args:
        layers: at least one, no object twice.
        loss: what ``train_batch`` minimises: where each time step predicts something,
            ``SequenceSoftmaxCrossEntropy`` for characters, or ``MeanSquaredError``, which divides
            by the batch size alone; with ``many_to_one`` any loss.
        many_to_one: whether only the last time step's output counts (figure 6.11); it is then
            ``(batch, out)``, and on the way back the other time steps receive zeros.
        seed: where the layers' parameters come from, one layer drawing on where the last one
            stopped. By default each layer keeps a seed of its own.

    Raises:
        ValueError: there is no layer, or one object is there twice.
    """

    def __init__(
        self,
        layers: Sequence[RecurrentLayer],
        loss: Loss,
        many_to_one: bool = False,
        seed: Seed = None,
    ) -> None:
        if not layers:
            raise ValueError("an RNNModel needs at least one layer")
        if len({id(layer) for layer in layers}) < len(layers):
            raise ValueError("an RNNModel cannot have one layer object twice; make a second one")
        self.layers = list(layers)
        self.loss = loss
        self.many_to_one = many_to_one
        if seed is not None:
            stream = as_stream(seed)
            for layer in self.layers:
                layer.seed = stream

    def forward(self, x_batch: ndarray) -> ndarray:
        """Predictions for a batch ``(batch, time, features)``, from the layers' start states.

        Returns:
            Shape ``(batch, time, out)``, with ``many_to_one`` ``(batch, out)``.
        """
        x_out = x_batch
        for layer in self.layers:
            x_out = layer.forward(x_out)
        return self._result(x_out)

    def forward_from(
        self, x_batch: ndarray, states: Sequence[State] | None = None
    ) -> tuple[ndarray, list[State]]:
        """Predictions from states of the caller's; those of the layers stay as they are.

        Args:
            x_batch: shape ``(batch, time, features)``.
            states: one for each layer, as ``RecurrentLayer.forward_from`` takes it; by default 0.

        Returns:
            Predictions as ``forward``, and the states after the last time step.

        Raises:
            ValueError: not one state for each layer, or of another shape.
        """
        if states is None:
            states = [
                tuple(np.zeros((len(x_batch), layer.hidden_size), x_batch.dtype) for _ in start)
                for layer in self.layers
                for start in [layer.start_state()]
            ]
        if len(states) != len(self.layers):
            raise ValueError(f"{self}: {len(states)} states for {len(self.layers)} layers")
        x_out, after = x_batch, []
        for layer, state in zip(self.layers, states, strict=True):
            x_out, state = layer.forward_from(x_out, state)
            after.append(state)
        return self._result(x_out), after

    def backward(self, loss_grad: ndarray) -> ndarray:
        """Send the gradient of the loss back through all layers, adding to their gradients.

        Returns:
            The gradient on the last batch.

        Raises:
            RuntimeError: ``forward`` has not run.
            ValueError: ``loss_grad`` has not the shape of the predictions.
        """
        grad = self._result_backward(loss_grad)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        """Clear the gradients, then forward and backward over one batch. Returns the loss.

        Raises:
            ValueError: predictions and ``y_batch`` do not fit.
        """
        self.clear_gradients()
        loss = self.loss.forward(self.forward(x_batch), y_batch)
        self.backward(self.loss.backward())
        return loss

    def clear_gradients(self) -> None:
        """Set the gradients on all parameters to 0."""
        for layer in self.layers:
            layer.clear_gradients()

    def reset_state(self) -> None:
        """Let the next batch start from 0, as a new text does."""
        for layer in self.layers:
            layer.reset_state()

    def params(self) -> Iterator[ndarray]:
        """All parameters, layer by layer: the arrays themselves, to be updated in place."""
        for layer in self.layers:
            yield from (param["value"] for param in layer.params.values())

    def param_grads(self) -> Iterator[ndarray]:
        """The gradients on them, in the order of ``params``."""
        for layer in self.layers:
            yield from (param["deriv"] for param in layer.params.values())

    def _result(self, x_out: ndarray) -> ndarray:
        self._shape = x_out.shape
        return x_out[:, -1] if self.many_to_one else x_out

    def _result_backward(self, loss_grad: ndarray) -> ndarray:
        if not self.many_to_one:
            return loss_grad
        if not hasattr(self, "_shape"):
            raise RuntimeError(f"{self}: backward was called before forward")
        batch, _, out = self._shape
        if loss_grad.shape != (batch, out):
            raise ValueError(
                f"{self}: predictions and loss_grad have different shapes, {(batch, out)} and "
                f"{loss_grad.shape}"
            )
        grad = np.zeros(self._shape, loss_grad.dtype)
        grad[:, -1] = loss_grad
        return grad

    def __repr__(self) -> str:
        return f"RNNModel([{', '.join(map(repr, self.layers))}])"
