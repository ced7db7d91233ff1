"""`parity train next-character`: what is printed and written, all files or none."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from numpy import ndarray

from parity.cli import train as train_command
from parity.training import next_character, text_learners
from parity.training.lock_step import LIMIT, LockStep
from parity.training.next_character import Trained
from parity.training.text_learners import ReferenceLearner, ScratchLearner
from parity_tests.rhymes import RHYME, SMALL

FILES = {"losses.png", "samples.txt", "sample_scratch.txt", "sample_reference.txt", "results.json"}
RUN_FILES = {"config.json", "metrics.csv", "checkpoints", "tensorboard"}

OPTIONS = ("--hidden", 8, "--length", 5, "--batch-size", 4, "--steps", 12, "--sample-every", 5)
SIDES = pytest.mark.parametrize("side", ["scratch", "reference"])


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "rhyme.txt"
    path.write_text(RHYME, encoding="utf-8")
    return path


def call(*args: object) -> Result:
    arguments = ["next-character", *map(str, args)]
    return CliRunner(env={"COLUMNS": "80"}).invoke(train_command.command, arguments)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("both")
    (folder / "rhyme.txt").write_text(RHYME, encoding="utf-8")
    out = folder / "out"
    return call(*OPTIONS, "--text", folder / "rhyme.txt", "--out", out), out


def test_files_and_numbers_of_both_sides(both: tuple[Result, Path]) -> None:
    result, out = both
    assert result.exit_code == 0
    assert {path.name for path in out.iterdir()} == FILES | RUN_FILES
    results = json.loads((out / "results.json").read_text())
    assert (results["text"], results["dtype"]) == ("rhyme.txt", "float32")
    assert results["training_characters"] + results["held_out_characters"] == len(RHYME)
    assert results["interrupted"] is False
    for side in ("scratch", "reference"):
        found = results["sides"][side]
        assert len(found["losses"]) == 12
        assert 1 < found["perplexity"] < len(results["vocabulary"])
        assert list(found["samples"]) == ["5", "10", "12"]
        assert (out / f"sample_{side}.txt").read_text() == found["samples"]["12"]
    assert 0 <= results["lock_step"]["in_a_step"] < LIMIT
    assert 0 < results["largest_relative_differences"]["12"] < 1e-3


def test_what_is_printed_is_narrow_and_says_what_was_done(both: tuple[Result, Path]) -> None:
    result, out = both
    lines = result.output.splitlines()
    assert max(len(line) for line in lines if str(out) not in line) <= 80
    words = " ".join(result.stdout.split())
    assert words.startswith("rhyme.txt, character by character (chapter 6) LSTM 8 to 14;")
    assert "until the sides drift apart" in words
    assert "Each step is equal on both sides (the limit is 1e-08)." in words
    rows = [line.split() for line in lines]
    assert ["scratch", "reference"] in rows
    assert any(row[:4] == ["loss", "at", "step", "12"] for row in rows)


def test_samples_say_step_and_side(both: tuple[Result, Path]) -> None:
    """Those on the way go with the progress bar, the last ones with the results."""
    result, out = both
    for side in ("scratch", "reference"):
        for steps in (5, 10, 12):
            assert f"=== {side} after {steps} steps ===" in (out / "samples.txt").read_text()
            at_the_end = steps == 12
            assert (f"{side} after {steps} steps ──" in result.stdout) == at_the_end
            assert (f"{side} after {steps} steps ──" in result.stderr) != at_the_end


def test_samples_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "codes.txt"
    path.write_text("\x1b[31m\t[red]" * 40, encoding="utf-8")
    out = tmp_path / "out"
    result = call(*OPTIONS, "--side", "scratch", "--text", path, "--out", out)
    assert result.exit_code == 0
    assert "\x1b" in (out / "sample_scratch.txt").read_text()
    assert "\x1b" not in result.output
    assert "\t" not in result.output


def test_one_side_needs_no_other(text: Path, tmp_path: Path) -> None:
    for side in ("scratch", "reference"):
        out = tmp_path / side
        result = call(
            *(*OPTIONS, "--side", side, "--text", text, "--out", out),
            *("--dtype", "float64", "--layers", "GRU, lstm", "--batches", "shuffled"),
        )
        assert result.exit_code == 0
        assert "lock-step" not in result.output
        results = json.loads((out / "results.json").read_text())
        assert list(results["sides"]) == [side]
        assert results["layers"] == ["gru", "lstm"]
        assert (results["dtype"], results["lock_step"]) == ("float64", None)
        assert "which starts from 0" in results["recipe"]


def test_options_reach_the_training(text: Path, tmp_path: Path, monkeypatch: Any) -> None:
    seen: list[tuple[Any, ...]] = []

    def spy(*args: Any) -> Trained:
        seen.append(args)
        raise KeyboardInterrupt

    monkeypatch.setattr(next_character, "train", spy)
    call(
        *(*OPTIONS, "--text", text, "--side", "scratch", "--seed", 3, "--dtype", "float64"),
        *("--no-carry-state", "--clip", "norm", "--clip-limit", 5, "--reduction", "mean"),
        *("--temperature", 0.5, "--held-out", 0.5, "--out", tmp_path / "out"),
    )
    [(side, experiment, characters, seed, dtype, writing, _, _)] = seen
    assert (side, seed, dtype) == ("scratch", 3, "float64")
    assert experiment == replace(SMALL, carries=False, clipping="norm", limit=5.0, reduction="mean")
    assert (writing.every, writing.temperature) == (5, 0.5)
    assert len(characters.held_out) == len(RHYME) // 2


def test_a_difference_is_exit_code_1(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    different = LockStep(10, 1e-7, 1e-7, 1e-7)
    monkeypatch.setattr(next_character, "lock_step", lambda *args: different)
    result = call(*OPTIONS, "--text", text, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "The sides DIFFER (the limit is 1e-08)." in result.output


def test_divergence_is_told_and_nothing_written(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_learners, "LEARNING_RATE", 1e38)
    options = (*OPTIONS, "--text", text, "--layers", "rnn", "--side", "scratch")
    result = call(*options, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "the training has diverged." in result.stderr
    assert list(tmp_path.iterdir()) == [text]


@pytest.mark.parametrize(
    "args, words",
    [
        (["--layers", "lstm,transformer"], "'transformer' is none of rnn, gru, lstm."),
        (["--layers", ""], "'' is none of rnn, gru, lstm."),
        (["--text", "nowhere.txt"], "File 'nowhere.txt' does not exist"),
        (["--steps", 0], "1<=x<=1000000"),
        (["--hidden", 0], "1<=x<=4096"),
        (["--held-out", 1], "range 0<x<1."),
        (["--held-out", "nan"], "nan is not a finite number"),
        (["--temperature", -1], "x>=0"),
        (["--temperature", "inf"], "inf is not a finite number"),
        (["--clip-limit", 0], "x>0"),
        (["--dtype", "float16"], "'float16' is not one of"),
        (["--batches", "random"], "'random' is not one of"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(args: list[object], words: str, tmp_path: Path) -> None:
    result = call(*args, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split()).replace("│ ", "")
    assert list(tmp_path.iterdir()) == []


Interrupt = Callable[[str, int], None]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Lets Ctrl-C come on a side when it has done so many steps."""

    def at(side: str, steps: int) -> None:
        done = 0
        step = ScratchLearner.step

        def interrupted(self: ScratchLearner, inputs: ndarray, targets: ndarray) -> float:
            nonlocal done
            if done == steps:
                raise KeyboardInterrupt
            done += 1
            return step(self, inputs, targets)

        def interrupted_too(self: ReferenceLearner) -> None:
            """The step that it comes in is finished."""
            nonlocal done
            done += 1
            if done == steps:
                signal.raise_signal(signal.SIGINT)

        if side == "scratch":
            monkeypatch.setattr(ScratchLearner, "step", interrupted)
        else:
            monkeypatch.setattr(ReferenceLearner, "clip", interrupted_too)
        monkeypatch.setattr(next_character, "lock_step", lambda *args: LockStep(1, 0, 0, 0))

    return at


