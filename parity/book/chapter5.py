"""Chapter 5: convolution in one dimension, and the training of a convolutional network on MNIST."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from datasets import MnistSplit, mnist_split
from parity.book.rows import Row
from parity.book.trainings import OnTraining, quiet
from parity.training.conv_experiment import (
    BATCH_SIZE,
    PRINTED_ACCURACIES,
    PRINTED_ACCURACY,
    PRINTED_LOSS,
    SEED,
    ConvExperiment,
    Gradients,
)
from parity.training.mnist_conv import Trained, as_images, train_scratch
from parity.training.mnist_dense import first_images
from scratch.conv.one_dimension import (
    conv_1d,
    conv_1d_sum,
    input_grad_1d,
    pad_1d,
    param_grad_1d,
)
from scratch.models import mnist_conv

#: How far runs lie apart that differ in the seed, or in float64 instead of float32, where the book
#: counts batches; and at the end of the epoch. With the right gradient most numbers lie outside.
ON_THE_WAY_BAND = 2.0
LOSS_BAND = 0.2
ACCURACY_BAND = 0.5

RIGHT_GRADIENT = "right gradient"
RECIPE = (
    f"{ConvExperiment().recipe}; in float32, seed {SEED}: a permutation, each layer's weights "
    'after seeding anew, then masks; "after 100 batches" is after 101, as the book counts from 0.'
)
NOTE = (
    "The book trained with appendix A's gradient of the filters, which is wrong (E16), and ours is "
    "computed with it; the last column has the same steps with the right one. The loss has the "
    "printed extra terms (E9)."
)


def rows(limit: int | None = None) -> list[Row]:
    """The numbers of chapter 5. Arguments as for ``parts``."""
    return [row for part in parts(limit) for row in part]


def parts(limit: int | None = None, on_training: OnTraining = quiet) -> Iterator[list[Row]]:
    """The numbers of chapter 5: what takes no time, then the two trainings.

    Args:
        limit: train on so many images only: a quick run, whose numbers cannot be compared.
        on_training: told of each training.

    Raises:
        DataFileError: MNIST is missing or damaged.
    """
    yield _small_facts()
    data = as_images(mnist_split(np.float32))
    if limit is not None:
        data = first_images(data, limit)
    printed, right = (_train(gradients, data, on_training) for gradients in ("as-printed", "right"))
    yield _training(printed, right, limit)


def _train(gradients: Gradients, data: MnistSplit, on_training: OnTraining) -> Trained:
    batches = -(-len(data.X_train) // BATCH_SIZE)
    name = f"5.1 {gradients}"
    return train_scratch(ConvExperiment(gradients), data, SEED, on_training(name, batches))


def _training(printed: Trained, right: Trained, limit: int | None) -> list[Row]:
    """The numbers with the printed gradient, and beside them those with the right one."""

    def row(what: str, book: str, ours: str, instead: str, band: float) -> Row:
        return Row(
            id="5.1",
            title="A convolutional network, one epoch",
            what=what,
            printed=book,
            ours=ours,
            recipe=RECIPE,
            kind="band" if limit is None else "not comparable",
            band=band,
            required=band != ON_THE_WAY_BAND,
            note=NOTE,
            instead={RIGHT_GRADIENT: instead},
        )

    def percent(accuracy: float) -> str:
        return f"{100 * accuracy:.2f}"

    on_the_way = [
        row(
            f"accuracy after {batches} batches, %",
            f"{accuracy:.2f}",
            percent(printed.accuracies[batches]),
            percent(right.accuracies[batches]),
            ON_THE_WAY_BAND,
        )
        for batches, accuracy in PRINTED_ACCURACIES.items()
        if batches in printed.accuracies
    ]
    losses = f"{printed.validation_loss:.3f}", f"{right.validation_loss:.3f}"
    accuracies = percent(printed.accuracy), percent(right.accuracy)
    return [
        *on_the_way,
        row("validation loss", f"{PRINTED_LOSS:.3f}", *losses, LOSS_BAND),
        row("accuracy, %", f"{PRINTED_ACCURACY:.2f}", *accuracies, ACCURACY_BAND),
    ]


def _small_facts() -> list[Row]:
    """Five numbers and a filter of three; and what the chapter counts in its network."""
    numbers, ones = np.arange(1.0, 6.0), np.ones(3)
    larger_input = np.array([1.0, 2.0, 3.0, 4.0, 6.0])
    larger_filter = np.array([2.0, 1.0, 1.0])
    net = mnist_conv(seed=SEED)
    neurons = net.layers[0].forward(np.zeros((1, 1, 28, 28), np.float32), inference=True)
    [filters] = net.layers[0].params
    facts = (
        ("1 2 3 4 5, padded by one zero", "0 1 2 3 4 5 0", pad_1d(numbers, 1)),
        ("1 2 3 4 5, convolved with 1 1 1", "3 6 9 12 9", conv_1d(numbers, ones)),
        ("the sum of that", "39", conv_1d_sum(numbers, ones)),
        ("the sum with 6 for the 5", "41", conv_1d_sum(larger_input, ones)),
        ("the gradient on the 5", "2", input_grad_1d(numbers, ones)[-1]),
        ("the sum with the filter 2 1 1", "49", conv_1d_sum(numbers, larger_filter)),
        ("the gradient on the filter's first", "10", param_grad_1d(numbers, ones)[0]),
        ("numbers in 32 filters of 5 by 5", "800", filters.size),
        ("neurons that they make of an image", "25088", neurons.size),
    )
    return [
        Row(
            id="5.0",
            title="Small facts",
            what=what,
            printed=printed,
            ours=_digits(ours),
            recipe="Computed with the scratch side.",
        )
        for what, printed, ours in facts
    ]


def _digits(values: ArrayLike) -> str:
    return " ".join(f"{value:g}" for value in np.atleast_1d(values))
