"""`parity book 6`: numbers that find their gradients, and three models; here in the quick form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from parity.book import chapter6
from parity.book.chapter6 import BAND, OTHER_SIDE, STEPS
from parity.book.rows import Row
from parity.cli.book import command
from parity.training.next_character import Trained
from parity.training.text_experiment import Characters, TextExperiment
from scratch.autodiff import NumberWithGrad

LIMIT = 2


def book(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(command, args)


@pytest.fixture(scope="module")
def quick_parts() -> list[list[Row]]:
    """Computed before any test puts something in the place of what computes them."""
    return list(chapter6.parts(LIMIT))


Ends = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """Lets each training end with a loss of 2, or with what a test puts here."""
    losses: Ends = {}

    def train(
        side: Any, experiment: TextExperiment, *rest: Any, on_step: Callable[[Trained], None]
    ) -> Trained:
        trained = Trained(side, experiment.steps, [2.0], losses.get((side, experiment.layers), 2.0))
        on_step(trained)
        return trained

    monkeypatch.setattr(chapter6, "train", train)
    return losses


def test_gradients_are_the_books(quick_parts: list[list[Row]]) -> None:
    facts = quick_parts[0]
    assert [row.ours for row in facts] == ["4", "1", "75", "35.0", "35"]
    assert all(row.equal and row.kind == "exact" for row in facts)


def test_a_wrong_gradient_would_show(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the automatic differentiation says is asked, not known."""

    def once(self: NumberWithGrad, grad: Any) -> tuple[Any, ...]:
        return grad, grad  # as if each operation were an addition

    monkeypatch.setattr(NumberWithGrad, "_input_grads", once)
    facts = next(chapter6.parts())
    assert [row.failed for row in facts] == [True, False, False, False, True]
    assert book("6").exit_code == 1


def test_the_quick_form_trains_each_model_on_both_sides(quick_parts: list[list[Row]]) -> None:
    """From the same weights, so that after two steps they are as one."""
    models = [row for part in quick_parts[1:] for row in part]
    assert [row.what for row in models] == [
        "RNN 256 to 128, RNN 256 to 66",
        "GRU 256 to 128, LSTM 256 to 66",
        "LSTM 256 to 66",
    ]
    assert len({row.ours for row in models}) == 3
    for row in models:
        assert row.kind == "unprinted"
        assert float(row.instead[OTHER_SIDE]) == pytest.approx(float(row.ours), abs=0.002)
        assert row.title.endswith("losses after 2 steps")
        assert "62 characters, ours 66" in row.note


def test_the_whole_form_trains_for_2000_steps_and_says_which(ends: Ends) -> None:
    """The recipe is that of the training, and the text is the play."""
    told: list[tuple[str, int]] = []

    def on_training(name: str, steps: int) -> Callable[[int, float, float], None]:
        told.append((name, steps))
        return lambda step, loss, mean: None

    _, *models = chapter6.parts(None, on_training)
    assert STEPS == 2000
    assert told == [
        (f"{layers} {side}", 2000)
        for layers in ("rnn-rnn", "gru-lstm", "lstm")
        for side in ("scratch", "reference")
    ]
    for [row] in models:
        assert "batches of 32 sequences of 25" in row.recipe
        assert "Coriolanus without its last tenth" in row.recipe


def test_sides_that_end_far_apart_fail_but_for_what_rounding_decides(ends: Ends) -> None:
    ends["reference", ("rnn", "rnn")] = 2 + 5 * BAND
    ends["reference", ("gru", "lstm")] = 2 + 1.5 * BAND
    ends["reference", ("lstm",)] = 2 - 2.5 * BAND
    rows = chapter6.rows()[-3:]
    assert not any(row.in_band for row in rows)
    assert [row.failed for row in rows] == [False, False, True]
    shown = book("6")
    assert shown.exit_code == 1
    words = " ".join(shown.output.split())
    assert "3 more are not printed; 0 of them are within their bands" in words
    assert "Too far off: 6.1 LSTM 256 to 66." in words


def test_a_loss_that_is_no_number_fails(ends: Ends) -> None:
    ends["scratch", ("lstm",)] = np.nan
    assert chapter6.rows()[-1].failed


def test_the_tables_are_printed_in_80_columns(ends: Ends) -> None:
    shown = book("6")
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= 80
    words = " ".join(shown.output.split())
    assert "5 of 5 are equal to the last printed digit" in words
    assert "LSTM 256 to 66 none 2.000 within 0.05 2.000" in words
    content = json.loads(book("6", "--json").output)
    assert content["passed"] is True
    assert {row["id"] for row in content["rows"]} == {"6.0", "6.1"}


def test_the_limit_is_one_of_steps(
    quick_parts: list[list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(limit: int | None, on_training: Any) -> Iterator[list[Row]]:
        assert limit == LIMIT
        return iter(quick_parts)

    monkeypatch.setattr("parity.cli.book.chapter6.parts", parts)
    shown = book("6", "--limit", str(LIMIT))
    assert shown.exit_code == 0
    assert "losses after 2 steps" in shown.output


def test_what_was_done_before_an_interruption_is_printed(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = chapter6.train

    def interrupted(
        side: Any, experiment: TextExperiment, characters: Characters, *rest: Any, **more: Any
    ) -> Trained:
        trained = train(side, experiment, characters, *rest, **more)
        if experiment.layers == ("gru", "lstm"):
            raise KeyboardInterrupt
        return trained

    monkeypatch.setattr(chapter6, "train", interrupted)
    shown = book("6")
    assert shown.exit_code == 130
    assert "d = (4a + 3)(a + 2)" in shown.output
    assert "RNN 256 to 128, RNN 256 to 66" in shown.output
    assert "GRU 256 to 128" not in shown.output
    assert "Interrupted: what is above was done." in shown.stderr


def test_rows_without_a_printed_number_compare_the_sides() -> None:
    row = Row(
        id="6.1", title="", what="", printed="none", ours="2.00", recipe="", kind="unprinted",
        band=0.1, instead={OTHER_SIDE: "2.10"},
    )  # fmt: skip
    assert row.in_band
    assert not row.equal
    assert not replace(row, ours="1.99").in_band
    assert not replace(row, ours="1.90").failed
    assert replace(row, ours="1.89").failed
