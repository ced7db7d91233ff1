"""Chapters 3, 4 and 7 in PyTorch: predictions, and how good they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from reference.regression import mae, rmse


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Training or evaluation mode; afterwards each module has the mode it had (E24)."""
    before = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for module, was_training in before.items():
            module.training = was_training


def on_device_of(model: nn.Module, batch: Tensor) -> Tensor:
    """The batch where the model's parameters are."""
    param = next(model.parameters(), None)
    return batch if param is None else batch.to(param.device)


def first_output(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """What the loss sees: a model's output, or the first of several (E25).

    The book takes ``[0]`` of any output, which of a plain tensor is the first row.
    """
    return output[0] if isinstance(output, tuple) else output


def predict(model: nn.Module, X: Tensor) -> Tensor:
    """Predictions in evaluation mode, without a graph; the mode is as before afterwards.

    Of a model that returns a tuple, its first element. They are where the model is.
    """
    with mode(model, training=False), torch.no_grad():
        return first_output(model(on_device_of(model, X)))


def eval_regression_model(model: nn.Module, X_test: Tensor, y_test: Tensor) -> tuple[float, float]:
    """Mean absolute error and root mean squared error, in the units of the target.

    Chapter 3, "Putting Everything Together".
    """
    preds = predict(model, X_test)
    y_test = y_test.to(preds.device)
    return mae(preds, y_test).item(), rmse(preds, y_test).item()


def calc_accuracy_model(model: nn.Module, X_test: Tensor, y_test: Tensor) -> float:
    """The share of rows whose largest prediction is that of their class, from 0 to 1.

    Chapter 4, "Experiments".

    Args:
        model: with one output for each class, so at least two. A row with a NaN counts as wrong.
        X_test: shape ``(observations, features)``.
        y_test: class numbers, shape ``(observations,)``, or one-hot rows.

    Raises:
        ValueError: there are no rows, or predictions and ``y_test`` do not fit.
    """
    preds = predict(model, X_test)
    if preds.shape[1] < 2 or y_test.shape not in ((len(preds),), preds.shape) or not len(preds):
        raise ValueError(
            f"predictions of shape {tuple(preds.shape)} do not fit targets of shape "
            f"{tuple(y_test.shape)}; targets are class numbers or one-hot rows"
        )
    classes = (y_test if y_test.ndim == 1 else y_test.argmax(dim=1)).to(preds.device)
    right = (preds.argmax(dim=1) == classes) & ~preds.isnan().any(dim=1)
    return float(right.double().mean())
