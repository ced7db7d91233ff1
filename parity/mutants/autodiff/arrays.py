"""Mistakes in arrays that find their own gradients, of chapters 6 and 7."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.autodiff.axes import AXES, made
from scratch import autodiff as right
from scratch.autodiff.broadcasting import matmul_grads
from scratch.autodiff.graph import in_order


class _AccumulatedSent(right.ArrayWithGrad):
    """The book's way back, as printed, with arrays."""

    def backward(self, backward_grad: Any = None) -> None:
        self._add_to_grad(self._received(self._first_grad(backward_grad)))
        if self.depends_on:
            assert self.grad is not None
            for source, part in zip(self.depends_on, self._input_grads(self.grad), strict=True):
                source.backward(part)


class _Overwritten(_AccumulatedSent):
    def _add_to_grad(self, grad: ndarray) -> None:
        self.grad = grad


class _AllSentAgain(right.ArrayWithGrad):
    """Each array once and in order, but with what earlier passes have left in it."""

    def backward(self, backward_grad: Any = None) -> None:
        self.grad = self._first_grad(backward_grad)
        for node in reversed(in_order(self)):
            if node.depends_on:
                parts = node._input_grads(node.grad)
                for source, part in zip(node.depends_on, parts, strict=True):
                    source._add_to_grad(part)


class _Replaced(right.ArrayWithGrad):
    def backward(self, backward_grad: Any = None) -> None:
        self.zero_grad()
        super().backward(backward_grad)


class _DoublePrecision(right.ArrayWithGrad):
    """Ones of NumPy's default type, zeros of the gradient's."""

    def _first_grad(self, backward_grad: Any) -> ndarray:
        return super()._first_grad(backward_grad).astype(np.float64)

    def _received(self, grad: Any) -> ndarray:
        return np.asarray(grad)


class _NotSummedBack(right.ArrayWithGrad):
    def __add__(self, other: Any) -> right.ArrayWithGrad:
        other = self._same_kind(other)
        return made(self, self.array + other.array, [other], lambda grad: (grad, grad))


class _Matmul(right.ArrayWithGrad):
    """A product whose way back a subclass gets wrong."""

    def __matmul__(self, other: Any) -> right.ArrayWithGrad:
        a, b = self.array, self._same_kind(other).array
        return made(self, a @ b, [self._same_kind(other)], lambda grad: self._grads(grad, a, b))

    def _grads(self, grad: ndarray, a: ndarray, b: ndarray) -> tuple[ndarray, ndarray]:
        raise NotImplementedError


class _SecondNotTransposed(_Matmul):
    def _grads(self, grad: ndarray, a: ndarray, b: ndarray) -> tuple[ndarray, ndarray]:
        return grad @ b, matmul_grads(grad, a, b)[1]


class _SecondGradTransposed(_Matmul):
    def _grads(self, grad: ndarray, a: ndarray, b: ndarray) -> tuple[ndarray, ndarray]:
        a_grad, b_grad = matmul_grads(grad, a, b)
        return a_grad, b_grad.T


class _BatchesNotSummed(_Matmul):
    def _grads(self, grad: ndarray, a: ndarray, b: ndarray) -> tuple[ndarray, ndarray]:
        return grad @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ grad


class _OwnFactor(right.ArrayWithGrad):
    def __mul__(self, other: Any) -> right.ArrayWithGrad:
        other = self._same_kind(other)
        a, b = self.array, other.array
        return self._broadcast("mul", np.multiply, other, lambda grad: (grad * a, grad * b))


class _DifferenceAsSum(right.ArrayWithGrad):
    def __sub__(self, other: Any) -> right.ArrayWithGrad:
        other = self._same_kind(other)
        return self._broadcast("sub", np.subtract, other, lambda grad: (grad, grad))


class _DivisorNotSquared(right.ArrayWithGrad):
    def __truediv__(self, other: Any) -> right.ArrayWithGrad:
        other = self._same_kind(other)
        a, b = self.array, other.array
        return self._broadcast("div", np.divide, other, lambda grad: (grad / b, -grad * a / b))


class _SigmoidAtInput(right.ArrayWithGrad):
    def sigmoid(self) -> right.ArrayWithGrad:
        a = self.array
        return made(self, super().sigmoid().array, [], lambda grad: (grad * a * (1 - a),))


class _TanhAtInput(right.ArrayWithGrad):
    def tanh(self) -> right.ArrayWithGrad:
        a = self.array
        return made(self, np.tanh(a), [], lambda grad: (grad * (1 - a * a),))