def test_an_interruption_of_the_reference_side_leaves_a_run_to_go_on_with(
    text: Path, tmp_path: Path, interrupt: Interrupt
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.json").write_text("of an earlier run")
    interrupt("reference", 7)
    result = call(*OPTIONS, "--text", text, "--out", out)
    assert result.exit_code == 130
    assert "Interrupted: reference had done 7 of 12 steps, with a loss of" in result.stderr
    assert f". The same call with --resume goes on with the run in {out}." in result.stderr
    assert (out / "results.json").read_text() == "of an earlier run"
    assert {path.name for path in out.iterdir()} == {"results.json", *RUN_FILES}
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-000000007.pt"]


def test_an_interruption_of_the_scratch_side_keeps_what_was_done(
    text: Path, tmp_path: Path, interrupt: Interrupt
) -> None:
    """PyTorch is trained first."""
    out = tmp_path / "out"
    interrupt("scratch", 7)
    result = call(*OPTIONS, "--text", text, "--out", out)
    assert result.exit_code == 130
    assert "Interrupted: reference had finished, with a perplexity of" in result.stderr
    assert "; scratch had done 7 of 12 steps, with a loss of" in result.stderr
    kept = out / "interrupted"
    ending = f" (in {kept}). The same call with --resume goes on with the run in {out}."
    assert result.stderr.rstrip("\n").endswith(ending)
    assert {path.name for path in kept.iterdir()} == FILES - {"sample_scratch.txt"}
    results = json.loads((kept / "results.json").read_text())
    assert results["interrupted"] is True
    found = {side: len(results["sides"][side]["losses"]) for side in results["sides"]}
    assert list(found.items()) == [("scratch", 7), ("reference", 12)]
    assert results["sides"]["scratch"]["perplexity"] is None
    assert list(results["sides"]["scratch"]["samples"]) == ["5"]


def test_so_it_does_where_it_is_alone(text: Path, tmp_path: Path, interrupt: Interrupt) -> None:
    """There are no checkpoints then."""
    out = tmp_path / "out"
    interrupt("scratch", 7)
    result = call(*OPTIONS, "--side", "scratch", "--text", text, "--out", out)
    assert result.exit_code == 130
    assert result.stderr.endswith(f". What was done is in {out / 'interrupted'}.\n")
    assert {path.name for path in out.rglob("*")} == {
        "interrupted", "losses.png", "results.json", "samples.txt",
    }  # fmt: skip


def test_an_interruption_before_the_first_step_writes_nothing(
    text: Path, tmp_path: Path, interrupt: Interrupt
) -> None:
    interrupt("scratch", 0)
    result = call(*OPTIONS, "--side", "scratch", "--text", text, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted: no step was finished. Nothing was written.\n"
    assert list(tmp_path.iterdir()) == [text]


def test_an_interruption_of_the_lock_step_leaves_a_run_that_has_not_begun(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> LockStep:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(next_character, "lock_step", interrupted)
        result = call(*OPTIONS, "--text", text, "--out", out)
    assert result.exit_code == 130
    assert result.stderr == (
        "Interrupted: no step was finished. The same call with --resume goes on with the run in "
        f"{out}.\n"
    )
    assert [path.name for path in out.iterdir()] == ["config.json"]
    assert call("--resume", "--out", out).exit_code == 0


def test_what_is_in_the_way_of_the_results_is_found_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "a" / "results.json").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "interrupted").touch()
    for folder, words in (
        ("a", "there is a directory of that name."),
        ("b", "interrupted is not a directory."),
    ):
        result = call(*OPTIONS, "--out", tmp_path / folder)
        assert result.exit_code == 2
        assert words in " ".join(result.stderr.split())
        assert result.stdout == ""
