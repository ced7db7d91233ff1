"""The autoencoder of chapter 7, trained in NumPy and in PyTorch from the same weights and in the
same order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from datasets import MnistSplit
from parity.training.conv_outputs import predict_in_blocks
from parity.training.lock_step import LockStep, Twins, cut, in_lock_step
from parity.training.mnist_conv import order, require_finite
from parity.training.sides import Side
from scratch.autoencoder import Autoencoder
from scratch.optimizers import Optimizer, SGDMomentum

if TYPE_CHECKING:
    import torch

    from parity.runs.loop import Running
    from parity.runs.task import Task
    from reference.autoencoder import Autoencoder as TorchAutoencoder

#: Called after each batch with how many there were, and its training loss.
OnBatch = Callable[[int, float], None]

SEED = 20190507
HIDDEN = 28
BATCH_SIZE = 60
LEARNING_RATE = 0.01
MOMENTUM = 0.9

#: So many random codes are decoded for figure 7.5, so many images are shown beside their
#: reconstructions in a picture like figure 7.3.
RANDOM_CODES = 5
SHOWN = 8

#: The lock-step takes no longer than a glance.
LOCK_STEP_BATCHES = 5


@dataclass(frozen=True)
class Trained:
    """The autoencoder, trained by one side.

    Attributes:
        side: who trained.
        training_losses: of each batch, as it was before its step: the mean squared error of a
            pixel between -1 and 1.
        validation_losses: on the test part after each epoch.
        codes: of the test images, ``(n, hidden)``.
        reconstructions: of the first test images, ``(SHOWN, 1, 28, 28)``.
        decoded: what becomes of random codes, ``(RANDOM_CODES, 1, 28, 28)``.
        params: after the last batch, in the book's order and shapes.
        seconds: that the training took, without the evaluations.
        images: how many were trained on, each counted in each epoch.
        loading: of the seconds, those until the batches were there.
    """

    side: Side
    training_losses: list[float]
    validation_losses: list[float]
    codes: ndarray
    reconstructions: ndarray
    decoded: ndarray
    params: list[ndarray]
    seconds: float
    images: int
    loading: float = 0.0

    @property
    def validation_loss(self) -> float:
        """After the last epoch."""
        return self.validation_losses[-1]


def recipe(hidden: int) -> str:
    """Everything that is needed to do it again, but for the epochs."""
    return (
        f"convolutions of 5 by 5 to 14 and 7 maps, a code of {hidden}, and the way back, all tanh; "
        f"mean squared error of a pixel; PyTorch's initial weights; SGD {LEARNING_RATE:g} with "
        f"momentum {MOMENTUM:g}; batches of {BATCH_SIZE}"
    )


def scaled(data: MnistSplit) -> MnistSplit:
    """The images in shape ``(1, 28, 28)``, each pixel between -1 and 1.

    Chapter 7, "Implementing an Autoencoder in PyTorch".
    """
    low, high = data.X_train.min(), data.X_train.max()

    def between(X: ndarray) -> ndarray:
        unit: ndarray = (X.reshape(-1, 1, 28, 28) - low) / (high - low)
        return unit * 2 - 1

    return data._replace(X_train=between(data.X_train), X_test=between(data.X_test))


def random_codes(hidden: int, dtype: Any, seed: int) -> ndarray:
    """Codes of no image: numbers between -1 and 1, ``(RANDOM_CODES, hidden)``."""
    drawn = np.random.default_rng(seed).uniform(-1, 1, (RANDOM_CODES, hidden))
    return drawn.astype(dtype)


def initial_model(hidden: int, dtype: Any, seed: int) -> TorchAutoencoder:
    """With the weights that PyTorch draws, which both sides begin with."""
    import torch

    from reference.autoencoder import Autoencoder as TorchAutoencoder

    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        return TorchAutoencoder(hidden).to(getattr(torch, np.dtype(dtype).name))


def make_scratch(hidden: int, seed: int, dtype: Any = np.float64) -> tuple[Autoencoder, Optimizer]:
    """The network and the optimizer, in NumPy."""
    from parity.bridge import copy_to_scratch

    net = Autoencoder(hidden, seed=seed)
    net.forward(np.zeros((1, 1, 28, 28), dtype))
    copy_to_scratch(initial_model(hidden, dtype, seed), net)
    optimizer = SGDMomentum(LEARNING_RATE, MOMENTUM)
    optimizer.net = net
    return net, optimizer


def train_scratch(
    hidden: int, data: MnistSplit, seed: int, on_batch: OnBatch, epochs: int = 1
) -> Trained:
    """Train the autoencoder in NumPy.

    Args:
        hidden: numbers in a code.
        data: both parts, as ``scaled`` gives them, of any size.
        seed: of the weights, of the order of the images, and of the random codes.
        on_batch: called after each batch.
        epochs: how many.

    Raises:
        FloatingPointError: the training has diverged.
    """
    dtype = data.X_train.dtype
    net, optimizer = make_scratch(hidden, seed, dtype)
    losses: list[float] = []
    validation_losses: list[float] = []
    seconds = 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is told in words
        for epoch in range(epochs):
            for rows in cut(order(len(data.X_train), seed, epoch), BATCH_SIZE):
                started = time.perf_counter()
                images = data.X_train[rows]
                losses.append(float(net.train_batch(images, images)))
                optimizer.step()
                seconds += time.perf_counter() - started
                require_finite(losses)
                on_batch(len(losses), losses[-1])
            validation_losses.append(
                reconstruction_loss(lambda X: net.forward(X, inference=True), data.X_test)
            )
    return Trained(
        "scratch",
        losses,
        validation_losses,
        predict_in_blocks(net.encode, data.X_test),
        net.forward(data.X_test[:SHOWN], inference=True),
        net.decode(random_codes(hidden, dtype, seed)),
        [param.copy() for param in net.params()],
        seconds,
        epochs * len(data.X_train),
    )


def reconstruction_loss(reconstruct: Callable[[ndarray], ndarray], X: ndarray) -> float:
    """The mean squared error of a pixel."""

    def errors(block: ndarray) -> ndarray:
        difference = reconstruct(block) - block
        found: ndarray = np.mean(difference * difference, axis=(1, 2, 3))
        return found

    return float(np.mean(predict_in_blocks(errors, X)))


def reference_task(
    hidden: int, data: MnistSplit, seed: int, epochs: int = 1, running: Running | None = None
) -> Task:
    """The training in PyTorch, from the weights and in the order of ``train_scratch``.

    Arguments as for ``train_reference``.
    """
    from torch import nn

    from parity.runs.batches import ArrayBatches
    from parity.runs.loop import IN_MEMORY
    from parity.runs.task import Task

    running = running or IN_MEMORY
    model = initial_model(hidden, data.X_train.dtype, seed).to(running.compute.device)

    def measure() -> dict[str, float]:
        loss = reconstruction_loss(lambda X: _apply(model, model, X, 0), data.X_test)
        return {"validation_loss": loss}

    return Task(
        model,
        torch_optimizer(model.parameters()),
        ArrayBatches(
            data.X_train,
            data.X_train,
            BATCH_SIZE,
            lambda epoch: order(len(data.X_train), seed, epoch),
            running.compute,
            running.processes,
        ),
        epochs,
        nn.MSELoss(),
        seed,
        measure=measure,
        measures=("validation_loss",),
    )


def train_reference(
    hidden: int,
    data: MnistSplit,
    seed: int,
    on_batch: OnBatch,
    epochs: int = 1,
    running: Running | None = None,
) -> Trained:
    """Train the autoencoder in PyTorch.

    Args:
        hidden: as for ``train_scratch``, like ``data``, ``seed``, ``on_batch`` and ``epochs``.
        data: both parts.
        seed: of the weights, of the order, and of the random codes.
        on_batch: called after each batch.
        epochs: how many.
        running: on what, and where it is kept; by default in memory, on the CPU.

    Raises:
        FloatingPointError: the training has diverged.
        CheckpointError: what was kept cannot be gone on with, or not be written.
    """
    from parity.bridge import read_reference
    from parity.runs.loop import IN_MEMORY

    running = running or IN_MEMORY
    task = reference_task(hidden, data, seed, epochs, running)
    history = running.train(task, lambda so_far: on_batch(so_far.step, so_far.losses[-1]))
    model: Any = task.model.cpu().eval()
    return Trained(
        "reference",
        history.losses,
        history.by_epoch("validation_loss"),
        encode(model, data.X_test),
        _apply(model, model, data.X_test[:SHOWN], 0),
        _apply(model, model.decoder, random_codes(hidden, data.X_train.dtype, seed)),
        read_reference(model),
        history.seconds,
        history.rows,
        history.loading,
    )


def encode(model: TorchAutoencoder, X: ndarray) -> ndarray:
    """The codes of images, by a model in PyTorch, back in memory."""
    return predict_in_blocks(lambda block: _apply(model, model.encoder, block), X)


def _apply(model: Any, part: Any, X: ndarray, of_several: int | None = None) -> ndarray:
    """What a part of a model makes of an array, on the model's device, back in memory."""
    import torch

    device = next(model.parameters()).device
    with torch.no_grad():
        output = part(torch.from_numpy(X).to(device))
        if of_several is not None:
            output = output[of_several]
        found: ndarray = output.cpu().numpy()
    return found


