"""Chapter 4's networks in training: both sides in lock-step, and alike for whole epochs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from datasets import MnistSplit, mnist_split
from parity.bridge import read_reference
from parity.training import mnist_dense
from parity.training.experiments import BATCH_SIZE, CLAIMED_ORDER, EXPERIMENTS, SEED, Experiment
from parity.training.lock_step import LIMIT, _ReferenceSide, lock_step
from parity.training.mnist_dense import (
    first_images,
    initial_params,
    orders,
    reference_task,
    train_reference,
    train_scratch,
    validation_metric,
)
from scratch.network import NeuralNetwork

#: A well-behaved relative of the book's experiments: rounding stays rounding.
TAME = replace(EXPERIMENTS["4.2"], id="tame", weight_init="glorot")


@cache
def first(limit: int) -> MnistSplit:
    """Copies, so that the whole set need not be kept."""
    data = first_images(mnist_split(np.float64), limit)
    return data._replace(X_train=data.X_train.copy(), X_test=data.X_test.copy())


def ignore(epoch: int, training_loss: float, validation_loss: float) -> None:
    pass


# Both sides


def test_one_epoch_of_a_thousand_batches_is_the_same_on_both_sides() -> None:
    steps = lock_step(TAME, mnist_split(np.float64), SEED)
    assert steps.batches == 1000
    assert steps.in_a_step < 1e-12
    assert steps.in_all < LIMIT
    assert steps.agree


@pytest.mark.parametrize("id_", ["4.1", "4.3", "4.9"])
def test_each_step_is_the_same_on_both_sides(id_: str) -> None:
    """With momentum, and with dropout's masks shared."""
    steps = lock_step(EXPERIMENTS[id_], first(6000), SEED)
    assert steps.batches == 100
    assert steps.in_a_step < 1e-13


def test_where_the_sides_drift_apart_the_training_itself_is_as_sensitive() -> None:
    """The last digit of a weight is enough; so the drift says nothing against either side."""
    steps = lock_step(EXPERIMENTS["4.3"], first(12_000), SEED)
    assert steps.in_all > 1e-6
    assert steps.sensitivity > 1e-6
    assert steps.agree


