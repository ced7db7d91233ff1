"""``parity train autoencoder``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
import numpy as np
from numpy import ndarray
from rich import box
from rich.console import Console
from rich.table import Table

from datasets import MnistSplit
from parity.cli.train.common import (
    SEED_RANGE,
    SIDE_CHOICE,
    Run,
    ended_in_words,
    finite,
    print_written,
    require_writable,
    write_run,
)
from parity.cli.train.kept import Kind, Options
from parity.cli.train.lock_step import lock_step_results, print_lock_step
from parity.cli.train.mnist import (
    data_options,
    load,
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
from parity.terminal import make_console, progress_bars
from parity.training import autoencoder
from parity.training.autoencoder import BATCH_SIZE, HIDDEN, SEED, SHOWN, Trained, recipe, scaled
from parity.training.lock_step import LockStep
from parity.training.sides import Side, chosen

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import Task
    from parity.training.twin import Twin

#: So many codes at most are laid out in the plane, as in figure 7.4.
EMBEDDED = 10_000


@dataclass(kw_only=True)
class AutoencoderRun(Run[Trained]):
    """With the width of the code, and the data."""

    hidden: int
    epochs: int
    embedded: bool
    data: Path | None

    unit: ClassVar[str] = "batch"

    def outcome(self, trained: Trained) -> str:
        """With its loss."""
        return f"{trained.side} had finished, with a loss of {trained.validation_loss:.4f}"


@dataclass(frozen=True)
class Plane:
    """The codes of one side, laid out in the plane.

    Attributes:
        points: ``(n, 2)``.
        labels: their digits.
        in_codes: the share of codes whose nearest one is of the same digit.
        in_plane: the same of the points.
    """

    points: ndarray
    labels: ndarray
    in_codes: float
    in_plane: float


@click.command("autoencoder", cls=RunCommand)
@click.option(
    "--side", type=SIDE_CHOICE, default="both", show_default=True,
    help="Train in NumPy (scratch), in PyTorch (reference), or both.",
)  # fmt: skip
@click.option(
    "--hidden", type=click.IntRange(1, 1000), default=HIDDEN, show_default=True,
    help="Numbers in a code.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many.",
)  # fmt: skip
@click.option(
    "--embed/--no-embed", "embedded", default=True, show_default=True,
    help="Lay the test images' codes out in the plane with t-SNE, which takes a minute.",
)  # fmt: skip
@data_options
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True,
    help="What is computed in; float64 takes twice as long.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("parity-autoencoder"),
    show_default=True, metavar="DIR",
    help="Where the run goes: pictures, results.json, configuration, metrics and checkpoints.",
)  # fmt: skip
@click.option(
    "--seed", type=SEED_RANGE, default=SEED, show_default=True,
    help="Of the weights, of the order of the images, of the random codes and of t-SNE.",
)  # fmt: skip
@run_options
@click.pass_context
def train_autoencoder(
    ctx: click.Context,
    /,
    side: str,
    hidden: int,
    epochs: int,
    embedded: bool,
    limit: int | None,
    data: Path | None,
    download: bool,
    dtype: str,
    out: Path,
    seed: int,
    **_: Any,
) -> None:
    """Train chapter 7's autoencoder on MNIST: short codes of images, and the way back.

    With both sides, the first batches go in lock-step: each step must be the same on both. PyTorch
    keeps checkpoints in --out, from which --resume goes on. Exit code 0 if all is well, 1 if a step
    is not the same or if the training diverges, 2 if the call was wrong, 130 if interrupted.
    """
    require_writable(out)
    require_data_for_download(data, download)
    run = AutoencoderRun(
        sides=chosen(side),
        seed=seed,
        hidden=hidden,
        epochs=epochs,
        embedded=embedded,
        data=data,
    )
    with ended_in_words(ctx, run, out), running(ctx) as how:
        run.resumable = how is not None
        agree = _carry_out(run, scaled(load(dtype, data, download, limit)), out, how)
    ctx.exit(0 if agree else 1)


def _carry_out(run: AutoencoderRun, data: MnistSplit, out: Path, how: Running | None) -> bool:
    """Train, write, print: in this order, so that a closed pipe costs no results.

    Returns whether each step is the same on both sides.
    """
    steps = _lock_step(run, data) if len(run.sides) == 2 else None
    _train(run, data, how)
    if how is not None and not how.processes.first:
        return True
    plane = _plane(run, data) if run.embedded else None

    figures = _figures(run, data, plane)
    write_run(out, figures, _results(run, data, steps, plane))
    run.written = True

    console = make_console()
    _print_tables(console, run, data, plane)
    if steps is not None:
        print_lock_step(console, steps)
    print_written(out, figures)
    return steps is None or steps.agree


def _lock_step(run: AutoencoderRun, data: MnistSplit) -> LockStep:
    with progress_bars("batches") as progress:
        total = min(autoencoder.LOCK_STEP_BATCHES, -(-len(data.X_train) // BATCH_SIZE))
        bar = progress.add_task("lock-step", total=total)
        return autoencoder.lock_step(
            run.hidden, data, run.seed, lambda batch: progress.update(bar, completed=batch)
        )


def _train(run: AutoencoderRun, data: MnistSplit, how: Running | None) -> None:
    total = run.epochs * -(-len(data.X_train) // BATCH_SIZE)
    trainers: dict[Side, Callable[..., Trained]] = {
        "scratch": autoencoder.train_scratch,
        "reference": partial(autoencoder.train_reference, running=how),
    }
    with training_bars(run.sides, total, "batches", BATCH_SIZE, how) as bars:
        for side in in_training_order(run.sides):
            told = bars.begin(side)

            def on_batch(batch: int, loss: float, side: Side = side, told: OnStep = told) -> None:
                run.current = (
                    f"{side} had done {batch:,} of {total:,} batches, "
                    f"with a training loss of {loss:.4f}"
                )
                told(batch, loss, "")

            trained = trainers[side](run.hidden, data, run.seed, on_batch, run.epochs)
            run.current = ""
            run.finished.append(trained)
    run.finished.sort(key=lambda trained: run.sides.index(trained.side))


def _plane(run: AutoencoderRun, data: MnistSplit) -> Plane | None:
    """The codes of the side that was trained last, PyTorch's if there are both."""
    from parity.training.embedding import embed, neighbour_purity

    codes, labels = run.finished[-1].codes[:EMBEDDED], data.y_test[:EMBEDDED]
    if len(codes) < 4:
        return None
    with progress_bars("layouts") as progress:
        progress.add_task("t-SNE", total=None)
        points = embed(codes, run.seed, min(30, (len(codes) - 1) / 3))
    return Plane(points, labels, neighbour_purity(codes, labels), neighbour_purity(points, labels))


