"""Which mistake: an implementation's wrong results held against those of every mutant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from parity.catalogue.component import Case, Component, Mutant, Observed
from parity.diagnosis import shown
from parity.diagnosis.pairs import explain_by_two
from parity.diagnosis.shown import adoptable, agrees, is_empty, results_of
from parity.engine import Failure, Run


def explain(
    component: Component, runs: Sequence[Run], raised: Sequence[Case] = ()
) -> list[Failure]:
    """Name the mistake behind each failure: the mutant that shows the same wrong result.

    It must show it in every case, and all results before it that have no mistake of their own, and
    fail to run where the implementation does; of several, it is the one that agrees in most other
    results, or leaves them right. That both lack a result, or both break a rule, proves little:
    then the mutant must agree in all of them. Parameters that cannot be adopted are no result, and
    a batch of no rows tells no mistake from another.

    Where that leaves a failure without a name, two mistakes at once are tried.

    Args:
        component: with the mutants.
        runs: of its cases, with one implementation.
        raised: the cases in which it raised.

    Returns:
        All failures, in the order of the cases.
    """
    failures = [failure for run in runs for failure in run.failures]
    telling = [run for run in runs if not is_empty(run.case)]
    if not any(run.failures for run in telling):
        return failures
    mistakes = _explain_by_one(component, telling, raised)
    if any(f.result not in mistakes for run in telling for f in run.failures):
        two = explain_by_two(component, telling, raised)
        if two:
            return [
                replace(failure, mutant=mutant, also=also)
                for failure in failures
                for mutant, also in [two.get(failure.result, (None, None))]
            ]
    return [replace(failure, mutant=mistakes.get(failure.result)) for failure in failures]


def _explain_by_one(
    component: Component, runs: Sequence[Run], raised: Sequence[Case]
) -> dict[str, Mutant]:
    """For each wrong result the mutant that shows it, where there is one."""
    seen = {
        mutant: results
        for mutant in component.mutants
        if _is_plausible(component, mutant, runs)
        and (results := shown.show_all(component, mutant.implementation, runs)) is not None
        and not shown.gets_through(component, mutant.implementation, raised)
    }
    agreed = {mutant: _agreed(runs, results) for mutant, results in seen.items()}
    harmless = {mutant: _harmless(runs, results) for mutant, results in seen.items()}
    before = _before(runs)
    mistakes: dict[str, Mutant] = {}
    for failure in [failure for run in runs for failure in run.failures]:
        if failure.result in mistakes or failure.difference.kind == "params":
            continue
        weak = failure.difference.max_abs is None
        earlier = before[failure.result] - set(mistakes)
        required = set(before) if weak else {failure.result, *earlier}
        candidates = [mutant for mutant, same in agreed.items() if required <= same]
        if candidates:
            mistakes[failure.result] = max(
                candidates, key=lambda mutant: (len(harmless[mutant]), len(agreed[mutant]))
            )
    return mistakes


def _is_plausible(component: Component, mutant: Mutant, runs: Sequence[Run]) -> bool:
    """Whether a mutant shows one of the wrong results where it is first seen: most do not, and need
    not be run in every case.
    """
    seen: set[str] = set()
    for run in runs:
        fresh = [failure.result for failure in run.failures if failure.result not in seen]
        seen.update(fresh)
        if fresh:
            observed = shown.show(component, mutant.implementation, run.case, adoptable(run))
            if observed and any(agrees(run, name, observed) for name in fresh):
                return True
    return False


def _harmless(runs: Sequence[Run], mutated: Sequence[Observed]) -> set[str]:
    """The results that speak for a mutant, or at least not against it: in every case it shows them
    just so, or gets them right, and another mistake spoils them.
    """
    return {
        name
        for name in {name for run in runs for name in results_of(run)}
        if all(
            agrees(run, name, other) or shown.is_right(run, name, other)
            for run, other in zip(runs, mutated, strict=True)
        )
    }


def _agreed(runs: Sequence[Run], mutated: Sequence[Observed]) -> set[str]:
    """The results that a mutant shows just so in every case."""
    return {
        name
        for name in {name for run in runs for name in results_of(run)}
        if all(agrees(run, name, other) for run, other in zip(runs, mutated, strict=True))
    }


def _before(runs: Sequence[Run]) -> dict[str, set[str]]:
    """For each result, those that come before it in some case."""
    before: dict[str, set[str]] = {}
    for run in runs:
        names = results_of(run)
        for i, name in enumerate(names):
            before.setdefault(name, set()).update(names[:i])
    return before
