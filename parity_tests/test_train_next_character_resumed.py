"""`parity train next-character`: gone on with, or by two processes, it ends as it would at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from parity.cli import train as train_command
from parity.runs.checkpoints import found_in, load
from parity.runs.compute import Compute
from parity.runs.loop import Keeping, Running
from parity.training import next_character
from parity.training.next_character import Trained, Writing, reference_task, train
from parity.training.text_experiment import SEED, TextExperiment
from parity_tests.rhymes import RHYME, SMALL, rhyme

WRITING = Writing(every=5, length=20, final_length=30)

OPTIONS = (
    *("--side", "reference", "--hidden", 8, "--length", 5, "--batch-size", 4, "--steps", 12),
    *("--sample-every", 5, "--checkpoint-every", 4),
)

VARIANTS = {
    "lstm": SMALL,
    "gru, lstm": replace(SMALL, layers=("gru", "lstm")),
    "rnn, by norm": replace(SMALL, layers=("rnn",), clipping="norm", limit=0.5),
    "mean": replace(SMALL, reduction="mean"),
    "shuffled": replace(SMALL, batches="shuffled"),
    "shuffled, carried": replace(SMALL, batches="shuffled", carries=True),
    "a text read more than once": replace(SMALL, batch_size=32, steps=15),
}


def carry_out(
    experiment: TextExperiment, folder: Path, stop_after: int = 0, resume: bool = False
) -> Trained:
    """In PyTorch, kept after every fourth step; stopped by force after a step, if at all."""

    def on_step(trained: Trained) -> None:
        if trained.done == stop_after:
            raise KeyboardInterrupt

    folder.mkdir(exist_ok=True)
    running = Running(keeping=Keeping(folder, every=4, keep=0, resume=resume))
    return train(
        "reference", experiment, rhyme(), SEED, writing=WRITING, on_step=on_step, running=running
    )


def same(ours: Any, theirs: Any) -> bool:
    """Bit for bit."""
    if isinstance(ours, Tensor):
        return ours.dtype == theirs.dtype and ours.tolist() == theirs.tolist()
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def end_of(folder: Path) -> dict[str, Any]:
    """The last checkpoint, without its times."""
    state = load(found_in(folder / "checkpoints")[-1])
    state["history"].pop("seconds")
    state["history"].pop("loading")
    return state


# Bit for bit


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("stop_after", [6, 9, 11])
def test_a_run_that_is_gone_on_with_ends_as_one_that_was_not_interrupted(
    variant: str, stop_after: int, tmp_path: Path
) -> None:
    """Optimizer, start states and samples too; step 11 is beyond a sample that is made again."""
    experiment = VARIANTS[variant]
    at_once, in_two = tmp_path / "at_once", tmp_path / "in_two"
    expected = carry_out(experiment, at_once)
    with pytest.raises(KeyboardInterrupt):
        carry_out(experiment, in_two, stop_after)
    assert found_in(in_two / "checkpoints")[-1].name < "step-000000012.pt"
    resumed = carry_out(experiment, in_two, resume=True)

    assert same(end_of(in_two), end_of(at_once))
    assert (resumed.losses, resumed.smoothed) == (expected.losses, expected.smoothed)
    assert (resumed.samples, resumed.perplexity) == (expected.samples, expected.perplexity)
    assert list(resumed.samples) == [5, 10, experiment.steps]
    for ours, theirs in zip(resumed.params, expected.params, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_start_states_are_kept() -> None:
    """They are buffers, however often they are set."""
    task = reference_task(replace(SMALL, layers=("lstm", "gru")), rhyme(), SEED)
    Running().train(task)
    states = {name: value for name, value in task.model.state_dict().items() if "start_" in name}
    assert list(states) == ["stack.0.start_H", "stack.0.start_C", "stack.1.start_H"]
    assert all(value.any() for value in states.values())


def test_all_of_it_is_on_the_device() -> None:
    """On "meta", where there are no numbers; what is on the CPU does not go with it."""
    there = torch.device("meta")
    task = reference_task(
        replace(SMALL, layers=("gru", "lstm")), rhyme(), SEED, running=Running(Compute(there))
    )
    batch = next(iter(task.batches.epoch(0)))
    assert task.begin_anew is not None
    task.begin_anew()
    task.loss(task.model(batch.inputs), batch.targets).backward()
    task.optimizer.step()
    tensors = (*task.model.state_dict().values(), batch.inputs, batch.targets)
    assert {tensor.device for tensor in tensors} == {there}


def test_a_finished_run_is_as_it_was(tmp_path: Path) -> None:
    expected = carry_out(SMALL, tmp_path)
    again = carry_out(SMALL, tmp_path, resume=True)
    assert (again.losses, again.samples) == (expected.losses, expected.samples)
    assert (again.smoothed, again.perplexity) == (expected.smoothed, expected.perplexity)


def test_metrics_count_how_often_the_text_was_read(tmp_path: Path) -> None:
    """Three batches of 32 rows of 5 characters are the text."""
    carry_out(replace(SMALL, batch_size=32, steps=15), tmp_path)
    rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    assert rows[0][:2] == ["step", "epoch"]
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(
        [step / 3 for step in range(1, 16)], abs=1e-4
    )


# The command


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "rhyme.txt"
    path.write_text(RHYME, encoding="utf-8")
    return path


def call(*args: object) -> Result:
    arguments = ["next-character", *map(str, args)]
    return CliRunner(env={"COLUMNS": "80"}).invoke(train_command.command, arguments)


def interrupted_call(monkeypatch: pytest.MonkeyPatch, *args: object) -> Result:
    """Stopped by force after step 11, of which there is no checkpoint."""

    def stopped(*args: Any) -> Trained:
        side, experiment, characters, seed, dtype, writing, on_step, running = args

        def on_step_11(trained: Trained) -> None:
            on_step(trained)
            if trained.done == 11:
                raise KeyboardInterrupt

        return train(side, experiment, characters, seed, dtype, writing, on_step_11, running)

    with monkeypatch.context() as patch:
        patch.setattr(next_character, "train", stopped)
        return call(*args)


def results(out: Path) -> dict[str, Any]:
    """What was written, but for the time that it took."""
    found: dict[str, Any] = json.loads((out / "results.json").read_text())
    for side in found["sides"].values():
        del side["seconds"]
    return found


@pytest.mark.parametrize("layers", ["lstm", "gru,lstm"])
def test_an_interrupted_command_goes_on_with_its_samples(
    layers: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (*OPTIONS, "--layers", layers, "--temperature", 0.7, "--text", text)
    at_once, in_two = tmp_path / "at_once", tmp_path / "in_two"
    assert call(*options, "--out", at_once).exit_code == 0
    stopped = interrupted_call(monkeypatch, *options, "--out", in_two)
    assert stopped.exit_code == 130
    assert "reference after 5 steps ──" in stopped.stderr
    resumed = call("--resume", "--out", in_two)
    assert resumed.exit_code == 0
    assert "reference after 5 steps ──" not in resumed.stderr
    assert "reference after 10 steps ──" in resumed.stderr
    assert results(in_two) == results(at_once)
    assert (in_two / "samples.txt").read_text() == (at_once / "samples.txt").read_text()
    assert same(end_of(in_two), end_of(at_once))


def test_both_sides_go_on(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (*OPTIONS, "--side", "both", "--text", text)
    at_once, in_two = tmp_path / "at_once", tmp_path / "in_two"
    assert call(*options, "--out", at_once).exit_code == 0
    assert interrupted_call(monkeypatch, *options, "--out", in_two).exit_code == 130
    assert call(*options, "--resume", "--out", in_two).exit_code == 0
    assert results(in_two) == results(at_once)


@pytest.mark.parametrize(
    "option",
    [
        ("--layers", "gru"), ("--steps", 13), ("--hidden", 9), ("--length", 6),
        ("--batch-size", 5), ("--batches", "shuffled"), ("--no-carry-state",),
        ("--reduction", "mean"), ("--clip", "norm"), ("--clip-limit", 3), ("--held-out", 0.2),
        ("--sample-every", 6), ("--temperature", 0.5), ("--dtype", "float64"), ("--seed", 1),
        ("--text", __file__), ("--side", "both"),
    ],
    ids=lambda option: option[0],
)  # fmt: skip
def test_another_option_is_refused(option: tuple[object, ...], begun: Path, text: Path) -> None:
    result = call("--resume", *option, "--out", begun)
    assert result.exit_code == 2
    name = "--carry-state" if option[0] == "--no-carry-state" else option[0]
    assert f"the run in {begun} was begun with another {name} (" in result.stderr
    assert not (begun / "results.json").exists()


def test_a_default_that_is_named_is_the_same_option(begun: Path) -> None:
    result = call("--resume", "--carry-state", "--batches", "contiguous", "--out", begun)
    assert result.exit_code == 0, result.output


@pytest.fixture
def begun(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a run that has been interrupted."""
    out = tmp_path / "begun"
    assert interrupted_call(monkeypatch, *OPTIONS, "--text", text, "--out", out).exit_code == 130
    return out


