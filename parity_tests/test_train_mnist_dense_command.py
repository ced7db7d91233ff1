"""`parity train mnist-dense`: what is printed and written, all files or none."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from datasets import MnistSplit, mnist_split
from datasets.files import DATA_DIRECTORY
from parity.cli import train
from parity.training import mnist_dense
from parity.training.experiments import BATCH_SIZE, Experiment
from parity.training.lock_step import LIMIT, LockStep
from parity.training.mnist_dense import Trained, first_images

PICTURES = {
    "losses.png",
    "misclassified.png",
    "activations.png",
    *(f"figure_4_{number}.png" for number in range(4, 9)),
}

#: What a run of PyTorch's side keeps beside them.
KEPT = {"config.json", "checkpoints", "metrics.csv", "tensorboard"}


def call(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(train.command, ["mnist-dense", *map(str, args)])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    out = tmp_path_factory.mktemp("both") / "out"
    return call("--limit", 600, "--epochs", 2, "--experiment", "4.2", "--out", out), out


def test_files_and_numbers_of_both_sides(both: tuple[Result, Path]) -> None:
    result, out = both
    assert result.exit_code == 0
    assert {path.name for path in out.iterdir()} == {*PICTURES, *KEPT, "results.json"}
    results = json.loads((out / "results.json").read_text())
    assert (results["experiment"], results["training_images"], results["test_images"]) == (
        "4.2",
        600,
        100,
    )
    for side in ("scratch", "reference"):
        assert len(results["sides"][side]["validation_losses"]) == 2
        assert results["sides"][side]["accuracy"] == results["sides"][side]["accuracies"][-1]
    assert results["lock_step"]["batches"] == 10
    assert 0 <= results["lock_step"]["in_a_step"] < LIMIT


def test_what_is_printed_is_narrow_and_says_what_was_done(both: tuple[Result, Path]) -> None:
    result, out = both
    lines = result.output.splitlines()
    assert max(len(line) for line in lines if str(out) not in line) <= 80
    assert lines[0] == "MNIST, experiment 4.2: softmax cross entropy"
    assert "Images to train on: 600, to test on: 100. Seed: 20190119." in lines
    assert not any("book  " in line for line in lines)  # it was not the book's training
    assert "Each step is equal on both sides (the limit is 1e-08)." in lines
    assert f"Written to {out}:" in result.output.replace("\n", "")


def test_one_side_needs_no_other(tmp_path: Path) -> None:
    for side in ("scratch", "reference"):
        out = tmp_path / side
        result = call("--side", side, "--limit", 60, "--epochs", 1, "--out", out)
        assert result.exit_code == 0
        assert "lock-step" not in result.output
        results = json.loads((out / "results.json").read_text())
        assert list(results["sides"]) == [side]
        assert results["lock_step"] is None


def test_a_difference_is_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    different = LockStep(10, 1e-7, 1e-7, 1e-7)
    monkeypatch.setattr("parity.training.lock_step.lock_step", lambda *args: different)
    result = call("--limit", 60, "--epochs", 1, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "The sides DIFFER (the limit is 1e-08)." in result.output


@pytest.fixture
def other_set(tmp_path: Path) -> Path:
    """MNIST's files under their names, in a directory of one's own."""
    return Path(shutil.copytree(DATA_DIRECTORY / "mnist", tmp_path / "set"))


def test_another_set_is_read_from_its_directory(other_set: Path, tmp_path: Path) -> None:
    labels = other_set / "train-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(labels.read_bytes()))
    content[8:] = bytes(len(content) - 8)
    labels.write_bytes(gzip.compress(bytes(content), 1))
    out = tmp_path / "out"
    result = call(
        "--data", other_set, "--side", "scratch", "--limit", 600, "--epochs", 1, "--out", out
    )
    assert result.exit_code == 0
    accuracy = json.loads((out / "results.json").read_text())["sides"]["scratch"]["accuracy"]
    assert accuracy == np.mean(
        first_images(mnist_split(), 600).y_test == 0
    )  # everything is called a 0


def test_a_damaged_set_is_refused_before_anything_is_written(
    other_set: Path, tmp_path: Path
) -> None:
    damaged = other_set / "t10k-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    result = call("--data", other_set, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert str(damaged) in result.stderr.replace("\n", "")
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "args, words",
    [
        (["--download"], "--download needs --data DIR"),
        (["--experiment", "4.11"], "'4.11' is not one of"),
        (["--limit", 0], "x>=1"),
        (["--epochs", 0], "1<=x<=1000"),
        (["--data", "nowhere"], "nowhere"),
        (["--data", "n" * 300, "--download"], "File name too long"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(args: list[object], words: str, tmp_path: Path) -> None:
    result = call(*args, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert words in result.stderr.replace("\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_the_way_of_a_file_leaves_all_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "losses.png").mkdir(parents=True)
    result = call("--side", "scratch", "--limit", 60, "--epochs", 1, "--out", out)
    assert result.exit_code == 2
    assert f"{out / 'losses.png'} is a directory" in result.stderr.replace("\n", "")
    assert [path.name for path in out.iterdir()] == ["losses.png"]


def test_directories_that_were_made_go_again_when_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(figure: Any, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("parity.figures.save", full)
    out = tmp_path / "a" / "b"
    result = call("--side", "scratch", "--limit", 60, "--epochs", 1, "--out", out)
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_in_the_place_of_a_file_is_refused(other_set: Path, tmp_path: Path) -> None:
    pipe = other_set / "train-images-idx3-ubyte.gz"
    pipe.unlink()
    os.mkfifo(pipe)
    result = call("--data", other_set, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "is a pipe, not a file." in result.stderr


def test_fetching_goes_into_the_directory_and_is_used(
    other_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(directory: Path) -> None:
        shutil.copytree(other_set, directory)

    monkeypatch.setattr("parity.cli.train.mnist.download_mnist", fetch)
    result = call(
        *("--data", tmp_path / "new", "--download", "--side", "scratch"),
        *("--limit", 60, "--epochs", 1, "--out", tmp_path / "out"),
    )
    assert result.exit_code == 0
    assert len(list((tmp_path / "new").iterdir())) == 4


@pytest.mark.parametrize("side", ["scratch", "both"])
def test_an_interruption_says_how_far_it_was_and_how_to_go_on(
    side: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        experiment: Experiment, data: MnistSplit, epochs: int, seed: int, on_epoch: Any
    ) -> Trained:
        on_epoch(1, 2.0, 0.987)
        raise KeyboardInterrupt

    monkeypatch.setattr(mnist_dense, "train_scratch", interrupted)
    out = tmp_path / "out"
    result = call("--side", side, "--limit", BATCH_SIZE, "--epochs", 2, "--out", out)
    assert result.exit_code == 130
    assert "scratch had done 1 of 2 epochs, with a validation loss of 0.987" in result.stderr
    if side == "scratch":
        assert "Nothing was written." in result.stderr
        assert not out.exists()
    else:
        assert "reference had finished, with an accuracy of" in result.stderr
        assert f"The same call with --resume goes on with the run in {out}." in result.stderr
        assert {path.name for path in out.iterdir()} == KEPT
