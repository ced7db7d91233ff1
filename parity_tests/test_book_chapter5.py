"""`parity book 5`: small facts, and one training with either gradient; here in the quick form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from parity.book import chapter5
from parity.book.chapter5 import RIGHT_GRADIENT
from parity.book.rows import Row
from parity.cli.book import command
from parity.training.conv_experiment import (
    PRINTED_ACCURACIES,
    PRINTED_ACCURACY,
    PRINTED_LOSS,
    ConvExperiment,
)
from parity.training.mnist_conv import Trained, make_scratch

LIMIT = 120


def book(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(command, args)


@pytest.fixture(scope="module")
def quick_parts() -> list[list[Row]]:
    """Computed before any test puts something in the place of what computes them."""
    return list(chapter5.parts(LIMIT))


def trained(accuracy: float, loss: float, on_the_way: float = 0.0) -> Trained:
    """As if a side had come to these, and to the book's accuracies on the way, off by so much."""
    accuracies = {
        batches: (percent + on_the_way) / 100 for batches, percent in PRINTED_ACCURACIES.items()
    }
    return Trained("scratch", [1.0], accuracies, loss, accuracy / 100, np.zeros(1), [], 1.0, 1)


Ends = dict[str, Trained]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """Lets the trainings end as in the book, unless a test puts something else in their place."""
    by_gradients = {
        "as-printed": trained(PRINTED_ACCURACY, PRINTED_LOSS),
        "right": trained(93, 2.5),
    }

    def train(experiment: ConvExperiment, *rest: Any) -> Trained:
        return by_gradients[experiment.gradients]

    monkeypatch.setattr(chapter5, "train_scratch", train)
    return by_gradients


def test_small_facts_are_the_books(quick_parts: list[list[Row]]) -> None:
    facts = quick_parts[0]
    assert [row.ours for row in facts] == [
        *("0 1 2 3 4 5 0", "3 6 9 12 9", "39", "41", "2", "49", "10"),
        *("800", "25088"),
    ]
    assert all(row.equal and row.kind == "exact" for row in facts)


def test_a_gradient_is_what_the_sum_gains(quick_parts: list[list[Row]]) -> None:
    ours = {row.what: float(row.ours) for row in quick_parts[0][2:7]}
    assert ours["the gradient on the 5"] == ours["the sum with 6 for the 5"] - 39
    assert ours["the gradient on the filter's first"] == ours["the sum with the filter 2 1 1"] - 39


def test_the_quick_form_trains_with_either_gradient_and_claims_nothing(
    quick_parts: list[list[Row]],
) -> None:
    rows = quick_parts[1]
    assert [row.what for row in rows] == ["validation loss", "accuracy, %"]
    for row in rows:
        assert row.kind == "not comparable"
        assert not row.failed
    assert rows[0].ours != rows[0].instead[RIGHT_GRADIENT]


def test_a_training_like_the_books_passes(ends: Ends) -> None:
    _, rows = chapter5.parts()
    assert len(rows) == len(PRINTED_ACCURACIES) + 2
    assert all(row.equal and row.in_band and not row.failed for row in rows)
    assert rows[-1].instead == {RIGHT_GRADIENT: "93.00"}
    assert book("5").exit_code == 0


def test_the_end_far_off_fails_and_the_way_there_is_only_said(ends: Ends) -> None:
    ends["as-printed"] = trained(89.49, 3.0, on_the_way=-5)
    off = [row for row in chapter5.rows() if row.kind == "band" and not row.in_band]
    assert [(row.what, row.failed) for row in off] == [
        *((f"accuracy after {batches} batches, %", False) for batches in PRINTED_ACCURACIES),
        ("validation loss", True),
        ("accuracy, %", True),
    ]
    shown = book("5")
    assert shown.exit_code == 1
    words = " ".join(shown.output.split())
    assert "Too far off: 5.1 validation loss, 5.1 accuracy, %." in words


def test_the_right_gradient_is_not_within_the_bands(ends: Ends) -> None:
    """So the bands tell the two apart: with these accuracies the printed gradient ended."""
    ends["as-printed"] = trained(93.13, 2.559)
    assert [row.failed for row in chapter5.rows()[-2:]] == [True, True]


def test_the_quick_form_is_printed_in_80_columns(
    quick_parts: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(limit: int | None, on_training: Any) -> Iterator[list[Row]]:
        assert limit == LIMIT
        return iter(quick_parts)

    monkeypatch.setattr("parity.cli.book.chapter5.parts", parts)
    shown = book("5", "--limit", str(LIMIT))
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= 80
    assert RIGHT_GRADIENT in shown.output
    assert "With --limit the trainings cannot be compared" in " ".join(shown.output.split())
    content = json.loads(book("5", "--limit", str(LIMIT), "--json").output)
    assert content["passed"] is None  # nothing could be compared
    assert {row["id"] for row in content["rows"]} == {"5.0", "5.1"}


def test_the_longest_table_is_printed_in_80_columns(ends: Ends) -> None:
    shown = book("5")
    assert max(map(len, shown.output.splitlines())) <= 80
    assert all(
        f"accuracy after {batches} batches" in shown.output for batches in PRINTED_ACCURACIES
    )


def test_what_was_done_before_an_interruption_is_printed(
    quick_parts: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        experiment: ConvExperiment, data: Any, seed: int, on_batch: Callable[..., None]
    ) -> Trained:
        on_batch(1, 2.0, np.nan)
        on_batch(101, 2.0, 0.8)
        raise KeyboardInterrupt

    monkeypatch.setattr(chapter5, "train_scratch", interrupted)
    shown = book("5", "--limit", str(LIMIT))
    assert shown.exit_code == 130
    assert "1 2 3 4 5, convolved with 1 1 1" in shown.output
    assert "Interrupted: what is above was done." in shown.stderr
    assert "are equal to the last printed digit" not in shown.output


def test_only_the_gradient_makes_the_difference() -> None:
    """The printed gradient is the right one for a batch of one, where there is no other image."""
    for batch, same in ((1, True), (2, False)):
        X = np.random.RandomState(0).standard_normal((batch, 1, 9, 9))
        y = np.eye(10)[:batch]
        nets = [
            make_scratch(ConvExperiment(gradients, channels=2, dropout=1.0), 1)[0]
            for gradients in ("right", "as-printed")
        ]
        losses = [net.train_batch(X, y) for net in nets]
        assert losses[0] == losses[1]
        right, printed = (list(net.param_grads()) for net in nets)
        assert np.allclose(right[0], printed[0], rtol=1e-9) is same
        for i in (1, 2):
            np.testing.assert_array_equal(right[i], printed[i])


def test_rows_know_which_of_them_may_be_off(ends: Ends) -> None:
    far = replace(chapter5.rows()[-1], ours="91.60")
    assert far.failed
    assert not replace(chapter5.rows()[9], ours="60.00").failed
