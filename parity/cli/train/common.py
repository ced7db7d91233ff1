"""What the trainings share: options, and files that are written all or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.terminal import CallError
from parity.training.output import all_or_nothing, why_not_writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = "results.json"
INTERRUPTED = 130

SIDE_CHOICE = click.Choice(["scratch", "reference", "both"])
SEED_RANGE = click.IntRange(0, 2**32 - 1)


def require_writable(out: Path) -> None:
    """Refuse a call whose results could not be written.

    Raises:
        CallError: nothing can be written to ``out``.
    """
    problem = why_not_writable(out)
    if problem is not None:
        raise CallError(f"nothing can be written to {out}: {problem}.")


def write_run(out: Path, figures: Mapping[str, Figure], results: Mapping[str, Any]) -> None:
    """Write pictures, by file name, and ``results.json``: all of them or none.

    Raises:
        CallError: they cannot be written.
    """
    from parity import figures as drawn

    try:
        with all_or_nothing(out) as unfinished:
            for name, figure in figures.items():
                drawn.save(figure, unfinished / name)
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
