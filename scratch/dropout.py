"""Chapter 4: dropout, which leaves out neurons at random while training."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.operations import Operation
from scratch.seeding import Seed, as_stream


class Dropout(Operation):
    """Sets each element to 0 or keeps it, at random. Chapter 4, "Dropout".

    In training the input times a mask of 0 and 1, drawn anew at each forward pass. In inference the
    whole input times ``keep_prob``, which is what arrives on average in training. Any shape.
    ``mask`` is that of the last forward pass in training, in the dtype of the input.

    Args:
        keep_prob: the probability that an element is kept.
        seed: where the masks are drawn from.

    Raises:
        ValueError: ``keep_prob`` is not above 0 and at most 1.
    """

    mask: ndarray

    def __init__(self, keep_prob: float = 0.8, seed: Seed = None) -> None:
        if not 0 < keep_prob <= 1:
            raise ValueError(
                f"{type(self).__name__}: keep_prob must be above 0 and at most 1, not {keep_prob}"
            )
        self.keep_prob = float(keep_prob)
        self.stream = as_stream(seed)

    def _draw_mask(self) -> ndarray:
        kept = self.stream.random(self.input_.shape) < self.keep_prob
        return np.asarray(kept, dtype=self.input_.dtype)

    def _output(self) -> ndarray:
        if self.inference:
            return self.input_ * self.keep_prob
        self.mask = self._draw_mask()
        return self.input_ * self.mask

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad * (self.keep_prob if self.inference else self.mask)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.keep_prob})"


class InvertedDropout(Dropout):
    """Dropout that scales in training instead: what is kept is divided by ``keep_prob``, and
    inference changes nothing.

    Not in the book; ``nn.Dropout(1 - keep_prob)``. ``mask`` holds 0 and ``1 / keep_prob``.
    """

    def _draw_mask(self) -> ndarray:
        return super()._draw_mask() / self.keep_prob

    def _output(self) -> ndarray:
        return np.array(self.input_) if self.inference else super()._output()

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.array(output_grad) if self.inference else super()._input_grad(output_grad)
