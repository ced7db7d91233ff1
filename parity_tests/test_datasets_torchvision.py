"""`import_torchvision`: a torchvision that works is left alone, one without operators is helped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from datasets import TorchvisionError, import_torchvision

ROOT = Path(__file__).resolve().parent.parent

# What torchvision does beside a torch that its C++ library does not load with.
WITHOUT_OPERATORS = """
import torch

@torch.library.register_fake("torchvision::nms")
def meta_nms(dets, scores, iou_threshold): ...

@torch.library.register_fake("torchvision::qnms")
def meta_qnms(dets, scores, iou_threshold): ...

mark = "imported"
"""

# Declares an operator itself, as its C++ library does, and would not bear a second declaration.
WITH_OPERATORS = """
import torch

torch.library.define("torchvision::nms", "(Tensor boxes) -> Tensor")

@torch.library.register_fake("torchvision::nms")
def meta_nms(boxes): ...

mark = "imported"
"""


def run_python(code: str, torchvision: str, folder: Path) -> str:
    """What a fresh interpreter prints in which this is torchvision."""
    (folder / "torchvision.py").write_text(dedent(torchvision))
    # Before the installed one, but behind the project.
    prelude = f"import sys; sys.path[1:1] = [{str(folder)!r}]\n"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + dedent(code)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_installed_torchvision_is_imported() -> None:
    torchvision = import_torchvision()
    assert torchvision.__name__ == "torchvision"
    assert torchvision.datasets.MNIST.__name__ == "MNIST"
    assert torchvision.transforms.ToTensor.__name__ == "ToTensor"
    assert import_torchvision() is torchvision


def test_import_that_fails_for_want_of_operators_succeeds_afterwards(tmp_path: Path) -> None:
    code = """
        try:
            import torchvision
        except RuntimeError as error:
            print(error)
        from datasets import import_torchvision
        torchvision = import_torchvision()
        print(torchvision.mark, torchvision is sys.modules["torchvision"])
    """
    assert run_python(code, WITHOUT_OPERATORS, tmp_path).splitlines() == [
        "operator torchvision::nms does not exist",
        "imported True",
    ]


def test_torchvision_with_its_operators_is_left_alone(tmp_path: Path) -> None:
    code = """
        import torch
        from datasets import import_torchvision
        print(import_torchvision().mark)
        print(torch.ops.torchvision.nms.default._schema)
        print(hasattr(torch.ops.torchvision, "qnms"))
    """
    assert run_python(code, WITH_OPERATORS, tmp_path).splitlines() == [
        "imported",
        "torchvision::nms(Tensor boxes) -> Tensor",
        "False",
    ]


def test_operator_that_is_only_declared_fails_when_it_is_called(tmp_path: Path) -> None:
    code = """
        import torch
        from datasets import import_torchvision
        import_torchvision()
        try:
            torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
        except NotImplementedError as error:
            print("torchvision::nms" in str(error))
    """
    assert run_python(code, WITHOUT_OPERATORS, tmp_path) == "True\n"


SENTENCE = """
    from datasets import TorchvisionError, import_torchvision
    try:
        import_torchvision()
    except TorchvisionError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("torchvision", "problem"),
    [
        ("import no_such_library", "no_such_library is missing"),
        ("from torch import no_such_name", "cannot import name 'no_such_name' from 'torch'"),
        ("raise RuntimeError('compiled with\\nanother CUDA')", "compiled with"),
        ("raise OSError('libcudart.so.13: cannot open')", "libcudart.so.13: cannot open"),
        ("import torch; torch.no_such_name", "no attribute 'no_such_name'"),
        ("raise RuntimeError", "RuntimeError"),
        ("raise RuntimeError('operator torchvision::new does not exist')", "torchvision::new"),
    ],
)
def test_other_failures_are_one_sentence_with_what_to_install(
    tmp_path: Path, torchvision: str, problem: str
) -> None:
    printed = run_python(SENTENCE, torchvision, tmp_path)
    assert printed.startswith("torchvision cannot be imported (")
    assert problem in printed
    assert printed.endswith('): run `python -m pip install "torch>=2.11" "torchvision>=0.26"`.\n')
    assert printed.count("\n") == 1


def test_what_operators_cannot_help_is_tried_once(tmp_path: Path) -> None:
    printed = run_python(SENTENCE, "print('tried'); raise RuntimeError('no such CUDA')", tmp_path)
    assert [line.split(" ")[0] for line in printed.splitlines()] == ["tried", "torchvision"]


def test_second_try_at_what_cannot_be_helped_ends_in_the_same_sentence(tmp_path: Path) -> None:
    torchvision = "raise RuntimeError('operator torchvision::new does not exist')"
    first, second = run_python(
        dedent(SENTENCE) + dedent(SENTENCE), torchvision, tmp_path
    ).splitlines()
    assert first == second
    assert "(operator torchvision::new does not exist)" in first


@pytest.mark.parametrize("module", ["torchvision", "torch"])
def test_missing_library_is_named(tmp_path: Path, module: str) -> None:
    code = f"sys.modules[{module!r}] = None\n{dedent(SENTENCE)}"
    printed = run_python(code, "import torch", tmp_path)
    assert printed.startswith(f"torchvision cannot be imported ({module} is missing): run ")


def test_error_is_an_import_error() -> None:
    assert issubclass(TorchvisionError, ImportError)
