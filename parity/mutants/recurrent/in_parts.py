"""The nodes of chapter 6 in parts that a mistake replaces; as they stand here they are right."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.functions import sigmoid

Params = dict[str, dict[str, ndarray]]


class InParts:
    """What the three nodes share: products, slopes, and sums of gradients.

    Args:
        option: of a GRU, whether it resets after the product; of an LSTM, whether it has peepholes.
    """

    X_in: ndarray
    H_in: ndarray
    H_out: ndarray

    def __init__(self, option: bool = False) -> None:
        self.option = option

    def _add(self, params: Params, name: str, grad: ndarray) -> None:
        params[name]["deriv"] = params[name]["deriv"] + grad

    def _bias_grad(self, grad: ndarray) -> ndarray:
        total: ndarray = grad.sum(axis=0, keepdims=True)
        return total

    def _weight_grad(self, rows: ndarray, grad: ndarray) -> ndarray:
        product: ndarray = rows.T @ grad
        return product

    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        slope: ndarray = 1 - tanh**2
        return slope

    def _sigmoid_slope(self, gate: ndarray) -> ndarray:
        slope: ndarray = gate * (1 - gate)
        return slope

    def _squash(self, total: ndarray) -> ndarray:
        tanh: ndarray = np.tanh(total)
        return tanh

    def _stack(self, X: ndarray, H: ndarray) -> ndarray:
        return np.column_stack((X, H))

    def _split(self, Z_grad: ndarray) -> tuple[ndarray, ndarray]:
        features = self.X_in.shape[1]
        return Z_grad[:, :features], Z_grad[:, features:]

    def _linear(self, rows: ndarray, params: Params, name: str) -> ndarray:
        total: ndarray = rows @ params[f"W_{name}"]["value"] + params[f"B_{name}"]["value"]
        return total

    def _linear_backward(self, grad: ndarray, rows: ndarray, params: Params, name: str) -> ndarray:
        self._add(params, f"B_{name}", self._bias_grad(grad))
        return self._product_backward(grad, rows, params, f"W_{name}")

    def _product_backward(self, grad: ndarray, rows: ndarray, params: Params, name: str) -> ndarray:
        self._add(params, name, self._weight_grad(rows, grad))
        back: ndarray = grad @ params[name]["value"].T
        return back

    def _output(self, params: Params) -> ndarray:
        return self._linear(self.H_out, params, "v")

    def _output_backward(self, X_out_grad: ndarray, params: Params) -> ndarray:
        return self._linear_backward(X_out_grad, self.H_out, params, "v")

    def _hidden_grad(self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params) -> ndarray:
        return H_out_grad + self._output_backward(X_out_grad, params)


class RNN(InParts):
    """``RNNNode``."""

    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        """That of ``RNNNode``."""
        self.X_in, self.H_in = X_in, H_in
        self.Z = self._stack(X_in, H_in)
        self.H_int = self._linear(self.Z, params, "f")
        self.H_out = self._squash(self.H_int)
        return self._output(params), self.H_out

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        """That of ``RNNNode``."""
        H_grad = self._hidden_grad(X_out_grad, H_out_grad, params)
        H_int_grad = H_grad * self._tanh_slope(self.H_out)
        return self._split(self._linear_backward(H_int_grad, self.Z, params, "f"))


class GRU(InParts):
    """``GRUNode``."""

    def __init__(self, reset_after: bool = False) -> None:
        super().__init__(reset_after)

    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        """That of ``GRUNode``."""
        self.X_in, self.H_in = X_in, H_in
        self.r, self.u = (
            sigmoid(
                X_in @ params[f"W_x{name}"]["value"]
                + H_in @ params[f"W_h{name}"]["value"]
                + params[f"B_{name}"]["value"]
            )
            for name in "ru"
        )
        X_h = X_in @ params["W_xh"]["value"] + params["B_h"]["value"]
        self.h_bar = self._squash(X_h + self._remembered(params))
        self.H_out = self.u * H_in + (1 - self.u) * self.h_bar
        return self._output(params), self.H_out

    def _remembered(self, params: Params) -> ndarray:
        """What the candidate has of the old state."""
        if not self.option:
            product: ndarray = (self.r * self.H_in) @ params["W_hh"]["value"]
            return product
        self.H_h = self.H_in @ params["W_hh"]["value"] + params["B_hh"]["value"]
        return self.r * self.H_h

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        """That of ``GRUNode``."""
        H_grad = self._hidden_grad(X_out_grad, H_out_grad, params)
        h_bar_int_grad = self._candidate_grad(H_grad) * self._tanh_slope(self.h_bar)
        r_grad, H_in_grad = self._remembered_backward(h_bar_int_grad, params)
        H_in_grad = H_in_grad + self._kept_grad(H_grad)

        self._add(params, "B_h", self._bias_grad(h_bar_int_grad))
        X_in_grad = self._product_backward(h_bar_int_grad, self.X_in, params, "W_xh")
        u_grad = self._update_grad(H_grad)
        for name, gate, grad in (("r", self.r, r_grad), ("u", self.u, u_grad)):
            of_X, of_H = self._gate_backward(grad * self._sigmoid_slope(gate), params, name)
            X_in_grad, H_in_grad = X_in_grad + of_X, H_in_grad + of_H
        return X_in_grad, H_in_grad

    def _candidate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * (1 - self.u)

    def _kept_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * self.u

    def _update_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * (self.H_in - self.h_bar)

    def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        """The gradients on the reset gate and, through it, on the old state."""
        if not self.option:
            h_reset_grad = self._product_backward(grad, self.r * self.H_in, params, "W_hh")
            return h_reset_grad * self.H_in, h_reset_grad * self.r
        self._add(params, "B_hh", self._bias_grad(grad * self.r))
        H_grad = self._product_backward(grad * self.r, self.H_in, params, "W_hh")
        return grad * self.H_h, H_grad

    def _gate_backward(
        self, int_grad: ndarray, params: Params, name: str
    ) -> tuple[ndarray, ndarray]:
        self._add(params, f"B_{name}", self._bias_grad(int_grad))
        of_X = self._product_backward(int_grad, self.X_in, params, f"W_x{name}")
        return of_X, self._product_backward(int_grad, self.H_in, params, f"W_h{name}")


class LSTM(InParts):
    """``LSTMNode``."""

    def __init__(self, peepholes: bool = False) -> None:
        super().__init__(peepholes)

    def forward(
        self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        """That of ``LSTMNode``."""
        self.X_in, self.H_in, self.C_in = X_in, H_in, C_in
        self.Z = self._stack(X_in, H_in)
        self.f = sigmoid(self._gate(params, "f", C_in))
        self.i = sigmoid(self._gate(params, "i", C_in))
        self.C_bar = self._squash(self._linear(self.Z, params, "c"))
        self.C_out = self.f * C_in + self.i * self.C_bar
        self.o = sigmoid(self._gate(params, "o", self.C_out))
        self.tanh_C = self._shown(self.C_out)
        self.H_out = self.o * self.tanh_C
        return self._output(params), self.H_out, self.C_out

    def _gate(self, params: Params, name: str, C: ndarray) -> ndarray:
        total = self._linear(self.Z, params, name)
        return total + params[f"P_{name}"]["value"] * C if self.option else total

    def _shown(self, C: ndarray) -> ndarray:
        """What the output gate lets through."""
        tanh: ndarray = np.tanh(C)
        return tanh

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, C_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ...]:
        """That of ``LSTMNode``."""
        H_grad = self._hidden_grad(X_out_grad, H_out_grad, params)
        o_int_grad = self._output_gate_grad(H_grad) * self._sigmoid_slope(self.o)
        C_grad = self._cell_grad(H_grad, C_out_grad)
        C_grad = C_grad + self._peephole_backward(o_int_grad, self.C_out, params, "o")
        int_grads = {
            "f": self._forget_gate_grad(C_grad) * self._sigmoid_slope(self.f),
            "i": self._input_gate_grad(C_grad) * self._sigmoid_slope(self.i),
            "c": self._candidate_grad(C_grad) * self._tanh_slope(self.C_bar),
            "o": o_int_grad,
        }
        C_in_grad = self._kept_grad(C_grad)
        for name in "fi":
            C_in_grad = C_in_grad + self._peephole_backward(
                int_grads[name], self.C_in, params, name
            )
        Z_grads = [
            self._linear_backward(grad, self.Z, params, name) for name, grad in int_grads.items()
        ]
        return (*self._split(self._total(Z_grads)), C_in_grad)

    def _output_gate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * self.tanh_C

    def _cell_grad(self, H_grad: ndarray, C_out_grad: ndarray) -> ndarray:
        return C_out_grad + H_grad * self.o * self._tanh_slope(self.tanh_C)

    def _forget_gate_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad * self.C_in

    def _input_gate_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad * self.C_bar

    def _candidate_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad * self.i

    def _kept_grad(self, C_grad: ndarray) -> ndarray:
        return C_grad * self.f

    def _total(self, Z_grads: list[ndarray]) -> ndarray:
        """Of the gradients from the four gates, in the order f, i, c, o."""
        of_f, of_i, of_c, of_o = Z_grads
        total: ndarray = of_f + of_i + of_c + of_o
        return total

    def _peephole_backward(
        self, int_grad: ndarray, C: ndarray, params: Params, name: str
    ) -> ndarray | float:
        """The gradient on the state of the cell; adds that on the peephole."""
        if not self.option:
            return 0.0
        self._add(params, f"P_{name}", self._bias_grad(int_grad * C))
        return int_grad * params[f"P_{name}"]["value"]
