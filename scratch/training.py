"""Chapters 3 and 4: the training loop, with early stopping and decay, and evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray

from scratch.network import NeuralNetwork
from scratch.optimizers import Optimizer
from scratch.regression import mae, rmse
from scratch.seeding import Seed, Stream, as_stream, is_integer

#: Called after each epoch with its number and its training loss, the mean over its rows.
OnEpoch = Callable[[int, float], None]

#: One number from predictions and targets, the lower the better.
Metric = Callable[[ndarray, ndarray], float]


@dataclass
class TrainingHistory:
    """What ``Trainer.fit`` saw: losses, and where it stopped.

    ``epochs[i]`` is the number of the epoch after which ``losses[i]``, a validation loss, was
    measured, counted from 1. ``training_losses`` has the mean over each epoch's rows, measured
    while the parameters changed. ``best_epoch`` is 0 as long as nothing has been validated.
    """

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    training_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    stopped_early: bool = False


class Trainer:
    """Trains a network with an optimizer. Chapter 3, "Trainer"; chapter 4 adds the decay.

    Args:
        net: the network. After early stopping ``trainer.net`` is the best network seen, another
            object; the one handed in stays as it was when training stopped.
        optim: the optimizer; its ``net`` is set.
    """

    def __init__(self, net: NeuralNetwork, optim: Optimizer) -> None:
        self.net = net
        self.optim = optim
        self.optim.net = net

    def fit(
        self,
        X_train: ndarray,
        y_train: ndarray,
        X_test: ndarray,
        y_test: ndarray,
        epochs: int = 100,
        eval_every: int = 10,
        batch_size: int = 32,
        seed: Seed = 1,
        restart: bool = True,
        early_stopping: bool = True,
        verbose: bool = True,
        metric: Metric | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> TrainingHistory:
        """Fit the network, measuring the validation loss every ``eval_every`` epochs.

        The learning rate decays after each epoch, as the optimizer says; its "plateau" goes by the
        training loss. Validation is inference: dropout leaves nothing out.

        Args:
            X_train: shape ``(observations, features)``; no array is changed.
            y_train: shape ``(observations, out)``.
            X_test: as ``X_train``, for the validation loss.
            y_test: as ``y_train``, for the validation loss.
            epochs: passes over the training data.
            eval_every: epochs between two validations.
            batch_size: rows in a step; the last one of an epoch takes what is left.
            seed: where the permutations come from. An integer seeds the stream that the network's
                layers share, once, as in the book.
            restart: set the layers up anew at their next forward pass.
            early_stopping: stop when the validation loss does not fall any more, and roll back to
                the best network.
            verbose: print the validation losses.
            metric: what is measured as the validation loss; the network's loss by default.
            on_epoch: called when an epoch ends, with its number and training loss.

        Raises:
            ValueError: arrays do not fit together, or a number is out of range.
            FloatingPointError: the first validation loss is not finite, so there is no network to
                roll back to.
        """
        _require_fit_arguments(X_train, y_train, X_test, y_test, epochs, eval_every)
        _require_batch_size(batch_size)
        stream = self._permutations(seed)
        if restart:
            for layer in self.net.layers:
                layer.first = True

        self.optim.net = self.net  # another trainer may have had the optimizer
        self.optim.max_epochs = epochs
        self.optim._setup_decay()
        first_lr = self.optim.lr
        metric = self.net.loss.forward if metric is None else metric

        history = TrainingHistory()
        best: list[ndarray] = []
        order = np.arange(len(X_train))
        for epoch in range(1, epochs + 1):
            order = order[stream.permutation(len(order))]
            training_loss = self._train_epoch(X_train, y_train, order, batch_size)
            self.optim._decay_lr(training_loss)
            history.training_losses.append(training_loss)
            if on_epoch is not None:
                on_epoch(epoch, training_loss)

            if epoch % eval_every != 0:
                continue
            loss = float(metric(self.net.forward(X_test, inference=True), y_test))
            history.epochs.append(epoch)
            history.losses.append(loss)
            if loss < history.best_loss:
                history.best_epoch, history.best_loss = epoch, loss
                if early_stopping:
                    best = [param.copy() for param in self.net.params()]
            elif early_stopping:
                if history.best_epoch == 0:
                    raise FloatingPointError(
                        f"the validation loss after {epoch} epochs is {loss}: the training has "
                        f"diverged; try a learning rate below {first_lr}"
                    )
                history.stopped_early = True
                self._roll_back(best)
                if verbose:
                    print(
                        f"Validation loss after {epoch} epochs is {loss:.3f}, no longer falling; "
                        f"back to the network of epoch {history.best_epoch} "
                        f"({history.best_loss:.3f})"
                    )
                break
            if verbose:
                print(f"Validation loss after {epoch} epochs is {loss:.3f}")
        return history

    def _train_epoch(
        self, X_train: ndarray, y_train: ndarray, order: ndarray, batch_size: int
    ) -> float:
        """One step for each batch of ``order``: as ``permute_data`` and ``generate_batches`` would
        have it, without a copy of all the data. Returns the mean training loss over the rows.
        """
        total = 0.0
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            total += len(rows) * float(self.net.train_batch(X_train[rows], y_train[rows]))
            self.optim.step()
        return total / len(order)

    def _permutations(self, seed: Seed) -> Stream:
        if not is_integer(seed):
            return as_stream(seed)
        self.net.stream.seed(seed)
        return self.net.stream

    def _roll_back(self, best: list[ndarray]) -> None:
        """Go on with a copy of the network that has the best parameters."""
        self.net = self.optim.net = deepcopy(self.net)
        for param, value in zip(self.net.params(), best, strict=True):
            param[...] = value


def permute_data(X: ndarray, y: ndarray, seed: Seed = None) -> tuple[ndarray, ndarray]:
    """The rows of ``X`` and ``y`` in one random order, as new arrays. Chapter 3, "Trainer".

    Raises:
        ValueError: ``X`` and ``y`` have not equally many rows.
    """
    _require_equal_rows(X, y)
    order = as_stream(seed).permutation(X.shape[0])
    return X[order], y[order]


def generate_batches(X: ndarray, y: ndarray, size: int = 32) -> Iterator[tuple[ndarray, ndarray]]:
    """Cut ``X`` and ``y`` into batches of ``size`` rows; the last takes what is left.

    Chapter 3, "Trainer".

    Raises:
        ValueError: ``X`` and ``y`` have not equally many rows, or ``size`` is less than 1.
    """
    _require_equal_rows(X, y)
    _require_batch_size(size)
    return (
        (X[start : start + size], y[start : start + size]) for start in range(0, X.shape[0], size)
    )


def eval_regression_model(
    model: NeuralNetwork, X_test: ndarray, y_test: ndarray
) -> tuple[float, float]:
    """Mean absolute error and root mean squared error of a network, in the units of the target.

    Chapter 3, "Putting Everything Together" (where they are printed).

    Raises:
        ValueError: predictions and targets differ in shape.
    """
    preds = model.forward(X_test, inference=True)
    return float(mae(preds, y_test)), float(rmse(preds, y_test))


def calc_accuracy_model(model: NeuralNetwork, X_test: ndarray, y_test: ndarray) -> float:
    """The share of rows whose largest prediction is that of their class, from 0 to 1.

    Chapter 4, "Experiments" (where it is printed in percent).

    Args:
        model: with one output for each class, so at least two. A row with a NaN counts as wrong.
        X_test: shape ``(observations, features)``.
        y_test: class numbers, shape ``(observations,)``, or one-hot rows.

    Raises:
        ValueError: there are no rows, or predictions and ``y_test`` do not fit.
    """
    preds = model.forward(X_test, inference=True)
    if preds.shape[1] < 2 or y_test.shape not in ((len(preds),), preds.shape) or not len(preds):
        raise ValueError(
            f"calc_accuracy_model: predictions of shape {preds.shape} do not fit targets of shape "
            f"{y_test.shape}; there must be a row at least, a column of predictions for each "
            "class, and class numbers or one-hot rows as targets"
        )
    classes = y_test if y_test.ndim == 1 else np.argmax(y_test, axis=1)
    right = (np.argmax(preds, axis=1) == classes) & ~np.isnan(preds).any(axis=1)
    return float(np.mean(right))


def _require_batch_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"the batch size must be at least 1, not {size}")


def _require_equal_rows(X: ndarray, y: ndarray) -> None:
    if X.shape[0] != y.shape[0]:
        raise ValueError(f"X and y must have as many rows: X has shape {X.shape}, y {y.shape}")


def _require_fit_arguments(
    X_train: ndarray,
    y_train: ndarray,
    X_test: ndarray,
    y_test: ndarray,
    epochs: int,
    eval_every: int,
) -> None:
    _require_equal_rows(X_train, y_train)
    _require_equal_rows(X_test, y_test)
    for name, train, test in (("X", X_train, X_test), ("y", y_train, y_test)):
        if train.shape[1:] != test.shape[1:]:
            raise ValueError(
                f"{name}_train and {name}_test must have the same columns, not {train.shape} and "
                f"{test.shape}"
            )
    if 0 in (X_train.shape[0], X_test.shape[0]):
        raise ValueError(
            f"there must be rows to train on and to validate on, not {X_train.shape} and "
            f"{X_test.shape}"
        )
    if epochs < 0 or eval_every < 1:
        raise ValueError(
            f"epochs must be at least 0 and eval_every at least 1, not {epochs} and {eval_every}"
        )
