"""Checking a learner's file: find its components, run each in a child process, judge the answers.

Chapter by chapter, what a component requires before the component itself.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy import ndarray

from parity.catalogue import component as component_of
from parity.catalogue import components
from parity.catalogue.component import Component, Observed
from parity.comparison import Absent, with_article
from parity.engine import Run, explain, judge
from parity.runner import isolated
from parity.runner.isolated import ChildReport, Limits, run_child
from parity.verdict import Frame, LearnerError, Verdict


class FileError(Exception):
    """A file that cannot be checked; the message says why and what to do.

    Attributes:
        error: the exception that its import raised, if that is the reason.
    """

    def __init__(self, message: str, error: LearnerError | None = None) -> None:
        super().__init__(message)
        self.error = error


@dataclass
class CheckResult:
    """A checked file: one verdict for each component found, in the order of the book."""

    file: Path
    verdicts: list[Verdict] = field(default_factory=list)
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        """Whether all components passed."""
        return not self.interrupted and all(verdict.passed for verdict in self.verdicts)

    @property
    def missing(self) -> list[Component]:
        """Components that the file lacks, of the book's chapters that it deals with."""
        found = {verdict.component for verdict in self.verdicts}
        chapters = {component_of(name).chapter for name in found}
        return [
            component
            for component in components()
            if component.in_book and component.chapter in chapters and component.name not in found
        ]


def find(file: Path, limits: Limits | None = None) -> dict[str, str]:
    """The components that a file defines, and what each of them is.

    Raises:
        FileError: the file is missing, is not Python, cannot be imported, or defines none.
    """
    path = _require_file(file)
    report = run_child({"file": str(path), "component": None, "inputs": []}, (), limits)
    for header, _ in report.messages:
        if header["event"] == "mapping":
            raise FileError(f"{file}: {header['message']}")
        if header["event"] == "raised":
            error = _learner_error(header, None)
            raise FileError(_import_sentence(file, error), error)
    if report.ending != "finished":
        raise FileError(f"{file} cannot be imported: {_ending_sentence(report)}")
    loaded = next(header for header, _ in report.messages if header["event"] == "loaded")
    if not loaded["found"]:
        raise FileError(_none_found_sentence(file, loaded["names"]))
    return dict(loaded["found"])


def check_file(
    file: Path,
    only: Iterable[str] = (),
    limits: Limits | None = None,
    on_verdict: Callable[[Verdict], None] | None = None,
    on_start: Callable[[int], None] | None = None,
) -> CheckResult:
    """Check a file's components against the PyTorch references.

    Args:
        file: the learner's file.
        only: names of components; all that are found where none is given.
        limits: for each component.
        on_verdict: called with each verdict, in the order of the book.
        on_start: called with the number of components once it is known.

    Raises:
        FileError: there is nothing to check; says why.
    """
    limits = limits or Limits()
    found = find(file, limits)
    wanted = _select(file, found, tuple(only))
    result = CheckResult(file)
    if on_start is not None:
        on_start(len(wanted))
    for verdict in _verdicts(_require_file(file), wanted, found, limits):
        if verdict.status == "interrupted":
            result.interrupted = True
            continue
        failed = {v.component for v in result.verdicts if not v.passed}
        if not verdict.passed:
            requires = component_of(verdict.component).requires
            verdict.rests_on = [name for name in requires if name in failed]
        result.verdicts.append(verdict)
        if on_verdict is not None:
            on_verdict(verdict)
    return result


def _verdicts(
    path: Path, wanted: list[str], found: dict[str, str], limits: Limits
) -> Iterator[Verdict]:
    isolated.cancelled.clear()
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        futures = [pool.submit(check_component, path, name, found[name], limits) for name in wanted]
        try:
            for future in futures:
                yield future.result()
        except KeyboardInterrupt:
            isolated.cancelled.set()
            yield Verdict("", "interrupted", 0)


def check_component(path: Path, name: str, kind: str, limits: Limits) -> Verdict:
    """Run one component of a file in a child process and judge it."""
    component = component_of(name)
    if isolated.cancelled.is_set():
        return Verdict(name, "interrupted", len(component.cases))
    if kind != component.kind:
        detail = f"is {with_article(kind)}, must be {with_article(component.kind)}"
        return Verdict(name, "wrong kind", len(component.cases), detail=detail)

    inputs = [case.inputs() for case in component.cases]
    arrays: list[ndarray] = [array for case in inputs for array in case.values()]
    request = {"file": str(path), "component": name, "inputs": [list(case) for case in inputs]}
    return _judge_report(component, run_child(request, arrays, limits))


