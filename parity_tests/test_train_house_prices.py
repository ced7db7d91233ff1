"""`parity train house-prices`: both sides end up equal, and the files are all there or none."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from datasets import BostonSplit, boston_split
from datasets.boston import Variant
from datasets.files import DATA_DIRECTORY
from parity.cli import train
from parity.cli.train.house_prices import HousePricesRun, _carry_out
from parity.runs.compute import Compute
from parity.runs.loop import Running
from parity.training import house_prices
from parity.training.house_prices import (
    MODELS,
    SEED,
    Trained,
    draw_by_the_book,
    fit_linear_regression,
    largest_relative_difference,
    most_important_feature,
    sweep,
    train_reference,
    train_scratch,
)

PICTURES = {
    "predicted_against_actual.png",
    "most_important_feature.png",
    "most_important_feature_predictions.png",
    "losses.png",
}

#: What a run of PyTorch's side keeps beside them.
KEPT = {"config.json", "checkpoints", "metrics.csv", "tensorboard"}

# Validation losses every ten epochs, then MAE and RMSE, as chapter 3 prints them.
PRINTED = {
    "linear": ["30.295", "28.462", "26.299", "25.548", "25.092", "3.52", "5.01"],
    "one-hidden": ["27.434", "21.834", "18.915", "17.193", "16.214", "2.60", "4.03"],
    "two-hidden": ["44.134", "25.271", "22.341", "16.464", "14.604", "2.45", "3.82"],
}

split = cache(boston_split)


def ignore(epoch: int, loss: float) -> None:
    pass


@cache
def both_sides(model: str, variant: Variant, epochs: int = 50) -> tuple[Trained, Trained]:
    data = split(variant)
    return (
        train_scratch(model, data, epochs, SEED, ignore),
        train_reference(model, data, epochs, SEED, ignore),
    )


def as_printed(trained: Trained) -> list[str]:
    losses = [f"{loss:.3f}" for loss in trained.validation_losses[9::10]]
    return [*losses, f"{trained.mae:.2f}", f"{trained.rmse:.2f}"]


def house_prices_command(*args: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80"})
    return runner.invoke(train.command, ["house-prices", *args])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The command with nothing but `--out`, into a folder that is not there yet."""
    out = tmp_path_factory.mktemp("train") / "new" / "pictures"
    return house_prices_command("--out", str(out)), out


# Both sides


