"""`parity book 4`: ten trainings beside the book's, each with its band; here in the quick form."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from datasets.files import DATA_DIRECTORY
from parity.book import chapter4
from parity.book.rows import Row
from parity.cli.book import command
from parity.training.experiments import EXPERIMENTS
from parity.training.mnist_dense import Trained

LIMIT = 120


@cache
def _quick_parts() -> list[list[Row]]:
    return list(chapter4.parts(LIMIT))


@pytest.fixture(scope="module", autouse=True)
def quick_parts() -> list[list[Row]]:
    """Computed before any test puts something in the place of what computes them."""
    return _quick_parts()


def book(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(command, args)


def trained_as_printed(id_: str, accuracy: float | None = None, shift: float = 0.0) -> Trained:
    """As if a side had come to the book's numbers."""
    experiment = EXPERIMENTS[id_]
    epochs = experiment.stopped or experiment.epochs
    losses = [0.0] * epochs
    for i, loss in enumerate(experiment.printed_losses, start=1):
        losses[10 * i - 1] = loss + shift
    accuracy = experiment.printed_accuracy / 100 if accuracy is None else accuracy
    return Trained(
        "scratch",
        losses,
        losses,
        [accuracy] * epochs,
        list(range(10, epochs + 1, 10)),
        experiment.stopped is not None,
        epochs - 10,
        np.zeros(1),
        1.0,
        1,
    )


@pytest.fixture
def as_printed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Trained]:
    """Lets the trainings end as in the book, unless a test puts something else in their place."""
    trained = {id_: trained_as_printed(id_) for id_ in EXPERIMENTS}

    def train(experiment: Any, data: Any, epochs: int, seed: int, on_epoch: Any) -> Trained:
        return trained[experiment.id]

    monkeypatch.setattr(chapter4, "train_scratch", train)
    return trained


def test_small_facts_are_equal_or_near(quick_parts: list[list[Row]]) -> None:
    facts = quick_parts[0]
    assert [row.ours for row in facts[:3]] == ["0.84 0.11 0.04", "1.00", "0.33"]
    assert all(row.equal for row in facts[:3])
    assert facts[3].in_band
    assert not facts[3].equal  # it is drawn at random


def test_the_quick_form_has_all_ten_and_claims_nothing(quick_parts: list[list[Row]]) -> None:
    _, *experiments, gains = quick_parts
    assert [part[0].id for part in experiments] == list(EXPERIMENTS)
    for part in [*experiments, gains]:
        assert {row.kind for row in part} == {"not comparable"}
        assert not any(row.failed for row in part)
    assert {part[-1].what for part in experiments} == {"accuracy, %"}


def test_trainings_like_the_books_pass(as_printed: dict[str, Trained]) -> None:
    rows = chapter4.rows()
    assert not any(row.failed for row in rows)
    assert all(float(row.ours) > 0 and row.equal for row in rows if row.kind == "gain")
    for id_, experiment in EXPERIMENTS.items():
        ours = [row for row in rows if row.id == id_]
        assert all(row.in_band and row.equal for row in ours)
        assert len(ours) == len(experiment.printed_losses) + 2


def test_an_accuracy_far_off_fails_and_a_loss_far_off_is_only_said(
    as_printed: dict[str, Trained],
) -> None:
    """An accuracy too, as long as it is not off by more than twice its band."""
    as_printed["4.4"] = trained_as_printed("4.4", accuracy=0.9540)
    as_printed["4.10"] = trained_as_printed("4.10", accuracy=0.9551, shift=0.03)
    off = [row for row in chapter4.rows() if row.kind == "band" and not row.in_band]
    assert [(row.id, row.what, row.failed) for row in off] == [
        ("4.4", "accuracy, %", False),
        *(("4.10", f"validation loss, epoch {epoch}", False) for epoch in (10, 20, 30, 40)),
        ("4.10", "accuracy, %", True),
    ]
    shown = book("4")
    assert shown.exit_code == 1
    assert shown.output.count("not within 0.02") == 4
    assert "Too far off: 4.10 accuracy, %." in " ".join(shown.output.split())


@pytest.mark.parametrize(
    "accuracy, gain, mark, failed",
    [(0.9700, "+0.15", "holds", False), (0.9725, "-0.10", "by chance", False),
     (0.9766, "-0.51", "DIFFERS", True)],
)  # fmt: skip
def test_a_trick_that_lowers_the_accuracy_by_more_than_chance_is_a_difference(
    accuracy: float, gain: str, mark: str, failed: bool, as_printed: dict[str, Trained]
) -> None:
    as_printed["4.8"] = trained_as_printed("4.8", accuracy)
    row = chapter4.rows()[-1]
    assert row.what == "two hidden layers with dropout: 4.9 over 4.8"
    assert (row.printed, row.ours, row.failed) == ("+0.20", gain, failed)
    shown = book("4")
    assert shown.exit_code == failed
    assert any(gain in line and line.rstrip().endswith(mark) for line in shown.output.splitlines())


def test_a_stop_one_evaluation_later_is_in_the_band_and_two_are_not(
    quick_parts: list[list[Row]],
) -> None:
    stop = next(row for row in quick_parts[3] if row.what == "ended after epoch")
    stop = replace(stop, kind="band")
    assert replace(stop, ours="60").in_band
    assert not replace(stop, ours="70").in_band


def test_the_quick_form_is_printed_in_80_columns(
    quick_parts: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(limit: int | None, on_experiment: Any) -> Iterator[list[Row]]:
        assert limit == LIMIT
        return iter(quick_parts)

    monkeypatch.setattr("parity.cli.book.chapter4.parts", parts)
    shown = book("4", "--limit", str(LIMIT))
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= 80
    assert "With --limit the trainings cannot be compared" in " ".join(shown.output.split())
    content = json.loads(book("4", "--limit", str(LIMIT), "--json").output)
    assert content["passed"] is None  # nothing could be compared
    assert content["interrupted"] is False
    assert {row["id"] for row in content["rows"]} == {"4.0", *EXPERIMENTS, "4.11"}


def test_what_was_done_before_an_interruption_is_printed(
    quick_parts: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(limit: int | None, on_experiment: Any) -> Iterator[list[Row]]:
        yield quick_parts[0]
        on_experiment("4.1", 50)(1, 0.5, 0.6)
        raise KeyboardInterrupt

    monkeypatch.setattr("parity.cli.book.chapter4.parts", parts)
    shown = book("4")
    assert shown.exit_code == 130
    assert "softmax of [5, 3, 2]" in shown.output
    assert "Interrupted: what is above was done." in shown.stderr
    assert "are equal to the last printed digit" not in shown.output
    content = json.loads(book("4", "--json").stdout)
    assert (content["passed"], content["interrupted"]) == (False, True)


def test_a_limit_is_for_the_chapters_that_train() -> None:
    shown = book("3", "--limit", "60")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("Error: --limit is for chapters 4 to 7 only")


def test_damaged_data_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Path(shutil.copytree(DATA_DIRECTORY, tmp_path / "data"))
    damaged = directory / "mnist" / "train-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    monkeypatch.setattr("datasets.files.DATA_DIRECTORY", directory)
    shown = book("4", "--limit", "60")
    assert shown.exit_code == 2
    assert f"Error: The data file {damaged} is truncated" in shown.output
    assert "Traceback" not in shown.output
