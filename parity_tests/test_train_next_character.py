"""A model of chapter 6 trains on both sides from the same weights, on the same batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.training import next_character, text_learners
from parity.training.next_character import (
    WEIGHT,
    Writing,
    largest_difference,
    lock_step,
    perplexity,
    smoothed,
    train,
)
from parity.training.text_experiment import SEED, TextExperiment, as_characters, batches
from parity.training.text_learners import (
    Learner,
    ReferenceLearner,
    ScratchLearner,
    initial_model,
)
from parity_tests.rhymes import RHYME, SMALL, rhyme
from scratch.recurrent import SequenceSoftmaxCrossEntropy
from scratch.text import one_hot_sequences

LEARNERS: dict[str, Callable[..., Learner]] = {
    "scratch": ScratchLearner,
    "reference": ReferenceLearner,
}

SIDES = pytest.mark.parametrize("side", LEARNERS)


def gradients(learner: Learner) -> list[ndarray]:
    """Of a side's last step."""
    if isinstance(learner, ScratchLearner):
        return list(learner.model.param_grads())
    assert isinstance(learner, ReferenceLearner)
    return [param.grad.numpy() for param in learner.trained if param.grad is not None]


# Both sides

VARIANTS = {
    "lstm": SMALL,
    "gru, lstm": replace(SMALL, layers=("gru", "lstm")),
    "rnn, rnn": replace(SMALL, layers=("rnn", "rnn")),
    "shuffled": replace(SMALL, batches="shuffled"),
    "shuffled, carried": replace(SMALL, batches="shuffled", carries=True),
    "by norm": replace(SMALL, clipping="norm", limit=0.5),
    "not clipped": replace(SMALL, clipping="none"),
    "mean": replace(SMALL, reduction="mean"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_step_is_the_same_on_both_sides(variant: str) -> None:
    """Over more than an epoch of contiguous batches, so that states are set back too."""
    experiment = replace(VARIANTS[variant], batch_size=16, steps=20)
    steps = lock_step(experiment, rhyme(), SEED)
    assert steps.batches == 20
    assert steps.in_a_step < 1e-12
    assert steps.in_all < 1e-9
    assert steps.agree


def test_losses_of_both_sides_are_the_same_over_200_steps() -> None:
    experiment = replace(SMALL, steps=200)
    ours, theirs = (
        train(side, experiment, rhyme(), SEED, np.float64) for side in ("scratch", "reference")
    )
    assert largest_difference(ours.losses, theirs.losses) < 1e-9


@SIDES
def test_training_learns_to_predict(side: Any) -> None:
    """That letters follow each other: by their shares alone the loss would be near 2.3."""
    trained = train(side, replace(SMALL, hidden=32, steps=150), rhyme(), SEED)
    assert trained.smoothed < 2.1


@pytest.mark.parametrize("factor", [1 + 1e-7, float("nan")])
def test_a_wrong_step_is_seen(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    step = ReferenceLearner.step

    def spoilt(self: ReferenceLearner, x: ndarray, targets: ndarray) -> float:
        loss = step(self, x, targets)
        with torch.no_grad():
            for param in self.trained:
                param.mul_(factor)
        return loss

    monkeypatch.setattr(ReferenceLearner, "step", spoilt)
    assert not lock_step(SMALL, rhyme(), SEED).agree


def test_what_the_optimizer_remembers_is_part_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    step = ReferenceLearner.step

    def forgetful(self: ReferenceLearner, x: ndarray, targets: ndarray) -> float:
        for param in self.trained:
            self.optimizer.state[param]["sum"].zero_()
        return step(self, x, targets)

    monkeypatch.setattr(ReferenceLearner, "step", forgetful)
    assert not lock_step(SMALL, rhyme(), SEED).agree


def test_both_sides_write_the_same_and_read_the_same() -> None:
    """From equal weights and with the same draws, in float64."""
    writing = Writing(every=5, length=30, final_length=60)
    ours, theirs = (
        train(side, SMALL, rhyme(), SEED, np.float64, writing) for side in ("scratch", "reference")
    )
    assert ours.samples == theirs.samples
    assert {steps: len(text) for steps, text in ours.samples.items()} == {5: 30, 10: 30, 12: 60}
    assert ours.perplexity == pytest.approx(theirs.perplexity, rel=1e-9)
    for param, twin in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(param, twin, rtol=0, atol=1e-10)


@SIDES
def test_writing_changes_nothing(side: Any) -> None:
    loud = train(side, SMALL, rhyme(), SEED, writing=Writing(every=1, length=3, final_length=3))
    assert loud.losses == train(side, SMALL, rhyme(), SEED).losses


@SIDES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_side_computes_in_the_type_asked_for(side: Any, dtype: str) -> None:
    trained = train(side, SMALL, rhyme(), SEED, dtype)
    assert {param.dtype.name for param in trained.params} == {dtype}


@SIDES
def test_the_seed_is_that_of_weights_order_and_samples(side: Any) -> None:
    experiment = replace(SMALL, batches="shuffled", steps=3)
    writing = Writing(final_length=20)
    runs = [train(side, experiment, rhyme(), seed, writing=writing) for seed in (1, 1, 2)]
    assert runs[0].losses == runs[1].losses
    assert runs[0].samples == runs[1].samples
    assert runs[0].losses[0] != runs[2].losses[0]
    assert runs[0].samples != runs[2].samples


@SIDES
def test_a_training_that_diverges_says_so(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_learners, "LEARNING_RATE", 1e38)
    with pytest.raises(FloatingPointError, match=r"of step \d is (nan|inf): the training has div"):
        train(side, replace(SMALL, layers=("rnn",)), rhyme(), SEED)


@SIDES
def test_so_does_one_that_a_sample_finds_out(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_learners, "LEARNING_RATE", 1e38)
    with pytest.raises(FloatingPointError, match="after step 1 the model's outputs are NaN or inf"):
        train(side, replace(SMALL, layers=("rnn",)), rhyme(), SEED, writing=Writing(every=1))


def test_the_callers_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    train("reference", SMALL, rhyme(), SEED, writing=Writing())
    assert torch.equal(torch.get_rng_state(), before)


# What is trained on


def test_contiguous_batches_begin_an_epoch_with_the_text() -> None:
    """96 characters in four rows of 23, so four batches of five an epoch."""
    stream = batches(SMALL, np.arange(96), SEED)
    taken = [next(stream) for _ in range(9)]
    assert [first for first, _, _ in taken] == [True, *[False] * 3] * 2 + [True]
    np.testing.assert_array_equal(taken[1][1][:, 0], taken[0][2][:, -1])
    np.testing.assert_array_equal(taken[4][1], taken[0][1])


def test_shuffled_batches_come_in_another_order_in_each_epoch() -> None:
    experiment = replace(SMALL, batches="shuffled")
    stream = batches(experiment, np.arange(17), SEED)  # three batches of four
    taken = [next(stream) for _ in range(6)]
    assert [first for first, _, _ in taken] == [True, False, False] * 2
    epochs = [np.concatenate([inputs[:, 0] for _, inputs, _ in taken[i : i + 3]]) for i in (0, 3)]
    assert not np.array_equal(epochs[0], epochs[1])
    for starts in epochs:
        np.testing.assert_array_equal(np.sort(starts), np.arange(12))


def test_state_is_carried_where_it_goes_on() -> None:
    assert TextExperiment(batches="contiguous").carry_state
    assert not TextExperiment(batches="shuffled").carry_state
    assert TextExperiment(batches="shuffled", carries=True).carry_state
    assert not TextExperiment(batches="contiguous", carries=False).carry_state


def test_the_state_begins_anew_with_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[float] = []
    step = ScratchLearner.step

    def spy(self: ScratchLearner, x: ndarray, targets: ndarray) -> float:
        starts.append(float(np.abs(self.model.layers[0].start_H).max()))
        return step(self, x, targets)

    monkeypatch.setattr(ScratchLearner, "step", spy)
    characters = as_characters("rhyme.txt", RHYME[:110], SMALL)  # four batches an epoch
    train("scratch", replace(SMALL, steps=9), characters, SEED)
    assert [start == 0 for start in starts] == [True, *[False] * 3] * 2 + [True]


@SIDES
@pytest.mark.parametrize("clipping", ["value", "norm", "none"])
def test_gradients_are_clipped(side: Any, clipping: Any) -> None:
    experiment = replace(SMALL, clipping=clipping, limit=0.01)
    size = len(rhyme().vocabulary)
    learner = LEARNERS[side](experiment, size, np.float64, SEED)
    _, inputs, targets = next(batches(experiment, rhyme().training, SEED))
    learner.step(inputs, targets)
    grads = gradients(learner)
    largest = max(np.abs(grad).max() for grad in grads)
    norm = np.sqrt(sum(np.sum(grad**2) for grad in grads))
    assert (largest <= 0.01) == (clipping != "none")
    assert (abs(norm - 0.01) < 1e-12) == (clipping == "norm")


@SIDES
def test_the_sum_has_larger_gradients_than_the_mean_but_the_same_loss(side: Any) -> None:
    one = replace(SMALL, clipping="none", steps=1)
    size = len(rhyme().vocabulary)
    by_reduction = [
        LEARNERS[side](replace(one, reduction=reduction), size, np.float64, SEED)
        for reduction in ("sum", "mean")
    ]
    _, inputs, targets = next(batches(one, rhyme().training, SEED))
    losses = [learner.step(inputs, targets) for learner in by_reduction]
    assert losses[0] == losses[1]
    of_sum, of_mean = (gradients(learner) for learner in by_reduction)
    for grad, twin in zip(of_sum, of_mean, strict=True):
        np.testing.assert_allclose(grad, targets.size * twin, rtol=1e-12)


# What is measured


@SIDES
def test_perplexity_is_that_of_the_text_read_in_one_piece(
    side: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_character, "BLOCK", 7)
    characters, size = rhyme(), len(rhyme().vocabulary)
    model = initial_model(SMALL, size, np.float64, SEED)
    x = one_hot_sequences(characters.held_out[np.newaxis, :-1], size)
    predictions, _ = model.forward_from(x)
    loss = SequenceSoftmaxCrossEntropy().forward(
        predictions, characters.held_out[np.newaxis, 1:].copy()
    )
    learner = LEARNERS[side](SMALL, size, np.float64, SEED)
    measured = perplexity(learner, characters.held_out)
    assert measured == pytest.approx(np.exp(loss), rel=1e-12)


def test_smoothing_is_a_weighted_mean_of_all_losses() -> None:
    losses = [4.0, 2.0, 3.0]
    weights = (1 - WEIGHT) ** np.arange(2, -1, -1)
    means = smoothed(losses)
    assert means[0] == 4.0
    assert means[2] == pytest.approx(np.average(losses, weights=weights))
    assert smoothed([2.0] * 50) == [2.0] * 50


def test_differences_are_relative() -> None:
    assert largest_difference([1.0, 100.0], [1.0, 99.0]) == pytest.approx(0.01)
    assert largest_difference([0.0], [0.0]) == 0
