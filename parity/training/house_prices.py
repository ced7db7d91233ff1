"""The house-price models of chapter 3, trained in NumPy and in PyTorch from the same weights and
the same batches, with scikit-learn's linear regression beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

import scratch.models
from datasets import BostonSplit
from parity.training.sides import Side
from scratch.optimizers import SGD
from scratch.regression import mae, rmse
from scratch.training import Trainer

if TYPE_CHECKING:
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import History, Task

OnEpoch = Callable[[int, float], None]

SEED = 20190501
LEARNING_RATE = 0.01
BATCH_SIZE = 32
EPOCHS = 50
EVAL_EVERY = 10

#: What PyTorch's side measures, by name: on the whole training part, and on the test part.
ON_TRAINING_PART = "loss_on_training_part"
VALIDATION_LOSS = "validation_loss"

# How far the two sides may be apart, in parameters and losses, relative to each element.
AGREEMENT = 1e-9


@dataclass(frozen=True)
class Model:
    """One of the models of chapter 3.

    Attributes:
        summary: what it is, in a few words.
        function: builds it, in ``scratch.models`` and in ``reference.models``.
    """

    summary: str
    function: str


MODELS = {
    "linear": Model("linear regression", "linear_regression"),
    "one-hidden": Model("one hidden layer of 13 sigmoid neurons", "neural_network"),
    "two-hidden": Model("two hidden layers of 13 sigmoid neurons", "deep_neural_network"),
}


@dataclass(frozen=True)
class Trained:
    """A model that one side has trained.

    Attributes:
        side: who trained it.
        training_losses: on the whole training part, after each epoch, in (1000 dollars) squared.
        validation_losses: on the test part, likewise.
        epoch: after which epoch the model is kept: the last one, or the best when stopped early.
        params: ``W``, ``B`` of each layer, as the book shapes them.
        predict: ``(batch, 13)`` to ``(batch, 1)``, in 1000 dollars.
        mae: mean absolute error on the test part, in 1000 dollars.
        rmse: root mean squared error on the test part, in 1000 dollars.
    """

    side: Side
    training_losses: list[float]
    validation_losses: list[float]
    epoch: int
    params: list[ndarray]
    predict: Callable[[ndarray], ndarray]
    mae: float
    rmse: float

    @property
    def stopped_early(self) -> bool:
        """Whether training ended because the validation loss did not fall any more."""
        return self.epoch < len(self.validation_losses)


@dataclass(frozen=True)
class LinearFit:
    """scikit-learn's least squares; ``coefficients`` is ``(13,)``, the rest as in ``Trained``."""

    coefficients: ndarray
    predict: Callable[[ndarray], ndarray]
    mae: float
    rmse: float


@dataclass(frozen=True)
class SharedDraws:
    """What the book's one stream gives: initial parameters, and the rows' order in each epoch."""

    params: list[ndarray]
    orders: list[ndarray]


def draw_by_the_book(
    layer_shapes: Sequence[tuple[int, int]], n_rows: int, epochs: int, seed: int
) -> SharedDraws:
    """Draw what scratch's ``Trainer`` and layers draw by themselves, in their order (chapter 3).

    ``fit`` seeds the stream and permutes the rows. Each layer seeds it anew and draws ``W``, then
    ``B``. The permutations of the later epochs follow on the last layer's draws, and each permutes
    rows that are permuted already.

    Args:
        layer_shapes: ``(in, out)`` of each layer, first to last.
        n_rows: of the training part.
        epochs: how many orders.
        seed: of the network and of ``fit``.
    """
    stream = np.random.RandomState(seed)
    order = stream.permutation(n_rows)
    params: list[ndarray] = []
    for n_in, n_out in layer_shapes:
        stream.seed(seed)
        params += [stream.standard_normal((n_in, n_out)), stream.standard_normal((1, n_out))]
    orders = [order]
    while len(orders) < epochs:
        order = order[stream.permutation(n_rows)]
        orders.append(order)
    return SharedDraws(params, orders)


def train_scratch(
    model: str, data: BostonSplit, epochs: int, seed: int, on_epoch: OnEpoch
) -> Trained:
    """Train one of ``MODELS`` in NumPy.

    Args:
        model: its name.
        data: both parts, in float64.
        epochs: at most so many.
        seed: of the network and of ``fit``.
        on_epoch: called after each epoch with its number and the validation loss.

    Raises:
        FloatingPointError: the training has diverged.
    """
    net = getattr(scratch.models, MODELS[model].function)(seed)
    trainer = Trainer(net, SGD(lr=LEARNING_RATE))
    training_losses: list[float] = []
    validation_losses: list[float] = []

    def loss(X: ndarray, y: ndarray) -> float:
        return float(net.loss.forward(net.forward(X), y))

    def measure(epoch: int, _: float) -> None:
        training_losses.append(loss(data.X_train, data.y_train))
        validation_losses.append(loss(data.X_test, data.y_test))
        on_epoch(epoch, validation_losses[-1])

    with np.errstate(over="ignore", invalid="ignore"):  # divergence is told in words
        history = trainer.fit(
            data.X_train,
            data.y_train,
            data.X_test,
            data.y_test,
            epochs=epochs,
            eval_every=EVAL_EVERY,
            batch_size=BATCH_SIZE,
            seed=seed,
            verbose=False,
            on_epoch=measure,
        )
    return _finished(
        "scratch",
        data,
        training_losses,
        validation_losses,
        history.best_epoch if history.stopped_early else epochs,
        list(trainer.net.params()),
        trainer.net.forward,
    )


