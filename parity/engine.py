"""The engine: run a case with an implementation, and hold what it shows against the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import (
    AdoptionError,
    Case,
    Component,
    Given,
    Implementation,
    Mutant,
    Observed,
)
from parity.comparison import Absent, Difference, compare
from parity.rounding import is_slight, rounding_of


@dataclass(frozen=True)
class Failure:
    """One result that is not the expected one.

    Attributes:
        case: where it was found.
        result: its name.
        difference: what is wrong.
        mutant: the mistake that explains it, if one is known.
        also: a second mistake that is at work in it, next to ``mutant``.
    """

    case: Case
    result: str
    difference: Difference
    mutant: Mutant | None = None
    also: Mutant | None = None


@dataclass(frozen=True)
class Run:
    """One case run with an implementation.

    Attributes:
        case: on which inputs.
        observed: what it showed.
        failures: what of it is wrong, first things first.
        expected: what the reference shows, in the order in which it is looked at; empty if it was
            not asked.
    """

    case: Case
    observed: Observed
    failures: list[Failure]
    expected: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def poisoned_empty() -> Iterator[None]:
    """While active, ``np.empty`` and ``np.empty_like`` return NaN (or a large number): an element
    that is never written cannot look right by chance.
    """
    empty, empty_like = np.empty, np.empty_like

    def poison(array: ndarray) -> ndarray:
        if array.dtype.kind in "fc":
            array.fill(np.nan)
        elif array.dtype.kind in "iu":
            array.fill(np.iinfo(array.dtype).max)
        return array

    numpy: Any = np
    numpy.empty = lambda *args, **kwargs: poison(empty(*args, **kwargs))
    numpy.empty_like = lambda *args, **kwargs: poison(empty_like(*args, **kwargs))
    try:
        yield
    finally:
        numpy.empty, numpy.empty_like = empty, empty_like


def run_case(
    component: Component,
    case: Case,
    implementation: Implementation,
    params: list[ndarray] | None = None,
) -> tuple[Observed, dict[str, ndarray]]:
    """Run one case.

    Args:
        component: what to run.
        case: on which inputs.
        implementation: with whose code.
        params: parameters to adopt; None lets the implementation keep its own.

    Returns:
        What it shows, and the input arrays as they are afterwards.
    """
    inputs = case.inputs()
    with poisoned_empty():
        observed = component.run(implementation, Given(inputs, case.options, params))
    return observed, inputs


def judge(
    component: Component,
    case: Case,
    observed: Observed,
    inputs_after: Mapping[str, ndarray],
    *,
    upcast: bool = False,
) -> list[Failure]:
    """What is wrong with what an implementation shows; as ``judge_run``."""
    return judge_run(component, case, observed, inputs_after, upcast=upcast).failures


def judge_run(
    component: Component,
    case: Case,
    observed: Observed,
    inputs_after: Mapping[str, ndarray],
    *,
    upcast: bool = False,
) -> Run:
    """Hold what an implementation shows against the reference.

    Args:
        component: what was run.
        case: on which inputs.
        observed: what it shows.
        inputs_after: the input arrays after the run.
        upcast: whether float64 will do where float32 is asked for.

    Returns:
        With everything that is wrong, first things first; nothing if all is well.
    """
    inputs = case.inputs()
    for name, before in inputs.items():
        if not np.array_equal(before, inputs_after[name], equal_nan=True):
            message = f"was changed in place; work on a copy, or with {name} = {name} * ..."
            changed = Failure(case, f"the input {name}", Difference("input changed", message))
            return Run(case, observed, [changed])
    try:
        expected = component.reference(Given(inputs, case.options, observed.params))
    except AdoptionError as error:
        failure = Failure(case, error.what, Difference("params", error.message))
        return Run(case, observed, [failure])
    failures = []
    rounding: Mapping[str, ndarray] | None = None
    for name, wanted in expected.items():
        found = observed.tensors.get(name, Absent())
        difference = _compare_result(found, wanted, case, upcast)
        if difference is not None and is_slight(difference, case.dtype):
            if rounding is None:
                rounding = rounding_of(component, case, inputs, observed.params)
            difference = _compare_result(found, wanted, case, upcast, rounding.get(name))
        if difference is not None:
            failures.append(Failure(case, name, difference))
    return Run(case, observed, failures, expected)


def _compare_result(
    found: Any, wanted: Any, case: Case, upcast: bool, rounding: ndarray | None = None
) -> Difference | None:
    if isinstance(found, Absent) and found == Absent():
        return Difference("absent", "is not there")
    if isinstance(wanted, bool):
        return None if found is wanted else Difference("rule", "does not hold")
    return compare(
        found,
        wanted,
        dtype=case.dtype,
        tolerance=case.tolerance,
        upcast=upcast,
        rounding=rounding,
    )


def check_in_process(
    component: Component, case: Case, implementation: Implementation | None = None
) -> Run:
    """Run a case in this process, with trusted code, and judge it strictly."""
    observed, inputs = run_case(component, case, implementation or Implementation())
    return judge_run(component, case, observed, inputs)
