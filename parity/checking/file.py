"""Checking a learner's file: find its components, run each in a child process, judge the answers.

Chapter by chapter, what a component requires before the component itself.
"""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from numpy import ndarray

from parity.catalogue import component as component_of
from parity.catalogue import components
from parity.catalogue.component import Component
from parity.checking.answers import clean, ending_sentence, judge_report, learner_error
from parity.comparison import with_article
from parity.runner.isolated import ChildReport, Limits, run_child
from parity.verdict import LearnerError, Verdict


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
    """A checked file.

    Attributes:
        file: its path.
        found: the components that it defines.
        verdicts: one for each component checked, in the order of the book.
        interrupted: whether the check was ended before its time.
    """

    file: Path
    found: frozenset[str]
    verdicts: list[Verdict] = field(default_factory=list)
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        """Whether all components passed."""
        return not self.interrupted and all(verdict.passed for verdict in self.verdicts)

    @property
    def missing(self) -> list[Component]:
        """Components that the file lacks, of the book's chapters that it deals with."""
        chapters = {component_of(name).chapter for name in self.found}
        return [
            component
            for component in components()
            if component.in_book
            and component.chapter in chapters
            and component.name not in self.found
        ]


def find(file: Path, limits: Limits | None = None) -> dict[str, str]:
    """The components that a file defines, and what each of them is.

    Raises:
        FileError: the file is missing, is not Python, cannot be imported, or defines none.
    """
    path = _require_file(file)
    report = run_child({"file": str(path), "component": None, "inputs": []}, (), limits)
    found: dict[str, str] = {}
    names: list[str] = []
    try:
        for header, _ in report.messages:
            if header["event"] == "mapping":
                raise FileError(f"{file}: {clean(header['message'])}")
            if header["event"] == "raised":
                error = learner_error(header, None)
                raise FileError(_import_sentence(file, error), error)
            if header["event"] == "loaded":
                found = {component_of(name).name: kind for name, kind in header["found"].items()}
                names = [clean(name) for name in header["names"]]
    except (KeyError, TypeError, AttributeError):
        raise FileError(f"{file} cannot be imported: it gave garbled answers") from None
    if report.ending != "finished":
        raise FileError(f"{file} cannot be imported: it {ending_sentence(report)}")
    if not found:
        raise FileError(_none_found_sentence(file, names))
    return found


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
    try:
        found = find(file, limits)
    except KeyboardInterrupt:
        return CheckResult(file, frozenset(), interrupted=True)
    wanted = _select(file, found, tuple(only))
    result = CheckResult(file, frozenset(found))
    if on_start is not None:
        on_start(len(wanted))
    try:
        for verdict in _verdicts(_require_file(file), wanted, found, limits):
            rest(verdict, {v.component for v in result.verdicts if not v.carries})
            result.verdicts.append(verdict)
            if on_verdict is not None:
                on_verdict(verdict)
    except KeyboardInterrupt:
        result.interrupted = True
    return result


def rest(verdict: Verdict, failed: Collection[str]) -> None:
    """Say what a component that did not pass rests on. It is not judged if that is wrong, unless it
    has a mistake of its own that is known.

    Args:
        verdict: on the component; changed in place.
        failed: components of the same file that do not carry what is built on them.
    """
    if verdict.passed:
        return
    requires = component_of(verdict.component).requires
    verdict.rests_on = [name for name in requires if name in failed]
    own = verdict.status == "wrong kind" or (verdict.status == "not written" and _is_own(verdict))
    if verdict.rests_on and not verdict.mistakes and not own:
        verdict.status = "not judged"
        verdict.detail = f"not judged: depends on {_listed(verdict.rests_on)}"


def _is_own(verdict: Verdict) -> bool:
    """Whether what is not written is the component itself, and not what it is built on."""
    lines = [error.frames[-1].line or 0 for error in verdict.errors if error.frames]
    place = verdict.places.get("")
    return place is None or any(place.first <= line <= place.last for line in lines)


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _verdicts(
    path: Path, wanted: list[str], found: dict[str, str], limits: Limits
) -> Iterator[Verdict]:
    """Children run side by side, one for each core; what they answer is judged in this thread."""
    cancelled = threading.Event()
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        try:
            reports = {
                name: pool.submit(_run, path, name, limits, cancelled)
                for name in wanted
                if found[name] == component_of(name).kind
            }
            for name in wanted:
                if name in reports:
                    yield judge_report(component_of(name), reports[name].result())
                else:
                    yield _wrong_kind(name, found[name])
        finally:
            cancelled.set()


def check_component(path: Path, name: str, kind: str, limits: Limits) -> Verdict:
    """Run one component of a file in a child process and judge it."""
    if kind != component_of(name).kind:
        return _wrong_kind(name, kind)
    return judge_report(component_of(name), _run(path, name, limits))


def _wrong_kind(name: str, kind: str) -> Verdict:
    component = component_of(name)
    detail = f"is {with_article(kind)}, must be {with_article(component.kind)}"
    return Verdict(name, "wrong kind", len(component.cases), detail=detail)


def _run(
    path: Path, name: str, limits: Limits, cancelled: threading.Event | None = None
) -> ChildReport:
    inputs = [case.inputs() for case in component_of(name).cases]
    arrays: list[ndarray] = [array for case in inputs for array in case.values()]
    request = {"file": str(path), "component": name, "inputs": [list(case) for case in inputs]}
    return run_child(request, arrays, limits, cancelled)


def _require_file(file: Path) -> Path:
    try:
        if not file.exists():
            raise FileError(f"{file} does not exist; give the path of a Python file")
        if not file.is_file():
            raise FileError(f"{file} is not a file; give the path of a Python file")
        if file.suffix != ".py":
            raise FileError(f"{file} is not Python: its name does not end in .py")
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
