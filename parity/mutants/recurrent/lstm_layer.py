"""Mistakes in the LSTM layer of chapter 6, which hands on two states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.mutants.recurrent.by_nodes import ByNodes, Mistake, of_layer
from parity.mutants.recurrent.kept import KEPT
from parity.mutants.recurrent.layers import ANY_LAYER
from scratch.recurrent.layers import LSTMLayer


class _CellGradDropped(ByNodes):
    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        hidden_grad, cell_grad = grads
        return super()._step_back(t, x_seq_out_grad, [hidden_grad, np.zeros_like(cell_grad)])


class _HiddenGradDropped(ByNodes):
    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        hidden_grad, cell_grad = grads
        return super()._step_back(t, x_seq_out_grad, [np.zeros_like(hidden_grad), cell_grad])


class _GradsExchanged(ByNodes):
    def _step_back(self, t: int, x_seq_out_grad: ndarray, grads: list[ndarray]) -> Any:
        return super()._step_back(t, x_seq_out_grad, grads[::-1])


class _StatesExchanged(ByNodes):
    def _handed_on(self, states: list[ndarray], starts: list[ndarray]) -> list[ndarray]:
        return states if states is starts else states[::-1]


class _CellNotHandedOn(ByNodes):
    def _handed_on(self, states: list[ndarray], starts: list[ndarray]) -> list[ndarray]:
        return [states[0], starts[1]]


class _CellNotCarried(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        self.start_H = self._carried(states[0])


class _CellCarriedAsHidden(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        super()._keep([states[1], states[1]])


class _HiddenCarriedAsCell(ByNodes):
    def _keep(self, states: list[ndarray]) -> None:
        super()._keep([states[0], states[0]])


class _CellStartIgnored(ByNodes):
    def _starts(self, batch: int, dtype: np.dtype) -> list[ndarray]:
        hidden, cell = super()._starts(batch, dtype)
        return [hidden, np.zeros_like(cell)]


class _CellStartsAsHidden(ByNodes):
    def _starts(self, batch: int, dtype: np.dtype) -> list[ndarray]:
        hidden, _ = super()._starts(batch, dtype)
        return [hidden, hidden]


_LSTM: tuple[Mistake, ...] = (
    (
        "cell's gradient dropped",
        "Each node gets zeros for the gradient on the cell's state; it must get what the node of "
        "the later time step returned.",
        _CellGradDropped,
        "input_grad",
    ),
    (
        "hidden gradient dropped",
        "Each node gets zeros for the gradient on the hidden state; it must get what the node of "
        "the later time step returned.",
        _HiddenGradDropped,
        "input_grad",
    ),
    (
        "state gradients exchanged",
        "The gradients on hidden state and cell's state are exchanged between time steps: a node "
        "returns and takes that of the hidden state first.",
        _GradsExchanged,
        "input_grad",
    ),
    (
        "states exchanged",
        "Hidden state and cell's state are exchanged between time steps: a node returns X_out, "
        "H_out, C_out, and takes H_in before C_in.",
        _StatesExchanged,
        "output",
    ),
    (
        "cell's state not handed on",
        "Every time step starts from start_C: hand the cell's state that a node returns to the "
        "next node.",
        _CellNotHandedOn,
        "output",
    ),
    (
        "cell's state not carried",
        "start_C never changes: after a forward pass it must become the mean of the batch's last "
        "cell states, as start_H does of the hidden ones.",
        _CellNotCarried,
        "start_C",
    ),
    (
        "cell's state carried as hidden",
        "start_H becomes the mean of the cell's states; take that of the hidden ones.",
        _CellCarriedAsHidden,
        "start_H",
    ),
    (
        "hidden state carried as cell's",
        "start_C becomes the mean of the hidden states; take that of the cell's.",
        _HiddenCarriedAsCell,
        "start_C",
    ),
    (
        "start_C ignored",
        "The cell's state of a batch starts from zeros; it must start from self.start_C, repeated "
        "for each row.",
        _CellStartIgnored,
        "output of the next batch",
    ),
    (
        "start_H for both",
        "The cell's state of a batch starts from self.start_H; it has a start of its own, "
        "self.start_C.",
        _CellStartsAsHidden,
        "output of the next batch",
    ),
)

LSTM_LAYER = of_layer(LSTMLayer, (*ANY_LAYER, *KEPT, *_LSTM))
