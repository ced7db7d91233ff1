"""The experiment of chapter 6, trained in NumPy and in PyTorch from the same weights and on the
same batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy import ndarray

from parity.training.lock_step import LockStep, furthest
from parity.training.sides import Side
from parity.training.text_experiment import Characters, TextExperiment, batches
from parity.training.text_learners import (
    Learner,
    ReferenceLearner,
    ScratchLearner,
    TextBatches,
)

if TYPE_CHECKING:
    from parity.runs.loop import Running
    from parity.runs.task import History, Task

#: What a step counts in the moving mean of the losses.
WEIGHT = 0.02

SAMPLE_LENGTH = 200
FINAL_LENGTH = 600

#: The part held out is read so many characters at a time, the state going on.
BLOCK = 1000

#: The lock-step takes no longer than a glance.
LOCK_STEPS = 20

#: The sides' losses are compared over so many steps, and over all.
COMPARED_STEPS = 200


@dataclass
class Trained:
    """The experiment as far as one side has carried it out.

    Attributes:
        side: who trains.
        steps: how many there are to be.
        losses: of each step's batch before the step, in nats for a character.
        smoothed: their exponential moving mean up to the last step.
        samples: what the side wrote, by the number of steps before it.
        perplexity: on the part held out, after the last step; NaN before, and where the side is
            not to write at the end.
        params: after the last step, layer by layer, in the book's order and shapes.
        seconds: that the steps took.
    """

    side: Side
    steps: int
    losses: list[float] = field(default_factory=list)
    smoothed: float = np.nan
    samples: dict[int, str] = field(default_factory=dict)
    perplexity: float = np.nan
    params: list[ndarray] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many steps have been made."""
        return len(self.losses)

    def add(self, losses: Sequence[float]) -> None:
        """Take over the losses of further steps."""
        for loss in losses:
            self.losses.append(loss)
            self.smoothed = smooth(loss, self.done, self.smoothed)


#: Called after each step, and after each sample on the way; on a GPU after several steps at a time.
OnStep = Callable[[Trained], None]


@dataclass(frozen=True)
class Writing:
    """When and how a side writes.

    Attributes:
        every: so many steps.
        temperature: at least 0.
        length: how many characters on the way.
        final_length: how many at the end; if 0, the part held out is not read either.
    """

    every: int = 500
    temperature: float = 1.0
    length: int = SAMPLE_LENGTH
    final_length: int = FINAL_LENGTH


SILENT = Writing(every=10**9, final_length=0)


def train(
    side: Side,
    experiment: TextExperiment,
    characters: Characters,
    seed: int,
    dtype: Any = np.float32,
    writing: Writing = SILENT,
    on_step: OnStep = lambda trained: None,
    running: Running | None = None,
) -> Trained:
    """Carry out the experiment on one side.

    Args:
        side: which.
        experiment: how.
        characters: the text.
        seed: of the weights, of the order of shuffled batches, and of the samples.
        dtype: float32 or float64.
        writing: when the side writes.
        on_step: called after each step and each sample on the way.
        running: on what the reference side computes, and where it is kept; by default in memory, on
            the CPU. What it writes is written by the first of several processes.

    Raises:
        FloatingPointError: the training has diverged.
        CheckpointError: what was kept cannot be gone on with, or not be written.
    """
    if side == "scratch":
        return train_scratch(experiment, characters, seed, dtype, writing, on_step)
    return train_reference(experiment, characters, seed, dtype, writing, on_step, running)


def train_scratch(
    experiment: TextExperiment,
    characters: Characters,
    seed: int,
    dtype: Any,
    writing: Writing,
    on_step: OnStep,
) -> Trained:
    """Carry out the experiment in NumPy. Arguments and errors as for ``train``."""
    trained = Trained("scratch", experiment.steps)
    learner = ScratchLearner(experiment, len(characters.vocabulary), dtype, seed)
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is told in words
        stream = batches(experiment, characters.training, seed)
        for number, (first, inputs, targets) in zip(
            range(1, experiment.steps + 1), stream, strict=False
        ):
            started = time.perf_counter()
            if first:
                learner.reset_state()
            loss = learner.step(inputs, targets)
            trained.seconds += time.perf_counter() - started
            if not np.isfinite(loss):
                raise FloatingPointError(
                    f"the training loss of step {number} is {loss}: the training has diverged"
                )
            trained.add([loss])
            on_step(trained)
            if number % writing.every == 0 and number < experiment.steps:
                trained.samples[number] = _written(learner, number, characters, writing, seed)
                on_step(trained)
        if writing.final_length:
            trained.samples[experiment.steps] = _written(
                learner, experiment.steps, characters, _at_the_end(writing), seed
            )
            trained.perplexity = perplexity(learner, characters.held_out)
    trained.params = learner.params()
    return trained


def reference_task(
    experiment: TextExperiment,
    characters: Characters,
    seed: int,
    dtype: Any = np.float32,
    writing: Writing = SILENT,
    running: Running | None = None,
) -> Task:
    """The experiment in PyTorch, from the weights and on the batches of ``train_scratch``.

    The model writes where the engine measures; the numbers of the characters are what the task
    remembers, by the number of steps. At the end it measures the perplexity. Arguments as for
    ``train``.
    """
    import torch
    from torch import Tensor

    from parity.runs.loop import IN_MEMORY
    from parity.runs.task import Task

    running = running or IN_MEMORY
    device = running.compute.device
    learner = ReferenceLearner(experiment, len(characters.vocabulary), dtype, seed, device)
    read = TextBatches(learner, characters.training, seed, running.processes)

    remembered: dict[str, Tensor] = {}

    def write(how: Writing) -> None:
        text = _written(learner, read.taken, characters, how, seed)
        remembered[str(read.taken)] = torch.from_numpy(characters.vocabulary.encode(text))

    def measure() -> dict[str, float]:
        if read.taken < experiment.steps:
            write(writing)
        elif writing.final_length:
            write(_at_the_end(writing))
            return {"perplexity": perplexity(learner, characters.held_out)}
        return {}

    by_sum = experiment.reduction == "sum"
    return Task(
        learner.model,
        learner.optimizer,
        read,
        epochs=1,
        loss=learner.loss,
        seed=seed,
        reduction=experiment.reduction,
        divide_by=lambda batch: batch.rows * experiment.length if by_sum else 1,
        clip=learner.clip,
        measure=measure,
        measures=("perplexity",),
        measured_after=lambda step: step % writing.every == 0,
        begin_anew=learner.reset_state,
        remembered=remembered,
        steps_in_pass=read.per_reading,
    )


