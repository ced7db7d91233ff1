"""``parity list``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from textwrap import fill
from typing import TYPE_CHECKING

import click

from parity.terminal import CallError

if TYPE_CHECKING:
    from parity.catalogue.component import Component


@click.command("list")
@click.option("--chapter", type=int, metavar="N", help="Only this chapter.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the page docs/components.md.")
def command(chapter: int | None, as_json: bool, as_markdown: bool) -> None:
    """List the components, by chapter, and what each is compared on (* not in the book)."""
    from parity.catalogue import components

    entries = [entry for entry in components() if chapter in (None, entry.chapter)]
    if not entries:
        raise CallError(f"there is nothing of chapter {chapter}")
    if as_json:
        click.echo(
            json.dumps(
                [
                    {
                        "name": entry.name,
                        "chapter": entry.chapter,
                        "module": entry.module,
                        "kind": entry.kind,
                        "summary": entry.summary,
                        "compares": entry.compares,
                        "cases": len(entry.cases),
                        "mutants": [mutant.name for mutant in entry.mutants],
                        "in_book": entry.in_book,
                    }
                    for entry in entries
                ],
                indent=2,
            )
        )
        return
    if as_markdown:
        click.echo(_markdown(entries))
        return
    for number in sorted({entry.chapter for entry in entries}):
        click.echo(f"Chapter {number}")
        of_chapter = [entry for entry in entries if entry.chapter == number]
        width = max(len(entry.name) for entry in of_chapter) + 2
        for entry in of_chapter:
            click.echo(_line(entry, width))
    if any(not entry.in_book for entry in entries):
        click.echo("\n* not in the book")
    if any(entry.argument for entry in entries):
        click.echo("A name with a dot is an argument or a method that the chapter adds to a class.")


def _line(entry: Component, width: int) -> str:
    """The name and what is compared; a star for what is not in the book."""
    name = entry.name + ("" if entry.in_book else " *")
    start = f"  {name:<{width}} "
    return fill(
        ", ".join(entry.compares), 80, initial_indent=start, subsequent_indent=" " * len(start)
    )


def _markdown(entries: Iterable[Component]) -> str:
    """A table of all components, the same text on every machine."""
    lines = [
        "# Components",
        "",
        "Made from the catalogue by `parity list --markdown`. A component of module `dense` stands",
        "in `scratch/dense.py` and `reference/dense.py`, its tests in",
        "`parity_tests/test_dense.py`; `autodiff` stands in `scratch` alone, for PyTorch has it.",
        "Those marked * are not in the book; a name with a dot is what a chapter adds to a class.",
        "",
        "| Chapter | Component | Module | Compared on | Cases | Mutants |",
        "| ---: | --- | --- | --- | ---: | ---: |",
    ]
    for entry in entries:
        star = "" if entry.in_book else " *"
        lines.append(
            f"| {entry.chapter} | `{entry.name}`{star} | `{entry.module}` "
            f"| {', '.join(entry.compares)} | {len(entry.cases)} | {len(entry.mutants)} |"
        )
    return "\n".join(lines)
