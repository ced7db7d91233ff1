"""A convolutional network's training: how far it has got, what is printed of it, and its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich import box
from rich.console import Console
from rich.table import Table

from datasets import MnistSplit
from parity.cli.train.common import Run, finite, write_run
from parity.cli.train.lock_step import lock_step_results
from parity.cli.train.mnist import LOSS_NOTE, MASKS_NOTE, pixels, print_set, set_name
from parity.training.conv_experiment import (
    PRINTED_ACCURACIES,
    PRINTED_ACCURACY,
    PRINTED_LOSS,
    ConvExperiment,
)
from parity.training.conv_outputs import feature_maps
from parity.training.lock_step import LockStep
from parity.training.mnist_conv import Trained
from parity.training.sides import Side

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: So many accuracies at most are printed on the way.
MAX_ROWS = 12


@dataclass(kw_only=True)
class ConvRun(Run[Trained]):
    """With the experiment, and the data it is to be carried out on."""

    experiment: ConvExperiment
    epochs: int
    limit: int | None
    data: Path | None

    unit: ClassVar[str] = "batch"

    @property
    def as_in_the_book(self) -> bool:
        """Whether the book's numbers are those of the same training."""
        of_chapter_5 = self.experiment.network == "chapter-5" and self.epochs == 1
        return of_chapter_5 and self.limit is None and self.data is None

    @property
    def title(self) -> str:
        """What is trained."""
        return f"The convolutional network of {self.experiment.network.replace('-', ' ')}"

    @property
    def in_lock_step(self) -> bool:
        """Whether there are two sides that compute the same."""
        return len(self.sides) == 2 and self.experiment.gradients == "right"

    def on_side(self, side: Side) -> ConvExperiment:
        """The experiment of a side: PyTorch's gradients are right."""
        return self.experiment if side == "scratch" else replace(self.experiment, gradients="right")

    def outcome(self, trained: Trained) -> str:
        """With its accuracy."""
        return f"{trained.side} had finished, with an accuracy of {trained.accuracy:.2%}"


def write(run: ConvRun, data: MnistSplit, steps: LockStep | None, out: Path) -> list[str]:
    """Write what there is; returns the files' names, but for ``results.json``."""
    figures = _figures(run, data)
    write_run(out, figures, _results(run, data, steps))
    return list(figures)


def print_tables(console: Console, run: ConvRun, data: MnistSplit) -> None:
    """What was trained on what, and what it came to."""
    console.print(f"{set_name(run.data)}: {run.title}", style="bold")
    console.print(f"{run.experiment.recipe}, {run.epochs} epoch{'s' * (run.epochs != 1)}.")
    print_set(console, data, run.seed)

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    if run.as_in_the_book:
        table.add_column("book", justify="right")
    for trained in run.finished:
        table.add_column(trained.side, justify="right")
    for name, printed, *ours in _rows(run):
        table.add_row(name, *([printed] if run.as_in_the_book else []), *ours)
    console.print(table)
    if run.experiment.network == "chapter-5":
        console.print(LOSS_NOTE)
    if run.experiment.gradients == "as-printed":
        console.print("scratch trained with the printed gradient of the filters (E16).")
        if len(run.finished) == 2:
            console.print("PyTorch's gradients are right, so there is no lock-step.")
    elif run.as_in_the_book:
        console.print(
            "The book trained with a wrong gradient of the filters (E16); "
            "--gradients as-printed does that."
        )
    if len(run.finished) == 2:
        console.print(MASKS_NOTE)


