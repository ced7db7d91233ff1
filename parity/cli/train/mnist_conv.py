"""``parity train mnist-conv``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from datasets import MnistSplit
from parity.cli.train.common import (
    SEED_RANGE,
    SIDE_CHOICE,
    Run,
    Side,
    ended_in_words,
    finite,
    print_written,
    require_writable,
    write_run,
)
from parity.cli.train.kept import Kind, Options
from parity.cli.train.lock_step import lock_step_results, print_lock_step
from parity.cli.train.mnist import (
    LOSS_NOTE,
    MASKS_NOTE,
    data_options,
    load,
    pixels,
    print_set,
    require_data_for_download,
    set_name,
)
from parity.cli.train.running import (
    OnStep,
    RunCommand,
    in_training_order,
    run_options,
    running,
    training_bars,
)
from parity.terminal import CallError, make_console, progress_bars
from parity.training import mnist_conv
from parity.training.conv_experiment import (
    BATCH_SIZE,
    PRINTED_ACCURACIES,
    PRINTED_ACCURACY,
    PRINTED_LOSS,
    SEED,
    ConvExperiment,
    Gradients,
    Network,
)
from parity.training.lock_step import LockStep
from parity.training.mnist_conv import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import Task
    from parity.training.twin import Twin


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


@click.command("mnist-conv", cls=RunCommand)
@click.option(
    "--side", type=SIDE_CHOICE, default="both", show_default=True,
    help="Train in NumPy (scratch), in PyTorch (reference), or both.",
)  # fmt: skip
@click.option(
    "--network", type=click.Choice(["chapter-5", "chapter-7"]), default="chapter-5",
    show_default=True, help="One convolution, or chapter 7's two.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many.",
)  # fmt: skip
@click.option(
    "--gradients", type=click.Choice(["right", "as-printed"]), default="right", show_default=True,
    help="On the filters, in NumPy: the right ones, or appendix A's (errata, E16), with which the "
    "book's numbers were computed.",
)  # fmt: skip
@data_options
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True,
    help="What is computed in; float64 takes twice as long.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("parity-mnist-conv"),
    show_default=True, metavar="DIR", help="Where pictures and results.json go.",
)  # fmt: skip
@click.option(
    "--seed", type=SEED_RANGE, default=SEED, show_default=True,
    help="Of the weights, of the order of the images, and of dropout's masks.",
)  # fmt: skip
@run_options
@click.pass_context
def train_mnist_conv(
    ctx: click.Context,
    /,
    side: str,
    network: str,
    epochs: int,
    gradients: str,
    limit: int | None,
    data: Path | None,
    download: bool,
    dtype: str,
    out: Path,
    seed: int,
    **_: Any,
) -> None:
    """Train a convolutional network on MNIST.

    With both sides, the first batches go in lock-step: each step must be the same on both. PyTorch
    keeps checkpoints in --out, from which --resume goes on. Exit code 0 if all is well, 1 if a step
    is not the same or if the training diverges, 2 if the call was wrong, 130 if interrupted.
    """
    require_writable(out)
    require_data_for_download(data, download)
    if side == "reference" and gradients == "as-printed":
        raise CallError(
            "--gradients as-printed needs the scratch side: PyTorch computes the right ones only."
        )
    if network == "chapter-7" and gradients == "as-printed":
        raise CallError("--gradients as-printed goes with --network chapter-5 only.")
    run = ConvRun(
        experiment=ConvExperiment(cast(Gradients, gradients), network=cast(Network, network)),
        epochs=epochs,
        limit=limit,
        data=data,
        sides=list(mnist_conv.TRAINERS) if side == "both" else [cast(Side, side)],
        seed=seed,
    )
    with ended_in_words(ctx, run, out), running(ctx) as how:
        run.resumable = how is not None
        images = mnist_conv.as_images(load(dtype, data, download, limit))
        agree = _carry_out(run, images, out, how)
    ctx.exit(0 if agree else 1)


def _carry_out(run: ConvRun, data: MnistSplit, out: Path, how: Running | None) -> bool:
    """Train, write, print: in this order, so that a closed pipe costs no results.

    Returns whether each step is the same on both sides.
    """
    steps = _lock_step(run, data) if run.in_lock_step else None
    _train(run, data, how)
    if how is not None and not how.processes.first:
        return True

    figures = _figures(run, data)
    write_run(out, figures, _results(run, data, steps))
    run.written = True

    console = make_console()
    _print_tables(console, run, data)
    if steps is not None:
        print_lock_step(console, steps)
    print_written(out, figures)
    return steps is None or steps.agree


def _batches(data: MnistSplit) -> int:
    return -(-len(data.X_train) // BATCH_SIZE)


def _lock_step(run: ConvRun, data: MnistSplit) -> LockStep:
    with progress_bars("batches") as progress:
        total = min(mnist_conv.LOCK_STEP_BATCHES, _batches(data))
        bar = progress.add_task("lock-step", total=total)
        return mnist_conv.lock_step(
            run.experiment, data, run.seed, lambda batch: progress.update(bar, completed=batch)
        )


def _train(run: ConvRun, data: MnistSplit, how: Running | None) -> None:
    total = run.epochs * _batches(data)
    trainers: dict[Side, Callable[..., Trained]] = {
        "scratch": mnist_conv.train_scratch,
        "reference": partial(mnist_conv.train_reference, running=how),
    }
    with training_bars(run.sides, total, "batches", BATCH_SIZE, how) as bars:
        for side in in_training_order(run.sides):
            told = bars.begin(side)

            def on_batch(
                batch: int, loss: float, accuracy: float, side: Side = side, told: OnStep = told
            ) -> None:
                run.current = (
                    f"{side} had done {batch:,} of {total:,} batches, "
                    f"with a training loss of {loss:.3f}"
                )
                shown = "" if np.isnan(accuracy) else f"{accuracy:.2%}"
                told(batch, loss, shown)

            trained = trainers[side](run.on_side(side), data, run.seed, on_batch, run.epochs)
            run.current = ""
            run.finished.append(trained)
    run.finished.sort(key=lambda trained: run.sides.index(trained.side))


def _print_tables(console: Console, run: ConvRun, data: MnistSplit) -> None:
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
    maps = mnist_conv.feature_maps(first.params, image)
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


def _experiment(options: Options) -> ConvExperiment:
    return ConvExperiment(network=options["network"])


def _task(options: Options, how: Running) -> Task:
    data = load(options["dtype"], options["data"], False, options["limit"])
    return mnist_conv.reference_task(
        _experiment(options), mnist_conv.as_images(data), options["seed"], options["epochs"], how
    )


def _twin(options: Options, model: nn.Module) -> Twin:
    from parity.bridge import copy_to_scratch

    net, _ = mnist_conv.make_scratch(_experiment(options), options["seed"])
    net.forward(np.zeros((1, 1, 28, 28)), inference=True)
    copy_to_scratch(model, net)
    return net


KIND = Kind(_task, _twin, lambda task: next(iter(task.batches.epoch(0))).inputs[:2])
