"""Mistakes in the losses of chapters 3 and 4."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import losses as right
from scratch.functions import softmax
from scratch.losses import Loss, MeanOver


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


def _loss(
    gradient: Any = None, value: Any = None, base: type[Loss] = right.MeanSquaredError
) -> type[Loss]:
    """A loss with another gradient, or another value."""

    class Wrong(base):  # type: ignore[misc, valid-type]
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


class _MeanOverIgnored(right.MeanSquaredError):
    def __init__(self, mean_over: MeanOver = "rows") -> None:
        super().__init__()


class _MeanOverElementsAlways(right.MeanSquaredError):
    def __init__(self, mean_over: MeanOver = "rows") -> None:
        super().__init__("elements")


class _MeanOverIgnoredInBackward(right.MeanSquaredError):
    def _input_grad(self) -> ndarray:
        return 2 * _error(self) / len(_error(self))


class _MeanOverColumns(right.MeanSquaredError):
    def _count(self) -> int:
        return self.prediction.shape[0 if self.mean_over == "rows" else 1]


MEAN_OVER = (
    Mutant(
        "ignored",
        "mean_over is not used: this divides by the number of rows whatever it says.",
        _MeanOverIgnored,
        "loss",
    ),
    Mutant(
        "elements always",
        "mean_over is not used: this divides by the number of elements whatever it says.",
        _MeanOverElementsAlways,
        "loss",
    ),
    Mutant(
        "ignored in the gradient",
        "The loss is divided by what mean_over says, its gradient by the number of rows; both "
        "must be divided by the same.",
        _MeanOverIgnoredInBackward,
        "input_grad",
    ),
    Mutant(
        "over columns",
        'With "elements" this divides by the number of columns; the elements are rows times '
        "columns.",
        _MeanOverColumns,
        "loss",
    ),
)


def _softmax_gradient(loss: Loss) -> ndarray:
    return (softmax(loss.prediction, axis=1) - loss.target) / len(loss.target)


def _softmax_loss(gradient: Any = _softmax_gradient, value: Any = None) -> type[Loss]:
    return _loss(gradient, value, right.SoftmaxCrossEntropy)


def _with_probabilities(probabilities: Any) -> type[Loss]:
    """The right loss and gradient of the wrong probabilities."""

    def value(loss: Loss) -> float:
        with np.errstate(all="ignore"):
            return -np.sum(loss.target * np.log(probabilities(loss.prediction))) / len(loss.target)

    def gradient(loss: Loss) -> ndarray:
        with np.errstate(all="ignore"):
            return (probabilities(loss.prediction) - loss.target) / len(loss.target)

    return _softmax_loss(gradient, value)


def _clipped(p: ndarray) -> ndarray:
    """As the book does it."""
    return np.clip(p, 1e-9, 1 - 1e-9)


def _naive(prediction: ndarray) -> ndarray:
    return np.exp(prediction) / np.sum(np.exp(prediction), axis=1, keepdims=True)


def _p(loss: Loss) -> ndarray:
    return _clipped(softmax(loss.prediction, axis=1))


def _categorical(loss: Loss) -> float:
    return -np.sum(loss.target * np.log(_p(loss)))


def _with_the_other_terms(loss: Loss) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return _categorical(loss) - np.sum((1 - loss.target) * np.log(1 - _p(loss)))


class _StaleProbabilities(right.SoftmaxCrossEntropy):
    first: ndarray | None = None

    def _input_grad(self) -> ndarray:
        if self.first is None or len(self.first) != len(self.prediction):
            self.first = self.probabilities
        return (self.first - self.target) / len(self.target)


SOFTMAX_CROSS_ENTROPY = (
    Mutant(
        "gradient not divided by the batch size",
        "As the book prints it, the gradient is p - y; the loss is a mean over the batch, so its "
        "gradient is (p - y) / batch_size.",
        _softmax_loss(lambda loss: _p(loss) - loss.target),
        "input_grad",
        errata="E9",
    ),
    Mutant(
        "as printed",
        "As the book prints it, the loss has terms -(1 - y) log(1 - p) that the gradient knows "
        "nothing of, and neither is divided by the batch size: take -sum(y log p) / n and "
        "(p - y) / n.",
        _softmax_loss(lambda loss: _p(loss) - loss.target, _with_the_other_terms),
        "loss",
        errata="E9",
    ),
    Mutant(
        "terms of the other classes",
        "As the book prints it, the loss has terms -(1 - y) log(1 - p), which the gradient "
        "(p - y) / n knows nothing of: the loss with that gradient is -sum(y log p) / n.",
        _softmax_loss(value=lambda loss: _with_the_other_terms(loss) / len(loss.target)),
        "loss",
        errata="E9",
    ),
    Mutant(
        "terms of the other classes, not divided",
        "As the book prints it, the loss has terms -(1 - y) log(1 - p), which the gradient "
        "(p - y) / n knows nothing of, and is not divided by the batch size: take "
        "-sum(y log p) / n.",
        _softmax_loss(value=_with_the_other_terms),
        "loss",
        errata="E9",
    ),
    Mutant(
        "loss not divided by the batch size",
        "The loss is not divided by the batch size, its gradient is.",
        _softmax_loss(value=_categorical),
        "loss",
    ),
    Mutant(
        "neither divided by the batch size",
        "Neither the loss nor its gradient is divided by the batch size: the steps of training "
        "would grow with the batch.",
        _softmax_loss(lambda loss: _p(loss) - loss.target, _categorical),
        "loss",
        errata="E9",
    ),
    Mutant(
        "gradient divided by the number of elements",
        "The gradient is divided by the number of elements; divide by the number of rows alone.",
        _softmax_loss(lambda loss: (_p(loss) - loss.target) / loss.target.size),
        "input_grad",
    ),
    Mutant(
        "loss divided by the number of elements",
        "The loss is divided by the number of elements, its gradient by the number of rows; both "
        "must be divided by the number of rows.",
        _softmax_loss(value=lambda loss: _categorical(loss) / loss.target.size),
        "loss",
    ),
    Mutant(
        "mean over elements",
        "Loss and gradient are divided by the number of elements; divide by the number of rows "
        "alone.",
        _softmax_loss(
            lambda loss: (_p(loss) - loss.target) / loss.target.size,
            lambda loss: _categorical(loss) / loss.target.size,
        ),
        "loss",
    ),
    Mutant(
        "sign of the gradient",
        "The gradient has the wrong sign, training would climb: p - y, not y - p.",
        _softmax_loss(lambda loss: (loss.target - _p(loss)) / len(loss.target)),
        "input_grad",
    ),
    Mutant(
        "sign of the loss",
        "The minus in front is missing: the logarithm of a probability is negative.",
        _softmax_loss(value=lambda loss: -_categorical(loss) / len(loss.target)),
        "loss",
    ),
    Mutant(
        "softmax over axis 0",
        "The softmax runs down the columns, over the batch; each row must add up to 1: "
        "softmax(self.prediction, axis=1).",
        _with_probabilities(lambda prediction: _clipped(softmax(prediction, axis=0))),
        "loss",
    ),
    Mutant(
        "softmax over axis 0, not clipped",
        "The softmax runs down the columns, over the batch; each row must add up to 1: "
        "softmax(self.prediction, axis=1).",
        _with_probabilities(lambda prediction: softmax(prediction, axis=0)),
        "loss",
    ),
    Mutant(
        "softmax twice",
        "Softmax is applied twice; the prediction comes from a Linear layer and goes through it "
        "once.",
        _with_probabilities(lambda prediction: softmax(softmax(prediction, axis=1), axis=1)),
        "loss",
    ),
    Mutant(
        "no softmax",
        "The prediction is taken for probabilities; apply softmax to each row of it first.",
        _with_probabilities(_clipped),
        "loss",
    ),
    Mutant(
        "overflow",
        "Large predictions give NaN (infinity over infinity, or 0 over 0): subtract each row's "
        "largest element before np.exp.",
        _with_probabilities(_naive),
        "loss of large predictions",
    ),
    Mutant(
        "overflow, then clipped",
        "Large predictions give NaN (infinity over infinity, or 0 over 0), which np.clip does not "
        "mend: subtract each row's largest element before np.exp.",
        _with_probabilities(lambda prediction: _clipped(_naive(prediction))),
        "loss of large predictions",
    ),
    Mutant(
        "logarithm of 0",
        "A probability that is 0 gives NaN (0 times infinity): clip the probabilities before "
        "np.log, as the book does, or take the logarithm of the sum in the softmax.",
        _with_probabilities(lambda prediction: softmax(prediction, axis=1)),
        "loss of large predictions",
    ),
    Mutant(
        "target not used",
        "The logarithms of all classes are added up; only that of the right class counts: "
        "multiply by the target first.",
        _softmax_loss(value=lambda loss: -np.sum(np.log(_p(loss))) / len(loss.target)),
        "loss",
    ),
    Mutant(
        "largest probability",
        "This takes the logarithm of the largest probability in each row; it must be that of the "
        "right class.",
        _softmax_loss(
            value=lambda loss: -np.sum(np.log(np.max(_p(loss), axis=1))) / len(loss.target)
        ),
        "loss",
    ),
    Mutant(
        "not through the softmax",
        "This is the gradient in the probabilities, -y / p; carried back through the softmax it "
        "becomes p - y.",
        _softmax_loss(lambda loss: -loss.target / _p(loss) / len(loss.target)),
        "input_grad",
    ),
    Mutant(
        "only the class's own slope",
        "The gradient is there for the right class alone; each prediction is in the sum of the "
        "softmax, so all others get p.",
        _softmax_loss(lambda loss: loss.target * (_p(loss) - 1) / len(loss.target)),
        "input_grad",
    ),
    Mutant(
        "stale probabilities",
        "backward uses the probabilities of an earlier forward pass; forward must replace them "
        "each time.",
        _StaleProbabilities,
        "input_grad",
    ),
)
