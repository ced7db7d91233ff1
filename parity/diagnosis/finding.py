"""Findings: for each thing that is wrong, where, which mistake, what relation, and what to do next.

The order in which they are read: forward before backward, what a component computes first before
what comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parity.catalogue import component as component_of
from parity.catalogue.component import Component, Mutant
from parity.comparison import Absent
from parity.diagnosis.next_step import next_step
from parity.diagnosis.places import Place, place_of
from parity.diagnosis.relations import Relation, Sample, relate, where_it_starts
from parity.engine import Failure, Run
from parity.verdict import LearnerError, Verdict

#: So many results at most are listed by name.
MAX_LISTED = 6


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a component.

    Attributes:
        component: its name.
        result: the wrong result, or "" where there is an exception or no answer.
        summary: what is wrong, in one sentence: the mistake by its name, the relation to what is
            right, the exception, or that it differs.
        kind: what the summary is: "mistake", "relation", "difference", "exception" or "ending".
        next_step: what to do now, in one sentence.
        place: the lines to look at, if they are known.
        failure: the wrong result where it is first seen.
        mistakes: the mutants that explain it.
        relation: of what was found to what is right, where no mutant explains it.
        starts: where in the array it begins to be wrong, if that tells something.
        right: other results of the same case that are right, as far as they are arrays.
        wrong: other results of the same case that are wrong.
        error: the exception.
    """

    component: str
    result: str
    summary: str
    kind: str
    next_step: str
    place: Place | None = None
    failure: Failure | None = None
    mistakes: tuple[Mutant, ...] = ()
    relation: Relation | None = None
    starts: str | None = None
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    error: LearnerError | None = None


def findings(verdict: Verdict) -> list[Finding]:
    """What is wrong with a component, first things first; nothing if it passed or was not judged.

    Of the results without a known mistake only the first one is a finding, for the others are
    mostly wrong because it is.
    """
    if verdict.status in ("passed", "not judged", "not written"):
        return []
    entry = component_of(verdict.component)
    found = [_of_result(entry, verdict, failure) for failure in _telling(entry, verdict)]
    if verdict.status not in ("differs", "raised"):
        return [_of_ending(verdict), *found]
    if verdict.errors and not any(finding.mistakes for finding in found):
        telling = [error for error in verdict.errors if not _of_no_rows(entry, error)]
        if telling or not found:
            return [_of_error(verdict, (telling or verdict.errors)[0]), *found]
        return [*found, _of_error(verdict, verdict.errors[0])]
    return found


def _of_no_rows(entry: Component, error: LearnerError) -> bool:
    """Whether an exception comes in a case of no rows, where little is said by it."""
    return any(
        0 in shape
        for case in entry.cases
        if case.name == error.case
        for shape in case.shapes.values()
    )


def _telling(entry: Component, verdict: Verdict) -> list[Failure]:
    """The first failure of each mistake, and the first one without, in the order of the results."""
    order = _order(verdict.runs)
    failures = sorted(verdict.failures, key=lambda failure: order.get(failure.result, -1))
    first: dict[object, Failure] = {}
    for failure in failures:
        if verdict.rests_on and (
            failure.mutant is None or failure.mutant.within in verdict.rests_on
        ):
            continue  # it is wrong because of what it is built on
        first.setdefault((failure.mutant, failure.also), failure)
    return list(first.values())


def _order(runs: Sequence[Run]) -> dict[str, int]:
    names = dict.fromkeys(name for run in runs for name in run.expected)
    return {name: number for number, name in enumerate(names)}


def _of_result(entry: Component, verdict: Verdict, failure: Failure) -> Finding:
    run = next((run for run in verdict.runs if run.case is failure.case), None)
    mistakes = tuple(mutant for mutant in (failure.mutant, failure.also) if mutant is not None)
    relation, starts = None, None
    if run is not None and run.expected and not mistakes:
        samples = _samples(verdict.runs, failure.result)
        relation = relate(samples)
        starts = _starts(samples)
    place = place_of(
        verdict.places, failure.result, mistakes[0].implementation if mistakes else None
    )
    if mistakes:
        sentences = " And: ".join(mutant.sentence for mutant in mistakes)
        several = "Two mistakes are at work here. " if len(mistakes) > 1 else ""
        kind, summary = "mistake", several + sentences
    elif relation is not None:
        kind, summary = "relation", f"{failure.result}: {relation.sentence}"
    else:
        kind, summary = "difference", _difference(failure)
    right, wrong = _beside(run, failure) if run is not None else ((), ())
    return Finding(
        component=entry.name,
        result=failure.result,
        summary=summary,
        kind=kind,
        next_step=next_step(entry, failure, place, mistakes, relation),
        place=place,
        failure=failure,
        mistakes=mistakes,
        relation=relation,
        starts=starts,
        right=right,
        wrong=wrong,
    )


def _difference(failure: Failure) -> str:
    if failure.difference.kind == "rule":
        return f"This does not hold: {failure.result}."
    return f"{failure.result} {failure.difference.message}."


def _samples(runs: Sequence[Run], result: str) -> list[Sample]:
    return [
        Sample(
            case=run.case,
            name=result,
            found=run.observed.tensors.get(result, Absent()),
            expected=run.expected[result],
            shown=run.observed.tensors,
            wanted=run.expected,
            inputs=run.case.inputs(),
            params=run.observed.params,
            wrong=any(failure.result == result for failure in run.failures),
        )
        for run in runs
        if result in run.expected and not isinstance(run.expected[result], bool)
    ]


def _starts(samples: Sequence[Sample]) -> str | None:
    """Of the largest wrong array, where it begins to be wrong."""
    wrong = [sample for sample in samples if sample.wrong]
    return where_it_starts(wrong[0]) if wrong else None


def _beside(run: Run, failure: Failure) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Other results of the same case, right ones and wrong ones, as far as they are no rules."""
    failed = {other.result for other in run.failures}
    names = [
        name
        for name, wanted in run.expected.items()
        if name != failure.result and not isinstance(wanted, bool)
    ]
    return (
        tuple(name for name in names if name not in failed),
        tuple(name for name in names if name in failed),
    )


def _of_error(verdict: Verdict, error: LearnerError) -> Finding:
    if error.type == "SystemExit":
        words = "It calls sys.exit, which a component must not do"
    else:
        words = f"{error.type}: {error.message}" if error.message else error.type
    place = None
    if error.frames and error.frames[-1].line is not None:
        last = error.frames[-1]
        place = Place(last.function, error.frames[-1].line, error.frames[-1].line)
    return Finding(
        component=verdict.component,
        result="",
        summary=f"{words.rstrip('.')}.",
        kind="exception",
        next_step=next_step(component_of(verdict.component), None, place, (), None),
        place=place,
        error=error,
    )


def _of_ending(verdict: Verdict) -> Finding:
    error = verdict.errors[0] if verdict.errors else None
    return Finding(
        component=verdict.component,
        result="",
        summary=f"It {verdict.detail or verdict.status}.",
        kind="ending",
        next_step=_ENDINGS.get(
            verdict.status, "Run the file by itself, with the case's shapes, to see where it ends."
        ),
        place=verdict.places.get(""),
        error=error,
    )


#: What to do about a status that has no numbers to show.
_ENDINGS = {
    "timed out": "Look for a loop that does not end; --timeout gives it more time.",
    "out of memory": "Look for an array that is far too large; --memory gives it more.",
    "too much output": "Take out what it prints.",
    "wrong kind": "`parity new` shows what stands under that name in the book.",
}
