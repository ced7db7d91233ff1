"""`parity train house-prices` and `mnist-dense`, interrupted and gone on with: the same end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from torch import Tensor

from datasets import BostonSplit, MnistSplit, boston_split, mnist_split
from parity.cli import train
from parity.runs.checkpoints import found_in, load
from parity.runs.compute import Compute
from parity.runs.loop import Keeping, Running
from parity.training import house_prices, mnist_dense
from parity.training.experiments import EXPERIMENTS, SEED


@cache
def digits() -> MnistSplit:
    """Copies, so that the whole set need not be kept."""
    data = mnist_dense.first_images(mnist_split(np.float64), 300)
    return data._replace(X_train=data.X_train.copy(), X_test=data.X_test.copy())


@cache
def houses() -> BostonSplit:
    return boston_split("corrected")


def train_houses(model: str, epochs: int) -> Callable[..., house_prices.Trained]:
    return lambda on_epoch, running: house_prices.train_reference(
        model, houses(), epochs, house_prices.SEED, on_epoch, running
    )


def train_digits(id_: str, epochs: int) -> Callable[..., mnist_dense.Trained]:
    return lambda on_epoch, running: mnist_dense.train_reference(
        EXPERIMENTS[id_], digits(), epochs, SEED, on_epoch, running
    )


def ignore(epoch: int, *losses: float) -> None:
    pass


def interrupt_in(epoch: int) -> Callable[..., None]:
    def on_epoch(now: int, *losses: float) -> None:
        if now == epoch:
            raise KeyboardInterrupt

    return on_epoch


def kept_in(folder: Path, every: int, resume: bool = False) -> Running:
    folder.mkdir(exist_ok=True)
    return Running(Compute(), Keeping(folder, every, keep=0, resume=resume))


def same(ours: Any, theirs: Any) -> bool:
    """Bit for bit."""
    if isinstance(ours, Tensor | np.ndarray):
        return ours.dtype == theirs.dtype and ours.tolist() == theirs.tolist()
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def end_of(folder: Path) -> dict[str, Any]:
    """The last checkpoint, without its times."""
    state = load(found_in(folder / "checkpoints")[-1])
    assert state["finished"]
    assert state["history"].pop("seconds") > 0
    assert state["history"].pop("loading") > 0
    return state


# Bit for bit


@pytest.mark.parametrize(
    "train_side, interrupted_in, stops_early",
    [
        pytest.param(train_houses("two-hidden", 12), 7, False, id="house prices"),
        # It stops in epoch 60 and goes back to epoch 50, of which only the checkpoint knows.
        pytest.param(train_houses("linear", 200), 55, True, id="house prices, early stop"),
        pytest.param(train_digits("4.2", 8), 5, False, id="digits"),
        pytest.param(train_digits("4.4", 8), 5, False, id="digits, decay and momentum"),
        pytest.param(train_digits("4.8", 9), 5, False, id="digits, dropout"),
        # It stops in epoch 30 and goes back to epoch 20.
        pytest.param(train_digits("4.8", 100), 25, True, id="digits, dropout, early stop"),
    ],
)
def test_a_run_that_is_gone_on_with_ends_as_one_that_was_not_interrupted(
    train_side: Callable[..., Any], interrupted_in: int, stops_early: bool, tmp_path: Path
) -> None:
    """Checkpoints come after every seventh step, so within epochs."""
    at_once, in_two = tmp_path / "at_once", tmp_path / "in_two"
    expected = train_side(ignore, kept_in(at_once, 7))
    with pytest.raises(KeyboardInterrupt):
        train_side(interrupt_in(interrupted_in), kept_in(in_two, 7))
    stopped = load(found_in(in_two / "checkpoints")[-1])
    done_before = len(stopped["history"]["epoch_losses"])
    assert 0 < done_before <= interrupted_in
    epochs: list[int] = []
    resumed = train_side(lambda epoch, *_: epochs.append(epoch), kept_in(in_two, 7, resume=True))

    assert epochs == list(range(done_before + 1, len(expected.validation_losses) + 1))
    assert expected.stopped_early == stops_early
    assert same(end_of(in_two), end_of(at_once))
    assert same(without_functions(resumed), without_functions(expected))


def without_functions(trained: Any) -> dict[str, Any]:
    """All that it consists of, but for its times."""
    return {
        name: value
        for name, value in vars(trained).items()
        if not callable(value) and name != "seconds"
    }


def test_an_early_stop_is_not_made_again_and_its_classes_are_those_before_it(
    tmp_path: Path,
) -> None:
    """The network has gone back to epoch 10, but what it read was read in epoch 20."""
    train_side = train_digits("4.7", 100)
    first = train_side(ignore, kept_in(tmp_path, 50))
    again = train_side(lambda *_: pytest.fail("has trained"), kept_in(tmp_path, 50, resume=True))
    assert (first.best_epoch, first.epochs) == (10, 20)
    assert first.accuracies[9] != first.accuracy
    assert np.mean(again.predicted == digits().y_test) == first.accuracy
    assert same(vars(again), vars(first))


def test_nothing_is_lost_where_all_checkpoints_are(tmp_path: Path) -> None:
    train_side = train_houses("linear", 5)
    expected = train_side(ignore, kept_in(tmp_path, 7))
    shutil.rmtree(tmp_path / "checkpoints")
    again = train_side(ignore, kept_in(tmp_path, 7, resume=True))
    assert same(without_functions(again), without_functions(expected))


# The commands

MODELS = pytest.mark.parametrize(
    "model, options",
    [
        ("house-prices", ["--epochs", "4"]),
        ("mnist-dense", ["--epochs", "2", "--limit", "60", "--experiment", "4.8"]),
    ],
)

OF_MODULE = {"house-prices": house_prices, "mnist-dense": mnist_dense}


def call(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(train.command, [str(arg) for arg in args])


def files_of(folder: Path) -> dict[str, bytes]:
    """All files by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@MODELS
