"""Mistakes in the models by hand of chapter 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import regression as right
from scratch.regression import ForwardInfo, Weights


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