def _print_tables(
    console: Console, run: AutoencoderRun, data: MnistSplit, plane: Plane | None
) -> None:
    console.print(f"{set_name(run.data)}: the autoencoder of chapter 7", style="bold")
    epochs = f"{run.epochs} epoch{'s' * (run.epochs != 1)}"
    console.print(f"{recipe(run.hidden)}; {epochs}.")
    print_set(console, data, run.seed)

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for trained in run.finished:
        table.add_column(trained.side, justify="right")
    for row in _rows(run.finished):
        table.add_row(*row)
    console.print(table)
    console.print(
        "Losses are mean squared errors of a pixel, which lies between -1 and 1; an image of the "
        f"mean pixels has {_of_the_mean(data):.4f}."
    )
    if plane is not None:
        console.print(
            f"Of {len(plane.labels):,} codes of {run.finished[-1].side}, {plane.in_codes:.1%} have "
            f"a code of the same digit nearest to them, and {plane.in_plane:.1%} in the plane "
            "(figure 7.4)."
        )


def _rows(finished: list[Trained]) -> Iterator[tuple[str, ...]]:
    """Names, and the numbers of each side."""
    for epoch in range(len(finished[0].validation_losses)):
        yield (
            f"loss on test images after epoch {epoch + 1}",
            *(f"{trained.validation_losses[epoch]:.4f}" for trained in finished),
        )
    yield "seconds in training", *(f"{trained.seconds:.1f}" for trained in finished)
    yield "images a second", *(f"{trained.images / trained.seconds:,.0f}" for trained in finished)


def _of_the_mean(data: MnistSplit) -> float:
    """The loss of showing the mean of the training images for each test image."""
    mean = data.X_train.mean(axis=0, dtype=np.float64)
    return float(np.mean((data.X_test - mean) ** 2))


def _figures(run: AutoencoderRun, data: MnistSplit, plane: Plane | None) -> dict[str, Figure]:
    """The pictures by file name."""
    from parity import figures

    last = run.finished[-1]
    drawn = {
        "losses.png": figures.batch_curves(
            {trained.side: trained.training_losses for trained in run.finished},
            {},
            "The autoencoder of chapter 7",
        ),
        "figure_7_3.png": figures.reconstructions(
            data.X_test[:SHOWN, 0],
            last.reconstructions[:, 0],
            f"Test images, and what {last.side} makes of {run.hidden} numbers for each",
        ),
        "figure_7_5.png": figures.decoded(
            last.decoded[:, 0], f"Random codes, decoded by {last.side}"
        ),
    }
    if plane is not None:
        drawn["figure_7_4.png"] = figures.embedding(
            plane.points,
            plane.labels,
            f"{len(plane.labels):,} codes of {run.hidden} numbers, laid out by t-SNE",
        )
    return drawn


def _results(
    run: AutoencoderRun, data: MnistSplit, steps: LockStep | None, plane: Plane | None
) -> dict[str, Any]:
    """What ``results.json`` holds; losses are mean squared errors of a pixel from -1 to 1."""
    return {
        "recipe": recipe(run.hidden),
        "epochs": run.epochs,
        "dtype": str(data.X_train.dtype),
        "seed": run.seed,
        "training_images": len(data.X_train),
        "test_images": len(data.X_test),
        "loss_of_the_mean_image": _of_the_mean(data),
        "sides": {
            trained.side: {
                "training_losses": [finite(loss) for loss in trained.training_losses],
                "validation_losses": [finite(loss) for loss in trained.validation_losses],
                "seconds": trained.seconds,
                "images_a_second": trained.images / trained.seconds,
                "share_of_loading": trained.loading / trained.seconds,
            }
            for trained in run.finished
        },
        "nearest_neighbour_purity": None
        if plane is None
        else {"side": run.finished[-1].side, "codes": plane.in_codes, "plane": plane.in_plane},
        "lock_step": lock_step_results(steps),
    }


def _task(options: Options, how: Running) -> Task:
    data = load(options["dtype"], options["data"], False, options["limit"])
    return autoencoder.reference_task(
        options["hidden"], scaled(data), options["seed"], options["epochs"], how
    )


def _twin(options: Options, model: nn.Module) -> Twin:
    from parity.bridge import copy_to_scratch

    net, _ = autoencoder.make_scratch(options["hidden"], options["seed"])
    copy_to_scratch(model, net)
    return net


KIND = Kind(_task, _twin)
