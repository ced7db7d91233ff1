"""Appendix A, further: the ways to write a convolution as matrix products.

A filter has ``height * width`` elements, its taps. What a convolution costs in NumPy is the copying
around its products, and a tap can be dealt with on either side of the product:

- *gathered*: the image, shifted by the tap, is one more row of the right-hand matrix;
- *spread*: the tap is one more row of the left-hand matrix, and its share of the result is shifted
  and added up.

``Patches`` gathers every tap: the patches of the appendix, best where few channels come in.
``Taps`` gathers the rows of the filter, or nothing, and spreads the rest: with five by five taps
and as many channels in as out that is a fifth of the copying. Each way back is its way forward
transposed: what was gathered gets added up, what was added up gets gathered.

Images go through in blocks that stay in the processor's cache, whatever the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from scratch.conv.geometry import Geometry

#: What a block's matrices may take together, in bytes, and in images and results.
BLOCK_BYTES = 4 * 2**20
BLOCK_SHARE = 3

#: So many multiplications take as long as copying one number.
MULTIPLICATIONS_PER_COPY = 30


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

    def form(self) -> Patches | Taps:
        """The way that takes least time, by a rough count."""
        return min((make(self) for make in FORMS.values()), key=lambda form: form.cost)

    def blocks(self, numbers_in_a_row: int, rows: int) -> Iterator[tuple[slice, slice]]:
        """Which images, and which of their rows, go together: several whole images, or some rows of
        one image.
        """
        most = min(BLOCK_BYTES, BLOCK_SHARE * self.bytes)
        fit = max(1, most // (numbers_in_a_row * self.dtype.itemsize))
        images, fit = max(1, fit // rows), min(fit, rows)
        for image in range(0, self.batch, images):
            for row in range(0, rows, fit):
                yield (
                    slice(image, min(image + images, self.batch)),
                    slice(row, min(row + fit, rows)),
                )


class Patches:
    """All taps gathered: ``(out, in * taps)`` times ``(in * taps, stops)`` for each image."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.taps = task.filters.shape[2:]
        self.rows = task.n_in * self.taps[0] * self.taps[1]
        self.cost = _cost(task.stops[0] * task.stops[1], 0, self.rows, task.n_out * self.rows)

    @cached_property
    def matrix(self) -> ndarray:
        """The filters, one in each row."""
        return self.task.filters.transpose(1, 0, 2, 3).reshape(self.task.n_out, self.rows)

    def forward(self, padded: ndarray, output: ndarray) -> None:
        """Fill the output from images with their margins."""
        patches, windows = _Buffer(self.task.dtype), self._windows(padded)
        for images, rows in self._blocks():
            gathered = patches.filled(windows[images, ..., rows, :])
            block = output[images, :, rows]
            flat = block.reshape(*block.shape[:2], -1)
            gathered = gathered.reshape(-1, self.rows, flat.shape[2])
            np.matmul(self.matrix, gathered, out=flat)
            if not np.shares_memory(flat, block):  # some rows of an image lie apart
                block[...] = flat.reshape(block.shape)

    def param_grad(self, padded: ndarray, output_grad: ndarray) -> ndarray:
        """The gradient on the filters, in their shape."""
        patches, windows = _Buffer(self.task.dtype), self._windows(padded)
        total = np.zeros_like(self.matrix, self.task.dtype)
        for images, rows in self._blocks():
            gathered = patches.filled(windows[images, ..., rows, :])
            grads = output_grad[images, :, rows].reshape(*gathered.shape[:1], self.task.n_out, -1)
            gathered = gathered.reshape(-1, self.rows, grads.shape[2])
            total += np.matmul(grads, gathered.transpose(0, 2, 1)).sum(axis=0)
        n_in, n_out = self.task.n_in, self.task.n_out
        return total.reshape(n_out, n_in, *self.taps).transpose(1, 0, 2, 3)

    def input_grad(self, output_grad: ndarray, padded: ndarray) -> None:
        """Add the gradient on images with their margins to ``padded``."""
        patches, windows = _Buffer(self.task.dtype), self._windows(padded)
        for images, rows in self._blocks():
            target = windows[images, ..., rows, :]
            grads = output_grad[images, :, rows].reshape(len(target), self.task.n_out, -1)
            gathered = patches.empty((len(target), self.rows, grads.shape[2]))
            np.matmul(self.matrix.T, grads, out=gathered)
            gathered = gathered.reshape(target.shape)
            for i, j in np.ndindex(*self.taps):
                target[:, :, i, j] += gathered[:, :, i, j]

    def _windows(self, padded: ndarray) -> ndarray:
        """A view of shape ``(batch, in, taps down, taps across, stops down, stops across)``."""
        (sh, sw), (dh, dw) = self.task.geometry.stride, self.task.geometry.dilation
        batch, channels, down, across = padded.strides
        return as_strided(
            padded,
            (*padded.shape[:2], *self.taps, *self.task.stops),
            (batch, channels, dh * down, dw * across, sh * down, sw * across),
        )

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        return self.task.blocks(self.rows * self.task.stops[1], self.task.stops[0])


