"""Both trainers, held against each other: whole fits, when they stop, and what they go back to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import copy_to_reference, read_reference, to_reference
from parity_tests.fits import (
    Data,
    Fitted,
    ScriptedError,
    ScriptedTorchError,
    assert_equal_params,
    drawn_net,
    fit,
    make_data,
    make_net,
    make_torch_trainer,
    params_of,
    torch_fit,
)
from reference.losses import MeanSquaredError as TorchMeanSquaredError
from reference.training import PyTorchTrainer
from reference.training import eval_regression_model as eval_torch_model
from scratch.training import eval_regression_model


@pytest.fixture
def data() -> Data:
    return make_data()


@pytest.fixture
def turning_data(data: Data) -> Data:
    """Validation targets half-way between where the network starts and where training leads: the
    validation loss falls at first, and then rises.
    """
    X, y = data.X_train, data.y_train
    return Data(X, y, X, (drawn_net().forward(X) + y) / 2)


# Scratch against PyTorch


def orders_of(seed: int, n_rows: int, epochs: int) -> list[ndarray]:
    """The rows' order in each epoch, when ``fit`` draws from ``default_rng(seed)``."""
    generator, order, orders = np.random.default_rng(seed), np.arange(n_rows), []
    for _ in range(epochs):
        order = order[generator.permutation(n_rows)]
        orders.append(order)
    return orders


def fit_both(data: Data, epochs: int, **options: Any) -> tuple[Fitted, PyTorchTrainer, Any]:
    """Train on both sides from the same parameters, in the same orders."""
    ours = fit(
        drawn_net(), data, epochs=epochs, seed=np.random.default_rng(5), restart=False, **options
    )
    torch_trainer = make_torch_trainer()
    orders = [torch.from_numpy(order) for order in orders_of(5, len(data.X_train), epochs)]
    given: dict[str, Any] = {"batch_size": 6, "eval_every": 1, **options}
    history = torch_trainer.fit(*data.tensors(), epochs=epochs, orders=orders, **given)
    return ours, torch_trainer, history


def assert_same_training(ours: Fitted, torch_trainer: PyTorchTrainer, theirs: Any) -> None:
    np.testing.assert_allclose(ours.history.losses, theirs.losses, rtol=1e-9)
    assert ours.history.best_loss == pytest.approx(theirs.best_loss, rel=1e-9)
    for name in ("epochs", "best_epoch", "stopped_early"):
        assert getattr(ours.history, name) == getattr(theirs, name)
    for a, b in zip(ours.params, read_reference(torch_trainer.model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("eval_every", [1, 3])
def test_whole_fit_equals_pytorch(data: Data, eval_every: int) -> None:
    both = fit_both(data, epochs=12, eval_every=eval_every, early_stopping=False)
    assert_same_training(*both)
    assert both[0].history.epochs == list(range(eval_every, 13, eval_every))


@pytest.mark.parametrize("eval_every", [1, 2])
def test_early_stopping_equals_pytorch(turning_data: Data, eval_every: int) -> None:
    both = fit_both(turning_data, epochs=100, eval_every=eval_every)
    assert_same_training(*both)
    assert both[0].history.stopped_early
    assert 1 < both[0].history.best_epoch < 50


def test_evaluations_equal_pytorch(data: Data) -> None:
    net = drawn_net()
    ours = eval_regression_model(net, data.X_test, data.y_test)
    theirs = eval_torch_model(to_reference(net), *data.tensors()[2:])
    assert ours == pytest.approx(theirs, rel=1e-12)


# Early stopping


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("losses", "best_epoch", "seen"),
    [
        ((3.0, 2.0, 1.0, 2.0, 0.0), 3, 4),
        ((3.0, 3.0, 1.0), 1, 2),
        ((3.0, 2.0, NAN, 1.0), 2, 3),
        ((3.0, INF, 1.0), 1, 2),
        ((3.0, 2.0, 1.0), 3, 3),
    ],
    ids=["rises", "stays", "not a number", "infinite", "falls"],
)
def test_training_stops_when_the_loss_does_not_fall(
    data: Data, losses: tuple[float, ...], best_epoch: int, seen: int
) -> None:
    for history in (
        fit(make_net(ScriptedError(losses)), data, epochs=len(losses)).history,
        torch_fit(data, ScriptedTorchError(losses), epochs=len(losses)),
    ):
        assert (history.best_epoch, history.best_loss) == (best_epoch, losses[best_epoch - 1])
        assert history.epochs == list(range(1, seen + 1))
        np.testing.assert_array_equal(history.losses, losses[:seen])
        assert history.stopped_early == (seen > best_epoch)


@pytest.mark.parametrize("losses", [(3.0, 4.0, 1.0, 2.0), (NAN, 1.0)])
def test_without_early_stopping_all_epochs_run(data: Data, losses: tuple[float, ...]) -> None:
    options: dict[str, Any] = {"epochs": len(losses), "early_stopping": False}
    for history in (
        fit(make_net(ScriptedError(losses)), data, **options).history,
        torch_fit(data, ScriptedTorchError(losses), **options),
    ):
        np.testing.assert_array_equal(history.losses, losses)
        assert history.best_loss == 1
        assert not history.stopped_early


def test_stop_rolls_back_to_the_best_network(turning_data: Data) -> None:
    given = make_net()
    trainer, history = fit(given, turning_data, epochs=100)
    assert history.stopped_early
    assert history.epochs[-1] == history.best_epoch + 1

    assert trainer.net is not given
    assert trainer.optim.net is trainer.net
    for net, epochs in ((trainer.net, history.best_epoch), (given, history.epochs[-1])):
        again = fit(make_net(), turning_data, epochs=epochs, early_stopping=False)
        assert_equal_params(params_of(net), again.params)
    loss = trainer.net.loss.forward(trainer.net.forward(turning_data.X_test), turning_data.y_test)
    assert loss == history.best_loss == min(history.losses)


def test_best_network_trains_on_without_the_one_handed_in(turning_data: Data) -> None:
    given = make_net()
    trainer, _ = fit(given, turning_data, epochs=100)
    best, stopped = params_of(trainer.net), params_of(given)
    trainer.fit(*turning_data, epochs=1, restart=False, verbose=False)
    assert_equal_params(params_of(given), stopped)
    assert not any(np.array_equal(a, b) for a, b in zip(params_of(trainer.net), best, strict=True))


def test_without_a_stop_the_network_is_the_one_handed_in(data: Data) -> None:
    given = make_net(ScriptedError([3.0, 2.0]))
    assert fit(given, data, epochs=2).trainer.net is given


@pytest.mark.parametrize("loss", [NAN, INF])
def test_first_loss_that_is_not_finite_is_an_error(data: Data, loss: float) -> None:
    words = f"validation loss after 2 epochs is {loss}: the training has diverged"
    with pytest.raises(FloatingPointError, match=f"{words}; try a learning rate below 0.02"):
        fit(make_net(ScriptedError([loss])), data, epochs=4, eval_every=2)
    with pytest.raises(FloatingPointError, match=f"{words}; try a lower learning rate"):
        torch_fit(data, ScriptedTorchError([loss]), epochs=4, eval_every=2)


def test_far_too_high_learning_rate_diverges_in_words(data: Data) -> None:
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"below 1e\+200"):
        fit(make_net(), data, epochs=3, lr=1e200)


