"""Chapter 6, made fast: a recurrent layer's way through time, as much of it at once as can be.

The sums are those of ``nodes``, in another order. All gates of a time step are one product, of
their matrices one under the other and a column ``[x; 1; h]`` for each row of the batch. The
gradients on the weights and on the inputs are one product each at the end, over all time steps.
Features stand before the batch here, ``(time, features, batch)``: each gate is then one block of
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray

from scratch.recurrent.nodes import Params
from scratch.recurrent.steps import State

#: A gate's weights on the input, its bias, and its weights on the state, or their gradients.
Gate = tuple[ndarray | None, ndarray, ndarray | None]


class Room:
    """Arrays that the passes of a layer write to, one pass after the other.

    Where the system takes memory back after each pass, having it anew costs up to a fifth of the
    time (``benchmarks/README.md``). A layer keeps them, some ten times its parameters.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, ndarray] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> ndarray:
        """The array of that name, with whatever the last pass has left in it."""
        kept = self._arrays.get(name)
        if kept is None or kept.shape != shape or kept.dtype != dtype:
            kept = self._arrays[name] = np.empty(shape, dtype)
        return kept


class Stack:
    """The matrices of some gates side by side, their biases between: ``W``, for ``[x; 1; h]``.

    Args:
        gates: finds the "value" or the "deriv" of each; None for weights that it does not have.
        hidden: width of the state.
        W: to be filled with them, shape ``(features + 1 + hidden, gates * hidden)``.
        W_grad: for their gradients, of that shape.
    """

    def __init__(
        self, gates: Callable[[str], list[Gate]], hidden: int, W: ndarray, W_grad: ndarray
    ) -> None:
        self.gates, self.hidden, self.W, self.W_grad = gates, hidden, W, W_grad
        self.features = features = W.shape[0] - 1 - hidden
        for gate, (W_x, B, W_h) in zip(self._columns(W), gates("value"), strict=True):
            gate[:features] = 0 if W_x is None else W_x
            gate[features] = B[0]
            gate[features + 1 :] = 0 if W_h is None else W_h
        self.W_x, self.W_h = self.W[:features], self.W[features + 1 :]

    def backward(self, int_grads: ndarray, columns: ndarray) -> ndarray:
        """Adds the gradients on the weights; returns that on the inputs.

        Args:
            int_grads: on the products, shape ``(gates * hidden, time, batch)``.
            columns: what was multiplied, shape ``(time * batch, features + 1 + hidden)``.

        Returns:
            Shape ``(features, time, batch)``.
        """
        rows, time, batch = int_grads.shape
        flat = int_grads.reshape(rows, time * batch)
        np.matmul(columns.T, flat.T, out=self.W_grad)
        # Which arrays the gradients are in may have changed since the way forward.
        for grad, (W_x, B, W_h) in zip(
            self._columns(self.W_grad), self.gates("deriv"), strict=True
        ):
            B += grad[self.features]
            if W_x is not None:
                W_x += grad[: self.features]
            if W_h is not None:
                W_h += grad[self.features + 1 :]
        return (self.W_x @ flat).reshape(self.features, time, batch)

    def _columns(self, W: ndarray) -> list[ndarray]:
        return [W[:, k : k + self.hidden] for k in range(0, W.shape[1], self.hidden)]


class FusedPass:
    """One pass of a batch of sequences, forward and back: ``NodeByNode``, but faster.

    A subclass says what a time step is.

    Args:
        params: of the layer; the gradients are added to.
        room: of the layer; what the last pass has kept there is lost.
    """

    def __init__(self, params: Params, room: Room) -> None:
        self.params = params
        self.room = room

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
        self.Z = self._columns("Z", self.time + 1)
        self.Z[:-1, : self.features] = x_seq_in.transpose(1, 2, 0)
        self.Z[-1, : self.features] = 0  # no input follows
        self.H = self.Z[:, self.features + 1 :]
        self.H[0] = state[0].T
        self._start(state)
        for t in range(self.time):
            self._step(t)
        self.flat = self._flat("flat Z", self.Z)
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
        H_grads = self._room("H_grads", self.time, self.hidden, self.batch)
        np.matmul(self._value("W_v"), out_grad, out=H_grads)
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

        return self._stack(names, len(names), lambda key: [gate(name, key) for name in names])

    def _apart(self, gates: Sequence[tuple[str, str, str]]) -> Stack:
        """Of gates with matrices for input and state apart, as in GRU; an empty name is none."""

        def gate(names: tuple[str, str, str], key: str) -> Gate:
            W_x, _, W_h = (self.params[name][key] if name else None for name in names)
            return W_x, self.params[names[1]][key], W_h

        name = " ".join(bias for _, bias, _ in gates)
        return self._stack(name, len(gates), lambda key: [gate(names, key) for names in gates])

    def _stack(self, name: str, count: int, gates: Callable[[str], list[Gate]]) -> Stack:
        shape = (self.features + 1 + self.hidden, count * self.hidden)
        W, W_grad = (self._room(f"{what} of {name}", *shape) for what in ("W", "W_grad"))
        return Stack(gates, self.hidden, W, W_grad)

    def _columns(self, name: str, count: int) -> ndarray:
        """Room for ``[x; 1; h]`` of each time step and row."""
        columns = self._room(name, count, self.features + 1 + self.hidden, self.batch)
        columns[:, self.features] = 1
        return columns

    def _flat(self, name: str, columns: ndarray) -> ndarray:
        """``(time, features, batch)`` as ``(time * batch, features)``."""
        time, features, batch = columns.shape
        flat = self._room(name, time, batch, features)
        flat[...] = columns.transpose(0, 2, 1)
        return flat.reshape(time * batch, features)

    def _room(self, name: str, *shape: int) -> ndarray:
        return self.room.array(name, shape, self.dtype)


class FusedRNN(FusedPass):
    """``RNNNode`` over time."""

    def _start(self, state: State) -> None:
        self.stack = self._joint("f")

    def _step(self, t: int) -> None:
        np.tanh(self.stack.W.T @ self.Z[t], out=self.H[t + 1])

    def _start_back(self) -> None:
        self.int_grads = self._room("int_grads", self.hidden, self.time, self.batch)

    def _step_back(self, t: int, H_grad: ndarray, *rest: ndarray) -> State:
        H = self.H[t + 1]
        H_grad *= 1 - H * H
        self.int_grads[:, t] = H_grad
        return (self.stack.W_h @ H_grad,)

    def _finish_back(self, columns: ndarray) -> ndarray:
        return self.stack.backward(self.int_grads, columns)


def sigmoid_in_place(x: ndarray) -> None:
    """``1 / (1 + exp(-x))`` as ``tanh(x / 2) / 2 + 1 / 2``: as exact next to 1, but not next to 0.

    What is less than half the distance from 1 to the next number becomes 0.
    """
    x *= 0.5
    np.tanh(x, out=x)
    x *= 0.5
    x += 0.5
