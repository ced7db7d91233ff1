"""Other styles than the book's: right code passes in each, and wrong code is named as ever."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parity.catalogue import component as component_of
from parity.catalogue import components
from parity.catalogue.component import Implementation, Mutant
from parity.comparison import as_result
from parity.diagnosis.mistakes import explain
from parity.engine import judge_run, run_case
from parity.runner.adapt import FAMILIES, adapt
from parity.runner.names import find_components
from parity.verdict import LearnerError, Verdict
from parity_tests.engine.adapt_styles import STYLES, Style
from parity_tests.engine.conftest import Check
from parity_tests.engine.torch_styles import TORCH_STYLES


def imported(file: Path, source: str) -> ModuleType:
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"


def judged(file: Path, source: str, name: str) -> Verdict:
    """The verdict as after a child's answers, all in this process."""
    found = find_components(imported(file, source), components())
    assert found[name][1] == "class"
    implementation = Implementation(adapt(name, {key: value for key, (value, _) in found.items()}))
    component = component_of(name)
    verdict = Verdict(name, "passed", len(component.cases))
    runs, raised = [], []
    for case in component.cases:
        try:
            observed, inputs = run_case(component, case, implementation)
        except Exception as error:
            verdict.errors.append(LearnerError(type(error).__name__, str(error), (), case.name))
            raised.append(case)
            continue
        runs.append(judge_run(component, case, observed, inputs, upcast=True))
    verdict.failures = explain(component, runs, raised)
    if verdict.errors or verdict.failures:
        verdict.status = "differs" if verdict.failures else "raised"
    return verdict


ALL_STYLES = STYLES | TORCH_STYLES

each_style = pytest.mark.parametrize("style", ALL_STYLES.values(), ids=ALL_STYLES)


@each_style
def test_right_code_passes(style: Style, tmp_path: Path) -> None:
    verdict = judged(tmp_path / "mine.py", style.source, style.component)
    assert (verdict.errors, verdict.failures) == ([], [])


@each_style
def test_wrong_code_is_named(style: Style, tmp_path: Path) -> None:
    verdict = judged(tmp_path / "mine.py", style.mistaken, style.component)
    assert style.mistake in {f.mutant.name for f in verdict.mistakes if f.mutant is not None}


def test_each_row_of_the_contract_names_its_tests() -> None:
    section = CONTRACT.read_text(encoding="utf-8").split("## Your style")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    cells = [row.strip("|").rpartition("|")[2].strip().replace("\\_", "_") for row in rows]
    named = [cell.split(", ") for cell in cells if cell not in ("tested as", "---")]
    assert len(named) > 10
    assert {name for names in named for name in names} <= set(ALL_STYLES)


BY_THE_BOOK = [
    (name, mutant)
    for name in FAMILIES
    for mutant in (None, *component_of(name).mutants)
    if mutant is None or isinstance(mutant.implementation, type)
]


@pytest.mark.parametrize(
    "name, mutant",
    BY_THE_BOOK,
    ids=[f"{name}-{mutant.name if mutant else 'right'}" for name, mutant in BY_THE_BOOK],
)
def test_what_is_written_by_the_book_shows_what_it_showed(name: str, mutant: Mutant | None) -> None:
    """Right or wrong: no adaptation mends a mistake."""
    own = getattr(Implementation(), name) if mutant is None else mutant.implementation
    component = component_of(name)
    for case in (component.cases[2], component.cases[-1]):
        shown: list[dict[str, object]] = []
        for implementation in ({name: own}, adapt(name, {name: own})):
            np.random.seed(1)  # noqa: NPY002
            try:
                observed, _ = run_case(component, case, Implementation(implementation))
            except Exception as error:
                shown.append({"raised": type(error)})
                continue
            shown.append({key: _plain(value) for key, value in observed.tensors.items()})
        assert shown[0] == shown[1]


def _plain(value: Any) -> object:
    result = as_result(value)
    return (result.shape, result.tobytes()) if isinstance(result, np.ndarray) else result


