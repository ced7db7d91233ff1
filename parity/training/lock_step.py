"""A training on both sides, batch by batch: does each step come to the same parameters?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from datasets import MnistSplit
from parity.training.experiments import BATCH_SIZE, Experiment
from parity.training.mnist_dense import CLASSES, make_scratch, orders, torch_optimizer
from scratch.functions import one_hot
from scratch.network import NeuralNetwork
from scratch.optimizers import Optimizer

if TYPE_CHECKING:
    import torch
    from torch import nn

#: How far parameters may be apart after a step from equal ones, in float64.
LIMIT = 1e-8


@dataclass(frozen=True)
class LockStep:
    """How far the two sides get apart over the same batches, in float64.

    Attributes:
        batches: how many there were.
        in_a_step: the largest difference between a parameter on one side and on the other after a
            step that both began with equal parameters.
        in_all: the same after all steps, the sides being equal only at the start. Training itself
            may blow rounding up beyond all measure: see ``sensitivity``.
        sensitivity: how far apart two scratch networks are after all steps whose parameters differ
            at the start by less than one part in 1e15.
    """

    batches: int
    in_a_step: float
    in_all: float
    sensitivity: float

    @property
    def agree(self) -> bool:
        """Whether each step is the same on both sides."""
        return self.in_a_step < LIMIT


@dataclass(frozen=True)
class Twins:
    """What the two sides train.

    Attributes:
        make_scratch: makes the network and its optimizer, the same ones at each call.
        make_criterion: makes the loss in PyTorch.
        make_torch_optimizer: makes the optimizer in PyTorch, of these parameters.
        make_model: makes the scratch network's twin; by default ``to_reference`` does, with
            dropout's masks shared.
    """

    make_scratch: Callable[[], tuple[NeuralNetwork, Optimizer]]
    make_criterion: Callable[[], nn.Module]
    make_torch_optimizer: Callable[[Any], torch.optim.Optimizer]
    make_model: Callable[[Any], nn.Module] | None = None


def lock_step(
    experiment: Experiment,
    data: MnistSplit,
    seed: int,
    on_batch: Callable[[int], None] = lambda batch: None,
) -> LockStep:
    """Train both sides of an experiment of chapter 4 for one epoch.

    Args:
        experiment: which one; its rate stays that of the first epoch.
        data: the training part, in float64.
        seed: of the weights and of the order of the images.
        on_batch: called after each batch with its number, counted from 1.
    """
    from reference.losses import MeanSquaredError, SoftmaxCrossEntropy

    twins = Twins(
        lambda: make_scratch(experiment, seed),
        MeanSquaredError if experiment.squared_error else SoftmaxCrossEntropy,
        lambda params: torch_optimizer(experiment, params),
    )
    [order] = orders(experiment, len(data.X_train), 1, seed)
    y = one_hot(data.y_train, CLASSES, data.X_train.dtype)
    return in_lock_step(twins, data.X_train, y, cut(order, BATCH_SIZE), on_batch)


def in_lock_step(
    twins: Twins,
    X: ndarray,
    y: ndarray,
    batches: Sequence[ndarray],
    on_batch: Callable[[int], None] = lambda batch: None,
) -> LockStep:
    """Train both sides batch by batch, with dropout's masks shared.

    Args:
        twins: what is trained.
        X: images, in float64.
        y: their one-hot targets.
        batches: the rows of each.
        on_batch: as for ``lock_step``.
    """
    ours, disturbed = _ScratchSide(twins, X), _ScratchSide(twins, X)
    for param in disturbed.params:
        param *= 1 + np.finfo(param.dtype).eps
    led, free = _ReferenceSide(twins, ours), _ReferenceSide(twins, ours)
    in_a_step = 0.0
    for number, rows in enumerate(batches, start=1):
        led.follow(ours)
        ours.step(X[rows], y[rows])
        disturbed.step(X[rows], y[rows])
        for side in (led, free):
            side.step(X[rows], y[rows])
        in_a_step = float(np.maximum(in_a_step, furthest(ours.params, led.params)))
        on_batch(number)
    return LockStep(
        len(batches),
        in_a_step,
        furthest(ours.params, free.params),
        furthest(ours.params, disturbed.params),
    )


def cut(order: ndarray, size: int) -> list[ndarray]:
    """Batches of ``size`` rows; the last takes what is left."""
    return [order[start : start + size] for start in range(0, len(order), size)]


class _ScratchSide:
    def __init__(self, twins: Twins, X: ndarray) -> None:
        self.net, self.optimizer = twins.make_scratch()
        self.net.forward(X[:1], inference=True)
        self.optimizer.net = self.net
        self.params = list(self.net.params())

    def step(self, X: ndarray, y: ndarray) -> None:
        self.net.train_batch(X, y)
        self.optimizer.step()


class _ReferenceSide:
    """The twin of a scratch side, which must make each step first: its masks are used."""

    def __init__(self, twins: Twins, ours: _ScratchSide) -> None:
        from parity.bridge import to_reference

        self.model = (
            to_reference(ours.net, share_masks=True)
            if twins.make_model is None
            else twins.make_model(ours.net)
        )
        self.criterion = twins.make_criterion()
        self.optimizer = twins.make_torch_optimizer(self.model.parameters())

    @property
    def params(self) -> list[ndarray]:
        from parity.bridge import read_reference

        return read_reference(self.model)

    def follow(self, ours: _ScratchSide) -> None:
        """Take over parameters and velocities."""
        import torch

        from parity.bridge import to_torch_layout

        mine = list(self.model.parameters())
        velocities = getattr(ours.optimizer, "velocities", [])
        with torch.no_grad():
            for param, value in zip(mine, ours.params, strict=True):
                param.copy_(to_torch_layout(value, param.shape))
            for param, value in zip(mine, velocities, strict=False):
                self.optimizer.state[param]["velocity"] = to_torch_layout(value, param.shape)

    def step(self, X: ndarray, y: ndarray) -> None:
        import torch

        self.optimizer.zero_grad()
        loss = self.criterion(self.model(torch.from_numpy(X)), torch.from_numpy(y))
        loss.backward()
        self.optimizer.step()


def furthest(ours: list[ndarray], theirs: list[ndarray]) -> float:
    """The largest difference between two parameters; NaN where there is one on either side."""
    return float(np.max([np.max(np.abs(a - b)) for a, b in zip(ours, theirs, strict=True)]))
