"""Mistakes in what is added to the recurrent layers of chapter 6: the state not carried on, a GRU
that resets after the product, an LSTM with peepholes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.by_nodes import ByNodes, Mistake, of_layer
from scratch.recurrent.layers import GRULayer, LSTMLayer, RNNLayer
from scratch.recurrent.nodes import GRUNode, LSTMNode, Params


class _AlwaysCarried(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        self._start_from(*(self._carried(state) for state in states))


class _NeverCarried(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        pass


class _TurnedRound(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        if not self.carry_state:
            self._start_from(*(self._carried(state) for state in states))


class _SetToZeros(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        super()._keep(states)
        if not self.carry_state:
            self.reset_state()


class _StartIgnored(ByNodes):
    def _starts(self, batch: int, dtype: np.dtype) -> list[ndarray]:
        starts = super()._starts(batch, dtype)
        return starts if self.carry_state else [np.zeros_like(start) for start in starts]


class _NotHandedOn(ByNodes):
    def _handed_on(self, states: list[ndarray], starts: list[ndarray]) -> list[ndarray]:
        return states if self.carry_state else starts


class _CellCarried(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        kept = self.start_H
        self._start_from(*(self._carried(state) for state in states))
        if not self.carry_state:
            self.start_H = kept


_CARRY_STATE: tuple[Mistake, ...] = (
    (
        "carry_state ignored",
        "carry_state=False changes nothing: the start state must then stay as it is.",
        _AlwaysCarried,
        "start_H",
    ),
    (
        "never carried",
        "With carry_state=True, too, the start state stays as it is; it must become the mean of "
        "the batch's last states.",
        _NeverCarried,
        "start_H",
    ),
    (
        "turned round",
        "carry_state is taken the other way round: with False the state is carried on, with True "
        "it is not.",
        _TurnedRound,
        "start_H",
    ),
    (
        "start state set to zeros",
        "With carry_state=False the start state becomes zeros after a batch; it must stay what it "
        "was.",
        _SetToZeros,
        "start_H",
    ),
    (
        "start state ignored",
        "With carry_state=False a batch starts from zeros; it must start from the layer's start "
        "state, whatever that is.",
        _StartIgnored,
        "output",
    ),
    (
        "state not handed on",
        "With carry_state=False each time step starts anew; the state goes on from step to step, "
        "only from batch to batch it does not.",
        _NotHandedOn,
        "output",
    ),
)

_CELL: tuple[Mistake, ...] = (
    (
        "cell's state carried",
        "With carry_state=False start_C changes still: both states stay as they are.",
        _CellCarried,
        "start_C",
    ),
)

RNN_CARRY_STATE = of_layer(RNNLayer, _CARRY_STATE)
GRU_CARRY_STATE = of_layer(GRULayer, _CARRY_STATE)
LSTM_CARRY_STATE = of_layer(LSTMLayer, (*_CARRY_STATE, *_CELL))


def _gru(node: type[GRUNode], reset_after: bool = True) -> type[GRULayer]:
    """A layer of such nodes."""

    class Wrong(ByNodes, GRULayer):
        def _make_node(self) -> Any:
            return node(reset_after)

    return Wrong


class _BiasOutside(GRUNode):
    """The reset gate has no hold on the second bias, which is then no more than the first again."""

    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        return super().forward(X_in, H_in, self._moved(params))

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        before = params["B_h"]["deriv"].copy()
        grads = super().backward(X_out_grad, H_out_grad, self._moved(params))
        params["B_hh"]["deriv"] += params["B_h"]["deriv"] - before
        return grads

    def _moved(self, params: Params) -> Params:
        B_h, B_hh = params["B_h"], params["B_hh"]
        zeros = {"value": np.zeros_like(B_hh["value"]), "deriv": np.zeros_like(B_hh["deriv"])}
        both = {"value": B_h["value"] + B_hh["value"], "deriv": B_h["deriv"]}
        return params | {"B_h": both, "B_hh": zeros}


class _NoSecondBias(GRUNode):
    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        B_hh = params["B_hh"]
        none = {"value": np.zeros_like(B_hh["value"]), "deriv": B_hh["deriv"]}
        return super().forward(X_in, H_in, params | {"B_hh": none})

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        return super().backward(X_out_grad, H_out_grad, _without_deriv(params, "B_hh"))


def _without_deriv(params: Params, *names: str) -> Params:
    """The parameters, of which some keep their gradients to themselves."""
    return params | {
        name: {"value": params[name]["value"], "deriv": params[name]["deriv"].copy()}
        for name in names
    }


class _SecondBiasNotLearnt(GRUNode):
    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        return super().backward(X_out_grad, H_out_grad, _without_deriv(params, "B_hh"))


RESET_AFTER = (
    Mutant(
        "reset_after ignored",
        "reset_after=True changes nothing: the layer's nodes must then be "
        "GRUNode(reset_after=True).",
        _gru(GRUNode, reset_after=False),
        "output",
    ),
    Mutant(
        "second bias not reset",
        "B_hh is added outside of the reset gate, where B_h is already: r * (H_in W_hh + B_hh).",
        _gru(_BiasOutside),
        "output",
        within="GRUNode.reset_after",
    ),
    Mutant(
        "no second bias",
        "The product with the state has no bias of its own: r * (H_in W_hh + B_hh).",
        _gru(_NoSecondBias),
        "output",
        within="GRUNode.reset_after",
    ),
    Mutant(
        "second bias not learnt",
        "Nothing is added to the gradient on B_hh: it is the sum over the rows of the gradient on "
        "H_in W_hh + B_hh.",
        _gru(_SecondBiasNotLearnt),
        "deriv[B_hh]",
        within="GRUNode.reset_after",
    ),
)


def _lstm(node: type[LSTMNode], peepholes: bool = True) -> type[LSTMLayer]:
    """A layer of such nodes."""

    class Wrong(ByNodes, LSTMLayer):
        def _make_node(self) -> Any:
            return node(peepholes)

    return Wrong


class _OldStateSeen(LSTMNode):
    """By the output gate."""

    def _gate(self, params: Params, name: str, C: ndarray) -> ndarray:
        return super()._gate(params, name, self.C_in)

    def _peephole_backward(
        self, int_grad: ndarray, C: ndarray, params: Params, name: str
    ) -> ndarray | float:
        through = super()._peephole_backward(int_grad, self.C_in, params, name)
        if name != "o":
            return through
        self.through_o = through
        return 0.0

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, C_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        X_in_grad, H_in_grad, C_in_grad = super().backward(
            X_out_grad, H_out_grad, C_out_grad, params
        )
        return X_in_grad, H_in_grad, C_in_grad + self.through_o


class _NotSentBack(LSTMNode):
    def _peephole_backward(
        self, int_grad: ndarray, C: ndarray, params: Params, name: str
    ) -> ndarray | float:
        super()._peephole_backward(int_grad, C, params, name)
        return 0.0


class _PeepholesNotLearnt(LSTMNode):
    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, C_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        kept = _without_deriv(params, "P_f", "P_i", "P_o")
        return super().backward(X_out_grad, H_out_grad, C_out_grad, kept)


PEEPHOLES = (
    Mutant(
        "peepholes ignored",
        "peepholes=True changes nothing: the layer's nodes must then be LSTMNode(peepholes=True).",
        _lstm(LSTMNode, peepholes=False),
        "output",
    ),
    Mutant(
        "output gate sees the old state",
        "The output gate sees the cell's state before the step; it comes last and sees the new "
        "one, C_out.",
        _lstm(_OldStateSeen),
        "output",
        within="LSTMNode.peepholes",
    ),
    Mutant(
        "peepholes not on the way back",
        "The gradients of the gates do not go back through the peepholes: each adds its gradient "
        "times P to that on the cell's state which it saw.",
        _lstm(_NotSentBack),
        "input_grad",
        within="LSTMNode.peepholes",
    ),
    Mutant(
        "peepholes not learnt",
        "Nothing is added to the gradients on P_f, P_i and P_o: each is the sum over the rows of "
        "the gate's gradient times the state it saw.",
        _lstm(_PeepholesNotLearnt),
        "deriv[P_f]",
        within="LSTMNode.peepholes",
    ),
)