class _ReluLetsAllThrough(right.ArrayWithGrad):
    def relu(self) -> right.ArrayWithGrad:
        return made(self, np.maximum(self.array, 0), [], lambda grad: (grad,))


class _ReluLetsZeroThrough(right.ArrayWithGrad):
    def relu(self) -> right.ArrayWithGrad:
        a = self.array
        return made(self, np.maximum(a, 0), [], lambda grad: (grad * (a >= 0),))


class _PowerNotLowered(right.ArrayWithGrad):
    def __pow__(self, exponent: float) -> right.ArrayWithGrad:
        out = self.array**exponent
        return made(self, out, [], lambda grad: (grad * exponent * out,))


class _LogAtOutput(right.ArrayWithGrad):
    def log(self) -> right.ArrayWithGrad:
        out = np.log(self.array)
        return made(self, out, [], lambda grad: (grad / out,))


ARRAY_WITH_GRAD = (
    Mutant(
        "accumulated gradient sent again",
        "An array that is reached twice sends its whole grad on each time; go through the arrays "
        "once, each after all that use it, or send on only the new part, backward_grad.",
        _AccumulatedSent,
        "x.grad",
    ),
    Mutant(
        "gradient overwritten",
        "Each gradient that reaches an array replaces the one before; they must add up.",
        _Overwritten,
        "x.grad",
    ),
    Mutant(
        "gradients of before sent again",
        "A second backward pass sends on what the first has left in the arrays; send on only what "
        "comes in this pass.",
        _AllSentAgain,
        "x.grad",
    ),
    Mutant(
        "gradients of before replaced",
        "A second backward pass begins anew; its gradients must add to those of the first.",
        _Replaced,
        "x.grad",
    ),
    Mutant(
        "double precision",
        "Gradients come in float64 for arrays of float32; give them the dtype of the array.",
        _DoublePrecision,
        "x.grad",
    ),
    Mutant(
        "not summed back",
        "The gradient on an array that was broadcast by + has the shape of the result; sum it over "
        "the axes that broadcasting has added or stretched.",
        _NotSummedBack,
        "b.grad",
    ),
    Mutant(
        "second factor not transposed",
        "The gradient on x in x @ w multiplies by w as it is; it needs w transposed: grad @ w.T.",
        _SecondNotTransposed,
        "x.grad",
    ),
    Mutant(
        "gradient on the second factor transposed",
        "The gradient on w in x @ w is transposed: it is x.T @ grad, not grad.T @ x.",
        _SecondGradTransposed,
        "w.grad",
    ),
    Mutant(
        "batches not summed",
        "The gradient on a matrix that multiplies a batch of matrices has one for each of them; "
        "sum it over the batch.",
        _BatchesNotSummed,
        "w.grad",
    ),
    Mutant(
        "own factor",
        "A product sends each factor that factor's own array; the slope in one factor is the "
        "other one.",
        _OwnFactor,
        "x.grad",
    ),
    Mutant(
        "difference as a sum",
        "A difference sends both arrays the same gradient; the second one's has a minus.",
        _DifferenceAsSum,
        "w.grad",
    ),
    Mutant(
        "divisor not squared",
        "The gradient on the divisor is divided by it once; it is -a / b ** 2 times the gradient.",
        _DivisorNotSquared,
        "w.grad",
    ),
    Mutant(
        "power not lowered",
        "The slope of a power keeps its exponent: it is n * x ** (n - 1), with one less.",
        _PowerNotLowered,
        "x.grad",
    ),
    Mutant(
        "sigmoid at its input",
        "The slope of sigmoid is taken as x * (1 - x); x there is the output.",
        _SigmoidAtInput,
        "x.grad",
    ),
    Mutant(
        "tanh at its input",
        "The slope of tanh is taken as 1 - x ** 2; it is 1 - tanh(x) ** 2.",
        _TanhAtInput,
        "x.grad",
    ),
    Mutant(
        "relu lets all through",
        "relu sends the gradient on for negative numbers, too; it must send on 0.",
        _ReluLetsAllThrough,
        "x.grad",
    ),
    Mutant(
        "relu lets 0 through",
        "relu sends the gradient on where its input is 0; the slope there is 0: the input > 0.",
        _ReluLetsZeroThrough,
        "x.grad",
    ),
    Mutant(
        "log at its output",
        "The gradient of log is divided by the logarithm; divide it by the number.",
        _LogAtOutput,
        "x.grad",
    ),
    *AXES,
)
