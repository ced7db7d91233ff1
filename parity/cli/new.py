"""``parity new FILE``."""

from __future__ import annotations

from pathlib import Path

import click

from parity.terminal import CallError


@click.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--chapter", type=int, metavar="N", help="Only this chapter.")
def command(file: Path, chapter: int | None) -> None:
    """Write a skeleton to FILE for you to fill in. Never overwrites."""
    from parity.skeleton import chapters, write_skeleton

    if chapter is not None and chapter not in chapters():
        listed = ", ".join(map(str, chapters()))
        raise CallError(f"there is nothing of chapter {chapter}; there are chapters {listed}")
    if file.suffix != ".py":
        raise CallError(f"{file} must end in .py")
    try:
        write_skeleton(file, chapter)
    except FileExistsError:
        raise CallError(
            f"{file} is there already and is left as it is; choose another name"
        ) from None
    except OSError as error:
        raise CallError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {file}. Fill it in, then: parity check {file}")
