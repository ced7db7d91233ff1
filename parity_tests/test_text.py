"""Text as numbers, the same on both sides, and what is written by a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

import reference.text as twin
from datasets import load_shakespeare
from scratch.text import (
    Vocabulary,
    contiguous_batches,
    next_character_probabilities,
    one_hot_sequences,
    sequences_and_targets,
    shuffled_batches,
)

TEXT = "Resolved, resolved. First, you know Caius Marcius is chief enemy to the people."
VOCABULARY = Vocabulary.of(TEXT)
INDICES = VOCABULARY.encode(TEXT)
TEMPERATURES = [0.0, 1e-60, 1e-3, 0.5, 1.0, 2.0, 1e3, 1e300]
DTYPES = [np.float32, np.float64]

Batches = list[tuple[ndarray, ndarray]]


def as_arrays(batches: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> Batches:
    return [(inputs.numpy(), targets.numpy()) for inputs, targets in batches]


def require_same(ours: Batches, theirs: Batches) -> None:
    assert len(ours) == len(theirs)
    for our_pair, their_pair in zip(ours, theirs, strict=True):
        for our_array, their_array in zip(our_pair, their_pair, strict=True):
            np.testing.assert_array_equal(our_array, their_array, strict=True)


# The vocabulary


def test_text_comes_back_from_its_numbers() -> None:
    assert VOCABULARY.decode(INDICES) == TEXT
    assert INDICES.dtype == np.int64
    assert INDICES.shape == (len(TEXT),)


def test_numbers_follow_the_order_of_the_characters() -> None:
    assert Vocabulary("dcba").encode("abcd").tolist() == [3, 2, 1, 0]
    assert Vocabulary.of("bda\nb").characters == "\nabd"
    assert len(Vocabulary("abcd")) == 4


def test_both_sides_number_a_whole_play_alike() -> None:
    play = load_shakespeare()
    ours, theirs = Vocabulary.of(play), twin.Vocabulary.of(play)
    assert ours.characters == theirs.characters
    np.testing.assert_array_equal(ours.encode(play), theirs.encode(play).numpy(), strict=True)
    assert ours.decode(ours.encode(play)) == theirs.decode(theirs.encode(play)) == play


def test_nothing_is_the_text_of_no_numbers() -> None:
    assert VOCABULARY.encode("").tolist() == []
    assert VOCABULARY.decode([]) == VOCABULARY.decode(VOCABULARY.encode("")) == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Vocabulary(""), r"^Vocabulary: there must be at least one character$"),
        (lambda: Vocabulary.of(""), r"^Vocabulary\.of: the text is empty; "),
        (lambda: Vocabulary("abca"), r"^Vocabulary: 'a' must not come more than once; "),
        (lambda: Vocabulary("abcd").encode("aé"), r"^Vocabulary: 'é' is none of the 4 characters"),
        (lambda: Vocabulary("a").encode("bcdefghi"), r"'b', 'c', 'd', 'e', 'f' and 3 more is none"),
        (lambda: Vocabulary("abcd").decode([4]), r"between 0 and 3, not be 4$"),
        (lambda: Vocabulary("abcd").decode([-1]), r"between 0 and 3, not be -1$"),
        (lambda: Vocabulary("abcd").decode(np.ones(1)), r"must be integers, not float64$"),
        (lambda: Vocabulary("abcd").decode(np.ones((1, 2), int)), r"shape \(characters,\), not"),
    ],
)
def test_vocabulary_refuses(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# Sequences


def test_the_books_two_sequences() -> None:
    """The second is the target of the first; both together are (2, 5, 4)."""
    vocabulary = Vocabulary("abcd")
    inputs, targets = sequences_and_targets(vocabulary.encode("abcdba"), 5)
    assert [vocabulary.decode(row) for row in inputs] == ["abcdb"]
    assert [vocabulary.decode(row) for row in targets] == ["bcdba"]
    assert one_hot_sequences(np.concatenate([inputs, targets]), 4).shape == (2, 5, 4)


@pytest.mark.parametrize("length", [1, 5, len(TEXT) - 1])
def test_sequences_overlap_and_targets_come_one_later(length: int) -> None:
    inputs, targets = sequences_and_targets(INDICES, length)
    assert inputs.shape == targets.shape == (len(TEXT) - length, length)
    for i, (input_, target) in enumerate(zip(inputs, targets, strict=True)):
        assert VOCABULARY.decode(input_) == TEXT[i : i + length]
        assert VOCABULARY.decode(target) == TEXT[i + 1 : i + 1 + length]


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_sides_make_the_same_arrays(dtype: type) -> None:
    theirs = twin.sequences_and_targets(torch.from_numpy(INDICES), 7)
    ours = sequences_and_targets(INDICES, 7)
    require_same([ours], as_arrays(iter([theirs])))
    torch_dtype = torch.from_numpy(np.ones(1, dtype)).dtype
    np.testing.assert_array_equal(
        one_hot_sequences(ours[0], len(VOCABULARY), dtype),
        twin.one_hot_sequences(theirs[0], len(VOCABULARY), torch_dtype).numpy(),
        strict=True,
    )


def test_sequences_share_no_memory() -> None:
    indices = INDICES.copy()
    inputs, targets = sequences_and_targets(indices, 5)
    lazily = shuffled_batches(indices, 4, 5, seed=1), contiguous_batches(indices, 4, 5)
    inputs[0, 1] = 99
    assert (inputs != 99).sum() == inputs.size - 1
    assert (targets != 99).all()
    np.testing.assert_array_equal(indices, INDICES)
    indices[:] = 99
    for batches in lazily:
        assert all((inputs != 99).all() for inputs, _ in batches)


# Batches


@pytest.mark.parametrize(("batch_size", "length"), [(1, 5), (7, 5), (64, 3), (74, 5)])
def test_both_sides_make_the_same_shuffled_batches_of_one_permutation(
    batch_size: int, length: int
) -> None:
    order = np.random.default_rng(6).permutation(len(TEXT) - length)
    ours = shuffled_batches(INDICES, batch_size, length, seed=np.random.default_rng(6))
    theirs = twin.shuffled_batches(
        torch.from_numpy(INDICES), batch_size, length, order=torch.from_numpy(order)
    )
    require_same(list(ours), as_arrays(theirs))


def test_shuffled_batches_have_each_sequence_once() -> None:
    batches = list(shuffled_batches(INDICES, 8, 5, seed=1))
    assert [len(inputs) for inputs, _ in batches] == [8] * 9 + [2]
    in_order = sequences_and_targets(INDICES, 5)
    for found, wanted in zip(
        map(np.concatenate, zip(*batches, strict=True)), in_order, strict=True
    ):
        assert sorted(found.tolist()) == sorted(wanted.tolist())
        assert found.tolist() != wanted.tolist()


def test_a_stream_goes_on_and_a_seed_starts_anew() -> None:
    def first(seed: Any) -> list[Any]:
        return next(shuffled_batches(INDICES, 8, 5, seed))[0].tolist()

    stream = np.random.default_rng(1)
    assert first(stream) != first(stream)
    assert first(1) == first(1)


def test_the_references_own_permutation_is_one() -> None:
    def batches() -> Batches:
        generator = torch.Generator().manual_seed(1)
        text = torch.from_numpy(INDICES)
        return as_arrays(twin.shuffled_batches(text, 8, 5, generator=generator))

    require_same(batches(), batches())
    inputs = np.concatenate([inputs for inputs, _ in batches()])
    wanted = sequences_and_targets(INDICES, 5)[0]
    assert sorted(inputs.tolist()) == sorted(wanted.tolist())
    assert inputs.tolist() != wanted.tolist()


@pytest.mark.parametrize(("batch_size", "length"), [(1, 5), (7, 5), (4, 19), (78, 1), (3, 26)])
def test_both_sides_make_the_same_contiguous_batches(batch_size: int, length: int) -> None:
    theirs = twin.contiguous_batches(torch.from_numpy(INDICES), batch_size, length)
    ours = list(contiguous_batches(INDICES, batch_size, length))
    require_same(ours, as_arrays(theirs))
    assert {inputs.shape for inputs, _ in ours} == {(batch_size, length)}


def test_rows_of_contiguous_batches_go_on() -> None:
    batches = list(contiguous_batches(INDICES, 3, 5))
    for row in range(3):
        inputs = "".join(VOCABULARY.decode(inputs[row]) for inputs, _ in batches)
        targets = "".join(VOCABULARY.decode(targets[row]) for _, targets in batches)
        start = row * 26  # 79 characters, and a target after each part
        assert inputs == TEXT[start : start + 25]
        assert targets == TEXT[start + 1 : start + 26]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: sequences_and_targets(t[:0], 5), r"^seq\w+: the text is empty; .* 6 characters"),
        (lambda t: sequences_and_targets(t[:5], 5), r"^\w+: a text of 5 .* at least 6, or a .* 4$"),
        (lambda t: sequences_and_targets(t[:1], 1), r"too short .* take a text of at least 2$"),
        (lambda t: sequences_and_targets(t, 0), r"sequence_length must be .* at least 1, not 0$"),
        (lambda t: sequences_and_targets(t, True), r"sequence_length must be a whole number"),
        (lambda t: sequences_and_targets(t[None], 5), r"must have shape \(n,\), not \(1, 79\)$"),
        (lambda t: sequences_and_targets(t * 1.0, 5), r"must be integers, not float64$"),
        (lambda t: shuffled_batches(t[:5], 1, 5), r"^shuffled_batches: a text of 5 characters is"),
        (lambda t: shuffled_batches(t[:12], 8, 5), r"has 7 sequences of 5, not the 8 .* most 7$"),
        (lambda t: shuffled_batches(t, 0, 5), r"batch_size must be .* at least 1, not 0$"),
        (lambda t: contiguous_batches(t[:0], 1, 5), r"^contiguous_batches: the text is empty; "),
        (lambda t: contiguous_batches(t[:40], 8, 5), r"at least 41, or a batch_size of at most 7$"),
        (lambda t: contiguous_batches(t, 0, 5), r"batch_size must be .* at least 1, not 0$"),
        (lambda t: one_hot_sequences(t, 4), r"must have shape \(batch, time\), not \(79,\)$"),
        (lambda t: one_hot_sequences(t[None], 4), r"must lie between 0 and 3, not be \d+$"),
        (lambda t: one_hot_sequences(t[None] - 9, 99), r"must lie between 0 and 98, not be -9$"),
        (lambda t: one_hot_sequences(t[None], 0), r"size must be at least 1, not 0$"),
    ],
)
def test_bad_text_is_refused_at_once(call: Callable[[ndarray], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call(INDICES)
    assert "\n" not in str(caught.value)


def test_text_as_long_as_what_is_asked_for_is_enough() -> None:
    assert len(list(shuffled_batches(INDICES[:12], 7, 5))) == 1
    assert len(list(contiguous_batches(INDICES[:41], 8, 5))) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda text: twin.sequences_and_targets(text[:5], 5),
        lambda text: twin.shuffled_batches(text[:12], 8, 5),
        lambda text: twin.contiguous_batches(text[:40], 8, 5),
        lambda text: twin.next_character_probabilities(text.double(), -1.0),
        lambda text: twin.next_character_probabilities(text / 0.0),
        lambda text: twin.Vocabulary("abca"),
        lambda text: twin.Vocabulary("abcd").encode("é"),
    ],
)
def test_the_reference_refuses_it_too(call: Callable[[torch.Tensor], Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        call(torch.from_numpy(INDICES))


# Probabilities


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3, 1e37])
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_both_sides_give_the_same_probabilities(
    dtype: type, temperature: float, scale: float
) -> None:
    logits: ndarray = (np.random.default_rng(6).standard_normal((3, 4, 9)) * scale).astype(dtype)
    ours = next_character_probabilities(logits, temperature)
    theirs = twin.next_character_probabilities(torch.from_numpy(logits), temperature).numpy()
    assert ours.dtype == theirs.dtype == dtype
    # Of what is exponentiated, -100 at the smallest that can be seen, each bit counts.
    tolerance = 200 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(ours.sum(axis=-1), 1, rtol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_largest_numbers_do_not_overflow(dtype: type, temperature: float) -> None:
    largest = np.finfo(dtype).max
    logits: ndarray = np.array([[largest, -largest, 0], [-largest, -largest, largest]], dtype)
    for probabilities in (
        next_character_probabilities(logits, temperature),
        twin.next_character_probabilities(torch.from_numpy(logits), temperature).numpy(),
    ):
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-6)
        if temperature < 1e30:
            assert probabilities.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_hottest_of_the_largest_numbers_is_right() -> None:
    """Their difference would be infinite, and the quotient of it is not."""
    logits = np.array([1.5e308, -1.5e308])
    right = np.array([1, np.exp(-3.0)]) / (1 + np.exp(-3.0))
    np.testing.assert_allclose(next_character_probabilities(logits, 1e308), right)
    np.testing.assert_allclose(
        twin.next_character_probabilities(torch.from_numpy(logits), 1e308), right
    )


def test_one_is_the_models_own_distribution() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.2])) + 7
    np.testing.assert_allclose(next_character_probabilities(logits), [0.5, 0.3, 0.2])


def test_cold_is_the_most_probable_and_hot_is_even() -> None:
    logits = np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 4.0]])
    np.testing.assert_allclose(
        next_character_probabilities(logits, 0.01), np.array([[0, 1, 0], [0.5, 0.5, 0]]), atol=1e-12
    )
    np.testing.assert_allclose(next_character_probabilities(logits, 1e9), 1 / 3, rtol=1e-8)


def test_zero_gives_all_to_the_first_of_the_most_probable() -> None:
    logits = np.array([[1, 3, 2], [5, 5, 4]])
    assert next_character_probabilities(logits, 0).tolist() == [[0, 1, 0], [1, 0, 0]]
    theirs = twin.next_character_probabilities(torch.from_numpy(logits), 0)
    assert theirs.tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("temperature", [-1.0, -1e-300, np.nan, np.inf])
def test_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"temperature must be .* at least 0, not {temperature}$"):
        next_character_probabilities(np.ones(3), temperature)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_logits_of_a_diverged_model_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinity; the model's training has diverged"):
        next_character_probabilities(np.array([1.0, wrong]), 0.0)


@pytest.mark.parametrize("logits", [np.ones(()), np.ones((2, 0))])
def test_logits_of_no_character_are_refused(logits: ndarray) -> None:
    with pytest.raises(ValueError, match=r"with at least one character, not "):
        next_character_probabilities(logits)
