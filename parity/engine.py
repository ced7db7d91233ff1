"""The engine: run a case with an implementation, and hold what it shows against the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from parity.comparison import Absent, Difference, compare, same_result


@dataclass(frozen=True)
class Failure:
    """One result that is not the expected one.

    Attributes:
        case: where it was found.
        result: its name.
        difference: what is wrong.
        mutant: the mistake that explains it, if one is known.
    """

    case: Case
    result: str
    difference: Difference
    mutant: Mutant | None = None


@dataclass(frozen=True)
class Run:
    """One case run with an implementation: what it showed, and what of it is wrong."""

    case: Case
    observed: Observed
    failures: list[Failure]


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
    """Hold what an implementation shows against the reference.

    Args:
        component: what was run.
        case: on which inputs.
        observed: what it shows.
        inputs_after: the input arrays after the run.
        upcast: whether float64 will do where float32 is asked for.

    Returns:
        Everything that is wrong, first things first; empty if nothing is.
    """
    inputs = case.inputs()
    for name, before in inputs.items():
        if not np.array_equal(before, inputs_after[name], equal_nan=True):
            message = f"was changed in place; work on a copy, or with {name} = {name} * ..."
            return [Failure(case, f"the input {name}", Difference("input changed", message))]
    try:
        expected = component.reference(Given(inputs, case.options, observed.params))
    except AdoptionError as error:
        return [Failure(case, "params", Difference("params", str(error)))]
    failures = []
    for name, wanted in expected.items():
        found = observed.tensors.get(name, Absent())
        difference = _compare_result(found, wanted, case, upcast)
        if difference is not None:
            failures.append(Failure(case, name, difference))
    return failures


def _compare_result(found: Any, wanted: Any, case: Case, upcast: bool) -> Difference | None:
    if isinstance(wanted, bool):
        return None if found == wanted else Difference("value", "does not hold")
    if isinstance(found, Absent) and found == Absent():
        return Difference("absent", "is not there")
    return compare(found, wanted, dtype=case.dtype, tolerance=case.tolerance, upcast=upcast)


def explain(component: Component, runs: Sequence[Run]) -> list[Failure]:
    """Name the mistake behind each failure: the mutant that shows the same wrong result.

    Where several do, it is the one that agrees with the implementation in most results of all
    cases, right ones included. That both lack a result, or both break a rule, proves nothing by
    itself: then the mutant must agree in everything.

    Args:
        component: with the mutants.
        runs: of its cases, with one implementation.

    Returns:
        All failures, in the order of the cases.
    """
    if not any(run.failures for run in runs):
        return []
    shown = {mutant: _run_mutant(component, mutant, runs) for mutant in component.mutants}
    agreement = {
        mutant: sum(
            _agrees(run, name, mutated)
            for run, mutated in zip(runs, results, strict=True)
            for name in run.observed.tensors
        )
        for mutant, results in shown.items()
    }
    everything = sum(len(run.observed.tensors) for run in runs)
    explained = []
    for i, run in enumerate(runs):
        for failure in run.failures:
            candidates = [
                mutant
                for mutant in shown
                if _agrees(run, failure.result, shown[mutant][i])
                and (failure.difference.max_abs is not None or agreement[mutant] == everything)
            ]
            best = max(candidates, key=agreement.__getitem__, default=None)
            explained.append(replace(failure, mutant=best))
    return explained


def _run_mutant(component: Component, mutant: Mutant, runs: Sequence[Run]) -> list[Observed | None]:
    """What a mutant shows in the same cases with the same parameters; None where it cannot run."""
    implementation = Implementation({component.name: mutant.implementation})
    results: list[Observed | None] = []
    for run in runs:
        params = run.observed.params
        adopted = params if params and all(isinstance(p, ndarray) for p in params) else None
        try:
            with np.errstate(all="ignore"):
                results.append(run_case(component, run.case, implementation, adopted)[0])
        except Exception:
            results.append(None)
    return results


def _agrees(run: Run, name: str, mutated: Observed | None) -> bool:
    return mutated is not None and same_result(
        run.observed.tensors.get(name, Absent()),
        mutated.tensors.get(name, Absent()),
        dtype=run.case.dtype,
        tolerance=run.case.tolerance,
    )


def check_in_process(
    component: Component, case: Case, implementation: Implementation | None = None
) -> Run:
    """Run a case in this process, with trusted code, and judge it strictly."""
    observed, inputs = run_case(component, case, implementation or Implementation())
    return Run(case, observed, judge(component, case, observed, inputs))
