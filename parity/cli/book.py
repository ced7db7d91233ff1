"""``parity book``: a chapter's printed numbers beside ours."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import Literal

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datasets import DataFileError
from parity.book import CHAPTERS, chapter_rows
from parity.book.rows import Row
from parity.terminal import CallError, make_console


@click.command("book")
@click.argument("chapter")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@click.pass_context
def command(ctx: click.Context, chapter: str, as_json: bool) -> None:
    """Compute the numbers that CHAPTER of the book prints again, and compare.

    Exit code 0 if every number that must be equal is, to the last printed digit; 1 if one is not;
    2 if the call was wrong or a data file is damaged.
    """
    if chapter not in {str(number) for number in CHAPTERS}:
        raise CallError(
            f"there is no chapter {chapter!r} here; chapters {CHAPTERS[0]} to {CHAPTERS[-1]} "
            "are there."
        )
    try:
        rows = chapter_rows(int(chapter))
    except DataFileError as error:
        raise CallError(str(error)) from error

    if as_json:
        click.echo(json.dumps(_as_dict(int(chapter), rows), indent=2))
    else:
        _print(make_console(), int(chapter), rows)
    ctx.exit(1 if any(row.failed for row in rows) else 0)


def _as_dict(chapter: int, rows: list[Row]) -> dict[str, object]:
    return {
        "chapter": chapter,
        "passed": not any(row.failed for row in rows),
        "rows": [{**asdict(row), "equal": row.equal} for row in rows],
    }


def _print(console: Console, chapter: int, rows: list[Row]) -> None:
    for _, result in groupby(rows, key=lambda row: row.id):
        _print_result(console, list(result))

    exact = [row for row in rows if row.kind == "exact"]
    equal = sum(row.equal for row in exact)
    line = f"Chapter {chapter}: {equal} of {len(exact)} are equal to the last printed digit"
    line += "." if equal == len(exact) else f", {len(exact) - equal} DIFFER."
    lost = [row.id for row in rows if row.kind == "not reproduced"]
    if lost:
        line += f" {len(lost)} more are not reproduced (see {', '.join(sorted(set(lost)))})."
    console.print(line, style="bold green" if equal == len(exact) else "bold red")


def _print_result(console: Console, rows: list[Row]) -> None:
    first = rows[0]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    side: Literal["left", "right"] = "left" if any("[" in row.printed for row in rows) else "right"
    table.add_column("")
    table.add_column("printed", justify=side, no_wrap=True)
    table.add_column("ours", justify=side, no_wrap=True)
    table.add_column("")
    for change in first.instead:
        table.add_column(change, justify="right")
    for row in rows:
        table.add_row(row.what, row.printed, row.ours, _mark(row), *row.instead.values())

    console.print(f"{first.id}  {first.title}", style="bold")
    console.print()
    console.print(table)
    console.print()
    console.print(f"Recipe: {first.recipe}")
    if first.note:
        console.print(f"Note: {first.note}")
    console.print()


def _mark(row: Row) -> Text:
    """In words, and in colour for those who see it."""
    if row.equal:
        return Text("equal", style="green")
    if row.failed:
        return Text("DIFFERS", style="bold red")
    return Text("see note", style="yellow")
