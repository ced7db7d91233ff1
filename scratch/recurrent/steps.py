"""Chapter 6: a recurrent layer's way through time as in the book, a node for each step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from scratch.recurrent.nodes import GRUNode, LSTMNode, Params, RNNNode

#: What a layer hands from time step to time step: the hidden state, in LSTM the cell's, too.
State = tuple[ndarray, ...]


class NodeByNode:
    """One pass of a batch of sequences, forward and back.

    Chapter 6, "RNNLayer: The Code". The readable form, and the oracle of those in ``fused``.

    Args:
        params: of the layer; the gradients are added to.
        make_node: makes the node of a time step.
    """

    def __init__(
        self, params: Params, make_node: Callable[[], RNNNode | GRUNode | LSTMNode]
    ) -> None:
        self.params = params
        self.make_node = make_node

    def forward(self, x_seq_in: ndarray, state: State) -> tuple[ndarray, State]:
        """Outputs ``(batch, time, out)`` of inputs ``(batch, time, features)``, and the last state.

        Args:
            x_seq_in: the inputs.
            state: before the first time step, each ``(batch, hidden)``.
        """
        self.nodes = [self.make_node() for _ in range(x_seq_in.shape[1])]
        x_seq_out = []
        for t, node in enumerate(self.nodes):
            x_out, *after = node.forward(x_seq_in[:, t], *state, self.params)  # type: ignore[call-arg, arg-type]
            x_seq_out.append(x_out)
            state = tuple(after)
        return np.stack(x_seq_out, axis=1), tuple(part.copy() for part in state)

    def backward(self, x_seq_out_grad: ndarray, state_grad: State) -> tuple[ndarray, State]:
        """Gradients on the inputs and on the first state; adds to those on the parameters.

        Args:
            x_seq_out_grad: on the outputs.
            state_grad: on the last state.
        """
        x_seq_in_grad = []
        for t, node in reversed(list(enumerate(self.nodes))):
            x_in_grad, *before = node.backward(x_seq_out_grad[:, t], *state_grad, self.params)  # type: ignore[call-arg, arg-type]
            x_seq_in_grad.append(x_in_grad)
            state_grad = tuple(before)
        return np.stack(x_seq_in_grad[::-1], axis=1), state_grad
