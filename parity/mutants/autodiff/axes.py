"""Mistakes in arrays that find their own gradients: sums along axes, and elements put elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import autodiff as right
from scratch.autodiff.broadcasting import Axes, spread_over_axes


def made(
    node: right.ArrayWithGrad,
    array: Any,
    others: Sequence[right.ArrayWithGrad],
    way_back: Callable[[ndarray], tuple[ndarray, ...]],
) -> right.ArrayWithGrad:
    """An array of the class of ``node``, made from it and others, with a way back of its own."""
    return type(node)(array, [node, *others], "mutated", way_back)


class _SumNotSpread(right.ArrayWithGrad):
    def sum(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        return made(self, self.array.sum(axis=axis, keepdims=keepdims), [], lambda grad: (grad,))


class _SumNotExpanded(right.ArrayWithGrad):
    def sum(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        shape = self.shape
        return made(
            self,
            self.array.sum(axis=axis, keepdims=keepdims),
            [],
            lambda grad: (np.broadcast_to(grad, shape),),
        )


class _SumAndMeanNotExpanded(_SumNotExpanded):
    """The mean made from a sum."""

    def mean(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        total = self.sum(axis, keepdims)
        return total * (total.array.size / self.array.size)


class _MeanNotDivided(right.ArrayWithGrad):
    def mean(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        shape = self.shape
        return made(
            self,
            self.array.mean(axis=axis, keepdims=keepdims),
            [],
            lambda grad: (spread_over_axes(grad, shape, axis, keepdims),),
        )


class _MeanDividedByAll(right.ArrayWithGrad):
    def mean(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        shape, size = self.shape, self.array.size
        return made(
            self,
            self.array.mean(axis=axis, keepdims=keepdims),
            [],
            lambda grad: (spread_over_axes(grad, shape, axis, keepdims) / size,),
        )


class _MeanOfAllByRows(right.ArrayWithGrad):
    def mean(self, axis: Axes = None, keepdims: bool = False) -> right.ArrayWithGrad:
        if axis is None:
            return self.sum(axis, keepdims) * (1 / len(self.array))
        return super().mean(axis, keepdims)


class _ShapeKept(right.ArrayWithGrad):
    def reshape(self, *shape: Any) -> right.ArrayWithGrad:
        return made(self, np.array(self.array.reshape(*shape)), [], lambda grad: (grad,))


class _AxesTwice(right.ArrayWithGrad):
    def transpose(self, axes: Sequence[int] | None = None) -> right.ArrayWithGrad:
        return made(
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

        return made(self, np.array(a[index]), [], way_back)


class _FirstPartForAll(right.ArrayWithGrad):
    @classmethod
    def concatenate(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        nodes = cls._nodes(arrays)

        def way_back(grad: ndarray) -> tuple[ndarray, ...]:
            return tuple(np.take(grad, range(node.shape[axis]), axis) for node in nodes)

        return cls(np.concatenate([n.array for n in nodes], axis), nodes, "mutated", way_back)


class _EndToEndInRows(right.ArrayWithGrad):
    @classmethod
    def concatenate(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        return super().concatenate(arrays)


class _SplitInRows(right.ArrayWithGrad):
    @classmethod
    def concatenate(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        nodes = cls._nodes(arrays)
        ends = np.cumsum([node.shape[axis] for node in nodes])[:-1]
        out = np.concatenate([node.array for node in nodes], axis)
        return cls(out, nodes, "mutated", lambda grad: tuple(np.split(grad, ends)))


class _FirstLayerForAll(right.ArrayWithGrad):
    @classmethod
    def stack(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        nodes = cls._nodes(arrays)

        def way_back(grad: ndarray) -> tuple[ndarray, ...]:
            return tuple(np.take(grad, 0, axis) for _ in nodes)

        return cls(np.stack([n.array for n in nodes], axis), nodes, "mutated", way_back)


class _StackedInFront(right.ArrayWithGrad):
    @classmethod
    def stack(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        return super().stack(arrays)


class _StackedSecond(right.ArrayWithGrad):
    @classmethod
    def stack(cls, arrays: Iterable[Any], axis: int = 0) -> right.ArrayWithGrad:
        return super().stack(arrays, axis=1)


AXES = (
    Mutant(
        "sum not spread",
        "sum sends its gradient on in the shape of the sum; give it to every element that was "
        "summed, in the shape of the array.",
        _SumNotSpread,
        "x.grad",
    ),
    Mutant(
        "sum not expanded",
        "sum spreads its gradient without the axis that is gone; put it back first: "
        "np.expand_dims(grad, axis), unless keepdims has kept it.",
        _SumNotExpanded,
        "w.grad",
    ),
    Mutant(
        "sum not expanded, nor mean",
        "sum, and mean with it, spread their gradients without the axis that is gone; put it back "
        "first: np.expand_dims(grad, axis), unless keepdims has kept it.",
        _SumAndMeanNotExpanded,
        "w.grad",
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
        "mean of all divided by the rows",
        "mean() of all elements is divided by the number of rows; divide it by array.size.",
        _MeanOfAllByRows,
        "output",
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
        "concatenate without its axis",
        "concatenate puts arrays one below the other whatever axis is; hand it on to NumPy.",
        _EndToEndInRows,
        "output",
    ),
    Mutant(
        "gradient split along axis 0",
        "concatenate splits its gradient along axis 0; split it where the arrays were put "
        "together: np.split(grad, ends, axis).",
        _SplitInRows,
        "x.grad",
    ),
    Mutant(
        "first layer for all",
        "stack sends every array the first of the gradients along the new axis; each gets its own.",
        _FirstLayerForAll,
        "x.grad",
    ),
    Mutant(
        "stack without its axis",
        "stack puts the new axis first whatever axis is; hand it on to NumPy.",
        _StackedInFront,
        "output",
    ),
    Mutant(
        "stack along axis 1",
        "stack puts the new axis second whatever axis is; hand it on to NumPy.",
        _StackedSecond,
        "output",
    ),
)
