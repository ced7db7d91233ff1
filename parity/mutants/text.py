"""Mistakes in making numbers of text, and probabilities of a model's output."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from parity.catalogue.component import Mutant
from scratch.functions import softmax
from scratch.text import next_character_probabilities, one_hot_sequences, sequences_and_targets

Pair = tuple[ndarray, ndarray]


def _as_many_as_seen(indices: ndarray, size: int) -> ndarray:
    return one_hot_sequences(indices, int(indices.max()) + 1)


def _time_lost(indices: ndarray, size: int) -> ndarray:
    return one_hot_sequences(indices, size).max(axis=1)


def _flattened(indices: ndarray, size: int) -> ndarray:
    return one_hot_sequences(indices, size).reshape(len(indices), -1)


ONE_HOT_SEQUENCES = (
    Mutant(
        "transposed",
        "Each sequence has a column for each time step, as the book draws it; there must be a row: "
        "(batch, time, size), as its text says.",
        lambda indices, size: one_hot_sequences(indices, size).transpose(0, 2, 1),
        "output",
        errata="E21",
    ),
    Mutant(
        "time first",
        "Time comes before the batch; the shape must be (batch, time, size).",
        lambda indices, size: one_hot_sequences(indices, size).transpose(1, 0, 2),
        "output",
    ),
    Mutant(
        "flattened",
        "The rows of a sequence are joined to one long row; keep time as an axis of its own: "
        "(batch, time, size).",
        _flattened,
        "output",
    ),
    Mutant(
        "time lost",
        "There is one row for a whole sequence, with a 1 for each character in it; there must be "
        "one for each time step.",
        _time_lost,
        "output",
    ),
    Mutant(
        "counted from 1",
        "The 1 stands one column too far to the left: characters are counted from 0.",
        lambda indices, size: np.roll(one_hot_sequences(indices, size), -1, axis=2),
        "output",
    ),
    Mutant(
        "as many columns as seen",
        "There are only as many columns as the largest number asks for; size says how many, for a "
        "batch need not have all characters in it.",
        _as_many_as_seen,
        "output",
    ),
    Mutant(
        "number instead of 1",
        "The number of the character itself stands in its column; put a 1 there.",
        lambda indices, size: one_hot_sequences(indices, size) * indices[:, :, np.newaxis],
        "output",
    ),
    Mutant(
        "exchanged",
        "0 and 1 are exchanged: 1 in the column of the character, 0 elsewhere.",
        lambda indices, size: 1 - one_hot_sequences(indices, size),
        "output",
    ),
)


def _not_shifted(indices: ndarray, sequence_length: int) -> Pair:
    inputs, _ = sequences_and_targets(indices, sequence_length)
    return inputs, inputs


def _shifted_back(indices: ndarray, sequence_length: int) -> Pair:
    inputs, targets = sequences_and_targets(indices, sequence_length)
    return targets, inputs


def _shifted_by_two(indices: ndarray, sequence_length: int) -> Pair:
    windows = sliding_window_view(indices, sequence_length)
    return windows[:-2], windows[2:]


def _last_dropped(indices: ndarray, sequence_length: int) -> Pair:
    inputs, targets = sequences_and_targets(indices, sequence_length)
    return inputs[:-1], targets[:-1]


def _side_by_side(indices: ndarray, sequence_length: int) -> Pair:
    inputs, targets = sequences_and_targets(indices, sequence_length)
    return inputs[::sequence_length], targets[::sequence_length]


def _round_the_end(indices: ndarray, sequence_length: int) -> Pair:
    windows = sliding_window_view(np.append(indices, indices[0]), sequence_length)
    return windows[:-1], windows[1:]


def _next_one_only(indices: ndarray, sequence_length: int) -> Pair:
    inputs, targets = sequences_and_targets(indices, sequence_length)
    return inputs, targets[:, -1]


def _transposed(indices: ndarray, sequence_length: int) -> Pair:
    inputs, targets = sequences_and_targets(indices, sequence_length)
    return inputs.T, targets.T


SEQUENCES_AND_TARGETS = (
    Mutant(
        "targets not shifted",
        "The targets are the inputs themselves: the model would learn to repeat what it reads. "
        "Take them one character later.",
        _not_shifted,
        "targets",
    ),
    Mutant(
        "targets shifted back",
        "Inputs and targets are exchanged: each target is the character before. Take it one "
        "character later than the input.",
        _shifted_back,
        "targets",
    ),
    Mutant(
        "targets shifted by two",
        "The targets are two characters later than the inputs; take them one later.",
        _shifted_by_two,
        "targets",
    ),
    Mutant(
        "last window dropped",
        "The last sequence is missing: a text of n characters has n - sequence_length of them that "
        "have a target for each character.",
        _last_dropped,
        "inputs",
    ),
    Mutant(
        "no overlap",
        "Each sequence starts where the one before ends; start one at each character, so that they "
        "overlap.",
        _side_by_side,
        "inputs",
    ),
    Mutant(
        "round the end",
        "One sequence is too many, with the first character of the text as its last target; no "
        "character comes after the last one, so stop one sequence before.",
        _round_the_end,
        "inputs",
    ),
    Mutant(
        "one target for each sequence",
        "There is one target for a whole sequence; each of its characters needs its own, so the "
        "targets have the shape of the inputs.",
        _next_one_only,
        "targets",
    ),
    Mutant(
        "transposed",
        "There is a column for each sequence; there must be a row: (n - sequence_length, "
        "sequence_length).",
        _transposed,
        "inputs",
    ),
)


def _temperature_ignored(logits: ndarray, temperature: float = 1.0) -> ndarray:
    return next_character_probabilities(logits)


def _zero_ignored(logits: ndarray, temperature: float = 1.0) -> ndarray:
    return next_character_probabilities(logits, temperature or 1.0)


def _multiplied(logits: ndarray, temperature: float = 1.0) -> ndarray:
    return softmax(logits * temperature)


def _multiplied_but_at_zero(logits: ndarray, temperature: float = 1.0) -> ndarray:
    if temperature == 0:
        return next_character_probabilities(logits, 0)
    return softmax(logits * temperature)


def _divided_afterwards(logits: ndarray, temperature: float = 1.0) -> ndarray:
    if temperature == 0:
        return next_character_probabilities(logits, 0)
    return softmax(logits) / temperature


def _along(logits: ndarray, temperature: float, axis: int | None) -> ndarray:
    if temperature == 0:
        return next_character_probabilities(logits, 0)
    return softmax(logits / temperature, axis=axis)


def _not_normalised(logits: ndarray, temperature: float = 1.0) -> ndarray:
    if temperature == 0:
        return next_character_probabilities(logits, 0)
    return np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)


def _logarithm(logits: ndarray, temperature: float = 1.0) -> ndarray:
    if temperature == 0:
        return next_character_probabilities(logits, 0)
    scaled = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    return scaled - np.log(np.sum(np.exp(scaled), axis=-1, keepdims=True))


def _no_zero(logits: ndarray, temperature: float = 1.0) -> ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return softmax((logits - logits.max(axis=-1, keepdims=True)) / np.array(temperature))


def _plain(logits: ndarray, temperature: float = 1.0) -> ndarray:
    """The formula as it is, nothing subtracted."""
    if temperature == 0:
        return next_character_probabilities(logits, 0)
    return _plain_everywhere(logits, temperature)


def _plain_everywhere(logits: ndarray, temperature: float = 1.0) -> ndarray:
    with np.errstate(all="ignore"):
        z = np.exp(logits / logits.dtype.type(temperature))
        return z / np.sum(z, axis=-1, keepdims=True)


_MULTIPLIED = (
    "The output is multiplied by the temperature; divide by it, so that a low one makes the "
    "probable characters more probable."
)
_SUBTRACT = "subtract the largest of each row before np.exp"
_AT_ZERO = "At a temperature of 0 this divides by 0: give all of it to the largest of each row"

NEXT_CHARACTER_PROBABILITIES = (
    Mutant("temperature multiplied", _MULTIPLIED, _multiplied, "output"),
    Mutant("temperature multiplied, but at 0", _MULTIPLIED, _multiplied_but_at_zero, "output"),
    Mutant(
        "temperature ignored",
        "The temperature changes nothing: divide the output by it before softmax.",
        _temperature_ignored,
        "output",
    ),
    Mutant(
        "divided after softmax",
        "The probabilities are divided by the temperature, and do not add up to 1 any more; divide "
        "the output before softmax.",
        _divided_afterwards,
        "output",
    ),
    Mutant(
        "over the wrong axis",
        "The columns add up to 1 where the rows should: softmax runs over the last axis, that of "
        "the characters.",
        lambda logits, temperature=1.0: _along(logits, temperature, 0),
        "output",
    ),
    Mutant(
        "over everything",
        "The whole array adds up to 1; each row should: softmax runs over the last axis, that of "
        "the characters.",
        lambda logits, temperature=1.0: _along(logits, temperature, None),
        "output",
    ),
    Mutant(
        "not divided by the sum",
        "The exponentials are not divided by their sum, so a row does not add up to 1.",
        _not_normalised,
        "output",
    ),
    Mutant(
        "logarithm",
        "This is the logarithm of the probabilities; they themselves lie between 0 and 1.",
        _logarithm,
        "output",
    ),
    Mutant(
        "always the most probable",
        "The most probable character has all of it at any temperature; only at 0 should it.",
        lambda logits, temperature=1.0: next_character_probabilities(logits, 0),
        "output",
    ),
    Mutant(
        "0 taken for none",
        "A temperature of 0 is taken for 1; at 0 the largest of each row gets all of it.",
        _zero_ignored,
        "output",
    ),
    Mutant("division by 0", f"{_AT_ZERO}.", _no_zero, "output"),
    Mutant(
        "overflow",
        f"Large numbers give NaN (infinity over infinity, or 0 over 0): {_SUBTRACT}, the result is "
        "the same.",
        _plain,
        "output",
    ),
    Mutant(
        "overflow, division by 0",
        f"{_AT_ZERO}. Then {_SUBTRACT}: large numbers give NaN.",
        _plain_everywhere,
        "output",
    ),
)
