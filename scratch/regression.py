"""Chapter 2: linear regression and a one-hidden-layer network by hand.

Weights live in dictionaries, as in the book: ``W``, ``B`` for linear regression and ``W1``, ``B1``,
``W2``, ``B2`` for the network. Gradients are those of the mean squared error. ``convention="book"``
gives what the book's numbers were computed with (``docs/errata.md``, E3 and E4).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy import ndarray

from scratch.functions import sigmoid
from scratch.seeding import Seed, Stream, as_stream

Weights: TypeAlias = dict[str, ndarray]
ForwardInfo: TypeAlias = dict[str, ndarray]
Convention: TypeAlias = Literal["mean", "book"]


class TrainInfo(NamedTuple):
    """What training returns: the final weights, and the loss of the batch at each iteration."""

    weights: Weights
    losses: list[float]


def forward_linear_regression(
    X_batch: ndarray, y_batch: ndarray, weights: Weights
) -> tuple[ForwardInfo, float]:
    """Predictions ``P = X W + B`` and their mean squared error. Chapter 2, "Linear Regression".

    Args:
        X_batch: shape ``(batch, features)``.
        y_batch: shape ``(batch, 1)``.
        weights: ``W`` of shape ``(features, 1)``, ``B`` of shape ``(1, 1)``.

    Returns:
        ``forward_info`` with ``X``, ``N``, ``P``, ``y``, and the loss.

    Raises:
        ValueError: shapes do not fit together, or the batch is empty.
    """
    _require_batch(X_batch, y_batch)
    _require_weights(weights, _linear_shapes(X_batch), X_batch)

    N = np.dot(X_batch, weights["W"])
    P = N + weights["B"]
    _require_predictions(P, y_batch)
    loss = np.mean(np.power(y_batch - P, 2))
    return {"X": X_batch, "N": N, "P": P, "y": y_batch}, loss


def loss_gradients_linear_regression(
    forward_info: ForwardInfo, weights: Weights, convention: Convention = "mean"
) -> Weights:
    """Gradients of the loss, keyed and shaped as ``weights``. Chapter 2, "Code for the gradients".

    Args:
        forward_info: from ``forward_linear_regression``.
        weights: the weights it was called with.
        convention: "mean" for the gradient of the loss; "book" for the printed one, that of the
            *sum* of squares (E3).

    Raises:
        ValueError: ``convention`` is neither, or shapes do not fit together.
    """
    _require_convention(convention)
    X, P, y = forward_info["X"], forward_info["P"], forward_info["y"]
    _require_batch(X, y)
    _require_weights(weights, _linear_shapes(X), X)
    _require_predictions(P, y)

    dLdP = -2 * (y - P)
    if convention == "mean":
        dLdP = dLdP / X.shape[0]
    dLdN = dLdP * np.ones_like(forward_info["N"])
    dNdW = np.transpose(X, (1, 0))

    dLdW = np.dot(dNdW, dLdN)
    dLdB = np.sum(dLdP * np.ones_like(weights["B"]), axis=0, keepdims=True)
    return {"W": dLdW, "B": dLdB}


def predict_linear_regression(X: ndarray, weights: Weights) -> ndarray:
    """Predictions, shape ``(batch, 1)``. Chapter 2, "Assessing our model".

    Raises:
        ValueError: shapes do not fit together.
    """
    _require_matrix(X)
    _require_weights(weights, _linear_shapes(X), X)
    return np.dot(X, weights["W"]) + weights["B"]


def init_weights_linear_regression(X: ndarray, stream: Stream) -> Weights:
    """``W``, then ``B``, from the standard normal, in the dtype of ``X``. Chapter 2, "Training the
    model".
    """
    return _draw(_linear_shapes(X), X, stream)


def train_linear_regression(
    X: ndarray,
    y: ndarray,
    n_iter: int = 1000,
    learning_rate: float = 0.001,
    batch_size: int = 100,
    seed: Seed = 1,
    convention: Convention = "mean",
) -> TrainInfo:
    """Fit linear regression by gradient descent on batches. Chapter 2, "Training the model".

    Draws ``W`` and ``B`` from the standard normal, then one permutation of the rows, and a new one
    whenever the rows run out.

    Args:
        X: shape ``(observations, features)``.
        y: shape ``(observations, 1)``.
        n_iter: steps, each on one batch.
        learning_rate: what a gradient is multiplied by.
        batch_size: rows in a step; the last step of a pass takes what is left.
        seed: where weights and permutations come from.
        convention: as in ``loss_gradients_linear_regression``.

    Raises:
        ValueError: shapes do not fit together, or a number is out of range.
        TypeError: ``X`` is not of a floating-point type.
    """
    _require_training(X, y, n_iter, learning_rate, batch_size)
    stream = as_stream(seed)
    weights = init_weights_linear_regression(X, stream)

    def step(X_batch: ndarray, y_batch: ndarray) -> tuple[float, Weights]:
        forward_info, loss = forward_linear_regression(X_batch, y_batch, weights)
        return loss, loss_gradients_linear_regression(forward_info, weights, convention)

    return descend(step, weights, X, y, n_iter, learning_rate, batch_size, stream)


def forward_neural_network(X: ndarray, y: ndarray, weights: Weights) -> tuple[ForwardInfo, float]:
    """Predictions of a network with one hidden sigmoid layer, and their mean squared error.

    Chapter 2, "Neural networks from scratch: code" (``forward_loss`` there).

    Args:
        X: shape ``(batch, features)``.
        y: shape ``(batch, 1)``.
        weights: ``W1`` ``(features, hidden)``, ``B1`` ``(1, hidden)``, ``W2`` ``(hidden, 1)``,
            ``B2`` ``(1, 1)``.

    Returns:
        ``forward_info`` with ``X``, ``M1``, ``N1``, ``O1``, ``M2``, ``P``, ``y``, and the loss.

    Raises:
        ValueError: shapes do not fit together, or the batch is empty.
    """
    _require_batch(X, y)
    _require_weights(weights, _network_shapes(X, weights["W1"].shape[-1]), X)

    M1 = np.dot(X, weights["W1"])
    N1 = M1 + weights["B1"]
    O1 = sigmoid(N1)
    M2 = np.dot(O1, weights["W2"])
    P = M2 + weights["B2"]
    _require_predictions(P, y)
    loss = np.mean(np.power(y - P, 2))
    return {"X": X, "M1": M1, "N1": N1, "O1": O1, "M2": M2, "P": P, "y": y}, loss


def loss_gradients_neural_network(
    forward_info: ForwardInfo, weights: Weights, convention: Convention = "mean"
) -> Weights:
    """Gradients of the loss, keyed and shaped as ``weights``. Chapter 2, "The backward pass".

    Args:
        forward_info: from ``forward_neural_network``.
        weights: the weights it was called with.
        convention: "mean" for the gradient of the loss. "book" for what the book's numbers need:
            ``dLdP = -(y - P)`` (E3), and ``dLdB1`` summed over the units as well, one number for
            all of them (E4).

    Raises:
        ValueError: ``convention`` is neither, or shapes do not fit together.
    """
    _require_convention(convention)
    X, O1, P, y = (forward_info[name] for name in ("X", "O1", "P", "y"))
    _require_batch(X, y)
    _require_weights(weights, _network_shapes(X, O1.shape[-1]), X)
    _require_predictions(P, y)

    dLdP = -(y - P)
    if convention == "mean":
        dLdP = 2 * dLdP / X.shape[0]

    dLdM2 = dLdP
    dLdB2 = np.sum(dLdP, axis=0, keepdims=True)
    dLdW2 = np.dot(np.transpose(O1, (1, 0)), dLdM2)
    dLdO1 = np.dot(dLdM2, np.transpose(weights["W2"], (1, 0)))
    dO1dN1 = O1 * (1 - O1)
    dLdN1 = dLdO1 * dO1dN1
    dLdB1 = np.sum(dLdN1, axis=0, keepdims=True)
    dLdW1 = np.dot(np.transpose(X, (1, 0)), dLdN1)
    if convention == "book":
        dLdB1 = np.full_like(dLdB1, np.sum(dLdB1))
    return {"W1": dLdW1, "B1": dLdB1, "W2": dLdW2, "B2": dLdB2}


def predict_neural_network(X: ndarray, weights: Weights) -> ndarray:
    """Predictions, shape ``(batch, 1)``. Chapter 2, "Training and assessing our neural network".

    Raises:
        ValueError: shapes do not fit together.
    """
    _require_matrix(X)
    _require_weights(weights, _network_shapes(X, weights["W1"].shape[-1]), X)
    O1 = sigmoid(np.dot(X, weights["W1"]) + weights["B1"])
    return np.dot(O1, weights["W2"]) + weights["B2"]


def init_weights_neural_network(X: ndarray, stream: Stream, hidden_size: int = 13) -> Weights:
    """``W1``, ``B1``, ``W2``, ``B2`` from the standard normal, in the dtype of ``X``. Chapter 2,
    "Training and Assessing Our Neural Network".
    """
    return _draw(_network_shapes(X, hidden_size), X, stream)


def train_neural_network(
    X: ndarray,
    y: ndarray,
    n_iter: int = 1000,
    learning_rate: float = 0.001,
    batch_size: int = 100,
    hidden_size: int = 13,
    seed: Seed = 1,
    convention: Convention = "mean",
) -> TrainInfo:
    """Fit the network by gradient descent on batches.

    Draws ``W1``, ``B1``, ``W2``, ``B2`` from the standard normal, then permutations as
    ``train_linear_regression``. Chapter 2, "Training and Assessing Our Neural Network".

    Args:
        X: shape ``(observations, features)``.
        y: shape ``(observations, 1)``.
        n_iter: steps, each on one batch.
        learning_rate: what a gradient is multiplied by.
        batch_size: rows in a step; the last step of a pass takes what is left.
        hidden_size: units in the hidden layer.
        seed: where weights and permutations come from.
        convention: as in ``loss_gradients_neural_network``.

    Raises:
        ValueError: shapes do not fit together, or a number is out of range.
        TypeError: ``X`` is not of a floating-point type.
    """
    _require_training(X, y, n_iter, learning_rate, batch_size)
    stream = as_stream(seed)
    weights = init_weights_neural_network(X, stream, hidden_size)

    def step(X_batch: ndarray, y_batch: ndarray) -> tuple[float, Weights]:
        forward_info, loss = forward_neural_network(X_batch, y_batch, weights)
        return loss, loss_gradients_neural_network(forward_info, weights, convention)

    return descend(step, weights, X, y, n_iter, learning_rate, batch_size, stream)


def mae(preds: ndarray, actuals: ndarray) -> float:
    """Mean absolute error, in the units of the target. Chapter 2, "Assessing our model: code".

    Raises:
        ValueError: the shapes differ, or there are no predictions.
    """
    _require_predictions(preds, actuals)
    return np.mean(np.abs(preds - actuals))


def rmse(preds: ndarray, actuals: ndarray) -> float:
    """Root mean squared error, in the units of the target. Chapter 2, "Assessing our model: code".

    Raises:
        ValueError: the shapes differ, or there are no predictions.
    """
    _require_predictions(preds, actuals)
    return np.sqrt(np.mean(np.power(preds - actuals, 2)))


def descend(
    step: Callable[[ndarray, ndarray], tuple[float, Weights]],
    weights: Weights,
    X: ndarray,
    y: ndarray,
    n_iter: int,
    learning_rate: float,
    batch_size: int,
    stream: Stream,
) -> TrainInfo:
    """The loop both models share: batch, gradients, update. Chapter 2, "Training the model".

    Args:
        step: the loss of a batch, and its gradients, keyed as ``weights``.
        weights: changed in place.
        X: shape ``(observations, features)``.
        y: shape ``(observations, 1)``.
        n_iter: steps, each on one batch.
        learning_rate: what a gradient is multiplied by.
        batch_size: rows in a step; the last step of a pass takes what is left.
        stream: where permutations come from: one before the first pass, and one for each other.
    """
    losses = []
    order = stream.permutation(X.shape[0])
    start = 0
    for _ in range(n_iter):
        if start >= X.shape[0]:
            order = order[stream.permutation(X.shape[0])]
            start = 0
        rows = order[start : start + batch_size]
        start += batch_size
        loss, gradients = step(X[rows], y[rows])
        for key in weights:
            weights[key] -= learning_rate * gradients[key]
        losses.append(float(loss))
    return TrainInfo(weights, losses)


def _draw(shapes: dict[str, tuple[int, int]], X: ndarray, stream: Stream) -> Weights:
    return {name: stream.standard_normal(shape).astype(X.dtype) for name, shape in shapes.items()}


def _linear_shapes(X: ndarray) -> dict[str, tuple[int, int]]:
    return {"W": (X.shape[1], 1), "B": (1, 1)}


def _network_shapes(X: ndarray, hidden_size: int) -> dict[str, tuple[int, int]]:
    return {
        "W1": (X.shape[1], hidden_size),
        "B1": (1, hidden_size),
        "W2": (hidden_size, 1),
        "B2": (1, 1),
    }


def _require_training(
    X: ndarray, y: ndarray, n_iter: int, learning_rate: float, batch_size: int
) -> None:
    _require_batch(X, y)
    if not np.issubdtype(X.dtype, np.floating):
        raise TypeError(f"X must be of a floating-point type, not {X.dtype}; use .astype(float)")
    if n_iter < 0 or batch_size < 1:
        raise ValueError(
            f"n_iter must be at least 0 and batch_size at least 1, not {n_iter} and {batch_size}"
        )
    if not math.isfinite(learning_rate):
        raise ValueError(f"the learning rate must be a finite number, not {learning_rate}")


def _require_matrix(X: ndarray) -> None:
    if X.ndim != 2:
        raise ValueError(f"X must have shape (batch, features), not {X.shape}")


def _require_batch(X: ndarray, y: ndarray) -> None:
    _require_matrix(X)
    if X.shape[0] != y.shape[0]:
        raise ValueError(f"X and y must have as many rows: X has shape {X.shape}, y {y.shape}")
    if X.shape[0] == 0:
        raise ValueError(f"an empty batch has no mean loss: X has shape {X.shape}")


def _require_weights(weights: Weights, shapes: dict[str, tuple[int, int]], X: ndarray) -> None:
    for name, shape in shapes.items():
        if weights[name].shape != shape:
            raise ValueError(
                f"{name} must have shape {shape} for X of shape {X.shape}, "
                f"not {weights[name].shape}"
            )


def _require_predictions(preds: ndarray, actuals: ndarray) -> None:
    if np.shape(preds) != np.shape(actuals):
        raise ValueError(
            f"predictions and targets must have one shape, not {np.shape(preds)} and "
            f"{np.shape(actuals)}"
        )
    if np.size(preds) == 0:
        raise ValueError(f"no predictions have no mean error (shape {np.shape(preds)})")


def _require_convention(convention: str) -> None:
    if convention not in ("mean", "book"):
        raise ValueError(f'convention must be "mean" or "book", not {convention!r}')
