"""``parity evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.table import Table

from parity.cli.train.kept import Kept, restore
from parity.terminal import make_console

if TYPE_CHECKING:
    from parity.training.twin import Differences

STEP = click.option(
    "--step", type=click.IntRange(min=0), metavar="N",
    help="Of the checkpoint after N steps; by default of the newest.",
)  # fmt: skip

RUN = click.argument("run", type=click.Path(path_type=Path), metavar="RUN")


@click.command("evaluate")
@RUN
@STEP
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto",
    show_default=True, help="What is measured on.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, run: Path, step: int | None, device: str, as_json: bool) -> None:
    """Measure the model of RUN, a directory of parity train, and compare it with its scratch twin.

    The twin gets the model's parameters; then the next batch goes through both, in float64 and
    without dropout's masks, and back. Exit code 0 if outputs, loss and gradients are equal, 1 if
    not, 2 if the call was wrong.
    """
    kept = restore(run, step, device)
    import torch

    from parity.training.twin import compare_with_twin

    kept.task.model.eval()
    with torch.no_grad():
        measured = dict(kept.task.measure()) if kept.task.measure is not None else {}
    differences = compare_with_twin(
        kept.task, kept.next_batch(), lambda model: kept.kind.twin(kept.options, model)
    )
    if as_json:
        click.echo(json.dumps(_as_dict(kept, measured, differences), indent=2))
    else:
        _print(kept, measured, differences)
    ctx.exit(0 if differences.agree else 1)


def _as_dict(kept: Kept, measured: dict[str, float], differences: Differences) -> dict[str, Any]:
    return {
        "model": kept.run.model,
        "step": kept.step,
        "steps": kept.task.steps,
        "checkpoint": str(kept.checkpoint),
        "measured": measured,
        "differences_from_scratch": {
            "output": differences.output,
            "loss": differences.loss,
            "gradients": differences.gradients,
        },
        "equal": differences.agree,
    }


def _print(kept: Kept, measured: dict[str, float], differences: Differences) -> None:
    from parity.training.twin import LIMIT

    console = make_console()
    console.print(f"{kept.run.model} in {kept.run.path}", style="bold")
    console.print(f"After {kept.step:,} of {kept.task.steps:,} {kept.kind.unit}.")
    console.print()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("on the test part")
    table.add_column("reference", justify="right")
    for name, value in measured.items():
        table.add_row(name.replace("_", " "), f"{value:.4f}")
    console.print(table)
    console.print()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("beside the scratch twin, on one batch in float64")
    table.add_column("difference", justify="right")
    table.add_row("output", f"{differences.output:.1e}")
    table.add_row("loss", f"{differences.loss:.1e}")
    table.add_row("gradients on the parameters", f"{differences.gradients:.1e}")
    console.print(table)
    verdict = "Both sides are equal" if differences.agree else "The sides DIFFER"
    console.print(
        f"{verdict} (the limit is {LIMIT:g} of the largest element).",
        style="bold green" if differences.agree else "bold red",
    )
