"""Mistakes in the gated recurrent unit's node."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.any_node import any_mutants, gate_mutants
from parity.mutants.recurrent.in_parts import GRU, Params
from parity.mutants.recurrent.slopes import GRU_SLOPES


class _ResetAfter(GRU):
    """PyTorch's form, without its second bias."""

    def _remembered(self, params: Params) -> ndarray:
        self.H_h = self.H_in @ params["W_hh"]["value"]
        return self.r * self.H_h

    def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        H_grad = self._product_backward(grad * self.r, self.H_in, params, "W_hh")
        return grad * self.H_h, H_grad


class _UpdateOtherWayRound(GRU):
    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        super().forward(X_in, H_in, params)
        self.H_out = (1 - self.u) * H_in + self.u * self.h_bar
        return self._output(params), self.H_out

    def _candidate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * self.u

    def _kept_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * (1 - self.u)

    def _update_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * (self.h_bar - self.H_in)


class _GatesExchanged(GRU):
    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        return super().forward(X_in, H_in, _exchanged(params))

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        return super().backward(X_out_grad, H_out_grad, _exchanged(params))


def _exchanged(params: Params) -> Params:
    pairs = [("W_xr", "W_xu"), ("W_hr", "W_hu"), ("B_r", "B_u")]
    names = dict(pairs) | {second: first for first, second in pairs}
    return {name: params[names.get(name, name)] for name in params}


class _NoReset(GRU):
    def _remembered(self, params: Params) -> ndarray:
        product: ndarray = self.H_in @ params["W_hh"]["value"]
        return product

    def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        H_grad = self._product_backward(grad, self.H_in, params, "W_hh")
        return np.zeros_like(H_grad), H_grad


class _CandidateWithoutInput(GRU):
    """Its matrix and bias are there for nothing."""

    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        return super().forward(X_in, H_in, self._without_input(params))

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        return super().backward(X_out_grad, H_out_grad, self._without_input(params))

    def _without_input(self, params: Params) -> Params:
        W = params["W_xh"]
        nothing = {"value": np.zeros_like(W["value"]), "deriv": W["deriv"]}
        return params | {"W_xh": nothing}


class _CandidateAlone(GRU):
    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        super().forward(X_in, H_in, params)
        self.H_out = self.u * H_in + self.h_bar
        return self._output(params), self.H_out

    def _candidate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad

    def _update_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * self.H_in


class _UpdateSign(GRU):
    def _update_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * (self.h_bar - self.H_in)


class _UpdateOfOldStateAlone(GRU):
    def _update_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * self.H_in


class _UpdateOfCandidateAlone(GRU):
    def _update_grad(self, H_grad: ndarray) -> ndarray:
        return -H_grad * self.h_bar


class _KeptForgotten(GRU):
    def _kept_grad(self, H_grad: ndarray) -> ndarray:
        return np.zeros_like(H_grad)


class _CandidateNotWeighted(GRU):
    def _candidate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad


class _CandidateWeightedByUpdate(GRU):
    def _candidate_grad(self, H_grad: ndarray) -> ndarray:
        return H_grad * self.u


class _ResetShareForgotten(GRU):
    def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        r_grad, H_in_grad = super()._remembered_backward(grad, params)
        return r_grad, np.zeros_like(H_in_grad)


class _ResetShareNotReset(GRU):
    def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        r_grad, _ = super()._remembered_backward(grad, params)
        return r_grad, grad @ params["W_hh"]["value"].T


class _ResetGateOfResetState(GRU):
    def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        _, H_in_grad = super()._remembered_backward(grad, params)
        return H_in_grad * self.H_in, H_in_grad


class _GatesShareForgotten(GRU):
    def _gate_backward(
        self, int_grad: ndarray, params: Params, name: str
    ) -> tuple[ndarray, ndarray]:
        of_X, of_H = super()._gate_backward(int_grad, params, name)
        return of_X, np.zeros_like(of_H)


class _InputShareForgotten(GRU):
    def _gate_backward(
        self, int_grad: ndarray, params: Params, name: str
    ) -> tuple[ndarray, ndarray]:
        of_X, of_H = super()._gate_backward(int_grad, params, name)
        return np.zeros_like(of_X), of_H


class _WholeStateInWeightGrad(GRU):
    """Of the candidate's matrix."""

    def _product_backward(self, grad: ndarray, rows: ndarray, params: Params, name: str) -> ndarray:
        return super()._product_backward(grad, self.H_in if name == "W_hh" else rows, params, name)


