"""The recurrent layers node by node as the book has them, in parts that a mistake replaces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch.recurrent.layers import GRULayer, LSTMLayer, RecurrentLayer
from scratch.recurrent.nodes import GRUNode, LSTMNode, RNNNode

#: A mistake as it is told of any layer: name, sentence, part that is wrong, and the result that
#: gives it away.
Mistake = tuple[str, str, type["ByNodes"], str]


class ByNodes(RecurrentLayer):
    """What goes with any of the three layers, as ``(Mistake, GRULayer)``; states are lists."""

    nodes: list[Any]

    def forward(self, x_seq_in: ndarray) -> ndarray:
        """A batch through time."""
        if self.first:
            self._init_params(x_seq_in)
            self.first = False
        length = x_seq_in.shape[1]
        self.nodes = self._make_nodes(length)
        starts = self._starts(len(x_seq_in), x_seq_in.dtype)
        states, x_seq_out = starts, []
        for t, node in enumerate(self.nodes):
            x_out, *after = node.forward(
                x_seq_in[:, t], *self._handed_on(states, starts), self.params
            )
            states = after
            x_seq_out.append(x_out)
        self._keep(states)
        return self._outputs(x_seq_out)

    def backward(self, x_seq_out_grad: ndarray) -> ndarray:
        """Back through time."""
        length = x_seq_out_grad.shape[1]
        grads = self._last_grads(x_seq_out_grad)
        x_seq_in_grad: list[Any] = [None] * length
        for t in self._order_back(length):
            x_in_grad, *grads = self._step_back(t, x_seq_out_grad, grads)
            x_seq_in_grad[self._place_back(t, length)] = x_in_grad
        return np.stack(x_seq_in_grad, axis=1)

    def _make_node(self) -> Any:
        if isinstance(self, GRULayer):
            return GRUNode(self.reset_after)
        return LSTMNode(self.peepholes) if isinstance(self, LSTMLayer) else RNNNode()

    def _make_nodes(self, length: int) -> list[Any]:
        return [self._make_node() for _ in range(length)]

    def _starts(self, batch: int, dtype: np.dtype) -> list[ndarray]:
        return [np.repeat(start.astype(dtype), batch, axis=0) for start in self.start_state()]

    def _handed_on(self, states: list[ndarray], starts: list[ndarray]) -> list[ndarray]:
        """What a node receives: the states after the step before it."""
        return states

    def _outputs(self, x_seq_out: list[ndarray]) -> ndarray:
        return np.stack(x_seq_out, axis=1)

    def _keep(self, states: list[ndarray]) -> None:
        if self.carry_state:
            self._start_from(*(self._carried(state) for state in states))

    def _carried(self, state: ndarray) -> ndarray:
        mean: ndarray = state.mean(axis=0, keepdims=True)
        return mean

    def _last_grads(self, x_seq_out_grad: ndarray) -> list[ndarray]:
        """Those on the states after the last time step."""
        zeros = np.zeros((len(x_seq_out_grad), self.hidden_size), x_seq_out_grad.dtype)
        return [zeros for _ in self.start_state()]

    def _order_back(self, length: int) -> Iterable[int]:
        return reversed(range(length))

    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        return self.nodes[t].backward(x_seq_out_grad[:, t], *grads, self.params)

    def _place_back(self, t: int, length: int) -> int:
        return t


#: What a node can do wrong as well as the layer that it is in.
_ALSO_OF_A_NODE = frozenset(
    {
        "state not handed on",
        "cell's state not handed on",
        "states exchanged",
        "state gradient dropped",
        "hidden gradient dropped",
        "cell's gradient dropped",
        "state gradients exchanged",
        "gradients overwritten at each step",
    }
)


def of_layer(right: type[RecurrentLayer], mistakes: Iterable[Mistake]) -> tuple[Mutant, ...]:
    """The mutants of one of the layers. One that its node may have made is not named twice."""
    node = right.__name__.removesuffix("Layer") + "Node"
    return tuple(
        Mutant(
            name,
            sentence,
            type(mistake.__name__, (mistake, right), {}),
            caught_in,
            within=node if name in _ALSO_OF_A_NODE else None,
        )
        for name, sentence, mistake, caught_in in mistakes
    )
