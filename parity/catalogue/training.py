"""Catalogue of chapter 3: the training loop and its helpers.

Their results depend on a random order, so what is compared is what must hold in any order.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.mutants import training as mutants


def _sorted_rows(X: Any) -> Any:
    """The rows in an order that depends on their values alone."""
    return X[np.lexsort(X.T)] if isinstance(X, ndarray) and X.ndim == 2 else X


def _run_permute_data(impl: Implementation, given: Given) -> Observed:
    """Every row of ``y`` is the sum of its row of ``X``, so a lost pairing shows."""
    X = given.inputs["X"]
    y = np.sum(X, axis=1, keepdims=True)
    result = impl.permute_data(X, y)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        return Observed(dict.fromkeys(("sorted rows of X", "y in X's order"), result))
    permuted_X, permuted_y = result
    changed = len(X) < 20 or not np.array_equal(permuted_X, X)
    paired = np.array_equal(np.sum(permuted_X, axis=1, keepdims=True), permuted_y)
    return Observed(
        {
            "sorted rows of X": _sorted_rows(permuted_X),
            "y in X's order": paired,
            "order changed": changed,
        }
    )


def _reference_permute_data(given: Given) -> dict[str, Any]:
    return {
        "sorted rows of X": _sorted_rows(np.array(given.inputs["X"])),
        "y in X's order": True,
        "order changed": True,
    }


def _run_generate_batches(impl: Implementation, given: Given) -> Observed:
    X, y = given.inputs["X"], given.inputs["y"]
    batches = list(impl.generate_batches(X, y, given.options["size"]))
    return Observed(
        {
            "batch sizes": np.array([len(X_batch) for X_batch, _ in batches], dtype=np.int64),
            "rows of X": np.concatenate([X_batch for X_batch, _ in batches]),
            "rows of y": np.concatenate([y_batch for _, y_batch in batches]),
        }
    )


def _reference_generate_batches(given: Given) -> dict[str, Any]:
    """``torch.Tensor.split`` cuts the same way."""
    import torch

    rows = torch.arange(len(given.inputs["X"])).split(given.options["size"])
    return {
        "batch sizes": np.array([len(part) for part in rows], dtype=np.int64),
        "rows of X": np.array(given.inputs["X"]),
        "rows of y": np.array(given.inputs["y"]),
    }


class _StubLayer:
    first = False
    params: tuple[ndarray, ...] = ()


class _StubLoss:
    """Falls all the time, so that early stopping has nothing to stop."""

    def __init__(self) -> None:
        self.calls = 0

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        self.calls += 1
        return 1.0 / self.calls


class _RecordingNetwork:
    """Stands in for a network and writes down what the trainer does with it."""

    def __init__(self) -> None:
        self.layers = [_StubLayer(), _StubLayer()]
        self.loss = _StubLoss()
        self.stream = np.random.RandomState(0)
        self.batches: list[tuple[ndarray, ndarray]] = []
        self.restarted: bool | None = None

    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        if self.restarted is None:
            self.restarted = all(layer.first for layer in self.layers)
        self.batches.append((np.array(x_batch), np.array(y_batch)))
        return 0.0

    def forward(self, x_batch: ndarray) -> ndarray:
        return np.zeros((len(x_batch), 1))

    def params(self) -> Any:
        return iter(())

    def param_grads(self) -> Any:
        return iter(())


class _CountingOptimizer:
    lr = 0.01
    net: Any = None

    def __init__(self) -> None:
        self.steps = 0

    def step(self) -> None:
        self.steps += 1


def _fit(impl: Implementation, given: Given, restart: bool) -> tuple[Any, Any, Any]:
    X = given.inputs["X"]
    y = np.sum(X, axis=1, keepdims=True)
    net, optimizer = _RecordingNetwork(), _CountingOptimizer()
    trainer = impl.Trainer(net, optimizer)
    options = {key: given.options[key] for key in ("epochs", "eval_every", "batch_size")}
    with redirect_stdout(StringIO()):
        trainer.fit(X, y, X, y, **options, seed=20190501, restart=restart)
    return net, optimizer, X


def _run_trainer(impl: Implementation, given: Given) -> Observed:
    """The network is a stub that records its batches: only the trainer counts."""
    net, optimizer, X = _fit(impl, given, restart=True)
    kept, _, _ = _fit(impl, given, restart=False)
    rows = np.concatenate([X_batch for X_batch, _ in net.batches])
    targets = np.concatenate([y_batch for _, y_batch in net.batches])
    sizes = [len(X_batch) for X_batch, _ in net.batches]
    return Observed(
        {
            "rows seen": _sorted_rows(rows),
            "batch sizes": np.array(sizes, dtype=np.int64),
            "steps": optimizer.steps,
            "y in X's order": np.array_equal(np.sum(rows, axis=1, keepdims=True), targets),
            "epochs differ": bool(
                len(X) < 20 or not np.array_equal(rows[: len(X)], rows[len(X) : 2 * len(X)])
            ),
            "optimizer.net is the network": optimizer.net is net,
            "layers restarted": net.restarted,
            "layers restarted without restart": kept.restarted,
        }
    )


def _reference_trainer(given: Given) -> dict[str, Any]:
    X, options = np.array(given.inputs["X"]), given.options
    one_epoch = _reference_generate_batches(
        Given({"X": X, "y": X}, {"size": options["batch_size"]})
    )["batch sizes"]
    return {
        "rows seen": _sorted_rows(np.concatenate([X] * options["epochs"])),
        "batch sizes": np.tile(one_epoch, options["epochs"]),
        "steps": len(one_epoch) * options["epochs"],
        "y in X's order": True,
        "epochs differ": True,
        "optimizer.net is the network": True,
        "layers restarted": True,
        "layers restarted without restart": False,
    }


def _data(n: int) -> Shapes:
    return {"X": (n, 5), "y": (n, 1)}


def _trainer_case(name: str, n: int, batch_size: int, **rest: Any) -> Case:
    options = {"epochs": 4, "eval_every": 2, "batch_size": batch_size}
    return Case(name, {"X": (n, 5)}, options, **rest)


COMPONENTS = (
    Component(
        name="permute_data",
        chapter=3,
        module="training",
        summary="rows in a random order",
        compares=("sorted rows of X", "y in X's order"),
        run=_run_permute_data,
        reference=_reference_permute_data,
        cases=batch_cases(lambda n: {"X": (n, 5)}),
        mutants=mutants.PERMUTE_DATA,
        skeleton="def permute_data(X, y):\n"
        '    """The rows of X and y in one random order: two new arrays."""',
    ),
    Component(
        name="generate_batches",
        chapter=3,
        module="training",
        summary="data cut into batches",
        compares=("batch sizes", "rows of X", "rows of y"),
        run=_run_generate_batches,
        reference=_reference_generate_batches,
        cases=(
            Case("64 rows by 32", _data(64), {"size": 32}),
            Case("7 rows by 3", _data(7), {"size": 3}),
            Case("2 rows by 32", _data(2), {"size": 32}),
            Case("1 row by 1", _data(1), {"size": 1}),
            Case("7 rows by 3, reversed in memory", _data(7), {"size": 3}, layout="reversed"),
            Case("7 rows by 3, float32", _data(7), {"size": 3}, dtype="float32"),
        ),
        mutants=mutants.GENERATE_BATCHES,
        skeleton="def generate_batches(X, y, size=32):\n"
        '    """Yield (X_batch, y_batch), size rows each; the last takes what is left."""',
    ),
    Component(
        name="Trainer",
        chapter=3,
        module="training",
        summary="epochs of batches, each followed by a step",
        compares=("rows seen", "batch sizes", "steps", "y in X's order", "layers restarted"),
        run=_run_trainer,
        reference=_reference_trainer,
        cases=(
            _trainer_case("64 rows by 30", 64, 30),
            _trainer_case("7 rows by 3", 7, 3),
            _trainer_case("1 row", 1, 32),
            _trainer_case("64 rows by 30, reversed in memory", 64, 30, layout="reversed"),
            _trainer_case("64 rows by 30, float32", 64, 30, dtype="float32"),
        ),
        mutants=mutants.TRAINER,
        requires=("permute_data", "generate_batches"),
        skeleton='''
class Trainer:
    """Trains a network with an optimizer."""

    def __init__(self, net, optim):
        """Keep both; set optim.net = net."""

    def fit(self, X_train, y_train, X_test, y_test, epochs=100, eval_every=10, batch_size=32,
            seed=1, restart=True):
        """Each epoch: permute the data, train_batch on each batch, then optim.step(). With
        restart, set layer.first = True for every layer first."""
''',
    ),
)
