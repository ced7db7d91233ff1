"""The pytest plugin: the suite as a check of a learner's file."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parity.catalogue import components

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "parity_tests"

Pytest = Callable[..., "subprocess.CompletedProcess[str]"]

FILE = """\
import numpy as np

class Operation:
    def forward(self, input_):
        self.input_ = input_
        self.output = self._output()
        return self.output

    def backward(self, output_grad):
        if output_grad.shape != self.output.shape:
            raise ValueError("shapes differ")
        return self._input_grad(output_grad)

class Linear(Operation):
    def _output(self):
        return self.input_

    def _input_grad(self, output_grad):
        return output_grad

class Sigmoid(Operation):
    def _output(self):
        return 1 / (1 + np.exp(-self.input_))

    def _input_grad(self, output_grad):
        return self.output * output_grad

"""


@pytest.fixture(scope="module")
def run_pytest(clean_environment: dict[str, str]) -> Pytest:
    """Runs pytest in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
                *map(str, arguments),
            ],
            cwd=ROOT,
            env=clean_environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A learner's: two components right, one wrong."""
    path = tmp_path_factory.mktemp("learner") / "mine.py"
    path.write_text(FILE.partition("def mae")[0], encoding="utf-8")
    return path


def counted(ran: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The numbers of pytest's closing line."""
    closing = ran.stdout.splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", closing)}


def in_book(*modules: str) -> int:
    """How many components of the book these modules have."""
    return sum(entry.in_book and entry.module in modules for entry in components())


def failure_in(ran: subprocess.CompletedProcess[str]) -> str:
    """What stands under the heading FAILURES."""
    return ran.stdout.partition("= FAILURES =")[2].partition("short test summary")[0]


def test_the_suite_checks_each_component_of_a_file(run_pytest: Pytest, file: Path) -> None:
    """Those that are missing are skipped, and the project's own tests are left out."""
    tests = [TESTS / "test_activations.py", TESTS / "test_dense.py", TESTS / "engine/test_names.py"]
    ran = run_pytest(*tests, "--impl", file)
    counts = counted(ran)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    assert (counts["failed"], counts["passed"]) == (1, 1)
    assert counts["skipped"] == in_book("activations", "dense") - 2
    assert counts["deselected"] > 50
    assert f"parity: checking {file} against PyTorch" in ran.stdout
    assert "mine.py does not define Dense" in ran.stdout
    assert "✗ Sigmoid, mine.py line " in failure_in(ran)
    assert "input_grad differs in " in failure_in(ran)
    assert "parity" not in failure_in(ran)
    assert "Traceback" not in failure_in(ran)


def test_a_file_is_checked_in_several_processes(run_pytest: Pytest, tmp_path: Path) -> None:
    test = tmp_path / "test_activations.py"
    test.write_text(
        "import pytest\n\n"
        "@pytest.mark.components('activations')\n"
        "def test_mine(parity_check): parity_check()\n"
    )
    file = tmp_path / "mine.py"
    file.write_text("Sigmoid = 3\n")
    ran = run_pytest(test, "--impl", file, "-n", "2")
    counts = counted(ran)
    assert (counts["failed"], counts["skipped"]) == (1, in_book("activations") - 1)
    assert "✗ Sigmoid: It is an int, must be a class" in failure_in(ran)


def test_a_file_that_cannot_be_checked_is_a_wrong_call(run_pytest: Pytest, tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("x = 1\n\n1 / 0\n")
    ran = run_pytest(TESTS / "test_dense.py", "--impl", file)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    sentence = (
        f"ERROR: {file} raises ZeroDivisionError in line 3 when it is imported: division by zero"
    )
    assert ran.stderr.strip() == sentence


def test_without_a_file_each_case_is_a_test_of_the_scratch_side(run_pytest: Pytest) -> None:
    ran = run_pytest(TESTS / "test_activations.py", "-k", "equals_reference", "--collect-only")
    for entry in components():
        for case in entry.cases:
            assert (f"[{entry.name}-{case.name}]" in ran.stdout) == (entry.module == "activations")


def test_a_test_that_does_not_say_of_what_is_refused(run_pytest: Pytest, tmp_path: Path) -> None:
    test = tmp_path / "test_mine.py"
    test.write_text("def test_it(parity_check): parity_check()\n")
    ran = run_pytest(test)
    assert ran.returncode != pytest.ExitCode.OK
    assert "parity_check needs @pytest.mark.components(module)" in ran.stdout + ran.stderr
