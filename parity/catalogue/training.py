"""Catalogue of chapter 3: the training loop and its helpers.

Their results depend on a random order, so what is compared is what must hold in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from itertools import pairwise
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.dense import listed
from parity.catalogue.optimizers import StubLayer, StubNetwork
from parity.comparison import Absent
from parity.mutants import training as mutants

#: How often a result that depends on chance is looked at: even two rows come out right by chance
#: in all of them only once in a million times.
CALLS = 20


def _row_sums(X: ndarray) -> ndarray:
    return X.sum(axis=1, keepdims=True)


class _Rows:
    """Tells the rows of an array apart by their first element; it takes its values from methods,
    for a file may have replaced NumPy's functions.
    """

    def __init__(self, X: ndarray, y: ndarray) -> None:
        self.X, self.y = X.tolist(), y.tolist()
        self.numbers = {row[0]: number for number, row in enumerate(self.X)}

    def order(self, X: Any) -> list[int] | None:
        """The numbers of the rows of ``X``, or None if a row of it is not one of these."""
        if not (isinstance(X, ndarray) and X.ndim == 2):
            return None
        rows = X.tolist()
        numbers = [self.numbers.get(row[0], -1) if row else -1 for row in rows]
        same = all(n >= 0 and self.X[n] == row for n, row in zip(numbers, rows, strict=True))
        return numbers if same else None

    def pairs(self, order: list[int] | None, y: Any) -> bool:
        """Whether ``y`` holds the targets of these rows."""
        return (
            order is not None
            and isinstance(y, ndarray)
            and y.tolist() == [self.y[number] for number in order]
        )


def _is_shuffled(order: list[int]) -> bool:
    """Whether few rows still stand next to each other, as they do where an array is only turned
    around or moved along. Of few rows nothing can be said.
    """
    n = len(order)
    together = sum((second - first) % n in (1, n - 1) for first, second in pairwise(order))
    return n < 20 or together < n // 2


def _run_permute_data(impl: Implementation, given: Given) -> Observed:
    """Many calls with the same data; what is looked at holds in any random order."""
    X = given.inputs["X"]
    y = _row_sums(X)
    rows = _Rows(X, y)
    results = [impl.permute_data(X, y) for _ in range(CALLS)]
    right_form = all(
        isinstance(result, tuple | list)
        and len(result) == 2
        and all(isinstance(array, ndarray) for array in result)
        and [array.shape for array in result] == [X.shape, y.shape]
        for result in results
    )
    observed: dict[str, Any] = {"two arrays of the same shapes are returned": right_form}
    if right_form:
        orders = [rows.order(permuted) for permuted, _ in results]
        known = [order for order in orders if order is not None]
        whole = len(known) == CALLS
        observed |= {
            "each row comes once": whole
            and all(sorted(order) == list(range(len(X))) for order in known),
            "y is in X's order": all(
                rows.pairs(order, y) for order, (_, y) in zip(orders, results, strict=True)
            ),
            "the rows are shuffled": whole and all(map(_is_shuffled, known)),
            "each call makes a new order": len(X) < 7 or len(set(map(tuple, known))) > 1,
        }
    return Observed(observed)


def _reference_permute_data(given: Given) -> dict[str, Any]:
    return dict.fromkeys(_PERMUTE_DATA, True)


_PERMUTE_DATA = (
    "two arrays of the same shapes are returned",
    "each row comes once",
    "y is in X's order",
    "the rows are shuffled",
    "each call makes a new order",
)


def _are_pairs(batches: list[Any]) -> bool:
    return all(
        isinstance(batch, tuple | list)
        and len(batch) == 2
        and all(isinstance(array, ndarray) and array.ndim > 0 for array in batch)
        for batch in batches
    )


def _stack(parts: list[ndarray], like: ndarray) -> Any:
    if len({part.shape[1:] for part in parts}) > 1:
        return Absent("in batches of different widths")
    return np.concatenate(parts) if parts else like[:0]


def _run_generate_batches(impl: Implementation, given: Given) -> Observed:
    X, y = given.inputs["X"], given.inputs["y"]
    batches = listed(impl.generate_batches(X, y, given.options["size"]))
    if not _are_pairs(batches):
        return Observed({"each batch is a pair of arrays": False})
    sizes = [len(X_batch) for X_batch, _ in batches]
    return Observed(
        {
            "each batch is a pair of arrays": True,
            "batch sizes": np.array(sizes, dtype=np.int64),
            "rows of X": _stack([X_batch for X_batch, _ in batches], X),
            "rows of y": _stack([y_batch for _, y_batch in batches], y),
        }
    )


def _reference_generate_batches(given: Given) -> dict[str, Any]:
    """``torch.Tensor.split`` cuts the same way."""
    import torch

    rows = torch.arange(len(given.inputs["X"])).split(given.options["size"])
    return {
        "each batch is a pair of arrays": True,
        "batch sizes": np.array([len(part) for part in rows], dtype=np.int64),
        "rows of X": np.array(given.inputs["X"]),
        "rows of y": np.array(given.inputs["y"]),
    }


class _Log:
    """What a trainer does, in its order; copies of a network write into the same one."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.first: bool | None = None

    def __call__(self, *event: Any) -> None:
        self.events.append(event)

    def __deepcopy__(self, memo: Any) -> _Log:
        return self

    def __copy__(self) -> _Log:
        return self


