"""Chapter 7: a tensor's gradient, a convolutional network in PyTorch, and an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy import ndarray

from datasets import MnistSplit, mnist_split
from parity.book.rows import Row
from parity.book.trainings import OnTraining, quiet
from parity.training import autoencoder
from parity.training.autoencoder import HIDDEN, scaled
from parity.training.conv_experiment import BATCH_SIZE, ConvExperiment
from parity.training.mnist_conv import as_images, train_reference
from parity.training.mnist_dense import first_images

#: Of the network's weights, the order of the images, and dropout's masks.
SEEDS = (1, 2, 3)

#: "About 97 %": whatever is nearer to 97 than to 96 or 98.
BAND = 0.5

#: How far the sides' losses of the autoencoder may be apart: float32 rounds differently.
LOSS_BAND = 0.0005

#: The digits of which the book says that figure 7.4 has them near each other.
TOGETHER = ((3, 5, 8), (4, 7, 9))

OTHER_SIDE = "NumPy"


def rows(limit: int | None = None) -> list[Row]:
    """The numbers of chapter 7. Arguments as for ``parts``."""
    return [row for part in parts(limit) for row in part]


def parts(limit: int | None = None, on_training: OnTraining = quiet) -> Iterator[list[Row]]:
    """The numbers of chapter 7: what takes no time, then one training after the other.

    Args:
        limit: train on so many images only: a quick run, whose numbers cannot be compared.
        on_training: told of each training.

    Raises:
        DataFileError: MNIST is missing or damaged.
    """
    yield [_tensor()]
    data = mnist_split(np.float32)
    if limit is not None:
        data = first_images(data, limit)
    for seed in SEEDS:
        yield [_network(as_images(data), seed, limit, on_training)]
    yield _autoencoder(scaled(data), limit, on_training)


def _tensor() -> Row:
    import torch

    a = torch.full((2, 2), 3.0, requires_grad=True)
    e = (a * 4 + 3) * (a + 2)
    e.sum().backward()
    assert a.grad is not None
    return Row(
        id="7.3",
        title="A tensor that knows its gradient",
        what="on each element of a",
        printed=_matrix(np.full((2, 2), 35)),
        ours=_matrix(a.grad.numpy()),
        recipe="a is a 2 x 2 matrix of 3, e = (4a + 3)(a + 2); the sum of e is sent back.",
    )


def _matrix(values: ndarray) -> str:
    return " ".join(f"[{' '.join(f'{value:g}' for value in row)}]" for row in values)


def _network(data: MnistSplit, seed: int, limit: int | None, on_training: OnTraining) -> Row:
    experiment = ConvExperiment(network="chapter-7")
    batches = -(-len(data.X_train) // BATCH_SIZE)
    trained = train_reference(experiment, data, seed, on_training(f"7.1 seed {seed}", batches))
    return Row(
        id="7.1",
        title="A convolutional network in PyTorch, one epoch",
        what=f"accuracy with seed {seed}, %",
        printed="97",
        ours=f"{100 * trained.accuracy:.2f}",
        kind="band" if limit is None else "not comparable",
        band=BAND,
        recipe=f"{experiment.recipe}, one epoch; float32, each side's masks its own.",
        note='The book says "about 97 %".',
    )


def _autoencoder(data: MnistSplit, limit: int | None, on_training: OnTraining) -> list[Row]:
    """The loss on both sides, and how well the codes of PyTorch's keep the digits apart."""
    from parity.training.embedding import embed, nearest_clusters, neighbour_purity

    batches = -(-len(data.X_train) // BATCH_SIZE)

    def train(side: str) -> autoencoder.Trained:
        on_batch = on_training(f"7.2 {side}", batches)
        trainer = {"reference": autoencoder.train_reference, "scratch": autoencoder.train_scratch}
        return trainer[side](
            HIDDEN, data, autoencoder.SEED, lambda batch, loss: on_batch(batch, loss, loss)
        )

    theirs, ours = train("reference"), train("scratch")
    codes, digits = theirs.codes, data.y_test
    told = on_training("7.2 t-SNE", 1)
    points = embed(codes, autoencoder.SEED, min(30, max(1, (len(codes) - 1) / 3)))
    told(1, np.nan, np.nan)
    first = Row(
        id="7.2",
        title="An autoencoder, one epoch",
        what="mean squared error of a test pixel",
        printed="none",
        ours=f"{theirs.validation_loss:.4f}",
        kind="unprinted" if limit is None else "not comparable",
        band=LOSS_BAND,
        recipe=f"{autoencoder.recipe(HIDDEN)}, one epoch; pixels between -1 and 1; float32, seed "
        f"{autoencoder.SEED}. t-SNE of scikit-learn, perplexity 30, from the principal components.",
        note="The book prints figures, and no numbers. Figure 7.4 shows the digits mostly in "
        "clusters of their own: here, the share of test images whose nearest neighbour shows the "
        "same digit. Which of the digits are near each other is that of the clusters' medians.",
        instead={OTHER_SIDE: f"{ours.validation_loss:.4f}"},
    )
    shares = {
        "pixels": data.X_test.reshape(len(digits), -1),
        "codes": codes,
        "plane": points,
    }
    nearest = nearest_clusters(points, digits)
    return [
        first,
        *(
            replace(
                first,
                what=f"nearest neighbour the same, {name}, %",
                ours=f"{100 * neighbour_purity(values, digits):.1f}",
                kind="measured",
                instead={OTHER_SIDE: ""},
            )
            for name, values in shares.items()
        ),
        *(
            replace(
                first,
                what=f"nearest clusters of {digit}",
                printed=" ".join(str(other) for other in group if other != digit),
                ours=" ".join(str(other) for other in list(nearest[digit])[:2]),
                kind="measured",
                instead={OTHER_SIDE: ""},
            )
            for group in TOGETHER
            for digit in group
            if digit in nearest
        ),
    ]
