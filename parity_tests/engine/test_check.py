"""Checking a file: whatever is in it, the verdict is a sentence, and what is wrong never passes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from parity.catalogue import component, components
from parity.catalogue.component import Component
from parity.checking.file import CheckResult, FileError, check_component, check_file, find
from parity.diagnosis.finding import findings
from parity.engine import Failure, Run
from parity.reports.terminal import verdict_text
from parity.runner.isolated import Limits
from parity.verdict import Verdict

Check = Callable[..., Verdict]
Learner = Callable[..., Path]

BOOK = Path(__file__).parents[2] / "examples" / "book_as_printed.py"

RIGHT = "def square(x): return x * x\n"


def dense(returned: str, first: str = "") -> str:
    """A file with a layer that is right but for what its backward pass returns."""
    return f"""\
import os, signal, sys, time
import numpy as np
import scratch.dense

class Dense(scratch.dense.Dense):
    def backward(self, output_grad):
        input_grad = super().backward(output_grad)
        return {returned}

{first}
"""


# What a file may be instead of a learner's.


def sentence(file: Path, **limits: Any) -> str:
    """Why a file cannot be checked."""
    with pytest.raises(FileError) as raised:
        find(file, Limits(**limits))
    words = str(raised.value)
    assert words.startswith(str(file))
    assert "\n" not in words
    return words.removeprefix(str(file)).lstrip()


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    assert sentence(tmp_path / "x.py") == "does not exist; give the path of a Python file"


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.py").mkdir()
    assert sentence(tmp_path / "x.py") == "is not a file; give the path of a Python file"


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "name too long" in sentence(tmp_path / f"{'x' * 300}.py")


@pytest.mark.parametrize("name", ["mine.txt", "mine", "mine.ipynb", "mine.pyc"])
def test_a_file_that_is_not_called_python(learner: Learner, name: str) -> None:
    assert sentence(learner(RIGHT, name)) == "is not Python: its name does not end in .py"


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\x00"])
def test_a_binary_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "picture.py"
    file.write_bytes(content)
    assert sentence(file).startswith(("is not valid Python: ", "is not Python: "))


@pytest.mark.parametrize(
    "source, words",
    [
        ("x = 1\ndef square(x:\n    pass\n", "is not valid Python: "),
        ("def square(x):\nreturn x\n", "is not valid Python: "),
        ("if True:\n\tx = 1\n        y = 2\n", "is not valid Python: "),
        ("import sys\nsys.exit(3)\n", "calls sys.exit in line 2 when it is imported"),
        ("raise SystemExit\n", "calls sys.exit in line 1 when it is imported"),
        ("x = 1\n\ny = x / 0\n", "raises ZeroDivisionError in line 3 when it is imported: "),
        ("import no_such\n", "raises ModuleNotFoundError in line 1 when it is imported: No module"),
        ("open('data.csv')\n", "raises FileNotFoundError in line 1 when it is imported: "),
        ("input('How many? ')\n", "raises EOFError in line 1 when it is imported: "),
        ("raise KeyboardInterrupt\n", "raises KeyboardInterrupt in line 1 when it is imported"),
        ("raise MemoryError\n", "raises MemoryError in line 1 when it is imported"),
        ("import os\nos._exit(0)\n", "cannot be imported: it ended its own process with exit code"),
        ("import os\nos.abort()\n", "cannot be imported: it was killed by SIGABRT"),
        ("for i in range(10**6): print(i)\n", "cannot be imported: it printed more than 1 MB"),
        ("", "defines none of the components; `parity list` shows their names"),
        ("x = 3\n", "defines none of the components; `parity list` shows their names"),
        ("class Desne: pass\n", "defines none of the components; did you mean Dense by Desne?"),
        ("def Square(x): pass\n", "defines none of the components; did you mean square by Square?"),
        ("PARITY = []\n", "PARITY must be a dictionary"),
        ("PARITY = {'Desne': 'D'}\n", "PARITY names 'Desne', which is no component"),
    ],
)
def test_a_file_that_cannot_be_checked(learner: Learner, source: str, words: str) -> None:
    assert sentence(learner(source)).lstrip(": ").startswith(words)


@pytest.mark.parametrize("line", ["while True: pass", "import time; time.sleep(1000)"])
def test_an_import_that_does_not_end(learner: Learner, line: str) -> None:
    words = sentence(learner(line), seconds=1)
    assert words == "cannot be imported: it timed out after 1 s"


def test_an_import_that_takes_all_memory(learner: Learner) -> None:
    """And holds on to it: the answer takes memory, too."""
    file = learner("kept = []\nwhile True:\n    kept.append('x' * 1000 + str(len(kept)))\n")
    words = sentence(file, memory_mib=64)
    assert words.startswith("raises MemoryError in line 3 when it is imported")


def test_only_the_lines_of_the_file_itself_are_shown(learner: Learner) -> None:
    learner("def explode():\n    raise ValueError('far')\n", "helper.py")
    file = learner(
        """\
        import json
        import helper

        def read(text):
            helper.explode()

        read('{')
        """
    )
    with pytest.raises(FileError) as raised:
        find(file)
    error = raised.value.error
    assert error is not None
    assert [(frame.line, frame.function, frame.code) for frame in error.frames] == [
        (7, "<module>", "read('{')"),
        (5, "read", "helper.explode()"),
    ]


def test_a_line_of_the_standard_library_is_none_of_the_file(check: Check) -> None:
    verdict = check("import json\ndef square(x):\n    return json.loads('{')\n", "square")
    [frame] = verdict.errors[0].frames
    assert (verdict.errors[0].type, frame.line) == ("JSONDecodeError", 3)


# What a component may do.


def words(verdict: Verdict) -> str:
    """The text of a verdict, which is for people: no traceback of ours is in it."""
    text = verdict_text(verdict)
    assert "Traceback" not in text
    assert "runner" not in text
    assert "parity/" not in text
    assert not verdict.passed
    return text


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes are not named, which takes longer than all the rest."""

    def no_names(entry: Component, runs: Sequence[Run], *rest: Any) -> list[Failure]:
        return [failure for run in runs for failure in run.failures]

    monkeypatch.setattr("parity.checking.answers.explain", no_names)


