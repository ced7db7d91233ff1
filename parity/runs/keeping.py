"""What is kept of a training as it goes, and where: checkpoints, and rows of metrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from parity.runs import checkpoints
from parity.runs.checkpoints import CheckpointError
from parity.runs.metrics import ROWS, Metrics
from parity.runs.state import State


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


class Keeper:
    """Keeps the state of a training.

    Args:
        keeping: where; where it is None, nothing is kept.
        state: of the training.
    """

    def __init__(self, keeping: Keeping | None, state: State) -> None:
        self.keeping, self.state = keeping, state
        self.metrics: Metrics | None = None
        self.written = 0

    @property
    def due(self) -> bool:
        """Whether a checkpoint is to be written after this step."""
        return self.keeping is not None and self.state.step % self.keeping.every == 0

    def begin(self) -> None:
        """Take over the newest checkpoint, and open the metrics.

        Raises:
            CheckpointError: that cannot be done.
        """
        if self.keeping is None:
            return
        keeping, processes = self.keeping, self.state.processes
        if processes.first:
            checkpoints.clean(keeping.checkpoints)
        there = checkpoints.found_in(keeping.checkpoints) if keeping.resume else []
        if there:
            try:
                self.state.restore(there[-1])
            except CheckpointError as error:
                earlier = f"; without it, {there[-2].name} is gone on from" if there[1:] else ""
                raise CheckpointError(f"{error}{earlier}") from error
        self.written = self.state.history.step
        processes.by_first(lambda: self._open_metrics(keeping.folder))

    def checkpoint(self) -> None:
        """Write a checkpoint of where the training is.

        Raises:
            CheckpointError: it cannot be written.
        """
        if self.keeping is None:
            return
        keeping, generators = self.keeping, self.state.generators()
        self.state.processes.by_first(lambda: self._save(keeping, generators))

    def write_rows(self, *, measured: bool) -> None:
        """Write the rows of the steps whose losses have become known.

        Args:
            measured: whether the last one's comes later, with what is measured after it.

        Raises:
            CheckpointError: they cannot be written.
        """
        state = self.state
        every = -(-state.task.steps // ROWS)
        later = state.step if measured else None
        for step in range(self.written + 1, state.history.step + 1):
            if step % every == 0 and step != later:
                self.write_row(step, {})
        self.written = state.history.step

    def write_row(self, step: int, measured: dict[str, float]) -> None:
        """Write the row of a step, with what was measured after it.

        Raises:
            CheckpointError: it cannot be written.
        """
        if self.metrics is None or self.keeping is None:
            return
        task, history = self.state.task, self.state.history
        try:
            self.metrics.write(
                step,
                step / (task.steps_in_pass or task.batches.per_epoch),
                history.seconds,
                history.losses[step - 1],
                task.optimizer.param_groups[0]["lr"],
                measured,
            )
        except OSError as error:
            raise _metrics_not_written(self.keeping.folder, error) from error

    def close(self) -> None:
        """Let go of the files."""
        if self.metrics is not None:
            self.metrics.close()

    def _save(self, keeping: Keeping, generators: dict[str, list[Tensor]]) -> None:
        content = self.state.content(generators)
        checkpoints.save(keeping.checkpoints, self.state.step, content, keeping.keep)

    def _open_metrics(self, folder: Path) -> None:
        try:
            self.metrics = Metrics(folder, self.state.task.measures, self.state.step)
        except OSError as error:
            raise _metrics_not_written(folder, error) from error


def _metrics_not_written(folder: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"the metrics could not be written to {folder}: {error.strerror or error}"
    )
