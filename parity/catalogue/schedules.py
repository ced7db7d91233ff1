"""Catalogue of chapter 4: learning-rate schedules, each epoch's rate against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.optimizers import listed_rates
from parity.mutants import schedules as mutants

if TYPE_CHECKING:
    from torch.optim import Optimizer


def _first_and_final(given: Given) -> list[tuple[float, float]]:
    """For each row of ``rates`` a first rate and a final one, which is lower or 0."""
    pairs = np.abs(given.inputs["rates"]).tolist()
    return [
        (first + last + 0.01, 0.0 if given.options["to_zero"] else last) for first, last in pairs
    ]


def _run_timed(name: str) -> Callable[[Implementation, Given], Observed]:
    """The rates of all epochs, for many schedules."""

    def run(impl: Implementation, given: Given) -> Observed:
        epochs, rows = given.options["max_epochs"], []
        for lr, final_lr in _first_and_final(given):
            schedule = getattr(impl, name)(lr, final_lr, epochs)
            rates = [schedule.lr]
            for _ in range(epochs - 1):
                schedule.step()
                rates.append(schedule.lr)
            rows.append(listed_rates(rates, given))
        wrong = [row for row in rows if not isinstance(row, np.ndarray)]
        return Observed({"learning rates": wrong[0] if wrong else np.array(rows)})

    return run


def _reference_timed(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import schedules

        epochs, rows = given.options["max_epochs"], []
        for lr, final_lr in _first_and_final(given):
            optimizer = _optimizer(lr)
            schedule = getattr(schedules, name)(optimizer, final_lr, epochs)
            rates = [lr]
            for _ in range(epochs - 1):
                optimizer.step()
                schedule.step()
                rates.append(schedules.current_lr(optimizer))
            rows.append(listed_rates(rates, given))
        return {"learning rates": np.array(rows)}

    return reference


def _optimizer(lr: float) -> Optimizer:
    import torch

    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


def _run_plateau(impl: Implementation, given: Given) -> Observed:
    schedule = impl.ReduceOnPlateau(**given.options["arguments"])
    rates = [schedule.lr]
    for loss in given.inputs["losses"]:
        schedule.step(float(loss))
        rates.append(schedule.lr)
    return Observed({"learning rates": listed_rates(rates, given)})


def _reference_plateau(given: Given) -> dict[str, Any]:
    from reference import schedules

    arguments = dict(given.options["arguments"])
    optimizer = _optimizer(arguments.pop("lr"))
    schedule = schedules.ReduceOnPlateau(optimizer, **arguments)
    rates = [schedules.current_lr(optimizer)]
    for loss in given.inputs["losses"]:
        optimizer.step()
        schedule.step(float(loss))
        rates.append(schedules.current_lr(optimizer))
    return {"learning rates": listed_rates(rates, given)}


def _timed_cases(to_zero: bool) -> tuple[Case, ...]:
    def case(name: str, schedules: int, epochs: int, zero: bool = False, **rest: Any) -> Case:
        options = {"max_epochs": epochs, "to_zero": zero}
        return Case(name, {"rates": (schedules, 2)}, options, **rest)

    cases = [
        case("7 schedules of 5 epochs", 7, 5),
        case("64 schedules of 50 epochs", 64, 50),
        case("2 schedules of 2 epochs", 2, 2),
        case("1 schedule of 1 epoch", 1, 1),
        case("strided in memory", 7, 3, layout="strided"),
        case("reversed in memory", 7, 3, layout="reversed"),
        case("float32", 7, 10, dtype="float32"),
    ]
    if to_zero:
        cases.append(case("to 0", 7, 6, zero=True))
    return tuple(cases)


def _plateau_case(name: str, losses: Any, final_lr: float = 0.0, **rest: Any) -> Case:
    """With a patience of 2; ``losses`` are values, or how many are to be drawn."""
    arguments = {
        "lr": 0.8,
        "final_lr": final_lr,
        "factor": 0.5,
        "patience": 2,
        "threshold": 0.01,
    }
    if isinstance(losses, int):
        return Case(name, {"losses": (losses,)}, {"arguments": arguments}, **rest)
    values = {"losses": losses}
    return Case(name, {"losses": (len(losses),)}, {"arguments": arguments}, values=values, **rest)


_UP_AND_DOWN = (5.0, 4.0, 6.0, 5.0, 3.0, 4.0, 3.5, 3.2, 3.1, 2.9, 2.95, 2.8, 2.9, 3.0, 2.9, 3.1)

COMPONENTS = (
    *(
        Component(
            name=name,
            chapter=4,
            module="schedules",
            summary=summary,
            compares=("learning rates",),
            run=_run_timed(name),
            reference=_reference_timed(name),
            cases=_timed_cases(to_zero),
            mutants=known,
            skeleton=f'''
class {name}:
    """A learning rate that falls from lr to final_lr. Its lr is the rate of the current epoch."""

    def __init__(self, lr, final_lr, max_epochs):
        """Keep what is needed; self.lr = lr."""

    def step(self, loss=None):
        """End an epoch: {how}.
        The last of max_epochs epochs runs at final_lr; a single one runs at lr."""
''',
            in_book=False,
        )
        for name, summary, how, known, to_zero in (
            (
                "LinearDecay",
                "the same amount off after each epoch",
                "take the same amount off self.lr",
                mutants.LINEAR_DECAY,
                True,
            ),
            (
                "ExponentialDecay",
                "the same factor after each epoch",
                "multiply self.lr by the same factor",
                mutants.EXPONENTIAL_DECAY,
                False,
            ),
            (
                "CosineDecay",
                "down along half a wave of the cosine",
                "self.lr goes down along the cosine of 0 to pi",
                mutants.COSINE_DECAY,
                True,
            ),
        )
    ),
    Component(
        name="ReduceOnPlateau",
        chapter=4,
        module="schedules",
        summary="down when the loss stops falling",
        compares=("learning rates",),
        run=_run_plateau,
        reference=_reference_plateau,
        cases=(
            _plateau_case("up and down", _UP_AND_DOWN),
            _plateau_case("no better loss", (1.0,) * 11),
            _plateau_case("no better loss, to a final rate", (1.0,) * 14, final_lr=0.15),
            _plateau_case("a loss that hardly falls", [2 - i / 1000 for i in range(7)]),
            _plateau_case("a small loss that falls", [0.05 - i / 1000 for i in range(7)]),
            _plateau_case("64 losses", 64),
            _plateau_case("2 losses", 2),
            _plateau_case("1 loss", 1),
            _plateau_case("strided in memory", 20, layout="strided"),
            _plateau_case("reversed in memory", 20, layout="reversed"),
            _plateau_case("float32", 20, dtype="float32"),
        ),
        mutants=mutants.REDUCE_ON_PLATEAU,
        skeleton='''
class ReduceOnPlateau:
    """A learning rate that falls when the loss does not. Its lr is the rate of the current epoch.
    """

    def __init__(self, lr, final_lr=0.0, factor=0.1, patience=10, threshold=0.0001):
        """Keep what is needed; self.lr = lr."""

    def step(self, loss):
        """End an epoch. If the loss has not been below (1 - threshold) times the lowest one for
        more than patience epochs, multiply self.lr by the factor, but stop at final_lr, and count
        anew."""
''',
        in_book=False,
    ),
)
