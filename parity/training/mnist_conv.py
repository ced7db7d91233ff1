"""The experiments of chapters 5 and 7, trained in NumPy and in PyTorch from the same weights and in
the same order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

import scratch.models
from datasets import MnistSplit
from parity.training.conv_experiment import (
    BATCH_SIZE,
    EVAL_EVERY,
    FILTER_SIZE,
    LEARNING_RATE,
    MOMENTUM,
    ConvExperiment,
)
from parity.training.conv_outputs import predict_reference, predict_scratch, validation_loss
from parity.training.lock_step import LockStep, Twins, cut, in_lock_step
from parity.training.mnist_dense import CLASSES
from parity.training.sides import Side
from scratch.activations import Tanh
from scratch.conv import Conv2D
from scratch.functions import one_hot
from scratch.network import NeuralNetwork
from scratch.optimizers import Optimizer, SGDMomentum

if TYPE_CHECKING:
    import torch
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import Task

#: Called after each batch with how many there were, its training loss, and the accuracy when it was
#: last measured, NaN before.
OnBatch = Callable[[int, float, float], None]

#: The lock-step takes no longer than a glance.
LOCK_STEP_BATCHES = 20


@dataclass(frozen=True)
class Trained:
    """The experiment, carried out by one side.

    Attributes:
        side: who trained.
        training_losses: of each batch, as it was before its step.
        accuracies: on the test part, from 0 to 1, by the number of batches as the book counts.
        validation_loss: after the last batch; in chapter 5 of the loss that the book prints.
        accuracy: after the last batch.
        predicted: the class of each test image after the last batch.
        params: after the last batch, in the book's order and shapes, layer by layer.
        seconds: that the training took, without the evaluations.
        images: how many were trained on, each counted in each epoch.
        loading: of the seconds, those until the batches were there.
    """

    side: Side
    training_losses: list[float]
    accuracies: dict[int, float]
    validation_loss: float
    accuracy: float
    predicted: ndarray
    params: list[ndarray]
    seconds: float
    images: int
    loading: float = 0.0


def as_images(data: MnistSplit) -> MnistSplit:
    """The same numbers, an image no longer in a row but in shape ``(1, 28, 28)``."""
    return data._replace(
        X_train=data.X_train.reshape(-1, 1, 28, 28), X_test=data.X_test.reshape(-1, 1, 28, 28)
    )


class Conv2DAsPrinted(Conv2D):
    """A convolutional layer with appendix A's gradient on its filters, which pairs one image's
    patches with another's gradients (E16).
    """

    def _setup_layer(self, input_: ndarray) -> None:
        # It stands in the catalogue already, where learners' files are compared with it.
        from parity.mutants.conv.operation import PatchesInOtherOrder

        super()._setup_layer(input_)
        self.operations[0] = PatchesInOtherOrder(self.params[0])
        self._params()


def make_scratch(
    experiment: ConvExperiment, seed: int, dtype: Any = np.float64
) -> tuple[NeuralNetwork, Optimizer]:
    """The network and the optimizer, in NumPy. Chapter 5's is of the type that it first sees."""
    optimizer = SGDMomentum(LEARNING_RATE, MOMENTUM)
    if experiment.network == "chapter-7":
        return _scratch_of_chapter_7(experiment, seed, dtype), optimizer
    net = scratch.models.mnist_conv(
        experiment.channels, experiment.dropout, experiment.weight_init, seed
    )
    if experiment.gradients == "as-printed":
        convolution = Conv2DAsPrinted(
            experiment.channels,
            FILTER_SIZE,
            Tanh(),
            dropout=experiment.dropout,
            weight_init=experiment.weight_init,
            flatten=True,
        )
        net = NeuralNetwork([convolution, *net.layers[1:]], net.loss, seed)
    return net, optimizer


def _scratch_of_chapter_7(experiment: ConvExperiment, seed: int, dtype: Any) -> NeuralNetwork:
    """With the weights that PyTorch draws."""
    from parity.bridge import copy_to_scratch

    net = scratch.models.mnist_conv_net(experiment.dropout, seed)
    net.forward(np.zeros((1, 1, 28, 28), dtype), inference=True)
    copy_to_scratch(_reference_of_chapter_7(experiment, seed), net)
    return net


