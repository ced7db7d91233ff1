"""Chapter 5: the convolutional layer."""

from __future__ import annotations

from numpy import ndarray

from scratch.activations import Sigmoid
from scratch.conv.geometry import Padding, Pair, checked_pair, make_geometry
from scratch.conv.operation import Conv2DOperation, Flatten, check_images
from scratch.dense import Layer
from scratch.dropout import Dropout
from scratch.initialization import initial_scale
from scratch.operations import Operation
from scratch.seeding import Seed, is_integer


class Conv2D(Layer):
    """A convolutional layer, ``activation(filters * images)``. Chapter 5, "The Full Conv2D Layer".

    Takes ``(batch, in, height, width)``, returns ``(batch, out_channels, stops down, stops
    across)``, or ``(batch, the product of these)`` with ``flatten``. ``params`` are the filters
    ``(in, out_channels, height, width)`` and, with ``bias``, one row ``(1, out_channels)``, both
    normally distributed around 0, in the dtype of the first input.

    Args:
        out_channels: how many maps the layer makes of each image.
        param_size: height and width of the filters, one number or a pair.
        activation: a new ``Sigmoid`` where none is given.
        seed: as in ``Layer``.
        dropout: as in ``Dense``; it comes last, after flattening.
        weight_init: as in ``Dense``. Each output is a sum over ``in * height * width`` of the
            filter, and that is what is meant by inputs; each input takes part in ``out_channels *
            height * width`` outputs. (The book's companion code counts channels only; its name here
            is "glorot_as_printed".)
        flatten: whether to end with one row for each image, for a dense layer to follow.
        padding: as in ``Conv2DOperation``.
        stride: as in ``Conv2DOperation``.
        dilation: as in ``Conv2DOperation``.
        bias: whether to add a number to each map; the book does not.

    Raises:
        ValueError: an argument is not as above; in ``forward``, as ``Conv2DOperation``.
    """

    def __init__(
        self,
        out_channels: int,
        param_size: Pair,
        activation: Operation | None = None,
        seed: Seed = None,
        dropout: float | Dropout = 1.0,
        weight_init: str = "standard",
        flatten: bool = False,
        padding: Padding = "same",
        stride: Pair = 1,
        dilation: Pair = 1,
        bias: bool = False,
    ) -> None:
        if not is_integer(out_channels) or out_channels < 1:
            raise ValueError(
                f"Conv2D: out_channels must be a whole number of at least 1, not {out_channels!r}"
            )
        super().__init__(out_channels, seed)
        self.out_channels = out_channels
        self.param_size = checked_pair("param_size", param_size, 1, "Conv2D")
        if not isinstance(dropout, Dropout):
            Dropout(dropout)  # refuses what is no probability
        initial_scale(weight_init, 1, out_channels)
        self.geometry = make_geometry(self.param_size, padding, stride, dilation, self)
        self.activation = Sigmoid() if activation is None else activation
        self.dropout = dropout
        self.weight_init = weight_init
        self.flatten = flatten
        self.padding, self.stride, self.dilation = padding, stride, dilation
        self.bias = bias

    def _setup_layer(self, input_: ndarray) -> None:
        stream = self._draws()
        n_in, scale = input_.shape[1], self._scale(input_.shape[1])
        shape = (n_in, self.out_channels, *self.param_size)
        W = (scale * stream.standard_normal(shape)).astype(input_.dtype)
        bias = None
        if self.bias:
            bias = (scale * stream.standard_normal((1, self.out_channels))).astype(input_.dtype)
        self.operations = [
            Conv2DOperation(W, bias, self.padding, self.stride, self.dilation),
            self.activation,
        ]
        if self.flatten:
            self.operations.append(Flatten())
        if isinstance(self.dropout, Dropout):
            self.operations.append(self.dropout)
        elif self.dropout < 1:
            self.operations.append(Dropout(self.dropout, stream))
        self._params()

    def _scale(self, n_in: int) -> float:
        area = (
            1
            if self.weight_init == "glorot_as_printed"
            else self.param_size[0] * self.param_size[1]
        )
        return initial_scale(self.weight_init, n_in * area, self.out_channels * area)

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """Pass a batch of images through the layer; the first one sets up the filters."""
        if self.first:
            self._check_first(input_)
        else:
            check_images(input_, self.params[0], self)
        height, width = input_.shape[2:]
        self.geometry.output_size(height, width, self)
        return super().forward(input_, inference)

    def _check_first(self, images: ndarray) -> None:
        if images.ndim != 4 or images.shape[1] == 0 or images.dtype.kind != "f":
            raise ValueError(
                f"{self}: input must have shape (batch, in, height, width) and be of a "
                f"floating-point type, not {images.dtype} in shape {images.shape}; MNIST's rows of "
                "784 numbers become images with .reshape(-1, 1, 28, 28)"
            )

    def __repr__(self) -> str:
        rows, columns = self.param_size
        return f"Conv2D({self.out_channels}, {rows if rows == columns else self.param_size})"
