"""Chapter 6: automatic differentiation of numbers, and models that predict the next character."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from parity.book.rows import Row
from parity.book.trainings import OnTraining, quiet
from parity.training.next_character import WEIGHT, Trained, train
from parity.training.text_experiment import (
    SEED,
    Characters,
    TextExperiment,
    as_characters,
    read_text,
)
from scratch.autodiff import NumberWithGrad

STEPS = TextExperiment().steps

#: The layers of "Combining RNNLayer Variants", the book's combination, and a lone LSTM.
MODELS = (("rnn", "rnn"), ("gru", "lstm"), ("lstm",))

#: How far the sides drift apart in float32 at most: a lone LSTM by thousandths, GRU and LSTM by
#: hundredths.
BAND = 0.05

#: Two RNN layers, whose gradients explode, end anywhere: eight runs that differ in the last digit
#: of one weight, or in their side, had losses from 2.17 to 2.26.
UNSTABLE = ("rnn", "rnn")

OTHER_SIDE = "PyTorch"


def rows(limit: int | None = None) -> list[Row]:
    """The numbers of chapter 6. Arguments as for ``parts``."""
    return [row for part in parts(limit) for row in part]


def parts(limit: int | None = None, on_training: OnTraining = quiet) -> Iterator[list[Row]]:
    """The numbers of chapter 6: what takes no time, then one model after the other, on both sides.

    Args:
        limit: train for so many steps only.
        on_training: told of each training.

    Raises:
        DataFileError: the play is missing or damaged.
    """
    yield _automatic_differentiation()
    experiment = TextExperiment(steps=STEPS if limit is None else limit)
    characters = as_characters(*read_text(None), experiment)
    for layers in MODELS:
        yield [_model(replace(experiment, layers=layers), characters, on_training)]


def _automatic_differentiation() -> list[Row]:
    """What a number finds out about itself, and the same by a small change of it."""
    a = NumberWithGrad(3)
    b = a * 4
    c = b + 5
    c.backward()
    facts = [
        ("c = 4a + 5: the gradient of a", "4", a.grad),
        ("the gradient of b = 4a", "1", b.grad),
    ]
    a = NumberWithGrad(3)
    d = (a * 4 + 3) * (a + 2)
    d.backward()
    around = [(4 * num + 3) * (num + 2) for num in (2.99, 3.01)]
    facts += [
        ("d = (4a + 3)(a + 2)", "75", d.num),
        ("its gradient from a small change of a", "35.0", round((around[1] - around[0]) / 0.02, 3)),
        ("the gradient of a, which d uses twice", "35", a.grad),
    ]
    return [
        Row(
            id="6.0",
            title="Automatic differentiation, a = 3",
            what=what,
            printed=printed,
            ours=str(ours),
            recipe="numbers that remember what they were made from; a change of 0.01 either way.",
        )
        for what, printed, ours in facts
    ]


def _model(experiment: TextExperiment, characters: Characters, on_training: OnTraining) -> Row:
    """The loss of one model on both sides."""
    size = len(characters.vocabulary)
    names = experiment.names(size)
    ours, theirs = (
        train(
            side,
            experiment,
            characters,
            SEED,
            on_step=_told(on_training(f"{'-'.join(experiment.layers)} {side}", experiment.steps)),
        ).smoothed
        for side in ("scratch", "reference")
    )
    return Row(
        id="6.1",
        title=f"The next character: losses after {experiment.steps:,} steps",
        what=names,
        printed="none",
        ours=f"{ours:.3f}",
        kind="unprinted",
        band=BAND,
        required=experiment.layers != UNSTABLE,
        recipe=f"{experiment.recipe}; float32, seed {SEED}; {characters.name} without its last "
        "tenth; in nats per character, an exponential moving mean in which each step counts "
        f"{100 * WEIGHT:g} %.",
        note="The book names these models, and prints no numbers of them. Its vocabulary "
        f"has 62 characters, ours {size}. Both sides begin with the same weights and read the same "
        "batches; rounding grows. In two RNN layers, whose gradients explode, it decides where "
        "they end: eight runs that differed in the last digit of one weight, or in their side, "
        "had losses from 2.17 to 2.26. So these need not be near.",
        instead={OTHER_SIDE: f"{theirs:.3f}"},
    )


def _told(on_step: Callable[[int, float, float], None]) -> Callable[[Trained], None]:
    return lambda trained: on_step(trained.done, trained.losses[-1], trained.smoothed)
