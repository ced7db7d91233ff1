"""Mistakes in the book's numbers that find their own gradients, of chapter 6."""

from __future__ import annotations

from typing import Any

from parity.catalogue.component import Mutant
from scratch import autodiff as right
from scratch.autodiff.graph import in_order


class _AccumulatedSent(right.NumberWithGrad):
    """The book's way back, as printed: at each arrival on to the next."""

    def backward(self, backward_grad: float | None = None) -> None:
        self._receive(backward_grad)
        if self.depends_on:
            for source, part in zip(self.depends_on, self._input_grads(self.grad), strict=True):
                source.backward(part)

    def _receive(self, backward_grad: float | None) -> None:
        if backward_grad is None:
            self.grad = 1
        else:
            self.grad = backward_grad if self.grad is None else self.grad + backward_grad


class _FirstArrivalSent(_AccumulatedSent):
    def backward(self, backward_grad: float | None = None) -> None:
        if self.grad is None:
            super().backward(backward_grad)
        else:
            self._receive(backward_grad)


class _Overwritten(_AccumulatedSent):
    def _receive(self, backward_grad: float | None) -> None:
        self.grad = 1 if backward_grad is None else backward_grad


class _ZeroAsNone(right.NumberWithGrad):
    """The new part alone, which is 1 wherever there is nothing."""

    def backward(self, backward_grad: float | None = None) -> None:
        backward_grad = backward_grad or 1
        self._add_to_grad(backward_grad)
        if self.depends_on:
            parts = self._input_grads(backward_grad)
            for source, part in zip(self.depends_on, parts, strict=True):
                source.backward(part)


class _InTheOrderMet(right.NumberWithGrad):
    """Breadth first, each node once."""

    def backward(self, backward_grad: float | None = None) -> None:
        self.grad = self._first_grad(backward_grad)
        queue: list[Any] = [self]
        for node in queue:
            if node.depends_on:
                parts = node._input_grads(node.grad)
                for source, part in zip(node.depends_on, parts, strict=True):
                    source._add_to_grad(part)
                    if all(source is not other for other in queue):
                        queue.append(source)


class _NoGradOfItsOwn(right.NumberWithGrad):
    def backward(self, backward_grad: float | None = None) -> None:
        super().backward(backward_grad)
        self.grad = None


class _LeavesOnly(right.NumberWithGrad):
    """As PyTorch does, but for the last node."""

    def backward(self, backward_grad: float | None = None) -> None:
        super().backward(backward_grad)
        for node in in_order(self):
            if node.depends_on and node is not self:
                node.grad = None


