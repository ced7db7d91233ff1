"""Mistakes in what numbers with a gradient can do beyond the book's ``+`` and ``*``."""

from __future__ import annotations

import math
from typing import Any

from parity.catalogue.component import Mutant
from scratch import autodiff as right


class _DifferenceAsSum(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        return (grad, grad) if self.creation_op == "sub" else super()._input_grads(grad)


class _DifferenceAndSignAsSum(_DifferenceAsSum):
    """The sign made from a difference, ``0 - a``."""

    def __neg__(self) -> right.NumberWithGrad:
        return 0 - self


class _LeftDifferenceExchanged(right.NumberWithGrad):
    def __rsub__(self, other: float) -> right.NumberWithGrad:
        return self - other


class _QuotientWithoutSign(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "div":
            a, b = (source.num for source in self.depends_on)
            return grad / b, grad * a / b**2
        return super()._input_grads(grad)


class _QuotientNotSquared(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "div":
            a, b = (source.num for source in self.depends_on)
            return grad / b, -grad * a / b
        return super()._input_grads(grad)


class _LeftQuotientExchanged(right.NumberWithGrad):
    def __rtruediv__(self, other: float) -> right.NumberWithGrad:
        return self / other


class _PowerNotLowered(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        grads = super()._input_grads(grad)
        if self.creation_op.startswith("pow"):
            return grad * self.depends_on[1].num * self.num, grads[1]
        return grads


class _PowerWithoutFactor(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        grads = super()._input_grads(grad)
        if self.creation_op.startswith("pow"):
            base, exponent = (source.num for source in self.depends_on)
            return grad * base ** (exponent - 1), grads[1]
        return grads


class _ExponentAsConstant(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        grads = super()._input_grads(grad)
        return (grads[0], 0) if self.creation_op == "pow" else grads


class _ExponentWithoutLog(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        grads = super()._input_grads(grad)
        return (grads[0], grad * self.num) if self.creation_op == "pow" else grads


class _SignForgotten(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        return (grad,) if self.creation_op == "neg" else super()._input_grads(grad)


class _ExpAtOutput(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "exp":
            return (grad * math.exp(self.num),)
        return super()._input_grads(grad)


class _LogAtOutput(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        return (grad / self.num,) if self.creation_op == "log" else super()._input_grads(grad)


class _TanhAtInput(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "tanh":
            return (grad * (1 - self.depends_on[0].num ** 2),)
        return super()._input_grads(grad)


class _TanhTwice(right.NumberWithGrad):
    """The slope at the output."""

    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "tanh":
            return (grad * (1 - math.tanh(self.num) ** 2),)
        return super()._input_grads(grad)


class _ReluLetsAllThrough(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        return (grad,) if self.creation_op == "relu" else super()._input_grads(grad)


class _ReluLetsZeroThrough(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "relu":
            return (grad if self.depends_on[0].num >= 0 else 0,)
        return super()._input_grads(grad)


NUMBER_WITH_GRAD_SUB = (
    Mutant(
        "difference as a sum",
        "A difference sends both numbers the same gradient; the second one's has a minus.",
        _DifferenceAsSum,
        "b.grad",
    ),
    Mutant(
        "difference as a sum, and the sign",
        "A difference sends both numbers the same gradient, and -a, which is made from one, lacks "
        "its minus, too; the second number's gradient has a minus.",
        _DifferenceAndSignAsSum,
        "b.grad",
    ),
    Mutant(
        "difference from a number the wrong way round",
        "2 - a is computed as a - 2; in __rsub__ other stands on the left.",
        _LeftDifferenceExchanged,
        "output",
    ),
    Mutant(
        "sign forgotten",
        "-a sends its gradient on as it is; it needs a minus, too.",
        _SignForgotten,
        "a.grad",
    ),
)

NUMBER_WITH_GRAD_TRUEDIV = (
    Mutant(
        "quotient without a sign",
        "The gradient on the divisor lacks its minus: it is -a / b ** 2 times the gradient.",
        _QuotientWithoutSign,
        "inner.grad",
    ),
    Mutant(
        "divisor not squared",
        "The gradient on the divisor is divided by it once; it is -a / b ** 2 times the gradient.",
        _QuotientNotSquared,
        "inner.grad",
    ),
    Mutant(
        "quotient of a number the wrong way round",
        "2 / a is computed as a / 2; in __rtruediv__ other stands on the left.",
        _LeftQuotientExchanged,
        "output",
    ),
)

NUMBER_WITH_GRAD_POW = (
    Mutant(
        "power not lowered",
        "The slope of a power keeps its exponent: it is n * a ** (n - 1), with one less.",
        _PowerNotLowered,
        "a.grad",
    ),
    Mutant(
        "power without its factor",
        "The slope of a power lacks the exponent as a factor: it is n * a ** (n - 1).",
        _PowerWithoutFactor,
        "a.grad",
    ),
    Mutant(
        "exponent as a constant",
        "An exponent that is a NumberWithGrad gets no gradient; it is a ** n * log(a) times the "
        "gradient.",
        _ExponentAsConstant,
        "b.grad",
    ),
    Mutant(
        "exponent without the logarithm",
        "The gradient on the exponent lacks log(a): it is a ** n * log(a) times the gradient.",
        _ExponentWithoutLog,
        "b.grad",
    ),
)

NUMBER_WITH_GRAD_EXP = (
    Mutant(
        "exp twice",
        "The slope of exp is taken at its output; exp(a) is its own slope.",
        _ExpAtOutput,
        "a.grad",
    ),
    Mutant(
        "log at its output",
        "The gradient of log is divided by the logarithm; divide it by the number.",
        _LogAtOutput,
        "a.grad",
    ),
    Mutant(
        "tanh at its input",
        "The slope of tanh is taken as 1 - a ** 2; it is 1 - tanh(a) ** 2.",
        _TanhAtInput,
        "a.grad",
    ),
    Mutant(
        "tanh twice",
        "The slope of tanh is taken at its output; it is 1 - tanh(a) ** 2, with one tanh.",
        _TanhTwice,
        "a.grad",
    ),
    Mutant(
        "relu lets all through",
        "relu sends the gradient on for negative numbers, too; it must send on 0.",
        _ReluLetsAllThrough,
        "a.grad",
    ),
    Mutant(
        "relu lets 0 through",
        "relu sends the gradient on where its input is 0; the slope there is 0: the input > 0.",
        _ReluLetsZeroThrough,
        "a.grad",
    ),
)
