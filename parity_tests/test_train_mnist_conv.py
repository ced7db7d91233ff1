"""`parity train mnist-conv`: both sides in lock-step, one epoch, and all files or none."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy import ndarray

from datasets import MnistSplit, mnist_split
from parity.cli import train
from parity.training import conv_outputs, mnist_conv
from parity.training.conv_experiment import (
    BATCH_SIZE,
    PRINTED_ACCURACIES,
    SEED,
    ConvExperiment,
)
from parity.training.conv_outputs import feature_maps, predict_in_blocks
from parity.training.lock_step import LIMIT, LockStep, _ReferenceSide
from parity.training.mnist_conv import (
    OnBatch,
    Trained,
    as_images,
    lock_step,
    make_scratch,
    order,
    train_reference,
    train_scratch,
)
from parity.training.mnist_dense import first_images
from scratch.losses import softmax_cross_entropy_as_printed
from scratch.network import NeuralNetwork

PICTURES = {
    "losses.png",
    "filters.png",
    "feature_maps.png",
    "confusion_matrix.png",
    "misclassified.png",
}

#: What PyTorch's run leaves, to be gone on with.
OF_A_RUN = {"config.json", "checkpoints", "metrics.csv", "tensorboard"}

FEW = ConvExperiment(channels=2)
NO_DROPOUT = ConvExperiment(channels=2, dropout=1.0)

TRAINERS = pytest.mark.parametrize("trainer", [train_scratch, train_reference])


@cache
def few_thousand() -> MnistSplit:
    """Copies, so that the whole set need not be kept."""
    data = as_images(first_images(mnist_split(np.float64), 3000))
    return data._replace(X_train=data.X_train.copy(), X_test=data.X_test.copy())


def first(limit: int, dtype: str = "float64") -> MnistSplit:
    data = first_images(few_thousand(), limit)
    return data._replace(X_train=data.X_train.astype(dtype), X_test=data.X_test.astype(dtype))


def ignore(batch: int, loss: float, accuracy: float) -> None:
    pass


def call(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(train.command, ["mnist-conv", *map(str, args)])


# Both sides


def test_each_step_is_the_same_on_both_sides() -> None:
    """With momentum, and with dropout's masks shared; float32 data too are computed in float64."""
    for dtype in ("float64", "float32"):
        steps = lock_step(ConvExperiment(channels=4), first(210, dtype), SEED)
        assert steps.batches == 4
        assert steps.in_a_step < 1e-13
        assert steps.in_all < 1e-10
        assert steps.agree


def test_lock_step_is_over_the_first_batches_only() -> None:
    done: list[int] = []
    lock_step(FEW, first(3000), SEED, done.append)
    assert done == list(range(1, mnist_conv.LOCK_STEP_BATCHES + 1))


def test_the_printed_gradient_is_not_in_step() -> None:
    assert not lock_step(ConvExperiment("as-printed", channels=2), first(60), SEED).agree


