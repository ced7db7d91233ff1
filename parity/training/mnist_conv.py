"""The experiment of chapter 5, trained in NumPy and in PyTorch from the same weights and in the
same order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from parity.training.lock_step import LockStep, Twins, cut, in_lock_step
from parity.training.mnist_dense import CLASSES
from parity.training.sides import Side
from scratch.activations import Tanh
from scratch.conv import Conv2D, Conv2DOperation
from scratch.functions import one_hot
from scratch.losses import softmax_cross_entropy_as_printed
from scratch.network import NeuralNetwork
from scratch.optimizers import Optimizer, SGDMomentum

if TYPE_CHECKING:
    import torch

#: Called after each batch with how many there were, its training loss, and the accuracy when it was
#: last measured, NaN before.
OnBatch = Callable[[int, float, float], None]

#: So many images at a time are predicted: the maps of 10,000 would take gigabytes.
BLOCK = 500

#: The lock-step takes no longer than a glance.
LOCK_STEP_BATCHES = 20


@dataclass(frozen=True)
class Trained:
    """The experiment, carried out by one side.

    Attributes:
        side: who trained.
        training_losses: of each batch, as it was before its step.
        accuracies: on the test part, from 0 to 1, by the number of batches as the book counts.
        validation_loss: after the last batch, of the loss that the book prints.
        accuracy: after the last batch.
        predicted: the class of each test image after the last batch.
        params: after the last batch, in the book's order and shapes: filters, ``W``, ``B``.
        seconds: that the training took, without the evaluations.
        images: how many were trained on.
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


def make_scratch(experiment: ConvExperiment, seed: int) -> tuple[NeuralNetwork, Optimizer]:
    """The network and the optimizer, in NumPy."""
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
    return net, SGDMomentum(LEARNING_RATE, MOMENTUM)


def initial_params(experiment: ConvExperiment, dtype: Any, seed: int) -> list[ndarray]:
    """The parameters that the scratch network starts with."""
    net, _ = make_scratch(experiment, seed)
    net.forward(np.zeros((1, 1, 28, 28), dtype), inference=True)
    return list(net.params())


def order(n: int, seed: int) -> ndarray:
    """The order of ``n`` images: the first draw of the book's one stream, which each layer then
    seeds anew.
    """
    return np.random.RandomState(seed).permutation(n)


def train_scratch(
    experiment: ConvExperiment, data: MnistSplit, seed: int, on_batch: OnBatch
) -> Trained:
    """Carry out the experiment in NumPy.

    Args:
        experiment: how.
        data: both parts, as images, of any size.
        seed: of the weights, of the order of the images and of dropout's masks.
        on_batch: called after each batch.

    Raises:
        FloatingPointError: the training has diverged.
    """
    net, optimizer = make_scratch(experiment, seed)
    optimizer.net = net

    def step(X: ndarray, y: ndarray) -> float:
        loss = net.train_batch(X, y)
        optimizer.step()
        return loss

    with np.errstate(over="ignore", invalid="ignore"):  # divergence is told in words
        trained = _one_epoch(
            "scratch", data, seed, step, lambda X: net.forward(X, inference=True), on_batch
        )
    return replace(trained, params=[param.copy() for param in net.params()])


def train_reference(
    experiment: ConvExperiment, data: MnistSplit, seed: int, on_batch: OnBatch
) -> Trained:
    """Carry out the experiment in PyTorch, from the weights and in the order of ``train_scratch``.

    Dropout's masks are PyTorch's own. Arguments and errors as for ``train_scratch``.

    Raises:
        ValueError: the experiment asks for the printed gradients, which PyTorch does not compute.
    """
    if experiment.gradients != "right":
        raise ValueError("PyTorch computes the right gradients only")
    import torch

    import reference.models
    from parity.bridge import copy_to_reference, read_reference
    from reference.losses import SoftmaxCrossEntropy
    from reference.training import predict

    with torch.random.fork_rng(devices=[]):
        model = reference.models.mnist_conv(experiment.channels, experiment.dropout)
    copy_to_reference(initial_params(experiment, data.X_train.dtype, seed), model)
    criterion, optimizer = SoftmaxCrossEntropy(), torch_optimizer(model.parameters())

    def step(X: ndarray, y: ndarray) -> float:
        optimizer.zero_grad()
        loss = criterion(model(torch.from_numpy(X)), torch.from_numpy(y))
        loss.backward()
        optimizer.step()
        return float(loss.item())

    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        trained = _one_epoch(
            "reference",
            data,
            seed,
            step,
            lambda X: predict(model, torch.from_numpy(X)).numpy(),
            on_batch,
        )
    return replace(trained, params=read_reference(model))


