"""Chapter 2: linear regression and a neural network by hand, on the house prices."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy import ndarray

from datasets import BostonSplit, boston_split
from parity.book.rows import BOOK_DATA, CORRECTED_CELL, Row
from parity.training.house_prices import fit_linear_regression, most_important_feature
from scratch.regression import (
    Weights,
    descend,
    forward_neural_network,
    init_weights_neural_network,
    loss_gradients_neural_network,
    mae,
    predict_linear_regression,
    predict_neural_network,
    rmse,
    train_linear_regression,
    train_neural_network,
)

LEARNING_RATE = 0.001
BATCH_SIZE = 23
LINEAR_SEED, PRINTED_LINEAR_SEED = 180708, 80718
LINEAR_ITERATIONS = 1000
NETWORK_SEED = 180807
NETWORK_ITERATIONS = 10_000
HIDDEN_SIZE = 13

STEPS = f"learning rate {LEARNING_RATE}, batches of {BATCH_SIZE}"

PRINTED_COEFFICIENTS = (
    "-1.0084", "0.7097", "0.2731", "0.7161", "-2.2163", "2.3737", "0.7156",
    "-2.6609", "2.629", "-1.8113", "-2.3347", "0.8541", "-4.2003",
)  # fmt: skip


def rows() -> list[Row]:
    """The numbers of chapter 2."""
    book, corrected = boston_split("book"), boston_split("corrected")
    linear, linear_corrected = _train_linear(book), _train_linear(corrected)
    return [
        *_scikit_learn(book, corrected),
        *_linear_regression(book, corrected, linear, linear_corrected),
        *_coefficients(book, linear, linear_corrected),
        *_neural_network(book, corrected),
    ]


def _scikit_learn(book: BostonSplit, corrected: BostonSplit) -> list[Row]:
    row = partial(
        Row,
        id="2.1",
        title="LinearRegression of scikit-learn",
        recipe=f"Fitted on the training part, measured on the test part. {BOOK_DATA}",
    )
    ours, instead = fit_linear_regression(book), fit_linear_regression(corrected)
    return [
        row(
            what="MAE",
            printed="3.5666",
            ours=f"{ours.mae:.4f}",
            instead={CORRECTED_CELL: f"{instead.mae:.4f}"},
        ),
        row(
            what="RMSE",
            printed="5.0482",
            ours=f"{ours.rmse:.4f}",
            instead={CORRECTED_CELL: f"{instead.rmse:.4f}"},
        ),
    ]


def _train_linear(data: BostonSplit, seed: int = LINEAR_SEED) -> Weights:
    return train_linear_regression(
        data.X_train,
        data.y_train,
        n_iter=LINEAR_ITERATIONS,
        learning_rate=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        seed=seed,
        convention="book",
    ).weights


def _linear_regression(
    book: BostonSplit, corrected: BostonSplit, linear: Weights, linear_corrected: Weights
) -> list[Row]:
    row = partial(
        Row,
        id="2.2",
        title="Linear regression by hand",
        recipe=(
            f"Seed {LINEAR_SEED}: W, then B, then permutations; {LINEAR_ITERATIONS} steps, "
            f"{STEPS}, along the gradient of the sum of squares (errata, E3). {BOOK_DATA}"
        ),
        note=(
            f"The seed {PRINTED_LINEAR_SEED} that the book prints gives other digits (errata, E5)."
        ),
    )

    def measured(data: BostonSplit, weights: Weights) -> list[str]:
        preds = predict_linear_regression(data.X_test, weights)
        error, mean = rmse(preds, data.y_test), np.mean(data.y_test)
        return [*_errors(preds, data.y_test), f"{mean:.4f}", f"{100 * error / mean:.1f}%"]

    names = ("MAE", "RMSE", "mean of y_test", "RMSE / mean")
    printed = ("3.5643", "5.0508", "22.0776", "22.9%")
    ours, with_cell = measured(book, linear), measured(corrected, linear_corrected)
    with_seed = measured(book, _train_linear(book, PRINTED_LINEAR_SEED))
    return [
        row(
            what=what,
            printed=printed[i],
            ours=ours[i],
            instead={
                CORRECTED_CELL: with_cell[i],
                f"seed {PRINTED_LINEAR_SEED}": with_seed[i],
            },
        )
        for i, what in enumerate(names)
    ]


def _coefficients(data: BostonSplit, linear: Weights, linear_corrected: Weights) -> list[Row]:
    row = partial(
        Row,
        id="2.3",
        title="Coefficients of linear regression by hand",
        recipe=f"Ours are W after the training of 2.2. {BOOK_DATA}",
        note=(
            "The printed coefficients come from an earlier run of the author's, and its recipe is "
            "not known, so nobody can get these digits again. What the book takes from them does "
            "come out, and is checked: the last coefficient is the largest in absolute value."
        ),
    )
    names = data.feature_names
    rows = [
        row(
            what=name,
            printed=printed,
            ours=str(np.round(linear["W"][i, 0], 4)),
            kind="not reproduced",
            instead={CORRECTED_CELL: str(np.round(linear_corrected["W"][i, 0], 4))},
        )
        for i, (name, printed) in enumerate(zip(names, PRINTED_COEFFICIENTS, strict=True))
    ]

    def most_important(weights: Weights) -> str:
        feature = most_important_feature(weights["W"])
        return f"{names[feature]}, {'the last' if feature == len(names) - 1 else 'not the last'}"

    checked = row(
        what="most important",
        printed="LSTAT, the last",
        ours=most_important(linear),
        instead={CORRECTED_CELL: most_important(linear_corrected)},
    )
    return [*rows, checked]


def _neural_network(book: BostonSplit, corrected: BostonSplit) -> list[Row]:
    row = partial(
        Row,
        id="2.4",
        title="Neural network by hand",
        recipe=(
            f"Seed {NETWORK_SEED}: W1, B1, W2, B2, then permutations; {NETWORK_ITERATIONS} "
            f"steps, {STEPS}, dLdP = -(y - P) and the gradient of B1 summed twice "
            f"(errata, E3 and E4). {BOOK_DATA}"
        ),
        note=(
            "The digits come out only with the book's mistake in the gradient of B1, one number "
            "for all hidden units; the last column has the same steps with the right gradient."
        ),
    )

    def measured(data: BostonSplit) -> list[str]:
        weights = train_neural_network(
            data.X_train,
            data.y_train,
            n_iter=NETWORK_ITERATIONS,
            learning_rate=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            hidden_size=HIDDEN_SIZE,
            seed=NETWORK_SEED,
            convention="book",
        ).weights
        return _errors(predict_neural_network(data.X_test, weights), data.y_test)

    ours, with_cell = measured(book), measured(corrected)
    right = _train_with_right_bias_gradient(book.X_train, book.y_train)
    with_bias = _errors(predict_neural_network(book.X_test, right), book.y_test)
    return [
        row(
            what=what,
            printed=printed,
            ours=ours[i],
            instead={CORRECTED_CELL: with_cell[i], "B1 summed once": with_bias[i]},
        )
        for i, (what, printed) in enumerate((("MAE", "2.5289"), ("RMSE", "3.6775")))
    ]


def _train_with_right_bias_gradient(X: ndarray, y: ndarray) -> Weights:
    """The steps of 2.4, half the gradient of the sum of squares, without the mistake in ``B1``."""
    stream = np.random.RandomState(NETWORK_SEED)
    weights = init_weights_neural_network(X, stream, HIDDEN_SIZE)

    def step(X_batch: ndarray, y_batch: ndarray) -> tuple[float, Weights]:
        forward_info, loss = forward_neural_network(X_batch, y_batch, weights)
        gradients = loss_gradients_neural_network(forward_info, weights)
        return loss, {name: len(X_batch) / 2 * grad for name, grad in gradients.items()}

    return descend(
        step, weights, X, y, NETWORK_ITERATIONS, LEARNING_RATE, BATCH_SIZE, stream
    ).weights


def _errors(preds: ndarray, actuals: ndarray) -> list[str]:
    return [f"{mae(preds, actuals):.4f}", f"{rmse(preds, actuals):.4f}"]
