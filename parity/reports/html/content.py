"""What a page of a check says: its chapters, what is wrong in full, and the rest in short lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from textwrap import shorten

from parity.catalogue import component as component_of
from parity.checking.file import CheckResult
from parity.diagnosis.finding import MAX_LISTED, Finding, findings
from parity.diagnosis.places import Place
from parity.engine import Failure
from parity.reports.html.heatmaps import EDGE, Picture, picture
from parity.reports.html.listing import MAX_LINES, Listing, listing
from parity.reports.machine import torch_version
from parity.reports.terminal import MAX_FINDINGS, is_wrong
from parity.verdict import Frame, Verdict

#: So many wrong arrays of a component are drawn.
MAX_PICTURES = 3

#: All the components but the first have so many cells of heat maps together, and so many lines of
#: code: a page stays small with a hundred of them, too.
_CELLS, _LINES = 10_000, 4_000

#: The fewest rows and columns that are worth drawing three arrays for, or one.
_SMALL_EDGE, _SMALLEST_EDGE = 6, 4

#: What the summary of a finding is.
_LABELS = {
    "mistake": "The mistake",
    "relation": "What it looks like",
    "difference": "What differs",
    "exception": "The exception",
    "ending": "How it ended",
}


@dataclass(frozen=True)
class Part:
    """Of a chapter: how many components are of one kind, in words and for the style sheet."""

    count: int
    words: str
    style: str


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book and how far the file has got in it."""

    number: int
    parts: list[Part]

    @property
    def words(self) -> str:
        """How many components are done, wrong, not written ..."""
        return ", ".join(f"{part.count} {part.words}" for part in self.parts)


@dataclass(frozen=True)
class Entry:
    """A finding: what its summary is, and the rows of words below it, by their labels."""

    finding: Finding
    label: str
    rows: list[tuple[str, str]]
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Section:
    """A component that is wrong.

    Attributes:
        name: its name.
        short: what is wrong, in less than a line.
        entries: its findings, first things first.
        others: how many more findings there are.
        pictures: of arrays that are wrong.
        listing: its lines in the file.
    """

    name: str
    short: str
    entries: list[Entry]
    others: int
    pictures: list[Picture]
    listing: Listing | None


@dataclass(frozen=True)
class _Room:
    """How much of a component there is room for."""

    pictures: int = MAX_PICTURES
    edge: int = EDGE
    lines: int = MAX_LINES


@dataclass(frozen=True)
class Content:
    """All that a page says of a check."""

    file: str
    torch: str
    conclusion: str
    chapters: list[Chapter]
    first: Section | None
    others: list[Section]
    not_judged: dict[str, list[str]]
    not_written: list[str]
    passed: list[str]
    missing: list[str]
    notes: dict[str, list[str]]


def content(result: CheckResult, source: str) -> Content:
    """What there is to say of a check.

    Args:
        result: of the check.
        source: the text of the file that was checked.
    """
    wrong = [verdict for verdict in result.verdicts if is_wrong(verdict)]
    room = _shared_room(len(wrong) - 1)
    sections = [
        _section(verdict, source, room if number else _Room())
        for number, verdict in enumerate(wrong)
    ]
    notes: dict[str, list[str]] = {}
    for verdict in result.verdicts:
        for note in verdict.notes:
            notes.setdefault(note, []).append(verdict.component)
    return Content(
        file=str(result.file),
        torch=torch_version(),
        conclusion=_conclusion(result, len(wrong)),
        chapters=list(_chapters(result)),
        first=sections[0] if sections else None,
        others=sections[1:],
        not_judged=_not_judged(result),
        not_written=[v.component for v in result.verdicts if v.status == "not written"],
        passed=[v.component for v in result.verdicts if v.passed],
        missing=[component.name for component in result.missing],
        notes=notes,
    )


def _conclusion(result: CheckResult, wrong: int) -> str:
    total, passed = len(result.verdicts), sum(verdict.passed for verdict in result.verdicts)
    if result.interrupted:
        return f"Interrupted after {total} components; {passed} of them passed."
    if passed == total:
        return "The one component passed." if total == 1 else f"All {total} components passed."
    words = f"{passed} of {total} components passed"
    return f"{words}, {wrong} {'is' if wrong == 1 else 'are'} wrong." if wrong else f"{words}."