def test_the_text_is_found_from_anywhere(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert call("--resume", "--out", begun).exit_code == 0


def test_a_text_that_was_changed_since_is_refused(begun: Path, text: Path) -> None:
    text.write_text(RHYME.replace("rat", "tar"), encoding="utf-8")
    result = call("--resume", "--out", begun)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: rhyme.txt is not the text any more that the run in {begun} was begun with; put "
        "that back, or begin a new run in another --out.\n"
    )
    text.write_text(RHYME, encoding="utf-8")
    assert call("--resume", "--out", begun).exit_code == 0


def test_a_text_that_is_gone_is_refused(begun: Path, text: Path) -> None:
    text.unlink()
    result = call("--resume", "--out", begun)
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_a_new_run_may_read_the_changed_text(begun: Path, text: Path) -> None:
    text.write_text(RHYME.replace("rat", "tar"), encoding="utf-8")
    options = (*OPTIONS, "--text", text, "--out", begun)
    refused = call(*options)
    assert refused.exit_code == 2
    assert "holds a run of next-character already (at step 8)" in refused.stderr
    assert call(*options, "--overwrite").exit_code == 0


# Two processes

TOGETHER = {
    "gru and lstm, by value, three rows": (
        *("--layers", "gru,lstm", "--batch-size", 3),
    ),
    # 513 sequences: the ninth batch has one row, and nothing is left for the second process.
    "shuffled and carried, by norm, mean, a row left": (
        *("--batches", "shuffled", "--carry-state", "--batch-size", 64),
        *("--clip", "norm", "--clip-limit", 0.05, "--reduction", "mean"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", TOGETHER)
def test_two_processes_train_as_one(variant: str, text: Path, tmp_path: Path) -> None:
    """The state that is carried is the mean over the rows of both."""
    options = [*OPTIONS, "--dtype", "float64", "--device", "cpu", "--text", text]
    options += TOGETHER[variant]
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert call(*options, "--out", alone).exit_code == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = ["-m", "parity", "train", "next-character", *map(str, options)]
    done = subprocess.run(
        [*launcher, "--nproc-per-node", "2", *command, "--out", str(together)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Written to") == 1
    ours, theirs = (results(out)["sides"]["reference"] for out in (together, alone))
    assert ours["losses"] == pytest.approx(theirs["losses"], rel=0, abs=1e-12)
    assert ours["samples"] == theirs["samples"]
    assert ours["perplexity"] == pytest.approx(theirs["perplexity"], rel=1e-10)
    states = [end_of(out)["model"] for out in (together, alone)]
    assert any("start_H" in name for name in states[0])
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=0, atol=1e-12)
