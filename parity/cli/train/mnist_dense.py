"""``parity train mnist-dense``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from datasets import MnistSplit
from parity.cli.train.common import (
    SEED_RANGE,
    SIDE_CHOICE,
    RunOfEpochs,
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
from parity.terminal import make_console, progress_bars
from parity.training import lock_step, mnist_dense
from parity.training.experiments import BATCH_SIZE, EVAL_EVERY, EXPERIMENTS, SEED, Experiment
from parity.training.lock_step import LockStep
from parity.training.mnist_dense import Trained
from parity.training.sides import Side, chosen

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy import ndarray
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import Task
    from parity.training.twin import Twin

MAX_EPOCHS = 1_000  # the order of the images in each of them is held in memory


@dataclass(kw_only=True)
class MnistRun(RunOfEpochs[Trained]):
    """With the experiment, and the data it is to be carried out on."""

    experiment: Experiment
    limit: int | None
    data: Path | None

    @property
    def as_in_the_book(self) -> bool:
        """Whether the book's numbers are those of the same training."""
        return (self.epochs, self.limit, self.data) == (self.experiment.epochs, None, None)

    def outcome(self, trained: Trained) -> str:
        """With its accuracy."""
        return f"{trained.side} had finished, with an accuracy of {trained.accuracy:.2%}"


@click.command("mnist-dense", cls=RunCommand)
@click.option(
    "--experiment", "number", type=click.Choice(list(EXPERIMENTS)), default="4.7",
    show_default=True, metavar="4.1 ... 4.10", help="Which one of chapter 4; see `parity book 4`.",
)  # fmt: skip
@click.option(
    "--side", type=SIDE_CHOICE, default="both", show_default=True,
    help="Train in NumPy (scratch), in PyTorch (reference), or both.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1, MAX_EPOCHS),
    help="At most so many; by default as many as in the book.",
)  # fmt: skip
@data_options
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float64", show_default=True,
    help="What is computed in; float32 takes half as long.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("parity-mnist-dense"),
    show_default=True, metavar="DIR",
    help="Where the run goes: pictures, results.json, configuration, metrics and checkpoints.",
)  # fmt: skip
@click.option(
    "--seed", type=SEED_RANGE, default=SEED, show_default=True,
    help="Of the weights and of the order of the images.",
)  # fmt: skip
@run_options
@click.pass_context
def train_mnist_dense(
    ctx: click.Context,
    /,
    number: str,
    side: str,
    epochs: int | None,
    limit: int | None,
    data: Path | None,
    download: bool,
    dtype: str,
    out: Path,
    seed: int,
    **_: Any,
) -> None:
    """Train a network of chapter 4 on MNIST.

    With both sides, one epoch goes first in lock-step, batch by batch: each step must be the same
    on both. PyTorch keeps checkpoints in --out, from which --resume goes on. Exit code 0 if all is
    well, 1 if a step is not the same or if the training diverges, 2 if the call was wrong, 130 if
    interrupted.
    """
    require_writable(out)
    require_data_for_download(data, download)
    experiment = EXPERIMENTS[number]
    epochs = ctx.params["epochs"] = epochs or experiment.epochs  # config.json has the number
    run = MnistRun(
        experiment=experiment,
        limit=limit,
        data=data,
        sides=chosen(side),
        epochs=epochs,
        seed=seed,
    )
    with ended_in_words(ctx, run, out):
        images = load(dtype, data, download, limit)
        with running(ctx) as how:
            run.resumable = how is not None
            agree = _carry_out(run, images, out, how)
    ctx.exit(0 if agree else 1)


def _carry_out(run: MnistRun, data: MnistSplit, out: Path, how: Running | None) -> bool:
    """Train, write, print: in this order, so that a closed pipe costs no results.

    Returns whether each step is the same on both sides.
    """
    steps = _lock_step(run, data) if len(run.sides) == 2 else None
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


