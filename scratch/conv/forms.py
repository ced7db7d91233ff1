"""Appendix A, further: the ways to write a convolution as matrix products.

A filter has ``height * width`` elements, its taps. What a convolution costs in NumPy is the copying
around its products, and a tap can be dealt with on either side of the product:

- *gathered*: the image, shifted by the tap, is one more row of the right-hand matrix;
- *spread*: the tap is one more row of the left-hand matrix, and its share of the result is shifted
  and added up.

With all taps gathered the right-hand matrix holds the patches of the appendix, which is best where
few channels come in. With the rows of the filter gathered and its columns spread, five by five taps
and as many channels out as in take a fifth of the copying. With all taps spread nothing is
gathered, which is best where few channels go out. The ways back are the way forward transposed:
what was gathered gets added up, what was added up gets gathered.

Images go through in blocks that stay in the processor's cache, whatever the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from scratch.conv.geometry import Geometry

#: What a block's matrices may take together, in bytes, and in images and results.
BLOCK_BYTES = 2 * 2**20
BLOCK_SHARE = 3

#: So many multiplications take as long as copying one number.
MULTIPLICATIONS_PER_COPY = 30

#: The ways there are: whether the rows and the columns of the filter are gathered.
FORMS = {"patches": (True, True), "rows gathered": (True, False), "all spread": (False, False)}


@dataclass(frozen=True)
class Task:
    """A convolution to carry out, or a gradient of it.

    Attributes:
        batch: images.
        n_in: channels of an image.
        n_out: maps to make of it.
        padded: height and width of an image with its margins.
        stops: of a filter, down and across.
        filters: shape ``(n_in, n_out, height, width)``.
        geometry: where the filters stop.
        dtype: to compute in.
        bytes: that all images and all maps take together.
    """

    batch: int
    n_in: int
    n_out: int
    padded: tuple[int, int]
    stops: tuple[int, int]
    filters: ndarray
    geometry: Geometry
    dtype: np.dtype
    bytes: int

    @classmethod
    def of(
        cls, shape: tuple[int, ...], filters: ndarray, geometry: Geometry, dtype: np.dtype
    ) -> Task:
        """The task for images of a shape."""
        batch, n_in, height, width = shape
        n_out = filters.shape[1]
        stops = geometry.output_size(height, width, "convolve")
        numbers = batch * (n_in * height * width + n_out * stops[0] * stops[1])
        return cls(
            batch,
            n_in,
            n_out,
            geometry.padded_size(height, width),
            stops,
            filters,
            geometry,
            dtype,
            numbers * dtype.itemsize,
        )

    def form(self) -> Form:
        """The way that takes least time, by a rough count."""
        return min((Form(self, *gather) for gather in FORMS.values()), key=lambda form: form.cost)


class Form:
    """One way: ``(spread * out, in * gathered)`` times ``(in * gathered, places)`` for each image.

    Args:
        task: what to do.
        gather_rows: whether the rows of the filter are gathered, or spread; the places are then
            where it stops, or all rows of the padded image.
        gather_columns: likewise.
    """

    def __init__(self, task: Task, gather_rows: bool, gather_columns: bool) -> None:
        self.task = task
        self.gather = gather_rows, gather_columns
        taps = task.filters.shape[2:]
        self.gathered = tuple(
            n if gather else 1 for n, gather in zip(taps, self.gather, strict=True)
        )
        self.spread = tuple(1 if gather else n for n, gather in zip(taps, self.gather, strict=True))
        self.shape = (
            self.spread[0] * self.spread[1] * task.n_out,
            task.n_in * self.gathered[0] * self.gathered[1],
        )
        self.places = tuple(
            stops if gather else padded
            for stops, padded, gather in zip(task.stops, task.padded, self.gather, strict=True)
        )

    @property
    def spreads(self) -> bool:
        """Whether shares have to be added up; if not, the product is the result."""
        return self.spread != (1, 1) or self.places != self.task.stops

    @property
    def cost(self) -> float:
        """Of an image: numbers to copy, and to multiply."""
        copies = self.shape[1] + (self.shape[0] if self.spreads else 0)
        multiplications = self.shape[0] * self.shape[1]
        each = copies + multiplications / MULTIPLICATIONS_PER_COPY
        return self.places[0] * self.places[1] * each

    @cached_property
    def matrix(self) -> ndarray:
        """The filters, each tap that is spread in rows of its own."""
        axes = self.task.filters.reshape(
            self.task.n_in,
            self.task.n_out,
            *(n for pair in zip(self.spread, self.gathered, strict=True) for n in pair),
        )
        return axes.transpose(2, 4, 1, 0, 3, 5).reshape(self.shape)

    def forward(self, padded: ndarray, output: ndarray) -> None:
        """Fill the output from images with their margins."""
        gathered, product = _Buffer(self.task.dtype), _Buffer(self.task.dtype)
        windows = self._windows(padded)
        for images, rows in self._blocks():
            right = _flat(gathered.filled(windows[images, ..., rows, :]), self.shape[1])
            result = output[images, :, self._stops(rows)]
            if not self.spreads and result.flags.c_contiguous:
                np.matmul(self.matrix, right, out=_flat(result, self.shape[0]))
                continue
            shares = product.empty((len(right), self.shape[0], right.shape[2]))
            np.matmul(self.matrix, right, out=shares)
            first, *others = self._shares(shares, rows)
            result[...] = first
            for share in others:
                result += share

    def param_grad(self, padded: ndarray, output_grad: ndarray) -> ndarray:
        """The gradient on the filters, in their shape."""
        gathered, spread = _Buffer(self.task.dtype), _Buffer(self.task.dtype)
        windows, total = self._windows(padded), np.zeros(self.shape, self.task.dtype)
        for images, rows in self._blocks():
            right = _flat(gathered.filled(windows[images, ..., rows, :]), self.shape[1])
            left = self._spread_out(output_grad, images, rows, spread)
            total += _sum_of_products(left, right)
        axes = total.reshape(*self.spread, self.task.n_out, self.task.n_in, *self.gathered)
        return axes.transpose(3, 2, 0, 4, 1, 5).reshape(self.task.filters.shape)

    def input_grad(self, output_grad: ndarray, padded: ndarray) -> None:
        """Add the gradient on images with their margins to ``padded``."""
        gathered, spread = _Buffer(self.task.dtype), _Buffer(self.task.dtype)
        windows = self._windows(padded)
        for images, rows in self._blocks():
            target = windows[images, ..., rows, :]
            left = self._spread_out(output_grad, images, rows, spread)
            right = gathered.empty((len(left), self.shape[1], left.shape[2]))
            np.matmul(self.matrix.T, left, out=right)
            shares = right.reshape(target.shape)
            for i, j in np.ndindex(*self.gathered):
                target[:, :, i, j] += shares[:, :, i, j]

    def _windows(self, padded: ndarray) -> ndarray:
        """A view: ``(batch, in, gathered down, gathered across, places down, places across)``."""
        batch, channels, *steps = padded.strides
        taps = [
            dilation * n for dilation, n in zip(self.task.geometry.dilation, steps, strict=True)
        ]
        places = [
            stride * n if gather else n
            for stride, n, gather in zip(self.task.geometry.stride, steps, self.gather, strict=True)
        ]
        return as_strided(
            padded,
            (self.task.batch, self.task.n_in, *self.gathered, *self.places),
            (batch, channels, *taps, *places),
        )

    def _spread_out(
        self, output_grad: ndarray, images: slice, rows: slice, buffer: _Buffer
    ) -> ndarray:
        """The gradient, where each tap's share came from, and zeros around it: ``(batch, spread *
        out, places)``.
        """
        grads = output_grad[images, :, self._stops(rows)]
        if not self.spreads:
            return _flat(grads, self.shape[0])
        places = rows.stop - rows.start, self.places[1]
        spread = buffer.zeros((len(grads), self.shape[0], *places))
        for share in self._shares(spread, rows):
            share[...] = grads
        return _flat(spread, self.shape[0])

    def _shares(self, product: ndarray, rows: slice) -> list[ndarray]:
        """Views into the rows of each tap that is spread, shifted by it: ``(batch, out, stops down,
        stops across)``.
        """
        down, across = rows.stop - rows.start, self.places[1]
        axes = product.reshape(len(product), *self.spread, self.task.n_out, down, across)
        stops = down if self.gather[0] else self.task.stops[0], self.task.stops[1]
        (dh, dw), steps = self.task.geometry.dilation, self.task.geometry.stride
        sh, sw = (1 if gather else n for n, gather in zip(steps, self.gather, strict=True))
        return [
            axes[:, i, j, :, _every(i * dh, sh, stops[0]), _every(j * dw, sw, stops[1])]
            for i, j in np.ndindex(*self.spread)
        ]

    def _stops(self, rows: slice) -> slice:
        """The rows of the result that rows of the places make up: all of them, or the same."""
        return rows if self.gather[0] else slice(None)

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        """Which images, and which rows of their places, go together: several whole images, or some
        rows of one image, unless rows are spread.
        """
        most = min(BLOCK_BYTES, BLOCK_SHARE * self.task.bytes)
        down, across = self.places
        fit = most // (sum(self.shape) * across * self.task.dtype.itemsize)
        images, step = max(1, fit // down), max(1, min(fit, down)) if self.gather[0] else down
        for image in range(0, self.task.batch, images):
            for row in range(0, down, step):
                yield (
                    slice(image, min(image + images, self.task.batch)),
                    slice(row, min(row + step, down)),
                )


class _Buffer:
    """Memory that is used again and again, as long as the shape stays."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.array = np.empty(0, dtype)

    def filled(self, view: ndarray) -> ndarray:
        """A contiguous copy of a view, until the next call."""
        array = self.empty(view.shape)
        np.copyto(array, view)
        return array

    def empty(self, shape: tuple[int, ...]) -> ndarray:
        """Whatever is there."""
        if self.array.shape != shape:
            self.array = np.empty(shape, self.dtype)
        return self.array

    def zeros(self, shape: tuple[int, ...]) -> ndarray:
        """Zeros, except for what was written since the last call: the same places each time."""
        if self.array.shape != shape:
            self.array = np.zeros(shape, self.dtype)
        return self.array


def _flat(array: ndarray, rows: int) -> ndarray:
    """``(batch, rows, places)`` of an array whose last two axes are the places."""
    return array.reshape(len(array), rows, array.shape[-2] * array.shape[-1])


def _every(start: int, step: int, count: int) -> slice:
    """``count`` indices from ``start`` on, ``step`` apart."""
    return slice(start, start + step * (count - 1) + 1, step)


def _sum_of_products(left: ndarray, right: ndarray) -> ndarray:
    """``left right^T``, added up over the images; BLAS is faster with the higher matrix first."""
    if left.shape[1] < right.shape[1]:
        return _sum_of_products(right, left).T
    _, rows, places = left.shape
    columns = right.shape[1]
    if rows * columns > (rows + columns) * places / 4:
        # Small images: a product for each would take more memory than they do.
        joint = right.transpose(0, 2, 1).reshape(-1, columns)
        return left.transpose(1, 0, 2).reshape(rows, -1) @ joint
    total: ndarray = np.matmul(left, right.transpose(0, 2, 1)).sum(axis=0)
    return total
