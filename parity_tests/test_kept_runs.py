"""`parity evaluate` and `parity export`: what is done with a run afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result

import scratch.models
from parity.cli import evaluate, export, train
from parity.cli.train.kept import MODULES, restore
from parity.training import twin
from scratch.autoencoder import Autoencoder

#: A short training of each model.
CALLS: dict[str, tuple[object, ...]] = {
    "house-prices": ("--epochs", 20),
    "mnist-dense": ("--limit", 300, "--epochs", 2),
    "mnist-conv": ("--limit", 300, "--network", "chapter-7", "--checkpoint-every", 2),
    "next-character": (
        "--steps",
        6,
        "--hidden",
        8,
        "--checkpoint-every",
        3,
        "--layers",
        "gru,lstm",
    ),
    "autoencoder": ("--limit", 120, "--no-embed", "--hidden", 6),
}

EACH = pytest.mark.parametrize("model", CALLS)


def call(command: Any, *args: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(command, [str(arg) for arg in args])


@pytest.fixture(scope="module", name="runs")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The run of each model, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("runs")

    class Runs(dict[str, Path]):
        def __missing__(self, model: str) -> Path:
            out = self[model] = folder / model
            side = ("--side", "reference", "--out", out)
            result = call(train.command, model, *side, *CALLS[model])
            assert result.exit_code == 0, result.output
            return out

    return Runs()


def test_each_model_of_parity_train_is_here() -> None:
    assert set(CALLS) == set(MODULES) == set(train.command.commands)


@EACH
def test_the_help_says_what_goes_into_the_directory_of_a_run(
    model: str, runs: dict[str, Path]
) -> None:
    [out] = (option for option in train.command.commands[model].params if option.name == "out")
    assert isinstance(out, click.Option)
    told = out.help or ""
    assert "results.json, configuration, metrics and checkpoints" in told
    assert {path.stem for path in runs[model].iterdir()} >= {
        "results", "config", "metrics", "checkpoints",
    }  # fmt: skip


@EACH
def test_a_model_equals_its_scratch_twin(model: str, runs: dict[str, Path]) -> None:
    result = call(evaluate.command, runs[model], "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["equal"]
    assert found["step"] == found["steps"]
    assert max(found["differences_from_scratch"].values()) < 1e-12


@EACH
def test_what_is_printed_fits_a_terminal(model: str, runs: dict[str, Path]) -> None:
    result = call(evaluate.command, runs[model])
    assert result.exit_code == 0, result.output
    assert "Both sides are equal" in result.output
    assert all(len(line) <= 80 or str(runs[model]) in line for line in result.output.splitlines())


def test_what_is_measured_is_what_training_ended_with(runs: dict[str, Path]) -> None:
    results = json.loads((runs["mnist-conv"] / "results.json").read_text())["sides"]["reference"]
    found = json.loads(call(evaluate.command, runs["mnist-conv"], "--json").output)["measured"]
    assert found["accuracy"] == results["accuracy"]
    assert found["validation_loss"] == pytest.approx(results["validation_loss"], rel=1e-6)


def test_an_earlier_checkpoint_can_be_taken(runs: dict[str, Path]) -> None:
    newest = json.loads(call(evaluate.command, runs["mnist-conv"], "--json").output)
    earlier = json.loads(call(evaluate.command, runs["mnist-conv"], "--step", 4, "--json").output)
    assert (newest["step"], earlier["step"]) == (5, 4)
    assert newest["measured"] != earlier["measured"]


def test_a_model_that_differs_is_seen(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    gradients = twin._gradients
    monkeypatch.setattr(twin, "_gradients", lambda model: [2 * g for g in gradients(model)])
    result = call(evaluate.command, runs["autoencoder"])
    assert result.exit_code == 1
    assert "The sides DIFFER" in result.output


@EACH
def test_the_scratch_twin_takes_what_is_exported(
    model: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "deep" / "model.npz"
    result = call(export.command, runs[model], "--out", target)
    assert result.exit_code == 0, result.output
    kept = restore(runs[model], None)
    with np.load(target) as file:
        exported = dict(file)
    params = list(kept.kind.twin(kept.options, kept.task.model.double()).params())
    for name, param in zip(sorted(exported), params, strict=True):
        np.testing.assert_allclose(exported[name], param, rtol=1e-7)


def test_as_the_guide_says(runs: dict[str, Path], tmp_path: Path) -> None:
    """An exported network reads in NumPy what PyTorch's read."""
    target = tmp_path / "model.npz"
    call(export.command, runs["mnist-conv"], "--out", target)
    images = restore(runs["mnist-conv"], None).next_batch().inputs
    net = scratch.models.mnist_conv_net()
    net.forward(images.numpy(), inference=True)
    with np.load(target) as exported:
        for param, name in zip(net.params(), sorted(exported), strict=True):
            param[...] = exported[name]
    model = restore(runs["mnist-conv"], None).task.model.eval()
    with torch.no_grad():
        expected = model(images).numpy()
    np.testing.assert_allclose(net.forward(images.numpy(), inference=True), expected, atol=1e-5)


