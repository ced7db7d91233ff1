"""What a mistaken implementation shows in the cases of a run, next to what a learner's shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Case, Component, Implementation, Observed
from parity.comparison import Absent, same_result
from parity.engine import Run, run_case


def show(
    component: Component, mistaken: Any, case: Case, params: list[ndarray] | None
) -> Observed | None:
    """What a wrong function or class shows in a case; None if it cannot run.

    Args:
        component: what it implements.
        mistaken: the function or class.
        case: on which inputs.
        params: parameters to adopt; None lets it keep its own.
    """
    implementation = Implementation({component.symbol: mistaken})
    try:
        with np.errstate(all="ignore"):
            return run_case(component, case, implementation, params)[0]
    except Exception:
        return None


def show_all(component: Component, mistaken: Any, runs: Sequence[Run]) -> list[Observed] | None:
    """What it shows in the same cases with the same parameters; None if it cannot run in one."""
    results = []
    for run in runs:
        observed = show(component, mistaken, run.case, adoptable(run))
        if observed is None:
            return None
        results.append(observed)
    return results


def gets_through(component: Component, mistaken: Any, cases: Sequence[Case]) -> bool:
    """Whether it runs in any of the cases that have elements, with parameters of its own."""
    return any(
        show(component, mistaken, case, None) is not None for case in cases if not is_empty(case)
    )


def adoptable(run: Run) -> list[ndarray] | None:
    """The parameters of a run, if another implementation can take them over."""
    params = run.observed.params
    return params if params and all(isinstance(p, ndarray) for p in params) else None


def is_empty(case: Case) -> bool:
    """Whether an input has no elements: it tells no mistake from another."""
    return any(0 in shape for shape in case.shapes.values())


def results_of(run: Run) -> list[str]:
    """The names of a run's results in order; those that are missing come last."""
    return list(dict.fromkeys([*run.observed.tensors, *(f.result for f in run.failures)]))


def agrees(run: Run, name: str, other: Observed) -> bool:
    """Whether a run shows the same result under a name as another implementation does."""
    return same(run, run.observed.tensors.get(name, Absent()), other.tensors.get(name, Absent()))


def is_right(run: Run, name: str, other: Observed) -> bool:
    """Whether another implementation shows what the reference does, if that was asked."""
    return name in run.expected and same(run, other.tensors.get(name, Absent()), run.expected[name])


def same(run: Run, first: Any, second: Any) -> bool:
    """Whether two results are the same within the tolerance of a run's case."""
    return same_result(first, second, dtype=run.case.dtype, tolerance=run.case.tolerance)
