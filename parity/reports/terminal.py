"""What a person reads, and what a machine does: a check's result as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from parity import __version__
from parity.catalogue import component as component_of
from parity.catalogue.component import Mutant
from parity.checking.file import CheckResult, FileError
from parity.engine import Failure
from parity.verdict import LearnerError, Verdict

#: What to do about a status that has no numbers to show.
_HINTS = {
    "timed out": "Look for a loop that does not end; --timeout gives it more time.",
    "out of memory": "Look for an array that is far too large; --memory gives it more.",
    "too much output": "Take out what it prints.",
}


def as_json(result: CheckResult) -> str:
    """The whole result as one JSON object."""
    return json.dumps(
        {
            "parity": __version__,
            "torch": _torch_version(),
            "file": str(result.file),
            "passed": result.passed,
            "interrupted": result.interrupted,
            "components": [verdict.as_dict() for verdict in result.verdicts],
            "missing": [component.name for component in result.missing],
        },
        indent=2,
    )


def error_as_json(file: Path, error: FileError) -> str:
    """A file that could not be checked, as one JSON object of the same form."""
    return json.dumps(
        {
            "parity": __version__,
            "torch": _torch_version(),
            "file": str(file),
            "passed": False,
            "error": str(error),
            "components": [],
        },
        indent=2,
    )


def print_header(console: Console, result_file: Any) -> None:
    """Say what is checked against what."""
    console.print(Text(f"{result_file} against PyTorch {_torch_version()}", style="bold"))


class VerdictPrinter:
    """Prints verdicts one by one, with a heading for each chapter."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.chapter = 0

    def __call__(self, verdict: Verdict) -> None:
        """Print one verdict."""
        chapter = component_of(verdict.component).chapter
        if chapter != self.chapter:
            self.console.print(f"\nChapter {chapter}")
            self.chapter = chapter
        self.console.print(_headline(verdict))
        if verdict.passed:
            for note in verdict.notes:
                _print_wrapped(self.console, Text(f"note: {note}", style="dim"), indent=6)
            return
        for text in _explanation(verdict):
            _print_wrapped(self.console, text, indent=6)


def print_summary(console: Console, result: CheckResult) -> None:
    """Print what is missing, the count, and what to mend first."""
    if result.missing:
        names = ", ".join(component.name for component in result.missing)
        console.print()
        _print_wrapped(
            console, Text(f"Not in this file ({len(result.missing)}): {names}", style="dim")
        )
    console.print()
    passed = sum(verdict.passed for verdict in result.verdicts)
    total = len(result.verdicts)
    if result.interrupted:
        words = f"Interrupted after {total} components; {passed} of them passed."
    elif passed == total:
        words = "The one component passed." if total == 1 else f"All {total} components passed."
    else:
        first = next(verdict for verdict in result.verdicts if not verdict.passed)
        words = f"{passed} of {total} components passed. Mend first: {first.component}."
    _print_wrapped(console, Text(words))


def _headline(verdict: Verdict) -> Text:
    mark, style = ("✓", "green") if verdict.passed else ("✗", "red")
    return Text.assemble(
        "  ",
        (mark, style),
        " ",
        (f"{verdict.component:<36}", "bold"),
        " ",
        (_words(verdict), style),
    )


def _words(verdict: Verdict) -> str:
    if verdict.passed:
        return f"passed ({verdict.cases} cases)"
    if verdict.status in ("differs", "raised"):
        verb = "differs" if verdict.status == "differs" else "raises"
        return f"{verb} in {verdict.failed_cases} of {verdict.cases} cases"
    return verdict.detail or {"not written": "not written yet"}.get(verdict.status, verdict.status)


def verdict_text(verdict: Verdict) -> str:
    """A verdict in plain text, over several lines."""
    lines = [f"{verdict.component} {_words(verdict)}"]
    return "\n".join([*lines, *(text.plain for text in _explanation(verdict))])


def _explanation(verdict: Verdict) -> list[Text]:
    """The mistakes that are known by name; failing those, the first thing that is wrong."""
    if verdict.status in _HINTS:
        where = [text for error in verdict.errors[:1] for text in _error(error)[1:]]
        return [Text(_HINTS[verdict.status]), *where]
    if verdict.status not in ("differs", "raised"):
        return []
    texts: list[Text] = []
    if verdict.rests_on:
        listed = " and ".join(verdict.rests_on)
        texts.append(Text(f"It is built on {listed}, which must be mended first."))
    elif verdict.errors:
        texts += _error(verdict.errors[0])
    named = verdict.mistakes
    first = verdict.failures[:1] if not (verdict.rests_on or verdict.errors) else []
    for failure in [*(failure for failure in first if failure not in named), *named[:3]]:
        texts.append(_difference(failure))
        if failure.mutant is not None:
            texts.append(_mistake(failure.mutant))
        elif others := [other.result for other in verdict.failures if _beside(failure, other)]:
            texts.append(Text(f"In this case also wrong: {', '.join(others)}.", style="dim"))
    return texts


def _beside(failure: Failure, other: Failure) -> bool:
    """Whether it is another result of the same case, and one that is no rule."""
    same = other.case.name == failure.case.name and other.result != failure.result
    return same and other.difference.kind != "rule"


def _difference(failure: Failure) -> Text:
    difference = failure.difference
    if difference.kind == "rule":
        text = Text.assemble("does not hold: ", (failure.result, "bold"))
    else:
        text = Text.assemble((failure.result, "bold"), f" {difference.message}")
    if difference.index and difference.max_abs is not None and difference.max_rel is not None:
        text.append(
            f" (absolute error {difference.max_abs:.2g}, relative {difference.max_rel:.2g}, "
            f"largest element {difference.scale:.2g})"
        )
    text.append(f". Case: {failure.case.name}.")
    return text


def _mistake(mutant: Mutant) -> Text:
    text = Text.assemble(("→ ", "yellow"), (mutant.sentence, "yellow"))
    if mutant.errata:
        text.append(f" [erratum {mutant.errata} of the book]")
    return text


def _error(error: LearnerError) -> list[Text]:
    if error.type == "SystemExit":
        words = "It calls sys.exit, which a component must not do"
    else:
        words = f"{error.type}: {error.message}" if error.message else error.type
    texts = [Text(f"{words.rstrip('.')}. Case: {error.case}.")]
    texts += [
        Text(f"line {frame.line}, in {frame.function}: {frame.code}", style="dim")
        for frame in error.frames
    ]
    return texts


def print_file_error(console: Console, error: LearnerError) -> None:
    """The lines of the learner's file that an exception at import came through."""
    for frame in error.frames:
        where = f"line {frame.line}, in {frame.function}: {frame.code}"
        _print_wrapped(console, Text(where, style="dim"), indent=6)


def _print_wrapped(console: Console, text: Text, indent: int = 0) -> None:
    """Print without the trailing blanks that rich fills lines with."""
    for line in text.wrap(console, max(console.width - indent, 30)):
        line.rstrip()
        console.print(Text(" " * indent).append(line))


def _torch_version() -> str:
    from importlib.metadata import version

    return version("torch").partition("+")[0]
