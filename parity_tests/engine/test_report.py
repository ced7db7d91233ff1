"""The report: a verdict in words that fit on the screen, and in JSON that any program can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from parity import report
from parity.catalogue import component, components
from parity.catalogue.component import Implementation
from parity.checking.file import CheckResult
from parity.comparison import compare
from parity.diagnosis.mistakes import explain
from parity.engine import Failure, check_in_process
from parity.verdict import Frame, LearnerError, Verdict

LONG = "a_name_that_somebody_has_made_up_without_a_thought_of_the_width_of_the_screen"


def printed(verdict: Verdict) -> list[str]:
    console = Console(file=StringIO(), width=80, highlight=False)
    report.VerdictPrinter(console)(verdict)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@cache
def differing(name: str, erratum: str | None) -> Verdict:
    """The verdict on a mutant, the first one with that erratum."""
    entry = component(name)
    mutant = next(mutant for mutant in entry.mutants if mutant.errata == erratum)
    own = Implementation({name: mutant.implementation})
    runs = [check_in_process(entry, case, own) for case in entry.cases]
    return Verdict(name, "differs", len(entry.cases), failures=explain(entry, runs))


def unexplained(actual: Any, expected: Any) -> Verdict:
    case = component("square").cases[0]
    difference = compare(actual, expected, dtype="float64")
    assert difference is not None
    return Verdict("square", "differs", 10, failures=[Failure(case, "output", difference)])


def raising(message: str, frames: int = 1) -> Verdict:
    lines = tuple(Frame(n, LONG, f"x = {LONG} + {LONG}") for n in range(frames))
    errors = [LearnerError("ValueError", message, lines, "batch of 1")]
    return Verdict("square", "raised", 10, errors=errors)


VERDICTS = {
    "passed": lambda: Verdict("square", "passed", 10, notes=["a note " * 20]),
    "a mistake": lambda: differing("Dense", "E7"),
    "a number off": lambda: unexplained(np.array([[1.5, 2.0]]), np.array([[1.0, 2.0]])),
    "a shape": lambda: unexplained(np.ones((3, 2)), np.ones((2, 3))),
    "an exception": lambda: raising("it is no good"),
    "a long message": lambda: raising(f"{LONG} " * 20, frames=6),
    "one long word": lambda: raising("x" * 500),
    "several lines": lambda: raising("first\nsecond\n\tthird"),
    "marked up": lambda: raising("[bold]not bold[/bold] [/] :smile:"),
    "timed out": lambda: Verdict("square", "timed out", 10, detail="timed out after 10 s"),
    "died": lambda: Verdict("square", "died", 10, detail="was killed by SIGSEGV"),
    "not written": lambda: Verdict("square", "not written", 10),
    "wrong kind": lambda: Verdict("Dense", "wrong kind", 21, detail="is an int, must be a class"),
    "built on": lambda: Verdict(
        "Dense", "raised", 21, errors=raising("").errors, rests_on=["Layer", "Sigmoid"]
    ),
}

each_verdict = pytest.mark.parametrize("make", VERDICTS.values(), ids=VERDICTS.keys())


@each_verdict
def test_no_line_is_wider_than_the_screen(make: Callable[[], Verdict]) -> None:
    lines = printed(make())
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


@each_verdict
def test_the_text_begins_with_the_component_and_is_no_traceback(
    make: Callable[[], Verdict],
) -> None:
    verdict = make()
    text = report.verdict_text(verdict)
    assert text.startswith(verdict.component + " ")
    assert "Traceback" not in text


@each_verdict
def test_json_is_json_to_the_letter(make: Callable[[], Verdict]) -> None:
    """It knows neither NaN nor infinity."""
    result = CheckResult(Path("mine.py"), frozenset({"square"}), [make()])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(report.as_json(result), parse_constant=refuse)
    assert set(content) == {
        "parity",
        "torch",
        "file",
        "passed",
        "interrupted",
        "components",
        "missing",
    }
    [entry] = content["components"]
    assert entry["component"] == make().component


def test_an_infinite_error_is_left_out_of_json() -> None:
    [failure] = unexplained(np.array([3.0]), np.array([0.0])).as_dict()["failures"]
    assert (failure["max_abs"], failure["max_rel"]) == (3.0, None)


def test_json_holds_what_was_expected_where_and_what_was_got() -> None:
    verdict = differing("loss_gradients_linear_regression", "E3")
    content = verdict.as_dict()
    assert content["status"] == "differs"
    assert content["failed_cases"] == verdict.failed_cases > 0
    assert [mistake["errata"] for mistake in content["mistakes"]] == ["E3"]
    first = content["failures"][0]
    assert (first["result"], first["kind"]) == ("W", "value")
    assert first["expected"] != first["actual"]
    assert len(first["index"]) == 2


def test_a_known_mistake_comes_with_its_sentence_and_erratum() -> None:
    verdict = differing("Layer", "E6")
    text = report.verdict_text(verdict)
    assert verdict.mistakes[0].mutant is not None
    assert verdict.mistakes[0].mutant.sentence in text
    assert "[erratum E6 of the book]" in text


def test_an_unknown_mistake_comes_with_its_numbers() -> None:
    text = report.verdict_text(unexplained(np.array([[1.5, 2.0]]), np.array([[1.0, 2.0]])))
    assert "differs in 1 of 2 elements; largest at [0, 0]: expected 1, got 1.5" in text
    assert "absolute error 0.5, relative 0.5, largest element 2" in text
    assert "Case: batch of 1." in text


def test_beside_an_unknown_mistake_stands_what_else_it_makes_wrong() -> None:
    verdict = unexplained(np.array([1.5]), np.array([1.0]))
    case, other = (component("square").cases[i] for i in (0, 1))
    difference = verdict.failures[0].difference
    rule = replace(difference, kind="rule")
    verdict.failures += [
        Failure(case, "deriv[W_o]", difference),
        Failure(case, "inputs stay", rule),
        Failure(case, "deriv[B_o]", difference),
        Failure(other, "deriv[W_f]", difference),
    ]
    assert "In this case also wrong: deriv[W_o], deriv[B_o]." in report.verdict_text(verdict)
    assert "also wrong" not in report.verdict_text(unexplained(np.zeros(1), np.ones(1)))


def test_an_exception_comes_with_the_lines_of_the_file() -> None:
    text = report.verdict_text(raising("it is no good", frames=2))
    assert "ValueError: it is no good. Case: batch of 1." in text
    assert text.count(f", in {LONG}: x = ") == 2


def test_markup_of_others_is_text() -> None:
    assert "[bold]not bold[/bold] [/] :smile:" in " ".join(printed(VERDICTS["marked up"]()))


def test_the_summary_says_what_to_mend_first() -> None:
    console = Console(file=StringIO(), width=80)
    verdicts = [
        Verdict("square", "passed", 10),
        differing("relu", None),
        differing("sigmoid", None),
    ]
    report.print_summary(console, CheckResult(Path("mine.py"), frozenset(), verdicts))
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == "\n1 of 3 components passed. Mend first: relu.\n"


def test_the_summary_of_an_interrupted_check_says_so() -> None:
    console = Console(file=StringIO(), width=80)
    report.print_summary(console, CheckResult(Path("mine.py"), frozenset(), [], interrupted=True))
    assert isinstance(console.file, StringIO)
    assert "Interrupted after 0 components" in console.file.getvalue()


def test_every_component_s_name_fits_on_the_line() -> None:
    for entry in components():
        [*_, line] = printed(Verdict(entry.name, "not written", len(entry.cases)))
        assert line == f"  ✗ {entry.name:<36} not written yet"
