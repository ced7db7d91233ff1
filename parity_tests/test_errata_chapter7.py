"""What chapter 7 prints is wrong, and what stands here instead is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from datasets import mnist_dataset
from parity_tests.idx_sets import small_set, write_set
from reference.conv import ConvLayer
from reference.models import MNIST_ConvNet
from reference.network import PyTorchModel
from reference.recurrent.chapter7 import LSTMLayer
from reference.training import PyTorchTrainer, predict


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20190803)
        yield


def runs(source: str) -> bool:
    """Whether Python can read it."""
    try:
        compile(source, "printed.py", "exec")
    except SyntaxError:
        return False
    return True


# E23; the mean of the pixels is in test_datasets_loaders.py


def test_e23_printed_name_of_the_argument_is_none() -> None:
    printed: dict[str, Any] = {"require_grad": True}
    with pytest.raises(TypeError, match="require_grad"):
        torch.tensor([[3.0]], **printed)
    assert torch.tensor([[3.0]], requires_grad=True).requires_grad


@pytest.mark.parametrize(("numbers", "right"), [("0,01", False), ("0.01", True)])
def test_e23_comma_does_not_stand_for_a_point(numbers: str, right: bool) -> None:
    assert runs(f"SGD(parameters, lr={numbers}, momentum=0.9)") is right


def test_e23_convolution_needs_the_size_of_its_filters() -> None:
    layer: Any = ConvLayer
    with pytest.raises(TypeError, match="filter_size"):
        layer(1, 14, activation=nn.Tanh())


# E24


def inference_mode(module: nn.Module) -> None:
    module.eval()


class PrintedDropout(nn.Module):
    """A layer with the book's flag."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor, inference: bool = False) -> Tensor:
        if inference:
            self.apply(inference_mode)
        out: Tensor = self.dropout(x)
        return out


def test_e24_printed_flag_ends_dropout_for_good() -> None:
    layer, ones = PrintedDropout(), torch.ones(100)
    assert (layer(ones) == 0).any()
    assert torch.equal(layer(ones, inference=True), ones)
    assert torch.equal(layer(ones), ones)


def test_e24_dropout_is_there_again_after_an_evaluation_of_ours() -> None:
    model, ones = nn.Sequential(nn.Dropout(0.5)), torch.ones(100)
    assert torch.equal(predict(model, ones), ones)
    assert (model(ones) == 0).any()


# E25


class Line(PyTorchModel):
    def __init__(self, as_tuple: bool) -> None:
        super().__init__()
        self.line = nn.Linear(2, 1)
        self.as_tuple = as_tuple

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        out = self.line(x)
        return (out,) if self.as_tuple else out


def test_e25_first_element_is_the_first_row_where_a_model_does_as_printed() -> None:
    x = torch.randn(4, 2)
    assert Line(as_tuple=False)(x)[0].shape == (1,)
    assert Line(as_tuple=True)(x)[0].shape == (4, 1)
    for as_tuple in (False, True):
        assert predict(Line(as_tuple), x).shape == (4, 1)


def test_e25_all_targets_are_held_against_the_first_row_where_a_model_does_as_printed() -> None:
    x, y, criterion = torch.randn(4, 2), torch.randn(4, 1), nn.MSELoss()
    model = Line(as_tuple=False)
    right = criterion(model(x), y)
    with pytest.warns(UserWarning, match="target size"):
        printed = criterion(model(x)[0], y)
    assert not torch.isclose(printed, right)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert PyTorchTrainer(model, optimizer, criterion).evaluate(x, y) == right.item()


# E58


def test_e58_class_tensor_takes_no_requires_grad_and_makes_float32() -> None:
    kind: Any = torch.Tensor
    with pytest.raises(TypeError, match="requires_grad"):
        kind([[3.0, 3.0], [3.0, 3.0]], requires_grad=True)
    assert kind([[3.0]]).dtype == torch.float32
    assert torch.tensor([[3.0]], dtype=torch.float64, requires_grad=True).dtype == torch.float64


# E59


def test_e59_enumerating_a_loader_gives_numbers_for_inputs() -> None:
    loader = [(torch.ones(2, 3), torch.zeros(2))]
    printed: list[Any] = [X_batch for X_batch, y_batch in enumerate(loader)]
    right = [X_batch for X_batch, y_batch in loader]
    assert printed == [0]
    assert right == [loader[0][0]]


