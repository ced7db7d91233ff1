"""`parity train mnist-conv`, interrupted: what is said, what is there, and how it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from datasets import MnistSplit
from parity.cli import train
from parity.training import mnist_conv
from parity.training.conv_experiment import ConvExperiment
from parity.training.lock_step import LockStep
from parity.training.mnist_conv import OnBatch, Trained

#: What PyTorch's run leaves, to be gone on with.
OF_A_RUN = {"config.json", "checkpoints", "metrics.csv", "tensorboard"}


def call(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(train.command, ["mnist-conv", *map(str, args)])


def test_an_interruption_of_scratch_says_how_far_it_was_and_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch comes first, and need not do again what it has done."""

    def interrupted(
        experiment: ConvExperiment, data: MnistSplit, seed: int, on_batch: OnBatch, epochs: int
    ) -> Trained:
        on_batch(1, 0.987, np.nan)
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(mnist_conv, "train_scratch", interrupted)
        result = call("--limit", 120, "--out", out)
    assert result.exit_code == 130
    assert "reference had finished, with an accuracy of" in result.stderr
    assert "scratch had done 1 of 2 batches, with a training loss of 0.987" in result.stderr
    assert result.stderr.endswith(f"call with --resume goes on with the run in {out}.\n")
    assert {path.name for path in out.iterdir()} == OF_A_RUN

    kept = {path: path.stat().st_mtime_ns for path in (out / "checkpoints").iterdir()}
    resumed = call("--resume", "--out", out)
    assert resumed.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "checkpoints").iterdir()} == kept
    sides = json.loads((out / "results.json").read_text())["sides"]
    assert [len(sides[side]["training_losses"]) for side in ("scratch", "reference")] == [2, 2]


def test_an_interrupted_scratch_training_alone_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> Trained:
        raise KeyboardInterrupt

    monkeypatch.setattr(mnist_conv, "train_scratch", interrupted)
    result = call("--side", "scratch", "--limit", 60, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted: no batch was finished. Nothing was written.\n"
    assert not (tmp_path / "out").exists()


def test_an_interruption_before_the_first_batch_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> LockStep:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(mnist_conv, "lock_step", interrupted)
        result = call("--limit", 60, "--out", out)
    assert result.exit_code == 130
    assert result.stderr == (
        "Interrupted: no batch was finished. "
        f"The same call with --resume goes on with the run in {out}.\n"
    )
    assert call("--resume", "--out", out).exit_code == 0
    assert json.loads((out / "results.json").read_text())["training_images"] == 60
