"""Mistakes in the activations of chapters 3 and 4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import activations as right
from scratch.functions import relu, sigmoid
from scratch.operations import Operation


def _wrong(
    base: type[Operation],
    gradient: Callable[[Any, ndarray], ndarray] | None = None,
    output: Callable[[ndarray], ndarray] | None = None,
) -> type[Operation]:
    """An activation with another gradient, or another output."""

    class Wrong(base):  # type: ignore[misc, valid-type]
        def _output(self) -> ndarray:
            return output(self.input_) if output else super()._output()

        def _input_grad(self, output_grad: ndarray) -> ndarray:
            return gradient(self, output_grad) if gradient else super()._input_grad(output_grad)

    return Wrong


def _stale(base: type[Operation]) -> type[Operation]:
    """An activation whose backward pass knows only the first forward pass."""

    class Stale(base):  # type: ignore[misc, valid-type]
        def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
            if not hasattr(self, "first"):
                self.first = base()
                self.first.forward(input_, inference)
            return super().forward(input_, inference)

        def _input_grad(self, output_grad: ndarray) -> ndarray:
            return self.first.backward(output_grad)

    return Stale


_STALE = (
    "backward uses what an earlier forward pass has kept; forward must replace what it keeps each "
    "time."
)
_OUTPUT_GRAD_FORGOTTEN = "The gradient does not use output_grad: multiply the derivative by it."


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
    Mutant("stale output", _STALE, _stale(right.Sigmoid), "input_grad"),
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


def _tanh_overflows(x: ndarray) -> ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


TANH = (
    Mutant(
        "input for output",
        "The derivative uses the input where it needs the output: 1 - self.output ** 2.",
        _wrong(right.Tanh, lambda self, grad: (1 - self.input_ * self.input_) * grad),
        "input_grad",
    ),
    Mutant(
        "tanh of tanh",
        "The derivative is taken at the output; self.output is tanh(x) already, so it is "
        "1 - self.output ** 2.",
        _wrong(right.Tanh, lambda self, grad: (1 - np.tanh(self.output) ** 2) * grad),
        "input_grad",
    ),
    Mutant(
        "square forgotten",
        "The derivative is 1 - self.output ** 2; the square is missing.",
        _wrong(right.Tanh, lambda self, grad: (1 - self.output) * grad),
        "input_grad",
    ),
    Mutant(
        "square of the difference",
        "The derivative is 1 - self.output ** 2, not (1 - self.output) ** 2.",
        _wrong(right.Tanh, lambda self, grad: (1 - self.output) ** 2 * grad),
        "input_grad",
    ),
    Mutant(
        "derivative of sigmoid",
        "self.output * (1 - self.output) is the derivative of sigmoid; that of tanh is "
        "1 - self.output ** 2.",
        _wrong(right.Tanh, lambda self, grad: self.output * (1 - self.output) * grad),
        "input_grad",
    ),
    Mutant(
        "output_grad forgotten",
        _OUTPUT_GRAD_FORGOTTEN,
        _wrong(right.Tanh, lambda self, grad: 1 - self.output * self.output),
        "input_grad",
    ),
    Mutant("stale output", _STALE, _stale(right.Tanh), "input_grad"),
    Mutant(
        "sigmoid",
        "This is sigmoid, which runs from 0 to 1; tanh runs from -1 to 1.",
        right.Sigmoid,
        "output",
    ),
    Mutant(
        "overflow",
        "Large inputs give NaN (infinity over infinity): np.tanh has no such trouble.",
        _wrong(right.Tanh, output=_tanh_overflows),
        "output",
    ),
)

RELU = (
    Mutant(
        "absolute",
        "Negative elements come out positive; ReLU makes them 0.",
        _wrong(right.ReLU, output=np.abs),
        "output",
    ),
    Mutant(
        "minimum",
        "This keeps the negative elements: np.maximum(x, 0), not np.minimum.",
        _wrong(right.ReLU, lambda self, grad: (self.input_ < 0) * grad, lambda x: np.minimum(x, 0)),
        "output",
    ),
    Mutant(
        "nothing cut in backward",
        "The gradient is passed on everywhere; where the input was negative it is 0.",
        _wrong(right.ReLU, lambda self, grad: grad.copy()),
        "input_grad",
    ),
    Mutant(
        "output_grad forgotten",
        _OUTPUT_GRAD_FORGOTTEN,
        _wrong(right.ReLU, lambda self, grad: np.where(self.input_ > 0, 1, np.zeros_like(grad))),
        "input_grad",
    ),
    Mutant(
        "output for derivative",
        "output_grad is multiplied by the output; the derivative is 1 where the input is positive.",
        _wrong(right.ReLU, lambda self, grad: self.output * grad),
        "input_grad",
    ),
    Mutant(
        "output_grad cut by its own sign",
        "The gradient is cut where output_grad is negative; it must be where the input was.",
        _wrong(right.ReLU, lambda self, grad: relu(grad)),
        "input_grad",
    ),
    Mutant(
        "slope 1 at 0",
        "The slope at 0 is 1 here; take 0, as PyTorch does: self.input_ > 0, not >= 0.",
        _wrong(right.ReLU, lambda self, grad: (self.input_ >= 0) * grad),
        "input_grad",
    ),
    Mutant("stale input", _STALE, _stale(right.ReLU), "input_grad"),
)

LEAKY_RELU = (
    Mutant(
        "slope 0.01",
        "The slope is 0.01 here, as in PyTorch; in chapter 1's leaky_relu it is 0.2.",
        lambda: right.LeakyReLU(0.01),
        "output",
    ),
    Mutant(
        "no leak",
        "Negative elements become 0, this is ReLU; LeakyReLU multiplies them by 0.2.",
        right.ReLU,
        "output",
    ),
    Mutant(
        "no leak in backward",
        "The gradient is 0 where the input is negative; there it is 0.2 * output_grad.",
        _wrong(right.LeakyReLU, lambda self, grad: (self.input_ > 0) * grad),
        "input_grad",
    ),
    Mutant(
        "nothing cut in backward",
        "The gradient is passed on everywhere; where the input is negative it is 0.2 * "
        "output_grad.",
        _wrong(right.LeakyReLU, lambda self, grad: grad.copy()),
        "input_grad",
    ),
    Mutant(
        "output_grad forgotten",
        _OUTPUT_GRAD_FORGOTTEN,
        _wrong(
            right.LeakyReLU,
            lambda self, grad: np.where(self.input_ > 0, 1, np.full_like(grad, 0.2)),
        ),
        "input_grad",
    ),
    Mutant(
        "slope 1 at 0",
        "The slope at 0 is 1 here; take 0.2, as PyTorch does: self.input_ > 0, not >= 0.",
        _wrong(
            right.LeakyReLU,
            lambda self, grad: np.where(self.input_ >= 0, grad, 0.2 * grad),
        ),
        "input_grad",
    ),
    Mutant("stale input", _STALE, _stale(right.LeakyReLU), "input_grad"),
)

RELU6 = (
    Mutant(
        "not capped",
        "Nothing stops at 6, this is ReLU: np.minimum(np.maximum(x, 0), 6).",
        right.ReLU,
        "output",
    ),
    Mutant(
        "negative elements kept",
        "Negative elements come through; they become 0: np.minimum(np.maximum(x, 0), 6).",
        _wrong(
            right.ReLU6, lambda self, grad: (self.input_ < 6) * grad, lambda x: np.minimum(x, 6)
        ),
        "output",
    ),
    Mutant(
        "not cut above 6 in backward",
        "The gradient is passed on where the input is above 6; there the output does not move, so "
        "it is 0.",
        _wrong(right.ReLU6, lambda self, grad: (self.input_ > 0) * grad),
        "input_grad",
    ),
    Mutant(
        "not cut below 0 in backward",
        "The gradient is passed on where the input is negative; there the output does not move, "
        "so it is 0.",
        _wrong(right.ReLU6, lambda self, grad: (self.input_ < 6) * grad),
        "input_grad",
    ),
    Mutant(
        "output_grad forgotten",
        _OUTPUT_GRAD_FORGOTTEN,
        _wrong(
            right.ReLU6,
            lambda self, grad: np.where(
                (self.input_ > 0) & (self.input_ < 6), 1, np.zeros_like(grad)
            ),
        ),
        "input_grad",
    ),
    Mutant(
        "slope 1 at 6",
        "The slope at 6 is 1 here; take 0, as PyTorch does: self.input_ < 6, not <= 6.",
        _wrong(right.ReLU6, lambda self, grad: ((self.input_ > 0) & (self.input_ <= 6)) * grad),
        "input_grad",
    ),
    Mutant(
        "slope 1 at 0",
        "The slope at 0 is 1 here; take 0, as PyTorch does: self.input_ > 0, not >= 0.",
        _wrong(right.ReLU6, lambda self, grad: ((self.input_ >= 0) & (self.input_ < 6)) * grad),
        "input_grad",
    ),
    Mutant(
        "slope 1 at both kinks",
        "The slope at 0 and at 6 is 1 here; take 0, as PyTorch does: 0 < self.input_ < 6 without "
        "the ends.",
        _wrong(right.ReLU6, lambda self, grad: ((self.input_ >= 0) & (self.input_ <= 6)) * grad),
        "input_grad",
    ),
    Mutant("stale input", _STALE, _stale(right.ReLU6), "input_grad"),
)


class _SlopeIgnored(right.LeakyReLU):
    def __init__(self, negative_slope: float = 0.2) -> None:
        super().__init__()


class _SlopeIgnoredInBackward(right.LeakyReLU):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.where(self.input_ > 0, output_grad, 0.2 * output_grad)


class _SlopeOnTheWrongSide(right.LeakyReLU):
    def _output(self) -> ndarray:
        return np.where(self.input_ < 0, self.input_, self.negative_slope * self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.where(self.input_ < 0, output_grad, self.negative_slope * output_grad)


NEGATIVE_SLOPE = (
    Mutant(
        "ignored",
        "negative_slope is not used: the slope is 0.2 whatever is asked for.",
        _SlopeIgnored,
        "output",
    ),
    Mutant(
        "ignored in backward",
        "backward multiplies by 0.2 whatever negative_slope is; use the one that forward uses.",
        _SlopeIgnoredInBackward,
        "input_grad",
    ),
    Mutant(
        "positive elements",
        "negative_slope multiplies the positive elements; it is the slope of the negative ones.",
        _SlopeOnTheWrongSide,
        "output",
    ),
)
