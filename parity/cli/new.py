"""``parity new FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--chapter", type=int, metavar="N", help="Only this chapter.")
def command(file: Path, chapter: int | None) -> None:
    """Write a skeleton to FILE for you to fill in. Never overwrites."""
    from parity.skeleton import chapters, write_skeleton

    if chapter is not None and chapter not in chapters():
        listed = ", ".join(map(str, chapters()))
        _refuse(f"there is nothing of chapter {chapter}; there are chapters {listed}")
    if file.suffix != ".py":
        _refuse(f"{file} must end in .py")
    try:
        write_skeleton(file, chapter)
    except FileExistsError:
        _refuse(f"{file} is there already and is left as it is; choose another name")
    except OSError as error:
        _refuse(f"{file} cannot be written: {error.strerror}")
    click.echo(f"Wrote {file}. Fill it in, then: parity check {file}")


def _refuse(sentence: str) -> None:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(2)
