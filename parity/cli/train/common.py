"""What the trainings share: options, and files that are written all or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import click

from datasets import DataFileError, TorchvisionError
from parity.terminal import INTERRUPTED, CallError
from parity.training.output import all_or_nothing, why_not_writable
from parity.training.sides import Side

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = "results.json"

SIDE_CHOICE = click.Choice(["scratch", "reference", "both"])
SEED_RANGE = click.IntRange(0, 2**32 - 1)

T = TypeVar("T")


@dataclass(kw_only=True)
class Run(Generic[T]):
    """One call: what was asked for, and how far it has got.

    Attributes:
        finished: what the sides that have been trained came to.
        current: how far the side in training has got, in words.
        written: whether the files are where they belong.
        kept: where that is which was done before an interruption, if it was written.
        resumable: whether there are checkpoints to go on from.
    """

    sides: list[Side]
    seed: int
    finished: list[T] = field(default_factory=list)
    current: str = ""
    written: bool = False
    kept: Path | None = None
    resumable: bool = False

    unit: ClassVar[str] = "epoch"

    def outcome(self, trained: T) -> str:
        """A side that has finished, in words."""
        raise NotImplementedError

    def so_far(self) -> str:
        """What there is when the run is interrupted."""
        parts = [self.outcome(trained) for trained in self.finished]
        if self.current:
            parts.append(self.current)
        return "; ".join(parts) or f"no {self.unit} was finished"


@dataclass(kw_only=True)
class RunOfEpochs(Run[T]):
    """With the number of epochs, after each of which there is a validation loss."""

    epochs: int

    def epoch_done(self, side: Side, epoch: int, loss: float) -> None:
        """Keep how far a side has got."""
        self.current = (
            f"{side} had done {epoch} of {self.epochs} epochs, with a validation loss of {loss:.3f}"
        )


@contextmanager
def ended_in_words(ctx: click.Context, run: Run[Any], out: Path) -> Iterator[None]:
    """Say in a sentence why a training ended before its time, and exit."""
    try:
        yield
    except KeyboardInterrupt:
        written = f"The files are in {out}" if run.written else "Nothing was written"
        if run.kept is not None:
            written = f"What was done is in {run.kept}"
        elif run.resumable and not run.written:
            written = f"The same call with --resume goes on with the run in {out}"
        if os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
            click.echo(f"Interrupted: {run.so_far()}. {written}.", err=True)
        ctx.exit(INTERRUPTED)
    except (DataFileError, TorchvisionError) as error:
        raise CallError(str(error)) from error
    except MemoryError as error:
        raise CallError(
            "this computer has not enough memory for this training; close other programs."
        ) from error
    except FloatingPointError as error:
        raise click.ClickException(f"{error}.") from error


def require_writable(out: Path) -> None:
    """Refuse a call whose results could not be written.

    Raises:
        CallError: nothing can be written to ``out``.
    """
    problem = why_not_writable(out)
    if problem is not None:
        raise CallError(f"nothing can be written to {out}: {problem}.")
    if (out / RESULTS).is_dir():
        raise CallError(f"{RESULTS} cannot be written to {out}: there is a directory of that name.")


def write_run(
    out: Path,
    figures: Mapping[str, Figure],
    results: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write pictures and texts, by file name, and ``results.json``: all of them or none.

    Raises:
        CallError: they cannot be written.
    """
    from parity import figures as drawn

    try:
        with all_or_nothing(out) as unfinished:
            for name, figure in figures.items():
                drawn.save(figure, unfinished / name)
            for name, content in (texts or {}).items():
                (unfinished / name).write_text(content, encoding="utf-8")
            text = json.dumps(results, indent=2, allow_nan=False) + "\n"
            (unfinished / RESULTS).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CallError(
            f"the files could not be written to {out}: {error.strerror or error}."
        ) from error


def print_written(out: Path, names: Iterable[str]) -> None:
    """Say where the files are."""
    click.echo(f"\nWritten to {out}:")
    for name in (*names, RESULTS):
        click.echo(f"  {name}")


def finite(value: float) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return value if math.isfinite(value) else None
