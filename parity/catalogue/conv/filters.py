"""Images with channels, and filters for them, that entries share."""

from __future__ import annotations

from collections.abc import Callable

from parity.catalogue.cases import Shapes
from parity.catalogue.component import Case
from parity.catalogue.conv.describe import grid


def images(n: int) -> Shapes:
    """A batch, with pixels few enough for differences in each of them."""
    height, width = (2, 3) if n < 64 else (1, 2)
    return {"inp": (n, 2, height, width), "param": (2, 3 if n < 64 else 1, 3, 3)}


def images_and_gradients(n: int) -> Shapes:
    """``images`` with a gradient on the output."""
    batch, _, height, width = images(n)["inp"]
    out_channels = images(n)["param"][1]
    return {**images(n), "output_grad": (batch, out_channels, height, width)}


def filter_grid(
    shapes: Callable[[int], Shapes], rename: dict[str, str] | None = None
) -> tuple[Case, ...]:
    """The usual grid of batches.

    Args:
        shapes: of the inputs, for a batch size.
        rename: other names for the inputs.
    """

    def renamed(n: int) -> Shapes:
        return {(rename or {}).get(name, name): shape for name, shape in shapes(n).items()}

    return grid("batch of {}", renamed)


def other_filters(inp: str, *batch: int, grad: str = "") -> tuple[Case, ...]:
    """Images, filters and channels of other sizes.

    Args:
        inp: what the images are called.
        batch: the batch size; none for one image without a batch.
        grad: what the gradient on the output is called, if there is to be one.
    """
    sizes = {
        # in, out, height, width, filter
        "as many channels out as in": (2, 2, 3, 4, 3),
        "as many channels out as in, a square image": (2, 2, 3, 3, 3),
        "fewer channels out than in": (3, 2, 2, 4, 3),
        "three channels in, a square image": (3, 2, 3, 3, 3),
        "one channel in, one out": (1, 1, 4, 3, 3),
        "an image higher than wide": (2, 3, 4, 3, 3),
        "a square image": (1, 2, 4, 4, 3),
        "filter of 5": (1, 2, 4, 5, 5),
        "filter of 1": (2, 3, 3, 4, 1),
        "filter larger than the image": (2, 1, 2, 3, 5),
    }
    return tuple(
        Case(
            name,
            {
                inp: (*batch, n_in, height, width),
                "param": (n_in, n_out, size, size),
                **({grad: (*batch, n_out, height, width)} if grad else {}),
            },
        )
        for name, (n_in, n_out, height, width, size) in sizes.items()
    )
