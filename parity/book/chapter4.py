"""Chapter 4: ten trainings on MNIST, and a few small facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from datasets import MnistSplit, mnist_split
from parity.book.rows import Row
from parity.book.trainings import OnTraining, quiet
from parity.training.experiments import (
    CLAIMED_ORDER,
    EVAL_EVERY,
    EXPERIMENTS,
    SEED,
    Experiment,
)
from parity.training.mnist_dense import Trained, first_images, train_scratch
from scratch.activations import Linear
from scratch.dense import Dense
from scratch.functions import softmax

#: Thousands of steps with a large rate blow rounding up until runs differ that should be equal, so
#: the printed numbers can only be come near to. Of ten accuracies, one or the other will be out of
#: its band by chance; none is by twice as much.
LOSS_BAND = 0.02
ACCURACY_BAND = 0.5
STOP_BAND = float(EVAL_EVERY)

RECIPE = (
    f"in float64, network and fit seed {SEED}, one stream for weights, orders and dropout's masks"
)
NOTE = "Losses have the printed extra terms (E9), over the batch size."


def rows(limit: int | None = None) -> list[Row]:
    """The numbers of chapter 4. Arguments as for ``parts``."""
    return [row for part in parts(limit) for row in part]


def parts(limit: int | None = None, on_experiment: OnTraining = quiet) -> Iterator[list[Row]]:
    """The numbers of chapter 4, experiment by experiment, each when it is done.

    Args:
        limit: train on so many images only, and no longer than the trainer looks once: a quick run,
            whose numbers cannot be compared.
        on_experiment: told of each experiment.

    Raises:
        DataFileError: MNIST is missing or damaged.
    """
    yield _small_facts()
    data = mnist_split(np.float64)
    if limit is not None:
        data = first_images(data, limit)
    accuracies = {}
    for experiment in EXPERIMENTS.values():
        trained = _train(experiment, data, limit, on_experiment)
        accuracies[experiment.id] = trained.accuracy
        yield _rows_of(experiment, trained, limit)
    yield _gains(accuracies, limit)


def _train(
    experiment: Experiment, data: MnistSplit, limit: int | None, on_experiment: OnTraining
) -> Trained:
    epochs = experiment.epochs if limit is None else EVAL_EVERY
    return train_scratch(experiment, data, epochs, SEED, on_experiment(experiment.id, epochs))


def _rows_of(experiment: Experiment, trained: Trained, limit: int | None) -> list[Row]:
    evaluated = dict(zip(trained.evaluated, trained.losses, strict=True))
    if trained.stopped_early:
        evaluated.popitem()  # the one that had risen is not printed
    epochs = range(EVAL_EVERY, experiment.epochs + 1, EVAL_EVERY)
    numbers = [
        (f"validation loss, epoch {epoch}", f"{printed:.3f}", f"{evaluated[epoch]:.3f}", LOSS_BAND)
        for epoch, printed in zip(epochs, experiment.printed_losses, strict=False)
        if epoch in evaluated
    ]
    stopped = experiment.stopped or experiment.epochs
    numbers.append(("ended after epoch", str(stopped), str(trained.epochs), STOP_BAND))
    accuracy = f"{100 * trained.accuracy:.2f}"
    numbers.append(("accuracy, %", f"{experiment.printed_accuracy:.2f}", accuracy, ACCURACY_BAND))
    return [
        Row(
            id=experiment.id,
            title=experiment.summary,
            what=what,
            printed=printed,
            ours=ours,
            recipe=f"{experiment.recipe}; {RECIPE}.",
            kind="band" if limit is None else "not comparable",
            band=band,
            required=what.startswith("accuracy"),
            note="" if experiment.squared_error else NOTE,
        )
        for what, printed, ours, band in numbers
    ]


def _gains(accuracies: dict[str, float], limit: int | None) -> list[Row]:
    """What each trick brings over the one before: the order that the chapter claims."""
    return [
        Row(
            id="4.11",
            title="The claim: each trick raises the accuracy, by so many points",
            what=f"{EXPERIMENTS[later].summary}: {later} over {earlier}",
            printed=f"{_printed(later) - _printed(earlier):+.2f}",
            ours=f"{100 * (accuracies[later] - accuracies[earlier]):+.2f}",
            recipe="The accuracies above.",
            kind="gain" if limit is None else "not comparable",
            band=ACCURACY_BAND,
            note="A fall by no more than the band of an accuracy may be chance.",
        )
        for earlier, later in pairwise(CLAIMED_ORDER)
    ]


def _printed(id_: str) -> float:
    return EXPERIMENTS[id_].printed_accuracy


def _small_facts() -> list[Row]:
    """What the chapter works out on the way."""
    middles = (np.arange(100_000) + 0.5) / 100_000
    layer = Dense(2000, Linear(), SEED)
    inputs = np.random.RandomState(SEED).standard_normal((1000, 784))
    facts = (
        ("softmax of [5, 3, 2]", "0.84 0.11 0.04", _digits(softmax(np.array([5.0, 3.0, 2.0])))),
        ("mean of -log(1 - x) on [0, 1]", "1.00", f"{np.mean(-np.log(1 - middles)):.2f}"),
        ("mean of x squared on [0, 1]", "0.33", f"{np.mean(middles**2):.2f}"),
    )
    variance = layer.forward(inputs).var()
    exact = [_fact(what, printed, ours) for what, printed, ours in facts]
    about = _fact("variance of a neuron's input", "785", f"{variance:.0f}")
    return [*exact, replace(about, kind="band", band=10.0)]


def _fact(what: str, printed: str, ours: str) -> Row:
    return Row(
        id="4.0",
        title="Small facts",
        what=what,
        printed=printed,
        ours=ours,
        recipe="Computed with the scratch side.",
    )


def _digits(values: np.ndarray) -> str:
    return " ".join(f"{value:.2f}" for value in values)
