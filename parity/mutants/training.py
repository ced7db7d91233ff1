"""Mistakes in the training loop of chapter 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import training as right

PERMUTE_DATA = (
    Mutant(
        "not one order",
        "X and y are not permuted in one and the same order, so rows get other "
        "rows' targets: draw one permutation and index both with it.",
        lambda X, y: (X[np.arange(len(X))[::-1]], np.roll(y, 1, axis=0)),
        "y in X's order",
    ),
    Mutant(
        "with replacement",
        "Rows are drawn with replacement, so some come twice and others not "
        "at all; use a permutation.",
        lambda X, y: (X[np.arange(len(X)) // 2], y[np.arange(len(X)) // 2]),
        "sorted rows of X",
    ),
    Mutant(
        "not permuted",
        "The rows stay in their order.",
        lambda X, y: (X.copy(), y.copy()),
        "order changed",
    ),
)


def _without_rest(X: ndarray, y: ndarray, size: int = 32) -> Iterator[tuple[ndarray, ndarray]]:
    for start in range(0, len(X) - size + 1, size):
        yield X[start : start + size], y[start : start + size]


def _overlapping(X: ndarray, y: ndarray, size: int = 32) -> Iterator[tuple[ndarray, ndarray]]:
    for start in range(0, len(X), size):
        yield X[start : start + size + 1], y[start : start + size + 1]


def _first_only(X: ndarray, y: ndarray, size: int = 32) -> Iterator[tuple[ndarray, ndarray]]:
    for _ in range(0, len(X), size):
        yield X[:size], y[:size]


GENERATE_BATCHES = (
    Mutant(
        "rest dropped",
        "The last, smaller batch is missing: its rows are never trained on.",
        _without_rest,
        "batch sizes",
    ),
    Mutant(
        "one row too many",
        "Each batch has one row too many: stop at start + size.",
        _overlapping,
        "batch sizes",
    ),
    Mutant(
        "always the first",
        "Every batch is the first one: start each where the last ended.",
        _first_only,
        "rows of X",
    ),
)


class _StepPerEpoch(right.Trainer):
    """Runs the optimizer once an epoch, after the last batch."""

    def fit(self, *args: Any, **kwargs: Any) -> right.TrainingHistory:
        step, calls = self.optim.step, 0
        size, rows = kwargs["batch_size"], len(args[0])
        per_epoch = -(-rows // size)

        def sometimes() -> None:
            nonlocal calls
            calls += 1
            if calls % per_epoch == 0:
                step()

        self.optim.step = sometimes  # type: ignore[method-assign]
        try:
            return super().fit(*args, **kwargs)
        finally:
            self.optim.step = step  # type: ignore[method-assign]


class _EpochShort(right.Trainer):
    def fit(self, *args: Any, **kwargs: Any) -> right.TrainingHistory:
        return super().fit(*args, **(kwargs | {"epochs": max(kwargs["epochs"] - 1, 0)}))


class _AlwaysRestarts(right.Trainer):
    def fit(self, *args: Any, **kwargs: Any) -> right.TrainingHistory:
        return super().fit(*args, **(kwargs | {"restart": True}))


class _NeverRestarts(right.Trainer):
    def fit(self, *args: Any, **kwargs: Any) -> right.TrainingHistory:
        return super().fit(*args, **(kwargs | {"restart": False}))


class _OnlyFirstBatch(right.Trainer):
    def fit(self, *args: Any, **kwargs: Any) -> right.TrainingHistory:
        size = kwargs["batch_size"]
        X, y, *rest = args
        return super().fit(X[:size], y[:size], *rest, **kwargs)


TRAINER = (
    Mutant(
        "one step an epoch",
        "The optimizer steps once an epoch; it must step after each batch.",
        _StepPerEpoch,
        "steps",
    ),
    Mutant(
        "first batch only",
        "Only the first batch of each epoch is trained on.",
        _OnlyFirstBatch,
        "rows seen",
    ),
    Mutant("one epoch short", "One epoch is missing.", _EpochShort, "rows seen"),
    Mutant(
        "always restarts",
        "The layers are set up anew although restart is False.",
        _AlwaysRestarts,
        "layers restarted without restart",
    ),
    Mutant(
        "never restarts",
        "The layers are not set up anew although restart is True: set layer.first = True for each.",
        _NeverRestarts,
        "layers restarted",
    ),
)