class Taps:
    """Some taps gathered and the others spread: ``(spread * out, in * gathered)`` times
    ``(in * gathered, places)``, for several images at once.

    Args:
        task: what to do.
        gather_rows: whether the rows of the filter are gathered and its columns spread, or all of
            it is spread.
    """

    def __init__(self, task: Task, *, gather_rows: bool) -> None:
        self.task = task
        self.gather_rows = gather_rows
        down, across = task.filters.shape[2:]
        self.gathered = down if gather_rows else 1
        self.spread = (1 if gather_rows else down, across)
        self.shape = (self.spread[0] * across * task.n_out, task.n_in * self.gathered)
        places = (task.stops[0] if gather_rows else task.padded[0]) * task.padded[1]
        self.cost = _cost(places, *self.shape, self.shape[0] * self.shape[1])

    @cached_property
    def matrix(self) -> ndarray:
        """The filters, each tap that is spread in a row of its own."""
        order = (3, 1, 0, 2) if self.gather_rows else (2, 3, 1, 0)
        return self.task.filters.transpose(order).reshape(self.shape)

    def forward(self, padded: ndarray, output: ndarray) -> None:
        """Fill the output from images with their margins."""
        gathered, product = _Buffer(self.task.dtype), _Buffer(self.task.dtype)
        windows, results = self._windows(padded), output.transpose(1, 0, 2, 3)
        for images, rows in self._blocks():
            lowered = gathered.filled(windows[:, :, images, rows])
            right = lowered.reshape(self.shape[1], -1)
            shares = product.empty((self.shape[0], right.shape[1]))
            np.matmul(self.matrix, right, out=shares)
            result = results[:, images, rows if self.gather_rows else slice(None)]
            first, *others = self._shares(shares, lowered.shape[2:])
            result[...] = first
            for share in others:
                result += share

    def param_grad(self, padded: ndarray, output_grad: ndarray) -> ndarray:
        """The gradient on the filters, in their shape."""
        gathered, spread = _Buffer(self.task.dtype), _Buffer(self.task.dtype)
        windows, total = self._windows(padded), np.zeros_like(self.matrix, self.task.dtype)
        for images, rows in self._blocks():
            lowered = gathered.filled(windows[:, :, images, rows])
            grads = self._spread_out(output_grad, images, rows, spread)
            total += _product_transposed(grads, lowered.reshape(self.shape[1], -1))
        n_in, n_out = self.task.n_in, self.task.n_out
        total = total.reshape(*self.spread, n_out, n_in, self.gathered)
        if self.gather_rows:
            return total[0].transpose(2, 1, 3, 0)
        return total[..., 0].transpose(3, 2, 0, 1)

    def input_grad(self, output_grad: ndarray, padded: ndarray) -> None:
        """Add the gradient on images with their margins to ``padded``."""
        spread, gathered = _Buffer(self.task.dtype), _Buffer(self.task.dtype)
        windows = self._windows(padded)
        for images, rows in self._blocks():
            target = windows[:, :, images, rows]
            grads = self._spread_out(output_grad, images, rows, spread)
            lowered = gathered.empty((self.shape[1], grads.shape[1]))
            np.matmul(self.matrix.T, grads, out=lowered)
            lowered = lowered.reshape(target.shape)
            for i in range(self.gathered):
                target[:, i] += lowered[:, i]

    def _windows(self, padded: ndarray) -> ndarray:
        """A view of shape ``(in, gathered, batch, rows, columns)``."""
        images, channels, down, across = padded.strides
        dh, sh = self.task.geometry.dilation[0], self.task.geometry.stride[0]
        rows = self.task.stops[0] if self.gather_rows else self.task.padded[0]
        return as_strided(
            padded,
            (self.task.n_in, self.gathered, self.task.batch, rows, self.task.padded[1]),
            (channels, dh * down, images, (sh if self.gather_rows else 1) * down, across),
        )

    def _spread_out(
        self, output_grad: ndarray, images: slice, rows: slice, buffer: _Buffer
    ) -> ndarray:
        """The left-hand matrix of both ways back: the gradient, where each tap's share came from,
        and zeros around it.
        """
        grads = output_grad.transpose(1, 0, 2, 3)[:, images]
        places = (grads.shape[1], rows.stop - rows.start, self.task.padded[1])
        spread = buffer.zeros((self.shape[0], *places))
        block = grads[:, :, rows] if self.gather_rows else grads
        for share in self._shares(spread, places):
            share[...] = block
        return spread.reshape(self.shape[0], -1)

    def _shares(self, matrix: ndarray, places: tuple[int, ...]) -> list[ndarray]:
        """Views into the rows of each tap that is spread, shifted by it: ``(out, batch, stops down,
        stops across)``.
        """
        (sh, sw), (dh, dw) = self.task.geometry.stride, self.task.geometry.dilation
        rows, step = (places[1], 1) if self.gather_rows else (self.task.stops[0], sh)
        shares = matrix.reshape(*self.spread, self.task.n_out, *places)
        return [
            shares[i, j][..., _every(i * dh, step, rows), _every(j * dw, sw, self.task.stops[1])]
            for i, j in np.ndindex(*self.spread)
        ]

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        numbers = sum(self.shape) * self.task.padded[1]
        if self.gather_rows:
            return self.task.blocks(numbers, self.task.stops[0])
        whole = self.task.padded[0]
        blocks = self.task.blocks(numbers * whole, 1)
        return ((images, slice(0, whole)) for images, _ in blocks)


#: The ways there are, by name.
FORMS: dict[str, Callable[[Task], Patches | Taps]] = {
    "patches": Patches,
    "rows gathered": partial(Taps, gather_rows=True),
    "all spread": partial(Taps, gather_rows=False),
}


def _cost(places: int, spread: int, gathered: int, multiplications: int) -> float:
    """Of one image: numbers to copy and to multiply at each of so many places."""
    return places * (spread + gathered + multiplications / MULTIPLICATIONS_PER_COPY)


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


def _every(start: int, step: int, count: int) -> slice:
    """``count`` indices from ``start`` on, ``step`` apart."""
    return slice(start, start + step * (count - 1) + 1, step)


def _product_transposed(left: ndarray, right: ndarray) -> ndarray:
    """``left right^T``, with the higher matrix first, which BLAS is faster with."""
    if len(left) >= len(right):
        return left @ right.T
    transposed: ndarray = (right @ left.T).T
    return transposed