@pytest.mark.parametrize("variant", ["corrected", "book"])
@pytest.mark.parametrize("model", MODELS)
def test_both_sides_agree_to_1e_9(model: str, variant: Variant) -> None:
    scratch, reference = both_sides(model, variant)
    assert len(scratch.validation_losses) == 50
    assert [param.dtype for param in reference.params] == ["float64"] * len(scratch.params)
    assert largest_relative_difference(scratch.params, reference.params) < 1e-9
    for name in ("training_losses", "validation_losses", "mae", "rmse"):
        np.testing.assert_allclose(getattr(scratch, name), getattr(reference, name), rtol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_both_sides_give_the_books_numbers(model: str) -> None:
    scratch, reference = both_sides(model, "book")
    assert as_printed(scratch) == PRINTED[model]
    assert as_printed(reference) == PRINTED[model]


def test_both_sides_stop_early_at_the_same_epoch_and_go_back() -> None:
    scratch, reference = both_sides("linear", "corrected", epochs=200)
    for trained in (scratch, reference):
        assert (trained.stopped_early, trained.epoch) == (True, 50)
        assert len(trained.validation_losses) == 60
        errors = trained.predict(split("corrected").X_test) - split("corrected").y_test
        assert np.mean(errors**2) == pytest.approx(trained.validation_losses[49])
    assert largest_relative_difference(scratch.params, reference.params) < 1e-9


def test_another_seed_gives_another_run_on_which_both_sides_agree_too() -> None:
    data = split("corrected")
    scratch = train_scratch("two-hidden", data, 3, 7, ignore)
    reference = train_reference("two-hidden", data, 3, 7, ignore)
    assert largest_relative_difference(scratch.params, reference.params) < 1e-9
    assert scratch.validation_losses != both_sides("two-hidden", "corrected")[0].validation_losses


def test_orders_are_permutations_of_the_order_before() -> None:
    draws = draw_by_the_book([(13, 13), (13, 1)], n_rows=100, epochs=3, seed=SEED)
    assert [param.shape for param in draws.params] == [(13, 13), (1, 13), (13, 1), (1, 1)]
    for order in draws.orders:
        assert sorted(order) == list(range(100))
    stream = np.random.RandomState(SEED)
    assert draws.orders[0].tolist() == stream.permutation(100).tolist()
    stream.seed(SEED)
    stream.standard_normal(13 + 1)  # the last layer
    assert draws.orders[1].tolist() == draws.orders[0][stream.permutation(100)].tolist()


@pytest.mark.parametrize("epochs", [3, 10])
def test_a_training_that_diverges_is_an_error(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house_prices, "LEARNING_RATE", 1e6)
    with pytest.raises(FloatingPointError, match=f"after {epochs} epochs .* diverged"):
        train_scratch("linear", split("corrected"), epochs, SEED, ignore)
    with pytest.raises(FloatingPointError, match=r"loss of step \d+ is inf: .* diverged"):
        train_reference("linear", split("corrected"), epochs, SEED, ignore)


def test_the_callers_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    train_reference("linear", split("corrected"), 1, SEED, ignore)
    assert torch.equal(torch.get_rng_state(), before)


# Helpers


def test_the_most_important_feature_is_lstat() -> None:
    data = split("corrected")
    feature = most_important_feature(fit_linear_regression(data).coefficients)
    assert data.feature_names[feature] == "LSTAT"
    assert most_important_feature(np.array([[1.0, -3.0, 2.0]])) == 1


def test_a_sweep_moves_one_feature_only() -> None:
    X = np.array([[1.0, 10.0], [3.0, 30.0]])
    assert sweep(X, 1, np.array([5.0, 6.0, 7.0])).tolist() == [[2, 5], [2, 6], [2, 7]]


def test_the_largest_relative_difference_is_over_all_elements() -> None:
    ours, theirs = [np.array([1.0, 2.0]), np.array([0.0])], [np.array([1.0, 2.5]), np.array([0.0])]
    assert largest_relative_difference(ours, theirs) == pytest.approx(0.2)
    assert largest_relative_difference([np.array([1.0])], [np.array([0.0])]) == np.inf
    assert largest_relative_difference([np.ones(2)], [np.ones(3)]) == np.inf
    assert largest_relative_difference([np.ones(2)], []) == np.inf
    assert largest_relative_difference([np.array([np.nan])], [np.ones(1)]) == np.inf
    assert largest_relative_difference([np.array([np.nan])], [np.array([np.nan])]) == np.inf


# The command


def test_the_command_prints_losses_errors_and_that_both_sides_are_equal(
    run: tuple[Result, Path],
) -> None:
    shown, out = run
    assert shown.exit_code == 0
    lines = [line for line in shown.output.splitlines() if str(out) not in line]
    assert max(len(line) for line in lines) <= 80
    losses = [line.split() for line in lines if line.startswith("epoch ")]
    assert losses == [
        ["epoch", str(epoch), loss, loss]
        for epoch, loss in zip(
            range(10, 51, 10), ["27.435", "21.839", "18.918", "17.195", "16.215"], strict=True
        )
    ]
    errors = [line.split() for line in lines if line.startswith(("scratch", "reference", "scikit"))]
    assert errors == [
        ["scratch", "2.5976", "4.0268"],
        ["reference", "2.5976", "4.0268"],
        ["scikit-learn", "LinearRegression", "3.5671", "5.0476"],
    ]
    assert "Both sides are equal" in shown.output


def test_every_picture_is_written_and_shows_something(run: tuple[Result, Path]) -> None:
    _, out = run
    assert {path.name for path in out.iterdir()} == {*PICTURES, *KEPT, "results.json"}
    for name in PICTURES:
        with Image.open(out / name) as picture:
            assert picture.format == "PNG"
            assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.1)
            assert min(picture.size) > 700
            # Points, lines and letters: many colours, on much white.
            pixels = np.asarray(picture.convert("L"))
            assert len(np.unique(pixels)) > 50
            assert 0.5 < np.mean(pixels == 255) < 0.99


def test_results_hold_what_was_printed_and_more(run: tuple[Result, Path]) -> None:
    _, out = run
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    scratch, _ = both_sides("one-hidden", "corrected")
    assert (results["model"], results["variant"]) == ("one-hidden", "corrected")
    assert (results["seed"], results["epochs"]) == (SEED, 50)
    assert results["most_important_feature"] == "LSTAT"
    assert set(results["sides"]) == {"scratch", "reference"}
    for side in results["sides"].values():
        assert side["validation_losses"] == pytest.approx(scratch.validation_losses)
        assert side["training_losses"] == pytest.approx(scratch.training_losses)
        assert (side["mae"], side["rmse"]) == pytest.approx((scratch.mae, scratch.rmse))
    assert max(results["largest_relative_difference"].values()) < 1e-9


