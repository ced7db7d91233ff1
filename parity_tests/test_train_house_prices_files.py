"""`parity train house-prices`: where its files go, and that they are all there or none."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from datasets import BostonSplit, boston_split
from parity.cli import train
from parity.training import house_prices
from parity.training.house_prices import SEED, Trained, train_reference
from parity.training.output import all_or_nothing, why_not_writable

#: What a run of PyTorch's side keeps beside pictures and results.
KEPT = {"config.json", "checkpoints", "metrics.csv", "tensorboard"}


def house_prices_command(*args: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80"})
    return runner.invoke(train.command, ["house-prices", *args])


@pytest.mark.parametrize("below", ["", "sub", "sub/sub"])
def test_out_that_is_a_file_is_refused_before_training(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "parity.cli.train.house_prices._train", lambda *args: pytest.fail("has trained")
    )
    file = tmp_path / "file"
    file.write_text("mine")
    out = file / below
    shown = house_prices_command("--out", str(out))
    assert shown.exit_code == 2
    assert shown.output == (f"Error: nothing can be written to {out}: {file} is not a directory.\n")
    assert file.read_text() == "mine"


def test_a_directory_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions themselves would not stop root.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert why_not_writable(tmp_path / "new") == f"{tmp_path} is not writable"


def test_a_disk_that_fills_up_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(figure: object, path: Path) -> None:
        path.write_bytes(b"half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("parity.figures.save", full)
    out = tmp_path / "out"
    shown = house_prices_command("--side", "scratch", "--epochs", "1", "--out", str(out))
    assert shown.exit_code == 2
    last = shown.output.splitlines()[-1]
    assert last == f"Error: the files could not be written to {out}: No space left on device."
    assert not out.exists()


def interrupted(
    model: str, data: BostonSplit, epochs: int, seed: int, on_epoch: Any, running: Any = None
) -> Trained:
    on_epoch(1, 84.9)
    raise KeyboardInterrupt


def test_an_interrupted_training_says_what_it_had_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_prices, "train_scratch", interrupted)
    finished = train_reference("one-hidden", boston_split("corrected"), 2, SEED, lambda *_: None)
    shown = house_prices_command("--epochs", "2", "--out", str(tmp_path / "out"))
    assert shown.exit_code == 130
    assert shown.stderr == (
        "Interrupted: reference had finished, with a validation loss of "
        f"{finished.validation_losses[-1]:.3f}; scratch had done 1 of 2 epochs, with a "
        "validation loss of 84.900. The same call with --resume goes on with the run in "
        f"{tmp_path / 'out'}.\n"
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == KEPT


def test_an_interrupted_training_in_numpy_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_prices, "train_scratch", interrupted)
    shown = house_prices_command("--side", "scratch", "--out", str(tmp_path / "out"))
    assert shown.exit_code == 130
    assert shown.stderr == (
        "Interrupted: scratch had done 1 of 50 epochs, with a validation loss of 84.900. "
        "Nothing was written.\n"
    )
    assert not (tmp_path / "out").exists()


def test_an_interrupt_while_writing_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(figure: object, path: Path) -> None:
        path.write_bytes(b"half a picture")
        raise KeyboardInterrupt

    (tmp_path / "losses.png").write_bytes(b"old")
    monkeypatch.setattr("parity.figures.save", interrupted)
    shown = house_prices_command("--side", "scratch", "--epochs", "1", "--out", str(tmp_path))
    assert shown.exit_code == 130
    assert "Nothing was written." in shown.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["losses.png"]
    assert (tmp_path / "losses.png").read_bytes() == b"old"


def test_files_come_all_together_over_the_old_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "mine").write_text("mine")
    with all_or_nothing(tmp_path) as unfinished:
        for name in "ab":
            (unfinished / name).write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a": "new",
        "b": "new",
        "mine": "mine",
    }
