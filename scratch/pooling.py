"""Chapter 5: pooling, which makes images smaller. The book describes it and does not build it.

A pool stops on an image as a filter does, on each channel by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from scratch.conv.geometry import Pair, checked_pair
from scratch.operations import Operation


class Pool2D(Operation):
    """What both kinds of pooling share: where the pools lie.

    Takes and returns images of shape ``(batch, channels, height, width)``. Rows and columns at the
    end that do not fill a pool are left out.

    Args:
        pool_size: one number for the rows and the columns of a pool, or a pair.
        stride: rows and columns from one pool to the next, as in ``pool_size``; where none is
            given, the pools lie side by side.
        padding: rows and columns on each side of the image, at most half of a pool.

    Raises:
        ValueError: an argument is not of this kind; in ``forward``, the input is no batch of images
            of a floating-point type, or they are too small.
    """

    def __init__(self, pool_size: Pair = 2, stride: Pair | None = None, padding: Pair = 0) -> None:
        who = type(self).__name__
        self.pool_size = checked_pair("pool_size", pool_size, 1, who)
        self.stride = self.pool_size if stride is None else checked_pair("stride", stride, 1, who)
        self.padding = checked_pair("padding", padding, 0, who)
        if any(2 * pad > size for pad, size in zip(self.padding, self.pool_size, strict=True)):
            raise ValueError(
                f"{who}: padding {self.padding} is more than half of the pool size {self.pool_size}"
            )

    def _output_shape(self) -> tuple[int, ...]:
        """Shape of the output, once the input is what it must be."""
        shape = self.input_.shape
        if len(shape) != 4 or 0 in shape[2:]:
            raise ValueError(
                f"{self}: input must have shape (batch, channels, height, width), with at least "
                f"one row and one column, not {shape}"
            )
        if self.input_.dtype.kind != "f":
            raise ValueError(
                f"{self}: input must be of a floating-point type, not {self.input_.dtype}; "
                "use .astype(float)"
            )
        padded = tuple(n + 2 * pad for n, pad in zip(shape[2:], self.padding, strict=True))
        if any(size > n for size, n in zip(self.pool_size, padded, strict=True)):
            raise ValueError(
                f"{self}: a pool of size {self.pool_size} is larger than the padded image {padded}"
            )
        sizes = zip(padded, self.pool_size, self.stride, strict=True)
        return (*shape[:2], *((n - size) // stride + 1 for n, size, stride in sizes))

    def _taps(self, output_shape: tuple[int, ...]) -> Iterator[tuple[tuple, tuple]]:
        """For each element of a pool, row by row: the pools in which it is on the image and not on
        the padding, as an index of the output, and the pixels that it is there, as one of the
        input.
        """
        for row in range(self.pool_size[0]):
            down, rows = self._along(0, row, output_shape)
            for column in range(self.pool_size[1]):
                across, columns = self._along(1, column, output_shape)
                yield (..., down, across), (..., rows, columns)

    def _along(self, axis: int, tap: int, output_shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Pools and pixels of one row or column of the pool: pool ``i`` has it at pixel
        ``i * stride + tap - padding``.
        """
        stride, offset = self.stride[axis], tap - self.padding[axis]
        first = max(0, -(offset // stride))
        on_image = (self.input_.shape[axis + 2] - 1 - offset) // stride + 1
        end = max(first, min(output_shape[axis + 2], on_image))
        return slice(first, end), slice(first * stride + offset, end * stride + offset, stride)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.pool_size}, stride={self.stride}, padding={self.padding})"
        )


class MaxPool2D(Pool2D):
    """The largest element of each pool; the padding is below every number. Chapter 5, "Pooling
    Layers".

    The gradient goes to the element that was the largest: of several to the first, row by row.
    NaN is larger than every number, and there the last one counts, as in PyTorch.
    """

    def _output(self) -> ndarray:
        output = np.full(self._output_shape(), -np.inf, dtype=self.input_.dtype)
        for pools, pixels in self._taps(output.shape):
            np.maximum(output[pools], self.input_[pixels], out=output[pools])
        return output

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        # In double precision; half the time of adding up tap by tap, where pools overlap.
        input_grad = np.bincount(
            self._largest().ravel(),
            weights=output_grad.ravel().astype(np.float64, copy=False),
            minlength=self.input_.size,
        )
        return input_grad.reshape(self.input_.shape).astype(self.input_.dtype)

    def _largest(self) -> ndarray:
        """Where the largest element of each pool stands in the flattened input."""
        rows, columns = self.pool_size
        tap = np.zeros(self.output.shape, dtype=np.min_scalar_type(rows * columns))
        ahead = np.ones(self.output.shape, dtype=bool)  # no largest one so far
        for pools, pixels in self._taps(self.output.shape):
            ahead[pools] &= self.input_[pixels] != self.output[pools]
            tap += ahead
        if np.isnan(self.output).any():  # NaN does not equal itself
            for i, (pools, pixels) in enumerate(self._taps(self.output.shape)):
                np.copyto(tap[pools], i, where=np.isnan(self.input_[pixels]))

        batch, channels, height, width = self.input_.shape
        images, down, across = (
            np.arange(n) for n in (batch * channels, self.output.shape[2], self.output.shape[3])
        )
        within_pool = np.add.outer(np.arange(rows) * width, np.arange(columns)).ravel()
        pool = np.add.outer(
            (down * self.stride[0] - self.padding[0]) * width,
            across * self.stride[1] - self.padding[1],
        )
        image = (images * height * width).reshape(batch, channels, 1, 1)
        return within_pool[tap] + pool + image


class AveragePool2D(Pool2D):
    """The average of each pool; the padding is 0, and counts. Chapter 5, "Pooling Layers"."""

    def _output(self) -> ndarray:
        output = np.zeros(self._output_shape(), dtype=self.input_.dtype)
        for pools, pixels in self._taps(output.shape):
            output[pools] += self.input_[pixels]
        output /= self.pool_size[0] * self.pool_size[1]
        return output

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        share = output_grad / (self.pool_size[0] * self.pool_size[1])
        input_grad = np.zeros(self.input_.shape, dtype=self.input_.dtype)
        for pools, pixels in self._taps(self.output.shape):
            input_grad[pixels] += share[pools]
        return input_grad
