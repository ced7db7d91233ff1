"""Mistakes in the activations of chapter 3."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import activations as right
from scratch.functions import sigmoid


class _SigmoidOfSigmoid(right.Sigmoid):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return sigmoid(self.output) * (1 - sigmoid(self.output)) * output_grad


class _NoOutputGrad(right.Sigmoid):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return self.output * (1 - self.output)


class _InputForOutput(right.Sigmoid):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return self.input_ * (1 - self.input_) * output_grad


class _OutputOnly(right.Sigmoid):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return self.output * output_grad


class _StaleOutput(right.Sigmoid):
    def forward(self, input_: ndarray) -> ndarray:
        stale = getattr(self, "kept", None)
        output = super().forward(input_)
        self.kept = output if stale is None else stale
        return output

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return self.kept * (1 - self.kept) * output_grad


class _Overflows(right.Sigmoid):
    """exp(x) / (1 + exp(x)): infinity over infinity for large inputs."""

    def _output(self) -> ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.exp(self.input_) / (1 + np.exp(self.input_))


class _ExponentSign(right.Sigmoid):
    def _output(self) -> ndarray:
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(self.input_))


SIGMOID = (
    Mutant(
        "sign of the exponent",
        "The exponent has the wrong sign: 1 / (1 + np.exp(-x)), not 1 / (1 + np.exp(x)).",
        _ExponentSign,
        "output",
    ),
    Mutant(
        "sigmoid of sigmoid",
        "The derivative is taken at the output; self.output is sigmoid(x) "
        "already, so it is self.output * (1 - self.output).",
        _SigmoidOfSigmoid,
        "input_grad",
    ),
    Mutant(
        "output_grad forgotten",
        "The gradient does not use output_grad: multiply the derivative by it.",
        _NoOutputGrad,
        "input_grad",
    ),
    Mutant(
        "input for output",
        "The derivative uses the input where it needs the output: self.output * (1 - self.output).",
        _InputForOutput,
        "input_grad",
    ),
    Mutant(
        "(1 - output) forgotten",
        "The factor (1 - self.output) is missing in the derivative.",
        _OutputOnly,
        "input_grad",
    ),
    Mutant(
        "stale output",
        "backward uses the output of an earlier forward pass; forward must "
        "replace what it keeps each time.",
        _StaleOutput,
        "input_grad",
    ),
    Mutant(
        "overflow",
        "Large inputs give NaN (infinity over infinity): write 1 / (1 + np.exp(-x)) "
        "instead of np.exp(x) / (1 + np.exp(x)).",
        _Overflows,
        "output",
    ),
)


class _LinearGradOnes(right.Linear):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.ones_like(output_grad)


class _LinearGradInput(right.Linear):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return self.input_ * output_grad


class _LinearGradZero(right.Linear):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.zeros_like(output_grad)


LINEAR = (
    Mutant(
        "ones",
        "The gradient is 1 everywhere; Linear passes output_grad on as it is.",
        _LinearGradOnes,
        "input_grad",
    ),
    Mutant(
        "times the input",
        "output_grad is multiplied by the input; Linear passes it on as it is.",
        _LinearGradInput,
        "input_grad",
    ),
    Mutant(
        "zero",
        "The gradient is 0, so nothing in front of this layer would learn; Linear passes "
        "output_grad on as it is.",
        _LinearGradZero,
        "input_grad",
    ),
)