def reference_task(
    model: str, data: BostonSplit, epochs: int, seed: int, running: Running | None = None
) -> Task:
    """One of ``MODELS`` in PyTorch, with the weights and orders of ``draw_by_the_book``.

    Arguments as for ``train_reference``.
    """
    import torch

    import reference.models
    from parity.bridge import copy_to_reference, linear_layers
    from parity.runs.batches import ArrayBatches
    from parity.runs.loop import IN_MEMORY
    from parity.runs.task import Task
    from reference.losses import MeanSquaredError

    running = running or IN_MEMORY
    with torch.random.fork_rng(devices=[]):
        module: nn.Module = getattr(reference.models, MODELS[model].function)()
    shapes = [(linear.in_features, linear.out_features) for linear in linear_layers(module)]
    draws = draw_by_the_book(shapes, len(data.X_train), epochs, seed)
    copy_to_reference(draws.params, module)
    device = running.compute.device
    module.to(device)
    criterion = MeanSquaredError()
    parts = {
        ON_TRAINING_PART: (data.X_train, data.y_train),
        VALIDATION_LOSS: (data.X_test, data.y_test),
    }
    on_device = {
        name: (torch.from_numpy(X).to(device), torch.from_numpy(y).to(device))
        for name, (X, y) in parts.items()
    }

    def measure() -> dict[str, float]:
        return {name: float(criterion(module(X), y)) for name, (X, y) in on_device.items()}

    return Task(
        module,
        torch.optim.SGD(module.parameters(), lr=LEARNING_RATE),
        ArrayBatches(
            data.X_train,
            data.y_train,
            BATCH_SIZE,
            lambda epoch: draws.orders[epoch],
            running.compute,
            running.processes,
        ),
        epochs,
        criterion,
        seed,
        measure=measure,
        measures=tuple(parts),
        stop_on=VALIDATION_LOSS,
        stop_every=EVAL_EVERY,
    )


def train_reference(
    model: str,
    data: BostonSplit,
    epochs: int,
    seed: int,
    on_epoch: OnEpoch,
    running: Running | None = None,
) -> Trained:
    """Train one of ``MODELS`` in PyTorch, with the weights and orders of ``draw_by_the_book``.

    Args:
        model: its name.
        data: both parts, in float64.
        epochs: at most so many.
        seed: of the network and of ``fit``.
        on_epoch: called after each epoch with its number and the validation loss.
        running: on what, and where it is kept; by default in memory, on the CPU.

    Raises:
        FloatingPointError: the training has diverged.
        CheckpointError: what was kept cannot be gone on with, or not be written.
    """
    import torch

    from parity.bridge import read_reference
    from parity.runs.loop import IN_MEMORY

    running = running or IN_MEMORY
    task = reference_task(model, data, epochs, seed, running)

    def on_progress(so_far: History) -> None:
        epoch, steps_of_the_next = divmod(so_far.step, task.batches.per_epoch)
        if steps_of_the_next == 0:
            on_epoch(epoch, so_far.latest[VALIDATION_LOSS])

    history = running.train(task, on_progress)
    module = task.model.cpu()

    def predict(X: ndarray) -> ndarray:
        with torch.no_grad():
            predictions: ndarray = module(torch.from_numpy(X)).numpy()
        return predictions

    return _finished(
        "reference",
        data,
        history.by_epoch(ON_TRAINING_PART),
        history.by_epoch(VALIDATION_LOSS),
        history.best_epoch if history.stopped_early else epochs,
        read_reference(module),
        predict,
    )


def _finished(
    side: Side,
    data: BostonSplit,
    training_losses: list[float],
    validation_losses: list[float],
    epoch: int,
    params: list[ndarray],
    predict: Callable[[ndarray], ndarray],
) -> Trained:
    last = validation_losses[epoch - 1]
    if not np.isfinite(last):  # fewer epochs than it takes until the trainer measures
        raise FloatingPointError(
            f"the validation loss after {epoch} epochs is {last}: the training has diverged"
        )
    errors = _errors(predict, data)
    return Trained(side, training_losses, validation_losses, epoch, params, predict, *errors)


def fit_linear_regression(data: BostonSplit) -> LinearFit:
    """Fit scikit-learn's ``LinearRegression`` to the training part (chapter 2)."""
    from sklearn.linear_model import LinearRegression

    fit: Any = LinearRegression().fit(data.X_train, data.y_train)
    return LinearFit(fit.coef_[0], fit.predict, *_errors(fit.predict, data))


def most_important_feature(coefficients: ndarray) -> int:
    """The column of the largest coefficient in absolute value; features must be standardised.

    Chapter 2, "Analyzing the most important feature".
    """
    return int(np.argmax(np.abs(np.ravel(coefficients))))


def sweep(X: ndarray, feature: int, values: ndarray) -> ndarray:
    """Rows in which one feature runs over ``values`` and the others keep their mean in ``X``."""
    rows = np.repeat(X.mean(axis=0, keepdims=True), len(values), axis=0)
    rows[:, feature] = values
    return rows


def largest_relative_difference(ours: Sequence[Any], theirs: Sequence[Any]) -> float:
    """The largest ``|ours - theirs| / |theirs|`` over all elements of all arrays.

    Infinite where the arrays do not match one to one, where only one side is 0, and where there is
    a NaN.
    """
    if [np.shape(array) for array in ours] != [np.shape(array) for array in theirs]:
        return float("inf")
    largest = 0.0
    for a, b in zip(ours, theirs, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(np.equal(a, b), 0.0, np.abs(np.subtract(a, b)) / np.abs(b))
        largest = max(largest, float(np.max(np.where(np.isnan(relative), np.inf, relative))))
    return largest


def _errors(predict: Callable[[ndarray], ndarray], data: BostonSplit) -> tuple[float, float]:
    predictions = predict(data.X_test)
    return float(mae(predictions, data.y_test)), float(rmse(predictions, data.y_test))
