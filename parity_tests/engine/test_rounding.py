"""What rounding alone may do to a result: allowed where large terms cancel, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from parity.catalogue import component as component_of
from parity.catalogue.component import Case, Implementation
from parity.comparison import Difference, compare
from parity.engine import Run, judge_run, run_case
from parity.rounding import is_slight, rounding_of

EPS = {dtype: float(np.finfo(dtype).eps) for dtype in ("float32", "float64")}

#: Results that all but cancel: a component, its case, the seed, the result.
CANCELLING = (
    ("Loss", "batch of 64, float32", 39, "loss"),
    ("SGDMomentum.decay_type", "linear, float32", 32, "params[3], step 5"),
    ("Conv2DOperation.bias", "batch of 64, float32", 23, "bias_grad"),
)


def case_of(name: str, case: str, seed: int = 0) -> Case:
    (found,) = (entry for entry in component_of(name).cases if entry.name == case)
    return found.reseeded(seed)


def rounding(name: str, case: Case) -> dict[str, ndarray]:
    entry = component_of(name)
    observed, _ = run_case(entry, case, Implementation())
    return rounding_of(entry, case, case.inputs(), observed.params)


def judged(name: str, case: Case, result: str, change: Any) -> Run:
    """With a result that was changed after the fact."""
    entry = component_of(name)
    observed, after = run_case(entry, case, Implementation())
    right = np.asarray(observed.tensors[result])
    observed.tensors[result] = change(right).astype(right.dtype)
    return judge_run(entry, case, observed, after)


def failed(run: Run) -> list[str]:
    return [failure.result for failure in run.failures]


@pytest.mark.parametrize("dtype", EPS)
def test_of_a_sum_it_is_the_sum_of_the_sizes_of_its_terms(dtype: str) -> None:
    case = replace(case_of("Conv2DOperation.bias", "batch of 64, float32"), dtype=dtype)
    terms = np.abs(case.inputs()["output_grad"].astype(np.float64)).sum(axis=(0, 2, 3))
    found = rounding("Conv2DOperation.bias", case)["bias_grad"].ravel()
    # The median of 25 draws is off by a third now and then.
    assert (found > 2 * EPS[dtype] * terms / 2).all()
    assert (found < 2 * EPS[dtype] * terms * 2).all()


@pytest.mark.parametrize("name, case, seed, result", CANCELLING)
def test_what_is_lost_by_cancelling_is_allowed_and_no_more(
    name: str, case: str, seed: int, result: str
) -> None:
    this = case_of(name, case, seed)
    allowed = rounding(name, this)[result]
    assert failed(judged(name, this, result, lambda right: right + 0.5 * allowed)) == []
    assert failed(judged(name, this, result, lambda right: right + 3.0 * allowed)) == [result]


@pytest.mark.parametrize("name, case, seed, result", CANCELLING)
def test_without_it_these_would_be_called_wrong(
    name: str, case: str, seed: int, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    this = case_of(name, case, seed)
    allowed = rounding(name, this)[result]
    monkeypatch.setattr("parity.engine.is_slight", lambda *_: False)
    assert failed(judged(name, this, result, lambda right: right + 0.5 * allowed)) == [result]


@pytest.mark.parametrize("name, case, seed, result", CANCELLING)
def test_in_float64_the_same_case_has_its_digits(
    name: str, case: str, seed: int, result: str
) -> None:
    this = replace(case_of(name, case, seed), dtype="float64")
    assert failed(judged(name, this, result, lambda right: right * (1 + 1e-11))) == []
    assert failed(judged(name, this, result, lambda right: right * (1 + 1e-8))) == [result]


@pytest.mark.parametrize("name", ("Loss", "SGDMomentum.decay_type", "Conv2DOperation.bias"))
def test_it_is_far_below_what_a_mistake_does(name: str) -> None:
    for case in component_of(name).cases:
        run = judge_run(
            component_of(name), case, *run_case(component_of(name), case, Implementation())
        )
        for result, allowed in rounding(name, case).items():
            largest = np.abs(run.expected[result]).max(initial=0.0)
            assert (allowed <= 1e4 * EPS[case.dtype] * largest).all()


def test_a_choice_between_equals_follows_no_move_and_is_allowed_nothing() -> None:
    (ties,) = (case for case in component_of("MaxPool2D").cases if case.name == "ties, float32")
    assert not ties.differentiable
    assert rounding("MaxPool2D", ties) == {}


def test_a_result_that_is_gone_after_a_move_is_allowed_nothing() -> None:
    """A training's batches are told by rows of 0 and 1; moved, they are none."""
    name = "train_linear_regression"
    (case,) = (case for case in component_of(name).cases if case.name == "7 rows by 3, float32")
    assert "losses" not in rounding(name, case)


def test_it_is_not_asked_about_a_mistake_that_is_not_slight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("parity.engine.rounding_of", lambda *_: pytest.fail("was asked"))
    this = case_of("Conv2DOperation.bias", "batch of 64, float32")
    assert failed(judged("Conv2DOperation.bias", this, "bias_grad", lambda right: 2 * right)) == [
        "bias_grad"
    ]


@pytest.mark.parametrize(
    "kind, off, scale, dtype, slight",
    [
        ("value", 1e-3, 1.0, "float32", True),
        ("value", 1e-1, 1.0, "float32", False),
        ("value", 1e-3, 1.0, "float64", False),
        ("value", 1e-7, 1.0, "float64", True),
        ("value", 1e-3, 0.0, "float32", False),
        ("value", 1e-6, 0.0, "float32", True),
        ("shape", None, None, "float32", False),
        ("not finite", None, None, "float64", False),
    ],
)
def test_slight_is_what_rounding_may_be_all_of(
    kind: str, off: float | None, scale: float | None, dtype: str, slight: bool
) -> None:
    assert is_slight(Difference(kind, "", max_abs=off, scale=scale), dtype) is slight


def test_an_element_is_held_to_the_table_or_to_its_own_rounding_whichever_is_more() -> None:
    wanted, allowed = np.array([1.0, 1e-3]), np.array([0.0, 1e-6])
    options: Any = {"dtype": "float64", "rounding": allowed}
    assert compare(wanted + np.array([0, 0.9e-6]), wanted, **options) is None
    assert compare(wanted + np.array([0.9e-9, 0]), wanted, **options) is None
    beyond = compare(wanted + 0.9e-6, wanted, **options)
    assert beyond is not None
    assert beyond.count == 1
