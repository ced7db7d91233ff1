"""Chapter 6, made fast: long short-term memory over a whole sequence."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.recurrent.fused.sequence import FusedPass, Room, sigmoid_in_place
from scratch.recurrent.nodes import Params
from scratch.recurrent.steps import State


class FusedLSTM(FusedPass):
    """``LSTMNode`` over time, its gates in the order forget, input, output, candidate.

    Args:
        params: as in ``FusedPass``.
        room: as in ``FusedPass``.
        peepholes: as in ``LSTMNode``.
    """

    def __init__(self, params: Params, room: Room, peepholes: bool = False) -> None:
        super().__init__(params, room)
        self.peepholes = peepholes

    def _start(self, state: State) -> None:
        n = self.hidden
        self.stack = self._joint("fioc")
        self.gates = self._room("gates", self.time, 4 * n, self.batch)
        self.C = self._room("C", self.time + 1, n, self.batch)
        self.C[0] = state[1].T
        self.tanh_C = self._room("tanh_C", self.time, n, self.batch)
        if self.peepholes:
            self.P_f, self.P_i, self.P_o = (self._value(f"P_{name}").T for name in "fio")

    def _step(self, t: int) -> None:
        n, gates, C = self.hidden, self.gates[t], self.C[t + 1]
        f, i, o, candidate = self._apart_gates(gates)
        np.matmul(self.stack.W.T, self.Z[t], out=gates)
        if self.peepholes:
            f += self.P_f * self.C[t]
            i += self.P_i * self.C[t]
            sigmoid_in_place(gates[: 2 * n])
        else:
            sigmoid_in_place(gates[: 3 * n])
        np.tanh(candidate, out=candidate)
        np.multiply(f, self.C[t], out=C)
        C += i * candidate
        if self.peepholes:
            o += self.P_o * C
            sigmoid_in_place(o)
        np.tanh(C, out=self.tanh_C[t])
        np.multiply(o, self.tanh_C[t], out=self.H[t + 1])

    def _state(self) -> State:
        return self.H[-1].T.copy(), self.C[-1].T.copy()

    def _start_back(self) -> None:
        n = self.hidden
        self.int_grads = self._room("int_grads", 4 * n, self.time, self.batch)
        self.int_grad = self._room("int_grad", 4 * n, self.batch)
        self.slope = self._room("slope", 4 * n, self.batch)

    def _step_back(self, t: int, H_grad: ndarray, *rest: ndarray) -> State:
        n, gates, tanh_C, int_grad = self.hidden, self.gates[t], self.tanh_C[t], self.int_grad
        f, i, o, candidate = self._apart_gates(gates)
        f_grad, i_grad, o_grad, candidate_grad = self._apart_gates(int_grad)
        sigmoids, slope = gates[: 3 * n], self.slope[: 3 * n]
        np.subtract(1, sigmoids, out=slope)
        slope *= sigmoids
        slope = self.slope[3 * n :]
        np.multiply(candidate, candidate, out=slope)
        np.subtract(1, slope, out=slope)

        (C_grad,) = rest
        np.multiply(H_grad, tanh_C, out=o_grad)
        H_grad *= o
        H_grad *= 1 - tanh_C * tanh_C
        C_grad = C_grad + H_grad
        if self.peepholes:
            C_grad += self.P_o * o_grad * self.slope[2 * n : 3 * n]
        np.multiply(C_grad, self.C[t], out=f_grad)
        np.multiply(C_grad, candidate, out=i_grad)
        np.multiply(C_grad, i, out=candidate_grad)
        int_grad *= self.slope
        self.int_grads[:, t] = int_grad
        C_grad *= f
        if self.peepholes:
            C_grad += self.P_f * f_grad + self.P_i * i_grad
        return self.stack.W_h @ int_grad, C_grad

    def _finish_back(self, columns: ndarray) -> ndarray:
        if self.peepholes:
            seen = {"P_f": self.C[:-1], "P_i": self.C[:-1], "P_o": self.C[1:]}
            grads = self._apart_gates(self.int_grads)
            for (name, C), int_grads in zip(seen.items(), grads[:3], strict=True):
                self.params[name]["deriv"] += np.einsum("htb,thb->h", int_grads, C)
        return self.stack.backward(self.int_grads, columns)

    def _apart_gates(self, gates: ndarray) -> list[ndarray]:
        n = self.hidden
        return [gates[k * n : (k + 1) * n] for k in range(4)]
