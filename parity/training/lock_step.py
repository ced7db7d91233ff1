"""One epoch of an experiment of chapter 4 on both sides, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from datasets import MnistSplit
from parity.training.experiments import BATCH_SIZE, Experiment
from parity.training.mnist_dense import CLASSES, make_scratch, orders, torch_optimizer
from scratch.functions import one_hot

#: How far parameters may be apart after a step from equal ones, in float64.
LIMIT = 1e-8


@dataclass(frozen=True)
class LockStep:
    """How far the two sides get apart in one epoch of the same batches, in float64.

    Attributes:
        batches: how many there were.
        in_a_step: the largest difference between a parameter on one side and on the other after a
            step that both began with equal parameters.
        in_the_epoch: the same after all steps, the sides being equal only at the start. Training
            itself may blow rounding up beyond all measure: see ``sensitivity``.
        sensitivity: how far apart two scratch networks are after all steps whose parameters differ
            at the start by less than one part in 1e15.
    """

    batches: int
    in_a_step: float
    in_the_epoch: float
    sensitivity: float

    @property
    def agree(self) -> bool:
        """Whether each step is the same on both sides."""
        return self.in_a_step < LIMIT


def lock_step(
    experiment: Experiment,
    data: MnistSplit,
    seed: int,
    on_batch: Callable[[int], None] = lambda batch: None,
) -> LockStep:
    """Train both sides for one epoch, batch by batch, with dropout's masks shared.

    Args:
        experiment: which one; its rate stays that of the first epoch.
        data: the training part, in float64.
        seed: of the weights and of the order of the images.
        on_batch: called after each batch with its number, counted from 1.
    """
    X, y = data.X_train, one_hot(data.y_train, CLASSES, data.X_train.dtype)
    ours = _ScratchSide(experiment, X, seed)
    disturbed = _ScratchSide(experiment, X, seed)
    for param in disturbed.params:
        param *= 1 + np.finfo(param.dtype).eps
    led, free = _ReferenceSide(experiment, ours), _ReferenceSide(experiment, ours)
    in_a_step = 0.0
    batches = _batches(experiment, len(X), seed)
    for number, rows in enumerate(batches, start=1):
        led.follow(ours)
        ours.step(X[rows], y[rows])
        disturbed.step(X[rows], y[rows])
        for side in (led, free):
            side.step(X[rows], y[rows])
        in_a_step = float(np.maximum(in_a_step, _largest_difference(ours.params, led.params)))
        on_batch(number)
    return LockStep(
        len(batches),
        in_a_step,
        _largest_difference(ours.params, free.params),
        _largest_difference(ours.params, disturbed.params),
    )


class _ScratchSide:
    def __init__(self, experiment: Experiment, X: ndarray, seed: int) -> None:
        self.net, self.optimizer = make_scratch(experiment, seed)
        self.net.forward(X[:1], inference=True)
        self.optimizer.net = self.net
        self.params = list(self.net.params())

    def step(self, X: ndarray, y: ndarray) -> None:
        self.net.train_batch(X, y)
        self.optimizer.step()


class _ReferenceSide:
    """The twin of a scratch side, which must make each step first: its masks are used."""

    def __init__(self, experiment: Experiment, ours: _ScratchSide) -> None:
        from parity.bridge import to_reference
        from reference.losses import MeanSquaredError, SoftmaxCrossEntropy

        self.model = to_reference(ours.net, share_masks=True)
        self.criterion = MeanSquaredError() if experiment.squared_error else SoftmaxCrossEntropy()
        self.optimizer = torch_optimizer(experiment, self.model.parameters())

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


def _largest_difference(ours: list[ndarray], theirs: list[ndarray]) -> float:
    """NaN where there is one on either side."""
    return float(np.max([np.max(np.abs(a - b)) for a, b in zip(ours, theirs, strict=True)]))


def _batches(experiment: Experiment, n: int, seed: int) -> list[ndarray]:
    [order] = orders(experiment, n, 1, seed)
    return [order[start : start + BATCH_SIZE] for start in range(0, n, BATCH_SIZE)]
