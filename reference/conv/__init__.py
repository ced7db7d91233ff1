"""Chapter 5 in PyTorch: convolution."""

from reference.conv.layer import ConvLayer, same_margins

__all__ = ["ConvLayer", "same_margins"]
