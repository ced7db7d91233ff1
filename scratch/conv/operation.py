"""Chapter 5: convolution and flattening as operations."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.conv.geometry import Padding, Pair, make_geometry
from scratch.conv.products import convolve, convolve_input_grad, convolve_param_grad
from scratch.operations import Operation, ParamOperation


class FilterOperation(ParamOperation):
    """Filters, and a number to add to each map that they make if there is a bias.

    Args:
        W: the filters, shape ``(in, out, filter height, filter width)``.
        bias: shape ``(1, out)``, or None.

    Raises:
        ValueError: they have other shapes, or hold no floating-point numbers.
    """

    bias_grad: ndarray

    def __init__(self, W: ndarray, bias: ndarray | None) -> None:
        check_filters(W, self)
        super().__init__(W)
        check_bias(bias, W.shape[1], self)
        self.bias = bias

    @property
    def params(self) -> list[ndarray]:
        """The filters, and the bias if there is one."""
        return [self.param] if self.bias is None else [self.param, self.bias]

    @property
    def param_grads(self) -> list[ndarray]:
        """The gradients on ``params``."""
        return [self.param_grad] if self.bias is None else [self.param_grad, self.bias_grad]

    def _add_bias(self, output: ndarray) -> ndarray:
        if self.bias is not None:
            output += self.bias.reshape(1, -1, 1, 1)
        return output

    def _keep_param_grad(self, output_grad: ndarray) -> None:
        if self.bias is not None:
            self.bias_grad = output_grad.sum(axis=(0, 2, 3))[np.newaxis]
        super()._keep_param_grad(output_grad)


class Conv2DOperation(FilterOperation):
    """Filters moved over images: a map of features for each filter.

    Chapter 5, "Using This Operation to Train a CNN", and appendix A, whose gradients are wrong
    (E16, E17). The same sums as in the loops of ``conv_output``, computed as matrix products.

    Takes ``(batch, in, height, width)``, returns ``(batch, out, stops down, stops across)``: with
    "same" padding and stride 1 the input's height and width.

    Args:
        W: the filters, shape ``(in, out, filter height, filter width)``.
        bias: one number for each map, shape ``(1, out)``; the book has none.
        padding: zeros around each image: "same", "valid" (none), or how many rows above and below
            and columns left and right, a number or a pair.
        stride: how far a filter moves from one stop to the next, a number or a pair.
        dilation: how far the elements of a filter are apart, a number or a pair.

    Raises:
        ValueError: ``W``, ``bias`` or an option is not as above; in ``forward``, the input is of
            integers, has another number of channels, or the filter is larger than the padded image.
    """

    def __init__(
        self,
        W: ndarray,
        bias: ndarray | None = None,
        padding: Padding = "same",
        stride: Pair = 1,
        dilation: Pair = 1,
    ) -> None:
        super().__init__(W, bias)
        self.geometry = make_geometry(W.shape[2:], padding, stride, dilation, self)

    def _output(self) -> ndarray:
        check_images(self.input_, self.param, self)
        height, width = self.input_.shape[2:]
        self.geometry.output_size(height, width, self)
        return self._add_bias(convolve(self.input_, self.param, self.geometry))

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        size = self.input_.shape[2:]
        return convolve_input_grad(output_grad, self.param, size, self.geometry)

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return convolve_param_grad(self.input_, output_grad, self.param, self.geometry)


class Flatten(Operation):
    """Each observation in one row. Chapter 5, "The Flatten Operation".

    Takes ``(batch, …)``, returns ``(batch, product of the rest)``.
    """

    def _output(self) -> ndarray:
        rest = int(np.prod(self.input_.shape[1:]))
        return self.input_.reshape(len(self.input_), rest).copy()

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad.reshape(self.input_.shape).copy()


def check_filters(W: ndarray, who: Operation) -> None:
    """Whether an array can be filters.

    Raises:
        ValueError: it cannot; names ``who`` and the shape.
    """
    if W.ndim != 4 or 0 in W.shape or W.dtype.kind != "f":
        raise ValueError(
            f"{type(who).__name__}: W must have shape (in, out, height, width), none of them 0, "
            f"and be of a floating-point type, not {W.dtype} in shape {W.shape}"
        )


def check_bias(bias: ndarray | None, maps: int, who: object) -> None:
    """Whether a bias has one number for each map.

    Raises:
        ValueError: it has not; names ``who`` and both shapes.
    """
    if bias is not None and (bias.shape != (1, maps) or bias.dtype.kind != "f"):
        raise ValueError(
            f"{who}: bias must have shape {(1, maps)} and be of a floating-point type, not "
            f"{bias.dtype} in shape {bias.shape}"
        )


def check_images(images: ndarray, W: ndarray, who: object) -> None:
    """Whether images fit filters.

    Raises:
        ValueError: they do not; names ``who`` and both shapes.
    """
    if images.dtype.kind != "f":
        raise ValueError(
            f"{who}: input must be of a floating-point type, not {images.dtype} (shape "
            f"{images.shape}, filters {W.shape}); use .astype(float)"
        )
    if images.ndim != 4 or images.shape[1] != W.shape[0]:
        raise ValueError(
            f"{who}: input of shape {images.shape} does not fit filters of shape {W.shape}; it "
            f"must have shape (batch, {W.shape[0]}, height, width)"
        )
