"""`parity train autoencoder`: both sides in lock-step, one epoch, pictures, and the plane."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from datasets import MnistSplit, mnist_split
from parity.cli import train
from parity.training import mnist_conv
from parity.training.autoencoder import (
    SHOWN,
    lock_step,
    random_codes,
    reconstruction_loss,
    scaled,
    train_reference,
    train_scratch,
)
from parity.training.lock_step import _ReferenceSide
from parity.training.mnist_dense import first_images

TRAINERS = pytest.mark.parametrize("trainer", [train_scratch, train_reference])

PICTURES = {"losses.png", "figure_7_3.png", "figure_7_4.png", "figure_7_5.png"}


@cache
def hundred_and_twenty() -> MnistSplit:
    data = scaled(first_images(mnist_split(np.float64), 120))
    return data._replace(X_train=data.X_train.copy(), X_test=data.X_test.copy())


def ignore(batch: int, loss: float) -> None:
    pass


def call(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(train.command, ["autoencoder", *map(str, args)])


def test_pixels_lie_between_minus_one_and_one() -> None:
    whole = mnist_split(np.float32)
    data = scaled(whole)
    assert data.X_train.shape == (60_000, 1, 28, 28)
    assert data.X_train.min() == -1
    assert data.X_train.max() == 1
    assert data.X_train.dtype == np.float32
    ink = (data.X_train[0, 0] + 1) / 2
    pixels = whole.X_train[0].reshape(28, 28) * whole.std + whole.mean
    np.testing.assert_allclose(ink, pixels, atol=1e-6)


def test_each_step_is_the_same_on_both_sides() -> None:
    done: list[int] = []
    steps = lock_step(6, hundred_and_twenty(), 1, done.append)
    assert done == [1, 2]
    assert steps.in_a_step < 1e-13
    assert steps.agree


def test_a_wrong_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    step = _ReferenceSide.step

    def spoilt(self: Any, X: Any, y: Any) -> None:
        step(self, X, y)
        with torch.no_grad():
            next(iter(self.model.parameters())).mul_(1 + 1e-5)

    monkeypatch.setattr(_ReferenceSide, "step", spoilt)
    assert not lock_step(6, hundred_and_twenty(), 1).agree


def test_both_sides_train_alike() -> None:
    """There is no dropout, so everything is the same to rounding."""
    data = hundred_and_twenty()
    ours, theirs = (trainer(6, data, 1, ignore, 2) for trainer in (train_scratch, train_reference))
    assert len(ours.training_losses) == 4
    np.testing.assert_allclose(ours.training_losses, theirs.training_losses, rtol=1e-12)
    np.testing.assert_allclose(ours.validation_losses, theirs.validation_losses, rtol=1e-12)
    assert ours.validation_losses[1] < ours.validation_losses[0]
    for name in ("codes", "reconstructions", "decoded"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-12)
    for param, twin in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(param, twin, atol=1e-12)


@TRAINERS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_side_computes_in_the_datas_type(trainer: Any, dtype: str) -> None:
    data = hundred_and_twenty()
    data = data._replace(X_train=data.X_train.astype(dtype), X_test=data.X_test.astype(dtype))
    trained = trainer(6, data, 1, ignore)
    assert {param.dtype.name for param in trained.params} == {dtype}
    assert trained.codes.dtype == dtype
    assert trained.codes.shape == (20, 6)
    assert trained.reconstructions.shape == (SHOWN, 1, 28, 28)
    assert trained.decoded.shape == (5, 1, 28, 28)


@TRAINERS
def test_the_loss_is_of_all_test_images(trainer: Any) -> None:
    data = hundred_and_twenty()
    trained = trainer(6, data, 1, ignore)
    error = trained.reconstructions - data.X_test[:SHOWN]
    eight = trainer(6, data._replace(X_test=data.X_test[:SHOWN]), 1, ignore)
    assert eight.validation_loss == pytest.approx(np.mean(error**2), rel=1e-12)
    assert trained.validation_loss != eight.validation_loss


def test_the_loss_of_a_perfect_reconstruction_is_zero() -> None:
    X = hundred_and_twenty().X_test
    assert reconstruction_loss(lambda block: block, X) == 0
    assert reconstruction_loss(lambda block: block + 2, X) == pytest.approx(4)


@TRAINERS
def test_a_loss_that_is_not_finite_says_so(trainer: Any) -> None:
    data = hundred_and_twenty()
    spoilt = data.X_train.copy()
    spoilt[mnist_conv.order(len(spoilt), 1)[-1]] = np.nan
    with pytest.raises(FloatingPointError, match="of step 2 is nan: the training has diverged"):
        trainer(6, data._replace(X_train=spoilt), 1, ignore)


def test_random_codes_fill_the_range() -> None:
    codes = random_codes(1000, np.float32, 1)
    assert codes.shape == (5, 1000)
    assert codes.dtype == np.float32
    assert -1 <= codes.min() < -0.99
    assert 0.99 < codes.max() <= 1


# The command


def test_everything_is_written_and_told(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = call("--limit", 300, "--hidden", 6, "--out", out)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} >= PICTURES
    results = json.loads((out / "results.json").read_text())
    assert set(results["sides"]) == {"scratch", "reference"}
    losses = [side["validation_losses"][-1] for side in results["sides"].values()]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert results["lock_step"]["in_a_step"] < 1e-8
    assert 0 < results["nearest_neighbour_purity"]["codes"] <= 1
    assert f"{losses[1]:.4f}" in result.output
    assert "Each step is equal on both sides" in result.output
    assert all(len(line) <= 80 or str(out) in line for line in result.output.splitlines())


def test_one_side_without_the_plane(tmp_path: Path) -> None:
    result = call("--side", "reference", "--limit", 60, "--no-embed", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "run" / "figure_7_4.png").exists()
    assert "lock-step" not in result.output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["nearest_neighbour_purity"] is None


def test_few_test_images_have_no_plane(tmp_path: Path) -> None:
    result = call("--side", "scratch", "--limit", 12, "--hidden", 2, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "run" / "figure_7_4.png").exists()
    assert not (tmp_path / "run" / "config.json").exists()
