"""``parity check FILE``."""

from __future__ import annotations

from pathlib import Path

import click

from parity.terminal import INTERRUPTED, make_console, progress_bars


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="Only this component; may be repeated.")
@click.option("--verbose", "-v", is_flag=True, help="Also a line for each that passed.")
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
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    only: tuple[str, ...],
    verbose: bool,
    as_json: bool,
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
    from parity.runner.isolated import Limits
    from parity.verdict import Verdict

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
    except FileError as error:
        if as_json:
            click.echo(machine.error_as_json(file, error))
        click.echo(f"Error: {error}", err=True)
        if error.error is not None:
            terminal.print_file_error(make_console(stderr=True), error.error)
        ctx.exit(1 if error.error is not None else 2)
    ctx.exit(INTERRUPTED if result.interrupted else 0 if result.passed else 1)
