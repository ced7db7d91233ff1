"""Which mistake: an implementation's wrong results held against those of every mutant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Case, Component, Implementation, Mutant, Observed
from parity.comparison import Absent, same_result
from parity.engine import Failure, Run, run_case


def explain(
    component: Component, runs: Sequence[Run], raised: Sequence[Case] = ()
) -> list[Failure]:
    """Name the mistake behind each failure: the mutant that shows the same wrong result.

    It must show it in every case, and all results before it that have no mistake of their own, and
    fail to run where the implementation does; of several, it is the one that agrees in most other
    results. That both lack a result, or both break a rule, proves little: then the mutant must
    agree in all of them. Parameters that cannot be adopted are no result, and a batch of no rows
    tells no mistake from another.

    Args:
        component: with the mutants.
        runs: of its cases, with one implementation.
        raised: the cases in which it raised.

    Returns:
        All failures, in the order of the cases.
    """
    failures = [failure for run in runs for failure in run.failures]
    telling = [run for run in runs if not _is_empty(run.case)]
    if not any(run.failures for run in telling):
        return failures
    shown = {
        mutant: results
        for mutant in component.mutants
        if _is_plausible(component, mutant, telling)
        and (results := _run_mutant(component, mutant, telling)) is not None
        and not any(_runs(component, mutant, case) for case in raised if not _is_empty(case))
    }
    agreed = {mutant: _agreed(telling, results) for mutant, results in shown.items()}
    before = _before(telling)
    mistakes: dict[str, Mutant] = {}
    for failure in [failure for run in telling for failure in run.failures]:
        if failure.result in mistakes or failure.difference.kind == "params":
            continue
        weak = failure.difference.max_abs is None
        earlier = before[failure.result] - set(mistakes)
        required = set(before) if weak else {failure.result, *earlier}
        candidates = [mutant for mutant, same in agreed.items() if required <= same]
        if candidates:
            mistakes[failure.result] = max(candidates, key=lambda mutant: len(agreed[mutant]))
    return [replace(failure, mutant=mistakes.get(failure.result)) for failure in failures]


def _is_plausible(component: Component, mutant: Mutant, runs: Sequence[Run]) -> bool:
    """Whether a mutant shows one of the wrong results where it is first seen: most do not, and need
    not be run in every case.
    """
    seen: set[str] = set()
    for run in runs:
        fresh = [failure.result for failure in run.failures if failure.result not in seen]
        seen.update(fresh)
        if fresh:
            observed = _show(component, mutant, run.case, _adoptable(run))
            if observed and any(_agrees(run, name, observed) for name in fresh):
                return True
    return False


def _adoptable(run: Run) -> list[ndarray] | None:
    """The parameters of a run, if another implementation can take them over."""
    params = run.observed.params
    return params if params and all(isinstance(p, ndarray) for p in params) else None


def _is_empty(case: Case) -> bool:
    return any(0 in shape for shape in case.shapes.values())


def _agreed(runs: Sequence[Run], mutated: Sequence[Observed]) -> set[str]:
    """The results that a mutant shows just so in every case."""
    return {
        name
        for name in {name for run in runs for name in _results(run)}
        if all(_agrees(run, name, shown) for run, shown in zip(runs, mutated, strict=True))
    }


def _before(runs: Sequence[Run]) -> dict[str, set[str]]:
    """For each result, those that come before it in some case."""
    before: dict[str, set[str]] = {}
    for run in runs:
        names = _results(run)
        for i, name in enumerate(names):
            before.setdefault(name, set()).update(names[:i])
    return before


def _results(run: Run) -> list[str]:
    """The names of a run's results in order; those that are missing come last."""
    return list(dict.fromkeys([*run.observed.tensors, *(f.result for f in run.failures)]))


def _runs(component: Component, mutant: Mutant, case: Case) -> bool:
    """Whether a mutant gets through a case, with parameters of its own."""
    return _show(component, mutant, case, None) is not None


def _run_mutant(component: Component, mutant: Mutant, runs: Sequence[Run]) -> list[Observed] | None:
    """What a mutant shows in the same cases with the same parameters; None if it cannot run."""
    results = []
    for run in runs:
        observed = _show(component, mutant, run.case, _adoptable(run))
        if observed is None:
            return None
        results.append(observed)
    return results


def _show(
    component: Component, mutant: Mutant, case: Case, params: list[ndarray] | None
) -> Observed | None:
    implementation = Implementation({component.symbol: mutant.implementation})
    try:
        with np.errstate(all="ignore"):
            return run_case(component, case, implementation, params)[0]
    except Exception:
        return None


def _agrees(run: Run, name: str, mutated: Observed) -> bool:
    return same_result(
        run.observed.tensors.get(name, Absent()),
        mutated.tensors.get(name, Absent()),
        dtype=run.case.dtype,
        tolerance=run.case.tolerance,
    )
