"""The experiments of chapter 4, trained in NumPy and in PyTorch from the same weights and in the
same order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

import scratch.models
from datasets import MnistSplit
from parity.training.experiments import BATCH_SIZE, EVAL_EVERY, Experiment
from parity.training.sides import Side
from scratch.functions import one_hot
from scratch.losses import MeanSquaredError, softmax_cross_entropy_as_printed
from scratch.network import NeuralNetwork
from scratch.optimizers import SGD, Optimizer, SGDMomentum
from scratch.training import Trainer

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.optim.lr_scheduler import LRScheduler

    from parity.runs.loop import Running
    from parity.runs.task import History, Task

#: Called after each epoch with its number, its training loss and its validation loss.
OnEpoch = Callable[[int, float, float], None]

CLASSES = 10

#: What PyTorch's side remembers: the class of each test image when it was last measured.
PREDICTED = "predicted"


@dataclass(frozen=True)
class Trained:
    """An experiment that one side has carried out.

    Attributes:
        side: who trained.
        training_losses: the mean over each epoch's images, of the loss that is minimised.
        validation_losses: after each epoch, of the loss that the book prints.
        accuracies: after each epoch, on the test part, from 0 to 1.
        evaluated: the epochs at which the trainer looked at the validation loss.
        stopped_early: whether that ended the training.
        best_epoch: the epoch with the lowest loss of those evaluated; 0 if there is none.
        predicted: the class of each test image by the network as it stood at the end.
        seconds: that the training took, without what is measured after each epoch.
        images: how many were trained on, each counted in each epoch.
    """

    side: Side
    training_losses: list[float]
    validation_losses: list[float]
    accuracies: list[float]
    evaluated: list[int]
    stopped_early: bool
    best_epoch: int
    predicted: ndarray
    seconds: float
    images: int

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return len(self.training_losses)

    @property
    def accuracy(self) -> float:
        """Of the network as it stood at the end, which is the one that the book evaluates."""
        return self.accuracies[-1]

    @property
    def losses(self) -> list[float]:
        """The validation losses that the trainer looked at."""
        return [self.validation_losses[epoch - 1] for epoch in self.evaluated]


def first_images(data: MnistSplit, limit: int) -> MnistSplit:
    """The first ``limit`` training images and a sixth as many test images, at least one."""
    tests = max(1, limit // 6)
    return data._replace(
        X_train=data.X_train[:limit],
        y_train=data.y_train[:limit],
        X_test=data.X_test[:tests],
        y_test=data.y_test[:tests],
    )


def make_scratch(experiment: Experiment, seed: int) -> tuple[NeuralNetwork, Optimizer]:
    """The network and the optimizer of an experiment, in NumPy."""
    if experiment.squared_error:
        net = scratch.models.mnist_mean_squared_error(seed)
    else:
        net = scratch.models.mnist_dense(
            experiment.hidden, experiment.dropout, experiment.weight_init, seed
        )
    rate = experiment.rate
    if experiment.momentum is None:
        return net, SGD(rate.lr, rate.final_lr, rate.decay_type)
    return net, SGDMomentum(rate.lr, experiment.momentum, rate.final_lr, rate.decay_type)


def validation_metric(experiment: Experiment) -> Callable[[ndarray, ndarray], float]:
    """What the book prints as the validation loss, of predictions and one-hot targets: both ``(n,
    10)``. That of the softmax cross entropy has extra terms (E9).
    """
    if experiment.squared_error:
        return MeanSquaredError().forward
    return softmax_cross_entropy_as_printed


def train_scratch(
    experiment: Experiment, data: MnistSplit, epochs: int, seed: int, on_epoch: OnEpoch
) -> Trained:
    """Carry out an experiment in NumPy.

    Args:
        experiment: which one.
        data: both parts, of any size.
        epochs: at most so many.
        seed: of the weights and of the order of the images.
        on_epoch: called after each epoch.

    Raises:
        FloatingPointError: the training has diverged.
    """
    net, optimizer = make_scratch(experiment, seed)
    y_train = one_hot(data.y_train, CLASSES, data.X_train.dtype)
    y_test = one_hot(data.y_test, CLASSES, data.X_test.dtype)
    metric = validation_metric(experiment)
    validation_losses: list[float] = []
    accuracies: list[float] = []
    predicted, measuring = np.zeros(0), 0.0

    def measure(epoch: int, training_loss: float) -> None:
        nonlocal predicted, measuring
        began = time.perf_counter()
        predictions = net.forward(data.X_test, inference=True)
        predicted = predictions.argmax(axis=1)
        validation_losses.append(float(metric(predictions, y_test)))
        accuracies.append(float(np.mean(predicted == data.y_test)))
        _require_finite(epoch, validation_losses[-1])
        measuring += time.perf_counter() - began
        on_epoch(epoch, training_loss, validation_losses[-1])

    started = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is told in words
        history = Trainer(net, optimizer).fit(
            data.X_train,
            y_train,
            data.X_test,
            y_test,
            epochs=epochs,
            eval_every=EVAL_EVERY,
            batch_size=BATCH_SIZE,
            seed=seed,
            verbose=False,
            metric=metric,
            on_epoch=measure,
        )
    return Trained(
        "scratch",
        history.training_losses,
        validation_losses,
        accuracies,
        history.epochs,
        history.stopped_early,
        history.best_epoch,
        predicted,
        time.perf_counter() - started - measuring,
        len(data.X_train) * len(validation_losses),
    )


def _require_finite(epoch: int, validation_loss: float) -> None:
    if not np.isfinite(validation_loss):
        raise FloatingPointError(
            f"the validation loss after epoch {epoch} is {validation_loss}: the training has "
            "diverged"
        )


def initial_params(experiment: Experiment, dtype: Any, seed: int) -> list[ndarray]:
    """The parameters that the scratch network of an experiment starts with."""
    net, _ = make_scratch(experiment, seed)
    net.forward(np.zeros((1, 784), dtype), inference=True)
    return list(net.params())


def orders(experiment: Experiment, n: int, epochs: int, seed: int) -> list[ndarray]:
    """The order of ``n`` images in each epoch of an experiment, as ``train_scratch`` has them.

    In the book all random numbers come from one stream. Drawn in its order: a permutation; in the
    first batch for each layer, with the stream seeded anew, the parameters and dropout's mask; in
    later batches the masks; and so on with the next permutation.
    """
    stream = np.random.RandomState(seed)
    batches = [min(BATCH_SIZE, n - start) for start in range(0, n, BATCH_SIZE)]
    masked = experiment.hidden if experiment.dropout < 1 else ()
    order = np.arange(n)
    found = []
    for epoch in range(epochs):
        order = order[stream.permutation(n)]
        found.append(order)
        for batch, rows in enumerate(batches):
            if epoch == batch == 0:
                widths = (784, *experiment.hidden, CLASSES)
                for layer, (n_in, n_out) in enumerate(pairwise(widths)):
                    stream.seed(seed)
                    stream.standard_normal((n_in + 1, n_out))
                    if layer < len(masked):
                        stream.random((rows, n_out))
            else:
                for neurons in masked:
                    stream.random((rows, neurons))
    return found


def reference_task(
    experiment: Experiment,
    data: MnistSplit,
    epochs: int,
    seed: int,
    running: Running | None = None,
) -> Task:
    """An experiment in PyTorch, from the weights and in the order of ``train_scratch``.

    Dropout's masks are PyTorch's own. Arguments as for ``train_reference``.
    """
    import torch

    import reference.models
    from parity.bridge import copy_to_reference
    from parity.runs.batches import ArrayBatches
    from parity.runs.loop import IN_MEMORY
    from parity.runs.task import Task
    from reference.losses import MeanSquaredError, SoftmaxCrossEntropy

    running, dtype = running or IN_MEMORY, data.X_train.dtype
    model: nn.Module
    with torch.random.fork_rng(devices=[]):
        if experiment.squared_error:
            model = reference.models.mnist_mean_squared_error()
        else:
            model = reference.models.mnist_dense(experiment.hidden, experiment.dropout)
    copy_to_reference(initial_params(experiment, dtype, seed), model)
    model.to(running.compute.device)
    optimizer = torch_optimizer(experiment, model.parameters())
    found = orders(experiment, len(data.X_train), epochs, seed)
    X_test = torch.from_numpy(data.X_test).to(running.compute.device)
    y_test = one_hot(data.y_test, CLASSES, data.X_test.dtype)
    metric = validation_metric(experiment)
    # Kept beside the parameters, for these may go back to their best.
    remembered = {PREDICTED: torch.zeros(len(data.X_test), dtype=torch.int64)}

    def measure() -> dict[str, float]:
        predictions = model(X_test).cpu().numpy()
        predicted = predictions.argmax(axis=1)
        remembered[PREDICTED] = torch.from_numpy(predicted)
        return {
            "validation_loss": float(metric(predictions, y_test)),
            "accuracy": float(np.mean(predicted == data.y_test)),
        }

    return Task(
        model,
        optimizer,
        ArrayBatches(
            data.X_train,
            one_hot(data.y_train, CLASSES, dtype),
            BATCH_SIZE,
            lambda epoch: found[epoch],
            running.compute,
            running.processes,
        ),
        epochs,
        MeanSquaredError() if experiment.squared_error else SoftmaxCrossEntropy(),
        seed,
        scheduler=_torch_scheduler(experiment, optimizer, epochs),
        measure=measure,
        measures=("validation_loss", "accuracy"),
        stop_on="validation_loss",
        stop_every=EVAL_EVERY,
        remembered=remembered,
    )


def train_reference(
    experiment: Experiment,
    data: MnistSplit,
    epochs: int,
    seed: int,
    on_epoch: OnEpoch,
    running: Running | None = None,
) -> Trained:
    """Carry out an experiment in PyTorch, from the weights and in the order of ``train_scratch``.

    Args:
        experiment: which one.
        data: both parts, of any size.
        epochs: at most so many.
        seed: of the weights, of the order of the images and of dropout's masks.
        on_epoch: called after each epoch.
        running: on what, and where it is kept; by default in memory, on the CPU.

    Raises:
        FloatingPointError: the training has diverged.
        CheckpointError: what was kept cannot be gone on with, or not be written.
    """
    from parity.runs.loop import IN_MEMORY

    running = running or IN_MEMORY
    task = reference_task(experiment, data, epochs, seed, running)

    def on_progress(so_far: History) -> None:
        epoch, steps_of_the_next = divmod(so_far.step, task.batches.per_epoch)
        if steps_of_the_next == 0:
            validation_loss = so_far.latest["validation_loss"]
            _require_finite(epoch, validation_loss)
            on_epoch(epoch, so_far.epoch_losses[-1], validation_loss)

    history = running.train(task, on_progress)
    done = len(history.epoch_losses)
    return Trained(
        "reference",
        history.epoch_losses,
        history.by_epoch("validation_loss"),
        history.by_epoch("accuracy"),
        list(range(EVAL_EVERY, done + 1, EVAL_EVERY)),
        history.stopped_early,
        history.best_epoch,
        task.remembered[PREDICTED].numpy(),
        history.seconds,
        history.rows,
    )


def torch_optimizer(experiment: Experiment, params: Any) -> torch.optim.Optimizer:
    """The optimizer of an experiment, in PyTorch."""
    from reference.optimizers import SGD, SGDMomentum

    if experiment.momentum is None:
        return SGD(params, lr=experiment.rate.lr)
    return SGDMomentum(params, lr=experiment.rate.lr, momentum=experiment.momentum)


def _torch_scheduler(
    experiment: Experiment, optimizer: torch.optim.Optimizer, epochs: int
) -> LRScheduler | None:
    from reference.schedules import ExponentialDecay, LinearDecay

    decays = {"linear": LinearDecay, "exponential": ExponentialDecay}
    rate = experiment.rate
    if rate.decay_type is None:
        return None
    return decays[rate.decay_type](optimizer, rate.final_lr, epochs)


TRAINERS: dict[Side, Callable[[Experiment, MnistSplit, int, int, OnEpoch], Trained]] = {
    "scratch": train_scratch,
    "reference": train_reference,
}
