"""Mistakes in the models by hand of chapter 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.catalogue.descent import ONCE, PAIRED, REORDERED, SAME_SEED, SIZES, VARIED
from scratch import regression as right
from scratch.regression import ForwardInfo, TrainInfo, Weights
from scratch.seeding import Seed, Stream, as_stream, is_integer


def _changed(gradients: Weights, **changes: Callable[[ndarray], ndarray]) -> Weights:
    """Right gradients, but for one or several of them."""
    return {
        key: changes[key](gradient) if key in changes else gradient
        for key, gradient in gradients.items()
    }


def _scaled(
    gradients: Callable[..., Weights], factor: Callable[[int], float]
) -> Callable[[ForwardInfo, Weights], Weights]:
    def wrong(forward_info: ForwardInfo, weights: Weights) -> Weights:
        scale = factor(len(forward_info["y"]))
        return {key: scale * value for key, value in gradients(forward_info, weights).items()}

    return wrong


def _prediction_grad(forward_info: ForwardInfo) -> ndarray:
    dLdP: ndarray = -2 * (forward_info["y"] - forward_info["P"]) / len(forward_info["y"])
    return dLdP


def _with_loss(forward: Callable[..., Any], loss: Callable[[ndarray], float]) -> Callable[..., Any]:
    def wrong(X: ndarray, y: ndarray, weights: Weights) -> tuple[ForwardInfo, float]:
        forward_info, _ = forward(X, y, weights)
        return forward_info, loss(forward_info["y"] - forward_info["P"])

    return wrong


def _loss_mutants(forward: Callable[..., Any]) -> tuple[Mutant, ...]:
    return (
        Mutant(
            "sum",
            "The squared errors are added up; the loss is their mean.",
            _with_loss(forward, lambda error: float(np.sum(error**2))),
            "loss",
        ),
        Mutant(
            "half",
            "The loss is halved; the mean squared error has no factor of 1/2.",
            _with_loss(forward, lambda error: float(np.mean(error**2)) / 2),
            "loss",
        ),
        Mutant(
            "absolute",
            "The loss takes absolute errors; the mean squared error takes squares.",
            _with_loss(forward, lambda error: float(np.mean(np.abs(error)))),
            "loss",
        ),
        Mutant(
            "root",
            "The loss is the root of the mean squared error; leave the root out.",
            _with_loss(forward, lambda error: float(np.sqrt(np.mean(error**2)))),
            "loss",
        ),
    )


def _scale_mutants(gradients: Callable[..., Weights], first: str) -> tuple[Mutant, ...]:
    return (
        Mutant(
            "not divided by the batch size",
            "The loss is a mean, but its gradient is not divided by the batch size: "
            "dLdP = -2 * (y - P) / batch_size. (The book prints -2 * (y - P).)",
            _scaled(gradients, lambda n: n),
            first,
            errata="E3",
        ),
        Mutant(
            "half, and not divided by the batch size",
            "The gradient of the mean squared error is -2 * (y - P) / batch_size; the 2 and the "
            "division by the batch size are both missing. (The book prints -(y - P).)",
            _scaled(gradients, lambda n: n / 2),
            first,
            errata="E3",
        ),
        Mutant(
            "half",
            "The 2 of the square's derivative is missing: dLdP = -2 * (y - P) / batch_size.",
            _scaled(gradients, lambda n: 0.5),
            first,
        ),
        Mutant(
            "sign",
            "The sign is wrong, training would climb: dLdP = -2 * (y - P) / batch_size.",
            _scaled(gradients, lambda n: -1.0),
            first,
        ),
    )


_linear = right.loss_gradients_linear_regression
_network = right.loss_gradients_neural_network

FORWARD_LINEAR_REGRESSION = (
    *_loss_mutants(right.forward_linear_regression),
    Mutant(
        "no bias",
        "B is not added to the product.",
        lambda X, y, weights: right.forward_linear_regression(
            X, y, {**weights, "B": 0 * weights["B"]}
        ),
        "P",
    ),
)

LOSS_GRADIENTS_LINEAR_REGRESSION = (
    *_scale_mutants(_linear, "W"),
    Mutant(
        "bias gradient averaged",
        "The gradient on B is averaged over the batch instead of summed: every row adds its "
        "share to the one B.",
        lambda info, weights: _changed(_linear(info, weights), B=lambda g: g / len(info["y"])),
        "B",
    ),
    Mutant(
        "bias gradient not summed",
        "The gradient on B has a row for each observation; add the rows up, np.sum(dLdP, axis=0).",
        lambda info, weights: _linear(info, weights) | {"B": _prediction_grad(info)},
        "B",
    ),
    Mutant(
        "bias gradient missing",
        "The gradient on B is 0, so the bias is never trained.",
        lambda info, weights: _changed(_linear(info, weights), B=lambda g: 0 * g),
        "B",
    ),
)

FORWARD_NEURAL_NETWORK = (
    *_loss_mutants(right.forward_neural_network),
    Mutant(
        "no second bias",
        "B2 is not added.",
        lambda X, y, weights: right.forward_neural_network(
            X, y, {**weights, "B2": 0 * weights["B2"]}
        ),
        "P",
    ),
)


def _network_gradients(
    forward_info: ForwardInfo, weights: Weights, slope: Callable[[ForwardInfo], ndarray]
) -> Weights:
    """The right gradients, with another derivative of the hidden layer's sigmoid."""
    dLdP = _prediction_grad(forward_info)
    dLdN1 = np.dot(dLdP, weights["W2"].T) * slope(forward_info)
    return {
        "W1": np.dot(forward_info["X"].T, dLdN1),
        "B1": np.sum(dLdN1, axis=0, keepdims=True),
        "W2": np.dot(forward_info["O1"].T, dLdP),
        "B2": np.sum(dLdP, axis=0, keepdims=True),
    }


