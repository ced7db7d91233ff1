"""Mistakes in the pooling of chapter 5."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import pooling as right
from scratch.conv.geometry import Pair
from scratch.pooling import Pool2D


class _DefaultStrideOne(Pool2D):
    def __init__(self, pool_size: Pair = 2, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__(pool_size, 1 if stride is None else stride, padding)


class _StrideIgnored(Pool2D):
    def __init__(self, pool_size: Pair = 2, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__(pool_size, None, padding)


class _PaddingIgnored(Pool2D):
    def __init__(self, pool_size: Pair = 2, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__(pool_size, stride, 0)


class _RoundedUp(Pool2D):
    """Pools at the end that the image does not fill count, too, as with ``ceil_mode``."""

    def _output_shape(self) -> tuple[int, ...]:
        *batch_and_channels, height, width = super()._output_shape()
        more = [
            (n + 2 * pad - size) % stride > 0
            for n, pad, size, stride in zip(
                self.input_.shape[2:], self.padding, self.pool_size, self.stride, strict=True
            )
        ]
        return (*batch_and_channels, height + more[0], width + more[1])


class _ChannelsLast(Pool2D):
    """Takes the last axis for the channels."""

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.output = np.moveaxis(super().forward(np.moveaxis(input_, 3, 1)), 1, 3)
        return self.output

    def backward(self, output_grad: ndarray) -> ndarray:
        self._check_output_grad(output_grad)
        self.output = np.moveaxis(self.output, 3, 1)
        return np.moveaxis(self._input_grad(np.moveaxis(output_grad, 3, 1)), 1, 3)


class _StrideIgnoredInBackward(Pool2D):
    """Gradients go to pools that lie side by side, as far as there is an image."""

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        stride, output = self.stride, self.output
        self.stride = self.pool_size
        shape = self._output_shape()[2:]
        fits = (..., slice(min(shape[0], output.shape[2])), slice(min(shape[1], output.shape[3])))
        self.output = type(self)._output(self)
        side_by_side = np.zeros_like(self.output)
        side_by_side[fits] = output_grad[fits]
        input_grad = super()._input_grad(side_by_side)
        self.stride, self.output = stride, output
        return input_grad


class _PaddingKeptInBackward(Pool2D):
    """The gradient on the padded image is cut at its end alone."""

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        shifted = np.zeros_like(self.input_)
        height, width = (
            max(n - pad, 0) for n, pad in zip(shifted.shape[2:], self.padding, strict=True)
        )
        shifted[:, :, self.padding[0] :, self.padding[1] :] = super()._input_grad(output_grad)[
            :, :, :height, :width
        ]
        return shifted


class _GradsAccumulate(Pool2D):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        before = getattr(self, "input_grad", 0)
        return super()._input_grad(output_grad) + before


def _mix(mistake: type[Pool2D], operation: type[Pool2D]) -> type[Pool2D]:
    """The operation with a mistake that either kind of pooling can have."""
    return type(mistake.__name__, (mistake, operation), {})


def _shared(operation: type[Pool2D]) -> tuple[Mutant, ...]:
    return (
        Mutant(
            "stride of one by default",
            "The stride is 1 where none is given: the pools overlap. Without a stride they lie "
            "side by side: the stride is pool_size.",
            _mix(_DefaultStrideOne, operation),
            "output",
        ),
        Mutant(
            "size rounded up",
            "Rows and columns at the end that fill no pool make one more: the size of the output "
            "is rounded down, so they are left out.",
            _mix(_RoundedUp, operation),
            "output",
        ),
        Mutant(
            "channels last",
            "The pools go over channels and rows: images are (batch, channels, height, width), so "
            "the last two axes are pooled.",
            _mix(_ChannelsLast, operation),
            "output",
        ),
        Mutant(
            "gradients accumulate",
            "The gradient of the last backward pass is added to; begin with zeros in each one.",
            _mix(_GradsAccumulate, operation),
            "input_grad",
        ),
    )


def _in_stride(operation: type[Pool2D]) -> tuple[Mutant, ...]:
    return (
        Mutant(
            "stride ignored",
            "The pools lie side by side whatever the stride is.",
            _mix(_StrideIgnored, operation),
            "output",
        ),
        Mutant(
            "stride ignored in backward",
            "backward sends the gradients to pools that lie side by side; they lie a stride apart, "
            "as in forward.",
            _mix(_StrideIgnoredInBackward, operation),
            "input_grad",
        ),
    )


def _in_padding(operation: type[Pool2D]) -> tuple[Mutant, ...]:
    return (
        Mutant(
            "padding ignored",
            "The images are pooled without the padding.",
            _mix(_PaddingIgnored, operation),
            "output",
        ),
        Mutant(
            "padding not cut off in front",
            "The gradient on the padded image is cut to the size of the image at its end: cut off "
            "the padding on each side.",
            _mix(_PaddingKeptInBackward, operation),
            "input_grad",
        ),
    )


class _ToEveryTie(right.MaxPool2D):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        input_grad = np.zeros_like(self.input_)
        for pools, pixels in self._taps(self.output.shape):
            largest = self.input_[pixels] == self.output[pools]
            input_grad[pixels] += output_grad[pools] * largest
        return input_grad


class _SharedAmongTies(right.MaxPool2D):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        ties = np.zeros_like(self.output)
        for pools, pixels in self._taps(self.output.shape):
            ties[pools] += self.input_[pixels] == self.output[pools]
        return _ToEveryTie._input_grad(self, output_grad / ties)  # type: ignore[arg-type]


class _ToLastTie(right.MaxPool2D):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        input_grad = np.zeros_like(self.input_)
        ahead = np.ones(self.output.shape, dtype=bool)
        for pools, pixels in reversed(list(self._taps(self.output.shape))):
            largest = ahead[pools] & (self.input_[pixels] == self.output[pools])
            ahead[pools] &= ~largest
            input_grad[pixels] += output_grad[pools] * largest
        return input_grad


class _ToFirstColumnOfTies(right.MaxPool2D):
    """Column by column, as one goes through a pool with the loops exchanged."""

    def _largest(self) -> ndarray:
        rows, columns = self.pool_size
        largest = super()._largest()
        ahead = np.ones(self.output.shape, dtype=bool)
        pixel = np.arange(self.input_.size).reshape(self.input_.shape)
        taps = list(self._taps(self.output.shape))
        for i in np.arange(rows * columns).reshape(rows, columns).T.flat:
            pools, pixels = taps[i]
            first = ahead[pools] & (self.input_[pixels] == self.output[pools])
            ahead[pools] &= ~first
            largest[pools] = np.where(first, pixel[pixels], largest[pools])
        return largest


class _MaxGradOverwritten(right.MaxPool2D):
    """The pool that comes last, row by row, wins."""

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        input_grad = np.zeros_like(self.input_).ravel()
        for pixel, grad in zip(self._largest().flat, output_grad.flat, strict=True):
            input_grad[pixel] = grad
        return input_grad.reshape(self.input_.shape)


class _ToWholePool(right.MaxPool2D):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        input_grad = np.zeros_like(self.input_)
        for pools, pixels in self._taps(self.output.shape):
            input_grad[pixels] += output_grad[pools]
        return input_grad


class _StaleLargest(right.MaxPool2D):
    """The places of the first pass."""

    def _largest(self) -> ndarray:
        if not hasattr(self, "places"):
            self.places = super()._largest()
        return self.places


class _PaddedWithZeros(right.MaxPool2D):
    def _padded(self) -> right.MaxPool2D:
        (down, across), padded = self.padding, right.MaxPool2D(self.pool_size, self.stride)
        around = ((0, 0), (0, 0), (down, down), (across, across))
        padded.forward(np.pad(self.input_, around))
        return padded

    def _output(self) -> ndarray:
        return self._padded().output

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        (down, across), (height, width) = self.padding, self.input_.shape[2:]
        input_grad = self._padded().backward(output_grad)
        return input_grad[:, :, down : down + height, across : across + width]


MAX_POOL_2D = (
    Mutant(
        "gradient to every tie",
        "Where several elements of a pool are the largest, each of them gets the whole gradient: "
        "it goes to the first alone, row by row.",
        _ToEveryTie,
        "input_grad",
    ),
    Mutant(
        "gradient shared among ties",
        "Where several elements of a pool are the largest, they share the gradient: it goes to the "
        "first alone, row by row.",
        _SharedAmongTies,
        "input_grad",
    ),
    Mutant(
        "gradient to the last tie",
        "Where several elements of a pool are the largest, the gradient goes to the last: it goes "
        "to the first, row by row (compare with >, not with >=).",
        _ToLastTie,
        "input_grad",
    ),
    Mutant(
        "ties column by column",
        "Where several elements of a pool are the largest, the gradient goes to the first column "
        "by column: go through a pool row by row.",
        _ToFirstColumnOfTies,
        "input_grad",
    ),
    Mutant(
        "gradient to the whole pool",
        "Every element of a pool gets its gradient: the output depends on the largest one alone.",
        _ToWholePool,
        "input_grad",
    ),
    Mutant(
        "stale places",
        "backward uses the places of the largest elements in the first pass; each forward pass has "
        "its own.",
        _StaleLargest,
        "input_grad",
    ),
    *_shared(right.MaxPool2D),
)

MAX_POOL_2D_STRIDE = (
    Mutant(
        "gradient overwritten",
        "Where pools overlap and have the same largest element, the last gradient replaces the "
        "others: add them up, with += instead of =.",
        _MaxGradOverwritten,
        "input_grad",
    ),
    *_in_stride(right.MaxPool2D),
)

MAX_POOL_2D_PADDING = (
    Mutant(
        "padded with zeros",
        "The padding is 0, which is the largest where all numbers of a pool are negative: pad with "
        "-np.inf.",
        _PaddedWithZeros,
        "output",
    ),
    *_in_padding(right.MaxPool2D),
)


class _Sum(right.AveragePool2D):
    def _output(self) -> ndarray:
        return super()._output() * (self.pool_size[0] * self.pool_size[1])


class _GradNotDivided(right.AveragePool2D):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return super()._input_grad(output_grad) * (self.pool_size[0] * self.pool_size[1])


class _DividedByOneSide(right.AveragePool2D):
    def _output(self) -> ndarray:
        return super()._output() * self.pool_size[1]

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return super()._input_grad(output_grad) * self.pool_size[1]


class _PaddingNotCounted(right.AveragePool2D):
    """Divides by the number of pixels, as with ``count_include_pad=False``."""

    def _factor(self, output_shape: tuple[int, ...]) -> ndarray:
        pixels = np.zeros(output_shape, dtype=self.input_.dtype)
        for pools, _ in self._taps(output_shape):
            pixels[pools] += 1
        return self.pool_size[0] * self.pool_size[1] / pixels

    def _output(self) -> ndarray:
        output = super()._output()
        return output * self._factor(output.shape)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return super()._input_grad(output_grad * self._factor(self.output.shape))


class _AverageGradOverwritten(right.AveragePool2D):
    """The pool that comes last, row by row, wins."""

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        share = output_grad / (self.pool_size[0] * self.pool_size[1])
        input_grad = np.zeros_like(self.input_)
        for pools, pixels in reversed(list(self._taps(self.output.shape))):
            input_grad[pixels] = share[pools]
        return input_grad


class _ToFirstElement(right.AveragePool2D):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        input_grad = np.zeros_like(self.input_)
        pools, pixels = next(self._taps(self.output.shape))
        input_grad[pixels] = output_grad[pools]
        return input_grad


AVERAGE_POOL_2D = (
    Mutant(
        "not divided",
        "The output is the sum of each pool: divide by the number of its elements.",
        _Sum,
        "output",
    ),
    Mutant(
        "gradient not divided",
        "Every element of a pool gets the whole gradient: divide it by the number of elements, as "
        "forward does.",
        _GradNotDivided,
        "input_grad",
    ),
    Mutant(
        "divided by one side",
        "The sum of a pool is divided by its number of rows: divide by rows times columns.",
        _DividedByOneSide,
        "output",
    ),
    Mutant(
        "gradient to one element",
        "The whole gradient goes to the first element of each pool: all of them get an equal "
        "share.",
        _ToFirstElement,
        "input_grad",
    ),
    *_shared(right.AveragePool2D),
)

AVERAGE_POOL_2D_STRIDE = (
    Mutant(
        "gradient overwritten",
        "Where pools overlap, the gradient of the last replaces the others: add them up, with += "
        "instead of =.",
        _AverageGradOverwritten,
        "input_grad",
    ),
    *_in_stride(right.AveragePool2D),
)

AVERAGE_POOL_2D_PADDING = (
    Mutant(
        "padding not counted",
        "The sum of a pool is divided by the number of its elements on the image: the zeros of the "
        "padding count, too.",
        _PaddingNotCounted,
        "output",
    ),
    *_in_padding(right.AveragePool2D),
)