@pytest.mark.parametrize("factor", [1 + 1e-7, float("nan")])
def test_a_wrong_step_is_seen(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    step = _ReferenceSide.step

    def spoilt(self: Any, X: ndarray, y: ndarray) -> None:
        step(self, X, y)
        with torch.no_grad():
            next(iter(self.model.parameters())).mul_(factor)

    monkeypatch.setattr(_ReferenceSide, "step", spoilt)
    assert not lock_step(TAME, first(600), SEED).agree


@pytest.mark.parametrize("id_", ["4.1", "4.2"])
def test_both_sides_train_alike_for_whole_epochs(id_: str) -> None:
    """Without momentum, over three short epochs, rounding has no time to grow."""
    ours = train_scratch(EXPERIMENTS[id_], first(600), 3, SEED, ignore)
    theirs = train_reference(EXPERIMENTS[id_], first(600), 3, SEED, ignore)
    np.testing.assert_allclose(ours.training_losses, theirs.training_losses, rtol=1e-9)
    np.testing.assert_allclose(ours.validation_losses, theirs.validation_losses, rtol=1e-9)
    assert ours.accuracies == theirs.accuracies
    np.testing.assert_array_equal(ours.predicted, theirs.predicted)


@pytest.mark.parametrize("id_", ["4.4", "4.5"])
def test_both_sides_let_the_rate_decay_alike(id_: str) -> None:
    experiment = replace(EXPERIMENTS[id_], weight_init="glorot", momentum=0.5)
    ours = train_scratch(experiment, first(600), 3, SEED, ignore)
    theirs = train_reference(experiment, first(600), 3, SEED, ignore)
    np.testing.assert_allclose(ours.training_losses, theirs.training_losses, rtol=1e-9)


@pytest.mark.parametrize("id_", ["4.2", "4.8", "4.9"])
def test_the_reference_sees_the_images_in_the_order_of_the_scratch_side(
    id_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout the masks come from the stream of the orders."""
    data = first(150)
    numbered = data._replace(X_train=np.array(data.X_train))
    numbered.X_train[:, 0] = np.arange(150)
    seen: list[float] = []
    train_batch = NeuralNetwork.train_batch

    def spy(self: NeuralNetwork, X: ndarray, y: ndarray) -> float:
        seen.extend(X[:, 0])
        return train_batch(self, X, y)

    monkeypatch.setattr(NeuralNetwork, "train_batch", spy)
    train_scratch(EXPERIMENTS[id_], numbered, 3, SEED, ignore)
    assert seen == np.concatenate(orders(EXPERIMENTS[id_], 150, 3, SEED)).tolist()


def test_the_reference_starts_from_the_scratch_sides_weights() -> None:
    task = reference_task(EXPERIMENTS["4.9"], first(600), 1, SEED)
    started = read_reference(task.model)
    expected = initial_params(EXPERIMENTS["4.9"], np.float64, SEED)
    assert len(started) == 6
    for param, value in zip(started, expected, strict=True):
        np.testing.assert_array_equal(param, value)


def test_training_learns_to_read() -> None:
    """A tenth of the images, ten epochs, on either side."""
    data = first(6000)
    for trainer in (train_scratch, train_reference):
        assert trainer(EXPERIMENTS["4.8"], data, 10, SEED, ignore).accuracy > 0.9


def test_a_training_that_diverges_says_so() -> None:
    wild = replace(EXPERIMENTS["4.3"], rate=replace(TAME.rate, lr=1e308))
    with pytest.raises(FloatingPointError, match="after epoch 1 is nan: the training has diverged"):
        train_scratch(wild, first(600), 2, SEED, ignore)
    with pytest.raises(FloatingPointError, match="of step 2 is nan: the training has diverged"):
        train_reference(wild, first(600), 2, SEED, ignore)


def test_a_training_that_diverges_in_its_last_step_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the validation loss shows it."""
    monkeypatch.setattr(mnist_dense, "validation_metric", lambda _: lambda *_: float("nan"))
    for trainer in (train_scratch, train_reference):
        with pytest.raises(FloatingPointError, match="after epoch 1 is nan: the training has div"):
            trainer(TAME, first(BATCH_SIZE), 1, SEED, ignore)


def test_an_early_stop_leaves_the_numbers_of_the_network_as_it_stood() -> None:
    """Its parameters go back to the best epoch, but that is not what the book evaluates."""
    data = first(300)
    for trainer in (train_scratch, train_reference):
        trained = trainer(EXPERIMENTS["4.7"], data, 50, SEED, ignore)
        assert (trained.stopped_early, trained.best_epoch, trained.epochs) == (True, 10, 20)
        assert trained.evaluated == [10, 20]
        assert trained.accuracies[9] != trained.accuracy
        assert np.mean(trained.predicted == data.y_test) == trained.accuracy


def test_the_seconds_of_training_are_without_the_measuring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a clock on which each measurement takes an hour."""
    now = 0.0

    def read() -> float:
        nonlocal now
        now += 0.001
        return now

    def slow(experiment: Experiment) -> Any:
        def metric(predictions: ndarray, y: ndarray) -> float:
            nonlocal now
            now += 3600
            return float(validation_metric(experiment)(predictions, y))

        return metric

    monkeypatch.setattr(mnist_dense, "validation_metric", slow)
    monkeypatch.setattr("time.perf_counter", read)
    for trainer in (train_scratch, train_reference):
        assert 0 < trainer(TAME, first(60), 2, SEED, ignore).seconds < 1
    assert now > 4 * 3600


def test_the_callers_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    train_reference(EXPERIMENTS["4.8"], first(150), 1, SEED, ignore)
    assert torch.equal(torch.get_rng_state(), before)


# The experiments


def test_the_claimed_order_is_the_order_of_the_printed_accuracies() -> None:
    printed = [EXPERIMENTS[id_].printed_accuracy for id_ in CLAIMED_ORDER]
    assert printed == sorted(printed)
    assert len(EXPERIMENTS) == 10


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=lambda experiment: experiment.id)
def test_an_experiment_prints_one_loss_every_ten_epochs(experiment: Experiment) -> None:
    """But for the last one where the loss had risen."""
    looked = (experiment.stopped or experiment.epochs) // 10
    rose = experiment.stopped is not None
    assert len(experiment.printed_losses) == looked - rose
