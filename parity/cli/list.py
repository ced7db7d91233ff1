"""``parity list``."""

from __future__ import annotations

import json

import click


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(as_json: bool) -> None:
    """List the components, by chapter, and what each is compared on."""
    from parity.catalogue import components

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
                    for entry in components()
                ],
                indent=2,
            )
        )
        return
    chapter = 0
    for entry in components():
        if entry.chapter != chapter:
            click.echo(f"{'' if not chapter else chr(10)}Chapter {entry.chapter}")
            chapter = entry.chapter
        mark = "" if entry.in_book else " (not in the book)"
        click.echo(f"  {entry.name}: {entry.summary}{mark}")
        click.echo(f"      {', '.join(entry.compares)}; {len(entry.cases)} cases")
