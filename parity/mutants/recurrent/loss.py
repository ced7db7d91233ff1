"""Mistakes in the loss of sequences of chapter 6."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch.losses import Loss

Share = Callable[[tuple[int, ...]], float]


def _softmax(x: ndarray, axis: int | tuple[int, ...]) -> ndarray:
    exponentials = np.exp(x - x.max(axis=axis, keepdims=True))
    probabilities: ndarray = exponentials / exponentials.sum(axis=axis, keepdims=True)
    return probabilities


def _per_step(shape: tuple[int, ...]) -> float:
    return 1 / (shape[0] * shape[1])


def _per_row(shape: tuple[int, ...]) -> float:
    return 1 / shape[0]


def _per_time(shape: tuple[int, ...]) -> float:
    return 1 / shape[1]


def _per_element(shape: tuple[int, ...]) -> float:
    return float(1 / np.prod(shape))


def _undivided(shape: tuple[int, ...]) -> float:
    return 1.0


def _loss(
    share: Share = _per_step,
    grad_share: Share | None = None,
    *,
    axis: int | tuple[int, ...] = 2,
    printed: bool = False,
    sign: float = 1.0,
) -> type[Loss]:
    """The loss, and perhaps its gradient, divided by something else, over another axis, or with the
    terms that the book prints.
    """

    class Wrong(Loss):
        def _output(self) -> float:
            p = np.clip(_softmax(self.prediction, axis), 1e-9, 1 - 1e-9)
            surprise = -self.target * np.log(p)
            if printed:
                surprise -= (1 - self.target) * np.log(1 - p)
            return float(surprise.sum()) * share(p.shape)

        def _input_grad(self) -> ndarray:
            p = _softmax(self.prediction, axis)
            grad: ndarray = sign * (p - self.target) * (grad_share or share)(p.shape)
            return grad

    return Wrong


class _Unshifted(_loss()):  # type: ignore[misc]
    @np.errstate(all="ignore")
    def _output(self) -> float:
        exponentials = np.exp(self.prediction)
        self.p = exponentials / exponentials.sum(axis=2, keepdims=True)
        return float(-(self.target * np.log(self.p)).sum() * _per_step(self.prediction.shape))

    def _input_grad(self) -> ndarray:
        grad: ndarray = (self.p - self.target) * _per_step(self.prediction.shape)
        return grad


class _NoSoftmax(_loss()):  # type: ignore[misc]
    def _input_grad(self) -> ndarray:
        grad: ndarray = (self.prediction - self.target) * _per_step(self.prediction.shape)
        return grad


class _LastStep(_loss()):  # type: ignore[misc]
    def _output(self) -> float:
        p = _softmax(self.prediction, 2)[:, -1]
        return float(-(self.target[:, -1] * np.log(p)).sum() / len(p))


SEQUENCE_SOFTMAX_CROSS_ENTROPY = (
    Mutant(
        "as printed, not divided",
        "The loss has the term -(1 - y) * log(1 - p) that the book prints, its gradient has not, "
        "and neither is divided: leave the term out and divide both by batch * time.",
        _loss(_undivided, printed=True),
        "loss",
        errata="E9",
    ),
    Mutant(
        "as printed",
        "The loss has the term -(1 - y) * log(1 - p) that the book prints, and its gradient has "
        "not: leave it out.",
        _loss(printed=True),
        "loss",
        errata="E9",
    ),
    Mutant(
        "divided by the batch size only",
        "Loss and gradient are divided by the batch size; divide by batch * time, the number of "
        "predictions.",
        _loss(_per_row),
        "loss",
    ),
    Mutant(
        "divided by the time only",
        "Loss and gradient are divided by the number of time steps; divide by batch * time, the "
        "number of predictions.",
        _loss(_per_time),
        "loss",
    ),
    Mutant(
        "divided by the number of elements",
        "Loss and gradient are divided by batch * time * classes; divide by batch * time, the "
        "number of predictions.",
        _loss(_per_element),
        "loss",
    ),
    Mutant(
        "not divided",
        "Neither loss nor gradient is divided by batch * time, the number of predictions.",
        _loss(_undivided),
        "loss",
    ),
    Mutant(
        "gradient not divided",
        "The loss is divided by batch * time, its gradient is not.",
        _loss(grad_share=_undivided),
        "input_grad",
    ),
    Mutant(
        "gradient divided by the batch size only",
        "The loss is divided by batch * time, its gradient by the batch size only.",
        _loss(grad_share=_per_row),
        "input_grad",
    ),
    Mutant(
        "loss not divided",
        "The gradient is divided by batch * time, the loss is not.",
        _loss(_undivided, _per_step),
        "loss",
    ),
    Mutant(
        "softmax over time",
        "The softmax runs over the time steps, axis 1; it must run over the classes, axis 2.",
        _loss(axis=1),
        "loss",
    ),
    Mutant(
        "softmax over the batch",
        "The softmax runs over the rows of the batch, axis 0; it must run over the classes, axis "
        "2.",
        _loss(axis=0),
        "loss",
    ),
    Mutant(
        "softmax over time and classes",
        "The softmax runs over a whole sequence; the classes of each time step have a sum of 1 of "
        "their own: axis 2.",
        _loss(axis=(1, 2)),
        "loss",
    ),
    Mutant(
        "last step only",
        "The loss is that of the last time step; it is the mean over all of them.",
        _LastStep,
        "loss",
    ),
    Mutant(
        "overflow",
        "np.exp of a large prediction overflows: subtract the largest prediction of each time step "
        "first, which changes nothing in the softmax.",
        _Unshifted,
        "loss of large predictions",
    ),
    Mutant(
        "no softmax in the gradient",
        "The gradient is that of the predictions as they are; it is (p - target) / (batch * time), "
        "p the softmax.",
        _NoSoftmax,
        "input_grad",
    ),
    Mutant(
        "sign",
        "The gradient has the wrong sign, training would climb: p - target, not target - p.",
        _loss(sign=-1.0),
        "input_grad",
    ),
)