FORGOTTEN = '''
class Operation:
    def forward(self, input_):
        self.input_ = input_
        self.output = self._output()
        return self.output
    def backward(self, output_grad):
        assert self.output.shape == output_grad.shape
        return self._input_grad(output_grad)
class Sigmoid(Operation):
    def _output(self):
        """The sigmoid."""
        {output}
    def _input_grad(self, output_grad):
        {input_grad}
'''
OUTPUT = "return 1 / (1 + np.exp(-self.input_))"
INPUT_GRAD = "return output_grad * self.output * (1 - self.output)"


def test_a_forgotten_return_is_told_where_it_is(check: Check) -> None:
    source = FORGOTTEN.format(output=OUTPUT.removeprefix("return "), input_grad=INPUT_GRAD)
    [error, *_] = check("import numpy as np" + source, "Sigmoid").errors
    assert error.message == "Sigmoid._output (line 11) returns None; did you forget `return`?"
    assert error.frames[-1].function == "backward"


def test_a_forgotten_return_that_raises_nothing_is_told_too(check: Check) -> None:
    source = FORGOTTEN.format(output=OUTPUT, input_grad=INPUT_GRAD.removeprefix("return "))
    first = check("import numpy as np" + source, "Sigmoid").failures[0]
    assert first.result == "input_grad"
    words = "is None (did you forget `return` in Sigmoid._input_grad, line 14?), must be an array"
    assert first.difference.message.startswith(words)


def test_a_parameter_s_gradient_that_is_not_returned_is_told_too(check: Check) -> None:
    source = """
import numpy as np
class BiasAdd:
    def __init__(self, B): self.B = B
    def forward(self, x): return x + self.B
    def backward(self, output_grad):
        self.param_grad = self._param_grad(output_grad)
        return output_grad
    def _param_grad(self, output_grad):
        output_grad.sum(axis=0, keepdims=True)
"""
    message = check(source, "BiasAdd").failures[0].difference.message
    assert message.startswith("is None (did you forget `return` in BiasAdd._param_grad, line 9?)")


def test_two_layers_do_not_hand_on_what_is_not_returned(check: Check) -> None:
    source = STYLES["attributes W and b"].source.replace("return d @ self.W.T", "d @ self.W.T")
    messages = {error.message for error in check(source).errors}
    assert messages == {"Dense.backward returns None (did you forget `return`?)"}


@pytest.mark.parametrize("body", ["pass", '"""Later."""', "..."])
def test_what_is_not_written_has_not_forgotten_anything(check: Check, body: str) -> None:
    verdict = check(
        "import numpy as np" + FORGOTTEN.format(output=body, input_grad="pass"), "Sigmoid"
    )
    assert verdict.errors
    assert not any("forget" in error.message for error in verdict.errors)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x * x", "is None (did you forget `return`?), must be an array of shape "),
        (
            "if x.size: return x * x",
            "is None (did you forget `return`?), must be an array of shape ",
        ),
        ("return None", "is None, must be an array of shape "),
    ],
)
def test_a_function_that_returns_nothing(check: Check, body: str, words: str) -> None:
    messages = [
        f.difference.message for f in check(f"def square(x):\n    {body}\n", "square").failures
    ]
    assert messages
    assert all(message.startswith(words) for message in messages)


UNCLEAR = {
    "two gradients of one name": (
        "WeightMultiply",
        """
class WeightMultiply:
    def __init__(self, W): self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW, self.grad_W = self.x.T @ dout, self.x.T @ dout / 2
        return dout @ self.W.T
""",
        "param_grad",
        "is not there",
    ),
    "gradients in another order": (
        "WeightMultiply",
        """
class WeightMultiply:
    def __init__(self, W): self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout): return self.x.T @ dout, dout @ self.W.T
""",
        "input_grad",
        "has shape (5, 3), must be ",
    ),
    "a bias's gradient without the bias's axis": (
        "BiasAdd",
        """
class BiasAdd:
    def __init__(self, B): self.B = B
    def forward(self, x): return x + self.B
    def backward(self, dout):
        self.dB = dout.sum(axis=0)
        return dout
""",
        "param_grad",
        "has shape (3,), must be (1, 3)",
    ),
}


