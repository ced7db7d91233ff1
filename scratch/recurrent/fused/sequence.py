"""Chapter 6, made fast: a recurrent layer's way through time, as much of it at once as can be.

The sums are those of ``nodes``, in another order. All gates of a time step are one product, of
their matrices one under the other and a column ``[x; 1; h]`` for each row of the batch. The
gradients on the weights and on the inputs are one product each at the end, over all time steps.
Features stand before the batch here, ``(time, features, batch)``: each gate is then one block of
memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from scratch.recurrent.nodes import Params
from scratch.recurrent.steps import State

#: A gate's weights on the input, its bias, and its weights on the state, or their gradients.
Gate = tuple[ndarray | None, ndarray, ndarray | None]


class Stack:
    """The matrices of some gates side by side, their biases between: ``W``, for ``[x; 1; h]``.

    Args:
        values: of each gate; None for weights that it does not have.
        derivs: to be added to, of the same shapes.
        features: of the input.
        hidden: width of the state.
    """

    def __init__(
        self, values: Sequence[Gate], derivs: Sequence[Gate], features: int, hidden: int
    ) -> None:
        self.derivs, self.features, self.hidden = derivs, features, hidden
        self.W = np.zeros((features + 1 + hidden, len(values) * hidden), values[0][1].dtype)
        for gate, (W_x, B, W_h) in zip(self._gates(self.W), values, strict=True):
            gate[features] = B[0]
            if W_x is not None:
                gate[:features] = W_x
            if W_h is not None:
                gate[features + 1 :] = W_h
        self.W_x, self.W_h = self.W[:features], self.W[features + 1 :]

    def backward(self, int_grads: ndarray, columns: ndarray) -> ndarray:
        """Adds the gradients on the weights; returns that on the inputs.

        Args:
            int_grads: on the products, shape ``(gates * hidden, time, batch)``.
            columns: what was multiplied, shape ``(time * batch, features + 1 + hidden)``.

        Returns:
            Shape ``(features, time, batch)``.
        """
        gates, time, batch = int_grads.shape
        flat = int_grads.reshape(gates, time * batch)
        for grad, (W_x, B, W_h) in zip(self._gates(columns.T @ flat.T), self.derivs, strict=True):
            B += grad[self.features]
            if W_x is not None:
                W_x += grad[: self.features]
            if W_h is not None:
                W_h += grad[self.features + 1 :]
        return (self.W_x @ flat).reshape(self.features, time, batch)

    def _gates(self, W: ndarray) -> list[ndarray]:
        return [W[:, k : k + self.hidden] for k in range(0, W.shape[1], self.hidden)]


class FusedPass:
    """One pass of a batch of sequences, forward and back: ``NodeByNode``, but faster.

    A subclass says what a time step is.

    Args:
        params: of the layer; the gradients are added to.
    """

    def __init__(self, params: Params) -> None:
        self.params = params

    def forward(self, x_seq_in: ndarray, state: State) -> tuple[ndarray, State]:
        """Outputs ``(batch, time, out)`` of inputs ``(batch, time, features)``, and the last state.

        Args:
            x_seq_in: the inputs.
            state: before the first time step, each ``(batch, hidden)``.
        """
        self.batch, self.time, self.features = x_seq_in.shape
        self.hidden = state[0].shape[1]
        W_v = self._value("W_v")
        self.dtype = np.result_type(x_seq_in, W_v)
        self.Z = self._columns(self.time + 1)
        self.Z[:-1, : self.features] = x_seq_in.transpose(1, 2, 0)
        self.Z[-1, : self.features] = 0  # no input follows
        self.H = self.Z[:, self.features + 1 :]
        self.H[0] = state[0].T
        self._start(state)
        for t in range(self.time):
            self._step(t)
        rows = self.batch * (self.time + 1)
        self.flat = self.Z.transpose(0, 2, 1).reshape(rows, self.Z.shape[1])
        x_seq_out = self.flat[self.batch :, self.features + 1 :] @ W_v + self._value("B_v")
        x_seq_out = x_seq_out.reshape(self.time, self.batch, W_v.shape[1])
        return np.ascontiguousarray(x_seq_out.transpose(1, 0, 2)), self._state()

    def backward(self, x_seq_out_grad: ndarray, state_grad: State) -> tuple[ndarray, State]:
        """Gradients on the inputs and on the first state; adds to those on the parameters.

        Args:
            x_seq_out_grad: on the outputs.
            state_grad: on the last state.
        """
        out_grad = np.ascontiguousarray(x_seq_out_grad.transpose(1, 2, 0), self.dtype)
        H_grads = self._value("W_v") @ out_grad
        carried = tuple(grad.T.astype(self.dtype) for grad in state_grad)
        self._start_back()
        for t in reversed(range(self.time)):
            H_grad, *rest = carried
            carried = self._step_back(t, H_grad + H_grads[t], *rest)

        flat_grad = out_grad.transpose(0, 2, 1).reshape(self.time * self.batch, out_grad.shape[1])
        self.params["W_v"]["deriv"] += self.flat[self.batch :, self.features + 1 :].T @ flat_grad
        self.params["B_v"]["deriv"] += flat_grad.sum(axis=0)
        x_grad = self._finish_back(self.flat[: self.time * self.batch])
        return np.ascontiguousarray(x_grad.transpose(2, 1, 0)), tuple(
            np.ascontiguousarray(grad.T) for grad in carried
        )

    def _start(self, state: State) -> None:
        """Make ready for the way forward."""
        raise NotImplementedError

    def _step(self, t: int) -> None:
        """Set ``H[t + 1]``."""
        raise NotImplementedError

    def _state(self) -> State:
        return (self.H[-1].T.copy(),)

    def _start_back(self) -> None:
        """Make ready for the way back."""
        raise NotImplementedError

    def _step_back(self, t: int, H_grad: ndarray, *rest: ndarray) -> State:
        """From the gradient on ``H[t + 1]`` (and on the rest of the state) to that on ``H[t]``."""
        raise NotImplementedError

    def _finish_back(self, columns: ndarray) -> ndarray:
        """Add the gradients on the weights; return that on the inputs, feature by feature."""
        raise NotImplementedError

    def _value(self, name: str) -> ndarray:
        return self.params[name]["value"]

    def _joint(self, names: str) -> Stack:
        """Of gates that have one matrix for input and state together, as in RNN and LSTM."""

        def gate(name: str, key: str) -> Gate:
            W = self.params[f"W_{name}"][key]
            return W[: self.features], self.params[f"B_{name}"][key], W[self.features :]

        values, derivs = ([gate(name, key) for name in names] for key in ("value", "deriv"))
        return Stack(values, derivs, self.features, self.hidden)

    def _apart(self, gates: Sequence[tuple[str, str, str]]) -> Stack:
        """Of gates with matrices for input and state apart, as in GRU; an empty name is none."""
        values, derivs = (
            [tuple(self.params[name][key] if name else None for name in gate) for gate in gates]
            for key in ("value", "deriv")
        )
        return Stack(values, derivs, self.features, self.hidden)  # type: ignore[arg-type]

    def _columns(self, count: int) -> ndarray:
        """Room for ``[x; 1; h]`` of each time step and row."""
        columns = np.empty((count, self.features + 1 + self.hidden, self.batch), self.dtype)
        columns[:, self.features] = 1
        return columns

    def _room(self, *shape: int) -> ndarray:
        return np.empty(shape, self.dtype)


class FusedRNN(FusedPass):
    """``RNNNode`` over time."""

    def _start(self, state: State) -> None:
        self.stack = self._joint("f")

    def _step(self, t: int) -> None:
        np.tanh(self.stack.W.T @ self.Z[t], out=self.H[t + 1])

    def _start_back(self) -> None:
        self.int_grads = self._room(self.hidden, self.time, self.batch)

    def _step_back(self, t: int, H_grad: ndarray, *rest: ndarray) -> State:
        H = self.H[t + 1]
        H_grad *= 1 - H * H
        self.int_grads[:, t] = H_grad
        return (self.stack.W_h @ H_grad,)

    def _finish_back(self, columns: ndarray) -> ndarray:
        return self.stack.backward(self.int_grads, columns)


def sigmoid_in_place(x: ndarray) -> None:
    """``1 / (1 + exp(-x))`` as ``tanh(x / 2) / 2 + 1 / 2``, which takes half as long.

    Exact next to 1: what is less than half the distance from 1 to the next number becomes 0.
    """
    x *= 0.5
    np.tanh(x, out=x)
    x *= 0.5
    x += 0.5
