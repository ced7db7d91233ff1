"""Chapter 5 in PyTorch: pooling."""

from __future__ import annotations

from torch import nn

Pair = int | tuple[int, int]


class MaxPool2D(nn.MaxPool2d):
    """``nn.MaxPool2d``. Chapter 5, "Pooling Layers".

    Args:
        pool_size: one number for the rows and the columns of a pool, or a pair.
        stride: from one pool to the next; ``pool_size`` where none is given.
        padding: on each side of the image, below every number.
    """

    def __init__(self, pool_size: Pair = 2, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__(pool_size, stride, padding)


class AveragePool2D(nn.AvgPool2d):
    """``nn.AvgPool2d``, in which padding counts. Chapter 5, "Pooling Layers".

    Args:
        pool_size: one number for the rows and the columns of a pool, or a pair.
        stride: from one pool to the next; ``pool_size`` where none is given.
        padding: zeros on each side of the image.
    """

    def __init__(self, pool_size: Pair = 2, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__(pool_size, stride, padding)