def torch_optimizer(params: Any) -> torch.optim.Optimizer:
    """The optimizer, in PyTorch."""
    from reference.optimizers import SGDMomentum

    return SGDMomentum(params, lr=LEARNING_RATE, momentum=MOMENTUM)


def _one_epoch(
    side: Side,
    data: MnistSplit,
    seed: int,
    step: Callable[[ndarray, ndarray], float],
    predict: Callable[[ndarray], ndarray],
    on_batch: OnBatch,
) -> Trained:
    """Train batch by batch. The book counts batches from 0 and measures when batch 100 is done, so
    its "after 100 batches" is after 101 steps, and ours too.
    """
    y_train = one_hot(data.y_train, CLASSES, data.X_train.dtype)
    losses: list[float] = []
    accuracies: dict[int, float] = {}
    accuracy, seconds = np.nan, 0.0
    for number, rows in enumerate(cut(order(len(data.X_train), seed), BATCH_SIZE)):
        started = time.perf_counter()
        losses.append(float(step(data.X_train[rows], y_train[rows])))
        seconds += time.perf_counter() - started
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(
                f"the training loss of batch {number + 1} is {losses[-1]}: the training has "
                "diverged"
            )
        if number > 0 and number % EVAL_EVERY == 0:
            right = predict_in_blocks(predict, data.X_test).argmax(axis=1) == data.y_test
            accuracies[number] = accuracy = float(np.mean(right))
        on_batch(number + 1, losses[-1], accuracy)
    predictions = predict_in_blocks(predict, data.X_test)
    predicted = predictions.argmax(axis=1)
    y_test = one_hot(data.y_test, CLASSES, data.X_test.dtype)
    return Trained(
        side,
        losses,
        accuracies,
        softmax_cross_entropy_as_printed(predictions, y_test),
        float(np.mean(predicted == data.y_test)),
        predicted,
        [],
        seconds,
        len(data.X_train),
    )


def predict_in_blocks(predict: Callable[[ndarray], ndarray], X: ndarray) -> ndarray:
    """Predictions for many images, ``BLOCK`` at a time."""
    return np.concatenate([predict(X[start : start + BLOCK]) for start in range(0, len(X), BLOCK)])


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
    from reference.losses import SoftmaxCrossEntropy

    twins = Twins(lambda: make_scratch(experiment, seed), SoftmaxCrossEntropy, torch_optimizer)
    rows = order(len(data.X_train), seed)[: LOCK_STEP_BATCHES * BATCH_SIZE]
    X, y = data.X_train[rows].astype(np.float64), one_hot(data.y_train[rows], CLASSES)
    return in_lock_step(twins, X, y, cut(np.arange(len(rows)), BATCH_SIZE), on_batch)


def feature_maps(filters: ndarray, image: ndarray) -> ndarray:
    """What the first layer makes of an image.

    Args:
        filters: shape ``(1, out, height, width)``.
        image: shape ``(1, rows, columns)``.

    Returns:
        Shape ``(out, rows, columns)``, from -1 to 1.
    """
    maps: ndarray = np.tanh(Conv2DOperation(filters).forward(image[np.newaxis])[0])
    return maps


TRAINERS: dict[Side, Callable[[ConvExperiment, MnistSplit, int, OnBatch], Trained]] = {
    "scratch": train_scratch,
    "reference": train_reference,
}