def test_an_interrupted_command_goes_on(
    model: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_reference = OF_MODULE[model].train_reference

    def interrupted(*args: Any, running: Running) -> Any:
        return train_reference(*args[:-1], interrupt_in(1), running)

    reference = [model, "--side", "reference", *options]
    expected = call(*reference, "--out", tmp_path / "at_once")
    assert expected.exit_code == 0
    out = tmp_path / "in_two"
    with monkeypatch.context() as patch:
        patch.setattr(OF_MODULE[model], "train_reference", interrupted)
        stopped = call(*reference, "--checkpoint-every", 1, "--out", out)
    assert stopped.exit_code == 130
    assert f"The same call with --resume goes on with the run in {out}." in stopped.stderr
    assert not (out / "results.json").exists()
    resumed = call(model, "--resume", "--out", out)
    assert resumed.exit_code == 0
    assert same(end_of(out), end_of(tmp_path / "at_once"))
    assert results(out) == results(tmp_path / "at_once")


def results(out: Path) -> dict[str, Any]:
    """What is written, without times."""
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    for side in found["sides"].values():
        side.pop("seconds", None)
        side.pop("images_a_second", None)
    return found


@pytest.mark.parametrize(
    "model, options",
    [
        ("house-prices", ["--epochs", "4"]),
        ("mnist-dense", ["--epochs", "2", "--limit", "60", "--side", "reference"]),
    ],
)
def test_a_finished_run_that_is_gone_on_with_prints_the_same_again(
    model: str, options: list[str], tmp_path: Path
) -> None:
    first = call(model, *options, "--out", tmp_path)
    before = found_in(tmp_path / "checkpoints")
    again = call(model, "--resume", "--out", tmp_path)
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert again.output == first.output
    assert found_in(tmp_path / "checkpoints") == before


@MODELS
def test_a_second_run_into_the_same_folder_is_refused(
    model: str, options: list[str], tmp_path: Path
) -> None:
    assert call(model, *options, "--side", "reference", "--out", tmp_path).exit_code == 0
    before = files_of(tmp_path)
    for side in ("reference", "scratch"):
        second = call(model, *options, "--side", side, "--out", tmp_path)
        assert second.exit_code == 2
        assert f"Error: {tmp_path} holds a run of {model} already (at step " in second.output
        assert "--resume to go on with it, --overwrite to remove it" in second.output
    assert files_of(tmp_path) == before


@MODELS
def test_overwriting_begins_anew(model: str, options: list[str], tmp_path: Path) -> None:
    reference = [model, "--side", "reference", *options]
    assert call(*reference, "--checkpoint-every", 1, "--out", tmp_path).exit_code == 0
    other = call(*reference, "--seed", 7, "--overwrite", "--out", tmp_path)
    assert other.exit_code == 0
    assert "Seed: 7." in other.output
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["options"]["seed"] == 7
    assert len(found_in(tmp_path / "checkpoints")) == 1
    assert results(tmp_path)["seed"] == 7


@pytest.mark.parametrize(
    "model, options, name",
    [
        ("house-prices", ["--epochs", "5"], "--epochs"),
        ("house-prices", ["--seed", "7"], "--seed"),
        ("house-prices", ["--variant", "book"], "--variant"),
        ("house-prices", ["--model", "linear"], "--model"),
        ("mnist-dense", ["--experiment", "4.8"], "--experiment"),
        ("mnist-dense", ["--limit", "120"], "--limit"),
    ],
)
def test_going_on_with_other_options_is_refused(
    model: str, options: list[str], name: str, tmp_path: Path
) -> None:
    begun = {"house-prices": ["--epochs", 1], "mnist-dense": ["--epochs", 1, "--limit", 60]}[model]
    assert call(model, *begun, "--side", "reference", "--out", tmp_path).exit_code == 0
    before = files_of(tmp_path)
    other = call(model, "--resume", *options, "--out", tmp_path)
    assert other.exit_code == 2
    assert f"Error: the run in {tmp_path} was begun with another {name} (" in other.output
    assert files_of(tmp_path) == before


def test_the_books_number_of_epochs_is_the_number_that_it_is(tmp_path: Path) -> None:
    """Experiment 4.2 has 50 epochs in the book."""
    begun = call(
        *("mnist-dense", "--experiment", "4.2", "--limit", 60, "--side", "reference"),
        *("--out", tmp_path),
    )
    assert begun.exit_code == 0
    for named in ([], ["--epochs", 50]):
        again = call("mnist-dense", "--resume", *named, "--out", tmp_path)
        assert again.exit_code == 0, again.output
        assert again.output == begun.output
    other = call("mnist-dense", "--resume", "--epochs", 49, "--out", tmp_path)
    assert other.exit_code == 2
    assert "was begun with another --epochs (50)" in other.output


def test_going_on_with_the_run_of_another_model_is_refused(tmp_path: Path) -> None:
    assert call("house-prices", "--side", "reference", "--epochs", 1, "--out", tmp_path)
    other = call("mnist-dense", "--resume", "--out", tmp_path)
    assert other.exit_code == 2
    assert f"{tmp_path} holds a run of house-prices" in other.output


@pytest.mark.parametrize("model", OF_MODULE)
def test_going_on_with_nothing_is_refused(model: str, tmp_path: Path) -> None:
    shown = call(model, "--resume", "--out", tmp_path / "new")
    assert shown.exit_code == 2
    assert f"Error: there is no run in {tmp_path / 'new'}" in shown.output
    assert not (tmp_path / "new").exists()