class _StubLayer(StubLayer):
    """With the rest of what the book's layers show."""

    def __init__(self, inputs: int, neurons: int) -> None:
        super().__init__(np.zeros((inputs, neurons)), np.zeros((1, neurons)))
        self.neurons, self.seed, self.first = neurons, 1, False
        self.operations: list[Any] = []

    def forward(self, input_: ndarray) -> ndarray:
        return input_

    def backward(self, output_grad: ndarray) -> ndarray:
        return output_grad


class _StubLoss:
    """The mean squared error."""

    def __init__(self, log: _Log) -> None:
        self.log = log

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        if prediction.shape != target.shape:
            raise ValueError(f"prediction has shape {prediction.shape}, target {target.shape}")
        self.log("loss", np.array(target))
        self.prediction, self.target = prediction, target
        return float(np.mean((prediction - target) ** 2))

    def backward(self) -> ndarray:
        return self.prediction - self.target


class _StubNetwork(StubNetwork):
    """Stands in for a network and writes down what a trainer does with it.

    Each step of the optimizer adds 1 to each of its parameters: so they say how long it was
    trained, a copy of it too, and that decides how far off its predictions are.

    Args:
        log: what happens is written there.
        error: of the predictions after so many steps.
    """

    def __init__(self, log: _Log, error: Callable[[float], float]) -> None:
        super().__init__(_StubLayer(5, 2), _StubLayer(2, 1))
        self.layers: list[Any]
        self.log, self.error = log, error
        self.loss = _StubLoss(log)
        self.seed = 1
        self.stream = np.random.RandomState(0)

    @property
    def steps(self) -> float:
        """How many steps the optimizer has made with it."""
        return float(self.layers[0].params[0][0, 0])

    def _predict(self, x_batch: ndarray) -> ndarray:
        if self.log.first is None:
            self.log.first = all(layer.first for layer in self.layers)
        for layer in self.layers:
            layer.first = False
        return _row_sums(x_batch) + self.error(self.steps)

    def forward(self, x_batch: ndarray) -> ndarray:
        self.log("forward", np.array(x_batch))
        return self._predict(x_batch)

    def backward(self, loss_grad: ndarray) -> None:
        self.log("backward")

    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        self.log("train", np.array(x_batch), np.array(y_batch))
        return float(np.mean((self._predict(x_batch) - y_batch) ** 2))


class _StubOptimizer:
    def __init__(self, log: _Log) -> None:
        self.log = log
        self.lr = 0.01
        self.net: Any = None

    def step(self) -> None:
        self.log("step")
        if self.net is not None:
            for param in self.net.params():
                param += 1


@dataclass
class _Fit:
    """One call of ``fit``, read from its log: the batches, how many steps came before each and
    after the last, and how many batches before each validation, with its data.
    """

    trainer: Any
    net: _StubNetwork
    optimizer: _StubOptimizer
    batches: list[tuple[Any, Any]] = field(default_factory=list)
    steps: list[int] = field(default_factory=lambda: [0])
    forwards: list[tuple[int, Any]] = field(default_factory=list)

    def read(self, events: list[tuple[Any, ...]]) -> None:
        """A batch may be trained on by ``train_batch``, or by forward, loss and backward."""
        target = None
        for event, *arrays in events:
            if event == "step":
                self.steps[-1] += 1
            elif event == "forward":
                self.forwards.append((len(self.batches), arrays[0]))
            elif event == "loss":
                target = arrays[0]
            elif event == "train" or self.forwards:
                batch = arrays if event == "train" else (self.forwards.pop()[1], target)
                self.batches.append((batch[0], batch[1]))
                self.steps.append(0)


def _fit(
    impl: Implementation,
    given: Given,
    error: Callable[[float], float],
    epochs: int,
    restart: bool = True,
) -> _Fit:
    X, X_test = given.inputs["X"], given.inputs["X_test"]
    log = _Log()
    net, optimizer = _StubNetwork(log, error), _StubOptimizer(log)
    trainer = impl.Trainer(net, optimizer)
    options = {key: given.options[key] for key in ("eval_every", "batch_size")}
    with redirect_stdout(StringIO()):
        trainer.fit(
            *(X, _row_sums(X), X_test, _row_sums(X_test)),
            **options,
            epochs=epochs,
            seed=20190501,
            restart=restart,
        )
    fit = _Fit(trainer, net, optimizer)
    fit.read(log.events)
    return fit