def _reference_of_chapter_7(experiment: ConvExperiment, seed: int) -> nn.Module:
    import torch

    from reference.models import MNIST_ConvNet

    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        return MNIST_ConvNet(experiment.dropout)


def initial_params(experiment: ConvExperiment, dtype: Any, seed: int) -> list[ndarray]:
    """The parameters that the scratch network starts with."""
    net, _ = make_scratch(experiment, seed, dtype)
    net.forward(np.zeros((1, 1, 28, 28), dtype), inference=True)
    return list(net.params())


def order(n: int, seed: int, epoch: int = 0) -> ndarray:
    """The order of ``n`` images in an epoch, counted from 0: in the first one, it is the first draw
    of the book's one stream, which each layer then seeds anew.
    """
    if epoch == 0:
        return np.random.RandomState(seed).permutation(n)
    return np.random.default_rng([seed, epoch]).permutation(n)


def measured_after(batch: int) -> bool:
    """Whether the accuracy is measured after a batch, counted from 1. The book counts from 0 and
    measures when batch 100 is done, so its "after 100 batches" is after 101 steps, and ours too.
    """
    return batch > 1 and (batch - 1) % EVAL_EVERY == 0


def train_scratch(
    experiment: ConvExperiment, data: MnistSplit, seed: int, on_batch: OnBatch, epochs: int = 1
) -> Trained:
    """Carry out the experiment in NumPy.

    Args:
        experiment: how.
        data: both parts, as images, of any size.
        seed: of the weights, of the order of the images and of dropout's masks.
        on_batch: called after each batch.
        epochs: how many.

    Raises:
        FloatingPointError: the training has diverged.
    """
    net, optimizer = make_scratch(experiment, seed, data.X_train.dtype)
    optimizer.net = net
    y_train = one_hot(data.y_train, CLASSES, data.X_train.dtype)
    losses: list[float] = []
    accuracies: dict[int, float] = {}
    accuracy, seconds = np.nan, 0.0
    predictions = np.empty(0)
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is told in words
        for epoch in range(epochs):
            batches = cut(order(len(data.X_train), seed, epoch), BATCH_SIZE)
            for number, rows in enumerate(batches, start=1):
                started = time.perf_counter()
                losses.append(float(net.train_batch(data.X_train[rows], y_train[rows])))
                optimizer.step()
                seconds += time.perf_counter() - started
                require_finite(losses)
                if measured_after(number) or number == len(batches):
                    predictions = predict_scratch(net, data.X_test)
                    accuracy = float(np.mean(predictions.argmax(axis=1) == data.y_test))
                if measured_after(number):
                    accuracies[len(losses) - 1] = accuracy
                on_batch(len(losses), losses[-1], accuracy)
        return Trained(
            "scratch",
            losses,
            accuracies,
            validation_loss(experiment, predictions, data.y_test),
            accuracy,
            predictions.argmax(axis=1),
            [param.copy() for param in net.params()],
            seconds,
            epochs * len(data.X_train),
        )


def reference_task(
    experiment: ConvExperiment,
    data: MnistSplit,
    seed: int,
    epochs: int = 1,
    running: Running | None = None,
) -> Task:
    """The experiment in PyTorch, from the weights and in the order of ``train_scratch``.

    Dropout's masks are PyTorch's own. Arguments as for ``train_reference``.

    Raises:
        ValueError: the experiment asks for the printed gradients, which PyTorch does not compute.
    """
    if experiment.gradients != "right":
        raise ValueError("PyTorch computes the right gradients only")
    import torch
    from torch import nn

    import reference.models
    from parity.bridge import copy_to_reference
    from parity.runs.batches import ArrayBatches
    from parity.runs.loop import IN_MEMORY
    from parity.runs.task import Task

    running, dtype = running or IN_MEMORY, data.X_train.dtype
    model: nn.Module
    if experiment.network == "chapter-7":
        model = _reference_of_chapter_7(experiment, seed).to(getattr(torch, dtype.name))
    else:
        with torch.random.fork_rng(devices=[]):
            model = reference.models.mnist_conv(experiment.channels, experiment.dropout)
        copy_to_reference(initial_params(experiment, dtype, seed), model)
    model.to(running.compute.device)

    def measure() -> dict[str, float]:
        predictions = predict_reference(model, data.X_test)
        right = predictions.argmax(axis=1) == data.y_test
        return {
            "validation_loss": validation_loss(experiment, predictions, data.y_test),
            "accuracy": float(np.mean(right)),
        }

    return Task(
        model,
        torch_optimizer(model.parameters()),
        ArrayBatches(
            data.X_train,
            data.y_train.astype(np.int64),
            BATCH_SIZE,
            lambda epoch: order(len(data.X_train), seed, epoch),
            running.compute,
            running.processes,
        ),
        epochs,
        nn.CrossEntropyLoss(),
        seed,
        measure=measure,
        measures=("validation_loss", "accuracy"),
        measured_after=measured_after,
    )