# The trainer of PyTorch


def test_optimizer_of_other_parameters_is_refused() -> None:
    """Loading parameters makes new ones: an optimizer made before would train nothing."""
    net = drawn_net()
    model = to_reference(net)
    early = torch.optim.SGD(model.parameters(), lr=0.02)
    copy_to_reference(list(net.params()), model)
    part = torch.optim.SGD([next(model.parameters())], lr=0.02)
    for optimizer in (early, part):
        with pytest.raises(ValueError, match="exactly the parameters of the model"):
            PyTorchTrainer(model, optimizer, TorchMeanSquaredError())


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_is_without_dropout_and_restores_the_mode(training: bool) -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(5, 1)).train(training)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    trainer = PyTorchTrainer(model, optimizer, TorchMeanSquaredError())
    X, y = torch.ones(50, 5), torch.zeros(50, 1)
    with torch.no_grad():
        exact = TorchMeanSquaredError()(model[1](X), y).item()
    assert trainer.evaluate(X, y) == pytest.approx(exact)
    assert [module.training for module in model.modules()] == [training] * 3


def test_fewer_orders_than_epochs_are_refused(data: Data) -> None:
    with pytest.raises(ValueError, match="3 epochs need as many orders, not 2"):
        torch_fit(data, epochs=3, orders=[torch.arange(20)] * 2)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("rows", [3, 30])
def test_rows_that_differ_are_refused_by_pytorch_too(data: Data, part: str, rows: int) -> None:
    with pytest.raises(ValueError, match=rf"as many rows, not .* and \({rows}, 1\)"):
        torch_fit(data._replace(**{f"y_{part}": np.ones((rows, 1))}), epochs=1)


def test_orders_come_from_the_seed_and_not_from_torchs_global_state(data: Data) -> None:
    trainers = [make_torch_trainer() for _ in range(3)]
    state = torch.get_rng_state()
    losses = [
        trainer.fit(*data.tensors(), epochs=2, eval_every=1, batch_size=6, seed=seed).losses
        for trainer, seed in zip(trainers, (1, 1, 2), strict=True)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.get_rng_state(), state)
