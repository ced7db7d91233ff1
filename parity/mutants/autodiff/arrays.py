"""Mistakes in arrays that find their own gradients, of chapters 6 and 7."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import autodiff as right
from scratch.autodiff.broadcasting import Axes, matmul_grads, spread_over_axes


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


class _DoublePrecision(right.ArrayWithGrad):
    """Ones of NumPy's default type, zeros of the gradient's."""

    def _first_grad(self, backward_grad: Any) -> ndarray:
        return super()._first_grad(backward_grad).astype(np.float64)

    def _received(self, grad: Any) -> ndarray:
        return np.asarray(grad)


class _NotSummedBack(right.ArrayWithGrad):
    def __add__(self, other: Any) -> right.ArrayWithGrad:
        other = self._same_kind(other)
        return _made(self, self.array + other.array, [other], lambda grad: (grad, grad))


def _made(
    node: right.ArrayWithGrad,
    array: Any,
    others: Sequence[right.ArrayWithGrad],
    way_back: Callable[[ndarray], tuple[ndarray, ...]],
) -> right.ArrayWithGrad:
    return type(node)(array, [node, *others], "mutated", way_back)


class _Matmul(right.ArrayWithGrad):
    """A product whose way back a subclass gets wrong."""

    def __matmul__(self, other: Any) -> right.ArrayWithGrad:
        a, b = self.array, self._same_kind(other).array
        return _made(self, a @ b, [self._same_kind(other)], lambda grad: self._grads(grad, a, b))

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


class _SumNotSpread(right.ArrayWithGrad):
    def sum(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        return _made(self, self.array.sum(axis=axis, keepdims=keepdims), [], lambda grad: (grad,))


class _MeanNotDivided(right.ArrayWithGrad):
    def mean(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        shape = self.shape
        return _made(
            self,
            self.array.mean(axis=axis, keepdims=keepdims),
            [],
            lambda grad: (spread_over_axes(grad, shape, axis, keepdims),),
        )


class _MeanDividedByAll(right.ArrayWithGrad):
    def mean(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        shape, size = self.shape, self.array.size
        return _made(
            self,
            self.array.mean(axis=axis, keepdims=keepdims),
            [],
            lambda grad: (spread_over_axes(grad, shape, axis, keepdims) / size,),
        )


class _ShapeKept(right.ArrayWithGrad):
    def reshape(self, *shape: Any) -> right.ArrayWithGrad:
        return _made(self, np.array(self.array.reshape(*shape)), [], lambda grad: (grad,))


class _AxesTwice(right.ArrayWithGrad):
    def transpose(self, axes: Sequence[int] | None = None) -> right.ArrayWithGrad:
        return _made(
            self,
            np.array(np.transpose(self.array, axes)),
            [],
            lambda grad: (np.transpose(grad, axes),),
        )


class _RepeatsOverwritten(right.ArrayWithGrad):
    def __getitem__(self, index: Any) -> right.ArrayWithGrad:
        a = self.array

        def way_back(grad: ndarray) -> tuple[ndarray]:
            a_grad = np.zeros_like(a)
            a_grad[index] = grad
            return (a_grad,)

        return _made(self, np.array(a[index]), [], way_back)


class _FirstPartForAll(right.ArrayWithGrad):
    @classmethod
    def concatenate(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        nodes = cls._nodes(arrays)

        def way_back(grad: ndarray) -> tuple[ndarray, ...]:
            return tuple(np.take(grad, range(node.shape[axis]), axis) for node in nodes)

        return cls(np.concatenate([n.array for n in nodes], axis), nodes, "mutated", way_back)


class _FirstLayerForAll(right.ArrayWithGrad):
    @classmethod
    def stack(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        nodes = cls._nodes(arrays)

        def way_back(grad: ndarray) -> tuple[ndarray, ...]:
            return tuple(np.take(grad, 0, axis) for _ in nodes)

        return cls(np.stack([n.array for n in nodes], axis), nodes, "mutated", way_back)


class _SigmoidAtInput(right.ArrayWithGrad):
    def sigmoid(self) -> right.ArrayWithGrad:
        a = self.array
        return _made(self, super().sigmoid().array, [], lambda grad: (grad * a * (1 - a),))


class _TanhAtInput(right.ArrayWithGrad):
    def tanh(self) -> right.ArrayWithGrad:
        a = self.array
        return _made(self, np.tanh(a), [], lambda grad: (grad * (1 - a * a),))


class _ReluLetsAllThrough(right.ArrayWithGrad):
    def relu(self) -> right.ArrayWithGrad:
        return _made(self, np.maximum(self.array, 0), [], lambda grad: (grad,))


class _PowerNotLowered(right.ArrayWithGrad):
    def __pow__(self, exponent: float) -> right.ArrayWithGrad:
        out = self.array**exponent
        return _made(self, out, [], lambda grad: (grad * exponent * out,))


class _LogAtOutput(right.ArrayWithGrad):
    def log(self) -> right.ArrayWithGrad:
        out = np.log(self.array)
        return _made(self, out, [], lambda grad: (grad / out,))


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
        "sum not spread",
        "sum sends its gradient on in the shape of the sum; give it to every element that was "
        "summed, in the shape of the array.",
        _SumNotSpread,
        "x.grad",
    ),
    Mutant(
        "mean not divided",
        "mean sends its gradient on as a sum does; divide it by the number of elements.",
        _MeanNotDivided,
        "x.grad",
    ),
    Mutant(
        "mean divided by all",
        "mean divides its gradient by the number of all elements; divide it by the number of those "
        "along axis.",
        _MeanDividedByAll,
        "x.grad",
    ),
    Mutant(
        "shape not put back",
        "reshape sends its gradient on in the new shape; give it the shape of the array.",
        _ShapeKept,
        "x.grad",
    ),
    Mutant(
        "axes exchanged twice",
        "transpose puts the axes of its gradient into the same order once more; it must undo that "
        "order: np.argsort(axes).",
        _AxesTwice,
        "x.grad",
    ),
    Mutant(
        "repeats overwritten",
        "An element that is taken several times gets only the last gradient, as with "
        "grad[index] += ...; np.add.at(grad, index, ...) adds them up.",
        _RepeatsOverwritten,
        "x.grad",
    ),
    Mutant(
        "first part for all",
        "concatenate sends every array the beginning of the gradient; each gets the part where it "
        "stands.",
        _FirstPartForAll,
        "x.grad",
    ),
    Mutant(
        "first layer for all",
        "stack sends every array the first of the gradients along the new axis; each gets its own.",
        _FirstLayerForAll,
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
        "log at its output",
        "The gradient of log is divided by the logarithm; divide it by the number.",
        _LogAtOutput,
        "x.grad",
    ),
)
