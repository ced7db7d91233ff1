"""Chapter 6: a number that knows how it was made, and finds its own gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from scratch.autodiff.graph import Node

Numberable: TypeAlias = "float | NumberWithGrad"


class NumberWithGrad(Node):
    """A number that keeps track of what is done with it. Chapter 6, "Automatic Differentiation".

    ``+`` and ``*`` are the book's; ``-``, ``/``, ``**``, ``exp``, ``log``, ``tanh`` and ``relu``
    work alike. The other number may be a plain one, on either side (E19). Whole numbers stay whole,
    in gradients too. ``grad`` is a plain number, None before the first backward pass.

    Args:
        num: an ``int`` or a ``float``; a number of NumPy's is taken as Python's of the same value.
        depends_on: the numbers that it was made from; none for a leaf.
        creation_op: the operation that made it; empty for a leaf.

    Raises:
        TypeError: ``num`` is no real number.
    """

    grad: float | None

    def __init__(
        self,
        num: float,
        depends_on: Iterable[NumberWithGrad] | None = None,
        creation_op: str = "",
    ) -> None:
        super().__init__(depends_on, creation_op)
        self.num = _plain_number(num)

    def __add__(self, other: Numberable) -> NumberWithGrad:
        other = ensure_number(other)
        return type(self)(self.num + other.num, [self, other], "add")

    def __radd__(self, other: float) -> NumberWithGrad:
        return self + other

    def __sub__(self, other: Numberable) -> NumberWithGrad:
        other = ensure_number(other)
        return type(self)(self.num - other.num, [self, other], "sub")

    def __rsub__(self, other: float) -> NumberWithGrad:
        left = ensure_number(other)
        return type(self)(left.num - self.num, [left, self], "sub")

    def __mul__(self, other: Numberable) -> NumberWithGrad:
        other = ensure_number(other)
        return type(self)(self.num * other.num, [self, other], "mul")

    def __rmul__(self, other: float) -> NumberWithGrad:
        return self * other

    def __truediv__(self, other: Numberable) -> NumberWithGrad:
        """The quotient.

        Raises:
            ZeroDivisionError: ``other`` is 0.
        """
        other = ensure_number(other)
        return type(self)(_divide(self.num, other.num), [self, other], "div")

    def __rtruediv__(self, other: float) -> NumberWithGrad:
        left = ensure_number(other)
        return type(self)(_divide(left.num, self.num), [left, self], "div")

    def __pow__(self, exponent: Numberable) -> NumberWithGrad:
        """The power.

        Raises:
            ValueError: the number is negative, and ``exponent`` is a fraction or a
                ``NumberWithGrad``, which would have no gradient.
            ZeroDivisionError: 0 to a negative power.
            OverflowError: the power is too large for a ``float``.
        """
        other = ensure_number(exponent)
        if other is exponent:
            _require_slope_in_exponent(self.num, other.num)
            return type(self)(_power(self.num, other.num), [self, other], "pow")
        return type(self)(_power(self.num, other.num), [self, other], "pow of a number")

    def __rpow__(self, base: float) -> NumberWithGrad:
        left = ensure_number(base)
        _require_slope_in_exponent(left.num, self.num)
        return type(self)(_power(left.num, self.num), [left, self], "pow")

    def __neg__(self) -> NumberWithGrad:
        return type(self)(-self.num, [self], "neg")

    def exp(self) -> NumberWithGrad:
        """``e`` to the power of the number.

        Raises:
            OverflowError: it is too large for a ``float``.
        """
        try:
            return type(self)(math.exp(self.num), [self], "exp")
        except OverflowError:
            raise OverflowError(f"NumberWithGrad: exp of {self.num} is too large") from None

    def log(self) -> NumberWithGrad:
        """The natural logarithm.

        Raises:
            ValueError: the number is not above 0.
        """
        if self.num <= 0:
            raise ValueError(f"NumberWithGrad: log needs a number above 0, not {self.num}")
        return type(self)(math.log(self.num), [self], "log")

    def tanh(self) -> NumberWithGrad:
        """The hyperbolic tangent."""
        return type(self)(math.tanh(self.num), [self], "tanh")

    def relu(self) -> NumberWithGrad:
        """The number, or 0 where it is negative; the slope at 0 is 0, as in PyTorch."""
        return type(self)(max(self.num, 0), [self], "relu")

    def _first_grad(self, backward_grad: float | None) -> float:
        return 1 if backward_grad is None else _plain_number(backward_grad)

    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        """What the book has after each ``if self.creation_op ==``.

        Raises:
            ValueError: there is no such operation.
            ZeroDivisionError: a slope is infinite.
        """
        a, b = self.depends_on[0].num, self.depends_on[-1].num
        match self.creation_op:
            case "add":
                return grad, grad
            case "sub":
                return grad, -grad
            case "mul":
                return grad * b, grad * a
            case "div":
                return grad / b, -grad * self.num / b
            case "pow":
                return grad * _slope_in_base(a, b), grad * _slope_in_exponent(a, self.num)
            case "pow of a number":  # whose gradient nobody asks for; below 0 it has none
                return grad * _slope_in_base(a, b), None
            case "neg":
                return (-grad,)
            case "exp":
                return (grad * self.num,)
            case "log":
                return (grad / a,)
            case "tanh":
                return (grad * (1 - self.num**2),)
            case "relu":
                return (grad if a > 0 else 0,)
        raise ValueError(f"NumberWithGrad: there is no operation {self.creation_op!r}")

    def _label(self) -> str:
        lines = [self.creation_op] if self.creation_op else []
        return "\n".join([*lines, _in_short(self.num), f"grad {_in_short(self.grad)}"])

    def __repr__(self) -> str:
        made = f", creation_op={self.creation_op!r}" if self.creation_op else ""
        return f"{type(self).__name__}({self.num}, grad={self.grad}{made})"


def ensure_number(num: Numberable) -> NumberWithGrad:
    """A ``NumberWithGrad`` as it is, and a plain number as a new leaf. Chapter 6, "Automatic
    Differentiation".

    Raises:
        TypeError: ``num`` is neither.
    """
    return num if isinstance(num, NumberWithGrad) else NumberWithGrad(num)


def _plain_number(num: Any) -> float:
    plain = num.item() if isinstance(num, np.number) else num
    if not isinstance(plain, int | float):
        raise TypeError(
            f"NumberWithGrad: a number must be an int or a float, not {type(num).__name__}"
        )
    return plain


def _in_short(num: float | None) -> str:
    return f"{num:.6g}" if isinstance(num, float) else str(num)


def _divide(a: float, b: float) -> float:
    if b == 0:
        raise ZeroDivisionError(f"NumberWithGrad: {a} cannot be divided by 0")
    return a / b


def _power(base: float, exponent: float) -> float:
    if base == 0 and exponent < 0:
        raise ZeroDivisionError(f"NumberWithGrad: 0 has no power of {exponent}")
    if base < 0 and exponent % 1:
        raise ValueError(f"NumberWithGrad: {base} has no real power of {exponent}")
    try:
        return base**exponent
    except OverflowError:
        raise OverflowError(
            f"NumberWithGrad: {base} to the power of {exponent} is too large"
        ) from None


def _require_slope_in_exponent(base: float, exponent: float) -> None:
    if base < 0:
        raise ValueError(
            f"NumberWithGrad: {base} to the power of a NumberWithGrad ({exponent}) has no gradient "
            "on the exponent; it takes a base of 0 or above, or a plain number for the exponent"
        )


def _slope_in_base(base: float, exponent: float) -> float:
    if exponent == 0:
        return 0
    if base == 0 and exponent < 1:
        raise ZeroDivisionError(f"NumberWithGrad: the slope of x ** {exponent} at 0 is infinite")
    return exponent * _power(base, exponent - 1)


def _slope_in_exponent(base: float, power: float) -> float:
    """0 where the base is 0, as in PyTorch."""
    return power * math.log(base) if base > 0 else 0
