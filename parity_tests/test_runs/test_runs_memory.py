"""Memory that is not enough: one sentence, exit code 2, and what was kept is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from parity.cli import train
from parity.runs import checkpoints, compute, loop
from parity.runs.compute import Compute
from parity.runs.memory import is_out_of_gpu_memory, is_out_of_memory
from parity_tests.runs_helpers import (
    assert_each_step_once,
    assert_nothing_unfinished,
    assert_same_state,
    call,
    newest,
    parity,
    start_together,
)

TRAIN = ["mnist-conv", "--side", "reference", "--limit", 360, "--checkpoint-every", 2]
STEPS = 6

COMPUTER = "Error: this computer has not enough memory for this model, its batches and its data; "
APPLE = "Error: the Apple GPU has not enough memory for this model, its batches and its data; "
CARD = "Error: H200 (cuda:0) has not enough memory for this model, its batches and its data; "


def full_card() -> None:
    raise torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8.00 GiB of "
        "which 1.20 GiB is free."
    )


def full_apple_gpu() -> None:
    raise RuntimeError(
        "MPS backend out of memory (MPS allocated: 8.97 GB, other allocations: 60.00 MB, max "
        "allowed: 9.07 GB). Tried to allocate 72.00 MB on private pool."
    )


def full_cublas() -> None:
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


def full_context() -> None:
    raise RuntimeError("CUDA error: out of memory")


def too_large_a_tensor() -> None:
    """As the computer itself says it: more than it can address."""
    torch.empty(1 << 60, dtype=torch.uint8)


def too_large_an_array() -> None:
    np.empty(1 << 60, dtype=np.uint8)


def another_error() -> None:
    raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (60x784 and 10x784)")


OF_A_GPU = [full_card, full_apple_gpu, full_cublas, full_context]
OF_THE_COMPUTER = [too_large_a_tensor, too_large_an_array]


def run(*args: object) -> Result:
    return CliRunner().invoke(train.command, [*map(str, args)])


def assert_refused(result: Result, line: str) -> None:
    assert result.exit_code == 2, result.output
    assert (result.stdout, result.stderr) == ("", f"{line}\n")


def fail_in_step(number: int, error: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    step = loop._Training._step

    def failing(training: Any, batch: Any) -> None:
        if training.state.step == number - 1:
            error()
        step(training, batch)

    patch.setattr(loop._Training, "_step", failing)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all its checkpoints."""
    folder = tmp_path_factory.mktemp("finished")
    ended = call(folder, "train", *TRAIN, "--keep", 0, "--out", folder / "run")
    assert ended.exit_code == 0, ended.stderr
    assert newest(folder / "run")["step"] == STEPS
    return folder / "run"


@pytest.fixture
def begun(finished: Path, tmp_path: Path) -> Path:
    """A copy of it as it was after four steps."""
    out = Path(shutil.copytree(finished, tmp_path / "run"))
    checkpoints.path_of(out / "checkpoints", STEPS).unlink()
    return out