@pytest.mark.parametrize("name, source, result, words", UNCLEAR.values(), ids=UNCLEAR)
def test_what_is_unclear_is_left_as_it_is(
    tmp_path: Path, name: str, source: str, result: str, words: str
) -> None:
    verdict = judged(tmp_path / "mine.py", f"import numpy as np{source}", name)
    messages = [f.difference.message for f in verdict.failures if f.result == result]
    assert messages[0].startswith(words)


def test_an_argument_that_is_not_there_is_named(check: Check) -> None:
    source = "class Dense:\n    def __init__(self, a, b): pass\n"
    assert check(source).errors[0].message == (
        "Dense takes a, b, and no neurons; expected Dense(neurons=, activation=)"
    )


@pytest.mark.parametrize("body", ["return x", "return x * 2\n    y = x, x"])
def test_a_plain_function_is_no_class(body: str, tmp_path: Path) -> None:
    module = imported(tmp_path / "mine.py", f"def Sigmoid(x):\n    {body}\n")
    assert find_components(module, components())["Sigmoid"][1] == "function"


def test_a_style_passes_in_a_process_of_its_own(check: Check) -> None:
    style = STYLES["two functions"]
    assert check(style.source, style.component).passed
    assert check(STYLES["a layer's tuple of gradients"].source).passed


def test_two_functions_that_do_not_take_what_a_class_does_are_refused_in_words(
    check: Check,
) -> None:
    source = """
def there(x, W, b): return x @ W + b, (x, W)
def back(dout, cache): return dout @ cache[1].T
PARITY = {"Dense": ("there", "back")}
"""
    assert {error.message for error in check(source).errors} == {
        "there cannot be called with the input, neurons, activation; write a class instead",
        "there cannot be called with the input, neurons; write a class instead",
    }


def test_a_function_of_autograd_without_a_return(tmp_path: Path) -> None:
    style = TORCH_STYLES["an activation that is a function of autograd"]
    source = style.source.replace("return grad_output *", "grad_output *")
    verdict = judged(tmp_path / "mine.py", source, style.component)
    message = verdict.failures[0].difference.message
    assert message.startswith("is None (did you forget `return`?), must be an array")


REFUSED = {
    "a module with a backward": (
        "Sigmoid",
        "    def forward(self, x): return x\n    def backward(self, d): return d",
        "Sigmoid is an nn.Module with a backward of its own; leave that to autograd",
    ),
    "a module that is no layer": (
        "RNNLayer",
        "    def forward(self, x): return x",
        "RNNLayer is an nn.Module; expected a plain class, with arrays",
    ),
    "a result without a graph": (
        "Sigmoid",
        "    def forward(self, x): return torch.sigmoid(x).detach()",
        "Sigmoid.forward returns what autograd cannot follow; expected a tensor that is "
        "computed from the input, without detach, item or numpy",
    ),
    "a forgotten return": (
        "Sigmoid",
        "    def forward(self, x): torch.sigmoid(x)",
        "Sigmoid.forward returns None (did you forget `return`?)",
    ),
}


@pytest.mark.parametrize("name, body, message", REFUSED.values(), ids=REFUSED)
def test_a_module_that_cannot_be_looked_at_says_why(
    tmp_path: Path, name: str, body: str, message: str
) -> None:
    source = f"import torch\nclass {name}(torch.nn.Module):\n{body}\n"
    assert {error.message for error in judged(tmp_path / "mine.py", source, name).errors} == {
        message
    }


def test_a_square_matrix_is_turned_as_that_of_a_wider_layer(tmp_path: Path) -> None:
    """Both ways round, with as many neurons as inputs, too."""
    for name in ("a layer with parameters of its own", "a layer with its weights turned"):
        verdict = judged(tmp_path / "mine.py", TORCH_STYLES[name].source, "Dense")
        assert "as many neurons as inputs" in {c.name for c in component_of("Dense").cases}
        assert verdict.status == "passed"


def test_an_optimizer_of_torch_is_refused_in_words(tmp_path: Path) -> None:
    source = "import torch\nclass SGD(torch.optim.Optimizer):\n    def step(self): pass\n"
    assert {error.message for error in judged(tmp_path / "mine.py", source, "SGD").errors} == {
        "SGD is a torch.optim.Optimizer; expected a plain class, with arrays"
    }
