"""The experiment of chapter 6: which layers read which text, and how they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy import ndarray

from datasets import load_shakespeare
from scratch.text import Vocabulary, contiguous_batches, shuffled_batches

SEED = 20190501
PLAY = "Coriolanus"

#: Of the book's companion code.
LEARNING_RATE = 0.01
EPS = 1e-5

#: "contiguous": rows that read on from batch to batch; "shuffled": sequences in a random order.
Batches = Literal["contiguous", "shuffled"]

#: What is minimised over a batch: the sum over its characters, as in the book's companion code, or
#: their mean. AdaGrad adds ``EPS`` to the square of either at each step, which is much beside the
#: mean's, and clipping at 2 leaves the mean's gradients alone.
Reduction = Literal["sum", "mean"]

#: "value": each element of a gradient is cut, as in the book's companion code; "norm": all are
#: shortened together.
Clipping = Literal["value", "norm", "none"]


class TextError(ValueError):
    """A text that cannot be trained on; the message is one sentence."""


@dataclass(frozen=True)
class TextExperiment:
    """A training of chapter 6.

    Attributes:
        layers: the kind of each, a key of ``scratch.models.RECURRENT_LAYERS``.
        hidden: width of each layer's state.
        length: characters in a sequence.
        batch_size: sequences in a batch.
        batches: how they are cut from the text.
        carries: whether a batch starts from the mean of the last one's states; by default where
            batches are contiguous.
        reduction: what is minimised.
        clipping: how gradients are cut.
        limit: at what.
        steps: of the optimizer.
    """

    layers: tuple[str, ...] = ("lstm",)
    hidden: int = 256
    length: int = 25
    batch_size: int = 32
    batches: Batches = "contiguous"
    carries: bool | None = None
    reduction: Reduction = "sum"
    clipping: Clipping = "value"
    limit: float = 2.0
    steps: int = 2000

    @property
    def carry_state(self) -> bool:
        """Whether a batch starts from the mean of the last one's states."""
        return self.batches == "contiguous" if self.carries is None else self.carries

    def names(self, vocab_size: int) -> str:
        """The layers in words, with their inputs and outputs."""
        outputs = [max(self.hidden // 2, 1)] * (len(self.layers) - 1) + [vocab_size]
        return ", ".join(
            f"{kind.upper()} {self.hidden} to {size}"
            for kind, size in zip(self.layers, outputs, strict=True)
        )

    @property
    def recipe(self) -> str:
        """Everything that is needed to do it again, but for layers and text."""
        clipped = {
            "value": f"gradients cut at ±{self.limit:g}",
            "norm": f"gradients shortened together to {self.limit:g}",
            "none": "gradients not cut",
        }
        state = "starts from the mean of the last one's states"
        return (
            f"{self.batches} batches of {self.batch_size} sequences of {self.length}, each of "
            f"which {state if self.carry_state else 'starts from 0'}; {self.reduction} of the "
            f"cross entropy of a batch's characters; {clipped[self.clipping]}; "
            f"AdaGrad {LEARNING_RATE:g}, eps {EPS:g} in the sum"
        )


@dataclass(frozen=True)
class Characters:
    """A text in numbers, ready to be trained on.

    Attributes:
        name: of the text.
        vocabulary: of the training part.
        training: the first part.
        held_out: the rest, which nobody trains on.
        start: what a model reads before it writes.
    """

    name: str
    vocabulary: Vocabulary
    training: ndarray
    held_out: ndarray
    start: str


def read_text(path: Path | None) -> tuple[str, str]:
    """A text's name and content: the play, or a file in UTF-8.

    Raises:
        TextError: the file is not in UTF-8, or cannot be read.
        DataFileError: the play is missing or damaged.
    """
    if path is None:
        return PLAY, load_shakespeare()
    try:
        return path.name, path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        wrong = error.object[error.start]
        raise TextError(
            f"{path} is not a text in UTF-8: byte {error.start:,} (0x{wrong:02x}) cannot be read."
        ) from None
    except OSError as error:
        raise TextError(f"{path} cannot be read: {error.strerror or error}.") from None


def as_characters(
    name: str, text: str, experiment: TextExperiment, held_out: float = 0.1
) -> Characters:
    """Hold the end of a text out, and put both parts into numbers.

    Args:
        name: of the text, for messages.
        text: all of it.
        experiment: what it has to be long enough for.
        held_out: the share that is held out, above 0 and below 1.

    Raises:
        TextError: the text is empty, too short, or of one character throughout, or the part held
            out has characters that the rest lacks.
    """
    if not text:
        raise TextError(f"{name} is empty: there is nothing to learn from.")
    cut = len(text) - max(round(held_out * len(text)), 1)
    training, rest = text[:cut], text[cut:]
    _require_length(name, len(training), experiment)
    if len(rest) < 2:
        raise TextError(
            f"{name} is too short: of its {len(text):,} characters --held-out {held_out:g} leaves "
            "1 to test on, and a prediction needs 2."
        )
    unknown = sorted(set(rest) - set(training))
    if unknown:
        shown = ", ".join(map(ascii, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise TextError(
            f"the last {len(rest):,} characters of {name}, which are held out, have "
            f"{len(unknown)} that the training part lacks ({shown}): replace them in the text, or "
            "try another --held-out."
        )
    vocabulary = Vocabulary.of(training)
    if len(vocabulary) == 1:
        raise TextError(
            f"{name} has one character only, {training[0]!a}: there is nothing to predict; "
            "take another text."
        )
    return Characters(
        name,
        vocabulary,
        vocabulary.encode(training),
        vocabulary.encode(rest),
        "\n" if "\n" in training else training[0],
    )


def _require_length(name: str, characters: int, experiment: TextExperiment) -> None:
    length, batch = experiment.length, experiment.batch_size
    there = f"{name} is too short: it has {characters:,} characters to train on, and"
    if characters <= length:
        raise TextError(
            f"{there} a sequence of {length:,} with its targets takes {length + 1:,}; take a "
            "longer text, or less for --length."
        )
    needed = batch * length + 1 if experiment.batches == "contiguous" else batch + length
    if characters < needed:
        raise TextError(
            f"{there} {experiment.batches} batches of {batch:,} sequences of {length:,} take "
            f"{needed:,}; take a longer text, or less for --batch-size or --length."
        )


def batches(
    experiment: TextExperiment, training: ndarray, seed: int
) -> Iterator[tuple[bool, ndarray, ndarray]]:
    """Batches without end, epoch after epoch.

    Args:
        experiment: how they are cut.
        training: numbers of characters.
        seed: of their order, if they are shuffled; one stream for all epochs.

    Returns:
        Whether the batch is the first of an epoch, its characters and the targets, both
        ``(batch, time)``.
    """
    stream, sizes = np.random.RandomState(seed), (experiment.batch_size, experiment.length)
    while True:
        if experiment.batches == "contiguous":
            epoch = contiguous_batches(training, *sizes)
        else:
            epoch = shuffled_batches(training, *sizes, stream)
        for number, (inputs, targets) in enumerate(epoch):
            yield number == 0, inputs, targets
