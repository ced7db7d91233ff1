"""The report: a verdict in words that fit on the screen, and in JSON that any program can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from parity.catalogue import component, components
from parity.catalogue.component import Implementation
from parity.checking.file import CheckResult
from parity.comparison import compare
from parity.diagnosis.finding import findings
from parity.diagnosis.mistakes import explain
from parity.engine import Failure, check_in_process
from parity.reports import machine, terminal
from parity.verdict import Frame, LearnerError, Verdict

LONG = "a_name_that_somebody_has_made_up_without_a_thought_of_the_width_of_the_screen"


def printed(*verdicts: Verdict, interrupted: bool = False, verbose: bool = True) -> list[str]:
    console = Console(file=StringIO(), width=80, highlight=False, markup=False, emoji=False)
    found = frozenset(verdict.component for verdict in verdicts)
    result = CheckResult(Path("mine.py"), found, list(verdicts), interrupted)
    terminal.print_result(console, result, verbose=verbose)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@cache
def differing(name: str, erratum: str | None) -> Verdict:
    """The verdict on a mutant, the first one with that erratum."""
    entry = component(name)
    mutant = next(mutant for mutant in entry.mutants if mutant.errata == erratum)
    own = Implementation({name: mutant.implementation})
    runs = [check_in_process(entry, case, own) for case in entry.cases]
    return Verdict(name, "differs", len(entry.cases), failures=explain(entry, runs), runs=runs)


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
        "Dense",
        "not judged",
        21,
        errors=raising("").errors,
        rests_on=["Layer", "Sigmoid"],
        detail="not judged: depends on Layer and Sigmoid",
    ),
}

each_verdict = pytest.mark.parametrize("make", VERDICTS.values(), ids=VERDICTS.keys())


@each_verdict
def test_no_line_is_wider_than_the_screen(make: Callable[[], Verdict]) -> None:
    lines = printed(make())
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


@each_verdict
def test_the_text_names_the_component_first_and_is_no_traceback(
    make: Callable[[], Verdict],
) -> None:
    verdict = make()
    text = terminal.verdict_text(verdict)
    assert text.removeprefix("✗ ").startswith(verdict.component)
    assert "Traceback" not in text


@each_verdict
def test_json_is_json_to_the_letter(make: Callable[[], Verdict]) -> None:
    """It knows neither NaN nor infinity."""
    result = CheckResult(Path("mine.py"), frozenset({"square"}), [make()])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(machine.as_json(result), parse_constant=refuse)
    assert set(content) == {
        "schema",
        "parity",
        "torch",
        "file",
        "passed",
        "interrupted",
        "error",
        "components",
        "missing",
    }
    [entry] = content["components"]
    assert entry["component"] == make().component


def test_an_infinite_error_is_left_out_of_json() -> None:
    verdict = unexplained(np.array([3.0]), np.array([0.0]))
    [failure] = machine.verdict_as_dict(verdict)["failures"]
    assert (failure["max_abs"], failure["max_rel"]) == (3.0, None)


def test_json_holds_what_was_expected_where_and_what_was_got() -> None:
    verdict = differing("loss_gradients_linear_regression", "E3")
    content = machine.verdict_as_dict(verdict)
    assert content["status"] == "differs"
    assert content["failed_cases"] == verdict.failed_cases > 0
    assert [m["errata"] for finding in content["findings"] for m in finding["mistakes"]] == ["E3"]
    first = content["failures"][0]
    assert (first["result"], first["kind"]) == ("W", "value")
    assert first["expected"] != first["actual"]
    assert len(first["index"]) == 2


def test_a_known_mistake_comes_first_with_its_erratum() -> None:
    verdict = differing("Layer", "E6")
    [failure] = verdict.mistakes
    assert failure.mutant is not None
    text = terminal.verdict_text(verdict)
    assert text.startswith(f"✗ Layer: {failure.mutant.sentence} [erratum E6 of the book]\n")


def test_an_unknown_mistake_comes_with_its_numbers() -> None:
    text = terminal.verdict_text(unexplained(np.array([[1.5, 2.0]]), np.array([[1.0, 2.0]])))
    assert text.startswith(
        "✗ square: output differs in 1 of 2 elements; largest at [0, 0]: expected 1, got 1.5."
    )
    assert "absolute error 0.5, relative 0.5, largest element 2" in text
    assert "first: batch of 1" in text


def test_where_says_what_of_the_case_is_right_and_what_is_not() -> None:
    text = terminal.verdict_text(differing("Layer", "E6"))
    assert "wrong: param_grads[0], param_grads[1], number of param_grads; right: output" in text


def test_what_fails_is_told_in_the_order_of_the_results_not_of_the_cases() -> None:
    """Forward before backward, though a gradient is wrong in an earlier case."""
    entry = component("Sigmoid")
    runs = [check_in_process(entry, case) for case in entry.cases[:2]]
    difference = compare(np.array([1.5]), np.array([1.0]), dtype="float64")
    assert difference is not None
    failures = [
        Failure(entry.cases[0], "input_grad", difference),
        Failure(entry.cases[1], "output", difference),
    ]
    verdict = Verdict("Sigmoid", "differs", 2, failures=failures, runs=runs)
    [finding] = findings(verdict)
    assert finding.result == "output"


def test_an_exception_comes_with_the_lines_of_the_file() -> None:
    text = terminal.verdict_text(raising("it is no good", frames=2))
    assert text.startswith("✗ square, line 1: ValueError: it is no good.\n")
    assert "1 of 10 cases, first: batch of 1" in text
    assert text.count(f", in {LONG}: x = ") == 2


def test_markup_of_others_is_text() -> None:
    assert "[bold]not bold[/bold] [/] :smile:" in " ".join(printed(VERDICTS["marked up"]()))


def test_the_chapters_come_first_then_the_first_mistake_then_a_line_for_each() -> None:
    lines = printed(
        Verdict("square", "passed", 10),
        differing("relu", None),
        differing("sigmoid", None),
        Verdict("deriv", "not written", 10),
        verbose=False,
    )
    assert lines[1] == "  ✗ Chapter 1: 1 done, 2 wrong, 1 not written, 16 not in this file"
    [in_full] = [number for number, line in enumerate(lines) if line.startswith("✗ relu: ")]
    [in_short] = [number for number, line in enumerate(lines) if line.startswith("✗ sigmoid  ")]
    assert 1 < in_full < in_short
    assert lines[in_short + 1] == "○ deriv  not written yet"
    assert not any("square" in line for line in lines)
    assert lines[-1] == "1 of 4 components passed. Mend first: relu."


def test_what_is_not_judged_says_what_it_depends_on() -> None:
    assert "– Dense  not judged: depends on Layer and Sigmoid" in printed(VERDICTS["built on"]())


def test_the_summary_of_an_interrupted_check_says_so() -> None:
    assert "Interrupted after 0 components; 0 of them passed." in printed(interrupted=True)


def test_every_component_s_name_fits_on_the_line() -> None:
    for entry in components():
        lines = printed(Verdict(entry.name, "not written", len(entry.cases)))
        assert f"○ {entry.name}  not written yet" in lines


def test_a_note_is_printed_once_for_all() -> None:
    notes = ["right, but slow"]
    lines = printed(
        Verdict("square", "passed", 10, notes=notes), Verdict("relu", "passed", 10, notes=notes)
    )
    assert "Note: right, but slow (square, relu)." in lines
