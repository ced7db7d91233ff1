"""Chapters 5 and 7 in PyTorch: the convolutional layer, under its name of chapter 7."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from reference.dropout import Dropout
from reference.network import PyTorchLayer

Pair = int | tuple[int, int]


class ConvLayer(PyTorchLayer):
    """``activation(conv(x))``. Chapter 7, "Implementing Building Blocks: ConvLayer".

    Args:
        in_channels: of the images.
        out_channels: maps.
        filter_size: height and width of the filters, a number or a pair.
        activation: none where it is not given.
        dropout: as in ``DenseLayer``; it comes last.
        flatten: whether to end with one row for each image.
        padding: "same", "valid", or a number or a pair. "same" keeps the size at stride 1 and pads
            as much at any other; an even filter has the odd row and column behind.
        stride: rows and columns from stop to stop.
        dilation: rows and columns from one element of a filter to the next.
        bias: whether there is one; chapter 5's layer has none, chapter 7's has.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        filter_size: Pair,
        activation: nn.Module | None = None,
        dropout: float | nn.Module = 1.0,
        flatten: bool = False,
        padding: Literal["same", "valid"] | Pair = "same",
        stride: Pair = 1,
        dilation: Pair = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.pad: nn.Module = nn.Identity()
        if padding == "same":
            left, right, above, below = margins = same_margins(filter_size, dilation)
            if (left, above) == (right, below):
                padding = (above, left)
            else:  # an even filter; PyTorch would warn that it has to make a copy
                self.pad, padding = nn.ZeroPad2d(margins), "valid"
        self.conv = nn.Conv2d(
            in_channels, out_channels, filter_size, stride, padding, dilation, bias=bias
        )
        self.activation = nn.Identity() if activation is None else activation
        self.flatten = nn.Flatten() if flatten else nn.Identity()
        if isinstance(dropout, nn.Module):
            self.dropout = dropout
        else:
            self.dropout = nn.Identity() if dropout == 1 else Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, in, height, width)`` to ``(batch, out, stops down, stops across)``, or to one
        row for each image.
        """
        return self.dropout(self.flatten(self.activation(self.conv(self.pad(x)))))


def same_margins(filter_size: Pair, dilation: Pair = 1) -> tuple[int, int, int, int]:
    """Zeros left, right, above and below an image that keep its size at stride 1."""
    sizes = (filter_size, filter_size) if isinstance(filter_size, int) else filter_size
    steps = (dilation, dilation) if isinstance(dilation, int) else dilation
    down, across = (step * (size - 1) for size, step in zip(sizes, steps, strict=True))
    return across // 2, across - across // 2, down // 2, down - down // 2