@pytest.mark.usefixtures("unnamed")
@pytest.mark.parametrize(
    "returned, found",
    [
        ("None", "is None, must be an array of shape {shape}"),
        ("input_grad.tolist()", "is a list, must be an array of shape {shape}"),
        ("input_grad.T", "has shape {transposed}, must be {shape}"),
        ("input_grad.astype('float32')", "is of type float32, must be float64"),
        ("input_grad.astype(int)", "is of type int64, must be float64"),
        ("input_grad.astype(complex)", "is of type complex128, must be float64"),
        ("input_grad.astype(object)", "is an array of object, must be an array of shape {shape}"),
        ("10**400", "is an int with too many digits, must be an array of shape {shape}"),
        ("input_grad * np.nan", "is NaN in {size} of {size} elements, first at [0, 0]"),
        ("input_grad / 0", "is infinite in {size} of {size} elements, first at [0, 0]"),
        ("np.empty_like(input_grad)", "is NaN in {size} of {size} elements, first at [0, 0]"),
        ("np.zeros((4000, 4000))", "is an array of shape (4000, 4000), which is too large"),
        ("0 * input_grad", "differs in {size} of {size} elements; largest at [0, "),
    ],
)
def test_a_backward_pass_that_returns_something_else(
    check: Check, returned: str, found: str
) -> None:
    verdict = check(dense(returned))
    first = next(failure for failure in verdict.failures if failure.result == "input_grad")
    rows, columns = shape = first.case.shapes["input_"]
    assert verdict.status == "differs"
    assert first.difference.message.startswith(
        found.format(shape=shape, transposed=(columns, rows), size=rows * columns)
    )
    words(verdict)


RAISED = {
    "sys.exit()": ("SystemExit", ""),
    "throw(KeyboardInterrupt())": ("KeyboardInterrupt", ""),
    "throw(ExceptionGroup('two', [OSError()]))": ("ExceptionGroup", "two (1 sub-exception)"),
    "throw(Mute())": ("Mute", ""),
    "recurse(0)": ("RecursionError", "maximum recursion depth exceeded"),
    "input()": ("EOFError", "EOF when reading a line"),
    "open('data.csv')": ("FileNotFoundError", "[Errno 2] No such file or directory: 'data.csv'"),
    "throw(ValueError('\\x1b[31m \\ud800 \\x07 é\\n'))": (
        "ValueError",
        "\ufffd[31m \ufffd \ufffd é\n",
    ),
    "throw(ValueError('x' * 10**6))": ("ValueError", "x" * 2000),
}


