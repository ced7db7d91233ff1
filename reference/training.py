"""Chapters 3, 4 and 7 in PyTorch: the training loop, and evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from reference.regression import mae, rmse

#: Called after each epoch with its number and its training loss.
OnEpoch = Callable[[int, float], None]


@dataclass
class TrainingHistory:
    """What ``PyTorchTrainer.fit`` saw; as ``scratch.training.TrainingHistory``."""

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    training_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    stopped_early: bool = False


class PyTorchTrainer:
    """Trains a module. Chapter 7, "PyTorch Elements: Trainer".

    Args:
        model: what is trained, in place.
        optim: must hold exactly the model's parameters.
        criterion: the loss, of predictions and targets.

    Raises:
        ValueError: ``optim`` holds other parameters than the model's.
    """

    def __init__(self, model: nn.Module, optim: Optimizer, criterion: nn.Module) -> None:
        held = [id(param) for group in optim.param_groups for param in group["params"]]
        if held != [id(param) for param in model.parameters()]:
            raise ValueError("the optimizer must hold exactly the parameters of the model")
        self.model = model
        self.optim = optim
        self.loss = criterion

    def fit(
        self,
        X_train: Tensor,
        y_train: Tensor,
        X_test: Tensor,
        y_test: Tensor,
        epochs: int = 100,
        eval_every: int = 10,
        batch_size: int = 32,
        orders: Sequence[Tensor] | None = None,
        seed: int = 1,
        early_stopping: bool = True,
        scheduler: LRScheduler | None = None,
        metric: Callable[[Tensor, Tensor], float] | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> TrainingHistory:
        """Fit the model, measuring the validation loss every ``eval_every`` epochs.

        With early stopping the model goes back to its best parameters when the loss stops falling.

        Args:
            X_train: shape ``(observations, features)``.
            y_train: shape ``(observations, out)``.
            X_test: as ``X_train``, for the validation loss.
            y_test: as ``y_train``, for the validation loss.
            epochs: passes over the training data.
            eval_every: epochs between two validations.
            batch_size: rows in a step; the last one of an epoch takes what is left.
            orders: the order of the rows in each epoch; drawn from ``seed`` where it is not given.
            seed: of the permutations, when there are no ``orders``.
            early_stopping: stop and roll back when the validation loss does not fall any more.
            scheduler: of the optimizer's learning rate, stepped after each epoch; one that reduces
                on a plateau goes by the training loss.
            metric: what is measured as the validation loss; ``criterion`` by default.
            on_epoch: called when an epoch ends, with its number and training loss.

        Raises:
            ValueError: rows do not match, a number is out of range, or there are fewer ``orders``
                than epochs.
            FloatingPointError: the first validation loss is not finite.
        """
        for X, y in ((X_train, y_train), (X_test, y_test)):
            if len(X) != len(y):
                raise ValueError(
                    f"X and y must have as many rows, not {tuple(X.shape)} and {tuple(y.shape)}"
                )
        if epochs < 0 or eval_every < 1 or batch_size < 1:
            raise ValueError(
                f"epochs must be at least 0, eval_every and batch_size at least 1, not {epochs}, "
                f"{eval_every}, {batch_size}"
            )
        if orders is None:
            generator = torch.Generator().manual_seed(seed)
            orders = [torch.randperm(len(X_train), generator=generator) for _ in range(epochs)]
        elif len(orders) < epochs:
            raise ValueError(f"{epochs} epochs need as many orders, not {len(orders)}")

        history = TrainingHistory()
        best = deepcopy(self.model.state_dict())
        for epoch, order in enumerate(orders[:epochs], start=1):
            training_loss = self._train_epoch(X_train, y_train, order, batch_size)
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(training_loss)
            elif scheduler is not None:
                scheduler.step()
            history.training_losses.append(training_loss)
            if on_epoch is not None:
                on_epoch(epoch, training_loss)
            if epoch % eval_every != 0:
                continue

            loss = self.evaluate(X_test, y_test, metric)
            history.epochs.append(epoch)
            history.losses.append(loss)
            if loss < history.best_loss:
                history.best_epoch, history.best_loss = epoch, loss
                best = deepcopy(self.model.state_dict())
            elif early_stopping:
                if history.best_epoch == 0:
                    raise FloatingPointError(
                        f"the validation loss after {epoch} epochs is {loss}: the training has "
                        "diverged; try a lower learning rate"
                    )
                history.stopped_early = True
                self.model.load_state_dict(best)
                break
        return history

    def evaluate(
        self, X: Tensor, y: Tensor, metric: Callable[[Tensor, Tensor], float] | None = None
    ) -> float:
        """The loss on ``X`` and ``y``, or a ``metric``, in evaluation mode, which is left again."""
        return float((metric or self.loss)(predict(self.model, X), y))

    def _train_epoch(self, X: Tensor, y: Tensor, order: Tensor, batch_size: int) -> float:
        """One step for each batch. Returns the mean training loss over the rows."""
        total = 0.0
        for rows in order.split(batch_size):
            self.optim.zero_grad()
            loss = self.loss(self.model(X[rows]), y[rows])
            loss.backward()
            self.optim.step()
            total += len(rows) * loss.item()
        return total / len(order)


def predict(model: nn.Module, X: Tensor) -> Tensor:
    """Predictions in evaluation mode, without a graph; the mode is as before afterwards."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        predictions: Tensor = model(X)
    model.train(was_training)
    return predictions


def eval_regression_model(model: nn.Module, X_test: Tensor, y_test: Tensor) -> tuple[float, float]:
    """Mean absolute error and root mean squared error, in the units of the target.

    Chapter 3, "Putting Everything Together".
    """
    preds = predict(model, X_test)
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
    classes = y_test if y_test.ndim == 1 else y_test.argmax(dim=1)
    right = (preds.argmax(dim=1) == classes) & ~preds.isnan().any(dim=1)
    return float(right.double().mean())