@pytest.fixture
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU of a type, on which there is no room for the data."""
    device = torch.device("cuda:0" if request.param == "cuda" else request.param)
    monkeypatch.setattr(
        compute, "find_compute", lambda _, amp, *others: Compute(device, compute.AMP_TYPES.get(amp))
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H200")
    error = full_card if device.type == "cuda" else full_apple_gpu
    monkeypatch.setattr(Compute, "to_device", lambda compute, tensor: error())
    monkeypatch.setattr(torch.nn.Module, "to", lambda model, *args: model)


@pytest.mark.parametrize("error", [*OF_A_GPU, *OF_THE_COMPUTER])
def test_each_way_of_saying_it_is_known(error: Callable[[], None]) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as raised:
        error()
    assert is_out_of_memory(raised.value)
    assert is_out_of_gpu_memory(raised.value) == (error in OF_A_GPU)


def test_another_error_is_none_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError) as raised:
        another_error()
    assert not is_out_of_memory(raised.value)
    fail_in_step(5, another_error, monkeypatch)
    result = run(*TRAIN, "--out", tmp_path / "run")
    assert isinstance(result.exception, RuntimeError)
    assert str(result.exception).startswith("mat1 and mat2")


@pytest.mark.parametrize("error", [full_card, full_apple_gpu, too_large_a_tensor])
def test_a_step_without_memory_leaves_the_checkpoints_before(
    error: Callable[[], None], finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        fail_in_step(6, error, patch)
        result = run(*TRAIN, "--keep", 0, "--out", out)
    goes_on = f"close other programs, and --resume goes on with the run in {out}."
    assert_refused(result, COMPUTER + goes_on)
    found = checkpoints.found_in(out / "checkpoints")
    assert [checkpoints.load(path)["step"] for path in found] == [2, 4]
    assert_nothing_unfinished(out)
    ended = call(tmp_path, "train", "mnist-conv", "--resume", "--out", out)
    assert ended.exit_code == 0, ended.stderr
    assert_same_state(newest(out), newest(finished))
    assert_each_step_once(out, newest(finished)["history"]["losses"].tolist())


@pytest.mark.parametrize(
    "args, advice",
    [
        ([], "close other programs."),
        (["--dtype", "float64"], "close other programs, or give --dtype float32."),
    ],
)
def test_without_memory_for_a_first_step_nothing_is_left(
    args: list[str], advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same call is possible again."""
    fail_in_step(1, too_large_a_tensor, monkeypatch)
    assert_refused(run(*TRAIN, *args, "--out", tmp_path / "run"), COMPUTER + advice)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "gpu, args, line",
    [
        (
            "cuda",
            [],
            f"{CARD}close other programs that use it, or give --device cpu or --amp bf16.",
        ),
        (
            "cuda",
            ["--dtype", "float64"],
            f"{CARD}close other programs that use it, or give --device cpu or --dtype float32.",
        ),
        (
            "mps",
            ["--amp", "bf16"],
            f"{APPLE}close other programs that use it, or give --device cpu.",
        ),
    ],
    indirect=["gpu"],
)
@pytest.mark.usefixtures("gpu")
def test_a_gpu_without_room_is_named_and_what_takes_less_of_it(
    args: list[str], line: str, tmp_path: Path
) -> None:
    assert_refused(run(*TRAIN, *args, "--out", tmp_path / "run"), line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gpu", ["mps"], indirect=True)
@pytest.mark.usefixtures("gpu")
def test_where_batches_may_be_smaller_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in_step(1, full_apple_gpu, monkeypatch)
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be " * 200)
    result = run("next-character", "--side", "reference", "--text", text, "--out", tmp_path / "run")
    assert_refused(
        result,
        f"{APPLE}close other programs that use it, or give --device cpu or --amp bf16 or a smaller "
        "--batch-size.",
    )


@pytest.mark.parametrize("gpu", ["cuda"], indirect=True)
@pytest.mark.parametrize("steps", [4, 0])
@pytest.mark.usefixtures("gpu")
def test_a_run_goes_on_with_its_options_but_for_the_device(steps: int, begun: Path) -> None:
    if not steps:
        shutil.rmtree(begun / "checkpoints")
        (begun / "metrics.csv").unlink()
    before = sorted(begun.rglob("*"))
    assert_refused(
        run("mnist-conv", "--resume", "--out", begun),
        f"{CARD}close other programs that use it, or add --device cpu, and --resume goes on with "
        f"the run in {begun}.",
    )
    assert sorted(begun.rglob("*")) == before


@pytest.mark.parametrize("place", ["torch.load", "torch.optim.Optimizer.load_state_dict"])
def test_a_checkpoint_that_finds_no_room_is_not_called_damaged(
    place: str, begun: Path, finished: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, lambda *_, **__: too_large_a_tensor())
        result = run("mnist-conv", "--resume", "--out", begun)
    goes_on = f"close other programs, and --resume goes on with the run in {begun}."
    assert_refused(result, COMPUTER + goes_on)
    assert call(begun.parent, "train", "mnist-conv", "--resume", "--out", begun).exit_code == 0
    assert_same_state(newest(begun), newest(finished))


def test_the_scratch_side_says_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "parity.training.mnist_conv.train_scratch", lambda *_, **__: too_large_an_array()
    )
    assert_refused(
        run("mnist-conv", "--side", "scratch", "--limit", 60, "--out", tmp_path / "run"),
        "Error: this computer has not enough memory for this training; close other programs.",
    )


def second_without_memory(*args: object) -> None:
    """In a child: ``parity``, with no room in the second process after four steps."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ["RANK"] == "1":
            fail_in_step(5, full_card, patch)
        parity(*args)


def test_of_two_processes_the_one_without_memory_says_so(tmp_path: Path) -> None:
    """The other one knows only that it has ended."""
    out = tmp_path / "run"
    args = [argument for argument in TRAIN if argument not in ("--side", "reference")]
    first, second = (
        child.end()
        for child in start_together(
            tmp_path, second_without_memory, "train", *args, "--keep", 0, "--out", out
        )
    )
    goes_on = f"--resume goes on with the run in {out}."
    assert (first.exit_code, second.exit_code) == (1, 2)
    assert first.stderr == f"Error: another of the processes has ended; {goes_on}\n"
    assert second.stderr == f"{COMPUTER}close other programs, and {goes_on}\n"
    found = checkpoints.found_in(out / "checkpoints")
    assert [checkpoints.load(path)["step"] for path in found] == [2, 4]