@pytest.fixture(scope="module")
def raised_something(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """On a function that raises something else each time."""
    functions = "".join(f"    lambda: {code},\n" for code in RAISED)
    source = f"""\
import sys

def throw(error): raise error

def recurse(n): return recurse(n + 1)

class Mute(Exception):
    def __str__(self): raise self

IN_TURN = [
{functions}]

def square(x):
    if IN_TURN: IN_TURN.pop(0)()
    return x * x
"""
    file = tmp_path_factory.mktemp("raised") / "mine.py"
    file.write_text(source, encoding="utf-8")
    return check_component(file, "square", "function", Limits())


@pytest.mark.parametrize("raised", RAISED)
def test_a_component_that_raises(raised_something: Verdict, raised: str) -> None:
    """The text is for a terminal, and must not move its cursor; nor must it be endless."""
    error = raised_something.errors[list(RAISED).index(raised)]
    assert (error.type, error.message) == RAISED[raised]
    assert error.frames[0].code == "if IN_TURN: IN_TURN.pop(0)()"
    assert len(error.frames) <= 6


def test_a_component_that_raises_is_counted_by_cases(raised_something: Verdict) -> None:
    assert raised_something.status == "raised"
    assert raised_something.failed_cases == len(RAISED)
    assert "It calls sys.exit, which a component must not do" in words(raised_something)


@pytest.mark.parametrize(
    "returned, status, found",
    [
        ("os._exit(0)", "died", "ended its own process with exit code 0, as os._exit does"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "died", "was killed by SIGSEGV"),
        ("os.killpg(0, signal.SIGKILL)", "died", "was killed by SIGKILL"),
        ("[print(i) for i in range(10**6)]", "too much output", "printed more than 1 MB"),
        ("sys.stderr.write('x' * 10**7)", "too much output", "printed more than 1 MB"),
        ("throw(MemoryError())", "out of memory", "ran out of memory"),
        ("np.ones((10**6, 10**6))", "out of memory", "ran out of memory"),
        ("throw(NotImplementedError())", "not written", "not written yet"),
    ],
)
def test_a_backward_pass_that_does_something_else(
    check: Check, returned: str, status: str, found: str
) -> None:
    verdict = check(dense(returned, "def throw(error): raise error"))
    assert verdict.status == status
    assert found in words(verdict)


@pytest.mark.parametrize("call", ["[time.sleep(1) for _ in iter(int, 1)]", "max(iter(int, 1))"])
def test_a_backward_pass_that_does_not_end(check: Check, call: str) -> None:
    verdict = check(dense(call), seconds=1)
    assert (verdict.status, verdict.detail) == ("timed out", "timed out after 1 s")
    assert "--timeout" in words(verdict)


@pytest.mark.parametrize("kept", ["[np.ones(10**6) for _ in iter(int, 1)]", "keep()"])
def test_a_backward_pass_that_takes_all_memory(check: Check, kept: str) -> None:
    """Also where it holds on to what it has: the verdict takes memory, too."""
    first = """
KEPT = []
def keep():
    while True:
        KEPT.append('x' * 1000 + str(len(KEPT)))
"""
    verdict = check(dense(kept, first), memory_mib=64)
    assert verdict.status == "out of memory"
    assert f"in backward: return {kept}" in words(verdict)


def test_an_input_that_is_changed_in_place(check: Check) -> None:
    verdict = check("def square(x):\n    x *= x\n    return x\n", "square")
    assert "the input x was changed in place; work on a copy" in words(verdict)


def test_parameters_of_nan_cannot_make_right_what_is_wrong(check: Check) -> None:
    """Whatever is expected of them is NaN, and nothing can be told from that."""
    verdict = check(
        """
        import numpy as np

        class Dense:
            def __init__(self, neurons, activation=None):
                self.neurons, self.params = neurons, []

            def forward(self, x):
                if not self.params:
                    self.params = [np.full((n, self.neurons), np.nan) for n in (x.shape[1], 1)]
                self.x = x
                return np.zeros((len(x), self.neurons), x.dtype)

            def backward(self, grad):
                self.param_grads = [np.zeros_like(param) for param in self.params]
                return np.zeros_like(self.x)
        """
    )
    assert "params[0] (W) holds NaN or infinity" in words(verdict)


REPLACEMENTS = {
    "numpy.dot": "np.dot = lambda *a, **k: 0",
    "numpy.asarray": "np.asarray = lambda *a, **k: np.zeros(1)",
    "numpy.array_equal": "np.array_equal = lambda *a, **k: True",
    "numpy.isfinite": "np.isfinite = lambda a: np.ones_like(a, dtype=bool)",
    "numpy.ndarray": "np.ndarray = list",
    "methods of numpy.ndarray": "class ndarray(np.ndarray):\n"
    "    def __eq__(self, other): return True\n"
    "np.ndarray = ndarray",
    "json.dumps": "json.dumps = lambda *a, **k: '{}'",
    "parity.engine.judge": "import parity.engine; parity.engine.judge = lambda *a, **k: []",
    "parity.comparison.compare": "import parity.comparison\n"
    "parity.comparison.compare = parity.comparison.same_result = lambda *a, **k: None",
    "the table of tolerances": "from parity.comparison import TOLERANCES, Tolerance\n"
    "for row in TOLERANCES: TOLERANCES[row] = Tolerance(1e9, 1e9)",
    "parity.runner.frames.write_message": "import parity.runner.frames\n"
    "parity.runner.frames.write_message = lambda *a, **k: None",
    "parity.runner.child": "sys.modules['__main__']._encode = lambda *a: ([], [])",
    "Observed": "import parity.catalogue.component as c\n"
    "c.Observed.__init__ = lambda self, *a: vars(self).update(tensors={}, params=[])",
    "the cases": "import parity.catalogue as c\n"
    "object.__setattr__(c.component('square'), 'cases', ())",
    "sys.stdout": "sys.stdout = sys.stderr = None",
    "builtins.print": "builtins.print = None",
    "builtins.all": "builtins.all = lambda values: True",
    "builtins.isinstance": "builtins.isinstance = lambda *a: True",
    "all of builtins": "for name in dir(builtins):\n"
    "    if name.islower() and name[0] != '_': setattr(builtins, name, None)",
    "sys.modules": "sys.modules.clear()",
    "the scratch side": "import scratch.functions; scratch.functions.square = square",
}


@pytest.mark.parametrize("what", REPLACEMENTS)
def test_nothing_that_a_file_replaces_makes_right_what_is_wrong(check: Check, what: str) -> None:
    wrong = "import builtins, json, os, sys\nimport numpy as np\ndef square(x): return 3 * x\n"
    words(check(wrong + REPLACEMENTS[what], "square"))


def test_a_pairing_that_is_lost_shows_whatever_is_replaced(check: Check) -> None:
    verdict = check(
        """
        import numpy as np

        np.array_equal = lambda *a, **k: True
        np.sum = lambda a, **k: np.zeros((len(a), 1))

        def permute_data(X, y):
            order = np.random.permutation(len(X))
            return X[order], y
        """,
        "permute_data",
    )
    assert verdict.status == "differs"
    words(verdict)


def test_what_is_right_may_stand_next_to_what_is_broken(check: Check) -> None:
    source = "import numpy as np, builtins\nnp.dot = builtins.print = None\n" + RIGHT
    assert check(source, "square").passed


# What comes back of a check.


def test_what_is_right_passes_in_all_cases(check: Check) -> None:
    verdict = check(RIGHT, "square")
    assert (verdict.passed, verdict.cases) == (True, len(component("square").cases))
    assert (verdict.failures, verdict.errors, verdict.notes) == ([], [], [])


def test_a_component_of_the_wrong_kind_is_not_run(learner: Learner) -> None:
    file = learner("def Dense(x): pass\nsquare = 3\nclass relu: pass\nprint('loaded')\n")
    found = find(file)
    details = {
        name: check_component(file, name, kind, Limits()).detail for name, kind in found.items()
    }
    assert details == {
        "square": "is an int, must be a function",
        "relu": "is a class, must be a function",
        "Dense": "is a function, must be a class",
    }


def test_float64_for_float32_is_no_mistake_but_worth_a_word(check: Check) -> None:
    verdict = check("def square(x): return x.astype('float64') ** 2\n", "square")
    assert verdict.passed
    assert verdict.notes == ["float32 in, float64 out: right, but slower than need be"]


def test_a_mistake_in_some_cases_is_counted(check: Check) -> None:
    verdict = check(
        """
        def square(x):
            if len(x) == 2:
                raise ValueError("two")
            return x * x + (len(x) == 7)
        """,
        "square",
    )
    names = [case.name for case in component("square").cases]
    assert verdict.failed_cases == sum("of 2" in name or "of 7" in name for name in names)
    assert {error.case for error in verdict.errors} == {name for name in names if "of 2" in name}


def test_a_file_may_read_what_stands_beside_it(learner: Learner) -> None:
    learner("def times(x): return x * x\n", "helper.py")
    learner("raise ImportError('the wrong json')\n", "json.py")
    learner("raise ImportError('the wrong numpy')\n", "numpy.py")
    file = learner(
        """
        import numpy, json
        from pathlib import Path
        from helper import times

        assert Path(__file__).with_name("helper.py").exists()

        def square(x): return times(x)
        """
    )
    assert check_file(file).passed


@pytest.fixture(scope="module")
def book() -> CheckResult:
    """The check of the book as printed."""
    return check_file(BOOK)


def test_the_books_mistakes_are_named(book: CheckResult) -> None:
    errata = {
        verdict.component: {mistake.mutant.errata for mistake in verdict.mistakes if mistake.mutant}
        for verdict in book.verdicts
        if not verdict.passed
    }
    assert errata == {
        "loss_gradients_linear_regression": {"E3"},
        "Layer": {"E6"},
        "Dense": {"E7"},
        "Dense.weight_init": {"E12"},
        "SoftmaxCrossEntropy": {"E9"},
        "Trainer.decay": {"E11"},
        "conv_2d": {"E15"},
        "compute_output_obs": {"E14"},
        "param_grad_matmul": {"E16"},
        "input_grad_matmul": {"E17"},
        "NumberWithGrad": {"E18"},
        "NumberWithGrad.__radd__": {"E19"},
    }
    assert not book.passed


def test_verdicts_come_in_the_order_of_the_book(book: CheckResult) -> None:
    order = [entry.name for entry in components()]
    checked = [verdict.component for verdict in book.verdicts]
    assert checked == sorted(checked, key=order.index)


def test_what_a_wrong_component_rests_on_is_told(book: CheckResult) -> None:
    rests = {verdict.component: verdict.rests_on for verdict in book.verdicts if not verdict.passed}
    assert rests["Dense"] == ["Layer"]
    assert rests["Layer"] == []


PLAIN = """
class Operation:
    def forward(self, input_):
        self.input_ = input_
        self.output = self._output()
        return self.output

    def backward(self, output_grad):
        return self._input_grad(output_grad){spoiled}

class Tanh(Operation):
    def _output(self):
        return np.tanh(self.input_)

    def _input_grad(self, output_grad):
        grad = output_grad * (1 - self.output ** 2)
        grad[0] *= 3
        return grad
"""


def test_what_only_breaks_a_rule_carries_what_is_built_on_it(learner: Learner) -> None:
    """The book's assert on shapes is not there: what is built on it can be judged all the same."""
    result = check_file(learner("import numpy as np\n" + PLAIN.format(spoiled="")))
    operation, tanh = result.verdicts
    assert (operation.status, tanh.status) == ("differs", "differs")
    assert operation.carries
    assert tanh.rests_on == []


def test_what_is_built_on_something_wrong_is_not_judged(learner: Learner) -> None:
    result = check_file(learner("import numpy as np\n" + PLAIN.format(spoiled=" * 2")))
    operation, tanh = result.verdicts
    assert not operation.carries
    assert (tanh.status, tanh.rests_on) == ("not judged", ["Operation"])
    assert tanh.detail == "not judged: depends on Operation"
    assert not tanh.passed


def test_an_exception_without_rows_comes_after_what_is_wrong_with_rows(learner: Learner) -> None:
    result = check_file(learner("import numpy as np\n" + PLAIN.format(spoiled="")), ["Tanh"])
    [verdict] = result.verdicts
    assert {error.case for error in verdict.errors} == {"batch of 0"}
    first, second = findings(verdict)
    assert (first.result, first.kind) == ("input_grad", "difference")
    assert (second.kind, second.error) == ("exception", verdict.errors[0])


def test_missing_components_are_those_of_the_chapters_in_the_file(book: CheckResult) -> None:
    missing = {entry.name for entry in book.missing}
    assert {"mae", "NeuralNetwork", "Dropout"} <= missing
    assert not missing & {"square", "Dense", "chain_deriv"}


def test_only_some_components_are_checked(learner: Learner) -> None:
    file = learner(RIGHT + "def relu(x): return x\ndef leaky_relu(x): raise SystemExit\n")
    result = check_file(file, ["leaky_relu", "square"])
    assert [verdict.component for verdict in result.verdicts] == ["square", "leaky_relu"]
    assert "relu" not in {entry.name for entry in result.missing}


@pytest.mark.parametrize(
    "name, words",
    [
        ("sqare", "there is no component sqare; did you mean square?"),
        ("zzz", "there is no component zzz; `parity list` shows the names"),
        ("Dense", "mine.py does not define Dense; it has square"),
    ],
)
def test_a_component_that_cannot_be_checked_is_refused(
    learner: Learner, name: str, words: str
) -> None:
    with pytest.raises(FileError) as raised:
        check_file(learner(RIGHT), [name])
    assert str(raised.value).endswith(words)


def test_each_verdict_is_told_when_it_is_there(learner: Learner) -> None:
    told: list[Any] = []
    file = learner(RIGHT + "def relu(x): return x\n")
    result = check_file(file, on_verdict=told.append, on_start=told.append)
    assert told == [2, *result.verdicts]


def test_a_mapping_leads_to_what_is_called_otherwise(learner: Learner) -> None:
    file = learner(
        "def quadrat(x): return x * x\nPARITY = {'square': 'quadrat', 'relu': quadrat}\n"
    )
    result = check_file(file)
    passed = {verdict.component: verdict.passed for verdict in result.verdicts}
    assert passed == {"square": True, "relu": False}


def test_the_functions_of_chapter_2_may_have_their_names_from_the_book(learner: Learner) -> None:
    file = learner(
        """
        import numpy as np

        def predict(X, weights):
            hidden = 1 / (1 + np.exp(-(X @ weights["W1"] + weights["B1"])))
            return hidden @ weights["W2"] + weights["B2"]

        def loss_gradients(forward_info, weights):
            grad = -2 * (forward_info["y"] - forward_info["P"]) / len(forward_info["y"])
            return {"W": forward_info["X"].T @ grad, "B": grad.sum(axis=0)}
        """
    )
    passed = {verdict.component: verdict.passed for verdict in check_file(file).verdicts}
    assert passed == {"loss_gradients_linear_regression": True, "predict_neural_network": True}


def interrupt() -> None:
    """What Ctrl-C does."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


# Where the interrupt comes just as psutil has opened a file, Python closes that, and warns.
@pytest.mark.filterwarnings("ignore:.*FileIO:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("when", ["import", "component", "verdict"])
def test_an_interrupted_check_keeps_what_it_has_and_leaves_nothing_running(
    learner: Learner, when: str
) -> None:
    """Interrupted while a child imports the file, while one runs, and between two verdicts."""
    loop = "while True: time.sleep(1)\n"
    source = f"import time\n{RIGHT}def relu(x):\n    {loop}sigmoid = leaky_relu = relu\n"
    file = learner(source + (loop if when == "import" else ""))
    alarm = threading.Timer(0.5, interrupt)

    def on_verdict(verdict: Verdict) -> None:
        if when == "verdict":
            interrupt()
        alarm.start()

    if when == "import":
        alarm.start()
    result = check_file(file, limits=Limits(seconds=3600), on_verdict=on_verdict)
    alarm.cancel()
    assert result.interrupted
    assert not result.passed
    assert len(result.verdicts) == (0 if when == "import" else 1)
    assert not [child for child in psutil.Process().children() if "child.py" in child.cmdline()]
