"""Chapter 3: the training loop, with early stopping, and the evaluation of a regression."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from numpy import ndarray

from scratch.network import NeuralNetwork
from scratch.optimizers import Optimizer
from scratch.regression import mae, rmse
from scratch.seeding import Seed, Stream, as_stream, is_integer


@dataclass
class TrainingHistory:
    """What ``Trainer.fit`` saw: validation losses, and where it stopped.

    ``epochs[i]`` is the number of the epoch after which ``losses[i]`` was measured, counted from 1.
    ``best_epoch`` is 0 as long as nothing has been measured.
    """

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    stopped_early: bool = False


class Trainer:
    """Trains a network with an optimizer. Chapter 3, "Trainer".

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
        on_epoch: Callable[[int], None] | None = None,
    ) -> TrainingHistory:
        """Fit the network, measuring the validation loss every ``eval_every`` epochs.

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
            on_epoch: called with the number of each epoch when it ends.

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

        history = TrainingHistory()
        best = self.net
        for epoch in range(1, epochs + 1):
            X_train, y_train = permute_data(X_train, y_train, stream)
            for X_batch, y_batch in generate_batches(X_train, y_train, batch_size):
                self.net.train_batch(X_batch, y_batch)
                self.optim.step()
            if on_epoch is not None:
                on_epoch(epoch)

            if epoch % eval_every != 0:
                continue
            loss = float(self.net.loss.forward(self.net.forward(X_test), y_test))
            history.epochs.append(epoch)
            history.losses.append(loss)
            if loss < history.best_loss:
                history.best_epoch, history.best_loss = epoch, loss
                if early_stopping:
                    best = deepcopy(self.net)
            elif early_stopping:
                if history.best_epoch == 0:
                    raise FloatingPointError(
                        f"the validation loss after {epoch} epochs is {loss}: the training has "
                        f"diverged; try a learning rate below {self.optim.lr}"
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

    def _permutations(self, seed: Seed) -> Stream:
        if not is_integer(seed):
            return as_stream(seed)
        self.net.stream.seed(seed)
        return self.net.stream

    def _roll_back(self, best: NeuralNetwork) -> None:
        self.net = best
        self.optim.net = best


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
    preds = model.forward(X_test)
    return float(mae(preds, y_test)), float(rmse(preds, y_test))


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
