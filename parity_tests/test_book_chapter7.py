"""`parity book 7`: a tensor's gradient, a convolutional network, an autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from parity.book import chapter7
from parity.book.chapter7 import BAND, LOSS_BAND, OTHER_SIDE, SEEDS
from parity.book.rows import Row
from parity.cli.book import command
from parity.training import autoencoder
from parity.training.autoencoder import Trained
from parity.training.mnist_conv import Trained as TrainedNet

#: What each training comes to, by its seed or side.
Ends = dict[Any, float]


def book(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(command, args)


@pytest.fixture(name="quick", scope="module")
def quick_rows() -> list[Row]:
    return chapter7.rows(limit=120)


@pytest.fixture(name="ends")
def trainings_that_end_at_once(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """The real rows, of trainings that take no time."""
    ends: Ends = {**dict.fromkeys(SEEDS, 0.9691), "reference": 0.05, "scratch": 0.05}
    generator = np.random.default_rng(1)
    digits = np.arange(100) % 10
    codes = np.eye(10)[digits] + 0.01 * generator.standard_normal((100, 10))

    def train_net(experiment: Any, data: Any, seed: int, on_batch: Any) -> TrainedNet:
        assert experiment.network == "chapter-7"
        assert len(data.X_train) == 60_000
        nothing: Any = np.zeros(0)
        return TrainedNet("reference", [], {}, 0.0, ends[seed], nothing, [], 1.0, 1)

    def trainer(side: Any) -> Callable[..., Trained]:
        def train(hidden: int, data: Any, seed: int, on_batch: Any) -> Trained:
            assert hidden == 28
            images = np.zeros((1, 1, 28, 28))
            return Trained(side, [], [ends[side]], codes, images, images, [], 1.0, 1)

        return train

    monkeypatch.setattr(chapter7, "train_reference", train_net)
    monkeypatch.setattr(autoencoder, "train_reference", trainer("reference"))
    monkeypatch.setattr(autoencoder, "train_scratch", trainer("scratch"))
    whole = chapter7.scaled

    def with_few_test_images(data: Any) -> Any:
        return whole(data._replace(X_test=data.X_test[:100], y_test=digits))

    monkeypatch.setattr(chapter7, "scaled", with_few_test_images)
    return ends


def test_the_tensor_knows_its_gradient() -> None:
    [row] = next(chapter7.parts())
    assert row.kind == "exact"
    assert row.equal
    assert row.ours == "[35 35] [35 35]"


def test_a_wrong_gradient_would_show(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """What PyTorch says is asked, not known."""
    full = torch.full
    monkeypatch.setattr(torch, "full", lambda size, value, **kept: full(size, value + 1, **kept))
    assert next(chapter7.parts())[0].failed
    assert book("7").exit_code == 1


def test_the_quick_form_trains_everything(quick: list[Row]) -> None:
    _, *nets = [row for row in quick if row.id != "7.2"]
    assert [row.what for row in nets] == [f"accuracy with seed {seed}, %" for seed in SEEDS]
    assert all(row.kind == "not comparable" and 0 <= float(row.ours) <= 100 for row in nets)
    first, *others = [row for row in quick if row.id == "7.2"]
    assert first.kind == "not comparable"
    assert float(first.instead[OTHER_SIDE]) == pytest.approx(float(first.ours), abs=2e-4)
    assert 0 < float(first.ours) < 1
    shares = [float(row.ours) for row in others if row.what.startswith("nearest neighbour")]
    assert len(shares) == 3
    assert all(0 <= share <= 100 for share in shares)


def test_a_network_far_from_97_fails(ends: Ends) -> None:
    ends[2] = 0.97 + 1.5 * BAND / 100
    ends[3] = 0.97 - 2.5 * BAND / 100
    rows = [row for row in chapter7.rows() if row.id == "7.1"]
    assert [row.in_band for row in rows] == [True, False, False]
    assert [row.failed for row in rows] == [False, False, True]
    shown = book("7")
    assert shown.exit_code == 1
    assert "Too far off: 7.1 accuracy with seed 3, %." in " ".join(shown.output.split())


def test_sides_that_end_apart_fail(ends: Ends) -> None:
    assert book("7").exit_code == 0
    ends["scratch"] = 0.05 + 3 * LOSS_BAND
    assert book("7").exit_code == 1


def test_clusters_are_measured_not_judged(ends: Ends) -> None:
    rows = [row for row in chapter7.rows() if row.kind == "measured"]
    shares = {row.what: row.ours for row in rows if "neighbour" in row.what}
    assert shares["nearest neighbour the same, codes, %"] == "100.0"
    assert [row.printed for row in rows[3:]] == ["5 8", "3 8", "3 5", "7 9", "4 9", "4 7"]
    assert not any(row.failed for row in rows)


def test_each_training_is_told_of(ends: Ends) -> None:
    told: list[str] = []

    def on_training(name: str, steps: int) -> Callable[[int, float, float], None]:
        told.append(name)
        return lambda step, first, second: None

    list(chapter7.parts(None, on_training))
    nets = [f"7.1 seed {seed}" for seed in SEEDS]
    assert told == [*nets, "7.2 reference", "7.2 scratch", "7.2 t-SNE"]


def test_the_tables_are_printed_in_80_columns(ends: Ends) -> None:
    shown = book("7")
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= 80
