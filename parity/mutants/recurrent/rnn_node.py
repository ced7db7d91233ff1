"""Mistakes in the classic node."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.any_node import any_mutants, stack_mutants
from parity.mutants.recurrent.in_parts import RNN, Params


class _NoBackward:
    """As printed: the second ``forward`` is the first one again."""

    def forward(self, x_in: ndarray, H_in: ndarray, params_dict: Params) -> tuple[ndarray, ndarray]:
        return RNN().forward(x_in, H_in, params_dict)


class _ForwardAgain(RNN):
    """As printed, with the second listing called what it should be called. It runs where there are
    as many outputs as features.
    """

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        return self.forward(X_out_grad, H_out_grad, params)


class _NoTanh(RNN):
    def _squash(self, total: ndarray) -> ndarray:
        return total

    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        return np.ones_like(tanh)


class _Sigmoid(RNN):
    def _squash(self, total: ndarray) -> ndarray:
        return np.exp(-np.logaddexp(0, -total))

    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        return self._sigmoid_slope(tanh)


class _SlopeForgotten(RNN):
    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        return np.ones_like(tanh)


class _SlopeAtSum(RNN):
    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        slope: ndarray = 1 - self.H_int**2
        return slope


class _NoBias(RNN):
    def _linear(self, rows: ndarray, params: Params, name: str) -> ndarray:
        if name == "v":
            return super()._linear(rows, params, name)
        product: ndarray = rows @ params[f"W_{name}"]["value"]
        return product


class _OutputBeforeTanh(RNN):
    def _output(self, params: Params) -> ndarray:
        return self._linear(self.H_int, params, "v")


class _StateHandedOnBeforeTanh(RNN):
    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        X_out, _ = super().forward(X_in, H_in, params)
        return X_out, self.H_int


class _Stale(RNN):
    """Keeps what its first pass computed."""

    first: tuple[Any, ...] = ()

    def forward(self, X_in: ndarray, H_in: ndarray, params: Params) -> tuple[ndarray, ndarray]:
        result = super().forward(X_in, H_in, params)
        self.first = self.first or (self.Z, self.H_out)
        self.Z, self.H_out = self.first
        return result


class _NextHiddenAfterTanh(RNN):
    """The next step's gradient is added where there is no tanh between it and ``Z``."""

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params
    ) -> tuple[ndarray, ndarray]:
        H_grad = self._output_backward(X_out_grad, params)
        H_int_grad = H_grad * self._tanh_slope(self.H_out) + H_out_grad
        return self._split(self._linear_backward(H_int_grad, self.Z, params, "f"))


RNN_NODE = (
    Mutant(
        "as printed",
        "There is no backward: the book prints the listing of forward once more in its place. Go "
        "back through its lines, from the output to H_out, through tanh to Z, and cut the gradient "
        "on Z into the input's and the state's.",
        _NoBackward,
        "X_in_grad",
        errata="E20",
    ),
    Mutant(
        "forward again",
        "backward is forward once more, as the book prints it. Go back through the lines of "
        "forward, from the output to H_out, through tanh to Z, and cut the gradient on Z into the "
        "input's and the state's.",
        _ForwardAgain,
        "X_in_grad",
        errata="E20",
    ),
    *any_mutants(RNN),
    *stack_mutants(RNN),
    Mutant(
        "no tanh",
        "The new state does not go through tanh.",
        _NoTanh,
        "X_out",
    ),
    Mutant(
        "sigmoid for tanh",
        "The new state goes through a sigmoid; it goes through tanh.",
        _Sigmoid,
        "X_out",
    ),
    Mutant(
        "no bias",
        "B_f is not added to Z times W_f.",
        _NoBias,
        "X_out",
    ),
    Mutant(
        "output before tanh",
        "The output is computed from what tanh is taken of; it is H_out times W_v, plus B_v.",
        _OutputBeforeTanh,
        "X_out",
    ),
    Mutant(
        "state before tanh",
        "forward hands on what tanh is taken of; the new state is the tanh.",
        _StateHandedOnBeforeTanh,
        "H_out",
    ),
    Mutant(
        "slope forgotten",
        "The gradient on H_out is not multiplied by the slope of tanh, 1 - H_out ** 2.",
        _SlopeForgotten,
        "X_in_grad",
    ),
    Mutant(
        "slope at the sum",
        "The slope of tanh is taken as 1 minus the square of what tanh is taken of; square its "
        "output: 1 - H_out ** 2.",
        _SlopeAtSum,
        "X_in_grad",
    ),
    Mutant(
        "stale",
        "backward uses what the first forward pass kept; each forward pass must keep its own Z and "
        "H_out.",
        _Stale,
        "X_in_grad",
    ),
    Mutant(
        "next step's gradient past tanh",
        "H_out_grad is added behind tanh's slope; add it to the gradient on H_out first, for H_out "
        "is what the next time step got.",
        _NextHiddenAfterTanh,
        "X_in_grad",
    ),
)
