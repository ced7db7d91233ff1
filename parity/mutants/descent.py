"""Mistakes in the gradient descent of chapter 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.catalogue.descent import ONCE, PAIRED, REORDERED, SAME_SEED, SIZES, VARIED
from scratch import regression as right
from scratch.regression import TrainInfo, Weights
from scratch.seeding import Seed, Stream, as_stream, is_integer

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
