"""How many mistakes are caught, and how many are named: each mutant alone, and two at a time.

``python -m benchmarks.diagnosis``. Pairs are planted in one class, as a subclass of both mutants;
in one function, where each spoils other elements of what it returns; and in two components of one
file, one of which rests on the other. Two of which one hides the other altogether are no pair.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy import ndarray
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.measure import describe_machine
from parity.catalogue import component as component_of
from parity.catalogue import components
from parity.catalogue.component import (
    Case,
    Component,
    Implementation,
    Mutant,
    scratch_component,
)
from parity.diagnosis import shown
from parity.diagnosis.mistakes import explain
from parity.diagnosis.pairs import compose
from parity.engine import Run, check_in_process
from parity.terminal import make_console, progress_bars
from parity.verdict import Verdict

#: A mistake by the names of its component and of the mutant.
Mistake = tuple[str, str]

KINDS = ("one function", "one class", "two components")


@dataclass(frozen=True)
class Outcome:
    """What the diagnosis of one file said.

    Attributes:
        kind: "alone", or one of ``KINDS``.
        planted: the mistakes in the file.
        caught: whether a component did not pass.
        first: the mistake that a learner reads of first.
        named: all that are named, in that order.
        slowest: seconds that the longest diagnosis of a component took.
    """

    kind: str
    planted: tuple[Mistake, ...]
    caught: bool
    first: Mistake | None
    named: tuple[Mistake, ...]
    slowest: float

    @property
    def right_first(self) -> bool:
        """Whether the first name is that of a planted mistake."""
        return self.first in self.planted

    @property
    def all_named(self) -> bool:
        """Whether each planted mistake is named."""
        return set(self.planted) <= set(self.named)

    @property
    def nothing(self) -> bool:
        """Whether no mistake is named."""
        return not self.named

    @property
    def wrong(self) -> tuple[Mistake, ...]:
        """Names of mistakes that are not in the file."""
        return tuple(name for name in self.named if name not in self.planted)


class Overlap(BaseException):
    """Two mistakes in one function spoil the same element, or what it works on in place; nobody but
    its author can join them.
    """


def find(mistake: Mistake) -> Mutant:
    """The mutant of these names."""
    return next(m for m in component_of(mistake[0]).mutants if m.name == mistake[1])


def with_both(component: Component, first: Mutant, second: Mutant) -> Any:
    """A class or function that makes both mistakes; None where there is none."""
    if component.kind == "class":
        return compose(first, second)
    return _merged(scratch_component(component.name), first.implementation, second.implementation)


def _merged(
    right: Callable[..., Any], first: Callable[..., Any], second: Callable[..., Any]
) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        given = [(deepcopy(args), deepcopy(kwargs)) for _ in range(3)]
        before = pickle.dumps(given[0])
        functions = right, first, second
        results = [function(*a, **k) for function, (a, k) in zip(functions, given, strict=True)]
        if any(pickle.dumps(arguments) != before for arguments in given):
            raise Overlap
        return _merge(*results)

    return both


def _merge(right: Any, first: Any, second: Any) -> Any:
    """What is spoilt in either; ``Overlap`` if anything is in both."""
    results = (right, first, second)
    if not type(right) is type(first) is type(second):
        raise Overlap
    if isinstance(right, dict):
        if not right.keys() == first.keys() == second.keys():
            raise Overlap
        return {key: _merge(*(result[key] for result in results)) for key in right}
    if isinstance(right, tuple | list):
        if not len(right) == len(first) == len(second):
            raise Overlap
        return type(right)(_merge(*parts) for parts in zip(*results, strict=True))
    if not isinstance(right, ndarray | float | np.floating):
        raise Overlap
    if not np.shape(right) == np.shape(first) == np.shape(second):
        raise Overlap
    spoilt = [~np.isclose(right, other, rtol=1e-12, equal_nan=True) for other in (first, second)]
    if (spoilt[0] & spoilt[1]).any():
        raise Overlap
    return (
        np.where(spoilt[0], first, second)
        if isinstance(right, ndarray)
        else (first if spoilt[0] else second)
    )


@contextmanager
def planted(component: Component, wrong: Any) -> Iterator[None]:
    """While active, the scratch modules use a wrong component wherever they use the right one, as
    the components of a learner's file use each other.
    """
    right = scratch_component(component.name)
    places = [
        (module, name)
        for module in [module for name, module in sys.modules.items() if _is_scratch(name)]
        for name, value in vars(module).items()
        if value is right
    ]

    def put(value: Any) -> None:
        for module, name in places:
            setattr(module, name, value)

    def call(*args: Any, **kwargs: Any) -> Any:
        """The wrong function, that finds the right one where it looks for it."""
        put(right)
        try:
            return wrong(*args, **kwargs)
        finally:
            put(call)

    put(call if component.kind == "function" else wrong)
    try:
        yield
    finally:
        put(right)


def _is_scratch(module: str) -> bool:
    return module.partition(".")[0] == "scratch"


def run_all(component: Component, implementation: Implementation) -> tuple[list[Run], list[Case]]:
    """The runs of all cases, and the cases in which it raised."""
    runs, raised = [], []
    for case in component.cases:
        try:
            runs.append(check_in_process(component, case, implementation))
        except Exception:
            raised.append(case)
    return runs, raised


def diagnose(
    kind: str, mistakes: tuple[Mistake, ...], own: Sequence[tuple[Component, Any]]
) -> Outcome:
    """Check a file of these wrong components, as ``parity check`` does."""
    implementation = Implementation({component.symbol: wrong for component, wrong in own})
    named: list[Mistake] = []
    failed: list[str] = []
    slowest = 0.0
    for component, _ in own:
        with planted(*own[0]) if component is not own[0][0] else nullcontext():
            runs, raised = run_all(component, implementation)
        start = time.perf_counter()
        failures = explain(component, runs, raised)
        slowest = max(slowest, time.perf_counter() - start)
        rests_on = [name for name in component.requires if name in failed]
        verdict = Verdict(
            component.name, "differs", len(component.cases), failures, rests_on=rests_on
        )
        named += [
            (component.name, mutant.name)
            for failure in verdict.mistakes
            for mutant in (failure.mutant, failure.also)
            if mutant is not None
        ]
        if failures or raised:
            failed.append(component.name)
    names = tuple(dict.fromkeys(named))
    return Outcome(kind, mistakes, bool(failed), names[0] if names else None, names, slowest)


def alone(mistake: Mistake) -> Outcome:
    """Plant one mistake."""
    component = component_of(mistake[0])
    with quiet():
        return diagnose("alone", (mistake,), [(component, find(mistake).implementation)])


def two(kind: str, mistakes: tuple[Mistake, Mistake]) -> Outcome | None:
    """Plant two mistakes; None where that is no pair."""
    with quiet():
        try:
            own = _own(mistakes)
            return diagnose(kind, mistakes, own) if own else None
        except Overlap:
            return None


def _own(mistakes: tuple[Mistake, Mistake]) -> list[tuple[Component, Any]]:
    mutants = [find(mistake) for mistake in mistakes]
    of = [component_of(name) for name, _ in mistakes]
    if of[0] is not of[1]:
        return [(c, mutant.implementation) for c, mutant in zip(of, mutants, strict=True)]
    both = with_both(of[0], *mutants)
    if both is None:
        return []
    runs, _ = run_all(of[0], Implementation({of[0].symbol: both}))
    hidden = not runs or any(_shows(of[0], mutant, runs) for mutant in mutants)
    return [] if hidden or not any(run.failures for run in runs) else [(of[0], both)]


def _shows(component: Component, mutant: Mutant, runs: Sequence[Run]) -> bool:
    """Whether a mutant alone shows the very same."""
    seen = shown.show_all(component, mutant.implementation, runs)
    return seen is not None and all(
        shown.agrees(run, name, other)
        for run, other in zip(runs, seen, strict=True)
        for name in shown.results_of(run)
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Mistakes overflow and divide by zero."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def draw(kind: str, generator: random.Random) -> Iterator[tuple[Mistake, Mistake]]:
    """Pairs at random, none twice: first a component, then a mutant, then another one, of the same
    component or of one that it requires. It ends when hardly any new ones are left.
    """
    seen: set[frozenset[Mistake]] = set()
    tries = 0
    while tries < 10_000:
        tries += 1
        component = under = generator.choice(components())
        if kind == "two components":
            if not component.requires:
                continue
            under = component_of(generator.choice(component.requires))
        if (under.symbol == component.symbol) != (kind != "two components"):
            continue
        if kind not in ("two components", f"one {component.kind}"):
            continue
        pair = tuple((c.name, generator.choice(c.mutants).name) for c in (under, component))
        if len(set(pair)) == 2 and frozenset(pair) not in seen:
            seen.add(frozenset(pair))
            tries = 0
            yield pair[0], pair[1]


def measure(pairs: int, seed: int, workers: int) -> list[Outcome]:
    """Plant every mutant, and so many pairs, of each kind alike as far as there are enough."""
    every = [(entry.name, mutant.name) for entry in components() for mutant in entry.mutants]
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(workers) as pool, progress_bars("files") as progress:
        task = progress.add_task("one mistake", total=len(every))
        for outcome in pool.map(alone, every, chunksize=16):
            outcomes.append(outcome)
            progress.advance(task)
        for number, kind in enumerate(KINDS):
            planted_so_far = sum(outcome.kind != "alone" for outcome in outcomes)
            wanted = (pairs - planted_so_far) // (len(KINDS) - number)
            task = progress.add_task(f"two in {kind}", total=wanted)
            drawn = draw(kind, random.Random(seed))
            found = 0
            while found < wanted and (batch := list(islice(drawn, 8 * workers))):
                for pair in pool.map(partial(two, kind), batch):
                    if pair is not None and found < wanted:
                        outcomes.append(pair)
                        found += 1
                        progress.advance(task)
    return outcomes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=300, help="pairs of mistakes to plant")
    parser.add_argument("--seed", type=int, default=1, help="of their choice")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="every file and what was named")
    arguments = parser.parse_args()
    outcomes = measure(arguments.pairs, arguments.seed, arguments.workers)
    if arguments.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
        return
    console = make_console()
    console.print(describe_machine(), soft_wrap=True)
    print_singles(console, [outcome for outcome in outcomes if outcome.kind == "alone"])
    print_pairs(console, [outcome for outcome in outcomes if outcome.kind != "alone"])
    print_slowest(console, outcomes)


def new_table(*columns: str) -> Table:
    """An empty table; its first column is text, the others are numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def print_singles(console: Console, outcomes: Sequence[Outcome]) -> None:
    """By chapter: how many are caught, and named first."""
    table = new_table("one mistake in a file", "mutants", "caught", "named first", "wrong name")
    chapters = sorted({chapter_of(outcome) for outcome in outcomes})
    rows = [(f"chapter {n}", [o for o in outcomes if chapter_of(o) == n]) for n in chapters]
    for words, some in [*rows, ("all", list(outcomes))]:
        table.add_row(words, str(len(some)), *shares(some, "caught", "right_first", "wrong"))
    console.print("\n", table, sep="")


