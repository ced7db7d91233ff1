"""The command line: exit codes, and what stands on which stream."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from parity.catalogue import component, components
from parity.checking.file import find
from parity.cli import COMMANDS, group

Learner = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

BOOK = Path(__file__).parents[2] / "examples" / "book_as_printed.py"

RIGHT = "def square(x): return x * x\n"
WRONG = RIGHT + "def relu(x): return abs(x)\n"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls a command in this process."""
    monkeypatch.setenv("COLUMNS", "80")

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(group, [*map(str, arguments)])
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return result

    return invoke


Call = Callable[..., Result]


# In a process of its own: the exit code is what a shell sees.


def test_a_file_that_is_right_exits_with_0(parity: Run, learner: Learner, tmp_path: Path) -> None:
    learner(RIGHT)
    ran = parity("check", "mine.py", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "✓ Chapter 1: 1 done, 19 not in this file" in ran.stdout
    assert ran.stdout.endswith("\nThe one component passed.\n")
    assert {entry.name for entry in tmp_path.iterdir()} == {"mine.py"}


def test_the_book_as_printed_exits_with_1_and_its_mistakes_are_named(parity: Run) -> None:
    ran = parity("check", BOOK, "--json")
    assert (ran.returncode, ran.stderr) == (1, "")
    told = {entry["component"]: entry for entry in json.loads(ran.stdout)["components"]}
    printed = {
        "loss_gradients_linear_regression": "E3",
        "Layer": "E6",
        "Dense": "E7",
        "Dense.weight_init": "E12",
        "SoftmaxCrossEntropy": "E9",
        "Trainer.decay": "E11",
        "conv_2d": "E15",
        "compute_output_obs": "E14",
        "param_grad_matmul": "E16",
        "input_grad_matmul": "E17",
        "NumberWithGrad": "E18",
        "NumberWithGrad.__radd__": "E19",
    }
    for name, erratum in printed.items():
        first = told[name]["findings"][0]
        assert [mistake["errata"] for mistake in first["mistakes"]] == [erratum], name
        assert first["place"] is not None
    assert {name for name, entry in told.items() if entry["status"] != "passed"} == set(printed)


def test_the_book_as_printed_is_summed_up_and_its_first_mistake_told_in_full(parity: Run) -> None:
    ran = parity("check", BOOK, "-v")
    lines = ran.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "  ✗ Chapter 3: 11 done, 2 wrong, 2 not in this file" in lines
    told = " ".join(ran.stdout.split())
    sentences = [
        mutant.sentence
        for mutant in component("loss_gradients_linear_regression").mutants
        if mutant.errata == "E3"
    ]
    assert any(
        f"line 8: {sentence} [erratum E3 of the book] where wrong: W, B" in told
        for sentence in sentences
    )
    assert "✓ Operation passed (10 cases)" in told
    missing = [
        entry.name
        for entry in components()
        if entry.in_book and 1 < entry.chapter < 7 and entry.name not in find(BOOK)
    ]
    assert f"Not in this file: {', '.join(missing)} " in told
    assert told.endswith("Mend first: loss_gradients_linear_regression.")


def test_a_call_that_is_wrong_exits_with_2(parity: Run) -> None:
    ran = parity("check", "no_such.py")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "Error: no_such.py does not exist; give the path of a Python file\n"


def test_an_import_that_fails_exits_with_1_and_shows_the_files_own_lines(
    parity: Run, learner: Learner
) -> None:
    file = learner("def f():\n    return 1 / 0\n\nx = f()\n")
    ran = parity("check", file)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "raises ZeroDivisionError in line 2 when it is imported" in ran.stderr
    assert "line 4, in <module>: x = f()" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "parity/" not in ran.stderr.replace(str(file), "")


def test_a_screen_that_knows_only_ascii_is_enough(parity: Run, learner: Learner) -> None:
    ran = parity("check", learner("square = 3\n"), PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "? square: It is an int, must be a function." in ran.stdout


def test_another_package_of_the_same_name_is_refused(parity: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "datasets").mkdir(parents=True)
    (tmp_path / "elsewhere" / "datasets" / "__init__.py").touch()
    ran = parity("check", "mine.py")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Error: the name 'datasets' must be the package in ")
    assert "Traceback" not in ran.stderr


def test_a_mistake_of_ours_is_one_line_unless_more_is_wanted(parity: Run, tmp_path: Path) -> None:
    """A command that breaks, here for want of a library."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "rich.py").write_text("raise RuntimeError('broken')")
    ran = parity("check", "mine.py")
    assert ran.returncode == 2
    assert ran.stderr.startswith(
        "Error: parity itself failed (RuntimeError: broken). Please report"
    )
    assert "Traceback" in parity("check", "mine.py", PARITY_TRACEBACK="1").stderr


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no Ctrl-C as a signal")
@pytest.mark.parametrize("when, as_json", [("import", False), ("component", True)])
def test_ctrl_c_ends_a_check_at_once_with_what_there_is(
    learner: Learner,
    tmp_path: Path,
    clean_environment: dict[str, str],
    is_running: Callable[[int], bool],
    when: str,
    as_json: bool,
) -> None:
    notes = tmp_path / "pid"
    source = f"""\
import os, time

def stay(x=None):
    with open({str(notes)!r}, "w") as file:
        file.write(f"{{os.getpid()}}\\n")
    time.sleep(1000)

relu = stay
{"stay()" if when == "import" else ""}
"""
    options = ["--json"] if as_json else []
    with subprocess.Popen(
        [sys.executable, "-m", "parity", "check", learner(source), "--timeout", "999", *options],
        env=clean_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not (notes.exists() and notes.read_text().endswith("\n")):
            time.sleep(0.01)
        pid = int(notes.read_text())
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, errors = process.communicate()
    assert (process.returncode, errors) == (130, "")
    assert not is_running(pid)
    if as_json:
        assert json.loads(output)["interrupted"] is True
    else:
        assert "Interrupted after 0 components" in output


# In this process.


def test_every_command_is_there_and_explains_itself(call: Call) -> None:
    overview = call("--help").output
    for name in COMMANDS:
        assert f"\n  {name} " in overview
        result = call(name, "--help")
        assert result.exit_code == 0
        assert result.output.startswith(f"Usage: {group.name} {name}")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["chekc"], "No such command 'chekc'"),
        (["check"], "Missing argument 'FILE'"),
        (["check", "x.py", "y.py"], "unexpected extra argument"),
        (["check", "x.py", "--timeout", "0"], "Invalid value for '--timeout'"),
        (["check", "x.py", "--timeout", "soon"], "Invalid value for '--timeout'"),
        (["check", "x.py", "--memory", "1"], "Invalid value for '--memory'"),
        (["check", "x.py", "--jsno"], "No such option"),
        (["new"], "Missing argument 'FILE'"),
        (["new", "x.py", "--chapter", "two"], "Invalid value for '--chapter'"),
    ],
)
def test_a_wrong_call_is_refused(call: Call, arguments: list[str], words: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_the_version_is_told(call: Call) -> None:
    from parity import __version__

    assert call("--version").output == f"parity, version {__version__}\n"


def test_only_some_components_are_checked(call: Call, learner: Learner) -> None:
    result = call("check", learner(WRONG), "--only", "square")
    assert result.exit_code == 0
    assert "relu " not in result.output


@pytest.mark.parametrize(
    "name, words",
    [
        ("sqare", "there is no component sqare; did you mean square?"),
        ("Dense", "does not define Dense; it has square, relu"),
    ],
)
def test_a_component_that_is_not_there_is_refused(
    call: Call, learner: Learner, name: str, words: str
) -> None:
    result = call("check", learner(WRONG), "--only", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_json_holds_everything_and_nothing_else_is_printed(call: Call, learner: Learner) -> None:
    file = learner("print('I am here')\n" + WRONG)
    result = call("check", file, "--json")
    content = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (1, "")
    assert (content["file"], content["passed"], content["interrupted"]) == (str(file), False, False)
    assert [entry["status"] for entry in content["components"]] == ["passed", "differs"]
    assert "leaky_relu" in content["missing"]
    assert content["components"][1]["findings"][0]["mistakes"]


def test_json_of_a_file_that_cannot_be_checked_says_why(call: Call, tmp_path: Path) -> None:
    result = call("check", tmp_path / "x.py", "--json")
    content = json.loads(result.stdout)
    assert (result.exit_code, content["passed"], content["components"]) == (2, False, [])
    assert "does not exist" in content["error"]


def test_time_and_memory_can_be_limited(call: Call, learner: Learner) -> None:
    file = learner(
        """
        def square(x):
            while True: pass

        def relu(x):
            return ["x" * 1000 + str(i) for i in iter(int, 1)]
        """
    )
    result = call("check", file, "--timeout", 3, "--memory", 64)
    assert result.exit_code == 1
    assert "timed out after 3 s" in result.output
    assert "ran out of memory" in result.output


def test_the_list_names_every_component_by_chapter(call: Call) -> None:
    output = call("list").output
    assert max(map(len, output.splitlines())) <= 80
    assert [line for line in output.splitlines() if line.startswith("Chapter")] == [
        "Chapter 1",
        "Chapter 2",
        "Chapter 3",
        "Chapter 4",
        "Chapter 5",
        "Chapter 6",
        "Chapter 7",
    ]
    words = output.split()
    assert all(entry.name in words for entry in components())


def test_the_list_as_json_holds_every_component(call: Call) -> None:
    content = json.loads(call("list", "--json").output)
    assert [entry["name"] for entry in content] == [entry.name for entry in components()]
    assert all(entry["cases"] and entry["mutants"] and entry["compares"] for entry in content)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_list_of_a_chapter_that_is_not_there_is_refused(call: Call, options: list[str]) -> None:
    result = call("list", "--chapter", 99, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is nothing of chapter 99" in result.stderr


def test_a_skeleton_is_written(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    result = call("new", file, "--chapter", 3)
    assert result.exit_code == 0
    assert str(file) in result.output
    assert "class Dense(Layer)" in file.read_text()
    assert "def square" not in file.read_text()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["mine.txt"], "must end in .py"),
        (
            ["mine.py", "--chapter", "99"],
            "there is nothing of chapter 99; there are chapters 1, 2, 3",
        ),
        (["nowhere/mine.py"], "cannot be written: No such file or directory"),
        (["there.py"], "is there already and is left as it is; choose another name"),
        (["folder.py"], "is there already and is left as it is; choose another name"),
        (["/proc/mine.py"], "cannot be written: "),
    ],
)
def test_a_skeleton_that_cannot_be_written_is_refused(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.py").write_text("precious")
    Path("folder.py").mkdir()
    result = call("new", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert Path("there.py").read_text() == "precious"
    assert {entry.name for entry in tmp_path.iterdir()} == {"there.py", "folder.py"}


def test_nothing_of_a_check_is_left_running(call: Call, learner: Learner) -> None:
    call("check", learner(WRONG))
    assert not [child for child in psutil.Process().children() if "child.py" in child.cmdline()]
