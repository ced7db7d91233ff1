"""Two processes that train one model: the same numbers as one, and no process left waiting."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from parity.runs import checkpoints
from parity.runs.compute import PLAIN
from parity.runs.loop import train
from parity.runs.processes import ALONE, Processes, joined
from parity_tests.runs_helpers import (
    Ended,
    Small,
    assert_each_step_once,
    assert_nothing_unfinished,
    assert_same_state,
    call,
    newest,
    parity,
    start_together,
    together,
)

#: Of the last batch of an epoch: two rows, one row, an odd number; and of a batch size of 8 in all.
VARIANTS = [
    Small(epochs=2, stops=False, keep_all=True, dtype="float64", rows=rows, reduction=reduction)
    for rows in (50, 49, 53)
    for reduction in ("mean", "sum")
]
TRAIN = ["train", "mnist-conv", "--limit", 300, "--keep", 0, "--checkpoint-every", 2]


def traced(small: Small, processes: Processes = ALONE) -> dict[str, Any]:
    """A training's gradients in each step, losses, and parameters at the end."""
    task, gradients = small.task(PLAIN, processes), []

    def watch() -> None:
        gradients.append([param.grad.clone() for param in task.model.parameters()])  # type: ignore[union-attr]

    task.clip = watch
    history = train(task, processes=processes)
    return {
        "gradients": gradients,
        "losses": history.losses,
        "epoch_losses": history.epoch_losses,
        "measured": [measured.values["test_loss"] for measured in history.measured],
        "params": [param.detach() for param in task.model.parameters()],
    }


def trace_in_two(folder: Path) -> None:
    with joined(torch.device("cpu")) as processes:
        traces = [traced(small, processes) for small in VARIANTS]
        torch.save(traces, folder / f"{processes.rank}.pt")


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What each of the two processes has traced."""
    folder = tmp_path_factory.mktemp("two")
    for ended in together(folder, trace_in_two, folder):
        assert ended.exit_code == 0, ended.stderr
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("number", range(len(VARIANTS)))
def test_two_processes_compute_what_one_does(
    number: int, in_two: list[list[dict[str, Any]]]
) -> None:
    alone = traced(VARIANTS[number])
    assert len(alone["gradients"]) == 14
    for rank in range(2):
        trace = in_two[rank][number]
        for name in ("losses", "epoch_losses", "measured"):
            assert trace[name] == pytest.approx(alone[name], rel=1e-12, abs=1e-12)
        for step, expected in zip(trace["gradients"], alone["gradients"], strict=True):
            assert_close(step, expected)
        assert_close(trace["params"], alone["params"])


def assert_close(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_each_process_draws_masks_of_its_own(tmp_path: Path) -> None:
    """But all have the same parameters."""
    for ended in together(tmp_path, train_and_tell, tmp_path):
        assert ended.exit_code == 0, ended.stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert_same_state(first["model"], second["model"])
    assert not torch.equal(first["generator"], second["generator"])


def train_and_tell(folder: Path) -> None:
    with joined(torch.device("cpu")) as processes:
        task = Small(epochs=1, stops=False).task(PLAIN, processes)
        with torch.random.fork_rng(devices=[]):
            states: list[Tensor] = []
            train(
                task,
                processes=processes,
                on_progress=lambda _: states.append(torch.get_rng_state()),
            )
        torch.save(
            {"model": dict(task.model.state_dict()), "generator": states[-1]},
            folder / f"{processes.rank}.pt",
        )


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Ended], Path]:
    folder = tmp_path_factory.mktemp("command")
    return together(folder, parity, *TRAIN, "--out", folder / "run"), folder / "run"


def test_the_first_process_alone_writes_and_prints(
    run_of_two: tuple[list[Ended], Path],
) -> None:
    (first, second), out = run_of_two
    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert "Images to train on: 300" in first.stdout
    assert (second.stdout, second.stderr, first.stderr) == ("", "", "")
    assert_each_step_once(out, newest(out)["history"]["losses"].tolist())
    assert len(list((out / "tensorboard").iterdir())) == 1
    assert_nothing_unfinished(out)


def back_to(step: int, run: Path, out: Path) -> None:
    """A copy of a run as it was after so many steps."""
    shutil.copytree(run, out)
    for path in checkpoints.found_in(out / "checkpoints"):
        if checkpoints.step_of(path) > step:
            path.unlink()


def test_two_go_on_as_if_they_had_not_stopped(
    run_of_two: tuple[list[Ended], Path], tmp_path: Path
) -> None:
    _, run = run_of_two
    out = tmp_path / "run"
    back_to(2, run, out)
    for ended in together(tmp_path, parity, "train", "mnist-conv", "--resume", "--out", out):
        assert ended.exit_code == 0, ended.stderr
    assert_same_state(newest(out), newest(run))
    assert_each_step_once(out, newest(run)["history"]["losses"].tolist())


def test_one_can_go_on_with_what_two_began_and_the_other_way_round(
    run_of_two: tuple[list[Ended], Path], tmp_path: Path
) -> None:
    _, run = run_of_two
    out = tmp_path / "run"
    back_to(2, run, out)
    ended = call(tmp_path, "train", "mnist-conv", "--resume", "--out", out)
    assert ended.exit_code == 0, ended.stderr
    assert newest(out)["step"] == 5
    assert len(newest(out)["generators"]["cpu"]) == 1
    back_to(4, out, tmp_path / "again")
    for ended in together(
        tmp_path, parity, "train", "mnist-conv", "--resume", "--out", tmp_path / "again"
    ):
        assert ended.exit_code == 0, ended.stderr
    assert len(newest(tmp_path / "again")["generators"]["cpu"]) == 2


@pytest.mark.parametrize(
    "args, words",
    [
        ([], "holds a run of mnist-conv already (at step 5)"),
        (["--resume", "--overwrite"], "give one of them"),
        (["--resume", "--seed", "1"], "was begun with another --seed"),
        (["--side", "both", "--overwrite"], "several processes train in PyTorch only"),
        (["--gradients", "as-printed", "--overwrite"], "needs the scratch side"),
    ],
)
def test_a_refusal_is_said_once_and_ends_both(
    args: list[str], words: str, run_of_two: tuple[list[Ended], Path], tmp_path: Path
) -> None:
    _, out = run_of_two
    first, second = together(tmp_path, parity, "train", "mnist-conv", *args, "--out", out)
    assert (first.exit_code, second.exit_code) == (2, 2)
    assert words in first.stderr
    assert len(first.stderr.splitlines()) == 1
    assert (first.stdout, second.stdout, second.stderr) == ("", "", "")


@pytest.mark.parametrize(
    "args, words",
    [
        (["--epochs", "0"], "Invalid value for '--epochs'"),
        (["--epoch", "1"], "No such option '--epoch'"),
        (["--out"], "Option '--out' requires an argument"),
        (["twice"], "Got unexpected extra argument (twice)"),
    ],
)
def test_what_is_no_option_is_said_once(args: list[str], words: str, tmp_path: Path) -> None:
    """The processes read their options before they find each other."""
    first, second = together(tmp_path, parity, "train", "mnist-conv", *args)
    assert (first.exit_code, second.exit_code) == (2, 2)
    assert first.stderr.count(words) == 1
    assert (first.stdout, second.stdout, second.stderr) == ("", "", "")


def test_a_process_alone_speaks_whatever_its_number(tmp_path: Path) -> None:
    alone = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "1"}
    ended = call(tmp_path, "train", "mnist-conv", "--epochs", 0, environment=alone)
    assert ended.exit_code == 2
    assert "Invalid value for '--epochs'" in ended.stderr


def test_without_a_number_on_its_machine_the_one_among_all_counts(tmp_path: Path) -> None:
    second = {"RANK": "1", "WORLD_SIZE": "2"}
    ended = call(tmp_path, "train", "mnist-conv", "--epochs", 0, environment=second)
    assert (ended.exit_code, ended.stdout, ended.stderr) == (2, "", "")


def test_a_directory_that_is_held_or_no_directory_ends_both(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").write_text("mine")
    for name, words in (("file", "is not a directory"), ("run", "left alone")):
        first, second = together(tmp_path, parity, *TRAIN, "--out", tmp_path / name)
        assert (first.exit_code, second.exit_code) == (2, 2)
        assert words in first.stderr
        assert second.stderr == ""


def no_room(out: Path) -> None:
    """In a child: ``parity``, with files of at most a megabyte."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    parity(*TRAIN, "--out", out)


