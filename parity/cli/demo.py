"""``parity demo``: the project's main job on real input, in a minute."""

from __future__ import annotations

from pathlib import Path

import click

from parity.packages import project_root
from parity.terminal import CallError, make_console

EXAMPLE = Path("examples") / "planted_mistake.py"


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("parity-demo"),
    show_default=True,
    metavar="DIR",
    help="Where the pictures go.",
)
@click.pass_context
def command(ctx: click.Context, out: Path) -> None:
    """Show a check with a planted mistake, and a model trained on both sides.

    Exit code 0 if the mistake is named and both sides agree.
    """
    from parity.checking.file import check_file
    from parity.cli import train
    from parity.reports.terminal import print_result

    file = project_root() / EXAMPLE
    if not file.exists():
        raise CallError(f"the demo needs {EXAMPLE}, which comes with a clone of the project")

    console = make_console()
    console.rule("A reader's layers, with one mistake in them", align="left")
    console.print(f"\n$ parity check {EXAMPLE.as_posix()}\n")
    result = check_file(file)
    result.file = EXAMPLE
    print_result(console, result)

    console.print()
    console.rule("House prices, in NumPy and in PyTorch from the same weights", align="left")
    args = ["house-prices", "--overwrite", "--out", str(out)]
    console.print(f"\n$ parity train {' '.join(args)}\n")
    code = train.command.main(args, standalone_mode=False)
    named = any(verdict.mistakes for verdict in result.verdicts)
    ctx.exit(code or (0 if named else 1))