def _run_trainer(impl: Implementation, given: Given) -> Observed:
    """The network is a stub that records what happens: only the trainer counts. Its loss falls all
    the time, but for the last of three fits, in which it rises in the second half.
    """
    X, X_test, options = given.inputs["X"], given.inputs["X_test"], given.options
    rows, test_rows = _Rows(X, _row_sums(X)), _Rows(X_test, _row_sums(X_test))
    per_epoch, epochs = -(-len(X) // options["batch_size"]), options["epochs"]

    def falls(steps: float) -> float:
        return 1 / (1 + steps / per_epoch)

    def rises(steps: float) -> float:
        return 1 + abs(steps / per_epoch - epochs)

    fit = _fit(impl, given, falls, epochs)
    again = _fit(impl, given, falls, epochs, restart=False)
    long = _fit(impl, given, rises, 2 * epochs)

    orders = [rows.order(X_batch) for X_batch, _ in fit.batches]
    in_epochs = [
        [number for order in orders[start : start + per_epoch] for number in order or [-1]]
        for start in range(0, len(orders), per_epoch)
    ]
    tested = [before for before, X in fit.forwards if test_rows.order(X) is not None]
    validated = sorted({before // per_epoch for before in tested if before})
    sizes = [len(X_batch) for X_batch, _ in fit.batches]
    last = len(long.batches) / per_epoch
    stopped = 0 < last < 2 * epochs and last % options["eval_every"] == 0
    trained = sum(long.steps)
    kept = getattr(long.trainer, "net", None)
    left = min(net.steps for net in (long.net, kept) if isinstance(net, _StubNetwork))
    return Observed(
        {
            "only training data is trained on": None not in orders,
            "batch sizes": np.array(sizes, dtype=np.int64),
            "each epoch trains on each row once": len(in_epochs) == epochs
            and all(sorted(epoch) == list(range(len(X))) for epoch in in_epochs),
            "y is in X's order": all(
                y_batch is None or rows.pairs(order, y_batch)
                for order, (_, y_batch) in zip(orders, fit.batches, strict=True)
            ),
            "each epoch has a new order": len(X) < 7 or len(set(map(tuple, in_epochs))) > 1,
            "one seed makes one order": len(X) < 7
            or [rows.order(X_batch) for X_batch, _ in again.batches] == orders,
            "number of steps": sum(fit.steps),
            "a step follows each batch": fit.steps == [0] + [1] * len(fit.batches),
            "optimizer.net is the network": fit.optimizer.net is fit.net,
            "the network is validated": bool(fit.forwards),
            "the network is validated on X_test": bool(tested),
            "epochs before each validation": np.array(validated, dtype=np.int64),
            "the layers are set up anew with restart=True": fit.net.log.first is True,
            "the layers stay with restart=False": again.net.log.first is False,
            "training goes on while the validation loss falls": not stopped or last > epochs,
            "the network is rolled back after an early stop": not stopped or left < trained,
        }
    )


_TRAINER = (
    "only training data is trained on",
    "batch sizes",
    "each epoch trains on each row once",
    "y is in X's order",
    "each epoch has a new order",
    "one seed makes one order",
    "number of steps",
    "a step follows each batch",
    "optimizer.net is the network",
    "the network is validated",
    "the network is validated on X_test",
    "epochs before each validation",
    "the layers are set up anew with restart=True",
    "the layers stay with restart=False",
    "training goes on while the validation loss falls",
    "the network is rolled back after an early stop",
)


def _reference_trainer(given: Given) -> dict[str, Any]:
    X, options = np.array(given.inputs["X"]), given.options
    epochs, every = options["epochs"], options["eval_every"]
    one_epoch = _reference_generate_batches(
        Given({"X": X, "y": X}, {"size": options["batch_size"]})
    )["batch sizes"]
    numbers: dict[str, Any] = {
        "batch sizes": np.tile(one_epoch, epochs),
        "number of steps": len(one_epoch) * epochs,
        "epochs before each validation": np.arange(every, epochs + 1, every, dtype=np.int64),
    }
    return {name: numbers.get(name, True) for name in _TRAINER}


def _data(n: int) -> Shapes:
    return {"X": (n, 5), "y": (n, 1)}


def _trainer_case(name: str, n: int, batch_size: int, **rest: Any) -> Case:
    options = {"epochs": 4, "eval_every": 2, "batch_size": batch_size}
    return Case(name, {"X": (n, 5), "X_test": (6, 5)}, options, **rest)


COMPONENTS = (
    Component(
        name="permute_data",
        chapter=3,
        module="training",
        summary="rows in a random order",
        compares=_PERMUTE_DATA,
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
        compares=("each batch is a pair of arrays", "batch sizes", "rows of X", "rows of y"),
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
        method_of="Trainer",
        skeleton="def generate_batches(X, y, size=32):\n"
        '    """Yield (X_batch, y_batch), size rows each; the last takes what is left."""',
    ),
    Component(
        name="Trainer",
        chapter=3,
        module="training",
        summary="epochs of batches, each followed by a step",
        compares=_TRAINER,
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
        """Each epoch: permute the training data, train_batch on each batch and optim.step() after
        each. After every eval_every-th epoch the loss of net.forward(X_test). The seed decides
        the orders. With restart, set layer.first = True for every layer first."""
''',
    ),
)
