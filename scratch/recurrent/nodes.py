"""Chapter 6: one time step of a recurrent layer, forward and back, operation by operation.

A node keeps what it computes on the way forward, for the way back. Layers have one node for each
time step and one set of parameters for all of them, so each node *adds* its share to the gradients.
The book prints the ways forward only (and one of them twice: ``docs/errata.md``, E20).
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.functions import sigmoid

#: Parameters by their names in the book; "value" and "deriv", the gradient, for each.
Params = dict[str, dict[str, ndarray]]


class RNNNode:
    """A step of the classic cell: ``H_out = tanh([X, H] W_f + B_f)``, ``X_out = H_out W_v + B_v``.

    Chapter 6, "RNNNode: The Code".
    """

    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        """Output and new hidden state.

        Args:
            X_in: shape ``(batch, features)``.
            H_in: shape ``(batch, hidden)``.
            params: ``W_f`` ``(features + hidden, hidden)``, ``B_f`` ``(1, hidden)``, ``W_v``
                ``(hidden, out)``, ``B_v`` ``(1, out)``.

        Returns:
            ``X_out`` ``(batch, out)`` and ``H_out`` ``(batch, hidden)``.
        """
        self.Z = np.column_stack((X_in, H_in))
        self.H_out = np.tanh(_linear(self.Z, params, "f"))
        return _linear(self.H_out, params, "v"), self.H_out

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        """Gradients on ``X_in`` and ``H_in``; adds to those on the parameters.

        Args:
            X_out_grad: shape ``(batch, out)``.
            H_out_grad: shape ``(batch, hidden)``, from the next time step.
            params: as for ``forward``.
        """
        H_grad = H_out_grad + _linear_backward(X_out_grad, self.H_out, params, "v")
        Z_grad = _linear_backward(H_grad * (1 - self.H_out**2), self.Z, params, "f")
        features = self.Z.shape[1] - self.H_out.shape[1]
        return Z_grad[:, :features], Z_grad[:, features:]


class GRUNode:
    """A step of a gated recurrent unit. Chapter 6, "GRUNodes: The Code".

    The reset gate ``r`` and the update gate ``u`` are sigmoids of the input and the state;
    ``H_out = u H_in + (1 - u) h_bar``. In the book ``h_bar = tanh(X W_xh + (r H_in) W_hh + B_h)``:
    the state is reset before the product.

    Args:
        reset_after: reset what comes out of the product instead, ``r (H_in W_hh + B_hh)``, as
            ``nn.GRU`` does: another function of the same weights, with one more bias.
    """

    def __init__(self, reset_after: bool = False) -> None:
        self.reset_after = reset_after

    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        """Output and new hidden state.

        Args:
            X_in: shape ``(batch, features)``.
            H_in: shape ``(batch, hidden)``.
            params: ``W_xr``, ``W_xu``, ``W_xh`` ``(features, hidden)``, ``W_hr``, ``W_hu``,
                ``W_hh`` ``(hidden, hidden)``, ``B_r``, ``B_u``, ``B_h`` ``(1, hidden)``, with
                ``reset_after`` ``B_hh``, too; ``W_v`` ``(hidden, out)``, ``B_v`` ``(1, out)``.

        Returns:
            ``X_out`` ``(batch, out)`` and ``H_out`` ``(batch, hidden)``.
        """
        self.X_in, self.H_in = X_in, H_in
        self.r = sigmoid(self._gate(params, "r"))
        self.u = sigmoid(self._gate(params, "u"))
        X_h = X_in @ params["W_xh"]["value"] + params["B_h"]["value"]
        if self.reset_after:
            self.H_h = H_in @ params["W_hh"]["value"] + params["B_hh"]["value"]
            self.h_bar = np.tanh(X_h + self.r * self.H_h)
        else:
            self.h_reset = self.r * H_in
            self.h_bar = np.tanh(X_h + self.h_reset @ params["W_hh"]["value"])
        self.H_out = self.u * H_in + (1 - self.u) * self.h_bar
        return _linear(self.H_out, params, "v"), self.H_out

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        """Gradients on ``X_in`` and ``H_in``; adds to those on the parameters.

        Args:
            X_out_grad: shape ``(batch, out)``.
            H_out_grad: shape ``(batch, hidden)``, from the next time step.
            params: as for ``forward``.
        """
        H_grad = H_out_grad + _linear_backward(X_out_grad, self.H_out, params, "v")
        u_grad = H_grad * (self.H_in - self.h_bar)
        h_bar_int_grad = H_grad * (1 - self.u) * (1 - self.h_bar**2)
        H_in_grad = H_grad * self.u

        if self.reset_after:
            H_h_grad = h_bar_int_grad * self.r
            r_grad = h_bar_int_grad * self.H_h
            _add(params, "B_hh", H_h_grad.sum(axis=0, keepdims=True))
            H_in_grad += _product_backward(H_h_grad, self.H_in, params, "W_hh")
        else:
            h_reset_grad = _product_backward(h_bar_int_grad, self.h_reset, params, "W_hh")
            r_grad = h_reset_grad * self.H_in
            H_in_grad += h_reset_grad * self.r

        _add(params, "B_h", h_bar_int_grad.sum(axis=0, keepdims=True))
        X_in_grad = _product_backward(h_bar_int_grad, self.X_in, params, "W_xh")
        for name, gate, gate_grad in (("r", self.r, r_grad), ("u", self.u, u_grad)):
            int_grad = gate_grad * gate * (1 - gate)
            _add(params, f"B_{name}", int_grad.sum(axis=0, keepdims=True))
            X_in_grad += _product_backward(int_grad, self.X_in, params, f"W_x{name}")
            H_in_grad += _product_backward(int_grad, self.H_in, params, f"W_h{name}")
        return X_in_grad, H_in_grad

    def _gate(self, params: Params, name: str) -> ndarray:
        return (
            self.X_in @ params[f"W_x{name}"]["value"]
            + self.H_in @ params[f"W_h{name}"]["value"]
            + params[f"B_{name}"]["value"]
        )


class LSTMNode:
    """A step of long short-term memory. Chapter 6, "LSTM: The Code".

    Forget gate ``f``, input gate ``i`` and output gate ``o`` are sigmoids, the candidate ``C_bar``
    a hyperbolic tangent, each of ``Z = [X, H]`` times a matrix of its own; ``C_out = f C_in + i
    C_bar``, ``H_out = o tanh(C_out)``.

    Args:
        peepholes: whether the gates see the state of the cell, too: ``f`` and ``i`` that before the
            step, ``o`` that after it, element by element. The book names this variant.
    """

    def __init__(self, peepholes: bool = False) -> None:
        self.peepholes = peepholes

    def forward(
        self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        """Output, new hidden state and new state of the cell.

        Args:
            X_in: shape ``(batch, features)``.
            H_in: shape ``(batch, hidden)``.
            C_in: shape ``(batch, hidden)``.
            params: ``W_f``, ``W_i``, ``W_c``, ``W_o`` ``(features + hidden, hidden)``, ``B_f``,
                ``B_i``, ``B_c``, ``B_o`` ``(1, hidden)``, with peepholes ``P_f``, ``P_i``, ``P_o``
                ``(1, hidden)``, too; ``W_v`` ``(hidden, out)``, ``B_v`` ``(1, out)``.

        Returns:
            ``X_out`` ``(batch, out)``, ``H_out`` and ``C_out`` ``(batch, hidden)``.
        """
        self.C_in = C_in
        self.Z = np.column_stack((X_in, H_in))
        self.f = sigmoid(self._gate(params, "f", C_in))
        self.i = sigmoid(self._gate(params, "i", C_in))
        self.C_bar = np.tanh(_linear(self.Z, params, "c"))
        self.C_out = self.f * C_in + self.i * self.C_bar
        self.o = sigmoid(self._gate(params, "o", self.C_out))
        self.tanh_C = np.tanh(self.C_out)
        self.H_out = self.o * self.tanh_C
        return _linear(self.H_out, params, "v"), self.H_out, self.C_out

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, C_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        """Gradients on ``X_in``, ``H_in`` and ``C_in``; adds to those on the parameters.

        Args:
            X_out_grad: shape ``(batch, out)``.
            H_out_grad: shape ``(batch, hidden)``, from the next time step.
            C_out_grad: shape ``(batch, hidden)``, from the next time step.
            params: as for ``forward``.
        """
        H_grad = H_out_grad + _linear_backward(X_out_grad, self.H_out, params, "v")
        o_int_grad = H_grad * self.tanh_C * self.o * (1 - self.o)
        C_grad = C_out_grad + H_grad * self.o * (1 - self.tanh_C**2)
        C_grad += self._peephole_backward(o_int_grad, self.C_out, params, "o")
        f_int_grad = C_grad * self.C_in * self.f * (1 - self.f)
        i_int_grad = C_grad * self.C_bar * self.i * (1 - self.i)
        C_in_grad = C_grad * self.f
        C_in_grad += self._peephole_backward(f_int_grad, self.C_in, params, "f")
        C_in_grad += self._peephole_backward(i_int_grad, self.C_in, params, "i")
        Z_grad = (
            _linear_backward(f_int_grad, self.Z, params, "f")
            + _linear_backward(i_int_grad, self.Z, params, "i")
            + _linear_backward(C_grad * self.i * (1 - self.C_bar**2), self.Z, params, "c")
            + _linear_backward(o_int_grad, self.Z, params, "o")
        )
        features = self.Z.shape[1] - self.C_in.shape[1]
        return Z_grad[:, :features], Z_grad[:, features:], C_in_grad

    def _gate(self, params: Params, name: str, C: ndarray) -> ndarray:
        gate = _linear(self.Z, params, name)
        return gate + params[f"P_{name}"]["value"] * C if self.peepholes else gate

    def _peephole_backward(
        self, int_grad: ndarray, C: ndarray, params: Params, name: str
    ) -> ndarray | float:
        if not self.peepholes:
            return 0.0
        _add(params, f"P_{name}", (int_grad * C).sum(axis=0, keepdims=True))
        return int_grad * params[f"P_{name}"]["value"]


def _linear(rows: ndarray, params: Params, name: str) -> ndarray:
    product: ndarray = rows @ params[f"W_{name}"]["value"] + params[f"B_{name}"]["value"]
    return product


def _linear_backward(grad: ndarray, rows: ndarray, params: Params, name: str) -> ndarray:
    _add(params, f"B_{name}", grad.sum(axis=0, keepdims=True))
    return _product_backward(grad, rows, params, f"W_{name}")


def _product_backward(grad: ndarray, rows: ndarray, params: Params, name: str) -> ndarray:
    """The gradient on ``rows``; adds that on the matrix."""
    _add(params, name, rows.T @ grad)
    back: ndarray = grad @ params[name]["value"].T
    return back


def _add(params: Params, name: str, grad: ndarray) -> None:
    params[name]["deriv"] += grad
