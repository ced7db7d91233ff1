"""``scratch/schedules.py`` against ``reference/schedules.py``, and what holds beyond that."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch

from reference import schedules as reference
from scratch.schedules import (
    DECAY_TYPES,
    CosineDecay,
    ExponentialDecay,
    LinearDecay,
    ReduceOnPlateau,
    Schedule,
    TimedDecay,
    make_schedule,
)

TIMED = (LinearDecay, ExponentialDecay, CosineDecay)

each_timed = pytest.mark.parametrize("decay", TIMED)


@pytest.mark.components("schedules")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def rates(schedule: Schedule, epochs: int) -> list[float]:
    """The rate of each epoch."""
    return [schedule.lr] + [schedule.step() for _ in range(epochs - 1)]


def torch_optimizer(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (
            LinearDecay(0.15, 0.05, 50),
            lambda o: torch.optim.lr_scheduler.LinearLR(o, 1, 0.05 / 0.15, 49),
        ),
        (
            ExponentialDecay(0.2, 0.05, 50),
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.25 ** (1 / 49)),
        ),
        (
            CosineDecay(0.2, 0.05, 50),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 49, 0.05),
        ),
    ],
    ids=("linear", "exponential", "cosine"),
)
def test_equals_the_schedule_of_torch_in_each_epoch(ours: Schedule, theirs: Any) -> None:
    optimizer = torch_optimizer(ours.lr)
    schedule = theirs(optimizer)
    for _ in range(49):
        optimizer.step()
        schedule.step()
        assert ours.step() == pytest.approx(reference.current_lr(optimizer), rel=1e-12)


@each_timed
@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    "lr, final_lr",
    [(0.15, 0.05), (0.3, 0.1), (1e-3, 1e-7), (0.7, 0.7), (math.nextafter(0.1, 1), 0.1)],
)
def test_starts_at_the_first_rate_falls_and_ends_at_exactly_the_last(
    decay: type[TimedDecay], epochs: int, lr: float, final_lr: float
) -> None:
    found = rates(decay(lr, final_lr, epochs), epochs)
    assert found[0] == lr
    assert found[-1] == (final_lr if epochs > 1 else lr)
    assert all(before >= after >= final_lr for before, after in pairwise(found))


@each_timed
def test_stays_at_the_final_rate_when_epochs_go_on(decay: type[TimedDecay]) -> None:
    assert rates(decay(0.3, 0.1, 3), 6)[2:] == [0.1] * 4
    assert rates(decay(0.3, 0.1, 1), 3) == [0.3, 0.1, 0.1]


@pytest.mark.parametrize("decay", [LinearDecay, CosineDecay])
@pytest.mark.parametrize("epochs", [2, 3, 10, 49])
def test_decay_to_0_ends_at_exactly_0(decay: type[TimedDecay], epochs: int) -> None:
    *above, last = rates(decay(0.3, 0.0, epochs), epochs)
    assert last == 0
    assert min(above) > 0


def test_shapes_of_the_decays() -> None:
    """The linear one takes off differences, the exponential one multiplies, the cosine one is
    half-way in the middle, above the linear one before it and below it after."""
    linear, exponential, cosine = (rates(decay(0.8, 0.05, 9), 9) for decay in TIMED)
    assert [a - b for a, b in pairwise(linear)] == pytest.approx([0.75 / 8] * 8)
    assert [b / a for a, b in pairwise(exponential)] == pytest.approx([0.0625**0.125] * 8)
    assert cosine[4] == pytest.approx(linear[4])
    assert all(c > line for c, line in zip(cosine[1:4], linear[1:4], strict=True))
    assert all(c < line for c, line in zip(cosine[5:8], linear[5:8], strict=True))


@each_timed
@pytest.mark.parametrize("max_epochs", [-1, 2.5, True])
def test_impossible_number_of_epochs_is_refused(decay: type[TimedDecay], max_epochs: Any) -> None:
    with pytest.raises(ValueError, match=rf"{decay.__name__}: max_epochs .* not {max_epochs}"):
        decay(0.3, 0.1, max_epochs)


@pytest.mark.parametrize(
    "lr, final_lr, sentence",
    [
        (-0.1, 0.0, "the learning rate must be a finite number of at least 0, not -0.1"),
        (float("nan"), 0.0, "the learning rate must be a finite number of at least 0, not nan"),
        (0.1, 0.2, "final_lr must be between 0 and the learning rate, which is 0.1, not 0.2"),
        (0.1, -0.2, "final_lr must be between 0 and the learning rate, which is 0.1, not -0.2"),
    ],
)
def test_impossible_rates_are_refused(lr: float, final_lr: float, sentence: str) -> None:
    for decay in TIMED:
        with pytest.raises(ValueError) as error:  # noqa: PT011
            decay(lr, final_lr, 3)
        assert str(error.value) == f"{decay.__name__}: {sentence}"
    with pytest.raises(ValueError) as error:  # noqa: PT011
        ReduceOnPlateau(lr, final_lr)
    assert str(error.value) == f"ReduceOnPlateau: {sentence}"


def test_exponential_decay_to_0_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ExponentialDecay: .* never reaches 0; give a final_lr"):
        ExponentialDecay(0.1, 0.0, 3)


def plateau(losses: list[float], **arguments: Any) -> list[float]:
    schedule = ReduceOnPlateau(**{"lr": 0.8, "factor": 0.5, "patience": 1, **arguments})
    return [schedule.step(loss) for loss in losses]


def test_plateau_forgives_as_many_epochs_as_it_has_patience() -> None:
    assert plateau([3, 3, 3, 3], patience=2) == [0.8, 0.8, 0.8, 0.4]
    assert plateau([3, 3, 3], patience=0) == [0.8, 0.4, 0.2]


def test_plateau_counts_anew_after_a_better_loss_and_after_a_fall() -> None:
    assert plateau([3, 4, 2, 4, 4]) == [0.8, 0.8, 0.8, 0.8, 0.4]
    assert plateau([3, 4, 4, 4, 4]) == [0.8, 0.8, 0.4, 0.4, 0.2]


def test_plateau_looks_at_the_lowest_loss_and_not_at_the_last() -> None:
    assert plateau([3, 6, 5, 4]) == [0.8, 0.8, 0.4, 0.4]


def test_plateau_takes_a_loss_for_lower_only_beyond_the_threshold() -> None:
    assert plateau([100, 99.5, 99.2], threshold=0.01)[-1] == 0.4
    assert plateau([100, 99.5, 98.9], threshold=0.01)[-1] == 0.8


def test_plateau_stops_at_the_final_rate() -> None:
    assert plateau([3] * 8, patience=0, final_lr=0.3) == [0.8, 0.4, *[0.3] * 6]


def test_plateau_takes_a_loss_that_is_not_a_number_for_no_better_one() -> None:
    assert plateau([3, float("nan"), float("inf")]) == [0.8, 0.8, 0.4]


@pytest.mark.parametrize("final_lr", [0.0, 1e-3])
def test_plateau_equals_torchs_over_a_long_bad_time(final_lr: float) -> None:
    """Down to where PyTorch makes no smaller steps."""
    ours = ReduceOnPlateau(0.8, final_lr, patience=1)
    optimizer = torch_optimizer(0.8)
    theirs = reference.ReduceOnPlateau(optimizer, final_lr, patience=1)
    for _ in range(40):
        optimizer.step()
        theirs.step(1.0)
        assert ours.step(1.0) == pytest.approx(reference.current_lr(optimizer), rel=1e-12)


@pytest.mark.parametrize(
    "argument, value",
    [("factor", 1.0), ("factor", -0.1), ("patience", -1), ("patience", 1.5), ("threshold", 1.0)],
)
def test_plateau_refuses_impossible_arguments_by_name(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"ReduceOnPlateau: {argument} must be .*not {value}"):
        ReduceOnPlateau(0.1, **{argument: value})


def test_plateau_needs_the_loss() -> None:
    with pytest.raises(ValueError, match=r"ReduceOnPlateau.step needs the loss of the epoch"):
        ReduceOnPlateau(0.1).step()


def test_every_decay_type_makes_its_schedule() -> None:
    made = [type(make_schedule(decay_type, 0.3, 0.1, 5)) for decay_type in DECAY_TYPES]
    assert made == [*TIMED, ReduceOnPlateau]
    with pytest.raises(ValueError, match=r"one of 'linear', .*'plateau', not 'step'"):
        make_schedule("step", 0.3, 0.1, 5)


def test_schedules_without_what_a_subclass_defines_say_so() -> None:
    with pytest.raises(NotImplementedError, match="Schedule must define step"):
        Schedule(0.3, 0.1).step()
    with pytest.raises(NotImplementedError, match="TimedDecay must define _rate"):
        TimedDecay(0.3, 0.1, 5).step()
