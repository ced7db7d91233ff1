"""Catalogue of chapters 3 and 4: the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.training.batches import reference_generate_batches
from parity.catalogue.training.stubs import Rows, StubTrainedNetwork, fit_with_stubs, row_sums
from parity.mutants import trainer as mutants


def _run_trainer(impl: Implementation, given: Given) -> Observed:
    """The network is a stub that records what happens: only the trainer counts. Its loss falls all
    the time, but for the last of three fits, in which it rises in the second half.
    """
    X, X_test, options = given.inputs["X"], given.inputs["X_test"], given.options
    rows, test_rows = Rows(X, row_sums(X)), Rows(X_test, row_sums(X_test))
    per_epoch, epochs = -(-len(X) // options["batch_size"]), options["epochs"]

    def falls(steps: float) -> float:
        return 1 / (1 + steps / per_epoch)

    def rises(steps: float) -> float:
        return 1 + abs(steps / per_epoch - epochs)

    fit = fit_with_stubs(impl, given, falls, epochs)
    again = fit_with_stubs(impl, given, falls, epochs, restart=False)
    long = fit_with_stubs(impl, given, rises, 2 * epochs)

    orders = [rows.order(X_batch) for X_batch, _ in fit.batches]
    in_epochs = [
        [number for order in orders[start : start + per_epoch] for number in order or [-1]]
        for start in range(0, len(orders), per_epoch)
    ]
    tested = [before for before, X, _ in fit.forwards if test_rows.order(X) is not None]
    validated = sorted({before // per_epoch for before in tested if before})
    sizes = [len(X_batch) for X_batch, _ in fit.batches]
    last = len(long.batches) / per_epoch
    stopped = 0 < last < 2 * epochs and last % options["eval_every"] == 0
    trained = sum(long.steps)
    kept = getattr(long.trainer, "net", None)
    left = min(net.steps for net in (long.net, kept) if isinstance(net, StubTrainedNetwork))
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
    one_epoch = reference_generate_batches(
        Given({"X": X, "y": X}, {"size": options["batch_size"]})
    )["batch sizes"]
    numbers: dict[str, Any] = {
        "batch sizes": np.tile(one_epoch, epochs),
        "number of steps": len(one_epoch) * epochs,
        "epochs before each validation": np.arange(every, epochs + 1, every, dtype=np.int64),
    }
    return {name: numbers.get(name, True) for name in _TRAINER}


def _falls(steps: float) -> float:
    return 1 / (1 + steps)


def _run_inference(impl: Implementation, given: Given) -> Observed:
    """Whether each forward pass on the test data is inference."""
    X_test = given.inputs["X_test"]
    fit = fit_with_stubs(impl, given, _falls, given.options["epochs"])
    test_rows = Rows(X_test, row_sums(X_test))
    validations = [how for _, X, how in fit.forwards if test_rows.order(X) is not None]
    return Observed(
        {"validation is inference": bool(validations) and all(how is True for how in validations)}
    )


def _run_decay(impl: Implementation, given: Given) -> Observed:
    """When a trainer sets the decay up, and when it calls it; after the last epoch it is idle."""
    epochs = given.options["epochs"]
    per_epoch = -(-len(given.inputs["X"]) // given.options["batch_size"])
    fit = fit_with_stubs(impl, given, _falls, epochs)
    known = fit.setups[-1][1] if fit.setups else None
    decays = [before for before in fit.decays if before < epochs * per_epoch]
    return Observed(
        {
            "the decay is set up before the first batch": [n for n, _ in fit.setups] == [0],
            "max_epochs when the decay is set up": known,
            "batches before each decay": np.array(decays, dtype=np.int64),
        }
    )


def _reference_decay(given: Given) -> dict[str, Any]:
    options = given.options
    per_epoch = -(-len(given.inputs["X"]) // options["batch_size"])
    return {
        "the decay is set up before the first batch": True,
        "max_epochs when the decay is set up": options["epochs"],
        "batches before each decay": per_epoch * np.arange(1, options["epochs"], dtype=np.int64),
    }


def _trainer_case(
    name: str, n: int, batch_size: int, options: Mapping[str, Any] | None = None, **rest: Any
) -> Case:
    numbers = {"epochs": 4, "eval_every": 2, "batch_size": batch_size}
    return Case(name, {"X": (n, 5), "X_test": (6, 5)}, {**numbers, **(options or {})}, **rest)


def _cases(options: Mapping[str, Any] | None = None) -> tuple[Case, ...]:
    return (
        _trainer_case("64 rows by 30", 64, 30, options),
        _trainer_case("7 rows by 3", 7, 3, options),
        _trainer_case("1 row", 1, 32, options),
        _trainer_case("64 rows by 30, reversed in memory", 64, 30, options, layout="reversed"),
        _trainer_case("64 rows by 30, float32", 64, 30, options, dtype="float32"),
    )


COMPONENTS = (
    Component(
        name="Trainer",
        chapter=3,
        module="training",
        summary="epochs of batches, each followed by a step",
        compares=_TRAINER,
        run=_run_trainer,
        reference=_reference_trainer,
        cases=_cases(),
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
    Component(
        name="Trainer.inference",
        shown_by="NeuralNetwork.inference",
        chapter=4,
        module="training",
        summary="validation without dropout",
        compares=("validation is inference",),
        run=_run_inference,
        reference=lambda given: {"validation is inference": True},
        cases=_cases(),
        mutants=mutants.TRAINER_INFERENCE,
        requires=("Trainer", "NeuralNetwork.inference"),
        skeleton="""
        In Trainer.fit take the validation loss of net.forward(X_test, inference=True).
        """,
    ),
    Component(
        name="Trainer.decay",
        shown_by="SGDMomentum.decay_type",
        chapter=4,
        module="training",
        summary="a learning rate that decays after each epoch",
        compares=(
            "the decay is set up before the first batch",
            "max_epochs when the decay is set up",
            "batches before each decay",
        ),
        run=_run_decay,
        reference=_reference_decay,
        cases=(
            *_cases({"final_lr": 0.05}),
            _trainer_case("decay to 0", 7, 3, {"final_lr": 0.0}),
        ),
        mutants=mutants.TRAINER_DECAY,
        requires=("Trainer", "SGDMomentum.decay_type"),
        skeleton="""
        In Trainer.fit set optim.max_epochs = epochs and call optim._setup_decay() once before the
        first epoch, and optim._decay_lr() at the end of each epoch, also where final_lr is 0.
        """,
    ),
)