def train_reference(
    experiment: ConvExperiment,
    data: MnistSplit,
    seed: int,
    on_batch: OnBatch,
    epochs: int = 1,
    running: Running | None = None,
) -> Trained:
    """Carry out the experiment in PyTorch.

    Args:
        experiment: how.
        data: both parts, as images, of any size.
        seed: as for ``train_scratch``.
        on_batch: called after each batch.
        epochs: how many.
        running: on what, and where it is kept; by default in memory, on the CPU.

    Raises:
        FloatingPointError: the training has diverged.
        CheckpointError: what was kept cannot be gone on with, or not be written.
        ValueError: as for ``reference_task``.
    """
    from parity.bridge import read_reference
    from parity.runs.loop import IN_MEMORY

    running = running or IN_MEMORY
    task = reference_task(experiment, data, seed, epochs, running)
    history = running.train(
        task,
        lambda so_far: on_batch(
            so_far.step, so_far.losses[-1], so_far.latest.get("accuracy", math.nan)
        ),
    )
    model = task.model.cpu()
    predicted = predict_reference(model, data.X_test).argmax(axis=1)
    per_epoch = task.batches.per_epoch
    return Trained(
        "reference",
        history.losses,
        {
            measured.step - 1: measured.values["accuracy"]
            for measured in history.measured
            if measured_after((measured.step - 1) % per_epoch + 1)
        },
        history.latest["validation_loss"],
        history.latest["accuracy"],
        predicted,
        read_reference(model),
        history.seconds,
        history.rows,
        history.loading,
    )


def torch_optimizer(params: Any) -> torch.optim.Optimizer:
    """The optimizer, in PyTorch."""
    from reference.optimizers import SGDMomentum

    return SGDMomentum(params, lr=LEARNING_RATE, momentum=MOMENTUM)


def require_finite(losses: list[float]) -> None:
    """Refuse to go on when the last loss is not finite."""
    if not np.isfinite(losses[-1]):
        raise FloatingPointError(
            f"the training loss of step {len(losses)} is {losses[-1]}: the training has diverged"
        )


def lock_step(
    experiment: ConvExperiment,
    data: MnistSplit,
    seed: int,
    on_batch: Callable[[int], None] = lambda batch: None,
) -> LockStep:
    """The first batches on both sides, in float64, whatever the data's type.

    Args:
        experiment: how.
        data: both parts, as images.
        seed: as for ``train_scratch``.
        on_batch: called after each batch with its number, counted from 1.
    """
    import reference.losses

    twins = Twins(
        lambda: make_scratch(experiment, seed),
        reference.losses.SoftmaxCrossEntropy,
        torch_optimizer,
    )
    rows = order(len(data.X_train), seed)[: LOCK_STEP_BATCHES * BATCH_SIZE]
    X, y = data.X_train[rows].astype(np.float64), one_hot(data.y_train[rows], CLASSES)
    return in_lock_step(twins, X, y, cut(np.arange(len(rows)), BATCH_SIZE), on_batch)


TRAINERS: dict[Side, Callable[[ConvExperiment, MnistSplit, int, OnBatch], Trained]] = {
    "scratch": train_scratch,
    "reference": train_reference,
}
