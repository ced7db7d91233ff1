"""A model of the next character in ONNX computes what it does in PyTorch, of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result
from numpy import ndarray

from parity.cli import export, train
from parity.cli.train.kept import restore
from parity.training.onnx_text import OnnxModel
from reference.models import next_character
from reference.recurrent import GRULayer, LSTMLayer, RNNModel

SIZES = [(1, 1), (2, 25), (5, 7), (3, 60)]


def call(command: Any, *args: object) -> Result:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(command, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result


def trained(out: Path, *options: object) -> Path:
    """A short run."""
    short = ("--side", "reference", "--steps", 4, "--hidden", 6, "--out", out)
    call(train.command, "next-character", *short, *options)
    return out


def one_hot(batch: int, length: int, size: int) -> ndarray:
    numbers = np.random.default_rng([batch, length]).integers(0, size, (batch, length))
    rows: ndarray = np.eye(size, dtype=np.float32)[numbers]
    return rows


def expected(model: RNNModel, inputs: ndarray) -> ndarray:
    """The model's output for new texts."""
    with torch.no_grad():
        outputs, _ = model.eval().forward_from(torch.from_numpy(inputs))
    return outputs.numpy()


@pytest.mark.parametrize("layers", ["rnn", "gru", "lstm", "gru,lstm", "rnn,rnn,gru"])
def test_each_kind_of_layer_computes_the_same_for_any_batch_and_any_length(
    layers: str, tmp_path: Path
) -> None:
    run = trained(tmp_path / "run", "--layers", layers)
    call(export.command, run, "--format", "onnx")
    onnx.checker.check_model(run / "model.onnx", full_check=True)
    session = onnxruntime.InferenceSession(run / "model.onnx")
    model = cast(RNNModel, restore(run, None).task.model)
    for batch, length in SIZES:
        inputs = one_hot(batch, length, 66)
        [found] = session.run(None, {"input": inputs})
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected(model, inputs), atol=1e-5)


def test_the_outputs_of_a_time_step_do_not_depend_on_what_comes_after(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    call(export.command, run, "--format", "onnx")
    session = onnxruntime.InferenceSession(run / "model.onnx")
    inputs = one_hot(2, 30, 66)
    [whole], [part] = (session.run(None, {"input": x}) for x in (inputs, inputs[:, :12]))
    np.testing.assert_allclose(whole[:, :12], part, atol=1e-6)


def test_what_is_free_and_where_a_text_begins_is_said(tmp_path: Path) -> None:
    result = call(export.command, trained(tmp_path / "run"), "--format", "onnx")
    *_, shape, start = result.output.splitlines()
    assert "(batch, length, 66), of which batch and length may be any number" in shape
    assert "begins from a state of 0" in start
    assert "float32" not in start


def test_a_run_of_single_characters_is_exported_for_any_length(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "--batch-size", 1, "--length", 1)
    call(export.command, run, "--format", "onnx")
    session = onnxruntime.InferenceSession(run / "model.onnx")
    [found] = session.run(None, {"input": one_hot(3, 4, 66)})
    assert found.shape == (3, 4, 66)


def test_a_model_in_float64_is_exported_in_float32_and_that_is_said(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "--dtype", "float64")
    assert "In float32" in call(export.command, run, "--format", "onnx").output
    session = onnxruntime.InferenceSession(run / "model.onnx")
    inputs = one_hot(2, 9, 66)
    [found] = session.run(None, {"input": inputs})
    model = cast(RNNModel, restore(run, None).task.model)
    np.testing.assert_allclose(found, expected(model, inputs.astype(np.float64)), atol=1e-5)


def test_an_export_leaves_the_model_as_it_is() -> None:
    model = next_character(10, ["gru", "lstm"], 4)
    model(torch.rand(2, 3, 10))  # start states other than 0
    before = {name: value.clone() for name, value in model.state_dict().items()}
    OnnxModel(model)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    "layer", [GRULayer(5, 4, 5, reset_after=True), LSTMLayer(5, 4, 5, peepholes=True)]
)
def test_layers_that_onnx_would_compute_otherwise_are_refused(
    layer: GRULayer | LSTMLayer,
) -> None:
    with pytest.raises(ValueError, match=f"OnnxModel: .* variant of {type(layer).__name__}"):
        OnnxModel(RNNModel([layer]))
