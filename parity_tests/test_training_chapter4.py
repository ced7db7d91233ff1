"""What chapter 4 adds to both trainers: decay, validation as inference, a metric, the accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import read_reference, to_reference
from parity_tests.fits import SEED, Data, make_data, params_of
from reference import schedules as torch_schedules
from reference import training as reference
from reference.losses import MeanSquaredError as TorchMeanSquaredError
from reference.optimizers import SGDMomentum as TorchSGDMomentum
from scratch.activations import Linear, Tanh
from scratch.dense import Dense
from scratch.functions import one_hot
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.optimizers import SGDMomentum
from scratch.training import Trainer, TrainingHistory, calc_accuracy_model

EPOCHS = 7


@pytest.fixture
def data() -> Data:
    return make_data()


def make_net(dropout: float = 1.0) -> NeuralNetwork:
    layers = [Dense(4, Tanh(), dropout=dropout), Dense(1, Linear())]
    return NeuralNetwork(layers, MeanSquaredError(), SEED)


class SpiedSGD(SGDMomentum):
    """Writes down the rate of each step."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rates: list[float] = []

    def step(self) -> None:
        self.rates.append(self.lr)
        super().step()


def fit(net: NeuralNetwork, optimizer: SGDMomentum, data: Data, **options: Any) -> TrainingHistory:
    given = {"epochs": EPOCHS, "batch_size": 6, "eval_every": 1, "verbose": False, **options}
    return Trainer(net, optimizer).fit(*data, seed=SEED, early_stopping=False, **given)


