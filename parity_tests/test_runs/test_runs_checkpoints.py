"""Checkpoints and metrics as files: whole, damaged, foreign; how many stay."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from parity.runs import checkpoints
from parity.runs.checkpoints import FORMAT, CheckpointError
from parity.runs.loop import Keeping, train
from parity.runs.metrics import COLUMNS, Metrics
from parity_tests.runs_helpers import Small, assert_same_state, newest, rows_of

SMALL = Small(epochs=3, stops=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a training after 21 steps, with everything that one can hold."""
    folder = tmp_path_factory.mktemp("run")
    Small(epochs=3).train(Keeping(folder))
    return checkpoints.path_of(folder / "checkpoints", 21)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"step": 3, "rate": 0.1, "name": "é", "deep": [{"one": torch.arange(3)}], "none": None}
    path = checkpoints.save(tmp_path, 3, state, keep=1)
    assert_same_state(checkpoints.load(path), {"parity_checkpoint": FORMAT, **state})


@pytest.mark.parametrize("keep, steps", [(0, [5, 10, 15, 20]), (1, [20]), (2, [15, 20])])
def test_so_many_checkpoints_stay(keep: int, steps: list[int], tmp_path: Path) -> None:
    Small(epochs=3, stops=False, rows=56).train(Keeping(tmp_path, every=5, keep=keep))
    names = [path.name for path in checkpoints.found_in(tmp_path / "checkpoints")]
    assert names == [f"step-{step:09d}.pt" for step in [*steps, 21][-keep or None :]]


def test_checkpoints_are_found_by_their_steps_the_oldest_first(tmp_path: Path) -> None:
    for step in (1000, 7, 90):
        checkpoints.save(tmp_path, step, {}, keep=0)
    for name in ("step-5.pt", "step-000000005.pt.bak", ".unfinished-step-000000008.pt", "notes"):
        (tmp_path / name).write_text("")
    found = checkpoints.found_in(tmp_path)
    assert [checkpoints.step_of(path) for path in found] == [7, 90, 1000]
    assert checkpoints.found_in(tmp_path / "nowhere") == []
    with pytest.raises(CheckpointError, match="notes is not called as a checkpoint is"):
        checkpoints.step_of(tmp_path / "notes")


