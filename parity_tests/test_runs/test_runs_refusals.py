"""Calls that are refused: one sentence, exit code 2, and everything there as it was."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from parity.cli import train
from parity.runs import checkpoints, directory
from parity.runs.loop import Keeping
from parity_tests.runs_helpers import (
    Child,
    Small,
    assert_nothing_unfinished,
    assert_same_state,
    call,
    newest,
    parity,
)

TRAIN = ["mnist-conv", "--side", "reference", "--limit", 120]


def run(*args: object) -> Result:
    return CliRunner().invoke(train.command, [*map(str, args)])


def content_of(folder: Path) -> dict[str, bytes]:
    """All files, but for the lock that a killed process may leave."""
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def assert_refused(result: Result, words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert line.endswith(".")
    assert words in line


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps, with a checkpoint after each."""
    folder = tmp_path_factory.mktemp("finished")
    ended = call(folder, "train", *TRAIN, "--checkpoint-every", 1, "--out", folder / "run")
    assert ended.exit_code == 0, ended.stderr
    return folder / "run"


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def newest_of(out: Path) -> Path:
    return checkpoints.found_in(out / "checkpoints")[-1]


def edit_config(out: Path, **changes: Any) -> None:
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**config, **changes}))


def as_it_is(out: Path) -> None:
    pass


def truncate(out: Path) -> None:
    newest_of(out).write_bytes(newest_of(out).read_bytes()[:-1000])