def torch_optimizer(params: Any) -> torch.optim.Optimizer:
    """The optimizer, in PyTorch."""
    from reference.optimizers import SGDMomentum

    return SGDMomentum(params, lr=LEARNING_RATE, momentum=MOMENTUM)


def lock_step(
    hidden: int,
    data: MnistSplit,
    seed: int,
    on_batch: Callable[[int], None] = lambda batch: None,
    batches: int = LOCK_STEP_BATCHES,
) -> LockStep:
    """The first batches on both sides, in float64, whatever the data's type.

    Args:
        hidden: numbers in a code.
        data: both parts, as ``scaled`` gives them.
        seed: as for ``train_scratch``.
        on_batch: called after each batch with its number, counted from 1.
        batches: how many.
    """
    from torch import Tensor, nn

    from parity.bridge import autoencoder_to_reference

    class OfReconstruction(nn.MSELoss):
        def forward(self, output: Any, target: Tensor) -> Tensor:
            return super().forward(output[0], target)

    twins = Twins(
        lambda: make_scratch(hidden, seed),
        OfReconstruction,
        torch_optimizer,
        autoencoder_to_reference,
    )
    rows = order(len(data.X_train), seed)[: batches * BATCH_SIZE]
    X = data.X_train[rows].astype(np.float64)
    return in_lock_step(twins, X, X, cut(np.arange(len(rows)), BATCH_SIZE), on_batch)
