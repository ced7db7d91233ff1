"""What a child process answered, judged: a verdict on one component."""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from parity.catalogue.component import Case, Component, Observed
from parity.comparison import Absent
from parity.diagnosis.mistakes import explain
from parity.diagnosis.places import Place, Places
from parity.engine import Run, judge_run
from parity.runner.isolated import ChildReport
from parity.verdict import Frame, LearnerError, Verdict


def judge_report(component: Component, report: ChildReport) -> Verdict:
    """The verdict on a component, from what its child process answered."""
    verdict = Verdict(component.name, "passed", len(component.cases))
    runs = []
    for header, arrays in report.messages:
        try:
            if header["event"] == "loaded":
                verdict.places = _places(header["places"].get(component.name, {}))
            if header["event"] == "raised":
                name = None if header["case"] is None else component.cases[header["case"]].name
                verdict.errors.append(learner_error(header, name))
            answer = _answer(component, header, arrays) if header["event"] == "case" else None
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            verdict.status, verdict.detail = "died", "gave garbled answers"
            return verdict
        if answer is not None:
            runs.append(_judge_case(component, *answer, verdict))
    verdict.runs = runs
    raised = {error.case for error in verdict.errors}
    verdict.failures = explain(
        component, runs, [case for case in component.cases if case.name in raised]
    )
    if report.ending != "finished":
        verdict.status, verdict.detail = report.ending, ending_sentence(report)
    elif any(error.type == "MemoryError" for error in verdict.errors):
        verdict.status, verdict.detail = "out of memory", "ran out of memory"
    elif verdict.errors and not verdict.failures:
        unwritten = all(error.type == "NotImplementedError" for error in verdict.errors)
        verdict.status = "not written" if unwritten else "raised"
    elif verdict.failures:
        verdict.status = "differs"
    elif {run.case.name for run in runs} != {case.name for case in component.cases}:
        verdict.status, verdict.detail = "died", "did not answer in every case"
    return verdict


def _places(told: dict[str, list[Any]]) -> Places:
    """What a child tells of places, as far as it is of that form."""
    return {
        clean(method): Place(clean(name), first, last)
        for method, (name, first, last) in told.items()
        if isinstance(first, int) and isinstance(last, int)
    }


def _answer(
    component: Component, header: dict[str, Any], arrays: list[ndarray]
) -> tuple[Case, Observed, dict[str, ndarray]]:
    """The case that a child has run, what it shows, and the inputs as they were afterwards."""
    case = component.cases[header["case"]]
    kinds = [*header["tensors"], *header["params"]]
    remaining = list(arrays)
    values = [_decode(kind, detail, remaining) for _, kind, detail in kinds]
    tensors = dict(zip([name for name, _, _ in header["tensors"]], values, strict=False))
    observed = Observed(tensors, values[len(header["tensors"]) :])
    inputs = dict(zip(header["inputs"], remaining, strict=True))
    if inputs.keys() != case.inputs().keys():
        raise KeyError("inputs")
    return case, observed, inputs


def _decode(kind: str, detail: Any, remaining: list[ndarray]) -> Any:
    if kind == "bool":
        return bool(detail)
    if kind == "absent":
        return Absent(clean(detail))
    array = remaining.pop(0)
    return array if kind == "array" else array[()]


def _judge_case(
    component: Component,
    case: Case,
    observed: Observed,
    inputs: dict[str, ndarray],
    verdict: Verdict,
) -> Run:
    run = judge_run(component, case, observed, inputs, upcast=True)
    upcast = case.dtype == "float32" and any(
        isinstance(value, ndarray) and value.dtype == "float64"
        for value in observed.tensors.values()
    )
    note = "float32 in, float64 out: right, but slower than need be"
    if upcast and not run.failures and note not in verdict.notes:
        verdict.notes.append(note)
    return run


def learner_error(header: dict[str, Any], case: str | None) -> LearnerError:
    """An exception that a child tells of, in the case of that name."""
    frames = tuple(
        Frame(frame["line"], clean(frame["function"]), clean(frame["code"]))
        for frame in header["frames"]
    )
    return LearnerError(clean(header["type"]), clean(header["message"]), frames, case)


def clean(text: Any) -> str:
    """Text that can be shown: a learner's may hold what moves the cursor, or cannot be encoded."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in str(text)
    )


def ending_sentence(report: ChildReport) -> str:
    """How a child ended that did not finish, after "it"."""
    return {
        "timed out": f"timed out {report.detail}",
        "out of memory": f"ran out of memory, {report.detail}",
        "too much output": f"printed {report.detail}",
        "cancelled": "was cancelled",
        "died": report.detail,
    }[report.ending]
