"""The training loop: steps, epochs, checkpoints; the same bits whether it was interrupted or not
(on the CPU, and elsewhere as far as its algorithms are deterministic).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from parity.runs import checkpoints
from parity.runs.checkpoints import CheckpointError, load_model
from parity.runs.compute import PLAIN, Compute, compiled_or_said, deterministic_algorithms
from parity.runs.interrupts import stopped_by_interrupt
from parity.runs.metrics import ROWS, Metrics
from parity.runs.processes import ALONE, Processes
from parity.runs.task import Batch, History, Measured, Task, first_of

#: On a GPU the losses of so many steps are fetched together, so that it need not be waited for.
FETCHED_TOGETHER = 20

#: Called when the losses of further steps are known, and after something was measured.
OnProgress = Callable[[History], None]


@dataclass(frozen=True)
class Keeping:
    """Where and how often a training is kept.

    Attributes:
        folder: of the run, with ``checkpoints`` in it.
        every: steps between two checkpoints; at the end there is always one.
        keep: how many checkpoints stay; all if 0.
        resume: whether to go on from the newest one there.
    """

    folder: Path
    every: int = 500
    keep: int = 2
    resume: bool = False

    @property
    def checkpoints(self) -> Path:
        """Their folder."""
        return self.folder / "checkpoints"


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
            training.close()
    return training.history


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
        self.task, self.compute, self.keeping = task, compute, keeping
        self.processes, self.on_progress = processes, on_progress
        self.history = History()
        self.scaler = compute.scaler()
        self.best: dict[str, Tensor] | None = None
        self.step = 0
        self.written = 0
        self.last_rows = 0
        self.finished = False
        self.news = False
        self.pending: list[Tensor] = []
        self.together = 1 if compute.device.type == "cpu" else FETCHED_TOGETHER
        self.metrics: Metrics | None = None
        self.called = task.model

    # --- the course ---

    def begin(self) -> None:
        if self.keeping is not None:
            self._begin(self.keeping)
        wrapped = self.processes.wrap(self.task.model, self.compute.device)
        self.called = self.compute.ready(wrapped)

    def run(self, stop: threading.Event) -> None:
        per_epoch = self.task.batches.per_epoch
        while not self.finished and self.step < self.task.steps:
            batches = self.task.batches.epoch(self.step // per_epoch, self.step % per_epoch)
            self.task.model.train()
            started = time.perf_counter()
            for batch in batches:
                loaded = time.perf_counter()
                self._step(batch)
                self.step += 1
                if len(self.pending) >= self.together or self._at_a_stop():
                    self._fetch()
                now = time.perf_counter()
                self.history.loading += loaded - started
                self.history.seconds += now - started
                self._after_step()
                if stop.is_set():
                    self._fetch()
                    self._write_rows()
                    self._keep()
                    raise KeyboardInterrupt
                if self.finished:
                    break
                started = time.perf_counter()
        if not self.finished:
            self.finished = True
            self._keep()

    def _step(self, batch: Batch) -> None:
        task = self.task
        if batch.first and task.begin_anew is not None:
            task.begin_anew()
        task.optimizer.zero_grad()
        with self.compute.autocast():
            loss = task.loss(first_of(self.called(batch.inputs)), batch.targets)
        self.scaler.scale(self._weighted(loss, batch)).backward()
        if task.clip is not None:
            self.scaler.unscale_(task.optimizer)
            task.clip()
        self.scaler.step(task.optimizer)
        self.scaler.update()
        self.processes.mean_buffers(task.model, batch.share)
        told = loss.detach()
        if self.processes.count > 1:
            part = batch.share if task.reduction == "mean" else float(batch.share > 0)
            told = self.processes.sum(told * part)
        divisor = task.divide_by(batch)
        self.pending.append(told if divisor == 1 else told / divisor)
        self.history.rows += batch.rows
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
        due = self.keeping is not None and self.step % self.keeping.every == 0
        return due or self._ends_epoch() or self._measured_now()

    def _ends_epoch(self) -> bool:
        return self.step % self.task.batches.per_epoch == 0

    def _measured_now(self) -> bool:
        return self.task.measured_after(self.step % self.task.batches.per_epoch)

    def _fetch(self) -> None:
        if not self.pending:
            return
        before = self.history.step
        self.history.losses += torch.stack(self.pending).tolist()
        self.pending.clear()
        for number, loss in enumerate(self.history.losses[before:], start=before + 1):
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
            self.on_progress(self.history)
        if self.finished or (
            self.keeping is not None
            and self.step % self.keeping.every == 0
            and self.step < self.task.steps
        ):
            self._keep()

    def _end_epoch(self) -> None:
        task, per_epoch = self.task, self.task.batches.per_epoch
        losses = self.history.losses[-per_epoch:]
        self.history.epoch_losses.append(self._mean(losses))
        if isinstance(task.scheduler, ReduceLROnPlateau):
            task.scheduler.step(self.history.epoch_losses[-1])
        elif task.scheduler is not None:
            task.scheduler.step()
        self._measure(end=True)
        epoch = self.step // per_epoch
        if task.stop_on is not None and epoch % task.stop_every == 0:
            self._stop_or_go_on(epoch, self.history.latest[task.stop_on])

    def _mean(self, losses: list[float]) -> float:
        """Over the rows of an epoch, whose batches all but the last are of one size."""
        rows = self.history.rows // (self.step // self.task.batches.per_epoch)
        size = (rows - self.last_rows) // max(1, len(losses) - 1)
        return (size * sum(losses[:-1]) + self.last_rows * losses[-1]) / rows

    def _stop_or_go_on(self, epoch: int, value: float) -> None:
        history = self.history
        if value < history.best:
            history.best_epoch, history.best = epoch, value
            self.best = deepcopy(self.task.model.state_dict())
        elif history.best_epoch == 0:
            raise FloatingPointError(
                f"the validation loss after {epoch} epochs is {value}: the training has diverged; "
                "try a lower learning rate"
            )
        else:
            history.stopped_early = self.finished = True
            self.task.model.load_state_dict(self.best or {})

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
        self.history.measured.append(Measured(self.step, values, end))
        self._write_row(self.step, values)

    # --- what is kept ---

    def _write_rows(self) -> None:
        every = max(1, self.task.steps // ROWS)
        measures = self.task.measure is not None and (self._ends_epoch() or self._measured_now())
        measured = self.step if measures else None
        for step in range(self.written + 1, self.history.step + 1):
            if step % every == 0 and step != measured:
                self._write_row(step, {})
        self.written = self.history.step

    def _write_row(self, step: int, measured: dict[str, float]) -> None:
        if self.metrics is None or self.keeping is None:
            return
        try:
            self.metrics.write(
                step,
                step / (self.task.steps_in_pass or self.task.batches.per_epoch),
                self.history.seconds,
                self.history.losses[step - 1],
                self.task.optimizer.param_groups[0]["lr"],
                measured,
            )
        except OSError as error:
            raise _metrics_not_written(self.keeping.folder, error) from error

    def _begin(self, keeping: Keeping) -> None:
        """Take over the newest checkpoint, and open the metrics."""
        if self.processes.first:
            checkpoints.clean(keeping.checkpoints)
        there = checkpoints.found_in(keeping.checkpoints) if keeping.resume else []
        if there:
            try:
                self.restore(there[-1])
            except CheckpointError as error:
                earlier = f"; without it, {there[-2].name} is gone on from" if there[1:] else ""
                raise CheckpointError(f"{error}{earlier}") from error
        self.processes.by_first(lambda: self._open_metrics(keeping.folder))

    def _open_metrics(self, folder: Path) -> None:
        try:
            self.metrics = Metrics(folder, self.task.measures, self.step)
        except OSError as error:
            raise _metrics_not_written(folder, error) from error

    def _keep(self) -> None:
        """Write a checkpoint of where the training is."""
        if self.keeping is None:
            return
        generators = {"cpu": self.processes.gather(torch.get_rng_state())}
        if self.compute.device.type == "cuda":
            own = torch.cuda.get_rng_state(self.compute.device)
            generators["cuda"] = self.processes.gather(own)
        elif self.compute.device.type == "mps":
            generators["mps"] = [torch.mps.get_rng_state()]
        keeping = self.keeping
        self.processes.by_first(lambda: self._save(keeping, generators))

    def _save(self, keeping: Keeping, generators: dict[str, list[Tensor]]) -> None:
        history = asdict(self.history)
        history["losses"] = torch.tensor(self.history.losses, dtype=torch.float64)
        scheduler = self.task.scheduler
        state = {
            "step": self.step,
            "steps": self.task.steps,
            "finished": self.finished,
            "model": self.task.model.state_dict(),
            "best": self.best,
            "optimizer": self.task.optimizer.state_dict(),
            "scheduler": None if scheduler is None else scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generators": generators,
            "history": history,
            "remembered": self.task.remembered,
        }
        checkpoints.save(keeping.checkpoints, self.step, state, keeping.keep)

    def restore(self, path: Path) -> None:
        """Go back to a checkpoint.

        Raises:
            CheckpointError: it is not one of this task.
        """
        state, task = checkpoints.load(path), self.task
        try:
            if state["steps"] != task.steps:
                raise CheckpointError(
                    f"{path} is of a training of {state['steps']:,} steps, not {task.steps:,}"
                )
            load_model(path, state, task.model)
            task.optimizer.load_state_dict(state["optimizer"])
            if task.scheduler is not None:
                task.scheduler.load_state_dict(state["scheduler"])
            self.scaler.load_state_dict(state["scaler"])
            self.best = None if state["best"] is None else dict(state["best"])
            task.remembered.update(state["remembered"])
            history = {**state["history"], "losses": state["history"]["losses"].tolist()}
            history["measured"] = [Measured(**measured) for measured in history["measured"]]
            self.history = History(**history)
            self.step, self.finished = state["step"], state["finished"]
            if self.step != self.history.step:
                raise ValueError("so many steps, and another number of losses")
            self.written = self.history.step
            self._restore_generators(state["generators"])
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CheckpointError(f"{path} is not a checkpoint of this training") from error

    def _restore_generators(self, generators: dict[str, list[Tensor]]) -> None:
        """Let each process go on drawing where it was; where there were fewer, new ones draw
        numbers of their own.
        """
        rank, device = self.processes.rank, self.compute.device
        if rank >= len(generators["cpu"]):
            torch.default_generator.manual_seed(hash((self.task.seed, self.step, rank)))
            return
        torch.set_rng_state(generators["cpu"][rank])
        if device.type == "cuda" and "cuda" in generators:
            torch.cuda.set_rng_state(generators["cuda"][rank], device)
        elif device.type == "mps" and "mps" in generators:
            torch.mps.set_rng_state(generators["mps"][rank])

    def close(self) -> None:
        """Let go of the files."""
        if self.metrics is not None:
            self.metrics.close()


def _metrics_not_written(folder: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"the metrics could not be written to {folder}: {error.strerror or error}"
    )


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
