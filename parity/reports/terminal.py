"""What a person reads in a terminal, and in a log: the chapters, the first thing that is wrong in
full, and the rest in a line each.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.text import Text

from parity.catalogue import component as component_of
from parity.catalogue.component import Mutant
from parity.checking.file import CheckResult
from parity.diagnosis.finding import MAX_LISTED, Finding, findings
from parity.reports.machine import torch_version
from parity.verdict import LearnerError, Verdict

#: How a component's line begins.
_MARKS = {"passed": ("✓", "green"), "not written": ("○", "dim"), "not judged": ("–", "dim")}

#: In the line of a chapter, in this order.
_WORDS = {name: name for name in ("passed", "wrong", "not written", "not judged")} | {
    "passed": "done"
}

#: The column in which what stands behind a label begins.
_LABELS = 11

#: So many findings of one component are printed in full.
MAX_FINDINGS = 3


def print_result(console: Console, result: CheckResult, *, verbose: bool = False) -> None:
    """Print a check's result.

    Args:
        console: where to.
        result: what to print.
        verbose: also a line for each component that passed, and the names of those that are not in
            the file.
    """
    _print_wrapped(console, Text(f"{result.file} against PyTorch {torch_version()}", style="bold"))
    _print_chapters(console, result)
    wrong = [verdict for verdict in result.verdicts if is_wrong(verdict)]
    if wrong:
        console.print()
        print_verdict(console, wrong[0], result.file)
    rest = result.verdicts if verbose else [v for v in result.verdicts if not v.passed]
    lines = [verdict for verdict in rest if not wrong or verdict is not wrong[0]]
    if lines:
        console.print()
    for verdict in lines:
        print_line(console, verdict)
    _print_notes(console, result)
    if verbose and result.missing:
        names = ", ".join(component.name for component in result.missing)
        console.print()
        _print_wrapped(console, Text(f"Not in this file: {names}", style="dim"))
    console.print()
    _print_wrapped(console, Text(_conclusion(result)))


def is_wrong(verdict: Verdict) -> bool:
    """Whether there is something to mend in what is written."""
    return not verdict.passed and verdict.status not in ("not written", "not judged")


def _kind(verdict: Verdict) -> str:
    return "wrong" if is_wrong(verdict) else verdict.status


def _print_chapters(console: Console, result: CheckResult) -> None:
    missing = Counter(component.chapter for component in result.missing)
    chapters: dict[int, Counter[str]] = {}
    for verdict in result.verdicts:
        chapter = component_of(verdict.component).chapter
        chapters.setdefault(chapter, Counter())[_kind(verdict)] += 1
    for chapter, counts in chapters.items():
        parts = [f"{counts[kind]} {word}" for kind, word in _WORDS.items() if counts[kind]]
        if missing[chapter]:
            parts.append(f"{missing[chapter]} not in this file")
        mark, style = ("✗", "red") if counts["wrong"] else ("✓", "green")
        if set(counts) != {"passed"} and not counts["wrong"]:
            mark, style = "○", "dim"
        _print_wrapped(
            console, Text.assemble((mark, style), f" Chapter {chapter}: {', '.join(parts)}"), 2
        )


def print_line(console: Console, verdict: Verdict) -> None:
    """A component in one line."""
    mark, style = _MARKS.get(verdict.status, ("✗", "red"))
    line = Text.assemble((mark, style), " ", (verdict.component, "bold"), "  ", _in_short(verdict))
    line.truncate(console.width, overflow="ellipsis")
    console.print(line)


def _in_short(verdict: Verdict) -> str:
    if verdict.passed:
        return f"passed ({verdict.cases} cases)"
    found = findings(verdict)
    if found:
        place = f"line {found[0].place.first}: " if found[0].place is not None else ""
        return place + found[0].summary.replace("\n", " ")
    return verdict.detail or {"not written": "not written yet"}.get(verdict.status, verdict.status)


def print_verdict(console: Console, verdict: Verdict, file: Path) -> None:
    """A component that is wrong, in full."""
    for number, finding in enumerate(findings(verdict)[:MAX_FINDINGS]):
        if number:
            console.print()
        for indent, text in _in_full(verdict, finding, file):
            _print_wrapped(console, text, indent)


def verdict_text(verdict: Verdict, file: Path | None = None) -> str:
    """A verdict in plain text, over several lines."""
    found = findings(verdict)[:MAX_FINDINGS]
    if not found:
        return f"{verdict.component}  {_in_short(verdict)}"
    return "\n".join(
        " " * indent + text.plain
        for finding in found
        for indent, text in _in_full(verdict, finding, file)
    )


def _in_full(verdict: Verdict, finding: Finding, file: Path | None) -> list[tuple[int, Text]]:
    """Where, which mistake, what relation, the numbers, the next step; with indents."""
    head = Text.assemble(("✗", "red"), " ", (verdict.component, "bold"))
    if finding.place is not None:
        head.append(f", {file.name}" if file is not None else ",")
        head.append(f" line {finding.place.first}")
    head.append(": ")
    head.append(Text(finding.summary, style="yellow"))
    for mutant in finding.mistakes:
        if mutant.errata:
            head.append(_erratum(mutant))
    *rows, last = [
        (2, Text.assemble((f"{name:<9}", "dim"), text)) for name, text in _rows(verdict, finding)
    ]
    frames = _frames(finding.error) if finding.error is not None else []
    return [(0, head), *rows, *((_LABELS, text) for text in frames), last]


def _rows(verdict: Verdict, finding: Finding) -> list[tuple[str, str]]:
    rows = []
    if finding.failure is not None:
        rows.append(("where", _where(verdict, finding)))
        if finding.kind != "difference":
            words = "does not hold" if finding.failure.difference.kind == "rule" else None
            rows.append(
                ("numbers", f"{finding.result} {words or finding.failure.difference.message}")
            )
        if (errors := _errors(finding)) is not None:
            rows.append(("", errors) if finding.kind != "difference" else ("numbers", errors))
    elif finding.error is not None:
        raised = len({error.case for error in verdict.errors})
        cases = f"{raised} of {verdict.cases} cases, first: {finding.error.case}"
        rows.append(("where", cases))
    rows.append(("next", finding.next_step))
    return rows


def _where(verdict: Verdict, finding: Finding) -> str:
    failure = finding.failure
    assert failure is not None
    parts = [f"wrong: {_list([failure.result, *finding.wrong])}"]
    if finding.starts:
        parts[0] += f", {finding.starts}"
    if finding.right:
        parts.append(f"right: {_list(finding.right)}")
    cases = f"{verdict.failed_cases} of {verdict.cases} cases, first: {failure.case.name}"
    return f"{'; '.join(parts)} ({cases})"


def _list(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:MAX_LISTED])
    return f"{shown} and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else shown


def _errors(finding: Finding) -> str | None:
    """The size of the error, to tell rounding from a wrong term."""
    assert finding.failure is not None
    difference = finding.failure.difference
    if difference.max_abs is None or difference.max_rel is None:
        return None
    return (
        f"absolute error {difference.max_abs:.2g}, relative {difference.max_rel:.2g}, "
        f"largest element {difference.scale:.2g}"
    )


def _erratum(mutant: Mutant) -> str:
    return f" [erratum {mutant.errata} of the book]"


def _frames(error: LearnerError) -> list[Text]:
    return [
        Text(f"line {frame.line}, in {frame.function}: {frame.code}", style="dim")
        for frame in error.frames
    ]


def _print_notes(console: Console, result: CheckResult) -> None:
    """What is no mistake, once for all the components that it is true of."""
    notes: dict[str, list[str]] = {}
    for verdict in result.verdicts:
        for note in verdict.notes:
            notes.setdefault(note, []).append(verdict.component)
    for note, names in notes.items():
        console.print()
        _print_wrapped(console, Text(f"Note: {note} ({_list(names)}).", style="dim"))


def _conclusion(result: CheckResult) -> str:
    passed = sum(verdict.passed for verdict in result.verdicts)
    total = len(result.verdicts)
    if result.interrupted:
        return f"Interrupted after {total} components; {passed} of them passed."
    if passed == total:
        return "The one component passed." if total == 1 else f"All {total} components passed."
    wrong = [verdict.component for verdict in result.verdicts if is_wrong(verdict)]
    words = f"{passed} of {total} components passed."
    return f"{words} Mend first: {wrong[0]}." if wrong else words


def print_file_error(console: Console, error: LearnerError) -> None:
    """The lines of the learner's file that an exception at import came through."""
    for text in _frames(error):
        _print_wrapped(console, text, 6)


def _print_wrapped(console: Console, text: Text, indent: int = 0) -> None:
    """Print without the trailing blanks that rich fills lines with; what goes on in the next line
    is indented further.
    """
    hanging = indent + (_LABELS - indent if 0 < indent < _LABELS else 2)
    room = max(console.width - hanging, 30)
    for number, line in enumerate(text.wrap(console, room)):
        line.rstrip()
        console.print(Text(" " * (hanging if number else indent)).append(line))
