"""Chapter 3: the house prices again, with layers, a trainer and an optimizer."""

from __future__ import annotations

from collections.abc import Callable

from datasets import BostonSplit, boston_split
from parity.book.rows import BOOK_DATA, CORRECTED_CELL, Row
from parity.training.house_prices import BATCH_SIZE, EPOCHS, EVAL_EVERY, LEARNING_RATE, SEED
from scratch.models import deep_neural_network, linear_regression, neural_network
from scratch.network import NeuralNetwork
from scratch.optimizers import SGD
from scratch.seeding import Seed
from scratch.training import Trainer, eval_regression_model

RECIPE = (
    f"Network and fit seed {SEED}: fit seeds the one stream and draws the first permutation, each "
    "layer seeds it again and draws W and B, the later permutations follow; "
    f"SGD {LEARNING_RATE}, batches of {BATCH_SIZE}. {BOOK_DATA}"
)

RESULTS: tuple[tuple[str, str, Callable[[Seed], NeuralNetwork], tuple[str, ...]], ...] = (
    (
        "3.1",
        "Linear regression",
        linear_regression,
        ("30.295", "28.462", "26.299", "25.548", "25.092", "3.52", "5.01"),
    ),
    (
        "3.2",
        "One hidden layer of 13 sigmoid neurons",
        neural_network,
        ("27.434", "21.834", "18.915", "17.193", "16.214", "2.60", "4.03"),
    ),
    (
        "3.3",
        "Two hidden layers of 13 sigmoid neurons each",
        deep_neural_network,
        ("44.134", "25.271", "22.341", "16.464", "14.604", "2.45", "3.82"),
    ),
)
NAMES = (
    *(f"validation loss, epoch {epoch}" for epoch in range(EVAL_EVERY, EPOCHS + 1, EVAL_EVERY)),
    "MAE",
    "RMSE",
)


def rows() -> list[Row]:
    """The numbers of chapter 3."""
    book, corrected = boston_split("book"), boston_split("corrected")
    return [
        Row(
            id=id_,
            title=title,
            what=what,
            printed=printed,
            ours=ours,
            recipe=RECIPE,
            instead={CORRECTED_CELL: with_cell},
        )
        for id_, title, build, all_printed in RESULTS
        for what, printed, ours, with_cell in zip(
            NAMES, all_printed, _measured(build, book), _measured(build, corrected), strict=True
        )
    ]


def _measured(build: Callable[[Seed], NeuralNetwork], data: BostonSplit) -> list[str]:
    """Validation losses, then mean absolute and root mean squared error."""
    X_train, X_test, y_train, y_test, _ = data
    net = build(SEED)
    history = Trainer(net, SGD(lr=LEARNING_RATE)).fit(
        X_train,
        y_train,
        X_test,
        y_test,
        epochs=EPOCHS,
        eval_every=EVAL_EVERY,
        batch_size=BATCH_SIZE,
        seed=SEED,
        verbose=False,
    )
    errors = eval_regression_model(net, X_test, y_test)
    return [f"{loss:.3f}" for loss in history.losses] + [f"{error:.2f}" for error in errors]
