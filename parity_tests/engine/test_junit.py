"""`parity check FILE --junit FILE`: what other programs read of a check."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from parity.checking.file import CheckResult
from parity.cli.check import command
from parity.reports.junit import as_junit
from parity.verdict import Frame, LearnerError, Verdict

ERROR = LearnerError(
    "ValueError", "<b>no & \x00\x1b[31m</b>", (Frame(3, "f", "x < 1"),), "batch of 1"
)


@pytest.fixture(name="suite")
def read_again() -> ElementTree.Element:
    verdicts = [
        Verdict("square", "passed", 10),
        Verdict("relu", "raised", 10, errors=[ERROR]),
        Verdict("sigmoid", "not written", 10),
        Verdict("Dense", "not judged", 22, detail="not judged: depends on Layer"),
        Verdict("Layer", "timed out", 10, detail="timed out after 10 s"),
    ]
    text = as_junit(CheckResult(Path("mine & yours.py"), frozenset(), verdicts))
    [suite] = ElementTree.fromstring(text)
    return suite


def test_the_suite_counts(suite: ElementTree.Element) -> None:
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "1", "errors": "1", "skipped": "2"}
    assert suite.get("name") == "mine & yours.py"


def test_each_component_is_a_case_of_its_chapter(suite: ElementTree.Element) -> None:
    found = {
        case.get("name"): (case.get("classname"), [entry.tag for entry in case]) for case in suite
    }
    assert found == {
        "square": ("chapter 1", []),
        "relu": ("chapter 1", ["failure"]),
        "sigmoid": ("chapter 1", ["skipped"]),
        "Dense": ("chapter 3", ["skipped"]),
        "Layer": ("chapter 3", ["error"]),
    }


def test_the_words_are_those_of_the_terminal_and_nothing_breaks_the_file(
    suite: ElementTree.Element,
) -> None:
    [failure] = suite.iter("failure")
    message = failure.get("message")
    assert message is not None
    assert message.startswith("✗ relu, mine & yours.py line 3: ValueError: <b>no & ")
    assert "\x1b" not in message
    assert failure.text is not None
    assert "line 3, in f: x < 1" in failure.text


def test_the_command_writes_it(tmp_path: Path) -> None:
    file, target = tmp_path / "mine.py", tmp_path / "out" / "report.xml"
    file.write_text("def square(x): return x * x\n", encoding="utf-8")
    ran = CliRunner().invoke(command, [str(file), "--junit", str(target)])
    assert ran.exit_code == 0, ran.output
    [suite] = ElementTree.parse(target).getroot()
    assert [case.get("name") for case in suite] == ["square"]
    assert [path.name for path in target.parent.iterdir()] == ["report.xml"]


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def square(x): return x * x\n", encoding="utf-8")
    ran = CliRunner().invoke(command, [str(file), "--junit", str(file / "report.xml")])
    assert ran.exit_code == 2
    assert ran.output.startswith("Error: nothing can be written to ")
    assert "Chapter" not in ran.output


def test_a_file_that_cannot_be_imported_is_one_case_in_error(tmp_path: Path) -> None:
    file, target = tmp_path / "mine.py", tmp_path / "report.xml"
    file.write_text("1 / 0\n", encoding="utf-8")
    assert CliRunner().invoke(command, [str(file), "--junit", str(target)]).exit_code == 1
    [suite] = ElementTree.parse(target).getroot()
    [error] = suite.iter("error")
    assert "raises ZeroDivisionError in line 1" in (error.get("message") or "")
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
