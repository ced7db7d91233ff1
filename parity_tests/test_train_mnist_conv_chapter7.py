"""`parity train mnist-conv` with chapter 7's network, and over several epochs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from datasets import MnistSplit, mnist_split
from parity.cli import train
from parity.training import mnist_conv
from parity.training.conv_experiment import SEED, ConvExperiment
from parity.training.conv_outputs import feature_maps, predict_reference
from parity.training.lock_step import LIMIT
from parity.training.mnist_conv import (
    as_images,
    lock_step,
    make_scratch,
    order,
    reference_task,
    train_reference,
    train_scratch,
)
from parity.training.mnist_dense import first_images
from reference.models import MNIST_ConvNet
from scratch.losses import SoftmaxCrossEntropy

CHAPTER_7 = ConvExperiment(network="chapter-7")
NO_DROPOUT = ConvExperiment(network="chapter-7", dropout=1.0)
FEW = ConvExperiment(channels=2, dropout=1.0)

TRAINERS = pytest.mark.parametrize("trainer", [train_scratch, train_reference])


@cache
def few_hundred() -> MnistSplit:
    """Copies, so that the whole set need not be kept."""
    data = as_images(first_images(mnist_split(np.float64), 300))
    return data._replace(X_train=data.X_train.copy(), X_test=data.X_test.copy())


def first(limit: int, dtype: str = "float64") -> MnistSplit:
    data = first_images(few_hundred(), limit)
    return data._replace(X_train=data.X_train.astype(dtype), X_test=data.X_test.astype(dtype))


def ignore(batch: int, loss: float, accuracy: float) -> None:
    pass


def call(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(train.command, ["mnist-conv", *map(str, args)])


# Chapter 7's network


def test_each_step_is_the_same_on_both_sides() -> None:
    """With momentum, and with dropout's masks shared."""
    steps = lock_step(CHAPTER_7, first(90), SEED)
    assert steps.batches == 2
    assert steps.in_a_step < 1e-13
    assert steps.in_all < 1e-10
    assert steps.agree


def test_both_sides_begin_with_the_weights_that_pytorch_draws() -> None:
    data = first(60)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        drawn = MNIST_ConvNet(0.8).to(torch.float64).eval()
    with torch.no_grad():
        expected = drawn(torch.from_numpy(data.X_test)).numpy()
    net, _ = make_scratch(CHAPTER_7, SEED)
    np.testing.assert_allclose(net.forward(data.X_test, inference=True), expected, rtol=1e-9)
    task = reference_task(CHAPTER_7, data, SEED)
    np.testing.assert_array_equal(predict_reference(task.model, data.X_test), expected)


def test_both_sides_train_alike() -> None:
    """Without dropout, over a few batches and two epochs."""
    ours, theirs = (
        trainer(NO_DROPOUT, first(90), SEED, ignore, 2)
        for trainer in (train_scratch, train_reference)
    )
    assert len(ours.training_losses) == 4
    np.testing.assert_allclose(ours.training_losses, theirs.training_losses, rtol=1e-9)
    np.testing.assert_allclose(ours.validation_loss, theirs.validation_loss, rtol=1e-9)
    np.testing.assert_array_equal(ours.predicted, theirs.predicted)
    for param, twin in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(param, twin, rtol=0, atol=1e-10)


@TRAINERS
def test_its_loss_has_no_extra_terms(trainer: Any) -> None:
    """As chapter 7 computes it, unlike chapter 5 (E9)."""
    data = first(60)
    trained = trainer(CHAPTER_7, data, SEED, ignore)
    net, _ = make_scratch(CHAPTER_7, SEED)
    net.forward(data.X_test, inference=True)
    for param, value in zip(net.params(), trained.params, strict=True):
        param[...] = value
    predictions = net.forward(data.X_test, inference=True)
    targets = np.eye(10)[data.y_test]
    expected = SoftmaxCrossEntropy().forward(predictions, targets)
    assert trained.validation_loss == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(trained.predicted, predictions.argmax(axis=1))