def test_a_flipped_bit_is_seen(written: Path, tmp_path: Path) -> None:
    content, path = written.read_bytes(), tmp_path / written.name
    for number, position in enumerate(range(0, len(content), len(content) // 700)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << number % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"is damaged, or no checkpoint at all$"):
            checkpoints.load(path)
    path.write_bytes(content)
    assert checkpoints.load(path)["step"] == 21


def test_a_truncated_file_is_seen(written: Path, tmp_path: Path) -> None:
    content, path = written.read_bytes(), tmp_path / written.name
    for length in (*range(0, len(content), len(content) // 50), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=r"is damaged, or no checkpoint at all$"):
            checkpoints.load(path)


class Evil:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def sealed(content: bytes) -> bytes:
    """As ``save`` ends a file, so that only the content can be what is wrong."""
    return content + checkpoints._seal(content)


def saved(state: object) -> bytes:
    """As torch saves it."""
    content = io.BytesIO()
    torch.save(state, content)
    return content.getvalue()


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    evil, path = tmp_path / "evil", tmp_path / "step-000000001.pt"
    for state in (Evil(evil), {"parity_checkpoint": FORMAT, "x": Evil(evil)}):
        for content in (saved(state), pickle.dumps(state)):
            path.write_bytes(sealed(content))
            with pytest.raises(CheckpointError, match="is damaged, or no checkpoint at all"):
                checkpoints.load(path)
            assert not evil.exists()
            pickle.loads(pickle.dumps(state))
            assert evil.is_dir()  # so it would have been made
            evil.rmdir()


def zipped_text() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a", "text")
    return content.getvalue()


@pytest.mark.parametrize("content", [b"", b"a text", zipped_text(), saved(torch.zeros(2))])
def test_what_is_no_checkpoint_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "step-000000001.pt"
    for written in (content, sealed(content)):
        path.write_bytes(written)
        with pytest.raises(CheckpointError, match="is damaged, or no checkpoint at all"):
            checkpoints.load(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        checkpoints.load(tmp_path / "step-000000001.pt")
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        checkpoints.load(tmp_path)


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "FORMAT", "1")
    path = checkpoints.save(tmp_path, 1, {}, keep=0)
    with pytest.raises(CheckpointError, match="holds no checkpoint of parity train"):
        checkpoints.load(path)
    monkeypatch.setattr(checkpoints, "FORMAT", 2)
    checkpoints.save(tmp_path, 1, {}, keep=0)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"newer version of Parity \(format 2, this one"):
        checkpoints.load(path)


def test_torch_itself_can_read_it(written: Path) -> None:
    state = torch.load(written, weights_only=True)
    assert_same_state(state, checkpoints.load(written))


@pytest.mark.parametrize(
    "small, words",
    [
        (Small(epochs=4), "is of a training of 21 steps, not 28"),
        (
            Small(epochs=3, hidden=8),
            r"another model: 0.bias has shape \(16,\) in it and \(8,",
        ),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(small: Small, words: str, written: Path) -> None:
    task = small.task()
    before = copy.deepcopy(task.model.state_dict())
    with pytest.raises(CheckpointError, match=words):
        train(task, keeping=Keeping(written.parent.parent, resume=True))
    assert_same_state(dict(task.model.state_dict()), dict(before))


def test_another_type_of_parameters_is_refused(written: Path) -> None:
    with pytest.raises(CheckpointError, match=r"0.weight is float32 in it and float64 here"):
        Small(epochs=3, dtype="float64").train(Keeping(written.parent.parent, resume=True))


@pytest.mark.parametrize(
    "name", ["model", "optimizer", "scheduler", "history", "generators", "step", "best"]
)
@pytest.mark.parametrize("value", ["missing", 7])
def test_a_checkpoint_with_something_missing_is_refused(
    name: str, value: object, written: Path, tmp_path: Path
) -> None:
    state = checkpoints.load(written)
    if value == "missing":
        del state[name]
    elif name == "step":
        state[name] = "seven"
    else:
        state[name] = value
    checkpoints.save(tmp_path / "checkpoints", 21, state, keep=0)
    with pytest.raises(CheckpointError, match=r"step-000000021.pt (is not a|holds no)"):
        Small(epochs=3).train(Keeping(tmp_path, resume=True))


def test_without_the_damaged_one_the_one_before_goes_on(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path, every=8, resume=True)
    SMALL.train(keeping)
    expected = newest(tmp_path)
    newest_path = checkpoints.path_of(tmp_path / "checkpoints", 21)
    newest_path.write_bytes(newest_path.read_bytes()[:-100])
    with pytest.raises(
        CheckpointError, match=r"is damaged.*; without it, step-000000016.pt is gone on from$"
    ):
        SMALL.train(keeping)
    newest_path.unlink()
    SMALL.train(keeping)
    assert_same_state(newest(tmp_path), expected)


def test_a_step_that_cannot_be_written_leaves_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints.save(tmp_path, 4, {"step": 4}, keep=1)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        CheckpointError,
        match=r"of step 1,005 could not be written to .*: No space left on device; "
        r"step-000000004.pt is there as before$",
    ):
        checkpoints.save(tmp_path, 1005, {"step": 1005}, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000004.pt"]
    with pytest.raises(CheckpointError, match=r"; there is none yet$"):
        checkpoints.save(tmp_path / "other", 3, {}, keep=1)


def test_what_is_measured_in_another_type_is_kept_as_a_number(tmp_path: Path) -> None:
    """NumPy's own types do not come back from a file in which no code is run."""
    import numpy as np

    task = SMALL.task()
    measure = task.measure
    assert measure is not None
    task.measure = lambda: {name: np.float64(value) for name, value in measure().items()}
    train(task, keeping=Keeping(tmp_path))
    assert newest(tmp_path)["step"] == 21


# Metrics


def write(metrics: Metrics, *steps: int) -> None:
    for step in steps:
        metrics.write(step, step / 10, 0.5, 1 / step, 0.1, {"accuracy": 0.3} if step == 2 else {})
    metrics.close()


def test_metrics_are_cut_at_a_step(tmp_path: Path) -> None:
    write(Metrics(tmp_path, ["accuracy"], 0), 1, 2, 3, 4)
    write(Metrics(tmp_path, ["accuracy"], 2), 3, 5)
    rows = rows_of(tmp_path)
    assert [int(row[0]) for row in rows] == [1, 2, 3, 5]
    assert rows[1] == ["2", "0.2000", "0.500", "0.5", "0.1", "0.3"]
    assert rows[0][-1] == ""
    write(Metrics(tmp_path, ["accuracy"], 0), 1)
    assert [row[0] for row in rows_of(tmp_path)] == ["1"]


@pytest.mark.parametrize(
    "damage", [b"4,0.4000,0.5", b"4,0.4,0.5,0.25,0.1,0", b"\x00\xff\r\n", b'"4,\r\n', b"x,,,,,\r\n"]
)
def test_a_line_that_is_not_whole_goes(damage: bytes, tmp_path: Path) -> None:
    """As after a loss of power."""
    write(Metrics(tmp_path, ["accuracy"], 0), 1, 2, 3)
    with (tmp_path / "metrics.csv").open("ab") as file:
        file.write(damage)
    write(Metrics(tmp_path, ["accuracy"], 4), 5)
    assert [int(row[0]) for row in rows_of(tmp_path)] == [1, 2, 3, 5]


def test_metrics_that_cannot_be_written_leave_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("")
    with pytest.raises(OSError, match="File exists"):
        Metrics(tmp_path, [], 0)
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        Metrics(tmp_path, [], 0)


def test_at_most_so_many_steps_are_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those after which was measured: 3 and 7 of each epoch."""
    monkeypatch.setattr("parity.runs.keeping.ROWS", 4)
    SMALL.train(Keeping(tmp_path))
    assert [int(row[0]) for row in rows_of(tmp_path)] == [3, 6, 7, 10, 12, 14, 17, 18, 21]


def test_a_training_without_measures_has_a_row_for_each_step(tmp_path: Path) -> None:
    task = SMALL.task()
    task.measure, task.measures = None, ()
    history = train(task, keeping=Keeping(tmp_path))
    assert [float(row[3]) for row in rows_of(tmp_path)] == history.losses
    assert len(COLUMNS) == len(rows_of(tmp_path)[0])


def test_config_is_json_of_its_own(tmp_path: Path) -> None:
    from parity.runs import directory

    made = directory.make(tmp_path / "run", "mnist", {"limit": None, "seed": 3}, "CPU", 2)
    assert directory.read(tmp_path / "run") == made
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["device"], config["processes"]) == ("CPU", 2)
    assert set(config["versions"]) == {"parity", "python", "numpy", "torch", "torchvision"}


def test_optimizer_of_other_parameters_is_refused(written: Path) -> None:
    task = Small(epochs=3).task()
    task.optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)
    with pytest.raises(CheckpointError, match="is not a checkpoint of this training"):
        train(task, keeping=Keeping(written.parent.parent, resume=True))
