"""Another loss, or its gradient, from the prediction and the target of the case."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from parity.diagnosis.relations.pairs import Pair, Pairs, Relation

_NAMES = (("prediction", "target"), ("preds", "actuals"))


def other_loss(pairs: Pairs) -> Relation | None:
    """Another loss, where a number is asked for, or the gradient of another one."""
    first = _given(pairs.first)
    if first is None or not pairs.in_shape:
        return None
    losses = not pairs.first.expected.ndim
    candidates = _losses if losses else _gradients
    for number, (words, _) in enumerate(candidates(*first)):

        def test(pair: Pair, number: int = number) -> bool | None:
            given = _given(pair)
            return None if given is None else pair.is_(list(candidates(*given))[number][1])

        if pairs.hold(test):
            return Relation("other loss", f"It is {words}.")
    return None


def _given(pair: Pair) -> tuple[ndarray, ndarray] | None:
    inputs = pair.sample.inputs
    for prediction, target in _NAMES:
        if prediction in inputs and target in inputs:
            found, wanted = inputs[prediction], inputs[target]
            if found.shape == wanted.shape and found.ndim:
                return found.astype(np.float64), wanted.astype(np.float64)
    return None


def _means(name: str, value: ndarray, prediction: ndarray) -> Iterator[tuple[str, ndarray | float]]:
    """Of a sum, the means that are taken for it."""
    yield f"{name}, summed", value
    yield f"{name}, averaged over rows", value / len(prediction)
    yield f"{name}, averaged over all elements", value / prediction.size
    if prediction.ndim == 3:
        rows = prediction.shape[0] * prediction.shape[1]
        yield f"{name}, averaged over rows and time steps", value / rows


def _losses(prediction: ndarray, target: ndarray) -> Iterator[tuple[str, ndarray | float]]:
    error = prediction - target
    softmax = _softmax(prediction)
    yield from _means("the squared error", (error**2).sum(), prediction)
    yield from _means("half of the squared error", (error**2).sum() / 2, prediction)
    yield from _means("the absolute error", np.abs(error).sum(), prediction)
    yield "the root of the mean squared error", np.sqrt((error**2).mean())
    yield "the norm of the error", np.sqrt((error**2).sum())
    cross_entropy = -(target * np.log(softmax)).sum()
    yield from _means("the cross entropy", cross_entropy, prediction)
    both = cross_entropy - ((1 - target) * np.log(1 - softmax)).sum()
    yield from _means("the cross entropy with (1 - target) terms", both, prediction)
    without = -(target * np.log(prediction)).sum()
    yield from _means("the cross entropy without a softmax", without, prediction)
    yield from _means("the error, neither squared nor absolute", error.sum(), prediction)


def _gradients(prediction: ndarray, target: ndarray) -> Iterator[tuple[str, ndarray | float]]:
    error = prediction - target
    softmax = _softmax(prediction)
    yield from _means("the gradient of the squared error", 2 * error, prediction)
    yield from _means("prediction - target", error, prediction)
    yield from _means("the gradient of the absolute error", np.sign(error), prediction)
    yield from _means("the gradient of softmax cross entropy", softmax - target, prediction)
    yield from _means("the cross entropy's gradient, not led through the softmax",
                      -target / softmax, prediction)  # fmt: skip
    yield from _means("the gradient of a cross entropy without softmax",
                      -target / prediction, prediction)  # fmt: skip
    both = -target / softmax + (1 - target) / (1 - softmax)
    yield from _means("the gradient of a cross entropy with (1 - target) terms", both, prediction)
    sigmoid = 1 / (1 + np.exp(-prediction))
    yield from _means("the sigmoid minus the target", sigmoid - target, prediction)
    yield from _means("the softmax alone, without the target", softmax, prediction)
    yield from _means("the softmax over the wrong axis, minus the target",
                      _softmax(prediction, 0) - target, prediction)  # fmt: skip


def _softmax(array: ndarray, axis: int = -1) -> ndarray:
    powers = np.exp(array - array.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))
