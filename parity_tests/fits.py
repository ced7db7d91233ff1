"""Fits on both sides of one small network to one small set of data, for the tests of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy import ndarray

from parity.bridge import to_reference
from reference.losses import MeanSquaredError as TorchMeanSquaredError
from reference.training import PyTorchTrainer
from reference.training import TrainingHistory as TorchTrainingHistory
from scratch.activations import Linear, Sigmoid
from scratch.dense import Dense
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.optimizers import SGD
from scratch.seeding import Seed
from scratch.training import Trainer, TrainingHistory

SEED = 20190501


class Data(NamedTuple):
    X_train: ndarray
    y_train: ndarray
    X_test: ndarray
    y_test: ndarray

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        X_train, y_train, X_test, y_test = map(torch.from_numpy, self)
        return X_train, y_train, X_test, y_test


def make_data() -> Data:
    """Twenty rows to train on, nine to validate on."""
    stream = np.random.RandomState(0)
    X = stream.standard_normal((29, 5))
    y = np.sin(X[:, :1]) + X[:, 1:2]
    return Data(X[:20], y[:20], X[20:], y[20:])


def make_net(loss: MeanSquaredError | None = None, seed: Seed = SEED) -> NeuralNetwork:
    layers = [Dense(4, Sigmoid()), Dense(1, Linear())]
    return NeuralNetwork(layers, loss or MeanSquaredError(), seed)


def drawn_net() -> NeuralNetwork:
    """A network that has its parameters."""
    net = make_net()
    net.forward(np.zeros((1, 5)))
    return net


def make_torch_trainer(criterion: torch.nn.Module | None = None) -> PyTorchTrainer:
    model = to_reference(drawn_net())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    return PyTorchTrainer(model, optimizer, criterion or TorchMeanSquaredError())


class Fitted(NamedTuple):
    trainer: Trainer
    history: TrainingHistory

    @property
    def params(self) -> list[ndarray]:
        return params_of(self.trainer.net)


def fit(net: NeuralNetwork, data: Data, **options: Any) -> Fitted:
    trainer = Trainer(net, SGD(options.pop("lr", 0.02)))
    given = {"seed": SEED, "batch_size": 6, "eval_every": 1, "verbose": False, **options}
    return Fitted(trainer, trainer.fit(*data, **given))


def torch_fit(
    data: Data, criterion: torch.nn.Module | None = None, **options: Any
) -> TorchTrainingHistory:
    return make_torch_trainer(criterion).fit(*data.tensors(), **{"eval_every": 1, **options})


def params_of(net: NeuralNetwork) -> list[ndarray]:
    return [param.copy() for param in net.params()]


def assert_equal_params(ours: Sequence[ndarray], theirs: Sequence[ndarray]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


class ScriptedError(MeanSquaredError):
    """On the nine validation rows: the losses it is told, in turn."""

    def __init__(self, losses: Sequence[float]) -> None:
        super().__init__()
        self.losses = iter(losses)

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        loss = super().forward(prediction, target)
        return next(self.losses) if len(target) == 9 else loss


class ScriptedTorchError(TorchMeanSquaredError):
    """The same for PyTorch."""

    def __init__(self, losses: Sequence[float]) -> None:
        super().__init__()
        self.losses = iter(losses)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss = super().forward(prediction, target)
        return torch.tensor(next(self.losses)) if len(target) == 9 else loss
