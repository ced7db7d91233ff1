"""The mutants: each is caught, where it should be, and is named by what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from numpy import ndarray

from parity.catalogue import components
from parity.catalogue.component import Case, Component, Implementation, Mutant, Observed
from parity.diagnosis.mistakes import explain
from parity.diagnosis.shown import show as show_anew
from parity.engine import Run, check_in_process

PAIRS = [(entry, mutant) for entry in components() for mutant in entry.mutants]

each_mutant = pytest.mark.parametrize(
    "entry, mutant", PAIRS, ids=[f"{entry.name}-{mutant.name}" for entry, mutant in PAIRS]
)


@pytest.fixture(scope="module", autouse=True)
def shown_once() -> Iterator[None]:
    """Each mutant is held against all others of its component; what it shows with the same
    parameters is computed once.
    """
    known: dict[Any, Observed | None] = {}

    def show(
        entry: Component, mistaken: Any, case: Case, params: list[ndarray] | None
    ) -> Observed | None:
        given = None if params is None else tuple(param.tobytes() for param in params)
        key = (entry.name, mistaken, case.name, given)
        if key not in known:
            known[key] = show_anew(entry, mistaken, case, params)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parity.diagnosis.shown.show", show)
        yield


def runs_of(entry: Component, mutant: Mutant) -> list[Run]:
    """Its runs, but for the cases in which it raises. Where all else is the scratch side's, cases
    that take all parts from the file are the same once more.
    """
    runs = []
    for case in entry.cases:
        if case.options.get("parts") == "own":
            continue
        try:
            runs.append(
                check_in_process(entry, case, Implementation({entry.symbol: mutant.implementation}))
            )
        except Exception:
            continue
    return runs


@each_mutant
def test_is_caught_where_it_should_be_and_named(entry: Component, mutant: Mutant) -> None:
    failures = explain(entry, runs_of(entry, mutant))
    assert failures, f"a hole: no case of {entry.name} catches {mutant.name!r}"
    assert mutant.caught_in in {failure.result for failure in failures}
    assert {failure.mutant for failure in failures} == {mutant}
    assert {failure.also for failure in failures} == {None}


@each_mutant
def test_its_sentence_ends_and_is_short(entry: Component, mutant: Mutant) -> None:
    assert mutant.sentence[-1] in ".)"
    assert len(mutant.sentence) <= 3 * 80
    assert "  " not in mutant.sentence


@pytest.mark.parametrize(
    "entry", [entry for entry in components() if entry.gradients], ids=lambda entry: entry.name
)
def test_a_component_with_gradients_has_three(entry: Component) -> None:
    assert len(entry.mutants) >= 3


@pytest.mark.parametrize("entry", components(), ids=lambda entry: entry.name)
def test_every_component_has_some_of_different_names(entry: Component) -> None:
    names = [mutant.name for mutant in entry.mutants]
    assert names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", components(), ids=lambda entry: entry.name)
def test_no_mutant_is_seen_in_what_is_right(entry: Component) -> None:
    assert explain(entry, [check_in_process(entry, case) for case in entry.cases]) == []


def test_mistakes_of_the_book_carry_their_erratum() -> None:
    errata = {mutant.errata for _, mutant in PAIRS}
    assert {"E3", "E4", "E6", "E7"} <= errata