# E60


def printed_check(optim: torch.optim.Optimizer, model: nn.Module) -> bool:
    return bool(optim.param_groups[0]["params"] == list(model.parameters()))


def accepts(optim: torch.optim.Optimizer, model: nn.Module) -> bool:
    try:
        PyTorchTrainer(model, optim, nn.MSELoss())
    except ValueError:
        return False
    return True


def test_e60_printed_check_stumbles_over_another_models_parameters() -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    optim = torch.optim.SGD(other.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="Boolean value of Tensor"):
        printed_check(optim, model)
    assert not accepts(optim, model)


def test_e60_printed_check_takes_equal_numbers_for_the_same_parameter() -> None:
    model, other = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    other.load_state_dict(model.state_dict())
    optim = torch.optim.SGD(other.parameters(), lr=0.1)
    assert printed_check(optim, model)
    assert not accepts(optim, model)


def test_e60_printed_check_sees_the_first_group_only() -> None:
    model = nn.Linear(3, 2)
    groups: list[dict[str, Any]] = [{"params": [param]} for param in model.parameters()]
    optim = torch.optim.SGD(groups, lr=0.1)
    assert not printed_check(optim, model)
    assert accepts(optim, model)


# E61


def test_e61_printed_validation_has_dropout() -> None:
    """Its loss differs from one call to the next; ours does not."""
    model, x, y = MNIST_ConvNet(), torch.randn(8, 1, 28, 28), torch.arange(8)
    criterion = nn.CrossEntropyLoss()
    printed = [criterion(model(x), y).item() for _ in range(2)]
    assert printed[0] != printed[1]
    trainer = PyTorchTrainer(model, torch.optim.SGD(model.parameters(), lr=0.1), criterion)
    assert trainer.evaluate(x, y) == trainer.evaluate(x, y)


# E62


@pytest.mark.parametrize(("between", "right"), [("\n", False), (" \\\n", True)])
def test_e62_line_cannot_begin_with_the_quotient(between: str, right: bool) -> None:
    scaling = f"(X - X.min()){between}    / (X.max() - X.min()) * 2 - 1"
    assert runs(scaling) is right


# E63


@pytest.mark.parametrize(("size", "printed"), [(5, 28), (4, 29)])
def test_e63_printed_padding_makes_the_image_larger_for_an_even_filter(
    size: int, printed: int
) -> None:
    x = torch.ones(1, 1, 28, 28)
    assert nn.Conv2d(1, 1, size, padding=size // 2)(x).shape[2:] == (printed, printed)
    assert ConvLayer(1, 1, size)(x).shape[2:] == (28, 28)


# E64


class PrintedLSTM(nn.Module):
    """The states as the book keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.h_init, self.c_init = torch.zeros(1, 3), torch.zeros(1, 3)
        self.lstm = nn.LSTM(2, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states = [part.expand(len(x), -1)[None].contiguous() for part in (self.h_init, self.c_init)]
        out: Tensor
        out, (h, c) = self.lstm(x, states)
        self.h_init, self.c_init = h[0].detach().mean(0)[None], c[0].detach().mean(0)[None]
        return out


def test_e64_printed_states_stay_behind_when_the_model_moves() -> None:
    x = torch.randn(4, 5, 2)
    printed, layer = PrintedLSTM(), LSTMLayer(5, 2, 3, 2)
    for each in (printed, layer):
        each(x)
        each.double()
    with pytest.raises(RuntimeError, match="same dtype"):
        printed(x.double())
    assert layer(x.double()).dtype == layer.h_init.dtype == torch.float64


def test_e64_printed_states_are_not_in_the_state_dict() -> None:
    assert {"h_init", "c_init"}.isdisjoint(PrintedLSTM().state_dict())
    assert {"h_init", "c_init"} <= set(LSTMLayer(5, 2, 3, 2).state_dict())


# E65


def test_e65_torchvision_reads_all_images_whatever_the_transform(tmp_path: Path) -> None:
    write_set(tmp_path, small_set(n_train=70, n_test=11))
    dataset = mnist_dataset("train", directory=tmp_path, transform=lambda image: image)
    assert dataset.data.shape == (70, 28, 28)
    assert dataset.data.untyped_storage().nbytes() == 70 * 28 * 28
    with pytest.warns(UserWarning, match="train_data has been renamed data"):
        assert dataset.train_data is dataset.data