def test_its_feature_maps_have_biases() -> None:
    net, _ = make_scratch(CHAPTER_7, SEED)
    image = first(60).X_test[0]
    net.forward(image[np.newaxis], inference=True)
    params = list(net.params())
    maps = feature_maps(params, image)
    assert maps.shape == (16, 28, 28)
    with torch.no_grad():
        model = reference_task(CHAPTER_7, first(60), SEED).model
        weight, bias = list(model.parameters())[:2]
        expected = torch.nn.functional.conv2d(
            torch.from_numpy(image[None]), weight, bias, padding=2
        )
    np.testing.assert_allclose(maps, torch.tanh(expected[0]).numpy(), rtol=1e-9, atol=1e-12)


def test_the_command_trains_both_sides_of_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call("--network", "chapter-7", "--limit", 120, "--epochs", 2, "--out", out)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert all(len(line) <= 80 or str(out) in line for line in lines)
    assert lines[0] == "MNIST: The convolutional network of chapter 7"
    assert "Each step is equal on both sides (the limit is 1e-08)." in lines
    assert any(line.startswith("accuracy after 2 epochs") for line in lines)
    assert not any("book  " in line or "(E9)" in line for line in lines)
    results = json.loads((out / "results.json").read_text())
    assert "16 and 8 filters" in results["recipe"]
    assert results["lock_step"]["batches"] == 2
    assert 0 <= results["lock_step"]["in_a_step"] < LIMIT
    for side in ("scratch", "reference"):
        assert len(results["sides"][side]["training_losses"]) == 4


def test_the_printed_gradient_is_chapter_5s(tmp_path: Path) -> None:
    args = ["--network", "chapter-7", "--gradients", "as-printed", "--out", tmp_path / "out"]
    refused = call(*args)
    assert refused.exit_code == 2
    assert refused.stderr == ("Error: --gradients as-printed goes with --network chapter-5 only.\n")
    assert list(tmp_path.iterdir()) == []


# Epochs


def test_each_epoch_has_an_order_of_its_own() -> None:
    orders = [order(50, SEED, epoch) for epoch in range(3)]
    for one in orders:
        assert sorted(one) == list(range(50))
    assert not any(np.array_equal(orders[a], orders[b]) for a, b in [(0, 1), (0, 2), (1, 2)])
    np.testing.assert_array_equal(order(50, SEED), orders[0])


@TRAINERS
def test_an_epoch_goes_on_where_the_last_one_ended(
    trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its parameters and its momentum: as one epoch over both orders, one after the other."""
    data = first(120)
    told: list[tuple[int, bool]] = []
    two = trainer(
        FEW, data, SEED, lambda batch, _, accuracy: told.append((batch, accuracy >= 0)), 2
    )
    assert told == [(1, False), (2, True), (3, True), (4, True)]
    assert two.images == 240
    rows = np.concatenate([order(120, SEED, epoch) for epoch in range(2)])
    long = data._replace(X_train=data.X_train[rows], y_train=data.y_train[rows])
    monkeypatch.setattr(mnist_conv, "order", lambda n, seed, epoch=0: np.arange(n))
    one = trainer(FEW, long, SEED, ignore)
    assert two.training_losses == pytest.approx(one.training_losses, rel=1e-12)
    assert two.accuracy == one.accuracy


@TRAINERS
def test_accuracies_are_counted_over_all_epochs(
    trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of an epoch are counted from 0 as in the book, and go on in the next one."""
    monkeypatch.setattr(mnist_conv, "EVAL_EVERY", 2)
    assert list(trainer(FEW, first(240), SEED, ignore, 2).accuracies) == [2, 6]


def test_so_many_epochs_are_trained(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call("--side", "reference", "--limit", 60, "--epochs", 3, "--out", out)
    assert result.exit_code == 0
    assert "accuracy after 3 epochs" in result.output
    side = json.loads((out / "results.json").read_text())["sides"]["reference"]
    assert len(side["training_losses"]) == 3
    assert 0 <= side["share_of_loading"] < 1
    refused = call("--epochs", 0, "--out", out)
    assert refused.exit_code == 2
    assert "1<=x<=1000" in refused.stderr
