"""Ctrl-C: the step is ended, a checkpoint written, the rest said in words."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from parity.runs import checkpoints
from parity.runs.loop import Keeping
from parity_tests.runs_helpers import (
    Child,
    Ended,
    Small,
    assert_each_step_once,
    assert_nothing_unfinished,
    assert_same_state,
    call,
    newest,
    parity,
)

TRAIN = ["train", "mnist-conv", "--side", "reference", "--limit", 180, "--epochs", 3]
STEPS = 9


def interrupt_at_checkpoints(numbers: list[int], *args: object) -> None:
    """In a child: ``parity``, with a Ctrl-C while each of these checkpoints is being written."""
    fsync, count = os.fsync, 0

    def interrupted(descriptor: int) -> None:
        nonlocal count
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            count += 1
            if count in numbers:
                os.kill(os.getpid(), signal.SIGINT)
        fsync(descriptor)

    os.fsync = interrupted  # type: ignore[assignment]
    parity(*args)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    ended = call(folder, *TRAIN, "--out", folder / "run")
    assert ended.exit_code == 0, ended.stderr
    return newest(folder / "run")


def assert_goes_on(folder: Path, out: Path, uninterrupted: dict[str, Any]) -> None:
    ended = call(folder, "train", "mnist-conv", "--resume", "--out", out)
    assert ended.exit_code == 0, ended.stderr
    assert "validation loss after 3 epochs" in ended.stdout
    assert_same_state(newest(out), uninterrupted)
    assert_each_step_once(out, uninterrupted["history"]["losses"].tolist())
    assert_nothing_unfinished(out)


def assert_interrupted(ended: Ended, out: Path, step: int) -> None:
    assert ended.exit_code == 130, ended.stderr
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert line.startswith(
        f"Interrupted: reference had done {step} of {STEPS} batches, with a training loss of "
    )
    assert line.endswith(f". The same call with --resume goes on with the run in {out}.")


def test_an_interrupted_run_ends_as_if_it_was_not(
    uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    child = Child(tmp_path, parity, *TRAIN, "--checkpoint-every", 2, "--out", out)
    child.wait_for(out / "checkpoints" / "step-000000002.pt")
    child.send(signal.SIGINT)
    ended = child.end()
    step = newest(out)["step"]
    assert 2 <= step < STEPS  # else it was over too soon for this test
    assert_interrupted(ended, out, step)
    assert_goes_on(tmp_path, out, uninterrupted)


def test_the_last_whole_step_is_kept(uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    """Also where no checkpoint is due for long."""
    out = tmp_path / "run"
    child = Child(tmp_path, parity, *TRAIN, "--out", out)
    child.wait_for(out / "metrics.csv")
    child.send(signal.SIGINT)
    ended = child.end()
    [path] = checkpoints.found_in(out / "checkpoints")
    assert_interrupted(ended, out, checkpoints.step_of(path))
    assert_goes_on(tmp_path, out, uninterrupted)


def test_a_second_interruption_is_at_once(uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    """The one that comes while the checkpoint of the first one is written; what was there stays."""
    out = tmp_path / "run"
    args = [*TRAIN, "--checkpoint-every", 3, "--out", out]
    ended = Child(tmp_path, interrupt_at_checkpoints, [2, 3], *args).end()
    assert_interrupted(ended, out, 6)
    names = [path.name for path in checkpoints.found_in(out / "checkpoints")]
    assert names == ["step-000000003.pt", "step-000000006.pt"]
    assert_nothing_unfinished(out)
    assert_goes_on(tmp_path, out, uninterrupted)


def test_an_interruption_while_a_checkpoint_is_written_waits_for_it(
    uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    args = [*TRAIN, "--checkpoint-every", 3, "--out", out]
    assert_interrupted(Child(tmp_path, interrupt_at_checkpoints, [1], *args).end(), out, 3)
    assert_goes_on(tmp_path, out, uninterrupted)


def train_ignoring_ctrl_c(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    Small(epochs=2, stops=False, pause=0.01).train(Keeping(folder))


def test_where_ctrl_c_is_ignored_it_stays_so(tmp_path: Path) -> None:
    """As in the background of a shell's script."""
    ended = Child(tmp_path, train_ignoring_ctrl_c, tmp_path).end()
    assert ended.exit_code == 0, ended.stderr
    assert newest(tmp_path)["step"] == 14
