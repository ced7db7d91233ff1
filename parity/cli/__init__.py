"""The command line: ``parity check``, ``new``, ``list``, ``train``, ``evaluate``, ``export``,
``book``, ``doctor``, ``demo``.

Each command lives in a module of its own, imported when it is called, so that none pays for another
one's imports.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from io import TextIOWrapper

import click

from parity import __version__

COMMANDS = {
    "check": "Check your own implementation and say what is wrong with it.",
    "new": "Write a skeleton file for you to fill in.",
    "list": "List the components, by chapter.",
    "train": "Train a model of the book, in NumPy, in PyTorch, or both.",
    "evaluate": "Measure a model that was trained, and compare it with its scratch twin.",
    "export": "Write a model that was trained for other programs: npz, ONNX.",
    "book": "Compute a chapter's printed numbers again and compare.",
    "doctor": "Look at the installation: versions, devices, data files.",
    "demo": "Show a check with a planted mistake, and a model trained on both sides.",
}


class _LazyGroup(click.Group):
    """Knows the commands' names and one-liners, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"parity.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="parity")
def group() -> None:
    """Deep Learning from Scratch, in NumPy and PyTorch, proven equal; and a check of yours."""


def main() -> None:
    """Run the command line. Exit code 0 all right, 1 something differs, 2 the call was wrong."""
    from parity.packages import WrongPackageError, require_own_packages

    for stream in (sys.stdout, sys.stderr):  # ✓ and → do not exist everywhere
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        if "doctor" not in sys.argv[1:2]:
            require_own_packages()
        group.main(prog_name="parity")
    except WrongPackageError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except Exception as error:
        if os.environ.get("PARITY_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            click.echo("Error: there is no space left where the output goes.", err=True)
            sys.exit(2)
        click.echo(
            f"Error: parity itself failed ({type(error).__name__}: {error}). Please report it, "
            "with what PARITY_TRACEBACK=1 in front of the command prints.",
            err=True,
        )
        sys.exit(2)
