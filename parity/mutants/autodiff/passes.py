"""Mistakes in several passes over the graph of numbers with a gradient."""

from __future__ import annotations

from parity.catalogue.component import Mutant
from scratch import autodiff as right
from scratch.autodiff.graph import in_order


class _AllSentAgain(right.NumberWithGrad):
    """Each node once and in order, but with what earlier passes have left in it."""

    def backward(self, backward_grad: float | None = None) -> None:
        self.grad = self._first_grad(backward_grad)
        for node in reversed(in_order(self)):
            if node.depends_on:
                parts = node._input_grads(node.grad)
                for source, part in zip(node.depends_on, parts, strict=True):
                    if part is not None:
                        source._add_to_grad(part)


class _Replaced(right.NumberWithGrad):
    def backward(self, backward_grad: float | None = None) -> None:
        self.zero_grad()
        super().backward(backward_grad)


class _ItselfForgotten(right.NumberWithGrad):
    def zero_grad(self) -> None:
        self.grad = None


class _LeavesForgotten(right.NumberWithGrad):
    def zero_grad(self) -> None:
        for node in in_order(self):
            if not node.depends_on:
                node.grad = None


NUMBER_WITH_GRAD_ZERO_GRAD = (
    Mutant(
        "gradients of before sent again",
        "A second backward pass sends on what the first has left in the nodes; send on only what "
        "comes in this pass.",
        _AllSentAgain,
        "a.grad after a second backward",
    ),
    Mutant(
        "gradients of before replaced",
        "A second backward pass begins anew; its gradients must add to those of the first, until "
        "zero_grad.",
        _Replaced,
        "a.grad after a second backward",
    ),
    Mutant(
        "itself forgotten",
        "zero_grad forgets the number's own gradient alone; go on to all that it was made from.",
        _ItselfForgotten,
        "a.grad after zero_grad and backward",
    ),
    Mutant(
        "leaves forgotten",
        "zero_grad leaves the gradients of numbers on the way as they are; they must go, too.",
        _LeavesForgotten,
        "inner.grad after zero_grad and backward",
    ),
)
