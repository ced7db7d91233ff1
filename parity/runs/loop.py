"""The training loop: steps, epochs, checkpoints; the same bits whether it was interrupted or not
(on the CPU, and elsewhere as far as its algorithms are deterministic).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from parity.runs.compute import PLAIN, Compute, compiled_or_said, deterministic_algorithms
from parity.runs.interrupts import stopped_by_interrupt
from parity.runs.keeping import Keeper, Keeping
from parity.runs.processes import ALONE, Processes
from parity.runs.state import State
from parity.runs.task import Batch, History, Measured, Task, first_of

#: On a GPU the losses of so many steps are fetched together, so that it need not be waited for.
FETCHED_TOGETHER = 20

#: Called when the losses of further steps are known, and after something was measured.
OnProgress = Callable[[History], None]


def train(
    task: Task,
    compute: Compute = PLAIN,
    keeping: Keeping | None = None,
    processes: Processes = ALONE,
    on_progress: OnProgress = lambda history: None,
) -> History:
    """Train a task's model, in place.

    Where checkpoints are kept, Ctrl-C ends the step, writes one and then interrupts; several
    processes cannot agree on that, and go on from the last one that was due.

    Args:
        task: what.
        compute: on what.
        keeping: where; by default nowhere.
        processes: this one among the others.
        on_progress: told how far the training is.

    Raises:
        CheckpointError: a checkpoint cannot be read, does not fit, or cannot be written.
        ComputeError: the model cannot be compiled here.
        FloatingPointError: the training has diverged.
        KeyboardInterrupt: interrupted.
    """
    devices = [compute.device] if compute.device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        deterministic_algorithms(compute.deterministic),
        compiled_or_said(compute.compiled),
        stopped_by_interrupt(keeping is not None and processes.count == 1) as stop,
    ):
        torch.manual_seed(task.seed + processes.rank)
        training = _Training(task, compute, keeping, processes, on_progress)
        try:
            training.begin()
            training.run(stop)
        finally:
            training.keeper.close()
    return training.state.history


class _Training:
    """One training as it goes."""

    def __init__(
        self,
        task: Task,
        compute: Compute,
        keeping: Keeping | None,
        processes: Processes,
        on_progress: OnProgress,
    ) -> None:
        self.task, self.compute, self.processes = task, compute, processes
        self.on_progress = on_progress
        self.state = State(task, compute, processes)
        self.keeper = Keeper(keeping, self.state)
        self.last_rows = 0
        self.news = False
        self.pending: list[Tensor] = []
        self.together = 1 if compute.device.type == "cpu" else FETCHED_TOGETHER
        self.called = task.model

    def begin(self) -> None:
        self.keeper.begin()
        wrapped = self.processes.wrap(self.task.model, self.compute.device)
        self.called = self.compute.ready(wrapped)

    def run(self, stop: threading.Event) -> None:
        state, per_epoch = self.state, self.task.batches.per_epoch
        while not state.finished and state.step < self.task.steps:
            batches = self.task.batches.epoch(state.step // per_epoch, state.step % per_epoch)
            self.task.model.train()
            started = time.perf_counter()
            for batch in batches:
                loaded = time.perf_counter()
                self._step(batch)
                state.step += 1
                if len(self.pending) >= self.together or self._at_a_stop():
                    self._fetch()
                now = time.perf_counter()
                state.history.loading += loaded - started
                state.history.seconds += now - started
                self._after_step()
                if stop.is_set():
                    self._fetch()
                    self._write_rows()
                    self.keeper.checkpoint()
                    raise KeyboardInterrupt
                if state.finished:
                    break
                started = time.perf_counter()
        if not state.finished:
            state.finished = True
            self.keeper.checkpoint()

    def _step(self, batch: Batch) -> None:
        task, scaler = self.task, self.state.scaler
        if batch.first and task.begin_anew is not None:
            task.begin_anew()
        task.optimizer.zero_grad()
        with self.compute.autocast():
            loss = task.loss(first_of(self.called(batch.inputs)), batch.targets)
        scaler.scale(self._weighted(loss, batch)).backward()
        if task.clip is not None:
            scaler.unscale_(task.optimizer)
            task.clip()
        scaler.step(task.optimizer)
        scaler.update()
        self.processes.mean_buffers(task.model, batch.share)
        told = loss.detach()
        if self.processes.count > 1:
            part = batch.share if task.reduction == "mean" else float(batch.share > 0)
            told = self.processes.sum(told * part)
        divisor = task.divide_by(batch)
        self.pending.append(told if divisor == 1 else told / divisor)
        self.state.history.rows += batch.rows
        self.last_rows = batch.rows

    def _weighted(self, loss: Tensor, batch: Batch) -> Tensor:
        """What this process's gradients come from, so that their mean over all processes is the
        gradient of the joined batch.
        """
        count = self.processes.count
        if count == 1:
            return loss
        if self.task.reduction == "mean":
            return loss * (count * batch.share)
        return loss * (count if batch.share else 0)

    def _at_a_stop(self) -> bool:
        """Whether something is done after this step that needs its loss."""
        return self.keeper.due or self._ends_epoch() or self._measured_now()

    def _ends_epoch(self) -> bool:
        return self.state.step % self.task.batches.per_epoch == 0

    def _measured_now(self) -> bool:
        return self.task.measured_after(self.state.step % self.task.batches.per_epoch)

    def _fetch(self) -> None:
        if not self.pending:
            return
        history = self.state.history
        before = history.step
        history.losses += torch.stack(self.pending).tolist()
        self.pending.clear()
        for number, loss in enumerate(history.losses[before:], start=before + 1):
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the training loss of step {number} is {loss}: the training has diverged"
                )
        self.news = True

    def _after_step(self) -> None:
        self._write_rows()
        if self._ends_epoch():
            self._end_epoch()
        elif self._measured_now():
            self._measure(end=False)
        if self.news:
            self.news = False
            self.on_progress(self.state.history)
        if self.state.finished or (self.keeper.due and self.state.step < self.task.steps):
            self.keeper.checkpoint()

    def _write_rows(self) -> None:
        measures = self.task.measure is not None and (self._ends_epoch() or self._measured_now())
        self.keeper.write_rows(measured=measures)

    def _end_epoch(self) -> None:
        task, history, per_epoch = self.task, self.state.history, self.task.batches.per_epoch
        history.epoch_losses.append(self._mean(history.losses[-per_epoch:]))
        self._measure(end=True)  # with the rate that this step was made with
        if isinstance(task.scheduler, ReduceLROnPlateau):
            task.scheduler.step(history.epoch_losses[-1])
        elif task.scheduler is not None:
            task.scheduler.step()
        epoch = self.state.step // per_epoch
        if task.stop_on is not None and epoch % task.stop_every == 0:
            self._stop_or_go_on(epoch, history.latest[task.stop_on])

    def _mean(self, losses: list[float]) -> float:
        """Over the rows of an epoch, whose batches all but the last are of one size."""
        rows = self.state.history.rows // (self.state.step // self.task.batches.per_epoch)
        size = (rows - self.last_rows) // max(1, len(losses) - 1)
        return (size * sum(losses[:-1]) + self.last_rows * losses[-1]) / rows

    def _stop_or_go_on(self, epoch: int, value: float) -> None:
        state, history = self.state, self.state.history
        if value < history.best:
            history.best_epoch, history.best = epoch, value
            state.best = deepcopy(self.task.model.state_dict())
        elif history.best_epoch == 0:
            raise FloatingPointError(
                f"the validation loss after {epoch} epochs is {value}: the training has diverged; "
                "try a lower learning rate"
            )
        else:
            history.stopped_early = state.finished = True
            self.task.model.load_state_dict(state.best or {})

    def _measure(self, *, end: bool) -> None:
        if self.task.measure is None:
            return
        measure = self.task.measure
        self.task.model.eval()
        with torch.no_grad():
            values = self.processes.by_first(
                lambda: {name: float(value) for name, value in measure().items()}
            )
        self.task.model.train()
        self.state.history.measured.append(Measured(self.state.step, values, end))
        self.keeper.write_row(self.state.step, values)


@dataclass(frozen=True)
class Running:
    """How trainings are run; by default in memory, in this process, on the CPU.

    Attributes:
        compute: on what.
        keeping: where they are kept, or None.
        processes: this one among the others.
    """

    compute: Compute = PLAIN
    keeping: Keeping | None = None
    processes: Processes = ALONE

    def train(self, task: Task, on_progress: OnProgress = lambda history: None) -> History:
        """Train a task's model, in place. Errors as for ``train``."""
        return train(task, self.compute, self.keeping, self.processes, on_progress)


#: Nothing is kept.
IN_MEMORY = Running()
