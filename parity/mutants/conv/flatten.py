"""Mistakes in the flattening of chapter 5."""

from __future__ import annotations

from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch.conv import operation as right


class _FortranOrder(right.Flatten):
    def _output(self) -> ndarray:
        return self.input_.reshape(len(self.input_), -1, order="F")

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad.reshape(self.input_.shape, order="F")


class _GradInOtherOrder(right.Flatten):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad.reshape(self.input_.shape, order="F")


class _GradLeftFlat(right.Flatten):
    def backward(self, output_grad: ndarray) -> ndarray:
        return output_grad


class _ChannelsLast(right.Flatten):
    def _output(self) -> ndarray:
        return self.input_.transpose(0, 2, 3, 1).reshape(len(self.input_), -1)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        n, channels, height, width = self.input_.shape
        return output_grad.reshape(n, height, width, channels).transpose(0, 3, 1, 2)


class _BatchFlattened(right.Flatten):
    def _output(self) -> ndarray:
        return self.input_.reshape(1, -1)


class _ChannelsKept(right.Flatten):
    def _output(self) -> ndarray:
        return self.input_.reshape(*self.input_.shape[:2], -1)


FLATTEN = (
    Mutant(
        "Fortran order",
        "The elements of an image come in another order: channels first, then rows, then columns, "
        "as .reshape has it.",
        _FortranOrder,
        "output",
    ),
    Mutant(
        "gradient in another order",
        "The gradient is not put back in the order in which forward took the elements.",
        _GradInOtherOrder,
        "input_grad",
    ),
    Mutant(
        "gradient left flat",
        "The gradient is left in rows; bring it back to the shape of the input.",
        _GradLeftFlat,
        "input_grad",
    ),
    Mutant(
        "channels last",
        "The channels of a pixel come next to each other; each channel's pixels must.",
        _ChannelsLast,
        "output",
    ),
    Mutant(
        "batch flattened, too",
        "All images end up in one row; the first axis, the batch, stays.",
        _BatchFlattened,
        "output",
    ),
    Mutant(
        "channels kept",
        "Only height and width become one axis; the channels must, too.",
        _ChannelsKept,
        "output",
    ),
)