def _rows(run: ConvRun) -> Iterator[tuple[str, ...]]:
    """Names, the book's numbers, and ours for each side."""
    finished = run.finished
    after = "the epoch" if run.epochs == 1 else f"{run.epochs} epochs"
    for batches in _shown(finished[0].accuracies):
        yield (
            f"accuracy after {batches} batches",
            f"{PRINTED_ACCURACIES[batches]:.2f} %" if batches in PRINTED_ACCURACIES else "",
            *(f"{trained.accuracies[batches]:.2%}".replace("%", " %") for trained in finished),
        )
    yield (
        f"validation loss after {after}",
        f"{PRINTED_LOSS:.3f}",
        *(f"{trained.validation_loss:.3f}" for trained in finished),
    )
    yield (
        f"accuracy after {after}",
        f"{PRINTED_ACCURACY:.2f} %",
        *(f"{100 * trained.accuracy:.2f} %" for trained in finished),
    )
    yield (
        "seconds in training",
        "about 600",
        *(f"{trained.seconds:.1f}" for trained in finished),
    )
    yield (
        "images a second",
        "",
        *(f"{trained.images / trained.seconds:,.0f}" for trained in finished),
    )


def _shown(accuracies: dict[int, float]) -> list[int]:
    """Not more than fit on a screen."""
    every = -(-len(accuracies) // MAX_ROWS)
    return list(accuracies)[every - 1 :: every] if accuracies else []


def _figures(run: ConvRun, data: MnistSplit) -> dict[str, Figure]:
    """The pictures by file name."""
    from parity import figures

    first = run.finished[0]
    title = run.title
    if run.experiment.gradients == "as-printed":
        title += "\n(scratch with the printed gradient of the filters, E16)"
    printed = {batches: accuracy / 100 for batches, accuracy in PRINTED_ACCURACIES.items()}
    image = data.X_test[0]
    maps = feature_maps(first.params, image)
    shown = pixels(data.X_test, data)
    second = {}
    if run.experiment.network == "chapter-7":
        second["filters_2.png"] = figures.layer_filters(
            first.params[2], f"The filters of the second layer of {first.side}"
        )
    return {
        "losses.png": figures.batch_curves(
            {trained.side: trained.training_losses for trained in run.finished},
            {
                trained.side: {
                    **trained.accuracies,
                    len(trained.training_losses): trained.accuracy,
                }
                for trained in run.finished
            },
            title,
            printed if run.as_in_the_book else None,
        ),
        "filters.png": figures.filters(
            {trained.side: trained.params[0][0] for trained in run.finished},
            f"The filters of the first layer after {run.epochs} epoch{'s' * (run.epochs != 1)}",
        ),
        "feature_maps.png": figures.feature_maps(
            shown[0], maps, f"What the filters of {first.side} find in a digit, after tanh"
        ),
        "confusion_matrix.png": figures.confusion_matrix(
            data.y_test, first.predicted, f"What {first.side} reads each digit as"
        ),
        "misclassified.png": figures.misclassified(
            shown, first.predicted, data.y_test, f"Read wrongly by {first.side}"
        ),
        **second,
    }


def _results(run: ConvRun, data: MnistSplit, steps: LockStep | None) -> dict[str, Any]:
    """What ``results.json`` holds; accuracies from 0 to 1, by the number of batches."""
    return {
        "recipe": run.experiment.recipe,
        "dtype": str(data.X_train.dtype),
        "seed": run.seed,
        "training_images": len(data.X_train),
        "test_images": len(data.X_test),
        "book": {
            "gradients": "as-printed",
            "accuracies": {
                str(batches): accuracy / 100 for batches, accuracy in PRINTED_ACCURACIES.items()
            },
            "validation_loss": PRINTED_LOSS,
            "accuracy": PRINTED_ACCURACY / 100,
        },
        "sides": {
            trained.side: {
                "gradients": run.on_side(trained.side).gradients,
                "training_losses": [finite(loss) for loss in trained.training_losses],
                "accuracies": {
                    str(batches): accuracy for batches, accuracy in trained.accuracies.items()
                },
                "validation_loss": finite(trained.validation_loss),
                "accuracy": trained.accuracy,
                "seconds": trained.seconds,
                "images_a_second": trained.images / trained.seconds,
                "share_of_loading": trained.loading / trained.seconds,
            }
            for trained in run.finished
        },
        "lock_step": lock_step_results(steps),
    }
