"""Chapter 7's trainer in PyTorch: loaders, tuples, modes, schedules.

The one for text is in ``test_reference_text_trainer.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader, TensorDataset

from reference.autoencoder import Autoencoder
from reference.models import NextCharacterModel
from reference.network import PyTorchModel
from reference.training import (
    LSTMTrainer,
    PyTorchTrainer,
    calc_accuracy_model,
    eval_regression_model,
    predict,
)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20190803)
        yield


Data = tuple[Tensor, Tensor, Tensor, Tensor]


@pytest.fixture
def data() -> Data:
    X = torch.randn(29, 5, dtype=torch.float64)
    y = X[:, :1].sin() + X[:, 1:2]
    return X[:20], y[:20], X[20:], y[20:]


class Returning(PyTorchModel):
    """Two layers whose output comes in one of several forms."""

    def __init__(self, form: str = "tensor", dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden = nn.Linear(5, 4)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(4, 1)
        self.form = form
        self.modes: list[tuple[bool, bool]] = []

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        self.modes.append((self.training, self.dropout.training))
        code = torch.tanh(self.hidden(x))
        out = self.out(self.dropout(code))
        forms = {"tensor": out, "one": (out,), "two": (out, code)}
        return forms[self.form]


def make_trainer(
    form: str = "tensor", dropout: float = 0.0, lr: float = 0.1, seed: int = 1
) -> PyTorchTrainer:
    torch.manual_seed(seed)
    model = Returning(form, dropout).double()
    return PyTorchTrainer(model, torch.optim.SGD(model.parameters(), lr, 0.9), nn.MSELoss())


def weights(trainer: PyTorchTrainer) -> list[Tensor]:
    return [param.detach().clone() for param in trainer.model.parameters()]


def loaders(data: Data, batch_size: int) -> dict[str, Any]:
    X, y, X_test, y_test = data
    return {
        "train_dataloader": DataLoader(TensorDataset(X, y), batch_size),
        "test_dataloader": DataLoader(TensorDataset(X_test, y_test), batch_size),
    }


def assert_same(ones: list[Tensor], others: list[Tensor]) -> None:
    assert all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))


# Loaders


@pytest.mark.parametrize("batch_size", [6, 20, 50])
def test_loaders_train_as_tensors_do_in_the_same_order(data: Data, batch_size: int) -> None:
    by_tensors, by_loaders = make_trainer(), make_trainer()
    before = weights(by_tensors)
    options: dict[str, Any] = {"epochs": 2, "eval_every": 1, "early_stopping": False}
    one = by_tensors.fit(*data, batch_size=batch_size, orders=[torch.arange(20)] * 2, **options)
    other = by_loaders.fit(**loaders(data, batch_size), **options)
    assert_same(weights(by_tensors), weights(by_loaders))
    assert not torch.equal(before[0], weights(by_loaders)[0])
    assert one.training_losses == other.training_losses
    assert one.losses == pytest.approx(other.losses, rel=1e-12)
    assert one.epochs == other.epochs == [1, 2]


def test_validation_by_batches_gives_each_row_the_same_weight(data: Data) -> None:
    """Nine rows in batches of six: the last three must not count double."""
    trainer = make_trainer()
    _, _, X, y = data
    whole = trainer.evaluate(X, y)
    loader = DataLoader(TensorDataset(X, y), 6)
    assert trainer.evaluate_batches(loader) == pytest.approx(whole, rel=1e-12)
    unweighted = np.mean([trainer.evaluate(*batch) for batch in loader])
    assert unweighted != pytest.approx(whole, rel=1e-3)


def test_a_list_of_batches_serves_as_a_loader(data: Data) -> None:
    X, y, X_test, y_test = data
    trainer, twin = make_trainer(), make_trainer()
    batches = list(zip(X.split(6), y.split(6), strict=True))
    options: dict[str, Any] = {"epochs": 2, "eval_every": 1, "early_stopping": False}
    trainer.fit(train_dataloader=batches, test_dataloader=[(X_test, y_test)], **options)
    twin.fit(**loaders(data, 6), **options)
    assert_same(weights(trainer), weights(twin))


def test_metric_is_measured_on_loaders_too(data: Data) -> None:
    def mean_distance(prediction: Tensor, target: Tensor) -> float:
        return float((prediction - target).abs().mean())

    trainer = make_trainer()
    options = {**loaders(data, 6), "metric": mean_distance}
    history = trainer.fit(epochs=1, eval_every=1, **options)
    whole = mean_distance(predict(trainer.model, data[2]), data[3])
    assert history.losses == pytest.approx([whole], rel=1e-12)


@pytest.mark.parametrize(
    ("tensors", "names", "words"),
    [
        (0, [], "not 0 tensors and 0 loaders"),
        (2, [], "not 2 tensors and 0 loaders"),
        (4, ["train_dataloader"], "not 4 tensors and 1 loaders"),
        (2, ["test_dataloader"], "not 2 tensors and 1 loaders"),
        (0, ["train_dataloader"], "not 0 tensors and 1 loaders"),
        (4, ["train_dataloader", "test_dataloader"], "not 4 tensors and 2 loaders"),
    ],
)
def test_data_that_are_neither_tensors_nor_loaders_are_refused(
    data: Data, tensors: int, names: list[str], words: str
) -> None:
    fit: Any = make_trainer().fit
    given = {name: loader for name, loader in loaders(data, 6).items() if name in names}
    with pytest.raises(ValueError, match=rf"^fit takes X_train, .* {words}$"):
        fit(*data[:tensors], **given)


def test_orders_beside_loaders_are_refused(data: Data) -> None:
    words = r"^orders are of tensors; a loader has an order of its own$"
    with pytest.raises(ValueError, match=words):
        make_trainer().fit(**loaders(data, 6), epochs=1, orders=[torch.arange(20)])


@pytest.mark.parametrize("part", ["train", "test"])
def test_loaders_without_rows_are_refused(data: Data, part: str) -> None:
    given: dict[str, Any] = {**loaders(data, 6), f"{part}_dataloader": []}
    with pytest.raises(ValueError, match=r"^there are no rows to (train|validate) on$"):
        make_trainer().fit(**given, epochs=1, eval_every=1)


def test_no_rows_at_all_are_refused(data: Data) -> None:
    X, y, X_test, y_test = data
    with pytest.raises(ValueError, match=r"^there are no rows to train on$"):
        make_trainer().fit(X[:0], y[:0], X_test, y_test, epochs=1)


# The optimizer


def two_groups(model: nn.Module) -> list[dict[str, Any]]:
    *rest, last = model.parameters()
    return [{"params": [last], "weight_decay": 0.0}, {"params": rest}]


def test_optimizer_may_hold_the_parameters_in_groups_and_in_any_order() -> None:
    model = Returning()
    PyTorchTrainer(model, torch.optim.SGD(two_groups(model), lr=0.1), nn.MSELoss())


def test_what_is_not_trained_may_be_missing_from_the_optimizer() -> None:
    model = Returning()
    model.hidden.requires_grad_(False)
    PyTorchTrainer(model, torch.optim.SGD(model.out.parameters(), lr=0.1), nn.MSELoss())


def test_optimizer_of_part_or_of_more_or_of_a_twin_is_refused() -> None:
    model, twin = Returning(), Returning()
    twin.load_state_dict(model.state_dict())
    for params in (
        [*model.out.parameters()],
        [*model.parameters(), nn.Parameter(torch.ones(1))],
        [*twin.parameters()],
    ):
        optimizer = torch.optim.SGD(params, lr=0.1)
        with pytest.raises(ValueError, match=r"must hold exactly the parameters of the model$"):
            PyTorchTrainer(model, optimizer, nn.MSELoss())


def test_gradients_of_earlier_batches_are_gone(data: Data) -> None:
    trainer, twin = make_trainer(), make_trainer()
    for param in trainer.model.parameters():
        param.grad = torch.full_like(param, 1e6)
    for each in (trainer, twin):
        each.fit(*data, epochs=1, eval_every=1)
    assert_same(weights(trainer), weights(twin))


# Outputs


@pytest.mark.parametrize("form", ["one", "two"])
def test_loss_sees_the_first_element_of_a_tuple(data: Data, form: str) -> None:
    plain, trainer = make_trainer(), make_trainer(form)
    histories = [each.fit(*data, epochs=2, eval_every=1) for each in (plain, trainer)]
    assert_same(weights(plain), weights(trainer))
    assert histories[0] == histories[1]
    assert torch.equal(predict(plain.model, data[2]), predict(trainer.model, data[2]))
    assert eval_regression_model(plain.model, *data[2:]) == eval_regression_model(
        trainer.model, *data[2:]
    )


def test_autoencoder_trains_in_both_halves_on_its_own_input() -> None:
    model = Autoencoder(4, (2, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    trainer = PyTorchTrainer(model, optimizer, nn.MSELoss())
    before, X = weights(trainer), torch.rand(8, 1, 28, 28).round() * 2 - 1
    history = trainer.fit(X, X, X, X, epochs=4, eval_every=2, batch_size=4)
    assert history.losses[-1] < history.training_losses[0]
    for one, other in zip(before, weights(trainer), strict=True):
        assert not torch.equal(one, other)


# Modes


@pytest.mark.parametrize("training", [True, False])
def test_training_is_in_training_mode_and_validation_is_not(data: Data, training: bool) -> None:
    """Also for a model that somebody left in evaluation mode; it has its mode back afterwards."""
    trainer = make_trainer(dropout=0.5)
    model: Any = trainer.model.train(training)
    trainer.fit(*data, epochs=2, eval_every=1, batch_size=10, early_stopping=False)
    epoch = [(True, True)] * 2 + [(False, False)]
    assert model.modes == epoch * 2
    assert [module.training for module in model.modules()] == [training] * 4


def test_each_module_has_its_own_mode_back(data: Data) -> None:
    trainer = make_trainer(dropout=0.5)
    model: Any = trainer.model
    model.dropout.eval()
    trainer.evaluate(*data[2:])
    trainer.fit(*data, epochs=1, eval_every=1)
    assert (model.training, model.hidden.training, model.dropout.training) == (True, True, False)


def test_mode_comes_back_after_an_error(data: Data) -> None:
    trainer = make_trainer()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        trainer.evaluate(data[2][:, :3], data[3])
    assert trainer.model.training
    trainer.model.eval()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        trainer.fit(data[0][:, :3], *data[1:])
    assert not trainer.model.training


def test_predictions_have_no_graph_and_no_dropout(data: Data) -> None:
    model = make_trainer(dropout=0.5).model
    predictions = predict(model, data[2])
    assert not predictions.requires_grad
    assert torch.equal(predictions, predict(model, data[2]))


def test_batches_go_to_where_the_model_is(data: Data) -> None:
    """The meta device, which every machine has, computes shapes only."""
    trainer = make_trainer()
    trainer.model.to("meta")
    assert predict(trainer.model, data[2]).device.type == "meta"
    assert trainer._inputs(data[2]).device.type == "meta"
    text = NextCharacterModel(5, 7).to("meta")
    trainer = LSTMTrainer(text, torch.optim.SGD(text.parameters(), lr=0.1))
    assert trainer._inputs(torch.tensor([[1, 4]])).device.type == "meta"


# Schedules


def test_scheduler_steps_once_an_epoch_with_loaders_too(data: Data) -> None:
    trainer = make_trainer()
    rates: list[float] = []
    scheduler = StepLR(trainer.optim, step_size=2, gamma=0.1)
    trainer.fit(
        **loaders(data, 6),
        epochs=4,
        scheduler=scheduler,
        on_epoch=lambda epoch, loss: rates.append(trainer.optim.param_groups[0]["lr"]),
    )
    assert rates == pytest.approx([0.1, 0.01, 0.01, 0.001])


def test_plateau_goes_by_the_training_loss(data: Data) -> None:
    trainer = make_trainer(lr=0.0)
    scheduler = ReduceLROnPlateau(trainer.optim, factor=0.5, patience=0)
    trainer.optim.param_groups[0]["lr"] = 1e-300
    scheduler.eps = 0.0
    trainer.fit(**loaders(data, 6), epochs=3, scheduler=scheduler)
    assert trainer.optim.param_groups[0]["lr"] == 1e-300 / 4


def test_scheduler_of_another_optimizer_is_refused(data: Data) -> None:
    other = StepLR(make_trainer().optim, step_size=1)
    words = r"^the scheduler must be one of the trainer's optimizer$"
    with pytest.raises(ValueError, match=words):
        make_trainer().fit(*data, epochs=1, scheduler=other)


def test_accuracy_takes_a_model_that_returns_a_tuple() -> None:
    class Same(PyTorchModel):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return x, x * 0

    assert calc_accuracy_model(Same(), torch.eye(3), torch.tensor([0, 1, 0])) == pytest.approx(
        2 / 3
    )
