"""Catalogue of chapter 5 and appendix A: convolution."""

from parity.catalogue.conv import (
    channels,
    layer,
    matmul,
    one_dimension,
    operation,
    options,
    transposed,
    two_dimensions,
)

COMPONENTS = (
    *one_dimension.COMPONENTS,
    *two_dimensions.COMPONENTS,
    *channels.COMPONENTS,
    *matmul.COMPONENTS,
    *operation.COMPONENTS,
    *layer.COMPONENTS,
    *options.COMPONENTS,
    *transposed.COMPONENTS,
)
