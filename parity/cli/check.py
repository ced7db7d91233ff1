"""``parity check FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="Only this component; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for each component.",
)
@click.option(
    "--memory",
    type=click.IntRange(min=64),
    default=2048,
    show_default=True,
    metavar="MIB",
    help="Memory limit for each component.",
)
def command(file: Path, only: tuple[str, ...], as_json: bool, timeout: float, memory: int) -> None:
    """Check your own implementation in FILE and say what is wrong with it.

    Components are found by their names in the book. Each one runs in a process of its own.
    Exit code 0: all equal PyTorch's; 1: something differs; 2: the call was wrong.
    """
    from parity import report
    from parity.check import FileError, check_file
    from parity.runner.isolated import Limits
    from parity.verdict import Verdict

    console = Console(highlight=False)
    errors = Console(stderr=True, highlight=False)
    limits = Limits(seconds=timeout, memory_mib=memory)
    try:
        if as_json:
            result = check_file(file, only, limits)
            click.echo(report.as_json(result))
        else:
            printer = report.VerdictPrinter(console)
            columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn())
            with Progress(
                *columns, console=console, transient=True, disable=not console.is_terminal
            ) as progress:
                task = progress.add_task("", total=None)

                def on_start(total: int) -> None:
                    report.print_header(console, file)
                    progress.update(task, total=total)

                def on_verdict(verdict: Verdict) -> None:
                    printer(verdict)
                    progress.advance(task)

                result = check_file(file, only, limits, on_verdict, on_start)
            report.print_summary(console, result)
    except FileError as error:
        errors.print(f"Error: {error}", markup=False, soft_wrap=True)
        if error.error is not None:
            report.print_file_error(errors, error.error)
        sys.exit(1 if error.error is not None else 2)
    sys.exit(130 if result.interrupted else 0 if result.passed else 1)