@pytest.mark.parametrize("factor", [1 + 1e-7, float("nan")])
def test_a_wrong_step_is_seen(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    step = _ReferenceSide.step

    def spoilt(self: Any, X: ndarray, y: ndarray) -> None:
        step(self, X, y)
        with torch.no_grad():
            next(iter(self.model.parameters())).mul_(factor)

    monkeypatch.setattr(_ReferenceSide, "step", spoilt)
    assert not lock_step(FEW, first(60), SEED).agree


def test_both_sides_train_alike() -> None:
    """Without dropout, over a few batches, from the same weights and in the same order."""
    ours, theirs = (
        trainer(NO_DROPOUT, first(210), SEED, ignore)
        for trainer in (train_scratch, train_reference)
    )
    assert len(ours.training_losses) == 4
    np.testing.assert_allclose(ours.training_losses, theirs.training_losses, rtol=1e-9)
    np.testing.assert_allclose(ours.validation_loss, theirs.validation_loss, rtol=1e-9)
    np.testing.assert_array_equal(ours.predicted, theirs.predicted)
    assert ours.accuracy == theirs.accuracy
    for param, twin in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(param, twin, rtol=0, atol=1e-10)


def test_the_order_is_the_first_draw_of_the_books_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    data = first(150)
    data.X_train[:, 0, 0, 0] = np.arange(150)
    seen: list[float] = []
    train_batch = NeuralNetwork.train_batch

    def spy(self: NeuralNetwork, X: ndarray, y: ndarray) -> float:
        seen.extend(X[:, 0, 0, 0])
        return train_batch(self, X, y)

    monkeypatch.setattr(NeuralNetwork, "train_batch", spy)
    train_scratch(FEW, data, SEED, ignore)
    assert seen == np.random.RandomState(SEED).permutation(150).tolist()


@TRAINERS
def test_batches_are_counted_from_0_as_in_the_book(
    trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "After 2 batches" is after 3 steps, and the last is always measured."""
    monkeypatch.setattr(mnist_conv, "EVAL_EVERY", 2)
    told: list[tuple[int, bool]] = []
    long = trainer(
        NO_DROPOUT, first(360), SEED, lambda batch, _, accuracy: told.append((batch, accuracy >= 0))
    )
    assert list(long.accuracies) == [2, 4]
    assert told == [(1, False), (2, False), *((batch, True) for batch in range(3, 7))]

    rows = order(360, SEED)[: 3 * BATCH_SIZE]
    three = first(360)._replace(X_train=first(360).X_train[rows], y_train=first(360).y_train[rows])
    monkeypatch.setattr(mnist_conv, "order", lambda n, seed, epoch=0: np.arange(n))
    assert trainer(NO_DROPOUT, three, SEED, ignore).accuracy == long.accuracies[2]


@TRAINERS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_side_computes_in_the_datas_type(trainer: Any, dtype: str) -> None:
    trained = trainer(FEW, first(90, dtype), SEED, ignore)
    assert {param.dtype.name for param in trained.params} == {dtype}
    assert [param.shape for param in trained.params] == [(1, 2, 5, 5), (1568, 10), (1, 10)]


@TRAINERS
def test_what_is_measured_is_inference_with_the_trained_parameters(trainer: Any) -> None:
    """Dropout leaves nothing out, and the loss is the printed one."""
    data = first(180)
    trained = trainer(FEW, data, SEED, ignore)
    net, _ = make_scratch(FEW, SEED)
    net.forward(data.X_test, inference=True)
    for param, value in zip(net.params(), trained.params, strict=True):
        param[...] = value
    predictions = net.forward(data.X_test, inference=True)
    loss = softmax_cross_entropy_as_printed(predictions, data.y_test)
    assert trained.validation_loss == pytest.approx(loss, rel=1e-9)
    np.testing.assert_array_equal(trained.predicted, predictions.argmax(axis=1))
    assert trained.accuracy == np.mean(trained.predicted == data.y_test)


@TRAINERS
def test_training_learns_to_read(trainer: Any) -> None:
    """From 40 batches, with a few filters; blind guesses come to a tenth."""
    assert trainer(ConvExperiment(channels=4), first(2400, "float32"), SEED, ignore).accuracy > 0.3


@TRAINERS
def test_a_training_that_diverges_says_so(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist_conv, "LEARNING_RATE", 1e38)
    with pytest.raises(FloatingPointError, match=r"of step \d is (nan|inf): the training has div"):
        trainer(FEW, first(240, "float32"), SEED, ignore)


def test_images_are_predicted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_outputs, "BLOCK", 7)
    net, _ = make_scratch(FEW, SEED)
    X = first(100).X_test
    sizes: list[int] = []

    def predict(block: ndarray) -> ndarray:
        sizes.append(len(block))
        return net.forward(block, inference=True)

    in_blocks = predict_in_blocks(predict, X)
    assert sizes == [7, 7, 2]
    np.testing.assert_allclose(in_blocks, net.forward(X, inference=True), rtol=1e-12)


def test_pytorch_has_no_wrong_gradient() -> None:
    with pytest.raises(ValueError, match="right gradients only"):
        train_reference(ConvExperiment("as-printed"), first(60), SEED, ignore)


def test_the_callers_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    train_reference(FEW, first(60), SEED, ignore)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_seed_makes_the_references_masks_too() -> None:
    runs = []
    for callers in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(callers)
            runs.append(train_reference(FEW, first(120), SEED, ignore).training_losses)
    assert runs[0] == runs[1]


def test_feature_maps_are_what_the_layer_makes_of_an_image() -> None:
    net, _ = make_scratch(FEW, SEED)
    image = first(60).X_test[0]
    net.forward(image[np.newaxis], inference=True)
    expected = net.layers[0].operations[1].output[0]
    np.testing.assert_allclose(feature_maps(list(net.params()), image), expected, rtol=1e-12)


# The command


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    out = tmp_path_factory.mktemp("both") / "out"
    return call("--limit", 150, "--out", out), out


def test_files_and_numbers_of_both_sides(both: tuple[Result, Path]) -> None:
    result, out = both
    assert result.exit_code == 0
    assert {path.name for path in out.iterdir()} == {*PICTURES, *OF_A_RUN, "results.json"}
    results = json.loads((out / "results.json").read_text())
    assert (results["training_images"], results["test_images"]) == (150, 25)
    assert results["dtype"] == "float32"
    for side in ("scratch", "reference"):
        assert len(results["sides"][side]["training_losses"]) == 3
        assert results["sides"][side]["gradients"] == "right"
    assert results["lock_step"]["batches"] == 3
    assert 0 <= results["lock_step"]["in_a_step"] < LIMIT


def test_what_is_printed_is_narrow_and_says_what_was_done(both: tuple[Result, Path]) -> None:
    result, out = both
    lines = result.output.splitlines()
    assert max(len(line) for line in lines if str(out) not in line) <= 80
    assert lines[0] == "MNIST: The convolutional network of chapter 5"
    assert "Images to train on: 150, to test on: 25. Seed: 20190402." in lines
    assert not any("book  " in line for line in lines)  # it was not the book's training
    assert "Each step is equal on both sides (the limit is 1e-08)." in lines


def test_one_side_needs_no_other(tmp_path: Path) -> None:
    for side in ("scratch", "reference"):
        out = tmp_path / side
        result = call("--side", side, "--limit", 60, "--dtype", "float64", "--out", out)
        assert result.exit_code == 0
        assert "lock-step" not in result.output
        results = json.loads((out / "results.json").read_text())
        assert list(results["sides"]) == [side]
        assert (results["dtype"], results["lock_step"]) == ("float64", None)


def test_printed_gradients_are_for_the_scratch_side(tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused = call("--side", "reference", "--gradients", "as-printed", "--out", out)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: --gradients as-printed needs the scratch side")
    assert not out.exists()

    result = call("--gradients", "as-printed", "--limit", 120, "--out", out)
    assert result.exit_code == 0
    assert "In lock-step" not in result.output
    assert "PyTorch's gradients are right, so there is no lock-step." in result.output
    sides = json.loads((out / "results.json").read_text())["sides"]
    assert [sides[side]["gradients"] for side in sides] == ["as-printed", "right"]
    right = tmp_path / "right"
    call("--side", "scratch", "--limit", 120, "--out", right)
    first_loss, second_loss = sides["scratch"]["training_losses"]
    expected = json.loads((right / "results.json").read_text())["sides"]["scratch"]
    assert expected["training_losses"][0] == first_loss
    assert expected["training_losses"][1] != second_loss


def test_a_difference_is_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    different = LockStep(10, 1e-7, 1e-7, 1e-7)
    monkeypatch.setattr(mnist_conv, "lock_step", lambda *args: different)
    result = call("--limit", 60, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "The sides DIFFER (the limit is 1e-08)." in result.output


@pytest.fixture
def whole_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the trainings of the whole set be over at once, with the book's accuracies."""
    params = [np.ones((1, 32, 5, 5)), np.ones((25_088, 10)), np.ones((1, 10))]

    def at_once(
        experiment: ConvExperiment, data: MnistSplit, seed: int, on_batch: OnBatch, epochs: int
    ) -> Trained:
        shares = {batches: percent / 100 for batches, percent in PRINTED_ACCURACIES.items()}
        return Trained("scratch", [1.0] * 1000, shares, 3.5, 0.9, data.y_test, params, 40, 60_000)

    monkeypatch.setattr(mnist_conv, "train_scratch", at_once)


@pytest.mark.usefixtures("whole_epochs")
def test_the_whole_set_is_put_beside_the_book(tmp_path: Path) -> None:
    result = call("--side", "scratch", "--out", tmp_path / "out")
    rows = [line.split() for line in result.output.splitlines()]
    assert ["book", "scratch"] in rows
    for batches, percent in PRINTED_ACCURACIES.items():
        assert f"accuracy after {batches} batches {percent:.2f} % {percent:.2f} %".split() in rows
    assert ["accuracy", "after", "the", "epoch", "90.50", "%", "90.00", "%"] in rows
    assert "The book trained with a wrong gradient" in result.output
    printed = call("--side", "scratch", "--gradients", "as-printed", "--out", tmp_path / "out")
    assert "The book trained with a wrong gradient" not in printed.output
    assert "with the printed gradient of the filters (E16)" in printed.output


@pytest.mark.parametrize(
    "args, words",
    [
        (["--download"], "--download needs --data DIR"),
        (["--gradients", "wrong"], "'wrong' is not one of"),
        (["--limit", 0], "x>=1"),
        (["--dtype", "float16"], "'float16' is not one of"),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(args: list[object], words: str, tmp_path: Path) -> None:
    result = call(*args, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert words in result.stderr.replace("\n", "")
    assert list(tmp_path.iterdir()) == []