LOSS_GRADIENTS_NEURAL_NETWORK = (
    *_scale_mutants(_network, "W1"),
    Mutant(
        "one gradient for every B1",
        "The gradient on B1 is summed twice, over the batch and over the units: each unit needs "
        "its own, np.sum(dLdN1, axis=0).",
        lambda info, weights: _changed(
            _network(info, weights), B1=lambda g: np.full_like(g, np.sum(g))
        ),
        "B1",
        errata="E4",
    ),
    Mutant(
        "bias gradients averaged",
        "The gradients on B1 and B2 are averaged over the batch instead of summed: every row adds "
        "its share.",
        lambda info, weights: _changed(
            _network(info, weights),
            B1=lambda g: g / len(info["y"]),
            B2=lambda g: g / len(info["y"]),
        ),
        "B1",
    ),
    Mutant(
        "bias gradients not summed",
        "The gradients on B1 and B2 have a row for each observation; add the rows up, "
        "np.sum(dLdN1, axis=0) and np.sum(dLdP, axis=0).",
        lambda info, weights: (
            _network(info, weights)
            | {
                "B1": np.dot(_prediction_grad(info), weights["W2"].T)
                * info["O1"]
                * (1 - info["O1"]),
                "B2": _prediction_grad(info),
            }
        ),
        "B1",
    ),
    Mutant(
        "no sigmoid derivative",
        "The derivative of the sigmoid is missing between O1 and N1: multiply dLdO1 by "
        "O1 * (1 - O1).",
        lambda info, weights: _network_gradients(
            info, weights, lambda info: np.ones_like(info["O1"])
        ),
        "W1",
    ),
    Mutant(
        "sigmoid derivative at O1",
        "The derivative of the sigmoid is taken at O1; take it at N1 (or use O1 * (1 - O1)).",
        lambda info, weights: _network_gradients(
            info, weights, lambda info: right.sigmoid(info["O1"]) * (1 - right.sigmoid(info["O1"]))
        ),
        "W1",
    ),
    Mutant(
        "sigmoid itself",
        "dLdO1 is multiplied by the sigmoid, not by its derivative O1 * (1 - O1).",
        lambda info, weights: _network_gradients(info, weights, lambda info: info["O1"]),
        "W1",
    ),
)

PREDICT_LINEAR_REGRESSION = (
    Mutant(
        "no bias",
        "B is not added to the product.",
        lambda X, weights: np.dot(X, weights["W"]),
        "output",
    ),
    Mutant(
        "bias subtracted",
        "B is subtracted; add it.",
        lambda X, weights: np.dot(X, weights["W"]) - weights["B"],
        "output",
    ),
)

PREDICT_NEURAL_NETWORK = (
    Mutant(
        "no activation",
        "The sigmoid between the two layers is missing.",
        lambda X, weights: (
            np.dot(np.dot(X, weights["W1"]) + weights["B1"], weights["W2"]) + weights["B2"]
        ),
        "output",
    ),
    Mutant(
        "sigmoid at the end",
        "A sigmoid is applied to the predictions; prices are not between 0 and 1.",
        lambda X, weights: right.sigmoid(right.predict_neural_network(X, weights)),
        "output",
    ),
)


Batches: TypeAlias = Iterator[tuple[ndarray, ndarray]]


def _first_batch(X: ndarray, y: ndarray, size: int, stream: Stream) -> Batches:
    while True:
        yield X[:size], y[:size]


