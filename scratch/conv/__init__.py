"""Chapter 5 and appendix A: convolution.

``one_dimension`` and ``loops`` are the sums as one would write them down, and the measure for all
the rest; ``matmul`` is the appendix's way; ``operation``, ``transposed`` and ``layer`` are what
networks are built of, fast with the products of ``products``.
"""

from scratch.conv.geometry import Geometry, Padding, Pair, make_geometry
from scratch.conv.layer import Conv2D
from scratch.conv.operation import Conv2DOperation, Flatten
from scratch.conv.transposed import ConvTranspose2DOperation

__all__ = [
    "Geometry",
    "Padding",
    "Pair",
    "make_geometry",
    "Conv2DOperation",
    "Flatten",
    "ConvTranspose2DOperation",
    "Conv2D",
]
