"""Mistakes in the helpers of chapter 3's training loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import training as right

#: The mistakes with chance in them draw from here.
_STREAM = np.random.default_rng(0)


def _permutation(X: ndarray) -> ndarray:
    return _STREAM.permutation(len(X))


def _with_replacement(X: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
    order = _STREAM.integers(0, len(X), len(X))
    return X[order], y[order]


def _one_short(X: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
    order = _STREAM.permutation(len(X) - 1)
    return X[order], y[order]


def _moved_along(X: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
    shift = int(_STREAM.integers(len(X)))
    return np.roll(X, shift, axis=0), np.roll(y, shift, axis=0)


PERMUTE_DATA = (
    Mutant(
        "not one order",
        "X and y are not permuted in one and the same order, so rows get other "
        "rows' targets: draw one permutation and index both with it.",
        lambda X, y: (X[_permutation(X)], y[_permutation(y)]),
        "y is in X's order",
    ),
    Mutant(
        "with replacement",
        "Rows are drawn with replacement, so some come twice and others not "
        "at all; use a permutation.",
        _with_replacement,
        "each row comes once",
    ),
    Mutant(
        "not permuted",
        "The rows are not shuffled: they stay in their order, or are turned around or moved along "
        "in the same way in each call; use a random permutation.",
        lambda X, y: (X.copy(), y.copy()),
        "the rows are shuffled",
    ),
    Mutant(
        "moved along",
        "The rows are moved along by a random number, so the same ones stay next to each other; "
        "use a random permutation.",
        _moved_along,
        "the rows are shuffled",
    ),
    Mutant(
        "always one order",
        "Each call makes the same order, as where the seed is set inside of permute_data; let the "
        "caller seed, once.",
        lambda X, y: right.permute_data(X, y, 1),
        "each call makes a new order",
    ),
    Mutant(
        "shapes changed",
        "permute_data must return two arrays with the shapes of X and y: X[order], y[order] with a "
        "permutation of all rows.",
        _one_short,
        "two arrays of the same shapes are returned",
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


def _rows_as_columns(X: ndarray, y: ndarray, size: int = 32) -> Iterator[tuple[ndarray, ndarray]]:
    for start in range(0, X.shape[1], size):
        yield X[start : start + size], y[start : start + size]


def _returned(X: ndarray, y: ndarray, size: int = 32) -> tuple[ndarray, ndarray]:
    return X[:size], y[:size]


GENERATE_BATCHES = (
    Mutant(
        "not yielded",
        "generate_batches must give pairs (X_batch, y_batch), one after the other: use yield, not "
        "return, in the loop.",
        _returned,
        "each batch is a pair of arrays",
    ),
    Mutant(
        "rows counted as columns",
        "The loop goes to the number of columns, X.shape[1]; the number of rows is X.shape[0].",
        _rows_as_columns,
        "batch sizes",
    ),
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
