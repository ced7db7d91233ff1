"""What is trained: a model, its optimizer, its batches, and what is measured on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class Batch(NamedTuple):
    """What one process takes of one step.

    Attributes:
        inputs: on the device.
        targets: on the device.
        share: how much of the joined batch of all processes these rows are, from 0 to 1. A process
            for which no row is left gets some row and a share of 0.
        rows: of the joined batch.
        first: whether a text begins anew.
    """

    inputs: Tensor
    targets: Tensor
    share: float
    rows: int
    first: bool = False


class Batches(Protocol):
    """The data in the order in which they are trained on, which is the same whenever it is asked
    for; so the number of steps is all that a checkpoint needs to know of it.
    """

    @property
    def per_epoch(self) -> int:
        """How many steps an epoch has."""

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0, from the batch ``start`` on."""


Measures = Mapping[str, float]


@dataclass
class Task:
    """One training.

    Attributes:
        model: on its device, in its type, with its initial parameters.
        optimizer: of the model's parameters.
        batches: what is trained on.
        epochs: how many passes.
        loss: of the model's output, or the first of several, and the targets.
        reduction: whether ``loss`` is the mean over the rows or their sum, which says how the
            gradients of several processes add up.
        divide_by: what the loss that is told is divided by, for sums; 1 where it is the mean.
        scheduler: of the learning rate, stepped after each epoch.
        clip: called between the backward pass and the step.
        measure: on the test part, in evaluation mode, by name.
        measures: the names, always the same.
        measured_after: whether to measure after a step within an epoch, counted from 1 in the
            epoch; at the end of an epoch it is always done.
        stop_on: the name of the measure by which the training ends when it does not fall any more,
            with the model going back to its best parameters.
        stop_every: in so many epochs that measure is looked at.
        begin_anew: called before a batch that is ``first``.
        seed: of all that is drawn in training: dropout's masks.
        remembered: tensors that ``measure`` leaves for later, by name; a run that is gone on with
            has them again.
        steps_in_pass: over the data, where an epoch of the loop is not one pass.
    """

    model: nn.Module
    optimizer: Optimizer
    batches: Batches
    epochs: int
    loss: Callable[[Tensor, Tensor], Tensor]
    seed: int
    reduction: Literal["mean", "sum"] = "mean"
    divide_by: Callable[[Batch], float] = lambda batch: 1.0
    scheduler: LRScheduler | None = None
    clip: Callable[[], object] | None = None
    measure: Callable[[], Measures] | None = None
    measures: Sequence[str] = ()
    measured_after: Callable[[int], bool] = lambda batch: False
    stop_on: str | None = None
    stop_every: int = 1
    begin_anew: Callable[[], None] | None = None
    remembered: dict[str, Tensor] = field(default_factory=dict)
    steps_in_pass: int | None = None

    @property
    def steps(self) -> int:
        """How many there are in all, if the training does not stop early."""
        return self.epochs * self.batches.per_epoch


@dataclass
class Measured:
    """What was measured after a step; ``end`` if that was the last of its epoch."""

    step: int
    values: dict[str, float]
    end: bool


@dataclass
class History:
    """How a training has gone so far.

    Attributes:
        losses: of each step, as it was before it.
        epoch_losses: the mean over the rows of each epoch.
        measured: on the test part.
        seconds: in training, without the measuring.
        loading: of these, until the batches were there.
        rows: trained on, each time counted.
        best_epoch: by the measure that the training stops on, counted from 1; 0 before.
        best: that measure.
        stopped_early: whether the training ended because that measure did not fall any more.
    """

    losses: list[float] = field(default_factory=list)
    epoch_losses: list[float] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    seconds: float = 0.0
    loading: float = 0.0
    rows: int = 0
    best_epoch: int = 0
    best: float = math.inf
    stopped_early: bool = False

    @property
    def step(self) -> int:
        """How many steps have been made."""
        return len(self.losses)

    @property
    def latest(self) -> Measures:
        """What was measured last; nothing before."""
        return self.measured[-1].values if self.measured else {}

    @property
    def speed(self) -> float:
        """Rows a second; 0 before the first step."""
        return self.rows / self.seconds if self.seconds else 0.0

    def by_epoch(self, name: str) -> list[float]:
        """A measure after each epoch."""
        return [measured.values[name] for measured in self.measured if measured.end]


def first_of(output: Any) -> Tensor:
    """What the loss sees: the model's output, or the first of several (chapter 7, E25)."""
    return output[0] if isinstance(output, tuple) else output
