"""The loop itself: what it tells, how it computes, and that it goes on to the same bits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from parity.runs import checkpoints
from parity.runs.batches import ArrayBatches, shuffled
from parity.runs.compute import PLAIN, Compute
from parity.runs.loop import Keeping, train
from parity.runs.processes import Processes
from parity.runs.task import Task
from parity_tests.runs_helpers import (
    BATCH_SIZE,
    Child,
    Small,
    assert_each_step_once,
    assert_same_state,
    newest,
    parity,
)

SMALL = Small(epochs=4, stops=False)
TRAIN = ["mnist-conv", "--side", "reference", "--limit", 60]


# Batches


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("rows", [1, 3, 8, 9, 17])
def test_the_parts_cover_each_row_once(rows: int, count: int) -> None:
    X = np.arange(rows, dtype=np.float64)[:, np.newaxis]
    parts = [
        ArrayBatches(X, X, 4, shuffled(rows, 1), PLAIN, Processes(rank, count))
        for rank in range(count)
    ]
    seen: list[float] = []
    for batches in zip(*(part.epoch(2) for part in parts), strict=True):
        assert len({batch.rows for batch in batches}) == 1
        assert sum(batch.share for batch in batches) == pytest.approx(1, rel=1e-15)
        counted = [batch for batch in batches if batch.share]
        assert sum(len(batch.inputs) for batch in counted) == batches[0].rows
        for batch in batches:
            assert torch.equal(batch.inputs, batch.targets)
            assert len(batch.inputs) >= 1
        for batch in counted:
            assert batch.share == len(batch.inputs) / batch.rows
            seen += batch.inputs[:, 0].tolist()
    assert sorted(seen) == list(range(rows))


def test_an_epoch_can_begin_in_its_middle() -> None:
    X = np.arange(10.0)[:, np.newaxis]
    batches = ArrayBatches(X, X, 4, shuffled(10, 1), PLAIN)
    whole = [batch.inputs for batch in batches.epoch(1)]
    assert batches.per_epoch == len(whole) == 3
    for start in range(4):
        rest = [batch.inputs for batch in batches.epoch(1, start)]
        assert_same_state(rest, whole[start:])
    first = torch.cat([batch.inputs for batch in batches.epoch(0)])
    assert not torch.equal(first, torch.cat(whole))


# The loop


@pytest.mark.parametrize("rows", [1, 8, 9, 25, 50])
def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(rows: int) -> None:
    """The last batch, which is smaller, counts for less."""
    task = Small(epochs=3, stops=False, rows=rows).task()
    history = train(task)
    sizes = [BATCH_SIZE] * (rows // BATCH_SIZE) + [rows % BATCH_SIZE] * (rows % BATCH_SIZE > 0)
    steps = np.reshape(history.losses, (3, len(sizes)))
    np.testing.assert_allclose(history.epoch_losses, steps @ sizes / rows, rtol=1e-12)
    assert history.rows == 3 * rows


def test_it_is_plain_gradient_descent() -> None:
    """The same as a loop that anybody would write."""
    small = Small(epochs=2, stops=False, keep_all=True)
    task, plain = small.task(), small.task()
    history = train(task)
    losses = []
    for epoch in range(2):
        for batch in plain.batches.epoch(epoch):
            plain.optimizer.zero_grad()
            loss = plain.loss(plain.model(batch.inputs), batch.targets)
            loss.backward()
            plain.optimizer.step()
            losses.append(loss.item())
        assert plain.scheduler is not None
        plain.scheduler.step()
    assert history.losses == losses
    assert_same_state(dict(task.model.state_dict()), dict(plain.model.state_dict()))


def test_the_callers_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    SMALL.train()
    assert torch.equal(torch.get_rng_state(), before)


def test_keeping_changes_no_number(tmp_path: Path) -> None:
    kept, free = SMALL.task(), SMALL.task()
    assert train(kept, keeping=Keeping(tmp_path, every=1)).losses == train(free).losses
    assert_same_state(dict(kept.model.state_dict()), dict(free.model.state_dict()))


def resumed(folder: Path, task: Task, compute: Compute = PLAIN, step: int = 12) -> None:
    """Go on from an earlier checkpoint of a training that is finished, in a folder of its own."""
    there = folder.with_name("resumed")
    shutil.copytree(folder, there)
    for path in checkpoints.found_in(there / "checkpoints"):
        if checkpoints.step_of(path) > step:
            path.unlink()
    train(task, compute, Keeping(there, resume=True))
    expected = newest(folder)
    assert_same_state(newest(there), expected)
    assert_each_step_once(there, expected["history"]["losses"].tolist())


def with_plateau(task: Task) -> Task:
    task.scheduler = ReduceLROnPlateau(task.optimizer, factor=0.5, patience=0, threshold=0.5)
    return task


def with_adam(task: Task) -> Task:
    task.optimizer = torch.optim.Adam(task.model.parameters(), lr=0.02)
    task.scheduler = OneCycleLR(task.optimizer, 0.02, total_steps=task.epochs)
    return task


@pytest.mark.parametrize("change", [with_plateau, with_adam])
def test_other_optimizers_and_schedules_go_on_too(
    change: Callable[[Task], Task], tmp_path: Path
) -> None:
    small, folder = Small(epochs=8, stops=False), tmp_path / "run"
    folder.mkdir()
    train(change(small.task()), keeping=Keeping(folder, every=6, keep=0))
    [group] = newest(folder)["optimizer"]["param_groups"]
    assert 0 < group["lr"] < 0.01
    resumed(folder, change(small.task()))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    small = Small()
    small.train(Keeping(tmp_path))
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    task = small.task()
    history = train(task, keeping=Keeping(tmp_path, resume=True))
    assert history.stopped_early
    assert history.losses == newest(tmp_path)["history"]["losses"].tolist()
    assert_same_state(dict(task.model.state_dict()), dict(newest(tmp_path)["best"]))
    assert {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before


def test_a_training_that_diverges_says_so(tmp_path: Path) -> None:
    task = SMALL.task()
    task.optimizer.param_groups[0]["lr"] = 1e30
    with pytest.raises(FloatingPointError, match=r"^the training loss of step \d+ is (inf|nan): "):
        train(task, keeping=Keeping(tmp_path, every=1))
    assert np.isfinite(newest(tmp_path)["history"]["losses"].numpy()).all()


# Compute


def test_mixed_precision_on_the_cpu_trains_and_goes_on(tmp_path: Path) -> None:
    folder, half = tmp_path / "run", Compute(amp=torch.bfloat16)
    folder.mkdir()
    history = train(SMALL.task(half), half, Keeping(folder, every=6, keep=0))
    plain = SMALL.train()
    assert history.losses != plain.losses
    np.testing.assert_allclose(history.losses, plain.losses, rtol=0.05, atol=0.05)
    assert {value.dtype for value in newest(folder)["model"].values()} == {torch.float32}
    resumed(folder, SMALL.task(half), half)


def test_deterministic_algorithms_are_for_the_training_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    seen = set()
    train(
        SMALL.task(),
        Compute(deterministic=True),
        on_progress=lambda _: seen.add(
            (
                torch.are_deterministic_algorithms_enabled(),
                torch.backends.cudnn.benchmark,
                os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
            )
        ),
    )
    assert seen == {(True, False, ":4096:8")}
    assert not torch.are_deterministic_algorithms_enabled()
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with pytest.raises(FloatingPointError):
        diverge(Compute(deterministic=True))
    assert not torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def diverge(compute: Compute) -> None:
    task = SMALL.task(compute)
    task.optimizer.param_groups[0]["lr"] = 1e30
    train(task, compute)


# Compilation


def compile_and_train(folder: Path) -> None:
    """In a child, for what torch.compile leaves in a process."""
    compiled = Compute(compiled=True)
    small = Small(epochs=2, stops=False, keep_all=True)
    train(small.task(compiled), compiled, Keeping(folder, every=4, keep=0))


def has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++"))


@pytest.mark.skipif(not has_compiler(), reason="torch.compile needs a C++ compiler on the CPU")
def test_a_compiled_model_trains_alike(tmp_path: Path) -> None:
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    folder = tmp_path / "run"
    folder.mkdir()
    ended = Child(tmp_path, compile_and_train, folder, environment=cache).end(300)
    assert ended.exit_code == 0, ended.stderr
    assert list((tmp_path / "cache").rglob("*.so"))  # it was compiled indeed
    history = newest(folder)["history"]
    plain = Small(epochs=2, stops=False, keep_all=True).train()
    np.testing.assert_allclose(history["losses"], plain.losses, rtol=1e-4)
    assert "0.weight" in newest(folder)["model"]  # as without it


def compile_in_vain(folder: Path) -> None:
    parity("train", *TRAIN, "--compile", "--out", folder)


def test_without_a_compiler_that_is_said(tmp_path: Path) -> None:
    nowhere = {"PATH": "", "CXX": "", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    ended = Child(tmp_path, compile_in_vain, tmp_path / "run", environment=nowhere).end()
    assert ended.exit_code == 2, ended.stderr
    [line] = ended.stderr.splitlines()
    assert line.startswith("Error: --compile is not to be had here (")
    assert line.endswith("); leave it out.")
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_not_compiled_is_called_as_it_is() -> None:
    model = nn.Linear(1, 1)
    assert Compute().ready(model) is model
    assert isinstance(Compute().ready(model)(torch.zeros(1, 1)), Tensor)
