"""``parity check FILE``."""

from __future__ import annotations

from pathlib import Path

import click

from parity.terminal import INTERRUPTED, CallError, make_console, progress_bars
from parity.training.output import all_or_nothing, why_not_writable


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="Only this component; may be repeated.")
@click.option("--verbose", "-v", is_flag=True, help="Also a line for each that passed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="XML",
    help="Also write JUnit's XML to this file.",
)
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
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    only: tuple[str, ...],
    verbose: bool,
    as_json: bool,
    junit: Path | None,
    timeout: float,
    memory: int,
) -> None:
    """Check your own implementation in FILE and say what is wrong with it.

    Components are found by their names in the book. Each one runs in a process of its own.
    Exit code 0: all equal PyTorch's; 1: something differs, or FILE cannot be imported; 2: the call
    was wrong.
    """
    from parity.checking.file import FileError, check_file
    from parity.reports import machine, terminal
    from parity.reports.junit import as_junit, error_as_junit
    from parity.runner.isolated import Limits
    from parity.verdict import Verdict

    if junit is not None:
        _require_writable(junit)
    console = make_console()
    limits = Limits(seconds=timeout, memory_mib=memory)
    try:
        if as_json:
            result = check_file(file, only, limits)
            click.echo(machine.as_json(result))
        else:
            with progress_bars("components") as progress:
                task = progress.add_task("checking", total=None)

                def on_start(total: int) -> None:
                    progress.update(task, total=total)

                def on_verdict(verdict: Verdict) -> None:
                    progress.advance(task)

                result = check_file(file, only, limits, on_verdict, on_start)
            terminal.print_result(console, result, verbose=verbose)
        if junit is not None:
            _write(junit, as_junit(result))
    except FileError as error:
        if as_json:
            click.echo(machine.error_as_json(file, error))
        if junit is not None:
            _write(junit, error_as_junit(file, error))
        click.echo(f"Error: {error}", err=True)
        if error.error is not None:
            terminal.print_file_error(make_console(stderr=True), error.error)
        ctx.exit(1 if error.error is not None else 2)
    ctx.exit(INTERRUPTED if result.interrupted else 0 if result.passed else 1)


def _require_writable(target: Path) -> None:
    """Refuse a call whose report could not be written, before anything is run.

    Raises:
        CallError: nothing can be written to ``target``.
    """
    problem = "it is a directory" if target.is_dir() else why_not_writable(target.parent)
    if problem is not None:
        raise CallError(f"nothing can be written to {target}: {problem}.")


def _write(target: Path, content: str) -> None:
    """Write a report, the whole of it or nothing.

    Raises:
        CallError: it cannot be written.
    """
    try:
        with all_or_nothing(target.parent) as folder:
            (folder / target.name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise CallError(f"{target} could not be written: {error.strerror or error}.") from error
