"""What a training writes down as it goes: a CSV file, and events for TensorBoard."""

from __future__ import annotations

import csv
import io
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

#: At most so many steps are written down, evenly spaced, beside those after which was measured.
ROWS = 1000

COLUMNS = ("step", "epoch", "seconds", "training_loss", "learning_rate")


class Metrics:
    """Rows of numbers in ``metrics.csv``, and the same for TensorBoard.

    Args:
        folder: of the run.
        names: of what is measured on the test part.
        step: rows of later steps, which a killed process has written, are dropped.

    Raises:
        OSError: they cannot be written.
    """

    def __init__(self, folder: Path, names: Sequence[str], step: int) -> None:
        self.path, self.names = folder / "metrics.csv", list(names)
        _cut(self.path, [*COLUMNS, *self.names], step)
        self._file = self.path.open("a", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        try:
            self._events = _Events(folder / "tensorboard", step)
        except OSError:
            self._file.close()
            raise

    def write(
        self,
        step: int,
        epoch: float,
        seconds: float,
        training_loss: float,
        learning_rate: float,
        measured: dict[str, float],
    ) -> None:
        """One row; what is not measured is left empty."""
        row = (step, f"{epoch:.4f}", f"{seconds:.3f}", repr(training_loss), repr(learning_rate))
        self._writer.writerow(
            [*row, *(repr(measured[n]) if n in measured else "" for n in self.names)]
        )
        self._file.flush()
        numbers = {"training_loss": training_loss, "learning_rate": learning_rate, **measured}
        self._events.write(step, numbers)

    def close(self) -> None:
        """Let go of the files; each row is there as soon as it is written."""
        with suppress(OSError):  # a row for which there was no room has been told of
            self._file.close()
        self._events.close()


class _Events:
    """TensorBoard's file, written row by row.

    torch's own writer leaves it to a thread, in which a full disk ends in a traceback.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboard.compat.proto import (  # type: ignore[import-untyped]
            event_pb2,
            summary_pb2,
        )
        from tensorboard.summary.writer.record_writer import (  # type: ignore[import-untyped]
            RecordWriter,
        )

        self._event: Any = event_pb2.Event
        self._summary: Any = summary_pb2.Summary
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("wb")
        self._records: Any = RecordWriter(self._file)
        session = event_pb2.SessionLog
        try:
            self._write(step + 1, file_version="brain.Event:2")
            # What other files say of later steps is void.
            self._write(step + 1, session_log=session(status=session.START))
        except OSError:
            self.close()
            raise

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Numbers by name."""
        value = self._summary.Value
        values = [value(tag=name, simple_value=number) for name, number in numbers.items()]
        self._write(step, summary=self._summary(value=values))

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._file.close()

    def _write(self, step: int, **content: Any) -> None:
        event = self._event(wall_time=time.time(), step=step, **content)
        self._records.write(event.SerializeToString())
        self._file.flush()


def _rows(content: bytes) -> Iterator[list[str]]:
    """The lines that are whole."""
    for line in content.splitlines(keepends=True):
        with suppress(UnicodeDecodeError, csv.Error):
            if line.endswith(b"\n"):
                yield from csv.reader([line.decode()])


def _cut(path: Path, columns: Sequence[str], step: int) -> None:
    """Leave the header and the whole rows up to a step."""
    kept = []
    if step and path.exists():
        kept = [
            row
            for row in _rows(path.read_bytes())
            if len(row) == len(columns) and row[0].isdecimal() and int(row[0]) <= step
        ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([columns, *kept])
    unfinished = path.with_name(f".unfinished-{path.name}")
    try:
        unfinished.write_text(text.getvalue(), encoding="utf-8", newline="")
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