def recorded_orders(data: Data, monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """Collects the first column of each batch that a scratch network trains on."""
    batches: list[list[float]] = []
    train_batch = NeuralNetwork.train_batch

    def spy(self: NeuralNetwork, X: ndarray, y: ndarray) -> float:
        batches.append(X[:, 0].tolist())
        return train_batch(self, X, y)

    monkeypatch.setattr(NeuralNetwork, "train_batch", spy)
    return batches


# Decay


@pytest.mark.parametrize("decay_type", ["linear", "exponential", "cosine", "plateau"])
def test_whole_trainings_with_decay_are_the_same_on_both_sides(
    decay_type: str, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learning rates, losses and parameters, the plateau by the training loss."""
    batches = recorded_orders(data, monkeypatch)
    net = make_net()
    rates = {"lr": 0.02, "final_lr": 0.001}
    history = fit(net, SGDMomentum(**rates, momentum=0.5, decay_type=decay_type), data)

    twin = make_net()
    twin.forward(data.X_train[:1])
    model = to_reference(twin)
    optimizer = TorchSGDMomentum(model.parameters(), lr=0.02, momentum=0.5)
    scheduler = {
        "linear": lambda: torch_schedules.LinearDecay(optimizer, 0.001, EPOCHS),
        "exponential": lambda: torch_schedules.ExponentialDecay(optimizer, 0.001, EPOCHS),
        "cosine": lambda: torch_schedules.CosineDecay(optimizer, 0.001, EPOCHS),
        "plateau": lambda: torch_schedules.ReduceOnPlateau(optimizer, 0.001),
    }[decay_type]()
    column = data.X_train[:, 0].tolist()
    orders = [
        torch.tensor([column.index(x) for batch in batches[4 * i : 4 * i + 4] for x in batch])
        for i in range(EPOCHS)
    ]
    expected = reference.PyTorchTrainer(model, optimizer, TorchMeanSquaredError()).fit(
        *data.tensors(), epochs=EPOCHS, eval_every=1, batch_size=6, orders=orders,
        scheduler=scheduler, early_stopping=False,
    )  # fmt: skip
    np.testing.assert_allclose(history.training_losses, expected.training_losses, rtol=1e-10)
    np.testing.assert_allclose(history.losses, expected.losses, rtol=1e-10)
    for ours, theirs in zip(params_of(net), read_reference(model), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_rate_falls_after_each_epoch_and_not_within_one(data: Data) -> None:
    optimizer = SpiedSGD(0.06, final_lr=0.0, decay_type="linear")
    fit(make_net(), optimizer, data)
    assert optimizer.rates[::4] == pytest.approx([0.06, 0.05, 0.04, 0.03, 0.02, 0.01, 0.0])
    assert optimizer.rates == [rate for rate in optimizer.rates[::4] for _ in range(4)]


def test_a_second_fit_starts_again_from_the_first_rate(data: Data) -> None:
    optimizer = SpiedSGD(0.06, final_lr=0.0, decay_type="linear")
    net = make_net()
    fit(net, optimizer, data)
    first, optimizer.rates = optimizer.rates, []
    fit(net, optimizer, data, restart=False)
    assert optimizer.rates == first


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_decay_has_no_need_of_many_epochs(epochs: int, data: Data) -> None:
    optimizer = SpiedSGD(0.06, final_lr=0.0, decay_type="linear")
    fit(make_net(), optimizer, data, epochs=epochs)
    assert optimizer.rates == [0.06] * 4 * epochs


def test_a_training_that_diverges_tells_the_rate_it_began_with(data: Data) -> None:
    optimizer = SGDMomentum(1e300, final_lr=1e299, decay_type="exponential")
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"try a learning rate below 1e\+300"),
    ):
        Trainer(make_net(), optimizer).fit(*data, epochs=3, eval_every=3, verbose=False)


# Validation


def test_validation_is_inference(data: Data) -> None:
    """With dropout the same network has one validation loss, and it is the reference's."""
    net = make_net(dropout=0.5)
    history = fit(net, SGDMomentum(0.01), data, epochs=1)
    loss = net.loss.forward(net.forward(data.X_test, inference=True), data.y_test)
    assert history.losses == [loss]
    model = to_reference(net)
    trainer = reference.PyTorchTrainer(
        model, torch.optim.SGD(model.parameters(), lr=0.1), TorchMeanSquaredError()
    )
    X_test, y_test = data.tensors()[2:]
    assert trainer.evaluate(X_test, y_test) == pytest.approx(loss, rel=1e-12)
    assert model.training


@pytest.mark.parametrize("training", [True, False])
def test_predicting_leaves_the_mode_as_it_was(training: bool) -> None:
    """The book never turns dropout on again after its first evaluation."""
    model = torch.nn.Sequential(torch.nn.Dropout(0.5)).train(training)
    np.testing.assert_array_equal(reference.predict(model, torch.ones(50)), np.ones(50))
    assert model.training is training


def test_a_metric_takes_the_place_of_the_loss_on_both_sides(data: Data) -> None:
    worst: list[ndarray] = []

    def largest_error(prediction: Any, target: Any) -> float:
        worst.append(np.asarray(prediction))
        return float(abs(prediction - target).max())

    net = make_net()
    history = fit(net, SGDMomentum(0.01), data, epochs=2, metric=largest_error)
    assert len(worst) == 2
    assert history.losses[-1] == abs(net.forward(data.X_test) - data.y_test).max()
    model = to_reference(net)
    trainer = reference.PyTorchTrainer(
        model, torch.optim.SGD(model.parameters(), lr=0.0), TorchMeanSquaredError()
    )
    expected = trainer.fit(*data.tensors(), epochs=1, eval_every=1, metric=largest_error)
    assert expected.losses == pytest.approx([history.losses[-1]], rel=1e-12)


def test_early_stopping_goes_by_the_metric(data: Data) -> None:
    values = iter([3.0, 2.0, 2.5])
    history = Trainer(make_net(), SGDMomentum(0.01)).fit(
        *data, epochs=9, eval_every=1, verbose=False, metric=lambda prediction, target: next(values)
    )
    assert (history.losses, history.stopped_early, history.best_epoch) == ([3.0, 2.0, 2.5], True, 2)


def test_training_loss_is_the_mean_over_all_rows(data: Data) -> None:
    """Not over the batches, of which the last one is short."""
    net = make_net()
    net.forward(data.X_train)
    history = fit(net, SGDMomentum(0.0), data, epochs=1, restart=False)
    whole = net.loss.forward(net.forward(data.X_train), data.y_train)
    assert history.training_losses == pytest.approx([whole], rel=1e-12)


# Accuracy


def test_accuracy_is_the_same_on_both_sides_and_for_both_forms_of_targets() -> None:
    draws = np.random.default_rng(0)
    X, labels = draws.standard_normal((50, 6)), draws.integers(0, 3, 50)
    net = NeuralNetwork([Dense(3, Linear(), dropout=0.5)], MeanSquaredError(), seed=1)
    expected = np.mean(np.argmax(net.forward(X, inference=True), axis=1) == labels)
    assert 0 < expected < 1
    for targets in (labels, one_hot(labels, 3)):
        assert calc_accuracy_model(net, X, targets) == expected
        model = to_reference(net)
        found = reference.calc_accuracy_model(model, torch.tensor(X), torch.tensor(targets))
        assert found == pytest.approx(expected)
        assert model.training


@pytest.mark.parametrize("shape", [(5,), (4, 1), (4, 2), (0,)])
def test_accuracy_with_targets_that_do_not_fit_is_refused(shape: tuple[int, ...]) -> None:
    net = NeuralNetwork([Dense(3, Linear())], MeanSquaredError(), seed=1)
    X = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"\(4, 3\) do not fit targets of shape \("):
        calc_accuracy_model(net, X, np.zeros(shape, int))
    targets = torch.zeros(shape, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"\(4, 3\) do not fit targets of shape \("):
        reference.calc_accuracy_model(to_reference(net), torch.tensor(X), targets)


def test_a_prediction_of_nan_is_never_right() -> None:
    net = NeuralNetwork([Dense(3, Linear())], MeanSquaredError(), seed=1)
    X = np.array([[np.nan, 1.0]])
    assert calc_accuracy_model(net, X, np.zeros(1, int)) == 0
    model = to_reference(net)
    assert reference.calc_accuracy_model(model, torch.tensor(X), torch.zeros(1)) == 0


def test_an_optimizer_that_another_trainer_had_trains_this_network(data: Data) -> None:
    optimizer = SGDMomentum(0.01)
    nets = [make_net(), make_net()]
    trainers = [Trainer(net, optimizer) for net in nets]
    histories = [
        trainer.fit(*data, epochs=2, eval_every=1, seed=SEED, verbose=False) for trainer in trainers
    ]
    assert histories[0].losses[0] != histories[0].losses[1]
    assert histories[0].losses == histories[1].losses


def test_a_rate_put_in_by_hand_is_looked_at(data: Data) -> None:
    optimizer = SGDMomentum(0.01)
    optimizer.lr = -1
    with pytest.raises(ValueError, match="-1"):
        fit(make_net(), optimizer, data)
