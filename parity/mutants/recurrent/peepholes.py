"""Mistakes in the peepholes of an LSTM's node."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.in_parts import LSTM, Params
from parity.mutants.recurrent.lstm_node import exchanged
from scratch.functions import sigmoid


class _Ignored(LSTM):
    def __init__(self, peepholes: bool = False) -> None:
        super().__init__()


class _AllSeeOldCell(LSTM):
    def _gate(self, params: Params, name: str, C: ndarray) -> ndarray:
        return super()._gate(params, name, self.C_in)

    def _peephole_backward(
        self, int_grad: ndarray, C: ndarray, params: Params, name: str
    ) -> ndarray | float:
        if name != "o":
            return super()._peephole_backward(int_grad, C, params, name)
        self.of_C_in = super()._peephole_backward(int_grad, self.C_in, params, name)
        return 0.0

    def _kept_grad(self, C_grad: ndarray) -> ndarray:
        return super()._kept_grad(C_grad) + self.of_C_in


class _NotWeighted(LSTM):
    """The gates see the cell's state as it is."""

    def _gate(self, params: Params, name: str, C: ndarray) -> ndarray:
        return self._linear(self.Z, params, name) + (C if self.option else 0)


class _SeeTanh(LSTM):
    def _gate(self, params: Params, name: str, C: ndarray) -> ndarray:
        return super()._gate(params, name, np.tanh(C))


class _AfterSigmoid(LSTM):
    """A peephole is added to the gate instead of to what the sigmoid is taken of."""

    def forward(
        self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        if not self.option:
            return super().forward(X_in, H_in, C_in, params)
        self.X_in, self.H_in, self.C_in = X_in, H_in, C_in
        self.Z = self._stack(X_in, H_in)
        seen = {name: params[f"P_{name}"]["value"] for name in "fio"}
        self.f = sigmoid(self._linear(self.Z, params, "f")) + seen["f"] * C_in
        self.i = sigmoid(self._linear(self.Z, params, "i")) + seen["i"] * C_in
        self.C_bar = np.tanh(self._linear(self.Z, params, "c"))
        self.C_out = self.f * C_in + self.i * self.C_bar
        self.o = sigmoid(self._linear(self.Z, params, "o")) + seen["o"] * self.C_out
        self.tanh_C = np.tanh(self.C_out)
        self.H_out = self.o * self.tanh_C
        return self._output(params), self.H_out, self.C_out


def _nothing_back(*names: str) -> type[LSTM]:
    """A node in which nothing goes back to the cell through the peepholes of some gates."""

    class Wrong(LSTM):
        def _peephole_backward(
            self, int_grad: ndarray, C: ndarray, params: Params, name: str
        ) -> ndarray | float:
            back = super()._peephole_backward(int_grad, C, params, name)
            return 0.0 if name in names else back

    return Wrong


class _GradsForgotten(LSTM):
    def _peephole_backward(
        self, int_grad: ndarray, C: ndarray, params: Params, name: str
    ) -> ndarray | float:
        return int_grad * params[f"P_{name}"]["value"] if self.option else 0.0


class _GradsNotSummed(LSTM):
    def _peephole_backward(
        self, int_grad: ndarray, C: ndarray, params: Params, name: str
    ) -> ndarray | float:
        if not self.option:
            return 0.0
        self._add(params, f"P_{name}", int_grad * C)
        return int_grad * params[f"P_{name}"]["value"]


def _grad_with(cell: str, *names: str) -> type[LSTM]:
    """A node in which the gradients on some peepholes are taken with another state of the cell."""

    class Wrong(LSTM):
        def _peephole_backward(
            self, int_grad: ndarray, C: ndarray, params: Params, name: str
        ) -> ndarray | float:
            seen = getattr(self, cell) if name in names else C
            return super()._peephole_backward(int_grad, seen, params, name)

    return Wrong


PEEPHOLES = (
    Mutant(
        "ignored",
        "peepholes changes nothing: the gates do not see the state of the cell.",
        _Ignored,
        "X_out",
    ),
    Mutant(
        "output gate sees the old cell",
        "The output gate sees C_in; it comes last, and sees the new state: P_o * C_out.",
        _AllSeeOldCell,
        "X_out",
    ),
    Mutant(
        "not weighted",
        "The state of the cell is added to the gates as it is; multiply it by P_f, P_i and P_o.",
        _NotWeighted,
        "X_out",
    ),
    Mutant(
        "seen through tanh",
        "The gates see tanh of the cell's state; they see the state itself.",
        _SeeTanh,
        "X_out",
    ),
    Mutant(
        "behind the sigmoid",
        "The peepholes are added to the gates; add them to what the sigmoid is taken of.",
        _AfterSigmoid,
        "X_out",
    ),
    Mutant(
        "forget and input gate's exchanged",
        "P_i is used for the forget gate and P_f for the input gate; exchange them.",
        exchanged("f", "i", "P"),
        "X_out",
    ),
    Mutant(
        "nothing back through the output gate's",
        "The gradient on C_out lacks what comes back through P_o: the output gate's gradient "
        "before its sigmoid, times P_o.",
        _nothing_back("o"),
        "C_in_grad",
    ),
    Mutant(
        "nothing back to the old cell",
        "The gradient on C_in lacks what comes back through P_f and P_i: the gates' gradients "
        "before their sigmoids, times P_f and P_i.",
        _nothing_back("f", "i"),
        "C_in_grad",
    ),
    Mutant(
        "nothing back at all",
        "Nothing comes back to C_out and C_in through the peepholes: each sends on the gate's "
        "gradient before its sigmoid, times P_o to C_out, times P_f and P_i to C_in.",
        _nothing_back("f", "i", "o"),
        "C_in_grad",
    ),
    Mutant(
        "gradients forgotten",
        'backward adds nothing to "deriv" of P_f, P_i and P_o.',
        _GradsForgotten,
        "deriv[P_f]",
    ),
    Mutant(
        "gradients not summed",
        "The gradients on the peepholes have a row for each row of the batch; add them up, "
        "sum(axis=0, keepdims=True).",
        _GradsNotSummed,
        "deriv[P_f]",
    ),
    Mutant(
        "output gate's gradient with the old cell",
        "The gradient on P_o is taken with C_in; P_o was multiplied by C_out.",
        _grad_with("C_in", "o"),
        "deriv[P_o]",
    ),
    Mutant(
        "forget and input gate's gradients with the new cell",
        "The gradients on P_f and P_i are taken with C_out; they were multiplied by C_in.",
        _grad_with("C_out", "f", "i"),
        "deriv[P_f]",
    ),
)
