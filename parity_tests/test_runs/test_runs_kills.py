"""Trainings that are killed, at random moments and at the worst ones, and gone on with."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing import (  # type: ignore[import-untyped]
    event_accumulator,
)

from parity.runs import checkpoints
from parity.runs.loop import Keeping
from parity.runs.metrics import Metrics
from parity_tests.runs_helpers import (
    Child,
    Small,
    assert_each_step_once,
    assert_nothing_unfinished,
    assert_same_state,
    newest,
)

SMALL = Small(pause=0.004)
ON_TO_THE_END = Small(epochs=4, stops=False, pause=0.004)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train_in_child(
    folder: Path, small: Small, every: int, dying: Callable[..., None] | None, after: int
) -> None:
    """Go on with a training, until it is done or dies."""
    if dying is not None:
        dying(after)
    small.train(Keeping(folder, every, resume=True))


# Ways to die, when something is done for the ``after``th time.


def half_written(after: int) -> None:
    fsync, left = os.fsync, after

    def dying(descriptor: int) -> None:
        nonlocal left
        left -= stat.S_ISREG(os.fstat(descriptor).st_mode)
        if left == 0:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            die()
        fsync(descriptor)

    os.fsync = dying  # type: ignore[assignment]


def at_rename(after: int, renamed: bool) -> None:
    replace, left = Path.replace, after

    def dying(self: Path, target: Any) -> Path:
        nonlocal left
        left -= target.suffix == ".pt"
        if left == 0 and not renamed:
            die()
        path = replace(self, target)
        if left == 0:
            die()
        return path

    Path.replace = dying  # type: ignore[assignment, method-assign]


def before_rename(after: int) -> None:
    at_rename(after, renamed=False)


def after_rename(after: int) -> None:
    at_rename(after, renamed=True)


def before_an_old_one_goes(after: int) -> None:
    unlink, left = Path.unlink, after

    def dying(self: Path, missing_ok: bool = False) -> None:
        nonlocal left
        left -= self.name.startswith("step-")
        if left == 0:
            die()
        unlink(self, missing_ok)

    Path.unlink = dying  # type: ignore[method-assign]


def within_a_row(after: int) -> None:
    write, left = Metrics.write, after

    def dying(self: Metrics, step: int, *args: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            with self.path.open("ab") as file:
                file.write(f"{step},0.5000,0.1".encode())
            die()
        write(self, step, *args)

    Metrics.write = dying  # type: ignore[assignment, method-assign]


WAYS = [half_written, before_rename, after_rename, before_an_old_one_goes, within_a_row]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[Small, dict[str, Any]]:
    """The last checkpoint of each training that nobody disturbs."""
    states = {}
    for number, small in enumerate([SMALL, ON_TO_THE_END]):
        folder = tmp_path_factory.mktemp("uninterrupted") / str(number)
        folder.mkdir()
        small.train(Keeping(folder, every=1000))
        states[small] = newest(folder)
    return states


def test_the_trainings_are_what_they_should_be(
    uninterrupted: dict[Small, dict[str, Any]],
) -> None:
    """One stops early, going back to its best parameters, the other one goes on to its end."""
    stopped, to_the_end = uninterrupted[SMALL], uninterrupted[ON_TO_THE_END]
    assert stopped["history"]["stopped_early"]
    assert 2 <= stopped["history"]["best_epoch"] < stopped["step"] // 7 < SMALL.epochs
    assert to_the_end["step"] == to_the_end["steps"] == 28
    assert not to_the_end["history"]["stopped_early"]


@pytest.mark.parametrize("small", [SMALL, ON_TO_THE_END], ids=["stops-early", "to-the-end"])
@pytest.mark.parametrize("every", [1, 5])
def test_killed_at_random_moments_it_ends_as_if_it_was_not(
    small: Small, every: int, uninterrupted: dict[Small, dict[str, Any]], tmp_path: Path
) -> None:
    folder, expected = tmp_path / "run", uninterrupted[small]
    folder.mkdir()
    generator = np.random.default_rng([every, small.epochs])
    kills = 0
    for _ in range(5):
        child = Child(tmp_path, train_in_child, folder, small, every, None, 0)
        child.wait_for(folder / "metrics.csv")
        child.process.join(generator.uniform(0.0, 0.15))
        child.send(signal.SIGKILL)
        ended = child.end()
        assert ended.exit_code in (0, -signal.SIGKILL), ended.stderr
        kills += ended.exit_code != 0
        for path in checkpoints.found_in(folder / "checkpoints"):
            assert checkpoints.load(path)["step"] == checkpoints.step_of(path)
    assert kills
    assert Child(tmp_path, train_in_child, folder, small, every, None, 0).end().exit_code == 0
    assert_same_state(newest(folder), expected)
    assert_each_step_once(folder, expected["history"]["losses"].tolist())
    assert_nothing_unfinished(folder)


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_the_worst_moment_it_ends_as_if_it_was_not(
    way: Callable[..., None], uninterrupted: dict[Small, dict[str, Any]], tmp_path: Path
) -> None:
    folder, expected = tmp_path / "run", uninterrupted[ON_TO_THE_END]
    folder.mkdir()
    for after in (1, 4, 2):
        ended = Child(tmp_path, train_in_child, folder, ON_TO_THE_END, 2, way, after).end()
        assert ended.exit_code == -signal.SIGKILL, ended.stderr
        for path in checkpoints.found_in(folder / "checkpoints"):
            assert checkpoints.load(path)["step"] == checkpoints.step_of(path)
    ended = Child(tmp_path, train_in_child, folder, ON_TO_THE_END, 2, None, 0).end()
    assert ended.exit_code == 0, ended.stderr
    assert_same_state(newest(folder), expected)
    assert_each_step_once(folder, expected["history"]["losses"].tolist())
    assert_nothing_unfinished(folder)
    assert len(checkpoints.found_in(folder / "checkpoints")) == 2


def test_tensorboard_sees_each_step_once(
    uninterrupted: dict[Small, dict[str, Any]], tmp_path: Path
) -> None:
    folder, expected = tmp_path / "run", uninterrupted[ON_TO_THE_END]
    folder.mkdir()
    for after in (3, 9):  # the first time, before there is a checkpoint
        Child(tmp_path, train_in_child, folder, ON_TO_THE_END, 7, within_a_row, after).end()
    assert Child(tmp_path, train_in_child, folder, ON_TO_THE_END, 7, None, 0).end().exit_code == 0
    events = event_accumulator.EventAccumulator(str(folder / "tensorboard"), {"scalars": 0})
    events.Reload()
    losses = expected["history"]["losses"].float().tolist()
    told = [(event.step, event.value) for event in events.Scalars("training_loss")]
    assert told == list(enumerate(losses, start=1))
    measured = [event.step for event in events.Scalars("test_loss")]
    assert measured == [entry["step"] for entry in expected["history"]["measured"]]