def _chapters(result: CheckResult) -> Iterator[Chapter]:
    missing = Counter(component.chapter for component in result.missing)
    counts: dict[int, Counter[str]] = {}
    for verdict in result.verdicts:
        kind = "wrong" if is_wrong(verdict) else verdict.status
        counts.setdefault(component_of(verdict.component).chapter, Counter())[kind] += 1
    words = {"passed": "done", "wrong": "wrong"}
    for number, of_kind in counts.items():
        kinds = [
            (of_kind[kind], words.get(kind, kind), kind.replace(" ", "-"))
            for kind in ("passed", "wrong", "not written", "not judged")
        ]
        kinds.append((missing[number], "not in this file", "missing"))
        yield Chapter(number, [Part(*part) for part in kinds if part[0]])


def _not_judged(result: CheckResult) -> dict[str, list[str]]:
    """By what they depend on, in words."""
    of: dict[str, list[str]] = {}
    for verdict in result.verdicts:
        if verdict.status == "not judged":
            of.setdefault(", ".join(verdict.rests_on), []).append(verdict.component)
    return of


def _shared_room(components: int) -> _Room:
    """For each of so many components, where all of them share a page."""
    share = _CELLS // max(components, 1)
    edge = isqrt(share // (3 * MAX_PICTURES))
    pictures = MAX_PICTURES if edge >= _SMALL_EDGE else 1
    if pictures == 1:
        edge = max(_SMALLEST_EDGE, isqrt(share // 3))
    return _Room(pictures, min(edge, EDGE), min(_LINES // max(components, 1), MAX_LINES))


def _section(verdict: Verdict, source: str, room: _Room) -> Section:
    found = findings(verdict)
    full = found[:MAX_FINDINGS]
    places = [finding.place for finding in full if finding.place is not None]
    where = f"line {places[0].first}: " if places else ""
    return Section(
        name=verdict.component,
        short=where + shorten(full[0].summary, 90, placeholder=" …"),
        entries=[_entry(verdict, finding) for finding in full],
        others=len(found) - len(full),
        pictures=_pictures(verdict, full, room),
        listing=listing(source, verdict.places.get(""), places, room.lines),
    )


def _entry(verdict: Verdict, finding: Finding) -> Entry:
    error = finding.error
    return Entry(
        finding=finding,
        label=_LABELS[finding.kind],
        rows=list(_rows(verdict, finding)),
        frames=error.frames if error is not None else (),
    )


def _rows(verdict: Verdict, finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.place is not None:
        yield "Where", _where(finding.place)
    yield "What to do", finding.next_step
    errata = [mutant.errata for mutant in finding.mistakes if mutant.errata]
    if errata:
        yield "Erratum", f"{' and '.join(errata)} of the book"
    failure = finding.failure
    if failure is not None:
        starts = f", {finding.starts}" if finding.starts else ""
        yield "Wrong results", _listed([failure.result, *finding.wrong]) + starts
        if finding.right:
            yield "Right results", _listed(finding.right)
        yield "Test cases", _cases(verdict.failed_cases, verdict.cases, failure.case.name)
        yield from _numbers(finding, failure)
    elif finding.error is not None and finding.error.case is not None:
        raised = len({error.case for error in verdict.errors})
        yield "Test cases", _cases(raised, verdict.cases, finding.error.case)


def _numbers(finding: Finding, failure: Failure) -> Iterator[tuple[str, str]]:
    difference = failure.difference
    if difference.kind == "rule":
        if finding.kind != "difference":
            yield "Rule", f"This does not hold: {failure.result}."
        return
    if finding.kind != "difference":
        yield "Numbers", f"{failure.result} {difference.message}."
    if difference.max_abs is not None and difference.max_rel is not None:
        yield (
            "Error size",
            f"absolute {difference.max_abs:.2g}, relative {difference.max_rel:.2g}, "
            f"largest element {difference.scale:.2g}",
        )


def _cases(failed: int, total: int, first: str) -> str:
    return f"{failed} of {total} go wrong, first: {first}"


def _where(place: Place) -> str:
    lines = f"line {place.first}" if place.first == place.last else f"from line {place.first}"
    return f"{place.name}, {lines}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_LISTED])
    return f"{shown} and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else shown


def _pictures(verdict: Verdict, found: list[Finding], room: _Room) -> list[Picture]:
    """Of the arrays that the findings tell of, then of others that are wrong."""
    first = [finding.failure for finding in found if finding.failure is not None]
    runs = {id(run.case): run for run in verdict.runs}
    seen: set[str] = set()
    drawn: list[Picture] = []
    for failure in (*first, *verdict.failures):
        if failure.result in seen or id(failure.case) not in runs or len(drawn) == room.pictures:
            continue
        seen.add(failure.result)
        picture_of = picture(failure, runs[id(failure.case)], room.edge)
        if picture_of is not None:
            drawn.append(picture_of)
    return drawn
