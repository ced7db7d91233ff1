"""Chapter 6: recurrent layers, which pass a batch of sequences through time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from scratch.recurrent.fused import (
    FusedGRU,
    FusedGRUResetAfter,
    FusedLSTM,
    FusedPass,
    FusedRNN,
    Room,
)
from scratch.recurrent.nodes import GRUNode, LSTMNode, Params, RNNNode
from scratch.recurrent.steps import NodeByNode, State
from scratch.seeding import Seed, as_stream, is_integer


class RecurrentLayer:
    """What the three recurrent layers share. Chapter 6, "The RNNLayer Class".

    Takes ``(batch, time, features)``, returns ``(batch, time, output_size)``. The first input sets
    up ``params``: by the book's name of each, its "value" and its "deriv", the gradient. A pass
    back *adds* to the gradients, until ``clear_gradients``: all time steps share the weights.

    Each row starts from the one state ``start_H``, shape ``(1, hidden_size)``. As in the book the
    mean of the batch's last states becomes the next batch's start (``docs/errata.md``, E22). It
    is a constant there: no gradient goes back to the batch before.

    Args:
        hidden_size: width of the state.
        output_size: width of the output.
        weight_scale: standard deviation of all parameters; by default ``2 / (features +
            output_size)``, as in the book's companion code.
        carry_state: whether a batch starts where the last one stopped. Where batches are shuffled
            they have no common past, and each ought to start from 0.
        seed: where the parameters come from; within a model the model sets it.
        fused: whether to compute all gates, and what can be of all time steps, at once; otherwise
            node by node, as the book does. The results are the same, but for rounding.

    Raises:
        ValueError: a size is not a whole number of at least 1, or ``weight_scale`` is negative; in
            ``forward``, the input has not three dimensions, no time step, or not as many features
            as the first one had.
        TypeError: in ``forward``, the input is not of a floating-point type.
    """

    def __init__(
        self,
        hidden_size: int,
        output_size: int,
        weight_scale: float | None = None,
        carry_state: bool = True,
        seed: Seed = None,
        fused: bool = True,
    ) -> None:
        for name, size in (("hidden_size", hidden_size), ("output_size", output_size)):
            if not is_integer(size) or size < 1:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be a whole number of at least 1, "
                    f"not {size!r}"
                )
        if weight_scale is not None and not 0 <= weight_scale < np.inf:
            raise ValueError(
                f"{type(self).__name__}: weight_scale must be a number of at least 0, "
                f"not {weight_scale!r}"
            )
        self.hidden_size = hidden_size
        self.output_size = output_size
        self.weight_scale = weight_scale
        self.carry_state = carry_state
        self.seed = seed
        self.fused = fused
        self.first = True
        self.params: Params = {}
        self.start_H = np.zeros((1, hidden_size))
        self._room = Room()

    def forward(self, x_seq_in: ndarray) -> ndarray:
        """Pass a batch through time, from the layer's start state.

        Args:
            x_seq_in: shape ``(batch, time, features)``.

        Returns:
            Shape ``(batch, time, output_size)``.
        """
        self._check_input(x_seq_in)
        batch = len(x_seq_in)
        state = tuple(np.repeat(start, batch, axis=0) for start in self.start_state())
        x_seq_out, state = self.forward_from(x_seq_in, state)
        if self.carry_state and batch > 0:
            self._start_from(*(part.mean(axis=0, keepdims=True) for part in state))
        return x_seq_out

    def forward_from(self, x_seq_in: ndarray, state: State) -> tuple[ndarray, State]:
        """Pass a batch through time from a state of the caller's; the layer's own stays as it is.

        Args:
            x_seq_in: shape ``(batch, time, features)``.
            state: the hidden state (in LSTM also the cell's), each ``(batch, hidden_size)``.

        Returns:
            The output, ``(batch, time, output_size)``, and the state after the last time step.

        Raises:
            ValueError: as above, and where a state has another shape.
        """
        self._check_input(x_seq_in)
        self._check_state("state", state, len(x_seq_in))
        if self.first:
            self._init_params(x_seq_in)
            self.first = False
        self._pass = self._make_pass()
        self._output_shape = (*x_seq_in.shape[:2], self.output_size)
        self._dtype = x_seq_in.dtype
        return self._pass.forward(x_seq_in, self._in_dtype(state))

    def backward(self, x_seq_out_grad: ndarray) -> ndarray:
        """Gradient on the last input; adds to the gradients on the parameters.

        Args:
            x_seq_out_grad: shape ``(batch, time, output_size)``.

        Raises:
            RuntimeError: ``forward`` has not run.
            ValueError: the gradient has not the shape of the output.
        """
        return self.backward_from(x_seq_out_grad)[0]

    def backward_from(
        self, x_seq_out_grad: ndarray, state_grad: State | None = None
    ) -> tuple[ndarray, State]:
        """As ``backward``, with a gradient on the last state, and also the one on the first.

        Args:
            x_seq_out_grad: shape ``(batch, time, output_size)``.
            state_grad: on what ``forward_from`` returned as the state; by default 0.

        Raises:
            RuntimeError: ``forward`` has not run.
            ValueError: a gradient has not the shape of what it is the gradient of.
        """
        if not hasattr(self, "_pass"):
            raise RuntimeError(f"{self}: backward was called before forward")
        if x_seq_out_grad.shape != self._output_shape:
            raise ValueError(
                f"{self}: output and x_seq_out_grad have different shapes, {self._output_shape} "
                f"and {x_seq_out_grad.shape}"
            )
        batch = len(x_seq_out_grad)
        if state_grad is None:
            zeros = np.zeros((batch, self.hidden_size), x_seq_out_grad.dtype)
            state_grad = (zeros,) * len(self.start_state())
        self._check_state("state_grad", state_grad, batch)
        x_seq_out_grad = x_seq_out_grad.astype(self._dtype, copy=False)
        return self._pass.backward(x_seq_out_grad, self._in_dtype(state_grad))

    def clear_gradients(self) -> None:
        """Set the gradients on all parameters to 0, in place."""
        for param in self.params.values():
            param["deriv"].fill(0)

    def start_state(self) -> State:
        """What the next batch starts from, each ``(1, hidden_size)``."""
        return (self.start_H,)

    def reset_state(self) -> None:
        """Let the next batch start from 0."""
        self._start_from(*(np.zeros_like(part) for part in self.start_state()))

    def _start_from(self, *state: ndarray) -> None:
        (self.start_H,) = state

    def _init_params(self, input_: ndarray) -> None:
        stream, features = as_stream(self.seed), input_.shape[2]
        scale = self.weight_scale
        if scale is None:
            scale = 2 / (features + self.output_size)
        for name, shape in self._shapes(features).items():
            value = (scale * stream.standard_normal(shape)).astype(input_.dtype)
            self.params[name] = {"value": value, "deriv": np.zeros_like(value)}
        self.features = features

    def _shapes(self, features: int) -> dict[str, tuple[int, int]]:
        """The shapes of the parameters by their names, in the order they are drawn in."""
        raise NotImplementedError(f"{type(self).__name__} must define _shapes")

    def _projection_shapes(self) -> dict[str, tuple[int, int]]:
        return {"W_v": (self.hidden_size, self.output_size), "B_v": (1, self.output_size)}

    def _in_dtype(self, state: State) -> State:
        """In that of the input."""
        return tuple(part.astype(self._dtype, copy=False) for part in state)

    def __getstate__(self) -> dict[str, Any]:
        """A copy has the parameters and the start state, and has passed nothing yet."""
        return {
            name: Room() if name == "_room" else value
            for name, value in vars(self).items()
            if name != "_pass"
        }

    def _make_pass(self) -> NodeByNode | FusedPass:
        raise NotImplementedError(f"{type(self).__name__} must define _make_pass")

    def _check_input(self, x_seq_in: ndarray) -> None:
        if x_seq_in.dtype.kind != "f":
            raise TypeError(
                f"{self}: input must be of a floating-point type, not {x_seq_in.dtype}; characters "
                "become numbers with scratch.text.one_hot_sequences"
            )
        if x_seq_in.ndim != 3 or 0 in x_seq_in.shape[1:]:
            raise ValueError(
                f"{self}: input must have shape (batch, time, features), with at least one time "
                f"step and one feature, not {x_seq_in.shape}"
            )
        if not self.first and x_seq_in.shape[2] != self.features:
            raise ValueError(
                f"{self}: input of shape {x_seq_in.shape} has {x_seq_in.shape[2]} features, the "
                f"layer was set up for {self.features}"
            )

    def _check_state(self, what: str, state: State, batch: int) -> None:
        expected = len(self.start_state())
        if not isinstance(state, tuple) or len(state) != expected:
            parts = "(H, C)" if expected == 2 else "(H,)"
            raise ValueError(f"{self}: {what} must be the tuple {parts}, not {state!r:.60}")
        for part in state:
            if part.shape != (batch, self.hidden_size):
                raise ValueError(
                    f"{self}: each part of {what} must have shape {(batch, self.hidden_size)}, "
                    f"not {part.shape}"
                )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hidden_size}, {self.output_size})"


class RNNLayer(RecurrentLayer):
    """The classic recurrent layer, of ``RNNNode``. Chapter 6, "The RNNLayer Class".

    ``params``: ``W_f``, ``B_f``, ``W_v``, ``B_v``. Arguments as in ``RecurrentLayer``.
    """

    def _shapes(self, features: int) -> dict[str, tuple[int, int]]:
        hidden = self.hidden_size
        return {
            "W_f": (features + hidden, hidden),
            "B_f": (1, hidden),
        } | self._projection_shapes()

    def _make_pass(self) -> NodeByNode | FusedPass:
        return FusedRNN(self.params, self._room) if self.fused else NodeByNode(self.params, RNNNode)


class GRULayer(RecurrentLayer):
    """A layer of gated recurrent units, ``GRUNode``. Chapter 6, "GRUNodes".

    ``params``: ``W_xr``, ``W_xu``, ``W_xh``, ``W_hr``, ``W_hu``, ``W_hh``, ``B_r``, ``B_u``,
    ``B_h``, with ``reset_after`` ``B_hh``, then ``W_v``, ``B_v``.

    Args:
        hidden_size: as in ``RecurrentLayer``, and so are the others.
        output_size: the width of the output.
        weight_scale: standard deviation of all parameters.
        carry_state: whether a batch starts where the last one stopped.
        seed: where the parameters come from.
        fused: whether to compute all gates at once.
        reset_after: as in ``GRUNode``: the form of ``nn.GRU``, not that of the book.
    """

    def __init__(
        self,
        hidden_size: int,
        output_size: int,
        weight_scale: float | None = None,
        carry_state: bool = True,
        seed: Seed = None,
        fused: bool = True,
        reset_after: bool = False,
    ) -> None:
        super().__init__(hidden_size, output_size, weight_scale, carry_state, seed, fused)
        self.reset_after = reset_after

    def _shapes(self, features: int) -> dict[str, tuple[int, int]]:
        hidden = self.hidden_size
        biases = ("B_r", "B_u", "B_h", "B_hh") if self.reset_after else ("B_r", "B_u", "B_h")
        return (
            dict.fromkeys(("W_xr", "W_xu", "W_xh"), (features, hidden))
            | dict.fromkeys(("W_hr", "W_hu", "W_hh"), (hidden, hidden))
            | dict.fromkeys(biases, (1, hidden))
            | self._projection_shapes()
        )

    def _make_pass(self) -> NodeByNode | FusedPass:
        if not self.fused:
            return NodeByNode(self.params, lambda: GRUNode(self.reset_after))
        return (
            FusedGRUResetAfter(self.params, self._room)
            if self.reset_after
            else FusedGRU(self.params, self._room)
        )


class LSTMLayer(RecurrentLayer):
    """A layer of long short-term memory, ``LSTMNode``. Chapter 6, "LSTMNodes".

    Beside ``start_H`` it has ``start_C``, the state that its cells start from. ``params``: ``W_f``,
    ``W_i``, ``W_c``, ``W_o``, ``B_f``, ``B_i``, ``B_c``, ``B_o``, with ``peepholes`` ``P_f``,
    ``P_i``, ``P_o``, then ``W_v``, ``B_v``.

    Args:
        hidden_size: as in ``RecurrentLayer``, and so are the others.
        output_size: the width of the output.
        weight_scale: standard deviation of all parameters.
        carry_state: whether a batch starts where the last one stopped.
        seed: where the parameters come from.
        fused: whether to compute all gates at once.
        peepholes: as in ``LSTMNode``.
    """

    def __init__(
        self,
        hidden_size: int,
        output_size: int,
        weight_scale: float | None = None,
        carry_state: bool = True,
        seed: Seed = None,
        fused: bool = True,
        peepholes: bool = False,
    ) -> None:
        super().__init__(hidden_size, output_size, weight_scale, carry_state, seed, fused)
        self.peepholes = peepholes
        self.start_C = np.zeros((1, hidden_size))

    def start_state(self) -> State:
        """Hidden state and state of the cell that the next batch starts from."""
        return self.start_H, self.start_C

    def _start_from(self, *state: ndarray) -> None:
        self.start_H, self.start_C = state

    def _shapes(self, features: int) -> dict[str, tuple[int, int]]:
        hidden = self.hidden_size
        row = (1, hidden)
        return (
            dict.fromkeys(("W_f", "W_i", "W_c", "W_o"), (features + hidden, hidden))
            | dict.fromkeys(("B_f", "B_i", "B_c", "B_o"), row)
            | (dict.fromkeys(("P_f", "P_i", "P_o"), row) if self.peepholes else {})
            | self._projection_shapes()
        )

    def _make_pass(self) -> NodeByNode | FusedPass:
        if not self.fused:
            return NodeByNode(self.params, lambda: LSTMNode(self.peepholes))
        return FusedLSTM(self.params, self._room, self.peepholes)