def _all_rows(X: ndarray, y: ndarray, size: int, stream: Stream) -> Batches:
    while True:
        yield X, y


def _in_order(X: ndarray, y: ndarray, size: int, stream: Stream) -> Batches:
    while True:
        for start in range(0, len(X), size):
            yield X[start : start + size], y[start : start + size]


def _drawn_anew(X: ndarray, y: ndarray, size: int, stream: Stream) -> Batches:
    while True:
        rows = stream.permutation(len(X))[:size]
        yield X[rows], y[rows]


def _whole_batches(X: ndarray, y: ndarray, size: int, stream: Stream) -> Batches:
    order = np.arange(len(X))
    while True:
        order = order[stream.permutation(len(X))]
        for start in range(0, len(X) - size + 1, size):
            rows = order[start : start + size]
            yield X[rows], y[rows]


def _unpaired(X: ndarray, y: ndarray, size: int, stream: Stream) -> Batches:
    while True:
        order = stream.permutation(len(X))
        for start in range(0, len(X), size):
            yield X[order[start : start + size]], y[start : start + size]


class _Ones(np.random.RandomState):
    """Draws 1 where weights are drawn."""

    def standard_normal(self, size: Any = None) -> Any:
        return np.ones(size)


def _train_mutants(suffix: str) -> tuple[Mutant, ...]:
    train = getattr(right, f"train_{suffix}")
    forward, gradients, init_weights = (
        getattr(right, f"{name}_{suffix}") for name in ("forward", "loss_gradients", "init_weights")
    )

    def on(batches: Callable[..., Batches]) -> Callable[..., TrainInfo]:
        """Training on other batches."""

        def wrong(
            X: ndarray,
            y: ndarray,
            *,
            seed: Seed,
            n_iter: int,
            learning_rate: float,
            batch_size: int,
            **rest: Any,
        ) -> TrainInfo:
            stream = as_stream(seed)
            weights = init_weights(X, stream, **rest)
            losses = []
            for X_batch, y_batch in islice(batches(X, y, batch_size, stream), n_iter):
                forward_info, loss = forward(X_batch, y_batch, weights)
                for key, gradient in gradients(forward_info, weights).items():
                    weights[key] -= learning_rate * gradient
                losses.append(float(loss))
            return TrainInfo(weights, losses)

        return wrong

    def changing(
        change: Callable[[Weights, int, int], Weights], *, late: bool = False
    ) -> Callable[..., TrainInfo]:
        """Training with changed gradients, from their batch's size and the number of rows; or with
        the losses after the steps.
        """

        def wrong(
            X: ndarray,
            y: ndarray,
            *,
            seed: Seed,
            n_iter: int,
            learning_rate: float,
            batch_size: int,
            **rest: Any,
        ) -> TrainInfo:
            stream = as_stream(seed)
            weights = init_weights(X, stream, **rest)

            def step(X_batch: ndarray, y_batch: ndarray) -> tuple[float, Weights]:
                forward_info, loss = forward(X_batch, y_batch, weights)
                found = change(gradients(forward_info, weights), len(X_batch), len(X))
                if late:
                    after = {key: weights[key] - learning_rate * found[key] for key in weights}
                    loss = forward(X_batch, y_batch, after)[1]
                return loss, found

            return right.descend(step, weights, X, y, n_iter, learning_rate, batch_size, stream)

        return wrong

    def climbs(X: ndarray, y: ndarray, *, learning_rate: float, **rest: Any) -> TrainInfo:
        info: TrainInfo = train(X, y, learning_rate=-learning_rate, **rest)
        return info

    def one_short(X: ndarray, y: ndarray, *, n_iter: int, **rest: Any) -> TrainInfo:
        info: TrainInfo = train(X, y, n_iter=max(n_iter - 1, 0), **rest)
        return info

    def book(X: ndarray, y: ndarray, **rest: Any) -> TrainInfo:
        info: TrainInfo = train(X, y, convention="book", **rest)
        return info

    def unseeded(X: ndarray, y: ndarray, *, seed: Seed, **rest: Any) -> TrainInfo:
        info: TrainInfo = train(X, y, seed=None, **rest)
        return info

    def from_ones(X: ndarray, y: ndarray, *, seed: Any, **rest: Any) -> TrainInfo:
        """Weights that are to be adopted come as a stream."""
        stream = _Ones(seed) if is_integer(seed) else seed
        info: TrainInfo = train(X, y, seed=stream, **rest)
        return info

    found = (
        Mutant(
            "climbs",
            "The gradient is added; subtract it, weights[key] -= learning_rate * gradient.",
            climbs,
            "losses",
        ),
        Mutant(
            "one step short",
            "One step is missing: n_iter steps, each followed by an update.",
            one_short,
            "losses",
        ),
        Mutant(
            "book's gradients",
            "The steps take the gradients that the book prints, which are "
            "not divided by the batch size.",
            book,
            "losses",
            errata="E3",
        ),
        Mutant(
            "divided by all rows",
            "The gradient of a batch is divided by the number of all rows; divide it by the "
            "number of rows in the batch.",
            changing(lambda found, size, n: {key: g * size / n for key, g in found.items()}),
            "losses",
        ),
        Mutant(
            "biases not trained",
            "The biases stay as they are; take a step with every gradient, not only with those of "
            "the weights.",
            changing(
                lambda found, size, n: {k: 0 * g if "B" in k else g for k, g in found.items()}
            ),
            "losses",
        ),
        Mutant(
            "not trained",
            "The weights that it returns are those it started from: change them in place, "
            "weights[key] -= learning_rate * gradient.",
            changing(lambda found, size, n: {key: 0 * g for key, g in found.items()}),
            "losses",
        ),
        Mutant(
            "learning rate twice",
            "The steps are twice as long: subtract learning_rate * gradient, once.",
            changing(lambda found, size, n: {key: 2 * g for key, g in found.items()}),
            "losses",
        ),
        Mutant(
            "loss after the step",
            "The losses are those after each step; keep the one of the forward pass, before it.",
            changing(lambda found, size, n: found, late=True),
            "losses",
        ),
        Mutant(
            "same batch for ever",
            "Every step takes the first rows, X[:batch_size]; the next step must take the next "
            "rows.",
            on(_first_batch),
            ONCE,
        ),
        Mutant(
            "batch size ignored",
            "Every step takes all rows; take batch_size of them.",
            on(_all_rows),
            SIZES,
        ),
        Mutant(
            "never permuted",
            "Every pass takes the rows in the same order; permute them before the first pass and "
            "whenever they run out.",
            on(_in_order),
            REORDERED,
        ),
        Mutant(
            "batches drawn anew",
            "Each step draws its rows from all of them, so that a pass takes some twice and some "
            "not at all; permute once and cut the rows into batches.",
            on(_drawn_anew),
            ONCE,
        ),
        Mutant(
            "last batch dropped",
            "The rows that do not fill a batch are dropped; the last batch of a pass takes what "
            "is left.",
            on(_whole_batches),
            SIZES,
        ),
        Mutant(
            "X permuted without y",
            "The rows of X are permuted and those of y are not: take both in the same order.",
            on(_unpaired),
            PAIRED,
        ),
        Mutant(
            "seed ignored",
            "Two trainings with the same seed differ: draw everything from np.random.seed(seed) or "
            "a generator made from seed.",
            unseeded,
            SAME_SEED,
        ),
    )
    if suffix == "linear_regression":  # which has no neurons that could be alike
        return found
    # The last one, for with weights to adopt it is right.
    return (
        *found,
        Mutant(
            "weights all alike",
            "All weights start from one number, so that the neurons of the hidden layer stay alike "
            "for ever; draw them, np.random.randn.",
            from_ones,
            VARIED,
        ),
    )


