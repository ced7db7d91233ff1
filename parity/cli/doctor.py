"""``parity doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich import box
from rich.table import Table
from rich.text import Text

from parity.doctor import Finding, examine
from parity.terminal import make_console


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at the installation: versions, devices, package names, data files.

    Exit code 0 if all is well, 1 if something is missing or damaged.
    """
    findings = list(examine())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    ctx.exit(0 if all(finding.ok for finding in findings) else 1)


def _print(findings: list[Finding]) -> None:
    console = make_console()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("", overflow="fold")
    table.add_column("", overflow="fold")
    table.add_column("")
    group = ""
    for finding in findings:
        mark = Text("ok", style="green") if finding.ok else Text("MEND", style="bold red")
        heading = finding.group if finding.group != group else ""
        table.add_row(heading, Text(finding.name), Text(finding.value), mark)
        group = finding.group
    table.show_header = False
    console.print(table)
    console.print()
    wrong = [finding for finding in findings if not finding.ok]
    for finding in wrong:
        console.print(Text(f"{finding.name}: {finding.mend}"), soft_wrap=True)
    if not wrong:
        console.print("All is well.")
