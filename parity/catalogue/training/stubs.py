"""What stands in for a network, a loss and an optimizer, so that only the trainer counts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Given, Implementation
from parity.catalogue.stubs import StubLayer, StubNetwork


def row_sums(X: ndarray) -> ndarray:
    """The targets, ``(n, 1)``, which are known for each row."""
    return X.sum(axis=1, keepdims=True)


class Rows:
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

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
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


class StubTrainedNetwork(StubNetwork):
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
        return row_sums(x_batch) + self.error(self.steps)

    def forward(self, x_batch: ndarray, inference: bool = False, **_: Any) -> ndarray:
        """Write the call down and predict; the learner's own network may take more."""
        self.log("forward", np.array(x_batch), inference)
        return self._predict(x_batch)

    def backward(self, loss_grad: ndarray) -> None:
        """Write the call down."""
        self.log("backward")

    def train_batch(self, x_batch: ndarray, y_batch: ndarray, **_: Any) -> float:
        """Write the call down; the loss of the batch."""
        self.log("train", np.array(x_batch), np.array(y_batch))
        return float(np.mean((self._predict(x_batch) - y_batch) ** 2))


class _StubOptimizer:
    """Adds 1 to each parameter, and writes down what a trainer does about its decay."""

    def __init__(self, log: _Log, final_lr: float) -> None:
        self.log = log
        self.lr, self.final_lr, self.decay_type = 0.1, final_lr, "linear"
        self.max_epochs: Any = None
        self.net: Any = None

    def _setup_decay(self) -> None:
        self.log("setup", self.max_epochs)

    def _decay_lr(self, loss: Any = None) -> None:
        self.log("decay")

    def step(self) -> None:
        self.log("step")
        if self.net is not None:
            for param in self.net.params():
                param += 1


@dataclass
class _Fit:
    """One call of ``fit``, read from its log: the batches, how many steps came before each and
    after the last, and how many batches before each validation, with its data and whether it was
    inference; how many batches came before the decay was set up, with ``max_epochs`` as it was
    then, and before each decay.
    """

    trainer: Any
    net: StubTrainedNetwork
    optimizer: _StubOptimizer
    batches: list[tuple[Any, Any]] = field(default_factory=list)
    steps: list[int] = field(default_factory=lambda: [0])
    forwards: list[tuple[int, Any, bool]] = field(default_factory=list)
    setups: list[tuple[int, Any]] = field(default_factory=list)
    decays: list[int] = field(default_factory=list)

    def read(self, events: list[tuple[Any, ...]]) -> None:
        """A batch may be trained on by ``train_batch``, or by forward, loss and backward."""
        target = None
        for event, *arrays in events:
            if event == "step":
                self.steps[-1] += 1
            elif event == "forward":
                self.forwards.append((len(self.batches), arrays[0], arrays[1]))
            elif event == "setup":
                self.setups.append((len(self.batches), arrays[0]))
            elif event == "decay":
                self.decays.append(len(self.batches))
            elif event == "loss":
                target = arrays[0]
            elif event == "train" or self.forwards:
                batch = arrays if event == "train" else (self.forwards.pop()[1], target)
                self.batches.append((batch[0], batch[1]))
                self.steps.append(0)


def fit_with_stubs(
    impl: Implementation,
    given: Given,
    error: Callable[[float], float],
    epochs: int,
    restart: bool = True,
) -> _Fit:
    """Let a trainer fit a stub, and read what it did."""
    X, X_test = given.inputs["X"], given.inputs["X_test"]
    log = _Log()
    net = StubTrainedNetwork(log, error)
    optimizer = _StubOptimizer(log, given.options.get("final_lr", 0.0))
    trainer = impl.Trainer(net, optimizer)
    options = {key: given.options[key] for key in ("eval_every", "batch_size")}
    with redirect_stdout(StringIO()):
        trainer.fit(
            *(X, row_sums(X), X_test, row_sums(X_test)),
            **options,
            epochs=epochs,
            seed=20190501,
            restart=restart,
        )
    fit = _Fit(trainer, net, optimizer)
    fit.read(log.events)
    return fit
