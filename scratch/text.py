"""Chapter 6: text as numbers, in batches of sequences, and text written by a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Protocol

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike

from scratch.functions import one_hot, softmax
from scratch.seeding import Seed, Stream, as_stream, is_integer


class Vocabulary:
    """Characters and their numbers, counted from 0 in the order given.

    Chapter 6, "Representing Data for a Character-Level RNN-Based Language Model".

    Args:
        characters: each of them once.

    Raises:
        ValueError: there is no character, or one comes twice.
    """

    def __init__(self, characters: str) -> None:
        if not characters:
            raise ValueError("Vocabulary: there must be at least one character")
        self.characters = characters
        self._indices = {character: index for index, character in enumerate(characters)}
        if len(self._indices) < len(characters):
            twice = sorted(c for c in self._indices if characters.count(c) > 1)
            raise ValueError(
                f"Vocabulary: {_quoted(twice)} must not come more than once; Vocabulary.of takes "
                "any text"
            )

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The characters that occur in a text, in the order of their code points.

        Raises:
            ValueError: the text is empty.
        """
        if not text:
            raise ValueError("Vocabulary.of: the text is empty; it must have some character")
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> ndarray:
        """The numbers of a text's characters: int64, shape ``(characters,)``.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        unknown = sorted(set(text) - set(self._indices))
        if unknown:
            raise ValueError(
                f"Vocabulary: {_quoted(unknown)} is none of the {len(self)} characters known; take "
                "the vocabulary of a text that has it, or leave it out"
            )
        return np.array([self._indices[character] for character in text], dtype=np.int64)

    def decode(self, indices: ndarray | Sequence[int]) -> str:
        """The text of numbers of shape ``(characters,)``: inverse of ``encode``.

        Raises:
            ValueError: they have another shape, are no integers, or one is out of range.
        """
        indices = _whole_numbers(indices, "Vocabulary", 1, "(characters,)", len(self))
        return "".join(self.characters[index] for index in indices.tolist())

    def __repr__(self) -> str:
        return f"Vocabulary({self.characters!r})"


def one_hot_sequences(indices: ndarray, size: int, dtype: DTypeLike = np.float64) -> ndarray:
    """A row for each time step of each sequence: 1 in the column of the character, 0 elsewhere.

    Chapter 6, "Representing Data for a Character-Level RNN-Based Language Model", which draws a
    sequence the other way round, with a column for each time step (``docs/errata.md``, E21).

    Args:
        indices: numbers of characters, shape ``(batch, time)``.
        size: of the vocabulary.
        dtype: of the result.

    Returns:
        Shape ``(batch, time, size)``.

    Raises:
        ValueError: ``indices`` has another shape, holds no integers, or one is out of range; or
            ``size`` is less than 1.
    """
    if size < 1:
        raise ValueError(f"one_hot_sequences: size must be at least 1, not {size}")
    indices = _whole_numbers(indices, "one_hot_sequences", 2, "(batch, time)", size)
    return one_hot(indices.ravel(), size, dtype).reshape(*indices.shape, size)


def sequences_and_targets(indices: ndarray, sequence_length: int) -> tuple[ndarray, ndarray]:
    """All sequences of a text, each with its targets: the same one character later.

    Chapter 6, "Representing Data for a Character-Level RNN-Based Language Model". Neighbours
    overlap in all but one character. Where the book counts ``n - sequence_length + 1`` sequences,
    the last is here a target only: no character comes after it.

    Args:
        indices: numbers of the text's characters, shape ``(n,)``.
        sequence_length: characters in a sequence.

    Returns:
        Inputs and targets, both ``(n - sequence_length, sequence_length)``, as new arrays.

    Raises:
        ValueError: ``indices`` has another shape or holds no integers, or has not at least one
            character more than a sequence.
    """
    windows = _text_windows(indices, sequence_length, "sequences_and_targets")
    return windows[:, :-1].copy(), windows[:, 1:].copy()


def shuffled_batches(
    indices: ndarray, batch_size: int, sequence_length: int, seed: Seed = None
) -> Iterator[tuple[ndarray, ndarray]]:
    """The sequences of ``sequences_and_targets`` in a random order, cut into batches.

    Their rows have no common past: train layers with ``carry_state=False`` on them.

    Args:
        indices: numbers of the text's characters, shape ``(n,)``; copied.
        batch_size: sequences in a batch; the last one takes what is left.
        sequence_length: characters in a sequence.
        seed: where the one permutation comes from.

    Returns:
        Pairs of inputs and targets, both ``(batch, sequence_length)``.

    Raises:
        ValueError: as ``sequences_and_targets``, or there are fewer sequences than a batch takes.
    """
    windows = _text_windows(indices, sequence_length, "shuffled_batches")
    _require_count("shuffled_batches", "batch_size", batch_size)
    if batch_size > len(windows):
        raise ValueError(
            f"shuffled_batches: a text of {len(indices)} characters has {len(windows)} sequences "
            f"of {sequence_length}, not the {batch_size} of a batch; take a longer text, or a "
            f"batch_size of at most {len(windows)}"
        )
    order = as_stream(seed).permutation(len(windows))
    starts = range(0, len(order), batch_size)
    batches = (windows[order[start : start + batch_size]] for start in starts)
    return ((batch[:, :-1].copy(), batch[:, 1:].copy()) for batch in batches)


def contiguous_batches(
    indices: ndarray, batch_size: int, sequence_length: int
) -> Iterator[tuple[ndarray, ndarray]]:
    """A text cut into ``batch_size`` parts, which are read side by side.

    Each row of a batch goes on where the same row of the last batch stopped, so that a state
    carried from batch to batch is one of the same text. What is left over is left out: less than a
    sequence at the end of each part, less than a row of characters at the end of the text.

    Args:
        indices: numbers of the text's characters, shape ``(n,)``; copied.
        batch_size: how many parts.
        sequence_length: characters in a sequence.

    Returns:
        Pairs of inputs and targets, both ``(batch_size, sequence_length)``; targets are the inputs
        one character later.

    Raises:
        ValueError: as ``sequences_and_targets``, or no part has a whole sequence.
    """
    text = _checked_text(indices, sequence_length, "contiguous_batches")
    _require_count("contiguous_batches", "batch_size", batch_size)
    part = (len(text) - 1) // batch_size
    if part < sequence_length:
        raise ValueError(
            f"contiguous_batches: a text of {len(text)} characters is too short for {batch_size} "
            f"parts of {sequence_length} characters and one target more; take a text of at least "
            f"{batch_size * sequence_length + 1}, or a batch_size of at most "
            f"{(len(text) - 1) // sequence_length}"
        )
    inputs = text[: batch_size * part].reshape(batch_size, part)
    targets = text[1 : batch_size * part + 1].reshape(batch_size, part)
    starts = range(0, part - sequence_length + 1, sequence_length)
    columns = (slice(start, start + sequence_length) for start in starts)
    return ((inputs[:, span].copy(), targets[:, span].copy()) for span in columns)


def next_character_probabilities(logits: ndarray, temperature: float = 1.0) -> ndarray:
    """How probable each character is as the next one: softmax of ``logits / temperature``.

    At a temperature of 1 it is the model's own distribution; the colder, the more of it goes to the
    most probable character, and at 0 that one, the first if there are several, has all of it.

    Args:
        logits: a model's output, shape ``(..., characters)``, of any size.
        temperature: at least 0.

    Returns:
        The shape of ``logits``; adds up to 1 along the last axis.

    Raises:
        ValueError: the temperature is negative or not finite; ``logits`` has no characters, or
            holds NaN or infinity.
    """
    logits = np.asarray(logits)
    if logits.dtype.kind != "f":
        logits = logits.astype(np.float64)
    if not 0 <= temperature < np.inf:
        raise ValueError(
            "next_character_probabilities: temperature must be a number of at least 0, not "
            f"{temperature}"
        )
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            "next_character_probabilities: logits must have shape (..., characters), with at least "
            f"one character, not {logits.shape}"
        )
    if not np.isfinite(logits).all():
        raise ValueError(
            "next_character_probabilities: logits hold NaN or infinity; the model's training has "
            "diverged, try a lower learning rate"
        )
    if temperature == 0:
        best = np.argmax(logits, axis=-1)
        rows = one_hot(best.ravel(), logits.shape[-1], logits.dtype)
        return rows.reshape(logits.shape)
    # A temperature that is 0 in this dtype would divide 0 by 0.
    temperature = max(float(temperature), float(np.finfo(logits.dtype).tiny))
    largest = logits.max(axis=-1, keepdims=True)
    # Half of each: a difference of numbers has room then. What overflows after that is minus
    # infinity, a probability of 0, as it is.
    with np.errstate(over="ignore"):
        return softmax((logits / 2 - largest / 2) / temperature * 2, axis=-1)


class SequenceModel(Protocol):
    """What ``sample`` needs of a model: ``scratch.recurrent.RNNModel`` has it."""

    def forward_from(self, x_batch: ndarray, states: Any = None) -> tuple[ndarray, Any]:
        """Predictions for ``(batch, time, characters)``, and the states after the last step."""

    def params(self) -> Iterator[ndarray]:
        """The parameters; inputs are made in their dtype."""


def sample(
    model: SequenceModel,
    vocabulary: Vocabulary,
    start: str,
    length: int,
    temperature: float = 1.0,
    seed: Seed = None,
) -> str:
    """Let a model write: read ``start``, then draw one character after the other.

    Chapter 6, "Putting It All Together" (where the model writes like Shakespeare). The model starts
    from states of 0 and is left just as it is, with its gradients, and with what it carries from
    batch to batch: a copy of it runs.

    Args:
        model: trained to predict the next character.
        vocabulary: of its inputs and outputs.
        start: what the model reads first, at least one character.
        length: how many characters are drawn.
        temperature: as for ``next_character_probabilities``.
        seed: where the draws come from, a number between 0 and 1 for each character.

    Returns:
        The characters drawn, without ``start``.

    Raises:
        ValueError: ``start`` is empty or has an unknown character, ``length`` or ``temperature`` is
            negative, or the model's outputs are not one for each character.
    """
    if not start:
        raise ValueError("sample: start is empty; the model needs at least one character to read")
    if not is_integer(length) or length < 0:
        raise ValueError(f"sample: length must be a whole number of at least 0, not {length!r}")
    stream, model = as_stream(seed), deepcopy(model)
    dtype = next((param.dtype for param in model.params()), np.dtype(np.float64))
    read, states = vocabulary.encode(start), None
    drawn: list[int] = []
    while len(drawn) < length:
        x = one_hot_sequences(read[np.newaxis], len(vocabulary), dtype)
        output, states = model.forward_from(x, states)
        if output.shape[-1] != len(vocabulary):
            raise ValueError(
                f"sample: the model's output of shape {output.shape} is not one number for each of "
                f"the vocabulary's {len(vocabulary)} characters"
            )
        last = output.reshape(-1, len(vocabulary))[-1]
        drawn.append(_draw_character(next_character_probabilities(last, temperature), stream))
        read = np.array(drawn[-1:])
    return vocabulary.decode(np.array(drawn, dtype=np.int64))


def _draw_character(probabilities: ndarray, stream: Stream) -> int:
    """The first number at which the probabilities so far exceed a number drawn between 0 and 1."""
    so_far = np.cumsum(probabilities, dtype=np.float64)
    return int(np.searchsorted(so_far, stream.uniform() * so_far[-1], side="right"))


def _checked_text(indices: ndarray, sequence_length: int, who: str) -> ndarray:
    """A copy of a text that has a sequence at least, and a target for its last character."""
    text = _whole_numbers(indices, who, 1, "(n,)").copy()
    _require_count(who, "sequence_length", sequence_length)
    if len(text) == 0:
        raise ValueError(f"{who}: the text is empty; take one of {sequence_length + 1} characters")
    if len(text) <= sequence_length:
        shorter = f", or a sequence_length of at most {len(text) - 1}" if len(text) > 1 else ""
        raise ValueError(
            f"{who}: a text of {len(text)} characters is too short for a sequence of "
            f"{sequence_length} and one target more; take a text of at least "
            f"{sequence_length + 1}{shorter}"
        )
    return text


def _text_windows(indices: ndarray, sequence_length: int, who: str) -> ndarray:
    """All sequences and the target after each, ``(n - sequence_length, sequence_length + 1)``."""
    return sliding_window_view(_checked_text(indices, sequence_length, who), sequence_length + 1)


def _require_count(who: str, name: str, count: int) -> None:
    if not is_integer(count) or count < 1:
        raise ValueError(f"{who}: {name} must be a whole number of at least 1, not {count!r}")


def _whole_numbers(
    indices: ndarray | Sequence[int], who: str, ndim: int, shape: str, size: int | None = None
) -> ndarray:
    """Numbers of characters as an array; no empty one has to be of integers."""
    indices = np.asarray(indices)
    if indices.ndim != ndim:
        raise ValueError(f"{who}: indices must have shape {shape}, not {indices.shape}")
    if not indices.size:
        return indices.astype(np.int64)
    if indices.dtype.kind not in "iu":
        raise ValueError(f"{who}: indices must be integers, not {indices.dtype}")
    if size is not None and not 0 <= indices.min() <= indices.max() < size:
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise ValueError(f"{who}: indices must lie between 0 and {size - 1}, not be {wrong}")
    return indices


def _quoted(characters: Sequence[str]) -> str:
    """Some characters, and how many more there are."""
    more = f" and {len(characters) - 5} more" if len(characters) > 5 else ""
    return ", ".join(map(repr, characters[:5])) + more
