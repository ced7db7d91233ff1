"""Mistakes in the losses of chapter 3."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import losses as right
from scratch.losses import Loss


class _ShapesUnchecked(Loss):
    def forward(self, prediction: ndarray, target: ndarray) -> float:
        self.prediction, self.target = prediction, target
        return self._output()


class _FirstTargetKept(Loss):
    def forward(self, prediction: ndarray, target: ndarray) -> float:
        if not hasattr(self, "target"):
            self.target = target
        self.prediction = prediction
        return self._output()


class _Exchanged(Loss):
    def forward(self, prediction: ndarray, target: ndarray) -> float:
        return super().forward(target, prediction)


LOSS = (
    Mutant(
        "shapes not checked",
        "forward accepts a target of another shape than the prediction; "
        "compare the two, or NumPy broadcasts (n, 1) against (n,) to an (n, n) matrix.",
        _ShapesUnchecked,
        "a target of the wrong shape is refused",
    ),
    Mutant(
        "stale target",
        "forward keeps the first target for ever; it must keep each new one.",
        _FirstTargetKept,
        "loss",
    ),
    Mutant("exchanged", "prediction and target are exchanged.", _Exchanged, "loss"),
)


def _loss(gradient: Any = None, value: Any = None) -> type[right.MeanSquaredError]:
    """A mean squared error with another gradient, or another value."""

    class Wrong(right.MeanSquaredError):
        def _output(self) -> float:
            return value(self) if value else super()._output()

        def _input_grad(self) -> ndarray:
            return gradient(self) if gradient else super()._input_grad()

    return Wrong


def _error(loss: right.MeanSquaredError) -> ndarray:
    return loss.prediction - loss.target


MEAN_SQUARED_ERROR = (
    Mutant(
        "gradient not divided by the batch size",
        "The loss is divided by the batch size, its gradient is not: 2 * (prediction - target) "
        "/ batch_size.",
        _loss(lambda loss: 2 * _error(loss)),
        "input_grad",
    ),
    Mutant(
        "half the gradient, not divided by the batch size",
        "The gradient lacks both the 2 and the division by the batch size: 2 * (prediction - "
        "target) / batch_size.",
        _loss(_error),
        "input_grad",
    ),
    Mutant(
        "half",
        "The 2 of the square's derivative is missing in the gradient.",
        _loss(lambda loss: _error(loss) / len(_error(loss))),
        "input_grad",
    ),
    Mutant(
        "half of both",
        "Loss and gradient are half of what they should be: the book's loss has no 1/2 in front, "
        "so the 2 of the square's derivative stays.",
        _loss(
            lambda loss: _error(loss) / len(_error(loss)),
            lambda loss: np.sum(_error(loss) ** 2) / len(_error(loss)) / 2,
        ),
        "loss",
    ),
    Mutant(
        "sign",
        "The gradient has the wrong sign, training would climb: prediction - target, not "
        "target - prediction.",
        _loss(lambda loss: -2 * _error(loss) / len(_error(loss))),
        "input_grad",
    ),
    Mutant(
        "mean over elements",
        "This divides by the number of elements (as nn.MSELoss does); the "
        "book's loss divides by the number of rows.",
        _loss(
            lambda loss: 2 * _error(loss) / _error(loss).size,
            lambda loss: np.mean(_error(loss) ** 2),
        ),
        "loss",
    ),
    Mutant(
        "sum",
        "The loss is not divided by the batch size.",
        _loss(None, lambda loss: np.sum(_error(loss) ** 2)),
        "loss",
    ),
)
