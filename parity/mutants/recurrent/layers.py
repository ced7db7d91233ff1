"""Mistakes that any of the recurrent layers of chapter 6 can have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.mutants.recurrent.by_nodes import ByNodes, Mistake, of_layer
from parity.mutants.recurrent.kept import KEPT
from scratch.recurrent.layers import GRULayer, RNNLayer


class _NotHandedOn(ByNodes):
    def _handed_on(self, states: list[ndarray], starts: list[ndarray]) -> list[ndarray]:
        return starts


class _StartIgnored(ByNodes):
    def _starts(self, batch: int, dtype: np.dtype) -> list[ndarray]:
        return [np.zeros_like(start) for start in super()._starts(batch, dtype)]


class _NotCarried(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        pass


class _FirstRowCarried(ByNodes):
    def _carried(self, state: ndarray) -> ndarray:
        return state[:1].copy()


class _LastRowCarried(ByNodes):
    def _carried(self, state: ndarray) -> ndarray:
        return state[-1:].copy()


class _SumCarried(ByNodes):
    def _carried(self, state: ndarray) -> ndarray:
        return np.sum(state, axis=0, keepdims=True)


class _AddedToStart(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        before = self.start_state()
        super()._keep(states)
        self._start_from(*(old + new for old, new in zip(before, self.start_state(), strict=True)))


class _FirstStepCarried(ByNodes):
    of_first: list[ndarray] | None

    def forward(self, x_seq_in: ndarray) -> ndarray:
        self.of_first = None
        return super().forward(x_seq_in)

    def _handed_on(self, states: list[ndarray], starts: list[ndarray]) -> list[ndarray]:
        if states is not starts and self.of_first is None:
            self.of_first = states
        return states

    def _keep(self, states: list[ndarray]) -> None:
        super()._keep(states if self.of_first is None else self.of_first)


class _LastOutputEverywhere(ByNodes):
    def _outputs(self, x_seq_out: list[ndarray]) -> ndarray:
        return np.stack([x_seq_out[-1] for _ in x_seq_out], axis=1)


class _OutputsReversed(ByNodes):
    def _outputs(self, x_seq_out: list[ndarray]) -> ndarray:
        return np.stack(x_seq_out[::-1], axis=1)


class _OneNode(ByNodes):
    def _make_nodes(self, length: int) -> list[Any]:
        return [self._make_node()] * length


class _SetUpEachTime(ByNodes):
    def forward(self, x_seq_in: ndarray) -> ndarray:
        self.first = True
        return super().forward(x_seq_in)


class _FirstParamsKept(ByNodes):
    """Nodes work with the parameters as they were in the first pass back."""

    def forward(self, x_seq_in: ndarray) -> ndarray:
        own = self.params
        if hasattr(self, "of_nodes"):
            self.params = {
                name: {"value": self.of_nodes[name], "deriv": param["deriv"]}
                for name, param in own.items()
            }
        x_seq_out = super().forward(x_seq_in)
        self.params = own
        return x_seq_out

    def backward(self, x_seq_out_grad: ndarray) -> ndarray:
        if not hasattr(self, "of_nodes"):
            self.of_nodes = {name: param["value"].copy() for name, param in self.params.items()}
        return super().backward(x_seq_out_grad)


class _StateGradDropped(ByNodes):
    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        return super()._step_back(t, x_seq_out_grad, self._last_grads(x_seq_out_grad))


class _StateGradOnes(ByNodes):
    def _last_grads(self, x_seq_out_grad: ndarray) -> list[ndarray]:
        return [np.ones_like(grad) for grad in super()._last_grads(x_seq_out_grad)]


class _StateGradNotDivided(ByNodes):
    """The output's gradient takes the way of the state's as well."""

    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        x_in_grad, *before = super()._step_back(t, x_seq_out_grad, grads)
        return x_in_grad, *(old + new for old, new in zip(grads, before, strict=True))


class _ForwardInTime(ByNodes):
    def _order_back(self, length: int) -> Iterable[int]:
        return range(length)


class _InputGradsReversed(ByNodes):
    def _place_back(self, t: int, length: int) -> int:
        return length - 1 - t


class _LastStepOnly(ByNodes):
    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        last = np.zeros_like(x_seq_out_grad)
        last[:, -1] = x_seq_out_grad[:, -1]
        return super()._step_back(t, last, grads)


class _LastGradEverywhere(ByNodes):
    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        last = np.repeat(x_seq_out_grad[:, -1:], x_seq_out_grad.shape[1], axis=1)
        return super()._step_back(t, last, grads)


class _OverwrittenEachStep(ByNodes):
    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        self.clear_gradients()
        return super()._step_back(t, x_seq_out_grad, grads)


class _OverwrittenEachTime(ByNodes):
    def backward(self, x_seq_out_grad: ndarray) -> ndarray:
        self.clear_gradients()
        return super().backward(x_seq_out_grad)


class _NotCleared(ByNodes):
    def clear_gradients(self) -> None:
        pass


def _scaled(divisor_axis: int) -> type[ByNodes]:
    """The gradients of each pass back on the parameters, divided by the length of an axis."""

    class Scaled(ByNodes):
        def backward(self, x_seq_out_grad: ndarray) -> ndarray:
            before = {name: param["deriv"].copy() for name, param in self.params.items()}
            x_seq_in_grad = super().backward(x_seq_out_grad)
            for name, param in self.params.items():
                param["deriv"] -= before[name]
                param["deriv"] /= x_seq_out_grad.shape[divisor_axis]
                param["deriv"] += before[name]
            return x_seq_in_grad

    return Scaled


ANY_LAYER: tuple[Mistake, ...] = (
    (
        "state not handed on",
        "Every time step starts from the layer's start state, so the past is forgotten: hand the "
        "state that a node returns to the next node.",
        _NotHandedOn,
        "output",
    ),
    (
        "start state ignored",
        "A batch starts from zeros; it must start from self.start_H, repeated for each row.",
        _StartIgnored,
        "output of the next batch",
    ),
    (
        "state not carried",
        "The start state never changes: after a forward pass it must become the mean of the "
        "batch's last states.",
        _NotCarried,
        "start_H",
    ),
    (
        "first row's state carried",
        "The state of the batch's first row is carried on; take the mean over the rows: "
        "mean(axis=0, keepdims=True).",
        _FirstRowCarried,
        "start_H",
    ),
    (
        "last row's state carried",
        "The state of the batch's last row is carried on; take the mean over the rows: "
        "mean(axis=0, keepdims=True).",
        _LastRowCarried,
        "start_H",
    ),
    (
        "states summed",
        "The rows' states are summed to carry them on; take their mean, or the state grows with "
        "the batch.",
        _SumCarried,
        "start_H",
    ),
    (
        "added to the start state",
        "The mean of the last states is added to the start state; it must take its place.",
        _AddedToStart,
        "start_H of the next batch",
    ),
    (
        "state of the first step carried",
        "What is carried on is the state after the first time step; take that after the last one.",
        _FirstStepCarried,
        "start_H",
    ),
    (
        "last output everywhere",
        "All time steps show the output of the last one: keep each node's output in its own place, "
        "x_seq_out[:, t, :].",
        _LastOutputEverywhere,
        "output",
    ),
    (
        "outputs reversed",
        "The outputs stand in reversed order of time: x_seq_out[:, t, :] belongs to "
        "x_seq_in[:, t, :].",
        _OutputsReversed,
        "output",
    ),
    (
        "one node for all steps",
        "All time steps share one node, which remembers only the last of them: make a new one for "
        "each, [Node() for _ in range(length)], not [Node()] * length.",
        _OneNode,
        "input_grad",
    ),
    (
        "set up at each pass",
        "The parameters are drawn anew at each forward pass: set self.first to False after the "
        "first.",
        _SetUpEachTime,
        "params stay from pass to pass",
    ),
    (
        "parameters copied",
        "The nodes work with copies of the values, so the optimizer's updates never reach them: "
        "hand self.params to each node in each pass.",
        _FirstParamsKept,
        "output after an update",
    ),
    (
        "state gradient dropped",
        "Each node gets zeros for the gradient on its state; it must get what the node of the "
        "later time step returned, or nothing is learnt through time.",
        _StateGradDropped,
        "input_grad",
    ),
    (
        "state gradient of ones",
        "The gradient on the last state starts as ones; nothing comes after it, so it is zeros.",
        _StateGradOnes,
        "input_grad",
    ),
    (
        "state gradients summed",
        "The gradient on the state is added up from step to step; what a node returns has the "
        "later steps in it already and takes the old one's place.",
        _StateGradNotDivided,
        "input_grad",
    ),
    (
        "backward in forward order",
        "backward begins with the first time step; go from the last to the first, "
        "reversed(range(length)).",
        _ForwardInTime,
        "input_grad",
    ),
    (
        "input gradients reversed",
        "The input gradients stand in the order they were computed in, the last time step first: "
        "x_seq_in_grad[:, t, :] belongs to x_seq_in[:, t, :].",
        _InputGradsReversed,
        "input_grad",
    ),
    (
        "last step's gradient only",
        "Only the last time step's output has a gradient; each node gets its own, "
        "x_seq_out_grad[:, t, :].",
        _LastStepOnly,
        "input_grad",
    ),
    (
        "last step's gradient everywhere",
        "Every node gets the gradient of the last time step's output; each gets its own, "
        "x_seq_out_grad[:, t, :].",
        _LastGradEverywhere,
        "input_grad",
    ),
    (
        "gradients overwritten at each step",
        "The gradients are those of the first time step alone: all steps share the parameters, so "
        "each adds its share.",
        _OverwrittenEachStep,
        "deriv[W_v]",
    ),
    (
        "gradients overwritten at each pass",
        "backward clears the gradients; it must add to them, and clear_gradients alone sets them "
        "to 0.",
        _OverwrittenEachTime,
        "deriv[W_v] after both batches",
    ),
    (
        "gradients averaged over time",
        "The gradients are divided by the number of time steps; they are the sum over all steps, "
        "the loss has done what division there is.",
        _scaled(1),
        "deriv[W_v]",
    ),
    (
        "gradients averaged over the batch",
        "The gradients are divided by the batch size; the loss has done that already.",
        _scaled(0),
        "deriv[W_v]",
    ),
    (
        "gradients not cleared",
        "clear_gradients leaves the gradients as they are; it must set every deriv to 0.",
        _NotCleared,
        "clearing sets every deriv to 0",
    ),
)

RNN_LAYER = of_layer(RNNLayer, (*ANY_LAYER, *KEPT))
GRU_LAYER = of_layer(GRULayer, (*ANY_LAYER, *KEPT))
