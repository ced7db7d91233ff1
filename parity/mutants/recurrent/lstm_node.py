"""Mistakes in the node of long short-term memory."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.any_node import any_mutants, gate_mutants, stack_mutants
from parity.mutants.recurrent.in_parts import LSTM, Params
from parity.mutants.recurrent.slopes import LSTM_SLOPES


def exchanged(first: str, second: str, kinds: str = "WBP") -> type[LSTM]:
    """A node that takes the parameters of one gate for those of another."""
    names = {f"{kind}_{first}": f"{kind}_{second}" for kind in kinds}
    names |= {other: name for name, other in names.items()}

    def own(params: Params) -> Params:
        return {name: params[names.get(name, name)] for name in params}

    class Wrong(LSTM):
        def forward(
            self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params: Params
        ) -> tuple[ndarray, ndarray, ndarray]:
            return super().forward(X_in, H_in, C_in, own(params))

        def backward(
            self, X_out_grad: ndarray, H_out_grad: ndarray, C_out_grad: ndarray, params: Params
        ) -> tuple[ndarray, ...]:
            return super().backward(X_out_grad, H_out_grad, C_out_grad, own(params))

    return Wrong


class _OneGateForBoth(LSTM):
    """What is not forgotten is what is let in: a GRU's way."""

    def forward(
        self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        super().forward(X_in, H_in, C_in, params)
        self.i = 1 - self.f
        self.C_out = self.f * C_in + self.i * self.C_bar
        self.tanh_C = np.tanh(self.C_out)
        self.H_out = self.o * self.tanh_C
        return self._output(params), self.H_out, self.C_out

    def _forget_gate_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad * (self.C_in - self.C_bar)

    def _input_gate_grad(self, C_grad: ndarray) -> ndarray:
        return np.zeros_like(C_grad)


class _OldCellShown(LSTM):
    def _shown(self, C: ndarray) -> ndarray:
        tanh: ndarray = np.tanh(self.C_in)
        return tanh


class _CellWithoutTanh(LSTM):
    def _shown(self, C: ndarray) -> ndarray:
        return C

    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return C_out_grad + H_grad * self.o


class _CellHandedOnWithTanh(LSTM):
    def forward(
        self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        X_out, H_out, _ = super().forward(X_in, H_in, C_in, params)
        return X_out, H_out, self.tanh_C


class _StatesExchanged(LSTM):
    def forward(
        self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        X_out, H_out, C_out = super().forward(X_in, H_in, C_in, params)
        return X_out, C_out, H_out


class _StateGradsExchanged(LSTM):
    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, C_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ...]:
        X_in_grad, *state_grads = super().backward(X_out_grad, H_out_grad, C_out_grad, params)
        return (X_in_grad, *reversed(state_grads))


class _NextCellDropped(LSTM):
    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return H_grad * self.o * self._tanh_slope(self.tanh_C)


class _PathThroughHiddenForgotten(LSTM):
    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return C_out_grad


class _SlopeOfCellForgotten(LSTM):
    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return C_out_grad + H_grad * self.o


class _SlopeAtCell(LSTM):
    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return C_out_grad + H_grad * self.o * (1 - self.C_out**2)


class _OutputGateNotInCellGrad(LSTM):
    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return C_out_grad + H_grad * self._tanh_slope(self.tanh_C)


class _OutputGateWithoutTanh(LSTM):
    def _output_gate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * self.C_out


class _OutputGateWithOldCell(LSTM):
    def _output_gate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * np.tanh(self.C_in)


class _ForgetGateWithNewCell(LSTM):
    def _forget_gate_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad * self.C_out


class _InputGateWithOldCell(LSTM):
    def _input_gate_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad * self.C_in


class _CandidateNotWeighted(LSTM):
    def _candidate_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad


class _KeptWhole(LSTM):
    def _kept_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad


class _KeptFromNextAlone(LSTM):
    """Passes on the next step's gradient without what this step's output adds to it."""

    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        self.C_out_grad = C_out_grad
        return super()._cell_grad(H_grad, C_out_grad)

    def _kept_grad(self, C_grad: ndarray) -> ndarray:
        return self.C_out_grad * self.f


class _OneGateLost(LSTM):
    def _total(self, Z_grads: list[ndarray]) -> ndarray:
        of_f, of_i, of_c, _ = Z_grads
        total: ndarray = of_f + of_i + of_c
        return total


class _LastGateAlone(LSTM):
    def _total(self, Z_grads: list[ndarray]) -> ndarray:
        return Z_grads[-1]


class _CellGradBeforeNextHidden(LSTM):
    """The next step's gradient on the hidden state reaches the output gate only."""

    def _hidden_grad(self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params) -> ndarray:
        self.H_out_grad = H_out_grad
        return super()._hidden_grad(X_out_grad, H_out_grad, params)

    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return super()._cell_grad(H_grad - self.H_out_grad, C_out_grad)


LSTM_NODE = (
    *LSTM_SLOPES,
    *any_mutants(LSTM),
    *gate_mutants(LSTM),
    *stack_mutants(LSTM),
    Mutant(
        "forget and input gate exchanged",
        "The forget gate is computed with the input gate's parameters, and the other way round.",
        exchanged("f", "i"),
        "X_out",
    ),
    Mutant(
        "output and input gate exchanged",
        "The output gate is computed with the input gate's parameters, and the other way round.",
        exchanged("o", "i"),
        "X_out",
    ),
    Mutant(
        "output and forget gate exchanged",
        "The output gate is computed with the forget gate's parameters, and the other way round.",
        exchanged("o", "f"),
        "X_out",
    ),
    Mutant(
        "one gate for both",
        "The candidate's share is 1 - f, as in a GRU; an LSTM has the input gate i for that.",
        _OneGateForBoth,
        "X_out",
    ),
    Mutant(
        "old cell shown",
        "H_out is o * tanh(C_in); take the new state of the cell, C_out.",
        _OldCellShown,
        "X_out",
    ),
    Mutant(
        "cell without tanh",
        "H_out is o * C_out; it is o * tanh(C_out).",
        _CellWithoutTanh,
        "X_out",
    ),
    Mutant(
        "cell handed on through tanh",
        "forward hands on tanh(C_out); the next time step gets C_out itself.",
        _CellHandedOnWithTanh,
        "C_out",
    ),
    Mutant(
        "states exchanged",
        "forward returns the cell's state before the hidden one; the order is X_out, H_out, C_out.",
        _StatesExchanged,
        "H_out",
    ),
    Mutant(
        "gradients on the states exchanged",
        "backward returns the gradient on C_in before that on H_in; the order is X_in, H_in, C_in.",
        _StateGradsExchanged,
        "H_in_grad",
    ),
    Mutant(
        "next step's cell gradient dropped",
        "C_out_grad, which comes from the next time step, is left out: the gradient on C_out is "
        "the sum of it and of what comes back through H_out.",
        _NextCellDropped,
        "C_in_grad",
    ),
    Mutant(
        "cell's gradient through H_out forgotten",
        "The gradient on C_out is C_out_grad alone; H_out is o * tanh(C_out), so o * (1 - "
        "tanh(C_out) ** 2) times the gradient on H_out comes on top.",
        _PathThroughHiddenForgotten,
        "C_in_grad",
    ),
    Mutant(
        "cell's slope forgotten",
        "What comes back from H_out to C_out is not multiplied by the slope of tanh, "
        "1 - tanh(C_out) ** 2.",
        _SlopeOfCellForgotten,
        "C_in_grad",
    ),
    Mutant(
        "slope at the cell",
        "The slope of tanh(C_out) is taken as 1 - C_out ** 2; it is 1 - tanh(C_out) ** 2.",
        _SlopeAtCell,
        "C_in_grad",
    ),
    Mutant(
        "output gate not in the cell's gradient",
        "What comes back from H_out to C_out lacks the output gate, o, which multiplies "
        "tanh(C_out).",
        _OutputGateNotInCellGrad,
        "C_in_grad",
    ),
    Mutant(
        "next step's hidden gradient past the cell",
        "H_out_grad reaches the output gate and not the cell; add it to the gradient on H_out "
        "before anything else.",
        _CellGradBeforeNextHidden,
        "C_in_grad",
    ),
    Mutant(
        "output gate with the cell itself",
        "The gradient on o is taken with C_out; o multiplies tanh(C_out).",
        _OutputGateWithoutTanh,
        "X_in_grad",
    ),
    Mutant(
        "output gate with the old cell",
        "The gradient on o is taken with tanh(C_in); o multiplies tanh(C_out).",
        _OutputGateWithOldCell,
        "X_in_grad",
    ),
    Mutant(
        "forget gate with the new cell",
        "The gradient on f is taken with C_out; f multiplies C_in.",
        _ForgetGateWithNewCell,
        "X_in_grad",
    ),
    Mutant(
        "input gate with the old cell",
        "The gradient on i is taken with C_in; i multiplies the candidate C_bar.",
        _InputGateWithOldCell,
        "X_in_grad",
    ),
    Mutant(
        "candidate's gate forgotten",
        "The gradient on C_bar is that on C_out; multiply it by i.",
        _CandidateNotWeighted,
        "X_in_grad",
    ),
    Mutant(
        "forget gate not in the cell's gradient",
        "The gradient on C_in is that on C_out; multiply it by f.",
        _KeptWhole,
        "C_in_grad",
    ),
    Mutant(
        "cell's gradient handed on alone",
        "The gradient on C_in is f * C_out_grad; f multiplies the whole gradient on C_out, with "
        "what comes back through H_out.",
        _KeptFromNextAlone,
        "C_in_grad",
    ),
    Mutant(
        "output gate's share forgotten",
        "The gradient on Z lacks the output gate's share; add up those of all four gates.",
        _OneGateLost,
        "X_in_grad",
    ),
    Mutant(
        "one gate's share alone",
        "The gradient on Z is the output gate's share alone; add up those of all four gates.",
        _LastGateAlone,
        "X_in_grad",
    ),
)
