"""``parity train mnist-conv``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import numpy as np

from datasets import MnistSplit
from parity.cli.train.common import (
    SEED_RANGE,
    SIDE_CHOICE,
    ended_in_words,
    print_written,
    require_writable,
)
from parity.cli.train.conv_run import ConvRun, print_tables, write
from parity.cli.train.kept import Kind, Options
from parity.cli.train.lock_step import print_lock_step
from parity.cli.train.mnist import (
    data_options,
    load,
    require_data_for_download,
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
    SEED,
    ConvExperiment,
    Gradients,
    Network,
)
from parity.training.lock_step import LockStep
from parity.training.mnist_conv import Trained
from parity.training.sides import Side, chosen

if TYPE_CHECKING:
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import Task
    from parity.training.twin import Twin


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
    show_default=True, metavar="DIR",
    help="Where the run goes: pictures, results.json, configuration, metrics and checkpoints.",
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
        sides=chosen(side),
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

    names = write(run, data, steps, out)
    run.written = True

    console = make_console()
    print_tables(console, run, data)
    if steps is not None:
        print_lock_step(console, steps)
    print_written(out, names)
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


KIND = Kind(_task, _twin)
