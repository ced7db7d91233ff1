"""Chapters 3 and 4: losses, which end a network in one number."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy import ndarray

from scratch.functions import check_class_numbers, one_hot, sigmoid, softmax
from scratch.operations import check_same_shape

MeanOver = Literal["rows", "elements"]


class Loss:
    """The penalty for predictions, given targets. Chapter 3, "Loss Class".

    A subclass defines ``_output`` and ``_input_grad``.
    """

    prediction: ndarray
    target: ndarray
    input_grad: ndarray

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        """The loss of a batch, one number.

        Raises:
            ValueError: the shapes differ, or the batch is empty.
        """
        check_same_shape(prediction, target, self, "prediction and target")
        if 0 in np.shape(prediction):
            raise ValueError(f"{self}: an empty batch has no loss (shape {prediction.shape})")
        self.prediction = prediction
        self.target = target
        return self._output()

    def backward(self) -> ndarray:
        """The gradient of the loss in the prediction, in its shape.

        Raises:
            RuntimeError: ``forward`` has not run.
        """
        if not hasattr(self, "prediction"):
            raise RuntimeError(f"{self}: backward was called before forward")
        self.input_grad = self._input_grad()
        check_same_shape(self.prediction, self.input_grad, self, "prediction and input_grad")
        return self.input_grad

    def _output(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} must define _output")

    def _input_grad(self) -> ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _input_grad")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MeanSquaredError(Loss):
    """Squared differences, summed, over the number of rows. Chapter 3, "Loss Class".

    Takes two arrays of shape ``(batch, out)``.

    Args:
        mean_over: "rows" divides by ``batch``, as the book does; "elements" by ``batch * out``, as
            ``nn.MSELoss`` does.

    Raises:
        ValueError: ``mean_over`` is neither.
    """

    def __init__(self, mean_over: MeanOver = "rows") -> None:
        if mean_over not in ("rows", "elements"):
            raise ValueError(
                f'MeanSquaredError: mean_over must be "rows" or "elements", not {mean_over!r}'
            )
        self.mean_over = mean_over

    def _output(self) -> float:
        return np.sum(np.power(self.prediction - self.target, 2)) / self._count()

    def _input_grad(self) -> ndarray:
        return 2.0 * (self.prediction - self.target) / self._count()

    def _count(self) -> int:
        return self.prediction.shape[0] if self.mean_over == "rows" else self.prediction.size

    def __repr__(self) -> str:
        return "MeanSquaredError()" if self.mean_over == "rows" else "MeanSquaredError('elements')"


class SoftmaxCrossEntropy(Loss):
    """``-sum(y log p)`` over the number of rows, ``p`` being the softmax of the prediction.

    Chapter 4, "The Softmax Cross Entropy Loss Function". The book adds ``-(1 - y) log(1 - p)`` and
    does not divide, while the gradient it prints has no trace of the former: see
    ``docs/errata.md``, E9, and ``softmax_cross_entropy_as_printed``.

    Takes predictions of shape ``(batch, classes)``, as they come from a last layer without an
    activation, and targets in one of two forms: probabilities of the same shape, as ``one_hot``
    makes them, or class numbers, integers of shape ``(batch,)``. A single column is the logit of
    the second of two classes, ``p = sigmoid(prediction)``; its target is then the probability of
    that class, shape ``(batch, 1)``, or class numbers 0 and 1.

    The logarithm is taken of the sum in the softmax, not of its result, which may be 0: the loss
    stays finite however far predictions are apart, as long as their differences are finite.
    """

    probabilities: ndarray

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        """The loss of a batch, one number.

        Raises:
            ValueError: the shapes do not fit, a row of the target is no distribution, a class
                number is out of range, or the batch is empty.
        """
        return super().forward(prediction, _as_probabilities(prediction, target, self))

    def _output(self) -> float:
        rows, columns = self.prediction.shape
        if columns == 1:
            self.probabilities = sigmoid(self.prediction)
            surprise = self.target * np.logaddexp(0, -self.prediction)
            surprise += (1 - self.target) * np.logaddexp(0, self.prediction)
            return np.sum(surprise) / rows
        shifted = self.prediction - self.prediction.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        exponentials[exponentials < _negligible(exponentials.dtype)] = 0
        total = exponentials.sum(axis=1, keepdims=True)
        self.probabilities = exponentials / total
        return (self.target * (np.log(total) - shifted)).sum() / rows

    def _input_grad(self) -> ndarray:
        return (self.probabilities - self.target) / self.prediction.shape[0]


def _negligible(dtype: np.dtype) -> float:
    """What is less than this, beside a 1, may as well be 0: 8e-25 in float32.

    On the way back, products with it would fall below the smallest normal number, and with those
    processors take many times as long: where a network is sure of itself, a good part of its
    training time.
    """
    numbers = np.finfo(dtype)
    return float(min(numbers.tiny / numbers.eps**2, numbers.eps**2))


def softmax_cross_entropy_as_printed(
    prediction: ndarray, target: ndarray, eps: float = 1e-9
) -> float:
    """The loss of chapter 4's listing, over the number of rows: what the book's tables show.

    ``-y log p - (1 - y) log(1 - p)``, summed over the classes, with ``p`` kept between ``eps`` and
    ``1 - eps``. A number to print, not a loss to train on: its gradient is not the one that the
    book trains with (``docs/errata.md``, E9). Computed in float64 whatever the prediction's type,
    for in float32 ``1 - eps`` is 1 and ``log(1 - p)`` infinite.

    Args:
        prediction: shape ``(batch, classes)``, with at least two classes.
        target: as ``SoftmaxCrossEntropy`` takes it.
        eps: how close to 0 and 1 a probability may come.

    Raises:
        ValueError: as ``SoftmaxCrossEntropy.forward``; also for a single column.
    """
    who = "softmax_cross_entropy_as_printed"
    prediction = np.asarray(prediction, np.float64)
    y = _as_probabilities(prediction, target, who)
    if prediction.shape[1] == 1:
        raise ValueError(
            f"{who}: prediction must have at least two columns, not {prediction.shape}"
        )
    p = np.clip(softmax(prediction, axis=1), eps, 1 - eps)
    return float(np.sum(-y * np.log(p) - (1 - y) * np.log(1 - p)) / prediction.shape[0])


def _as_probabilities(prediction: ndarray, target: ndarray, who: object) -> ndarray:
    """The target in the shape and dtype of the prediction, whichever form it comes in; of integer
    predictions, in float64.
    """
    if prediction.ndim != 2 or 0 in prediction.shape:
        raise ValueError(
            f"{who}: prediction must have shape (batch, classes), neither of them 0, "
            f"not {prediction.shape}"
        )
    rows, columns = prediction.shape
    dtype = prediction.dtype if prediction.dtype.kind == "f" else np.dtype(np.float64)
    if target.shape == (rows,) and target.dtype.kind in "iu":
        check_class_numbers(target, max(columns, 2), str(who))
        if columns == 1:
            return target[:, np.newaxis].astype(dtype)
        return one_hot(target, columns, dtype)
    if target.shape != prediction.shape:
        raise ValueError(
            f"{who}: target must have the shape of the prediction, {prediction.shape}, or hold "
            f"integers in shape ({rows},), not {target.dtype} in shape {target.shape}"
        )
    probabilities = target.astype(dtype, copy=False)
    if columns == 1:
        if not (probabilities.min() >= 0 and probabilities.max() <= 1):
            raise ValueError(f"{who}: the target of a single column must lie between 0 and 1")
    elif not (probabilities.min() >= 0 and abs(probabilities.sum(axis=1) - 1).max() < 1e-5):
        raise ValueError(f"{who}: each row of the target must be a distribution, with a sum of 1")
    return probabilities
