"""Chapter 2 in PyTorch: linear regression and a one-hidden-layer network, as modules."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinearRegression(nn.Module):
    """``X W + B``. Chapter 2, "Linear Regression".

    Args:
        features: columns of ``X``.
    """

    def __init__(self, features: int = 13) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)

    def forward(self, X: Tensor) -> Tensor:
        """``(batch, features)`` to ``(batch, 1)``."""
        return self.linear(X)


class OneHiddenLayerNetwork(nn.Module):
    """``sigmoid(X W1 + B1) W2 + B2``. Chapter 2, "Neural Networks from Scratch".

    Args:
        features: columns of ``X``.
        hidden_size: units in the hidden layer.
    """

    def __init__(self, features: int = 13, hidden_size: int = 13) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features, hidden_size)
        self.fc2 = nn.Linear(hidden_size, 1)

    def forward(self, X: Tensor) -> Tensor:
        """``(batch, features)`` to ``(batch, 1)``."""
        return self.fc2(torch.sigmoid(self.fc1(X)))


def train(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], learning_rate: float
) -> list[float]:
    """One step of gradient descent on the mean squared error for each batch, in place.

    Chapter 2, "Training the Model". Returns the loss of each batch before its step.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    losses = []
    for X_batch, y_batch in batches:
        optimizer.zero_grad()
        loss = F.mse_loss(model(X_batch), y_batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def mae(preds: Tensor, actuals: Tensor) -> Tensor:
    """Mean absolute error, in the units of the target. Chapter 2, "Assessing our model"."""
    return F.l1_loss(preds, actuals)


def rmse(preds: Tensor, actuals: Tensor) -> Tensor:
    """Root mean squared error, in the units of the target. Chapter 2, "Assessing our model"."""
    return F.mse_loss(preds, actuals).sqrt()
