"""Mistakes in a GRU's node that resets after the product, as PyTorch's does."""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.in_parts import GRU, Params
from scratch.functions import sigmoid


class _Ignored(GRU):
    def __init__(self, reset_after: bool = False) -> None:
        super().__init__()


class _OneBias(GRU):
    def _remembered(self, params: Params) -> ndarray:
        if not self.option:
            return super()._remembered(params)
        self.H_h = self.H_in @ params["W_hh"]["value"]
        return self.r * self.H_h

    def _add(self, params: Params, name: str, grad: ndarray) -> None:
        if name != "B_hh":
            super()._add(params, name, grad)


class _BiasNotReset(GRU):
    def _remembered(self, params: Params) -> ndarray:
        if not self.option:
            return super()._remembered(params)
        self.H_h = self.H_in @ params["W_hh"]["value"]
        total: ndarray = self.r * self.H_h + params["B_hh"]["value"]
        return total

    def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        result = super()._remembered_backward(grad, params)
        if self.option:
            self._add(params, "B_hh", self._bias_grad(grad - grad * self.r))
        return result


class _ResetTwice(GRU):
    def _remembered(self, params: Params) -> ndarray:
        if not self.option:
            return super()._remembered(params)
        self.H_h = (self.r * self.H_in) @ params["W_hh"]["value"] + params["B_hh"]["value"]
        return self.r * self.H_h


def _back(compute: Any) -> type[GRU]:
    """A node that resets after the product, and goes back through that in another way."""

    class Wrong(GRU):
        def _remembered_backward(self, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
            if not self.option:
                return super()._remembered_backward(grad, params)
            result: tuple[ndarray, ndarray] = compute(self, grad, params)
            return result

    return Wrong


def _bias_grad_not_reset(node: GRU, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
    node._add(params, "B_hh", node._bias_grad(grad))
    back = node._product_backward(grad * node.r, node.H_in, params, "W_hh")
    return grad * node.H_h, back


def _bias_grad_forgotten(node: GRU, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
    back = node._product_backward(grad * node.r, node.H_in, params, "W_hh")
    return grad * node.H_h, back


def _gate_without_bias(node: GRU, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
    _, back = GRU._remembered_backward(node, grad, params)
    return grad * (node.H_h - params["B_hh"]["value"]), back


def _gate_with_state(node: GRU, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
    _, back = GRU._remembered_backward(node, grad, params)
    return grad * node.H_in, back


def _product_not_reset(node: GRU, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
    node._add(params, "B_hh", node._bias_grad(grad * node.r))
    return grad * node.H_h, node._product_backward(grad, node.H_in, params, "W_hh")


def _as_if_before(node: GRU, grad: ndarray, params: Params) -> tuple[ndarray, ndarray]:
    node._add(params, "B_hh", node._bias_grad(grad * node.r))
    h_reset_grad = node._product_backward(grad, node.r * node.H_in, params, "W_hh")
    return h_reset_grad * node.H_in, h_reset_grad * node.r


class _ResetAfterGateSquashed(GRU):
    """The gate is taken of the product instead of multiplied with it."""

    def _remembered(self, params: Params) -> ndarray:
        if not self.option:
            return super()._remembered(params)
        self.H_h = sigmoid(self.H_in @ params["W_hh"]["value"] + params["B_hh"]["value"])
        return self.r * self.H_h


RESET_AFTER = (
    Mutant(
        "ignored",
        "reset_after changes nothing: the state is reset before the product with W_hh.",
        _Ignored,
        "X_out",
    ),
    Mutant(
        "one bias",
        "B_hh is left out: with reset_after it is added to H_in W_hh, before the reset.",
        _OneBias,
        "X_out",
    ),
    Mutant(
        "second bias not reset",
        "B_hh is added after the reset; r multiplies it, too: r * (H_in W_hh + B_hh).",
        _BiasNotReset,
        "X_out",
    ),
    Mutant(
        "reset twice",
        "The state is reset before the product and again after it; with reset_after only after.",
        _ResetTwice,
        "X_out",
    ),
    Mutant(
        "product through a sigmoid",
        "H_in W_hh + B_hh goes through a sigmoid; only r and u do.",
        _ResetAfterGateSquashed,
        "X_out",
    ),
    Mutant(
        "second bias's gradient not reset",
        "The gradient on B_hh is that on B_h; B_hh is multiplied by r, and so is its gradient.",
        _back(_bias_grad_not_reset),
        "deriv[B_hh]",
    ),
    Mutant(
        "second bias's gradient forgotten",
        'backward adds nothing to "deriv" of B_hh.',
        _back(_bias_grad_forgotten),
        "deriv[B_hh]",
    ),
    Mutant(
        "gate's gradient without the second bias",
        "The gradient on r is taken with H_in W_hh; r multiplies B_hh, too: H_in W_hh + B_hh.",
        _back(_gate_without_bias),
        "X_in_grad",
    ),
    Mutant(
        "gate's gradient with the state",
        "The gradient on r is taken with H_in; with reset_after r multiplies H_in W_hh + B_hh.",
        _back(_gate_with_state),
        "X_in_grad",
    ),
    Mutant(
        "product's gradient not reset",
        "The gradient on H_in W_hh lacks r, which multiplies it.",
        _back(_product_not_reset),
        "H_in_grad",
    ),
    Mutant(
        "backward as without reset_after",
        "backward goes the way of a reset before the product; with reset_after forward multiplies "
        "H_in by W_hh, adds B_hh, and then multiplies by r.",
        _back(_as_if_before),
        "X_in_grad",
    ),
)
