"""What is said of a lock-step, on the terminal and in ``results.json``."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from parity.cli.train.common import finite
from parity.training.lock_step import LIMIT, LockStep


def print_lock_step(console: Console, steps: LockStep) -> None:
    """How far the sides got apart, and whether that is rounding."""
    console.print()
    batches = "batch" if steps.batches == 1 else "batches"
    console.print(
        f"In lock-step, {steps.batches:,} {batches} in float64: the largest difference in a "
        f"parameter after one step from equal parameters is {steps.in_a_step:.1e}."
    )
    verdict = "Each step is equal on both sides" if steps.agree else "The sides DIFFER"
    console.print(
        f"{verdict} (the limit is {LIMIT:g}).",
        style="bold green" if steps.agree else "bold red",
    )
    console.print(
        f"Over all these batches, which blow rounding up, the sides end {steps.in_all:.1e} "
        f"apart; two NumPy runs whose weights differ in the last digit {steps.sensitivity:.1e}."
    )


def lock_step_results(steps: LockStep | None) -> dict[str, Any] | None:
    """What ``results.json`` holds of a lock-step."""
    if steps is None:
        return None
    return {
        "batches": steps.batches,
        "in_a_step": finite(steps.in_a_step),
        "in_all": finite(steps.in_all),
        "sensitivity": finite(steps.sensitivity),
        "limit": LIMIT,
    }