def _lock_step(run: MnistRun, data: MnistSplit) -> LockStep:
    with progress_bars("batches") as progress:
        total = -(-len(data.X_train) // BATCH_SIZE)
        bar = progress.add_task("lock-step", total=total)
        return lock_step.lock_step(
            run.experiment, data, run.seed, lambda batch: progress.update(bar, completed=batch)
        )


def _train(run: MnistRun, data: MnistSplit, how: Running | None) -> None:
    trainers: dict[Side, Callable[..., Trained]] = {
        "scratch": mnist_dense.train_scratch,
        "reference": partial(mnist_dense.train_reference, running=how),
    }
    with training_bars(run.sides, run.epochs, "epochs", len(data.X_train), how) as bars:
        for side in in_training_order(run.sides):
            told = bars.begin(side)

            def on_epoch(
                epoch: int,
                training_loss: float,
                validation_loss: float,
                side: Side = side,
                told: OnStep = told,
            ) -> None:
                run.epoch_done(side, epoch, validation_loss)
                told(epoch, training_loss, f"validation loss {validation_loss:.3f}")

            trained = trainers[side](run.experiment, data, run.epochs, run.seed, on_epoch)
            bars.progress.update(bars.bars[side], completed=trained.epochs, total=trained.epochs)
            run.current = ""
            run.finished.append(trained)
    run.finished.sort(key=lambda trained: run.sides.index(trained.side))


def _print_tables(console: Console, run: MnistRun, data: MnistSplit) -> None:
    experiment = run.experiment
    console.print(
        f"{set_name(run.data)}, experiment {experiment.id}: {experiment.summary}", style="bold"
    )
    console.print(f"{experiment.recipe}.")
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
    if not run.experiment.squared_error:
        console.print(LOSS_NOTE)
    if len(run.finished) == 2 and run.experiment.dropout < 1:
        console.print(MASKS_NOTE)
    for trained in run.finished:
        if trained.stopped_early:
            console.print(
                f"{trained.side}: stopped as the loss rose; the best was epoch "
                f"{trained.best_epoch}."
            )


def _rows(run: MnistRun) -> Iterator[tuple[str, ...]]:
    """Names, the book's numbers, and ours for each side."""
    experiment, finished = run.experiment, run.finished
    printed = dict(zip(_multiples(experiment.epochs), experiment.printed_losses, strict=False))
    last = max(trained.epochs for trained in finished)
    known = _multiples(max(last, max(printed) if run.as_in_the_book else 0))
    for epoch in sorted({*known, last}):
        yield (
            f"validation loss, epoch {epoch}",
            f"{printed[epoch]:.3f}" if epoch in printed else "",
            *(
                f"{trained.validation_losses[epoch - 1]:.3f}" if epoch <= trained.epochs else ""
                for trained in finished
            ),
        )
    stopped = str(experiment.stopped or experiment.epochs)
    yield ("ended after epoch", stopped, *(str(trained.epochs) for trained in finished))
    yield (
        "accuracy",
        f"{experiment.printed_accuracy:.2f} %",
        *(f"{100 * trained.accuracy:.2f} %" for trained in finished),
    )
    yield (
        "images a second",
        "",
        *(f"{trained.images / trained.seconds:,.0f}" for trained in finished),
    )


def _multiples(last: int) -> list[int]:
    return list(range(EVAL_EVERY, last + 1, EVAL_EVERY))


def _figures(run: MnistRun, data: MnistSplit) -> dict[str, Figure]:
    """The pictures by file name."""
    from parity import figures

    trained = run.finished[0]
    title = f"Experiment {run.experiment.id}: {run.experiment.summary}"
    if not run.experiment.squared_error:
        title += "\n(validation loss as the book prints it, E9)"
    return {
        "losses.png": figures.training_curves(
            {
                trained.side: {
                    "training": trained.training_losses,
                    "validation": trained.validation_losses,
                }
                for trained in run.finished
            },
            title,
            "mean squared error" if run.experiment.squared_error else "cross entropy",
            {trained.side: trained.accuracies for trained in run.finished},
        ),
        "misclassified.png": figures.misclassified(
            pixels(data.X_test, data),
            trained.predicted,
            data.y_test,
            f"Read wrongly by {trained.side}, experiment {run.experiment.id}",
        ),
        "activations.png": figures.activation_functions(),
        "figure_4_4.png": figures.cross_entropy_against_squared_error(),
        "figure_4_5.png": figures.activation_function("ReLU"),
        "figure_4_6.png": figures.activation_function("Tanh"),
        "figure_4_7.png": figures.activation_derivatives(),
        "figure_4_8.png": figures.activation_spread(_spreads(data.X_test[:1000], run.seed)),
    }


def _spreads(X: ndarray, seed: int) -> dict[str, tuple[ndarray, ndarray]]:
    """What goes into the hidden layer's tanh and comes out, before any training."""
    from scratch.activations import Tanh
    from scratch.dense import Dense

    panels = {}
    for weight_init in ("standard", "glorot"):
        layer = Dense(89, Tanh(), seed, weight_init=weight_init)
        output = layer.forward(X)
        panels[weight_init] = (layer.activation.input_, output)
    return panels


def _results(run: MnistRun, data: MnistSplit, steps: LockStep | None) -> dict[str, Any]:
    """What ``results.json`` holds; accuracies from 0 to 1."""
    experiment = run.experiment
    return {
        "experiment": experiment.id,
        "recipe": experiment.recipe,
        "seed": run.seed,
        "epochs": run.epochs,
        "training_images": len(data.X_train),
        "test_images": len(data.X_test),
        "book": {
            "validation_losses": list(experiment.printed_losses),
            "accuracy": experiment.printed_accuracy / 100,
        },
        "sides": {
            trained.side: {
                "training_losses": [finite(loss) for loss in trained.training_losses],
                "validation_losses": [finite(loss) for loss in trained.validation_losses],
                "accuracies": trained.accuracies,
                "accuracy": trained.accuracy,
                "best_epoch": trained.best_epoch,
                "stopped_early": trained.stopped_early,
                "seconds": trained.seconds,
                "images_a_second": trained.images / trained.seconds,
            }
            for trained in run.finished
        },
        "lock_step": lock_step_results(steps),
    }


def _task(options: Options, how: Running) -> Task:
    experiment = EXPERIMENTS[options["number"]]
    data = load(options["dtype"], options["data"], False, options["limit"])
    epochs = options["epochs"] or experiment.epochs
    return mnist_dense.reference_task(experiment, data, epochs, options["seed"], how)


def _twin(options: Options, model: nn.Module) -> Twin:
    from parity.bridge import copy_to_scratch

    net, _ = mnist_dense.make_scratch(EXPERIMENTS[options["number"]], options["seed"])
    net.forward(np.zeros((1, 784)), inference=True)
    copy_to_scratch(model, net)
    return net


KIND = Kind(_task, _twin)
