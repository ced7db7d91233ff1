"""Chapter 3 in PyTorch: optimizers, under the book's names."""

from torch.optim import SGD

__all__ = ["SGD"]
