"""``parity book``: a chapter's printed numbers beside ours."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby
from typing import Any, Literal, NamedTuple

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datasets import DataFileError
from parity.book import CHAPTERS, chapter4, chapter5, chapter6, chapter7, chapter_rows
from parity.book.rows import Row
from parity.terminal import INTERRUPTED, CallError, make_console, progress_bars


class _Trainings(NamedTuple):
    """A chapter that takes minutes, and how its progress is shown: of what, with which number."""

    chapter: Any
    unit: str
    shown: str
    digits: str


TRAININGS = {
    "4": _Trainings(chapter4, "epochs", "validation loss", ".3f"),
    "5": _Trainings(chapter5, "batches", "accuracy", ".2%"),
    "6": _Trainings(chapter6, "steps", "loss", ".3f"),
    "7": _Trainings(chapter7, "batches", "", ".3f"),
}


@click.command("book")
@click.argument("chapter")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N",
    help="Chapters 4 to 7 only: a quick run on N images (in chapter 6: of N steps), whose numbers "
    "cannot be compared with the book's.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, chapter: str, as_json: bool, limit: int | None) -> None:
    """Compute the numbers that CHAPTER of the book prints again, and compare.

    Chapter 4 trains ten networks on MNIST, chapter 5 one, with the wrong gradient that the book
    prints and with the right one, chapter 6 three on a play, in NumPy and in PyTorch, and chapter 7
    one with three seeds and an autoencoder; all of this takes minutes. Exit code 0 if every number
    that must be equal, or near, is; 1 if one is not (what a training of chapters 4 to 7 ends with:
    by more than twice its band); 2 if the call was wrong or a data file is damaged; 130 if
    interrupted.
    """
    if chapter not in {str(number) for number in CHAPTERS}:
        raise CallError(
            f"there is no chapter {chapter!r} here; chapters {CHAPTERS[0]} to {CHAPTERS[-1]} "
            "are there."
        )
    if limit is not None and chapter not in TRAININGS:
        raise CallError("--limit is for chapters 4 to 7 only; the other chapters take seconds.")
    interrupted = False
    try:
        if chapter in TRAININGS:
            rows, interrupted = _train(TRAININGS[chapter], limit)
        else:
            rows = chapter_rows(int(chapter))
    except DataFileError as error:
        raise CallError(str(error)) from error

    if as_json:
        click.echo(json.dumps(_as_dict(int(chapter), rows, interrupted), indent=2))
    else:
        _print(make_console(), int(chapter), rows, interrupted)
    if interrupted:
        click.echo("Interrupted: what is above was done.", err=True)
        ctx.exit(INTERRUPTED)
    ctx.exit(1 if any(row.failed for row in rows) else 0)


def _train(trainings: _Trainings, limit: int | None) -> tuple[list[Row], bool]:
    """The rows of a chapter that trains, and whether it was interrupted after these."""
    rows: list[Row] = []
    columns = trainings.unit, f"{trainings.shown} {{task.fields[shown]}}"
    with progress_bars(*columns) as progress:

        def on_training(name: str, total: int) -> Callable[[int, float, float], None]:
            for task in progress.tasks:
                progress.update(task.id, total=task.completed)
            bar = progress.add_task(name, total=total, shown="")

            def on_step(number: int, _: float, value: float) -> None:
                shown = "" if math.isnan(value) else format(value, trainings.digits)
                progress.update(bar, completed=number, shown=shown)

            return on_step

        try:
            for part in trainings.chapter.parts(limit, on_training):
                rows += part
        except KeyboardInterrupt:
            return rows, True
    return rows, False


def _as_dict(chapter: int, rows: list[Row], interrupted: bool) -> dict[str, object]:
    """``passed`` is None where there was nothing to compare with."""
    compared = not any(row.kind == "not comparable" for row in rows)
    passed = not interrupted and not any(row.failed for row in rows)
    return {
        "chapter": chapter,
        "interrupted": interrupted,
        "passed": passed if compared else None,
        "rows": [{**asdict(row), "equal": row.equal, "in_band": row.in_band} for row in rows],
    }


def _print(console: Console, chapter: int, rows: list[Row], interrupted: bool) -> None:
    for _, result in groupby(rows, key=lambda row: row.id):
        _print_result(console, list(result))
    if interrupted:
        return

    exact = [row for row in rows if row.kind == "exact"]
    equal = sum(row.equal for row in exact)
    line = f"Chapter {chapter}: {equal} of {len(exact)} are equal to the last printed digit"
    line += "." if equal == len(exact) else f", {len(exact) - equal} DIFFER."
    bands = [row for row in rows if row.kind == "band"]
    if bands:
        line += f" {sum(row.in_band for row in bands)} of {len(bands)} are within their bands."
    far = [f"{row.id} {row.what}" for row in rows if row.failed and row.kind != "exact"]
    if far:
        line += f" Too far off: {', '.join(far)}."
    lost = [row.id for row in rows if row.kind == "not reproduced"]
    if lost:
        line += f" {len(lost)} more are not reproduced (see {', '.join(sorted(set(lost)))})."
    if any(row.kind == "not comparable" for row in rows):
        line += " With --limit the trainings cannot be compared with the book's."
    unprinted = [row for row in rows if row.kind == "unprinted"]
    if unprinted:
        near = sum(row.in_band for row in unprinted)
        line += f" {len(unprinted)} more are not printed; {near} of them are within their bands"
        line += " of the other side's."
    failed = any(row.failed for row in rows)
    console.print(line, style="bold red" if failed else "bold green")


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
    if row.kind == "gain" and not row.failed:
        higher = float(row.ours) > 0
        return Text("holds" if higher else "by chance", style="green" if higher else "yellow")
    if row.kind in ("band", "unprinted"):
        if row.in_band:
            return Text(f"within {row.band:g}", style="green")
        return Text(f"not within {row.band:g}", style="bold red" if row.failed else "yellow")
    if row.failed:
        return Text("DIFFERS", style="bold red")
    if row.kind in ("not comparable", "measured"):
        return Text("")
    return Text("see note", style="yellow")
