"""Chapter 7 names it, chapter 5 has what it takes: convolution the other way round."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.conv.geometry import Pair, as_pair, make_geometry
from scratch.conv.operation import FilterOperation, check_images
from scratch.conv.products import convolve, convolve_input_grad, convolve_param_grad
from scratch.seeding import is_integer


class ConvTranspose2DOperation(FilterOperation):
    """Transposed convolution, which makes images larger: ``nn.ConvTranspose2d``.

    Not in the book; the decoder of chapter 7's autoencoder can be built with it. Each number of the
    input is spread over the output by a filter: forward is a convolution's gradient on its input,
    and the gradient on the input is a convolution.

    Takes ``(batch, in, height, width)``. The result has ``(height - 1) * stride + dilation *
    (filter height - 1) + 1 - 2 * padding + output_padding`` rows, and columns likewise.

    Args:
        W: the filters, shape ``(in, out, filter height, filter width)``.
        bias: one number for each map, shape ``(1, out)``.
        padding: how many rows and columns to cut off on each side, a number or a pair.
        stride: how far two neighbours in the input are apart in the output.
        output_padding: rows below and columns on the right to add to the result, less than
            ``stride`` or ``dilation``: a convolution with a stride comes to one size from several.
        dilation: how far the elements of a filter are apart.

    Raises:
        ValueError: ``W``, ``bias`` or an option is not as above; in ``forward``, the input is of
            integers, has another number of channels, or nothing would be left of it.
    """

    def __init__(
        self,
        W: ndarray,
        bias: ndarray | None = None,
        padding: Pair = 0,
        stride: Pair = 1,
        output_padding: Pair = 0,
        dilation: Pair = 1,
    ) -> None:
        super().__init__(W, bias)
        if isinstance(padding, str):
            raise ValueError(f"{self}: padding must be a number or a pair, not {padding!r}")
        self.geometry = make_geometry(W.shape[2:], padding, stride, dilation, self)
        self.output_padding = self._checked_output_padding(output_padding)

    def _checked_output_padding(self, value: Pair) -> tuple[int, int]:
        limits = tuple(map(max, self.geometry.stride, self.geometry.dilation))
        parts = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
        if not all(
            is_integer(part) and 0 <= part < limit
            for part, limit in zip(parts, limits, strict=True)
        ):
            raise ValueError(
                f"{self}: output_padding must be a whole number of at least 0 and less than the "
                f"stride or the dilation {limits}, or a pair of them, not {value!r}"
            )
        return as_pair(value)

    def _output(self) -> ndarray:
        check_images(self.input_, self.param, self)
        size = self._output_size()
        output = np.ascontiguousarray(
            convolve_input_grad(self._at_all_stops(), self._filters(), size, self.geometry)
        )
        return self._add_bias(output)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        height, width = self.input_.shape[2:]
        return convolve(output_grad, self._filters(), self.geometry)[:, :, :height, :width]

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        filters, grads = self._filters(), self._at_all_stops()
        return convolve_param_grad(output_grad, grads, filters, self.geometry).transpose(1, 0, 2, 3)

    def _filters(self) -> ndarray:
        """Of the convolution that this is the way back of, from maps to the input's channels."""
        return self.param.transpose(1, 0, 2, 3)

    def _at_all_stops(self) -> ndarray:
        """The input, with zeros for the stops that an ``output_padding`` of ``stride`` or more, as
        a dilation allows, makes room for.
        """
        more = [
            extra // step
            for extra, step in zip(self.output_padding, self.geometry.stride, strict=True)
        ]
        if not any(more):
            return self.input_
        return np.pad(self.input_, ((0, 0), (0, 0), (0, more[0]), (0, more[1])))

    def _output_size(self) -> tuple[int, int]:
        height, width = (
            (n - 1) * step + reach + extra - before - behind
            for n, step, reach, extra, (before, behind) in zip(
                self.input_.shape[2:],
                self.geometry.stride,
                self.geometry.extent,
                self.output_padding,
                self.geometry.margins,
                strict=True,
            )
        )
        if min(height, width, *self.input_.shape[2:]) < 1:
            raise ValueError(
                f"{self}: nothing is left of an input of shape {self.input_.shape} with padding "
                f"{self.geometry.padding}"
            )
        return height, width
