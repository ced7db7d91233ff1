"""Chapter 5: where a filter stops on an image, and how large the result is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeGuard

from scratch.seeding import is_integer

#: One number for both axes, or one for the height and one for the width.
Pair = int | tuple[int, int]

#: Zeros around an image: "same" keeps the size at stride 1, "valid" is none, a number is on each
#: side.
Padding = Literal["same", "valid"] | Pair


@dataclass(frozen=True)
class Geometry:
    """How a filter moves over an image.

    "same" puts ``dilation * (size - 1)`` zeros around an image in all, for an even filter the odd
    one out behind, as PyTorch does. With a larger stride it is the same padding: the result is as
    high as the image over the stride, rounded up.

    Attributes:
        filter_size: height and width of the filter.
        padding: as given.
        stride: rows and columns from one stop to the next.
        dilation: rows and columns from one element of the filter to the next; 1 leaves none out.
    """

    filter_size: tuple[int, int]
    padding: Padding
    stride: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the image that the filter reaches over."""
        (kh, kw), (dh, dw) = self.filter_size, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def margins(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Zeros above and below the image, and on its left and right."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding == "same":
            return same_margin(self.extent[0]), same_margin(self.extent[1])
        rows, columns = as_pair(self.padding)
        return (rows, rows), (columns, columns)

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image with its margins."""
        (above, below), (left, right) = self.margins
        return height + above + below, width + left + right

    def output_size(self, height: int, width: int, who: object) -> tuple[int, int]:
        """Stops of the filter on an image, down and across.

        Raises:
            ValueError: the filter is larger than the padded image; names ``who`` and both sizes.
        """
        padded, extent = self.padded_size(height, width), self.extent
        if padded[0] < extent[0] or padded[1] < extent[1]:
            raise ValueError(
                f"{who}: a filter that reaches over {extent} is larger than the padded image "
                f"{padded}; use more padding or a smaller filter"
            )
        return (
            (padded[0] - extent[0]) // self.stride[0] + 1,
            (padded[1] - extent[1]) // self.stride[1] + 1,
        )


def make_geometry(
    filter_size: tuple[int, int], padding: Padding, stride: Pair, dilation: Pair, who: object
) -> Geometry:
    """A ``Geometry``, once its parts are what they must be.

    Raises:
        ValueError: they are not; names ``who`` and the part.
    """
    if not (padding in ("same", "valid") if isinstance(padding, str) else _is_pair(padding, 0)):
        raise ValueError(
            f'{who}: padding must be "same", "valid", or a whole number of at least 0, or a pair '
            f"of them, not {padding!r}"
        )
    return Geometry(
        filter_size,
        padding,
        checked_pair("stride", stride, 1, who),
        checked_pair("dilation", dilation, 1, who),
    )


def checked_pair(name: str, value: object, least: int, who: object) -> tuple[int, int]:
    """One number for both axes, or a pair, as a pair.

    Raises:
        ValueError: it is neither, or less than ``least``; names ``who`` and the argument.
    """
    if not _is_pair(value, least):
        raise ValueError(
            f"{who}: {name} must be a whole number of at least {least}, or a pair of them, "
            f"not {value!r}"
        )
    return as_pair(value)


def as_pair(value: Pair) -> tuple[int, int]:
    """One number for both axes, or a pair, as a pair."""
    return (int(value[0]), int(value[1])) if isinstance(value, tuple) else (int(value), int(value))


def same_margin(size: int) -> tuple[int, int]:
    """Zeros in front and behind with which a filter of that length has a result for each
    element.
    """
    front = (size - 1) // 2
    return front, size - 1 - front


def _is_pair(value: object, least: int) -> TypeGuard[Pair]:
    parts = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return all(is_integer(part) and part >= least for part in parts)