def train_reference(
    experiment: TextExperiment,
    characters: Characters,
    seed: int,
    dtype: Any,
    writing: Writing,
    on_step: OnStep,
    running: Running | None = None,
) -> Trained:
    """Carry out the experiment in PyTorch. Arguments and errors as for ``train``."""
    from parity.bridge import read_recurrent
    from parity.runs.loop import IN_MEMORY
    from reference.recurrent import RNNModel

    running = running or IN_MEMORY
    task = reference_task(experiment, characters, seed, dtype, writing, running)
    trained = Trained("reference", experiment.steps)

    def take_over(history: History) -> None:
        trained.add(history.losses[trained.done :])
        trained.seconds = history.seconds
        if len(task.remembered) > len(trained.samples):
            trained.samples = {
                int(step): characters.vocabulary.decode(numbers.numpy())
                for step, numbers in task.remembered.items()
            }

    def on_progress(so_far: History) -> None:
        take_over(so_far)
        on_step(trained)

    history = running.train(task, on_progress)
    take_over(history)  # of a run that had finished already, nothing was told
    trained.perplexity = history.latest.get("perplexity", np.nan)
    layers = cast(RNNModel, task.model.cpu()).layers
    trained.params = [param for layer in layers for param in read_recurrent(layer).values()]
    return trained


def _at_the_end(writing: Writing) -> Writing:
    return replace(writing, length=writing.final_length)


def _written(
    learner: Learner, step: int, characters: Characters, writing: Writing, seed: int
) -> str:
    """What a side writes after a step.

    Raises:
        FloatingPointError: the training has diverged.
    """
    try:
        return learner.write(characters, writing.length, writing.temperature, seed)
    except ValueError as error:  # all that can be wrong with it is outputs that are not finite
        raise FloatingPointError(
            f"after step {step} the model's outputs are NaN or infinite: the training has diverged"
        ) from error


def smooth(loss: float, number: int, before: float) -> float:
    """The exponential moving mean of ``number`` losses, all of which it is a weighted mean of.

    Args:
        loss: the last of them.
        number: how many there are, at least 1.
        before: the mean of those before it.
    """
    if number == 1:
        return loss
    share = WEIGHT / (1 - (1 - WEIGHT) ** number)
    return before + share * (loss - before)


def smoothed(losses: Sequence[float]) -> list[float]:
    """The exponential moving mean after each of the losses."""
    means: list[float] = []
    for number, loss in enumerate(losses, start=1):
        means.append(smooth(loss, number, means[-1] if means else np.nan))
    return means


def perplexity(learner: Learner, indices: ndarray) -> float:
    """``exp`` of the mean cross entropy of a text that is read through once, from a state of 0.

    Args:
        learner: who reads.
        indices: numbers of the text's characters, at least two.
    """
    total, states = 0.0, None
    for start in range(0, len(indices) - 1, BLOCK):
        read = indices[np.newaxis, start : start + BLOCK + 1]
        targets = read[:, 1:].copy()
        loss, states = learner.read_on(read[:, :-1], targets, states)
        total += loss * targets.size
    with np.errstate(over="ignore"):  # as bad as can be
        return float(np.exp(total / (len(indices) - 1)))


def largest_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of losses at the same steps, one over the other."""
    pairs = zip(ours, theirs, strict=True)
    return max(abs(a - b) / max(abs(a), abs(b), np.finfo(float).tiny) for a, b in pairs)


def lock_step(
    experiment: TextExperiment,
    characters: Characters,
    seed: int,
    on_step: Callable[[int], None] = lambda step: None,
) -> LockStep:
    """The first steps on both sides, in float64.

    Args:
        experiment: how.
        characters: the text.
        seed: as for ``train``.
        on_step: called after each step with its number, counted from 1.
    """
    size, dtype = len(characters.vocabulary), np.float64
    made = experiment, size, dtype, seed
    ours, disturbed = ScratchLearner(*made), ScratchLearner(*made)
    for param in disturbed.model.params():
        param *= 1 + np.finfo(param.dtype).eps
    led, free = ReferenceLearner(*made), ReferenceLearner(*made)
    in_a_step, steps = 0.0, min(experiment.steps, LOCK_STEPS)
    stream = islice(batches(experiment, characters.training, seed), steps)
    with np.errstate(over="ignore", invalid="ignore"):
        for number, (first, inputs, targets) in enumerate(stream, start=1):
            if first:
                for learner in (ours, disturbed, free):
                    learner.reset_state()
            led.follow(ours)
            for learner in (ours, disturbed, led, free):
                learner.step(inputs, targets)
            in_a_step = float(np.maximum(in_a_step, furthest(ours.params(), led.params())))
            on_step(number)
    return LockStep(
        steps,
        in_a_step,
        furthest(ours.params(), free.params()),
        furthest(ours.params(), disturbed.params()),
    )