class _NotTransposed(GRU):
    """The matrices of the state are square."""

    def _product_backward(self, grad: ndarray, rows: ndarray, params: Params, name: str) -> ndarray:
        back = super()._product_backward(grad, rows, params, name)
        return grad @ params[name]["value"] if name.startswith("W_h") else back


GRU_NODE = (
    *GRU_SLOPES,
    *any_mutants(GRU),
    *gate_mutants(GRU),
    Mutant(
        "reset after the product",
        "The candidate resets what comes out of the product, r * (H_in W_hh), as PyTorch's GRU "
        "does; the book's resets before it, (r * H_in) W_hh.",
        _ResetAfter,
        "X_out",
    ),
    Mutant(
        "update the other way round",
        "H_out is (1 - u) * H_in + u * h_bar, as in the book's four steps; its listing has "
        "u * H_in + (1 - u) * h_bar, and so has PyTorch.",
        _UpdateOtherWayRound,
        "X_out",
        errata="E52",
    ),
    Mutant(
        "gates exchanged",
        "The reset gate is computed with the update gate's parameters, and the other way round.",
        _GatesExchanged,
        "X_out",
    ),
    Mutant(
        "no reset",
        "The candidate is computed from H_in as it is; multiply it by r first.",
        _NoReset,
        "X_out",
    ),
    Mutant(
        "candidate without the input",
        "The candidate is computed from the old state alone, as in the book's four steps; X_in "
        "times W_xh belongs to it, too.",
        _CandidateWithoutInput,
        "X_out",
        errata="E52",
    ),
    Mutant(
        "whole candidate",
        "H_out has all of the candidate; its share is 1 - u.",
        _CandidateAlone,
        "X_out",
    ),
    Mutant(
        "update gate's sign",
        "The gradient on u is taken with h_bar - H_in; H_out is u * H_in + (1 - u) * h_bar, whose "
        "slope in u is H_in - h_bar.",
        _UpdateSign,
        "X_in_grad",
    ),
    Mutant(
        "update gate without the candidate",
        "The gradient on u is taken with H_in alone; u stands before h_bar, too: H_in - h_bar.",
        _UpdateOfOldStateAlone,
        "X_in_grad",
    ),
    Mutant(
        "update gate without the old state",
        "The gradient on u is taken with -h_bar alone; u stands before H_in, too: H_in - h_bar.",
        _UpdateOfCandidateAlone,
        "X_in_grad",
    ),
    Mutant(
        "kept share forgotten",
        "The gradient on H_in lacks the part that forward keeps as it is: u times the gradient on "
        "H_out.",
        _KeptForgotten,
        "H_in_grad",
    ),
    Mutant(
        "candidate's weight forgotten",
        "The gradient on h_bar is that on H_out; multiply it by 1 - u.",
        _CandidateNotWeighted,
        "X_in_grad",
    ),
    Mutant(
        "candidate weighted by u",
        "The gradient on h_bar is u times that on H_out; the candidate's share is 1 - u.",
        _CandidateWeightedByUpdate,
        "X_in_grad",
    ),
    Mutant(
        "reset state's share forgotten",
        "The gradient on H_in lacks what comes back through r * H_in: r times the gradient on "
        "that product.",
        _ResetShareForgotten,
        "H_in_grad",
    ),
    Mutant(
        "reset state's share not reset",
        "What comes back through r * H_in enters the gradient on H_in without r.",
        _ResetShareNotReset,
        "H_in_grad",
    ),
    Mutant(
        "reset gate with the reset state",
        "The gradient on r is taken with r * H_in; the slope of r * H_in in r is H_in.",
        _ResetGateOfResetState,
        "X_in_grad",
    ),
    Mutant(
        "gates' share of the state forgotten",
        "The gradient on H_in lacks what comes back through the two gates, by W_hr and W_hu.",
        _GatesShareForgotten,
        "H_in_grad",
    ),
    Mutant(
        "gates' share of the input forgotten",
        "The gradient on X_in lacks what comes back through the two gates, by W_xr and W_xu.",
        _InputShareForgotten,
        "X_in_grad",
    ),
    Mutant(
        "whole state in the weight gradient",
        "The gradient on W_hh is taken with H_in; W_hh was multiplied by r * H_in.",
        _WholeStateInWeightGrad,
        "deriv[W_hh]",
    ),
    Mutant(
        "state's matrices not transposed",
        "Gradients go back through W_hr, W_hu and W_hh as they are; they need them transposed.",
        _NotTransposed,
        "H_in_grad",
    ),
)
