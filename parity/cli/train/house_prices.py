"""``parity train house-prices``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import scratch.models
from datasets import BostonSplit, boston_split
from datasets.boston import Variant
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
from parity.cli.train.running import (
    OnStep,
    RunCommand,
    in_training_order,
    run_options,
    running,
    training_bars,
)
from parity.terminal import make_console
from parity.training import house_prices
from parity.training.house_prices import LinearFit, Trained
from parity.training.sides import Side, chosen

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import Task
    from parity.training.twin import Twin
    from scratch.network import NeuralNetwork

SWEEP = np.linspace(-1.5, 3.5, 40)
MAX_EPOCHS = 10_000  # the order of the rows in each of them is held in memory


@dataclass(kw_only=True)
class HousePricesRun(RunOfEpochs[Trained]):
    """With the model and the variant of the data."""

    model: str
    variant: Variant

    def outcome(self, trained: Trained) -> str:
        """With its validation loss."""
        loss = trained.validation_losses[trained.epoch - 1]
        return f"{trained.side} had finished, with a validation loss of {loss:.3f}"


@click.command("house-prices", cls=RunCommand)
@click.option(
    "--side", type=SIDE_CHOICE, default="both",
    show_default=True, help="Train in NumPy (scratch), in PyTorch (reference), or both.",
)  # fmt: skip
@click.option(
    "--model", type=click.Choice(list(house_prices.MODELS)), default="one-hidden",
    show_default=True, help="Which model of chapter 3.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("parity-house-prices"),
    show_default=True, metavar="DIR",
    help="Where the run goes: pictures, results.json, configuration, metrics and checkpoints.",
)  # fmt: skip
@click.option(
    "--variant", type=click.Choice(["corrected", "book"]), default="corrected", show_default=True,
    help="The data with row 445 corrected, or misprinted as in the book.",
)  # fmt: skip
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float64", show_default=True,
    help="What is computed in; in float32 rounding keeps the sides from being equal.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1, MAX_EPOCHS), default=house_prices.EPOCHS, show_default=True,
    help="At most so many; training stops early when the validation loss rises.",
)  # fmt: skip
@click.option(
    "--seed", type=SEED_RANGE, default=house_prices.SEED, show_default=True,
    help="Of the weights and of the order of the rows.",
)  # fmt: skip
@run_options
@click.pass_context
def train_house_prices(
    ctx: click.Context,
    /,
    side: str,
    model: str,
    out: Path,
    variant: str,
    dtype: str,
    epochs: int,
    seed: int,
    **_: Any,
) -> None:
    """Train a house-price model of chapter 3 on the Boston data.

    Both sides start from the same weights and see the same batches. PyTorch keeps checkpoints in
    --out, from which --resume goes on. Exit code 0 if they end up equal, 1 if not or if the
    training diverges, 2 if the call was wrong, 130 if interrupted.
    """
    require_writable(out)
    sides = chosen(side)
    run = HousePricesRun(
        model=model, variant=cast(Variant, variant), sides=sides, epochs=epochs, seed=seed
    )
    with ended_in_words(ctx, run, out):
        data = _in_type(boston_split(run.variant), dtype)
        with running(ctx) as how:
            run.resumable = how is not None
            agree = _carry_out(run, data, out, how)
    ctx.exit(0 if agree else 1)


def _carry_out(run: HousePricesRun, data: BostonSplit, out: Path, how: Running | None) -> bool:
    """Train, write, print: in this order, so that a closed pipe costs no results.

    Returns whether the sides agree, as far as they must.
    """
    _train(run, data, how)
    if how is not None and not how.processes.first:
        return True
    linear = house_prices.fit_linear_regression(data)
    differences = _differences(run.finished)
    agree = all(value < house_prices.AGREEMENT for value in differences.values())
    exact = how is None or (how.compute.device.type == "cpu" and how.compute.amp is None)
    must_agree = exact and data.X_train.dtype == np.float64

    figures = _figures(run, data, linear)
    write_run(out, figures, _results(run, data, linear, differences))
    run.written = True

    console = make_console()
    _print_tables(console, run, linear)
    if differences:
        _print_agreement(console, differences, agree, must_agree)
    print_written(out, figures)
    return agree or not must_agree


def _train(run: HousePricesRun, data: BostonSplit, how: Running | None) -> None:
    trainers: dict[Side, Callable[..., Trained]] = {
        "scratch": house_prices.train_scratch,
        "reference": partial(house_prices.train_reference, running=how),
    }
    with training_bars(run.sides, run.epochs, "epochs", len(data.X_train), how) as bars:
        for side in in_training_order(run.sides):
            told = bars.begin(side)

            def on_epoch(epoch: int, loss: float, side: Side = side, told: OnStep = told) -> None:
                run.epoch_done(side, epoch, loss)
                told(epoch, loss, "")

            trained = trainers[side](run.model, data, run.epochs, run.seed, on_epoch)
            done = len(trained.validation_losses)
            bars.progress.update(bars.bars[side], completed=done, total=done)
            run.current = ""
            run.finished.append(trained)
    run.finished.sort(key=lambda trained: run.sides.index(trained.side))


def _differences(finished: list[Trained]) -> dict[str, float]:
    """The largest relative differences between two sides; nothing for one side."""
    if len(finished) < 2:
        return {}
    ours, theirs = finished
    return {
        "parameters": house_prices.largest_relative_difference(ours.params, theirs.params),
        "losses": house_prices.largest_relative_difference(
            [ours.training_losses, ours.validation_losses],
            [theirs.training_losses, theirs.validation_losses],
        ),
    }


def _print_tables(console: Console, run: HousePricesRun, linear: LinearFit) -> None:
    console.print(f"House prices: {house_prices.MODELS[run.model].summary}", style="bold")
    console.print(f"Data: {run.variant}. Seed: {run.seed}.")
    console.print()

    losses = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    losses.add_column("validation loss, (1000 $)^2")
    for trained in run.finished:
        losses.add_column(trained.side, justify="right")
    for epoch in _shown_epochs(run.finished):
        found = [
            f"{trained.validation_losses[epoch - 1]:.3f}"
            if epoch <= len(trained.validation_losses)
            else ""
            for trained in run.finished
        ]
        losses.add_row(f"epoch {epoch}", *found)
    console.print(losses)
    for trained in run.finished:
        if trained.stopped_early:
            console.print(
                f"{trained.side}: stopped as the loss rose; back to epoch {trained.epoch}."
            )
    console.print()

    errors = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    errors.add_column("error on the test part, 1000 $")
    errors.add_column("MAE", justify="right")
    errors.add_column("RMSE", justify="right")
    for trained in run.finished:
        errors.add_row(trained.side, f"{trained.mae:.4f}", f"{trained.rmse:.4f}")
    errors.add_row("scikit-learn LinearRegression", f"{linear.mae:.4f}", f"{linear.rmse:.4f}")
    console.print(errors)


def _shown_epochs(finished: list[Trained]) -> list[int]:
    """Every tenth epoch, and the last one."""
    last = max(len(trained.validation_losses) for trained in finished)
    every = house_prices.EVAL_EVERY
    return sorted({*range(every, last + 1, every), last})


def _print_agreement(
    console: Console, differences: dict[str, float], agree: bool, must_agree: bool
) -> None:
    largest = ", ".join(f"{what} {value:.1e}" for what, value in differences.items())
    console.print()
    console.print("Both sides started from the same weights and saw the same batches.")
    console.print(f"Largest relative difference: {largest}.")
    if not agree and not must_agree:
        console.print(
            f"That is over {house_prices.AGREEMENT:g}, the limit for float64 on a CPU; it is no "
            "verdict, for other types and devices round in ways of their own."
        )
        return
    verdict = "Both sides are equal" if agree else "The sides DIFFER"
    console.print(
        f"{verdict} (the limit is {house_prices.AGREEMENT:g}).",
        style="bold green" if agree else "bold red",
    )


def _figures(run: HousePricesRun, data: BostonSplit, linear: LinearFit) -> dict[str, Figure]:
    """The pictures by file name."""
    from parity import figures

    feature = house_prices.most_important_feature(linear.coefficients)
    name, column = data.feature_names[feature], data.X_test[:, feature]
    summary = house_prices.MODELS[run.model].summary
    swept = house_prices.sweep(data.X_test, feature, SWEEP)
    baseline = "scikit-learn's linear regression"
    return {
        "predicted_against_actual.png": figures.predicted_against_actual(
            data.y_test,
            {
                baseline: {"scikit-learn": linear.predict(data.X_test)},
                summary: {trained.side: trained.predict(data.X_test) for trained in run.finished},
            },
        ),
        "most_important_feature.png": figures.feature_against_target(column, data.y_test, name),
        "most_important_feature_predictions.png": figures.feature_against_target(
            column,
            data.y_test,
            name,
            {
                baseline: (SWEEP, linear.predict(swept)),
                **{trained.side: (SWEEP, trained.predict(swept)) for trained in run.finished},
            },
        ),
        "losses.png": figures.loss_curves(
            {
                trained.side: {
                    "validation": trained.validation_losses,
                    "training": trained.training_losses,
                }
                for trained in run.finished
            },
            f"Losses: {summary}",
            house_prices.AGREEMENT,
        ),
    }


def _results(
    run: HousePricesRun, data: BostonSplit, linear: LinearFit, differences: dict[str, float]
) -> dict[str, Any]:
    """What ``results.json`` holds; losses in (1000 dollars) squared, errors in 1000 dollars."""
    feature = house_prices.most_important_feature(linear.coefficients)
    return {
        "model": run.model,
        "variant": run.variant,
        "seed": run.seed,
        "epochs": run.epochs,
        "learning_rate": house_prices.LEARNING_RATE,
        "batch_size": house_prices.BATCH_SIZE,
        "most_important_feature": data.feature_names[feature],
        "sides": {
            trained.side: {
                "training_losses": [finite(loss) for loss in trained.training_losses],
                "validation_losses": [finite(loss) for loss in trained.validation_losses],
                "kept_epoch": trained.epoch,
                "stopped_early": trained.stopped_early,
                "mae": trained.mae,
                "rmse": trained.rmse,
            }
            for trained in run.finished
        },
        "scikit_learn": {"mae": linear.mae, "rmse": linear.rmse},
        "largest_relative_difference": {what: finite(value) for what, value in differences.items()},
    }


def _in_type(data: BostonSplit, dtype: str) -> BostonSplit:
    return data._replace(
        X_train=data.X_train.astype(dtype),
        y_train=data.y_train.astype(dtype),
        X_test=data.X_test.astype(dtype),
        y_test=data.y_test.astype(dtype),
    )


def _task(options: Options, how: Running) -> Task:
    data = _in_type(boston_split(options["variant"]), options["dtype"])
    return house_prices.reference_task(
        options["model"], data, options["epochs"], options["seed"], how
    )


def _twin(options: Options, model: nn.Module) -> Twin:
    from parity.bridge import copy_to_scratch

    net: NeuralNetwork = getattr(scratch.models, house_prices.MODELS[options["model"]].function)(
        options["seed"]
    )
    net.forward(np.zeros((1, 13)))
    copy_to_scratch(model, net)
    return net


KIND = Kind(_task, _twin)
