"""What the commands share: consoles of readable width, progress bars, calls that are refused."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

MAX_WIDTH = 80

#: The exit code of what Ctrl-C has ended, as shells have it.
INTERRUPTED = 130


class CallError(click.ClickException):
    """The call cannot be carried out as it was made; the message is one sentence. Exit code 2."""

    exit_code = 2


def make_console(*, stderr: bool = False) -> Console:
    """A console no wider than 80 columns, which prints text as it is: a file's name may look like
    markup, and numbers are not coloured.
    """
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    console.width = min(console.width, MAX_WIDTH)
    return console


def progress_bars(unit: str, *more: str) -> Progress:
    """Progress bars on the standard error stream, on a terminal only; they go when they are done.

    Args:
        unit: what is counted, as in "epochs".
        more: what else to show of each task, in rich's templates, as in "{task.fields[loss]}"; with
            it comes the time left.
    """
    columns: list[ProgressColumn] = [TextColumn(template) for template in more]
    if more:
        columns.append(TimeRemainingColumn(compact=True))
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20 if more else 40),
        MofNCompleteColumn(),
        TextColumn(unit),
        *columns,
        console=make_console(stderr=True),
        transient=True,
        disable=sys.stderr is None
        or not sys.stderr.isatty(),  # rich takes FORCE_COLOR for a terminal
    )
