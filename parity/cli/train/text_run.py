"""A training on text: how far it has got, what is printed of it, and its files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity.cli.train.common import Run, finite, write_run
from parity.cli.train.lock_step import lock_step_results
from parity.training.lock_step import LockStep
from parity.training.next_character import (
    COMPARED_STEPS,
    WEIGHT,
    Trained,
    Writing,
    largest_difference,
    smoothed,
)
from parity.training.text_experiment import Characters, TextExperiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: So many rows of losses at most, beside the first.
SHOWN = 4

SMOOTHING = f"exponential moving mean,\neach step counts {100 * WEIGHT:g} %"


@dataclass(kw_only=True)
class TextRun(Run[Trained]):
    """With the experiment, and the text it is to be carried out on."""

    experiment: TextExperiment
    characters: Characters
    dtype: str
    writing: Writing
    unfinished: Trained | None = None

    unit: ClassVar[str] = "step"

    @property
    def begun(self) -> list[Trained]:
        """What the sides have come to, the one in training too."""
        there = [self.unfinished] if self.unfinished and self.unfinished.done else []
        return sorted(self.finished + there, key=lambda trained: self.sides.index(trained.side))

    def outcome(self, trained: Trained) -> str:
        """With its perplexity."""
        return f"{trained.side} had finished, with a perplexity of {trained.perplexity:.2f}"


def write(run: TextRun, lock_step: LockStep | None, out: Path) -> list[str]:
    """Write what there is; returns the files' names, but for ``results.json``."""
    figures, texts = _figures(run), _texts(run)
    write_run(out, figures, _results(run, lock_step), texts)
    return [*figures, *texts]


def _heading(trained: Trained, steps: int) -> str:
    return f"{trained.side} after {steps:,} step{'s' * (steps != 1)}"


def print_sample(console: Console, trained: Trained) -> None:
    """The last text that a side has written, in lines of its own."""
    steps, text = list(trained.samples.items())[-1]
    console.print()
    console.rule(_heading(trained, steps), align="left", style="")
    console.print(Text("".join(map(_printable, text))))


def _printable(character: str) -> str:
    """A character that a terminal takes for nothing else."""
    if character == "\n" or character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def print_tables(console: Console, run: TextRun) -> None:
    """What was trained on what, and what it came to."""
    characters, size = run.characters, len(run.characters.vocabulary)
    console.print(f"{characters.name}, character by character (chapter 6)", style="bold")
    console.print(f"{run.experiment.names(size)}; {run.experiment.recipe}.")
    console.print(
        f"Characters to train on: {len(characters.training):,}, held out: "
        f"{len(characters.held_out):,}, different ones: {size}. Seed: {run.seed}."
    )
    console.print()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for trained in run.finished:
        table.add_column(trained.side, justify="right")
    for row in _rows(run.finished):
        table.add_row(*row)
    console.print(table)
    console.print(
        f"Losses are in nats per character, an exponential moving mean in which each step counts "
        f"{100 * WEIGHT:g} %; guessing blindly comes to {math.log(size):.3f}. The perplexity is "
        f"that of the end of the text, which is held out and read through once; guessing blindly "
        f"comes to {size}."
    )


def _rows(finished: list[Trained]) -> Iterator[tuple[str, ...]]:
    """Names, and the numbers of each side."""
    means = [smoothed(trained.losses) for trained in finished]
    total = finished[0].done
    for step in sorted({1, *(-(-total * part // SHOWN) for part in range(1, SHOWN + 1))}):
        yield (
            f"loss at step {step:,}",
            *(f"{values[step - 1]:.3f}" for values in means),
        )
    yield "perplexity", *(f"{trained.perplexity:.2f}" for trained in finished)
    yield "seconds in training", *(f"{trained.seconds:.1f}" for trained in finished)


def _differences(run: TextRun) -> dict[int, float]:
    """How far the sides' losses are apart, one over the other, by the number of steps."""
    if len(run.finished) < 2:
        return {}
    ours, theirs = (trained.losses for trained in run.finished)
    counts = sorted({min(COMPARED_STEPS, len(ours)), len(ours)})
    return {count: largest_difference(ours[:count], theirs[:count]) for count in counts}


def print_drift(console: Console, run: TextRun) -> None:
    """How far the losses of both sides are apart, and that this is rounding."""
    told = ", ".join(
        f"{difference:.1e} over {'the first ' if count < run.experiment.steps else 'all '}"
        f"{count:,} step{'s' * (count != 1)}"
        for count, difference in _differences(run).items()
    )
    console.print()
    console.print(
        f"Both sides train on the same batches from the same weights in {run.dtype}. The largest "
        f"difference between the losses of a step, one over the other: {told}."
    )
    console.print(
        "Rounding differs from the first step on and grows with the training, in float32 until the "
        "sides drift apart. Whether each step is the same is asked in lock-step:"
    )


def _figures(run: TextRun) -> dict[str, Figure]:
    """The picture by file name."""
    from parity import figures

    names = run.experiment.names(len(run.characters.vocabulary))
    return {
        "losses.png": figures.step_losses(
            {trained.side: smoothed(trained.losses) for trained in run.begun},
            f"The next character: {names}",
            SMOOTHING,
        )
    }


def _texts(run: TextRun) -> dict[str, str]:
    """All that was written, and by itself the last text of each side that has finished."""
    everything = "\n".join(
        f"=== {_heading(trained, steps)} ===\n{text}\n"
        for trained in run.begun
        for steps, text in trained.samples.items()
    )
    last = {f"sample_{trained.side}.txt": trained.samples[trained.done] for trained in run.finished}
    return ({"samples.txt": everything} if everything else {}) | last


def _results(run: TextRun, lock_step: LockStep | None) -> dict[str, Any]:
    """What ``results.json`` holds."""
    experiment, characters = run.experiment, run.characters
    return {
        "text": characters.name,
        "layers": list(experiment.layers),
        "hidden": experiment.hidden,
        "recipe": experiment.recipe,
        "steps": experiment.steps,
        "dtype": run.dtype,
        "seed": run.seed,
        "temperature": run.writing.temperature,
        "vocabulary": characters.vocabulary.characters,
        "training_characters": len(characters.training),
        "held_out_characters": len(characters.held_out),
        "interrupted": len(run.finished) < len(run.sides),
        "sides": {
            trained.side: {
                "losses": trained.losses,
                "smoothed_loss": trained.smoothed,
                "perplexity": finite(trained.perplexity),
                "samples": {str(steps): text for steps, text in trained.samples.items()},
                "seconds": trained.seconds,
            }
            for trained in run.begun
        },
        "largest_relative_differences": {
            str(count): difference for count, difference in _differences(run).items()
        },
        "lock_step": lock_step_results(lock_step),
    }