def print_pairs(console: Console, outcomes: Sequence[Outcome]) -> None:
    """By kind: how many have one named first, both, a wrong name or none; and what was missed."""
    table = new_table("two mistakes", "pairs", "one first", "both", "wrong", "none")
    rows = [(f"in {kind}", [o for o in outcomes if o.kind == kind]) for kind in KINDS]
    for words, some in [*rows, ("all", list(outcomes))]:
        if some:
            columns = shares(some, "right_first", "all_named", "wrong", "nothing")
            table.add_row(words, str(len(some)), *columns)
    console.print("\n", table, sep="")
    missed = Counter(o.planted[-1][0] for o in outcomes if o.wrong or not o.right_first)
    if missed:
        worst = ", ".join(f"{name} ({count})" for name, count in missed.most_common(12))
        console.print(f"\nNot named first, or a wrong name besides: {worst}")


def print_slowest(console: Console, outcomes: Sequence[Outcome]) -> None:
    """The longest diagnosis of one component."""
    slowest = max(outcomes, key=lambda outcome: outcome.slowest)
    name = slowest.planted[-1][0]
    console.print(f"\nThe longest diagnosis took {slowest.slowest:.2f} s, of {name}.")


def chapter_of(outcome: Outcome) -> int:
    """The chapter of the component that the mistake is in."""
    return component_of(outcome.planted[0][0]).chapter


def shares(outcomes: Sequence[Outcome], *attributes: str) -> list[str]:
    """For each attribute, how many have it, and what share that is."""
    counts = [sum(bool(getattr(o, attribute)) for o in outcomes) for attribute in attributes]
    return [f"{count} ({count / len(outcomes):.0%})" for count in counts]


if __name__ == "__main__":
    main()
