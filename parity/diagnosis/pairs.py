"""Two mistakes at once: what a class with both, or the factors of both in one result, would show.

A pair is named only if it shows every result of every case, the right ones included; of several
that do, only what they have in common.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Case, Component, Mutant, Observed
from parity.comparison import Absent, as_result
from parity.diagnosis import shown
from parity.diagnosis.shown import adoptable, results_of, same
from parity.engine import Run

#: So many classes of two mistakes are run, in one case each; most of them fail there.
BUDGET = 400

#: So many mutants that explain the first wrong case are asked for a case that they do not explain.
MORE_WATCHED = 3

#: For each wrong result its mistake, and the other one where that has a hand in it, too.
Named = dict[str, tuple[Mutant, Mutant | None]]

Pair = tuple[Mutant, Mutant]


def compose(first: Mutant, second: Mutant) -> type | None:
    """A class that makes both mistakes; None where there is no such class.

    Where both override one method, that of ``first`` comes before that of ``second``, which it
    reaches only through ``super()``.
    """
    bases = first.implementation, second.implementation
    if not all(inspect.isclass(base) for base in bases):
        return None
    try:
        return type(f"{bases[0].__name__}And{bases[1].__name__}", bases, {})
    except TypeError:  # they come from different classes, or one from the other
        return None


def explain_by_two(component: Component, runs: Sequence[Run], raised: Sequence[Case] = ()) -> Named:
    """Name the two mistakes behind the failures of one implementation.

    Args:
        component: with the mutants.
        runs: of its cases that have elements, with one implementation.
        raised: the cases in which it raised.

    Returns:
        For each wrong result; nothing if no two mistakes show all that the implementation shows.
    """
    if any(not run.expected for run in runs):
        return {}
    search = _Search(component, runs, raised)
    pairs = search.by_class() or search.by_effect()
    if not pairs:
        return {}
    common = [m for m in pairs[0] if all(m in pair for pair in pairs)]
    return search.name(common)


class _Search:
    """The mutants that may be at work in an implementation, and pairs of them.

    Args:
        component: with the mutants.
        runs: of the implementation.
        raised: the cases in which it raised.
    """

    def __init__(self, component: Component, runs: Sequence[Run], raised: Sequence[Case]) -> None:
        self.component, self.runs, self.raised = component, runs, raised
        self._shown: dict[tuple[Mutant, int], Observed | None] = {}
        self.watched = _watched(runs)
        self.watched += self._unexplained()
        self.found = {(i, f.result) for i, run in enumerate(self.watched) for f in run.failures}
        self.seen: dict[Mutant, list[Observed]] = {}
        self.wrong: dict[Mutant, set[tuple[int, str]]] = {}
        for mutant in component.mutants:
            self._suspect(mutant)

    def _show(self, mutant: Mutant, run: Run) -> Observed | None:
        key = mutant, id(run)
        if key not in self._shown:
            self._shown[key] = shown.show(
                self.component, mutant.implementation, run.case, adoptable(run)
            )
        return self._shown[key]

    def _unexplained(self) -> list[Run]:
        """For mutants that explain all of the first wrong case, the first one that they do not: it
        is there that a second mistake is seen.
        """
        explained = [m for m in self.component.mutants if self._explains(m, self.watched[0])]
        others = [
            next((run for run in self.runs if not self._explains(mutant, run)), None)
            for mutant in explained[:MORE_WATCHED]
        ]
        known = {id(run) for run in self.watched}
        more = {id(run): run for run in others if run is not None and id(run) not in known}
        return list(more.values())

    def _explains(self, mutant: Mutant, run: Run) -> bool:
        observed = self._show(mutant, run)
        return observed is not None and _agree(run, observed)

    def _suspect(self, mutant: Mutant) -> None:
        """Keep a mutant that has an effect on something that the implementation gets wrong."""
        seen: list[Observed] = []
        wrong: set[tuple[int, str]] = set()
        for i, run in enumerate(self.watched):
            observed = self._show(mutant, run)
            if observed is None:
                return
            seen.append(observed)
            wrong |= {(i, name) for name in _wrong_in(run, observed)}
        if wrong & self.found:
            self.seen[mutant], self.wrong[mutant] = seen, wrong

    def _pairs(self) -> list[Pair]:
        """The most plausible ones first: those that together reach all that is wrong, and nothing
        else. One may hide what the other does elsewhere, but seldom.
        """
        run = self.watched[0]
        first = run.failures[0].result
        alone = {m: shown.agrees(run, first, seen[0]) for m, seen in self.seen.items()}
        return sorted(
            combinations(self.seen, 2),
            key=lambda pair: (
                len(self.found ^ (self.wrong[pair[0]] | self.wrong[pair[1]])),
                not (alone[pair[0]] or alone[pair[1]]),
            ),
        )

    def by_class(self) -> list[Pair]:
        """Pairs whose common subclass shows all that the implementation shows."""
        found: list[Pair] = []
        for pair, both in self._classes():
            if pair not in found and self._is_class_of(both):
                found.append(pair)
        return found

    def _classes(self) -> Iterator[tuple[Pair, type]]:
        tried = 0
        for pair in self._pairs():
            for first, second in (pair, pair[::-1]) if _overlap(*pair) else (pair,):
                both = compose(first, second)
                if both is not None:
                    if tried == BUDGET:
                        return
                    tried += 1
                    yield pair, both

    def _is_class_of(self, both: type) -> bool:
        return all(
            (observed := shown.show(self.component, both, run.case, adoptable(run))) is not None
            and _agree(run, observed)
            for run in [*self.watched, *self.runs]
        ) and not shown.gets_through(self.component, both, self.raised)

    def by_effect(self) -> list[Pair]:
        """Pairs whose effects, multiplied where both have one, make what is shown."""
        return [
            pair
            for pair in self._pairs()
            if self.wrong[pair[0]] | self.wrong[pair[1]] == self.found and self._is_joined(pair)
        ]

    def _is_joined(self, pair: Pair) -> bool:
        if not self._shows_joined(self.watched, [self.seen[mutant] for mutant in pair]):
            return False
        seen = [shown.show_all(self.component, mutant.implementation, self.runs) for mutant in pair]
        everywhere = [observed for observed in seen if observed is not None]
        return (
            len(everywhere) == 2
            and self._shows_joined(self.runs, everywhere)
            and all(self._either_raises(pair, case) for case in self.raised)
        )

    def _either_raises(self, pair: Pair, case: Case) -> bool:
        return not all(
            shown.gets_through(self.component, mutant.implementation, [case]) for mutant in pair
        )

    def _shows_joined(self, runs: Sequence[Run], seen: Sequence[Sequence[Observed]]) -> bool:
        return all(
            same(run, run.observed.tensors.get(name, Absent()), _joined(run, name, pair))
            for run, *pair in zip(runs, *seen, strict=True)
            for name in run.expected
        )

    def name(self, mutants: Sequence[Mutant]) -> Named:
        """Each wrong result with those of the mutants that have a hand in it."""
        reached: dict[str, list[Mutant]] = {}
        for mutant in mutants:
            seen = shown.show_all(self.component, mutant.implementation, self.runs) or []
            for name in {
                name
                for run, observed in zip(self.runs, seen, strict=False)
                for name in _wrong_in(run, observed)
            }:
                reached.setdefault(name, []).append(mutant)
        return {name: (ms[0], ms[1] if len(ms) > 1 else None) for name, ms in reached.items()}


def _watched(runs: Sequence[Run]) -> list[Run]:
    """The runs that tell most: where a result is first wrong, and a few in which all is right."""
    watched: list[Run] = []
    seen: set[str] = set()
    for run in runs:
        names = {failure.result for failure in run.failures}
        if names - seen and len(watched) < 4:
            watched.append(run)
        seen |= names
    return watched + [run for run in runs if not run.failures][:2]


def _agree(run: Run, observed: Observed) -> bool:
    return all(shown.agrees(run, name, observed) for name in results_of(run))


def _wrong_in(run: Run, observed: Observed) -> set[str]:
    """The results that are not the expected ones."""
    return {name for name in run.expected if not shown.is_right(run, name, observed)}


def _joined(run: Run, name: str, pair: Sequence[Observed]) -> Any:
    """A result with both effects: that of the only one that has any, or two factors."""
    right = run.expected[name]
    wrong = [
        result
        for result in (observed.tensors.get(name, Absent()) for observed in pair)
        if not same(run, result, right)
    ]
    if len(wrong) < 2:
        return wrong[0] if wrong else right
    arrays = [as_result(value) for value in (*wrong, right)]
    numbers = [
        array for array in arrays if not isinstance(array, Absent) and array.dtype.kind == "f"
    ]
    if len(numbers) < 3 or len({array.shape for array in numbers}) > 1:
        return Absent("two effects that are no factors")
    with np.errstate(all="ignore"):
        return _product(*numbers)


def _product(first: ndarray, second: ndarray, right: ndarray) -> ndarray:
    return np.where(right != 0, first * second / right, first + second - right)


def _overlap(first: Mutant, second: Mutant) -> bool:
    """Whether both classes override something of the same name, so that their order counts."""
    return bool(_own(first, second) & _own(second, first))


def _own(mutant: Mutant, other: Mutant) -> set[str]:
    """What a class has that the other one does not inherit as well."""
    if not inspect.isclass(mutant.implementation) or not inspect.isclass(other.implementation):
        return set()
    shared = set(other.implementation.__mro__)
    names = {
        name for base in mutant.implementation.__mro__ if base not in shared for name in vars(base)
    }
    return names - {"__module__", "__doc__", "__qualname__"}