def _judge_report(component: Component, report: ChildReport) -> Verdict:
    verdict = Verdict(component.name, "passed", len(component.cases))
    runs = []
    for header, arrays in report.messages:
        try:
            if header["event"] == "case":
                runs.append(_judge_case(component, header, arrays, verdict))
            elif header["event"] == "raised":
                case = header["case"]
                name = None if case is None else component.cases[case].name
                verdict.errors.append(_learner_error(header, name))
        except (KeyError, IndexError, TypeError, ValueError):
            verdict.status, verdict.detail = "died", "gave garbled answers"
            return verdict
    verdict.failures = explain(component, runs)
    if report.ending != "finished":
        verdict.status, verdict.detail = report.ending, _ending_sentence(report)
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


def _judge_case(
    component: Component, header: dict[str, Any], arrays: list[ndarray], verdict: Verdict
) -> Run:
    case = component.cases[header["case"]]
    remaining = iter(arrays)
    tensors = {name: _decode(kind, detail, remaining) for name, kind, detail in header["tensors"]}
    params = [_decode(kind, detail, remaining) for _, kind, detail in header["params"]]
    inputs = dict(zip(header["inputs"], remaining, strict=True))
    observed = Observed(tensors, params)
    failures = judge(component, case, observed, inputs, upcast=True)
    upcast = case.dtype == "float32" and any(
        isinstance(value, ndarray) and value.dtype == "float64" for value in tensors.values()
    )
    note = "float32 input comes back as float64: right, but slower than it need be"
    if upcast and not failures and note not in verdict.notes:
        verdict.notes.append(note)
    return Run(case, observed, failures)


def _decode(kind: str, detail: Any, arrays: Iterator[ndarray]) -> Any:
    if kind == "bool":
        return detail
    if kind == "absent":
        return Absent(str(detail))
    array = next(arrays)
    return array if kind == "array" else array[()]


def _learner_error(header: dict[str, Any], case: str | None) -> LearnerError:
    frames = tuple(
        Frame(frame["line"], str(frame["function"]), str(frame["code"]))
        for frame in header["frames"]
    )
    return LearnerError(str(header["type"]), str(header["message"]), frames, case)


def _ending_sentence(report: ChildReport) -> str:
    return {
        "timed out": f"timed out {report.detail}",
        "out of memory": f"ran out of memory, {report.detail}",
        "too much output": f"printed {report.detail}",
        "interrupted": "was interrupted",
        "died": report.detail,
    }[report.ending]


def _require_file(file: Path) -> Path:
    if not file.exists():
        raise FileError(f"{file} does not exist; give the path of a Python file")
    if not file.is_file():
        raise FileError(f"{file} is not a file; give the path of a Python file")
    if file.suffix != ".py":
        raise FileError(f"{file} is not Python: its name does not end in .py")
    try:
        file.read_bytes()
    except OSError as error:
        raise FileError(f"{file} cannot be read: {error.strerror}") from None
    return file.resolve()


def _import_sentence(file: Path, error: LearnerError) -> str:
    place = f" in line {error.frames[-1].line}" if error.frames else ""
    if error.type in ("SyntaxError", "IndentationError", "TabError"):
        return f"{file} is not valid Python: {error.message}{place}"
    if error.type == "SystemExit":
        return f"{file} calls sys.exit{place} when it is imported"
    if error.type in ("UnicodeDecodeError", "ValueError") and not error.frames:
        return f"{file} is not Python: {error.message}"
    return f"{file} raises {error.type}{place} when it is imported: {error.message}"


def _none_found_sentence(file: Path, names: list[str]) -> str:
    known = [component.name for component in components()]
    for name in names:
        lowered = {other.lower(): other for other in known}
        near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.8)
        if near:
            return (
                f"{file} defines none of the components; did you mean {lowered[near[0]]} by "
                f"{name}? `parity list` shows the names"
            )
    return f"{file} defines none of the components; `parity list` shows their names"


def _select(file: Path, found: dict[str, str], only: tuple[str, ...]) -> list[str]:
    """Names to check, in the order of the catalogue."""
    known = [component.name for component in components()]
    for name in only:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; `parity list` shows the names"
            raise FileError(f"there is no component {name}{hint}")
        if name not in found:
            raise FileError(f"{file} does not define {name}; it has {', '.join(found)}")
    return [name for name in known if name in found and (not only or name in only)]
