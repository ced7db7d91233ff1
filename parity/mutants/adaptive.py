"""Mistakes in the optimizers that divide gradients by a root of their squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import optimizers as right


def _ada_grad(update: Callable[[Any, ndarray, ndarray, ndarray], None]) -> type[right.AdaGrad]:
    """``AdaGrad`` with another update of a parameter, with its gradient and sum of squares."""

    class Mistaken(right.AdaGrad):
        def step(self) -> None:
            for param, grad, state in zip(*self._params_and_grads(), self.sum_squares, strict=True):
                update(self, param, grad, state)

    return Mistaken


def _sum_not_kept(o: right.AdaGrad, param: ndarray, grad: ndarray, s: ndarray) -> None:
    param -= o.lr * grad / (np.sqrt(grad**2) + o.eps)


def _sum_without_root(o: right.AdaGrad, param: ndarray, grad: ndarray, s: ndarray) -> None:
    s += grad**2
    param -= o.lr * grad / (s + o.eps)


def _eps_in_sums_root(o: right.AdaGrad, param: ndarray, grad: ndarray, s: ndarray) -> None:
    s += grad**2
    param -= o.lr * grad / np.sqrt(s + o.eps)


def _eps_in_sum(o: right.AdaGrad, param: ndarray, grad: ndarray, s: ndarray) -> None:
    s += grad**2 + o.eps
    param -= o.lr * grad / np.sqrt(s)


def _sum_of_gradients(o: right.AdaGrad, param: ndarray, grad: ndarray, s: ndarray) -> None:
    s += np.abs(grad)
    param -= o.lr * grad / (np.sqrt(s) + o.eps)


def _sum_climbs(o: right.AdaGrad, param: ndarray, grad: ndarray, s: ndarray) -> None:
    s += grad**2
    param += o.lr * grad / (np.sqrt(s) + o.eps)


def _sum_late(o: right.AdaGrad, param: ndarray, grad: ndarray, s: ndarray) -> None:
    param -= o.lr * grad / (np.sqrt(s) + o.eps)
    s += grad**2


_FIRST, _SECOND = "params[0], step 1", "params[0], step 2"

ADA_GRAD = tuple(
    Mutant(name, sentence, _ada_grad(update), caught_in)
    for name, sentence, update, caught_in in (
        (
            "sum not kept",
            "Only the last gradient is squared: keep the sum of the squares of all gradients so "
            "far.",
            _sum_not_kept,
            _SECOND,
        ),
        (
            "no root",
            "The gradient is divided by the sum of squares; divide by its square root.",
            _sum_without_root,
            _FIRST,
        ),
        (
            "eps inside the root",
            "eps is added under the root; add it to the root.",
            _eps_in_sums_root,
            _FIRST,
        ),
        (
            "eps in the sum",
            "eps goes into the sum at each step, as in the book's library; PyTorch adds it to the "
            "root. (The scratch AdaGrad does this with eps_in='sum'.)",
            _eps_in_sum,
            _SECOND,
        ),
        (
            "not squared",
            "The absolute values of the gradients are summed; sum their squares.",
            _sum_of_gradients,
            _FIRST,
        ),
        ("climbs", "The step is added to the parameter; subtract it.", _sum_climbs, _FIRST),
        (
            "a step late",
            "The gradient is divided by the sum as it was before this step: add its square first.",
            _sum_late,
            _FIRST,
        ),
    )
)


def _rms_prop(update: Callable[[Any, ndarray, ndarray, ndarray], None]) -> type[right.RMSProp]:
    """``RMSProp`` with another update of a parameter, with its gradient and mean square."""

    class Mistaken(right.RMSProp):
        def step(self) -> None:
            for param, grad, state in zip(
                *self._params_and_grads(), self.mean_squares, strict=True
            ):
                update(self, param, grad, state)

    return Mistaken


def _eps_in_means_root(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    m[...] = o.alpha * m + (1 - o.alpha) * grad**2
    param -= o.lr * grad / np.sqrt(m + o.eps)


def _mean_without_root(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    m[...] = o.alpha * m + (1 - o.alpha) * grad**2
    param -= o.lr * grad / (m + o.eps)


def _sum_for_mean(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    m += grad**2
    param -= o.lr * grad / (np.sqrt(m) + o.eps)


def _unweighted_mean(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    m[...] = o.alpha * m + grad**2
    param -= o.lr * grad / (np.sqrt(m) + o.eps)


def _shares_exchanged(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    m[...] = (1 - o.alpha) * m + o.alpha * grad**2
    param -= o.lr * grad / (np.sqrt(m) + o.eps)


def _mean_not_kept(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    mean = o.alpha * m + (1 - o.alpha) * grad**2
    param -= o.lr * grad / (np.sqrt(mean) + o.eps)


def _mean_late(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    param -= o.lr * grad / (np.sqrt(m) + o.eps)
    m[...] = o.alpha * m + (1 - o.alpha) * grad**2


def _mean_climbs(o: right.RMSProp, param: ndarray, grad: ndarray, m: ndarray) -> None:
    m[...] = o.alpha * m + (1 - o.alpha) * grad**2
    param += o.lr * grad / (np.sqrt(m) + o.eps)


RMS_PROP = tuple(
    Mutant(name, sentence, _rms_prop(update), caught_in)
    for name, sentence, update, caught_in in (
        (
            "eps inside the root",
            "eps is added under the root; add it to the root.",
            _eps_in_means_root,
            _FIRST,
        ),
        (
            "no root",
            "The gradient is divided by the mean square; divide by its square root.",
            _mean_without_root,
            _FIRST,
        ),
        (
            "sum for mean",
            "The squares are summed, as in AdaGrad; the mean keeps a share of alpha and takes "
            "1 - alpha of the new square.",
            _sum_for_mean,
            _FIRST,
        ),
        (
            "new square not weighted",
            "The new square comes in whole; multiply it by 1 - alpha.",
            _unweighted_mean,
            _FIRST,
        ),
        (
            "shares exchanged",
            "alpha and 1 - alpha are exchanged: the mean keeps a share of alpha.",
            _shares_exchanged,
            _FIRST,
        ),
        (
            "mean not kept",
            "Each step starts from a mean of 0: keep it from step to step, and change it in place.",
            _mean_not_kept,
            _SECOND,
        ),
        (
            "a step late",
            "The gradient is divided by the mean as it was before this step: update it first.",
            _mean_late,
            _FIRST,
        ),
        ("climbs", "The step is added to the parameter; subtract it.", _mean_climbs, _FIRST),
    )
)