def test_a_checkpoint_that_cannot_be_written_ends_both(tmp_path: Path) -> None:
    first, second = together(tmp_path, no_room, tmp_path / "run")
    assert (first.exit_code, second.exit_code) == (2, 2)
    assert "Error: the checkpoint of step 2 could not be written to" in first.stderr
    assert (len(first.stderr.splitlines()), second.stderr) == (1, "")


def test_the_one_that_is_left_does_not_wait_for_ever(tmp_path: Path) -> None:
    out = tmp_path / "run"
    first, second = start_together(tmp_path, parity, *TRAIN, "--epochs", 100, "--out", out)
    first.wait_for(out / "checkpoints" / "step-000000002.pt")
    second.send(signal.SIGKILL)
    ended = first.end()
    assert ended.exit_code == 1
    [line] = ended.stderr.splitlines()
    assert line == (
        f"Error: another of the processes has ended; --resume goes on with the run in {out}."
    )
    assert second.end().exit_code == -signal.SIGKILL


def test_world_size_without_torchrun_is_said(tmp_path: Path) -> None:
    ended = call(tmp_path, *TRAIN, "--out", tmp_path / "run", environment={"WORLD_SIZE": "2"})
    assert ended.exit_code == 2
    assert "start them with torchrun" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def torchrun(*args: object) -> subprocess.CompletedProcess[str]:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    return subprocess.run(
        [sys.executable, *command, "parity", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_torchrun_itself(run_of_two: tuple[list[Ended], Path], tmp_path: Path) -> None:
    """Trains as the processes of this file do; a second call is refused in one sentence."""
    _, run = run_of_two
    out = tmp_path / "run"
    trained = torchrun(*TRAIN, "--out", out)
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.count("Images to train on: 300") == 1
    assert_same_state(newest(out), newest(run))
    refused = torchrun(*TRAIN, "--out", out)
    assert refused.returncode != 0
    assert refused.stderr.count("holds a run of mnist-conv already (at step 5)") == 1
    assert "parity/" not in refused.stderr.replace(str(out), "")
    unknown = torchrun("train", "mnist-conv", "--epochs", 0, "--out", out)
    assert unknown.returncode != 0
    assert unknown.stderr.count("Error: Invalid value for '--epochs'") == 1