def flip(out: Path) -> None:
    content = bytearray(newest_of(out).read_bytes())
    content[len(content) // 2] ^= 1
    newest_of(out).write_bytes(content)


def empty(out: Path) -> None:
    newest_of(out).write_bytes(b"")


def text_for_it(out: Path) -> None:
    newest_of(out).write_text("weights")


def another_models(out: Path) -> None:
    newest_of(out).unlink()
    folder = out.parent / "other"
    Small(epochs=1, rows=16, stops=False).train(Keeping(folder_of(folder)))
    shutil.copy(newest_of(folder), newest_of(out).with_name("step-000000002.pt"))


def folder_of(path: Path) -> Path:
    path.mkdir()
    return path


def of_more_steps(out: Path) -> None:
    state = checkpoints.load(newest_of(out))
    checkpoints.save(out / "checkpoints", 2, {**state, "steps": 1000}, keep=0)


def no_config(out: Path) -> None:
    (out / "config.json").unlink()


def config_no_json(out: Path) -> None:
    (out / "config.json").write_text("{")


def config_cut_in_a_letter(out: Path) -> None:
    (out / "config.json").write_bytes(b'{"parity_run": 1, "model": "\xc3')


def config_of_others(out: Path) -> None:
    (out / "config.json").write_text('{"model": "mine"}')


def config_newer(out: Path) -> None:
    edit_config(out, parity_run=2)


def config_without_options(out: Path) -> None:
    edit_config(out, options=None)


def config_of_another_model(out: Path) -> None:
    edit_config(out, model="next-character")


RESUME: list[tuple[Callable[[Path], None], list[object], str]] = [
    (truncate, [], "step-000000002.pt is damaged, or no checkpoint at all; without it, step-00000"),
    (flip, [], "step-000000002.pt is damaged, or no checkpoint at all"),
    (empty, [], "step-000000002.pt is damaged, or no checkpoint at all"),
    (text_for_it, [], "step-000000002.pt is damaged, or no checkpoint at all"),
    (another_models, [], "step-000000002.pt is of another model: "),
    (of_more_steps, [], "step-000000002.pt is of a training of 1,000 steps, not 2"),
    (no_config, [], "there is no run in"),
    (config_no_json, [], "config.json is damaged: it is not JSON"),
    (config_cut_in_a_letter, [], "config.json is damaged: it is not JSON"),
    (config_of_others, [], "config.json is not that of a run of parity train"),
    (config_newer, [], "holds a run of a newer version of Parity (format 2, this one reads up to"),
    (config_without_options, [], "config.json is damaged: the model or its options are missing"),
    (config_of_another_model, [], "parity train next-character --resume goes on with it"),
    (as_it_is, ["--overwrite"], "give one of them"),
    (as_it_is, ["--epochs", 2], "was begun with another --epochs (1)"),
    (as_it_is, ["--limit", 121], "was begun with another --limit (120)"),
    (as_it_is, ["--amp", "bf16"], "was begun with another --amp (None)"),
    (as_it_is, ["--side", "scratch"], "was begun with another --side (reference)"),
]


@pytest.mark.parametrize("damage, args, words", RESUME)
def test_what_cannot_be_gone_on_with_is_refused(
    damage: Callable[[Path], None], args: list[object], words: str, out: Path
) -> None:
    damage(out)
    before = content_of(out)
    assert_refused(run("mnist-conv", "--resume", *args, "--out", out), words)
    assert content_of(out) == before


@pytest.mark.parametrize(
    "damage, args, words",
    [
        (as_it_is, TRAIN, "holds a run of mnist-conv already (at step 2): give --resume to go on"),
        (as_it_is, ["mnist-conv", "--side", "scratch"], "holds a run of mnist-conv already"),
        (config_no_json, TRAIN, "config.json is damaged"),
        (config_no_json, ["mnist-conv", "--side", "scratch"], "config.json is damaged"),
        (config_newer, TRAIN, "newer version of Parity"),
        (no_config, TRAIN, "checkpoints is not of a run of parity train, and is left alone"),
        (no_config, [*TRAIN, "--overwrite"], "and is left alone; use another --out"),
        (config_of_others, [*TRAIN, "--overwrite"], "config.json is not of a run of parity train"),
        (config_no_json, [*TRAIN, "--overwrite"], "config.json is not of a run of parity train"),
    ],
)
def test_a_directory_that_holds_something_is_left_alone(
    damage: Callable[[Path], None], args: list[object], words: str, out: Path
) -> None:
    damage(out)
    before = content_of(out)
    assert_refused(run(*args, "--out", out), words)
    assert content_of(out) == before


@pytest.mark.parametrize(
    "args, words",
    [
        (["--device", "cuda"], "--device cuda is not to be had"),
        (["--device", "mps"], "--device mps is not to be had"),
        (["--amp", "fp16", "--device", "cpu"], "on the CPU there is --amp bf16"),
        (["--amp", "bf16", "--dtype", "float64"], "it does not go with float64"),
        (["--resume"], "there is no run in"),
    ],
)
def test_what_is_not_to_be_had_is_refused_before_anything_is_made(
    args: list[object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine without a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert_refused(run(*TRAIN, *args, "--out", tmp_path / "out"), words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--amp=bf16", "--compile", "--keep=3", "--device=cpu"])
def test_options_for_pytorch_do_not_go_with_scratch(option: str, tmp_path: Path) -> None:
    result = run("mnist-conv", "--side", "scratch", option, "--out", tmp_path / "out")
    assert_refused(result, f"{option.split('=')[0]} is for PyTorch; it does not go with --side")
    assert list(tmp_path.iterdir()) == []


def test_an_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert_refused(run(*TRAIN, "--out", out), "is not a directory")
        resumed = run("mnist-conv", "--resume", "--out", out)
        assert_refused(resumed, "config.json cannot be read: Not a directory")
    assert content_of(tmp_path) == {"file": b"mine"}


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc, where none may write")
def test_an_out_that_nobody_can_write_to_is_refused() -> None:
    """Not even root, for whom permissions count for nothing."""
    assert_refused(run(*TRAIN, "--out", "/proc/parity"), "/proc/parity")


def hold(out: Path) -> None:
    with directory.held(out):
        (out / "holding").touch()
        time.sleep(60)


@pytest.mark.parametrize("args", [["--resume"], ["--overwrite"], []])
def test_a_directory_in_which_another_process_trains_is_refused(
    args: list[object], out: Path, tmp_path: Path
) -> None:
    other = Child(tmp_path, hold, out)
    other.wait_for(out / "holding")
    before = content_of(out)
    try:
        assert_refused(run("mnist-conv", *args, "--out", out), "another process is training in")
        assert content_of(out) == before
    finally:
        other.process.kill()
        other.end()
    if args == ["--resume"]:
        assert run("mnist-conv", *args, "--out", out).exit_code == 0  # a killed one lets go of it


def test_overwriting_begins_anew_and_takes_nothing_else(out: Path) -> None:
    (out / "notes.txt").write_text("mine")
    (out / ".unfinished-1234").mkdir()  # as a process that was killed while writing leaves it
    result = run(*TRAIN, "--seed", 1, "--keep", 1, "--overwrite", "--out", out)
    assert result.exit_code == 0, result.output
    assert len(checkpoints.found_in(out / "checkpoints")) == 1
    assert json.loads((out / "config.json").read_text())["options"]["seed"] == 1
    assert (out / "notes.txt").read_text() == "mine"
    assert_nothing_unfinished(out)
    result = run("mnist-conv", "--side", "scratch", "--limit", 60, "--overwrite", "--out", out)
    assert result.exit_code == 0, result.output
    assert not directory.holds_run(out)
    assert not (out / "checkpoints").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_a_run_goes_on_with_its_options_but_for_those_of_the_call(out: Path) -> None:
    """How many checkpoints stay is as it was, where nothing else is asked for."""
    edit_config(out, options={**directory.read(out).options, "keep": 0})
    newest_of(out).unlink()
    checkpoints.save(out / "checkpoints", 0, {}, keep=0)
    result = run("mnist-conv", "--resume", "--device", "cpu", "--out", out)
    assert result.exit_code == 0, result.output
    steps = [checkpoints.step_of(path) for path in checkpoints.found_in(out / "checkpoints")]
    assert steps == [0, 1, 2]
    newest_of(out).unlink()
    assert run("mnist-conv", "--resume", "--keep", 1, "--out", out).exit_code == 0
    steps = [checkpoints.step_of(path) for path in checkpoints.found_in(out / "checkpoints")]
    assert steps == [2]


# A full disk


def with_files_of(size: int, *args: object) -> None:
    """In a child: ``parity``, with files of at most so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    parity("train", *args)


@pytest.mark.parametrize(
    "size, words",
    [
        (1_000_000, "the checkpoint of step 5 could not be written to"),
        (2500, "the metrics could not be written to"),
        (300, "cannot be used: File too large"),
    ],
)
def test_where_nothing_can_be_written_that_is_said(size: int, words: str, tmp_path: Path) -> None:
    """And the run goes on where there is room."""
    out = tmp_path / "run"
    args = [*TRAIN, "--epochs", 20, "--checkpoint-every", 5 if size > 3000 else 500, "--out", out]
    ended = Child(tmp_path, with_files_of, size, *args).end()
    assert ended.exit_code == 2, ended.stderr
    [line] = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert checkpoints.found_in(out / "checkpoints") == []
    assert_nothing_unfinished(out)
    if size > 300:
        ended = call(tmp_path, "train", "mnist-conv", "--resume", "--out", out)
    else:
        ended = call(tmp_path, "train", *args)
    assert ended.exit_code == 0, ended.stderr
    assert newest(out)["step"] == 40


def test_on_a_full_disk_the_checkpoint_before_goes_on(finished: Path, out: Path) -> None:
    newest_of(out).unlink()
    ended = Child(out.parent, with_files_of, 1_000_000, "mnist-conv", "--resume", "--out", out)
    line = ended.end().stderr
    assert "checkpoint of step 2 could not be written to" in line
    assert line.endswith("File too large; step-000000001.pt is there as before.\n")
    assert_nothing_unfinished(out)
    assert run("mnist-conv", "--resume", "--out", out).exit_code == 0
    assert_same_state(newest(out), newest(finished))


def test_while_a_directory_is_let_go_of_nobody_gets_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who locked a file that is then removed would train beside one who makes it anew."""
    remove = Path.unlink
    tried: list[Path] = []

    def meanwhile(self: Path, missing_ok: bool = False) -> None:
        if self.name == directory.LOCK and not tried:
            tried.append(self)
            with pytest.raises(directory.RunError, match="another process"):
                directory.held(tmp_path).__enter__()
        remove(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", meanwhile)
    with directory.held(tmp_path):
        pass
    assert tried
    with directory.held(tmp_path):
        assert (tmp_path / directory.LOCK).exists()
    assert not list(tmp_path.iterdir())
