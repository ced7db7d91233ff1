"""Mistakes that can be made in any of the three nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.in_parts import InParts, Params
from scratch.functions import sigmoid


class _Overwritten(InParts):
    def _add(self, params: Params, name: str, grad: ndarray) -> None:
        params[name]["deriv"] = grad


class _Subtracted(InParts):
    def _add(self, params: Params, name: str, grad: ndarray) -> None:
        params[name]["deriv"] = params[name]["deriv"] - grad


class _BiasGradNotSummed(InParts):
    def _bias_grad(self, grad: ndarray) -> ndarray:
        return grad


class _BiasGradAveraged(InParts):
    def _bias_grad(self, grad: ndarray) -> ndarray:
        mean: ndarray = grad.mean(axis=0, keepdims=True)
        return mean


class _WeightGradAveraged(InParts):
    def _weight_grad(self, rows: ndarray, grad: ndarray) -> ndarray:
        mean: ndarray = rows.T @ grad / len(rows)
        return mean


class _TanhOfTanh(InParts):
    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        slope: ndarray = 1 - np.tanh(tanh) ** 2
        return slope


class _TanhNotSquared(InParts):
    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        slope: ndarray = 1 - tanh
        return slope


class _NextHiddenDropped(InParts):
    def _hidden_grad(self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params) -> ndarray:
        return self._output_backward(X_out_grad, params)


class _OutputDropped(InParts):
    def _hidden_grad(self, X_out_grad: ndarray, H_out_grad: ndarray, params: Params) -> ndarray:
        self._output_backward(X_out_grad, params)
        return H_out_grad


class _NoOutputBias(InParts):
    def _output(self, params: Params) -> ndarray:
        product: ndarray = self.H_out @ params["W_v"]["value"]
        return product


class _OutputOfOldState(InParts):
    def _output(self, params: Params) -> ndarray:
        return self._linear(self.H_in, params, "v")

    def _output_backward(self, X_out_grad: ndarray, params: Params) -> ndarray:
        return self._linear_backward(X_out_grad, self.H_in, params, "v")


class _OutputGradOfOldState(InParts):
    def _output_backward(self, X_out_grad: ndarray, params: Params) -> ndarray:
        return self._linear_backward(X_out_grad, self.H_in, params, "v")


class _OutputParamsForgotten(InParts):
    def _output_backward(self, X_out_grad: ndarray, params: Params) -> ndarray:
        back: ndarray = X_out_grad @ params["W_v"]["value"].T
        return back


class _ValuesUpdated(InParts):
    def _add(self, params: Params, name: str, grad: ndarray) -> None:
        super()._add(params, name, grad)
        params[name]["value"] = params[name]["value"] - 0.01 * grad


class _Sigmoid(InParts):
    def _squash(self, total: ndarray) -> ndarray:
        return sigmoid(total)

    def _tanh_slope(self, tanh: ndarray) -> ndarray:
        return self._sigmoid_slope(tanh)


class _SigmoidOfSigmoid(InParts):
    def _sigmoid_slope(self, gate: ndarray) -> ndarray:
        slope: ndarray = sigmoid(gate) * (1 - sigmoid(gate))
        return slope


class _SigmoidSlopeForgotten(InParts):
    def _sigmoid_slope(self, gate: ndarray) -> ndarray:
        return np.ones_like(gate)


class _StateFirst(InParts):
    def _stack(self, X: ndarray, H: ndarray) -> ndarray:
        return np.column_stack((H, X))

    def _split(self, Z_grad: ndarray) -> tuple[ndarray, ndarray]:
        hidden = self.H_in.shape[1]
        return Z_grad[:, hidden:], Z_grad[:, :hidden]


class _SplitAtHidden(InParts):
    def _split(self, Z_grad: ndarray) -> tuple[ndarray, ndarray]:
        hidden = self.H_in.shape[1]
        return Z_grad[:, :hidden], Z_grad[:, hidden:]


class _SplitStateFirst(InParts):
    def _split(self, Z_grad: ndarray) -> tuple[ndarray, ndarray]:
        hidden = self.H_in.shape[1]
        return Z_grad[:, hidden:], Z_grad[:, :hidden]


def mistaken(mistake: type[InParts], node: type[InParts]) -> Any:
    """A node with a mistake that goes with any of them."""
    return type(f"{mistake.__name__}{node.__name__}", (mistake, node), {})


def any_mutants(node: type[InParts]) -> tuple[Mutant, ...]:
    """Those of every node."""
    return (
        Mutant(
            "gradients overwritten",
            'Each "deriv" is set to the gradient of this time step alone, so only the first step '
            'counts in the end: add to it, params_dict[name]["deriv"] += ...',
            mistaken(_Overwritten, node),
            "deriv[W_v]",
        ),
        Mutant(
            "gradients subtracted",
            'The gradients are subtracted from "deriv"; add them.',
            mistaken(_Subtracted, node),
            "deriv[W_v]",
        ),
        Mutant(
            "bias gradients not summed",
            "A bias gradient has a row for each row of the batch; add them up, "
            "sum(axis=0, keepdims=True).",
            mistaken(_BiasGradNotSummed, node),
            "deriv[B_v]",
        ),
        Mutant(
            "bias gradients averaged",
            "The bias gradients are averages over the batch; they are sums.",
            mistaken(_BiasGradAveraged, node),
            "deriv[B_v]",
        ),
        Mutant(
            "weight gradients averaged",
            "The gradients on the matrices are divided by the batch size; the loss has done that "
            "already.",
            mistaken(_WeightGradAveraged, node),
            "deriv[W_v]",
        ),
        Mutant(
            "tanh of tanh",
            "The slope of tanh is taken at its output, as 1 - tanh(output) ** 2; the output is the "
            "tanh already: 1 - output ** 2.",
            mistaken(_TanhOfTanh, node),
            "X_in_grad",
        ),
        Mutant(
            "tanh not squared",
            "The slope of tanh is taken as 1 - output; it is 1 - output ** 2.",
            mistaken(_TanhNotSquared, node),
            "X_in_grad",
        ),
        Mutant(
            "next step's hidden gradient dropped",
            "H_out_grad, which comes from the next time step, is left out: the gradient on H_out "
            "is the sum of it and of what comes back through W_v.",
            mistaken(_NextHiddenDropped, node),
            "X_in_grad",
        ),
        Mutant(
            "output's gradient dropped",
            "What comes back from the output through W_v is left out: the gradient on H_out is the "
            "sum of it and of H_out_grad.",
            mistaken(_OutputDropped, node),
            "X_in_grad",
        ),
        Mutant(
            "no output bias",
            "B_v is not added to the output.",
            mistaken(_NoOutputBias, node),
            "X_out",
        ),
        Mutant(
            "output of the old state",
            "The output is computed from H_in; it is H_out times W_v, plus B_v.",
            mistaken(_OutputOfOldState, node),
            "X_out",
        ),
        Mutant(
            "output's weight gradient of the old state",
            "The gradient on W_v is taken with H_in; W_v was multiplied by H_out.",
            mistaken(_OutputGradOfOldState, node),
            "deriv[W_v]",
        ),
        Mutant(
            "output's parameters forgotten",
            'backward adds nothing to "deriv" of W_v and B_v.',
            mistaken(_OutputParamsForgotten, node),
            "deriv[W_v]",
        ),
        Mutant(
            "values updated",
            'backward changes the parameters themselves; add to "deriv" only, for the optimizer '
            "updates them once all time steps have added their share.",
            mistaken(_ValuesUpdated, node),
            "params keep their values",
        ),
    )


def gate_mutants(node: type[InParts]) -> tuple[Mutant, ...]:
    """Those of the nodes with gates, which the book prints no backward pass of."""
    return (
        Mutant(
            "no backward",
            "There is no backward: the book prints forward only. Go back through its lines from "
            "the last to the first, as in chapters 1 and 2.",
            _forward_alone(node),
            "X_in_grad",
        ),
        Mutant(
            "candidate with a sigmoid",
            "The new candidate goes through a sigmoid; it goes through tanh.",
            mistaken(_Sigmoid, node),
            "X_out",
        ),
        Mutant(
            "sigmoid of sigmoid",
            "The slope of the sigmoid is taken at a gate, which is its output already: "
            "gate * (1 - gate).",
            mistaken(_SigmoidOfSigmoid, node),
            "X_in_grad",
        ),
        Mutant(
            "sigmoid's slope forgotten",
            "The gradient on a gate is not multiplied by the slope of the sigmoid, "
            "gate * (1 - gate).",
            mistaken(_SigmoidSlopeForgotten, node),
            "X_in_grad",
        ),
    )


def _forward_alone(node: type[Any]) -> Any:
    """A class with a node's ``forward`` and nothing else."""

    class ForwardAlone:
        def forward(self, *arguments: Any) -> Any:
            return node().forward(*arguments)

    return ForwardAlone


def stack_mutants(node: type[InParts]) -> tuple[Mutant, ...]:
    """Those of the nodes that put the input and the state side by side."""
    return (
        Mutant(
            "state first",
            "The state stands before the input; Z is np.column_stack((X_in, H_in)), the input "
            "first.",
            mistaken(_StateFirst, node),
            "X_out",
        ),
        Mutant(
            "split at the hidden size",
            "The gradient on Z is cut after as many columns as the state has; the input comes "
            "first, so cut it after as many as the input has.",
            mistaken(_SplitAtHidden, node),
            "X_in_grad",
        ),
        Mutant(
            "split the other way round",
            "The gradient on Z is cut as if the state came first; the first columns are the "
            "input's.",
            mistaken(_SplitStateFirst, node),
            "X_in_grad",
        ),
    )