@pytest.mark.parametrize("model", ["house-prices", "mnist-dense", "mnist-conv", "autoencoder"])
def test_onnx_computes_the_same_for_any_number_of_rows(
    model: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "model.onnx"
    result = call(export.command, runs[model], "--format", "onnx", "--out", target)
    assert result.exit_code == 0, result.output
    assert "of which batch may be any number" in result.output
    session = onnxruntime.InferenceSession(target)
    kept = restore(runs[model], None)
    for rows in (1, 7):
        inputs = kept.next_batch().inputs[:rows]
        with torch.no_grad():
            expected = kept.task.model.eval()(inputs)
        expected = expected[0] if isinstance(expected, tuple) else expected
        [found, *_] = session.run(None, {"input": inputs.numpy()})
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


# Bad input


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert all(word in result.output for word in words), result.output
    assert "Traceback" not in result.output


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    for command in (evaluate.command, export.command):
        refused(call(command, tmp_path), "there is no run in", "config.json")


def test_a_step_without_a_checkpoint_is_refused(runs: dict[str, Path]) -> None:
    refused(call(evaluate.command, runs["mnist-conv"], "--step", 3), "no checkpoint of step 3", "5")


def test_a_run_without_a_checkpoint_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(runs["autoencoder"] / "config.json", tmp_path / "config.json")
    refused(call(evaluate.command, tmp_path), "no checkpoint yet")


def test_a_checkpoint_of_another_model_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(runs["autoencoder"], tmp_path / "run")
    [checkpoint] = (tmp_path / "run" / "checkpoints").iterdir()
    checkpoint.unlink()
    *_, other = sorted((runs["house-prices"] / "checkpoints").iterdir())
    shutil.copy(other, checkpoint.parent)
    refused(call(evaluate.command, tmp_path / "run"), "is of another model")


def test_a_run_of_an_unknown_model_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(runs["autoencoder"], tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace('"model": "autoencoder"', '"model": "other"'))
    refused(call(evaluate.command, tmp_path / "run"), "a run of other")


def test_an_option_that_cannot_be_used_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(runs["autoencoder"], tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace('"hidden": 6', '"hidden": "six"'))
    refused(call(evaluate.command, tmp_path / "run"), "hidden")


def test_what_cannot_be_written_leaves_nothing(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "model.npz"
    refused(call(export.command, runs["autoencoder"], "--out", target), "could not be written")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_onnx_without_its_packages_says_what_to_install(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'onnxscript'")

    monkeypatch.setattr(torch.onnx, "export", fail)
    result = call(export.command, runs["autoencoder"], "--format", "onnx", "--out", tmp_path / "x")
    refused(result, "pip install onnx onnxscript")


def test_the_autoencoders_halves_are_exported_in_order(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    call(export.command, runs["autoencoder"], "--out", tmp_path / "model.npz")
    net = Autoencoder(6)
    net.forward(np.zeros((1, 1, 28, 28), np.float32))
    with np.load(tmp_path / "model.npz") as exported:
        shapes = [exported[name].shape for name in sorted(exported)]
    assert shapes == [param.shape for param in net.params()]


def test_a_state_that_was_carried_on_in_mixed_precision_can_be_used_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = call(
        train.command, "next-character", "--side", "reference", "--device", "cpu", "--amp", "bf16",
        "--steps", 6, "--hidden", 8, "--layers", "rnn,lstm", "--checkpoint-every", 3, "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert call(evaluate.command, out).exit_code == 0
    assert call(export.command, out).exit_code == 0


def test_a_rate_is_written_down_for_the_steps_that_were_made_with_it(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = call(
        train.command, "mnist-dense", "--side", "reference", "--experiment", "4.5", "--epochs", 3,
        "--limit", 120, "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    head, *rows = [line.split(",") for line in (out / "metrics.csv").read_text().splitlines()]
    rates = [float(row[head.index("learning_rate")]) for row in rows]
    assert len(rates) == 6
    assert rates[::2] == rates[1::2]
    assert len(set(rates)) == 3


@pytest.mark.parametrize(
    "name", ["config.json", "checkpoints/step-000000020.pt", "", "checkpoints"]
)
def test_an_export_replaces_nothing_of_the_run(
    name: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs["house-prices"], run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    result = call(export.command, run, "--out", run / name)
    assert result.exit_code == 2
    assert "give --out" in result.output
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_checkpoint_under_another_s_name_is_refused(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs["mnist-conv"], run)
    [*_, newest] = sorted((run / "checkpoints").iterdir())
    newest.rename(newest.with_name("step-000000900.pt"))
    result = call(evaluate.command, run)
    assert result.exit_code == 2
    assert "give it back its own name" in result.output


@pytest.mark.parametrize(
    "option, value", [("epochs", None), ("epochs", float("inf")), ("seed", [1]), ("model", None)]
)
def test_a_configuration_changed_by_hand_is_refused_in_a_sentence(
    option: str, value: object, runs: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs["house-prices"], run)
    config = json.loads((run / "config.json").read_text())
    config["options"][option] = value
    (run / "config.json").write_text(json.dumps(config))
    result = call(evaluate.command, run)
    assert result.exit_code == 2, result.output
    assert result.output.startswith("Error: ")