class _OwnFactor(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "mul":
            return tuple(grad * source.num for source in self.depends_on)
        return super()._input_grads(grad)


class _ProductIgnoresGrad(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        return super()._input_grads(1 if self.creation_op == "mul" else grad)


class _SumIgnoresGrad(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        return super()._input_grads(1 if self.creation_op == "add" else grad)


class _SumSendsNums(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "add":
            return tuple(grad * source.num for source in self.depends_on)
        return super()._input_grads(grad)


class _FirstOnly(right.NumberWithGrad):
    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        first, *rest = super()._input_grads(grad)
        return (first, *(None for _ in rest))


class _GradWrapped(right.NumberWithGrad):
    """Gradients of products without the book's ``.num``."""

    def _input_grads(self, grad: Any) -> tuple[Any, ...]:
        if self.creation_op == "mul":
            first, second = self.depends_on
            return second * grad, first * grad
        return super()._input_grads(grad)


NUMBER_WITH_GRAD = (
    Mutant(
        "accumulated gradient sent again",
        "A node that is reached twice sends its whole grad on each time. The book prints this; go "
        "through the nodes once, each after all that use it, or send on only the new part, "
        "backward_grad.",
        _AccumulatedSent,
        "a.grad",
        errata="E18",
    ),
    Mutant(
        "first arrival sent alone",
        "A node sends on only the first gradient that reaches it; what comes later must go on to "
        "depends_on, too.",
        _FirstArrivalSent,
        "a.grad",
    ),
    Mutant(
        "gradient overwritten",
        "Each gradient that reaches a node replaces the one before; they must add up: "
        "self.grad += backward_grad.",
        _Overwritten,
        "inner.grad",
    ),
    Mutant(
        "gradient 0 as none",
        "A gradient of 0 is taken for none and becomes 1, as with `if not backward_grad`; ask "
        "whether backward_grad is None.",
        _ZeroAsNone,
        "inner.grad",
    ),
    Mutant(
        "in the order met",
        "A node sends its gradient on before all of it has come: go through the nodes in such an "
        "order that each stands after all that use it.",
        _InTheOrderMet,
        "a.grad",
    ),
    Mutant(
        "no gradient of its own",
        "The number that backward is called on has no grad; it is 1.",
        _NoGradOfItsOwn,
        "output.grad",
    ),
    Mutant(
        "leaves only",
        "Numbers on the way have no grad; every number that the result was made from must have "
        "one.",
        _LeavesOnly,
        "inner.grad",
    ),
    Mutant(
        "own factor",
        "A product sends each factor that factor's own number; the slope in one factor is the "
        "other one.",
        _OwnFactor,
        "a.grad",
    ),
    Mutant(
        "product ignores the gradient",
        "A product sends on the other factor alone; multiply it by the gradient on the product.",
        _ProductIgnoresGrad,
        "a.grad",
    ),
    Mutant(
        "sum ignores the gradient",
        "A sum sends on 1; it must send on the gradient that has reached it.",
        _SumIgnoresGrad,
        "a.grad",
    ),
    Mutant(
        "sum as a product",
        "A sum multiplies the gradient by the numbers; it must send it on as it is.",
        _SumSendsNums,
        "a.grad",
    ),
    Mutant(
        "first one only",
        "Only depends_on[0] gets a gradient; depends_on[1] must get one, too.",
        _FirstOnly,
        "b.grad",
    ),
    Mutant(
        "gradient is no plain number",
        "A product sends on a NumberWithGrad; gradients are plain numbers: send its num.",
        _GradWrapped,
        "a.grad",
    ),
)


class _NoRightSum(right.NumberWithGrad):
    def __radd__(self, other: Any) -> Any:
        return NotImplemented


class _NoRightProduct(right.NumberWithGrad):
    def __rmul__(self, other: Any) -> Any:
        return NotImplemented


class _NoneOnTheLeft(_NoRightSum, _NoRightProduct):
    """The book's class."""


class _ProductAsSum(right.NumberWithGrad):
    def __rmul__(self, other: Any) -> Any:
        return self + other


class _CutOff(right.NumberWithGrad):
    def __radd__(self, other: Any) -> Any:
        return right.NumberWithGrad(other + self.num)

    def __rmul__(self, other: Any) -> Any:
        return right.NumberWithGrad(other * self.num)


NUMBER_WITH_GRAD_RADD = (
    Mutant(
        "none on the left",
        "2 + a and 3 * a do not run. The book has neither; define __radd__ and __rmul__, which "
        "Python calls when a plain number stands on the left.",
        _NoneOnTheLeft,
        "2 + a",
        errata="E19",
    ),
    Mutant(
        "no sum",
        "3 * a runs, 2 + a does not; define __radd__, too.",
        _NoRightSum,
        "2 + a",
    ),
    Mutant(
        "no product",
        "2 + a runs, 3 * a does not; define __rmul__, too.",
        _NoRightProduct,
        "3 * a",
    ),
    Mutant(
        "product as a sum",
        "3 * a is computed as 3 + a; __rmul__ must multiply.",
        _ProductAsSum,
        "3 * a",
    ),
    Mutant(
        "cut off",
        "With a number on the left the result does not depend on a: it needs depends_on and "
        "creation_op; self + other and self * other have them.",
        _CutOff,
        "a.grad of 2 + a",
    ),
)


def _always_wrapped(num: Any) -> right.NumberWithGrad:
    return right.NumberWithGrad(getattr(num, "num", num))


def _never_wrapped(num: Any) -> Any:
    return num


ENSURE_NUMBER = (
    Mutant(
        "always a new one",
        "A NumberWithGrad is wrapped once more; return it as it is, or gradients do not reach it.",
        _always_wrapped,
        "a NumberWithGrad stays the same object",
    ),
    Mutant(
        "never wrapped",
        "A plain number comes back as it is; return NumberWithGrad(num).",
        _never_wrapped,
        "num of a number",
    ),
)
