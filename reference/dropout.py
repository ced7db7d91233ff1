"""Chapter 4 in PyTorch: dropout in the book's form and in PyTorch's."""

from __future__ import annotations

from torch import Tensor, nn


class InvertedDropout(nn.Dropout):
    """``nn.Dropout``, which takes the probability to drop and scales in training.

    Args:
        keep_prob: the probability that an element is kept.
    """

    def __init__(self, keep_prob: float = 0.8) -> None:
        super().__init__(p=1 - keep_prob)
        self.keep_prob = keep_prob


class Dropout(InvertedDropout):
    """The book's form: scales in evaluation instead. Chapter 4, "Dropout".

    The same as ``InvertedDropout`` times ``keep_prob``, in training and in evaluation.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return self.keep_prob * super().forward(input)