@pytest.mark.parametrize("side, kept", [("scratch", set()), ("reference", KEPT)])
def test_one_side_alone_writes_the_same_files(side: str, kept: set[str], tmp_path: Path) -> None:
    shown = house_prices_command(
        "--side", side, "--out", str(tmp_path), "--model", "linear", "--epochs", "3"
    )
    assert shown.exit_code == 0
    assert "epoch 3" in shown.output
    assert {path.name for path in tmp_path.iterdir()} == {*PICTURES, *kept, "results.json"}
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(results["sides"]) == [side]
    assert results["largest_relative_difference"] == {}


def test_sides_that_differ_are_said_to_and_give_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_prices, "train_reference", with_another_seed)
    shown = house_prices_command("--device", "cpu", "--out", str(tmp_path), "--epochs", "1")
    assert shown.exit_code == 1
    assert "The sides DIFFER" in shown.output


def with_another_seed(
    model: str, data: BostonSplit, epochs: int, seed: int, on_epoch: Any, running: Any = None
) -> Trained:
    return train_reference(model, data, epochs, seed + 1, on_epoch)


def test_sides_on_different_devices_need_not_be_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(house_prices, "train_reference", with_another_seed)
    call = HousePricesRun(
        model="linear",
        variant="corrected",
        sides=["scratch", "reference"],
        epochs=1,
        seed=SEED,
    )
    on_a_gpu = Running(Compute(torch.device("cuda")))  # which nothing is computed on here
    assert _carry_out(call, split("corrected"), tmp_path, on_a_gpu)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Largest relative difference: parameters" in shown
    assert "it is no verdict, for other types and devices round in ways of their own" in shown
    assert "DIFFER" not in shown
    assert "Both sides are equal" not in shown


def test_sides_on_different_devices_may_be_equal_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def on_the_cpu(*args: Any, running: Any = None) -> Trained:
        return train_reference(*args)

    monkeypatch.setattr(house_prices, "train_reference", on_the_cpu)
    call = HousePricesRun(
        model="linear",
        variant="corrected",
        sides=["scratch", "reference"],
        epochs=1,
        seed=SEED,
    )
    on_a_gpu = Running(Compute(torch.device("cuda")))
    assert _carry_out(call, split("corrected"), tmp_path, on_a_gpu)
    assert "Both sides are equal" in capsys.readouterr().out


def test_mixed_precision_is_refused_for_float64(tmp_path: Path) -> None:
    shown = house_prices_command("--device", "cpu", "--amp", "bf16", "--out", str(tmp_path / "out"))
    assert shown.exit_code == 2
    assert shown.output == ("Error: --amp makes float32 faster; it does not go with float64.\n")
    assert not (tmp_path / "out").exists()


def test_a_parameter_that_is_nan_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_nan(
        model: str, data: BostonSplit, epochs: int, seed: int, on_epoch: Any, running: Any
    ) -> Trained:
        trained = train_scratch(model, data, epochs, seed, on_epoch)
        params = [param * np.nan for param in trained.params]
        return replace(trained, side="reference", params=params)

    monkeypatch.setattr(house_prices, "train_reference", with_nan)
    shown = house_prices_command("--device", "cpu", "--out", str(tmp_path), "--epochs", "1")
    assert shown.exit_code == 1
    assert "Largest relative difference: parameters inf, losses 0.0e+00." in shown.output
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["largest_relative_difference"] == {"parameters": None, "losses": 0.0}


def test_divergence_is_one_sentence_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_prices, "LEARNING_RATE", 1e6)
    shown = house_prices_command("--side", "scratch", "--out", str(tmp_path / "out"))
    assert shown.exit_code == 1
    assert shown.output.startswith("Error: the validation loss after 10 epochs is nan")
    assert len(shown.output.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_data_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = shutil.copytree(DATA_DIRECTORY, tmp_path / "data") / "boston_housing.csv"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    monkeypatch.setattr("datasets.files.DATA_DIRECTORY", damaged.parent)
    shown = house_prices_command("--out", str(tmp_path / "out"))
    assert shown.exit_code == 2
    assert shown.output.startswith(f"Error: The data file {damaged} is truncated")
    assert len(shown.output.splitlines()) == 1


@pytest.mark.parametrize(
    "args",
    [
        ["--side", "left"],
        ["--model", "deep"],
        ["--variant", "mine"],
        ["--epochs", "0"],
        ["--epochs", "10001"],
        ["--seed", "-1"],
    ],
)
def test_a_wrong_option_is_a_wrong_call(args: list[str]) -> None:
    assert house_prices_command(*args).exit_code == 2


def test_a_model_that_is_not_there_is_a_wrong_call() -> None:
    shown = CliRunner().invoke(train.command, ["mansions"])
    assert shown.exit_code == 2
    assert "No such command 'mansions'" in shown.output
