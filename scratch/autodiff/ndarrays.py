"""Chapters 6 and 7: an array that knows how it was made, and finds its own gradients.

Each operation states what it computes, and under it its way back: from the gradient on the result
to those on what it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy import ndarray

from scratch.autodiff.broadcasting import Axes, matmul_grads, spread_over_axes, sum_to_shape
from scratch.autodiff.graph import Node
from scratch.functions import sigmoid


class ArrayWithGrad(Node):
    """An array that keeps track of what is done with it, as PyTorch's ``Tensor`` does. Not in the
    book, which has it in words: chapter 7, "Class PyTorch Tensor".

    An operation takes another ``ArrayWithGrad``, an array or a number, on either side, broadcasts
    as NumPy does, and keeps the dtype: a number, or an array of whole numbers, takes on that of the
    ``ArrayWithGrad``. Its way back reads the arrays that went into it: change ``array`` only after
    ``backward``. ``grad`` is an array of its own, None before the first backward pass.

    Args:
        array: of a floating-point type, any shape; a leaf has a copy of it.
        depends_on: the arrays that it was made from; none for a leaf.
        creation_op: the operation that made it; empty for a leaf.
        way_back: from the gradient on it to those on ``depends_on``, in their order.

    Raises:
        TypeError: ``array`` is not of a floating-point type.
    """

    grad: ndarray | None

    def __init__(
        self,
        array: Any,
        depends_on: Iterable[ArrayWithGrad] | None = None,
        creation_op: str = "",
        way_back: Callable[[ndarray], tuple[ndarray, ...]] | None = None,
    ) -> None:
        super().__init__(depends_on, creation_op)
        self.array: ndarray = np.asarray(array) if self.depends_on else np.array(array)
        self.way_back = way_back
        if self.array.dtype.kind != "f":
            raise TypeError(
                f"ArrayWithGrad: array must be of a floating-point type, not {self.array.dtype}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array, and of its gradient."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the array, and of its gradient."""
        return self.array.dtype

    # Element by element, with broadcasting

    def __add__(self, other: Any) -> ArrayWithGrad:
        other = self._same_kind(other)
        return self._broadcast("add", np.add, other, lambda grad: (grad, grad))

    def __radd__(self, other: Any) -> ArrayWithGrad:
        return self + other

    def __sub__(self, other: Any) -> ArrayWithGrad:
        other = self._same_kind(other)
        return self._broadcast("sub", np.subtract, other, lambda grad: (grad, -grad))

    def __rsub__(self, other: Any) -> ArrayWithGrad:
        return self._same_kind(other) - self

    def __mul__(self, other: Any) -> ArrayWithGrad:
        other = self._same_kind(other)
        a, b = self.array, other.array
        return self._broadcast("mul", np.multiply, other, lambda grad: (grad * b, grad * a))

    def __rmul__(self, other: Any) -> ArrayWithGrad:
        return self * other

    def __truediv__(self, other: Any) -> ArrayWithGrad:
        """The quotient.

        Raises:
            ZeroDivisionError: an element of ``other`` is 0.
        """
        other = self._same_kind(other)
        a, b = self.array, other.array
        if not b.all():
            raise ZeroDivisionError(f"ArrayWithGrad: division by 0{_first_place(b == 0)}")
        return self._broadcast(
            "div", np.divide, other, lambda grad: (grad / b, -grad * (a / b) / b)
        )

    def __rtruediv__(self, other: Any) -> ArrayWithGrad:
        return self._same_kind(other) / self

    def __neg__(self) -> ArrayWithGrad:
        return type(self)(-self.array, [self], "neg", lambda grad: (-grad,))

    def __pow__(self, exponent: float) -> ArrayWithGrad:
        """The power, element by element.

        Args:
            exponent: a plain number.

        Raises:
            TypeError: ``exponent`` is none.
            ZeroDivisionError: 0 to a power whose value or slope is infinite.
            ValueError: a negative number to the power of a fraction.
        """
        if not isinstance(exponent, int | float | np.number):
            raise TypeError(
                f"ArrayWithGrad: an exponent must be a number, not {type(exponent).__name__}"
            )
        a, n = self.array, float(exponent)
        if n < 1 and n != 0 and not a.all():
            raise ZeroDivisionError(
                f"ArrayWithGrad: 0 to the power of {exponent} has no finite slope"
                f"{_first_place(a == 0)}"
            )
        if n % 1 and (a < 0).any():
            raise ValueError(
                f"ArrayWithGrad: a negative number has no real power of {exponent}"
                f"{_first_place(a < 0)}"
            )
        slope = n * a ** (n - 1) if n else np.zeros_like(a)
        return type(self)(a**n, [self], "pow", lambda grad: (grad * slope,))

    def exp(self) -> ArrayWithGrad:
        """``e`` to the power of each element."""
        out = np.exp(self.array)
        return type(self)(out, [self], "exp", lambda grad: (grad * out,))

    def log(self) -> ArrayWithGrad:
        """The natural logarithm of each element.

        Raises:
            ValueError: an element is not above 0.
        """
        a = self.array
        if (a <= 0).any():
            raise ValueError(
                f"ArrayWithGrad: log needs numbers above 0, not {a[a <= 0].flat[0]:.6g}"
                f"{_first_place(a <= 0)}"
            )
        return type(self)(np.log(a), [self], "log", lambda grad: (grad / a,))

    def sigmoid(self) -> ArrayWithGrad:
        """``1 / (1 + exp(-x))`` of each element."""
        out = sigmoid(self.array)
        return type(self)(out, [self], "sigmoid", lambda grad: (grad * out * (1 - out),))

    def tanh(self) -> ArrayWithGrad:
        """The hyperbolic tangent of each element."""
        out = np.tanh(self.array)
        return type(self)(out, [self], "tanh", lambda grad: (grad * (1 - out * out),))

    def relu(self) -> ArrayWithGrad:
        """Each element, or 0 where it is negative; the slope at 0 is 0, as in PyTorch."""
        a = self.array
        return type(self)(np.maximum(a, 0), [self], "relu", lambda grad: (grad * (a > 0),))

    def log_softmax(self, axis: int = -1) -> ArrayWithGrad:
        """The logarithm of softmax along an axis, for the cross-entropy loss of chapter 4.

        What is taken away from all numbers alike changes neither softmax nor its gradients; without
        the largest one, nothing overflows.
        """
        shifted = self - self.array.max(axis=axis, keepdims=True)
        return shifted - shifted.exp().sum(axis, keepdims=True).log()

    # Many elements at a time

    def __matmul__(self, other: Any) -> ArrayWithGrad:
        """The matrix product of vectors, matrices, or batches of matrices, which broadcast.

        Raises:
            ValueError: the shapes do not fit together.
        """
        other = self._same_kind(other)
        a, b = self.array, other.array
        try:
            product = np.matmul(a, b)
        except ValueError:
            raise ValueError(f"ArrayWithGrad: {a.shape} @ {b.shape} do not fit together") from None
        return type(self)(product, [self, other], "matmul", lambda grad: matmul_grads(grad, a, b))

    def __rmatmul__(self, other: Any) -> ArrayWithGrad:
        return self._same_kind(other) @ self

    def sum(self, axis: Axes = None, keepdims: bool = False) -> ArrayWithGrad:
        """The sum over one axis, over several, or over all (None)."""
        shape = self.shape
        return type(self)(
            self.array.sum(axis=axis, keepdims=keepdims),
            [self],
            "sum",
            lambda grad: (spread_over_axes(grad, shape, axis, keepdims),),
        )

    def mean(self, axis: Axes = None, keepdims: bool = False) -> ArrayWithGrad:
        """The mean over one axis, over several, or over all (None).

        Raises:
            ValueError: it would be one of no elements.
        """
        shape, total = self.shape, self.array.sum(axis=axis, keepdims=keepdims)
        if total.size and not self.array.size:
            raise ValueError(f"ArrayWithGrad: no elements have no mean (shape {shape})")
        n = self.array.size // total.size if total.size else 1
        return type(self)(
            total / n,
            [self],
            "mean",
            lambda grad: (spread_over_axes(grad, shape, axis, keepdims) / n,),
        )

    # Elements put elsewhere

    def reshape(self, *shape: Any) -> ArrayWithGrad:
        """The elements in another shape, given as NumPy takes it.

        Raises:
            ValueError: it has not as many elements.
        """
        a = self.array
        return type(self)(
            np.array(a.reshape(*shape)), [self], "reshape", lambda grad: (grad.reshape(a.shape),)
        )

    def transpose(self, axes: Sequence[int] | None = None) -> ArrayWithGrad:
        """The axes in another order, or in reverse (None)."""
        n = self.array.ndim
        order = [axis % n for axis in axes] if axes is not None else list(range(n))[::-1]
        out = np.array(np.transpose(self.array, axes))
        back = np.argsort(order)
        return type(self)(out, [self], "transpose", lambda grad: (np.transpose(grad, back),))

    @property
    def T(self) -> ArrayWithGrad:  # noqa: N802
        """The axes in reverse, as NumPy has it."""
        return self.transpose()

    def __getitem__(self, index: Any) -> ArrayWithGrad:
        """What NumPy has under an index: of numbers, slices, arrays of numbers or a mask.

        The gradients of an element that is taken several times add up.
        """
        a, index = self.array, deepcopy(index)

        def way_back(grad: ndarray) -> tuple[ndarray]:
            a_grad = np.zeros_like(a)
            np.add.at(a_grad, index, grad)
            return (a_grad,)

        return type(self)(np.array(a[index]), [self], "index", way_back)

    @classmethod
    def concatenate(cls, arrays: Iterable[Any], axis: int = 0) -> ArrayWithGrad:
        """Arrays end to end along an axis that they have.

        Raises:
            ValueError: there are none, or their shapes do not fit together.
        """
        nodes = cls._nodes(arrays)
        ends = np.cumsum([node.shape[axis] for node in nodes])[:-1]
        return cls(
            np.concatenate([node.array for node in nodes], axis),
            nodes,
            "concatenate",
            lambda grad: tuple(np.split(grad, ends, axis)),
        )

    @classmethod
    def stack(cls, arrays: Iterable[Any], axis: int = 0) -> ArrayWithGrad:
        """Arrays of one shape side by side along a new axis.

        Raises:
            ValueError: there are none, or their shapes differ.
        """
        nodes = cls._nodes(arrays)
        return cls(
            np.stack([node.array for node in nodes], axis),
            nodes,
            "stack",
            lambda grad: tuple(np.moveaxis(grad, axis, 0)),
        )

    @classmethod
    def _nodes(cls, arrays: Iterable[Any]) -> list[ArrayWithGrad]:
        """All as nodes; plain arrays of whole numbers take on the dtype of the first node."""
        given = list(arrays)
        if not given:
            raise ValueError("ArrayWithGrad: there are no arrays to put together")
        first = next((a for a in given if isinstance(a, ArrayWithGrad)), None) or cls(given[0])
        return [first._same_kind(a) for a in given]

    def _broadcast(
        self,
        creation_op: str,
        function: Callable[[ndarray, ndarray], ndarray],
        other: ArrayWithGrad,
        way_back: Callable[[ndarray], tuple[ndarray, ndarray]],
    ) -> ArrayWithGrad:
        """An operation on two arrays whose shapes may differ; ``way_back`` need not know that."""
        a_shape, b_shape = self.shape, other.shape
        try:
            out = function(self.array, other.array)
        except ValueError:
            raise ValueError(
                f"ArrayWithGrad: {creation_op} of shapes {a_shape} and {b_shape}, which do not fit "
                "together"
            ) from None

        def summed(grad: ndarray) -> tuple[ndarray, ndarray]:
            a_grad, b_grad = way_back(grad)
            return sum_to_shape(a_grad, a_shape), sum_to_shape(b_grad, b_shape)

        return type(self)(out, [self, other], creation_op, summed)

    def _same_kind(self, other: Any) -> ArrayWithGrad:
        if isinstance(other, ArrayWithGrad):
            return other
        array = np.asarray(other)
        if array.dtype.kind not in "fiub":
            what = type(other).__name__ if array.dtype.kind == "O" else str(array.dtype)
            raise TypeError(f"ArrayWithGrad: an operand must be of real numbers, not {what}")
        own_type = array.ndim > 0 and array.dtype.kind == "f"
        return type(self)(array if own_type else array.astype(self.dtype))

    def _first_grad(self, backward_grad: Any) -> ndarray:
        if backward_grad is None:
            if self.array.size != 1:
                raise ValueError(
                    f"ArrayWithGrad: backward from shape {self.shape} needs a gradient of that "
                    "shape; the sum of the array needs none"
                )
            return np.ones_like(self.array)
        grad = np.array(backward_grad, dtype=self.dtype)
        if grad.shape != self.shape:
            raise ValueError(
                f"ArrayWithGrad: array and backward_grad must have the same shape, not "
                f"{self.shape} and {grad.shape}"
            )
        return grad

    def _received(self, grad: Any) -> ndarray:
        return np.asarray(grad, dtype=self.dtype)

    def _input_grads(self, grad: ndarray) -> tuple[ndarray, ...]:
        if self.way_back is None:
            raise ValueError(f"ArrayWithGrad: there is no way back from {self.creation_op!r}")
        return self.way_back(grad)

    def _add_to_grad(self, grad: ndarray) -> None:
        self.grad = np.array(grad if self.grad is None else self.grad + grad)

    def _label(self) -> str:
        lines = [self.creation_op] if self.creation_op else []
        return "\n".join([*lines, f"shape {self.shape}", str(self.dtype)])

    def __repr__(self) -> str:
        made = f", creation_op={self.creation_op!r}" if self.creation_op else ""
        grad = None if self.grad is None else _in_one_line(self.grad)
        return f"{type(self).__name__}({_in_one_line(self.array)}, grad={grad}{made})"


def _in_one_line(array: ndarray) -> str:
    if array.size > 12:
        return f"<shape {array.shape}>"
    return " ".join(np.array2string(array, separator=", ", precision=4).split())


def _first_place(wrong: ndarray) -> str:
    """Where the first of an array's wrong elements is."""
    place = ", ".join(str(i) for i in np.argwhere(wrong)[0])
    return f" at [{place}]" if place else ""
