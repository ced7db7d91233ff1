"""Chapter 6, made fast: gated recurrent units over a whole sequence, in both forms."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.recurrent.fused.sequence import FusedPass, sigmoid_in_place
from scratch.recurrent.steps import State


class FusedGRU(FusedPass):
    """``GRUNode`` over time, the state reset before the product.

    The candidate sees ``[x; 1; r h]``, so it has a stack of its own.
    """

    def _start(self, state: State) -> None:
        n = self.hidden
        self.stack = self._apart([("W_xr", "B_r", "W_hr"), ("W_xu", "B_u", "W_hu")])
        self.candidate = self._apart([("W_xh", "B_h", "W_hh")])
        self.gates = self._room("gates", self.time, 2 * n, self.batch)
        self.h_bar = self._room("h_bar", self.time, n, self.batch)
        self.reset = self._columns("reset", self.time)
        self.reset[:, : self.features] = self.Z[:-1, : self.features]

    def _step(self, t: int) -> None:
        n, gates, H, h_bar = self.hidden, self.gates[t], self.H[t], self.h_bar[t]
        np.matmul(self.stack.W.T, self.Z[t], out=gates)
        sigmoid_in_place(gates)
        np.multiply(gates[:n], H, out=self.reset[t, self.features + 1 :])
        np.matmul(self.candidate.W.T, self.reset[t], out=h_bar)
        np.tanh(h_bar, out=h_bar)
        after = np.subtract(H, h_bar, out=self.H[t + 1])
        after *= gates[n:]
        after += h_bar

    def _start_back(self) -> None:
        n = self.hidden
        self.gate_grads = self._room("gate_grads", 2 * n, self.time, self.batch)
        self.h_bar_grads = self._room("h_bar_grads", n, self.time, self.batch)

    def _step_back(self, t: int, H_grad: ndarray, *rest: ndarray) -> State:
        n, gates, H, h_bar = self.hidden, self.gates[t], self.H[t], self.h_bar[t]
        r, u = gates[:n], gates[n:]
        gate_grad = np.empty_like(gates)
        np.multiply(H_grad, H - h_bar, out=gate_grad[n:])
        h_bar_grad = (1 - u) * (1 - h_bar * h_bar)
        h_bar_grad *= H_grad
        reset_grad = self.candidate.W_h @ h_bar_grad
        np.multiply(reset_grad, H, out=gate_grad[:n])
        gate_grad *= gates
        gate_grad *= 1 - gates
        self.gate_grads[:, t] = gate_grad
        self.h_bar_grads[:, t] = h_bar_grad
        H_grad *= u
        reset_grad *= r
        H_grad += reset_grad
        H_grad += self.stack.W_h @ gate_grad
        return (H_grad,)

    def _finish_back(self, columns: ndarray) -> ndarray:
        reset = self._flat("flat reset", self.reset)
        x_grad = self.candidate.backward(self.h_bar_grads, reset)
        x_grad += self.stack.backward(self.gate_grads, columns)
        return x_grad


class FusedGRUResetAfter(FusedPass):
    """``GRUNode`` over time, the product of the state reset, as ``nn.GRU`` does.

    That product stands below the two gates; the candidate's input needs no state and is had for
    all time steps at once.
    """

    def _start(self, state: State) -> None:
        n = self.hidden
        self.stack = self._apart(
            [("W_xr", "B_r", "W_hr"), ("W_xu", "B_u", "W_hu"), ("", "B_hh", "W_hh")]
        )
        self.candidate = self._apart([("W_xh", "B_h", "")])
        self.gates = self._room("gates", self.time, 3 * n, self.batch)
        width = self.features + 1
        self.h_bar = self._room("h_bar", self.time, n, self.batch)
        np.matmul(self.candidate.W[:width].T, self.Z[:-1, :width], out=self.h_bar)

    def _step(self, t: int) -> None:
        n, gates, H, h_bar = self.hidden, self.gates[t], self.H[t], self.h_bar[t]
        np.matmul(self.stack.W.T, self.Z[t], out=gates)
        sigmoid_in_place(gates[: 2 * n])
        h_bar += gates[:n] * gates[2 * n :]
        np.tanh(h_bar, out=h_bar)
        after = np.subtract(H, h_bar, out=self.H[t + 1])
        after *= gates[n : 2 * n]
        after += h_bar

    def _start_back(self) -> None:
        n = self.hidden
        self.gate_grads = self._room("gate_grads", 3 * n, self.time, self.batch)
        self.h_bar_grads = self._room("h_bar_grads", n, self.time, self.batch)

    def _step_back(self, t: int, H_grad: ndarray, *rest: ndarray) -> State:
        n, gates, H, h_bar = self.hidden, self.gates[t], self.H[t], self.h_bar[t]
        r, u, H_h = gates[:n], gates[n : 2 * n], gates[2 * n :]
        gate_grad = np.empty_like(gates)
        h_bar_grad = (1 - u) * (1 - h_bar * h_bar)
        h_bar_grad *= H_grad
        np.multiply(h_bar_grad, H_h, out=gate_grad[:n])
        np.multiply(H_grad, H - h_bar, out=gate_grad[n : 2 * n])
        np.multiply(h_bar_grad, r, out=gate_grad[2 * n :])
        both = gates[: 2 * n]
        gate_grad[: 2 * n] *= both * (1 - both)
        self.gate_grads[:, t] = gate_grad
        self.h_bar_grads[:, t] = h_bar_grad
        H_grad *= u
        H_grad += self.stack.W_h @ gate_grad
        return (H_grad,)

    def _finish_back(self, columns: ndarray) -> ndarray:
        x_grad = self.candidate.backward(self.h_bar_grads, columns)
        x_grad += self.stack.backward(self.gate_grads, columns)
        return x_grad