TRAIN_LINEAR_REGRESSION = _train_mutants("linear_regression")
TRAIN_NEURAL_NETWORK = _train_mutants("neural_network")

MAE = (
    Mutant(
        "not absolute",
        "The errors are averaged with their signs; take np.abs first.",
        lambda preds, actuals: np.mean(preds - actuals),
        "output",
    ),
    Mutant(
        "sum",
        "The errors are added up; take their mean.",
        lambda preds, actuals: np.sum(np.abs(preds - actuals)),
        "output",
    ),
    Mutant(
        "absolute last",
        "The absolute value is taken of the mean; take it of each error.",
        lambda preds, actuals: np.abs(np.mean(preds - actuals)),
        "output",
    ),
)

RMSE = (
    Mutant(
        "no root",
        "This is the mean squared error; take its root.",
        lambda preds, actuals: np.mean((preds - actuals) ** 2),
        "output",
    ),
    Mutant(
        "root of the sum",
        "This is the root of the sum; take the mean before the root.",
        lambda preds, actuals: np.sqrt(np.sum((preds - actuals) ** 2)),
        "output",
    ),
    Mutant(
        "mean of roots",
        "The root is taken of each square, which gives the mean absolute "
        "error; take the mean first.",
        lambda preds, actuals: np.mean(np.sqrt((preds - actuals) ** 2)),
        "output",
    ),
)
