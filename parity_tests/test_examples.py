"""The examples that are right are right in everything that they have, and have all of the book.

That the others' mistakes are named is tested where a check is: ``engine/test_check.py``,
``test_demo.py``.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity.catalogue import component, components
from parity.catalogue.component import Case, Implementation
from parity.engine import judge, run_case
from parity.packages import project_root
from parity.runner.names import find_components

FILES = [
    project_root() / "examples" / name
    for name in ("chapters_1_to_5.py", "chapter_6.py", "chapter_7.py")
]
IN_BOOK = [entry.name for entry in components() if entry.in_book]

#: What the files have beyond the book.
BEYOND = [
    "NumberWithGrad.__sub__",
    "NumberWithGrad.__truediv__",
    "NumberWithGrad.__pow__",
    "NumberWithGrad.exp",
    "NumberWithGrad.zero_grad",
    "ArrayWithGrad",
    "clip_by_value",
    "clip_by_norm",
    "next_character_probabilities",
    "conditional_probabilities",
    "joint_probabilities",
    "low_dimensional_affinities",
    "kl_divergence",
    "kl_gradient",
]


def read(file: Path) -> dict[str, Any]:
    """The components that a file defines."""
    module: Any = SimpleNamespace(**runpy.run_path(str(file)))
    return {name: value for name, (value, _) in find_components(module, components()).items()}


@pytest.fixture(scope="module")
def right() -> Implementation:
    """A reader's files, in the book's own plumbing."""
    own: dict[str, Any] = {}
    for file in FILES:
        own |= read(file)
    return Implementation(own)


def test_the_right_files_have_all_of_the_book(right: Implementation) -> None:
    assert sorted(right.own) == sorted([*IN_BOOK, *BEYOND])


def test_no_file_has_what_another_one_has() -> None:
    names = [name for file in FILES for name in read(file)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [*IN_BOOK, *BEYOND])
def test_the_right_files_are_right(right: Implementation, name: str) -> None:
    """As a check has it, but in this process, for the code is ours."""
    entry = component(name)
    assert [failure for case in entry.cases for failure in failures(name, case, right)] == []


def failures(name: str, case: Case, implementation: Implementation) -> list[str]:
    """What is wrong in one case; float64 for float32 is not, in a learner's file."""
    with np.errstate(all="ignore"):
        observed, inputs = run_case(component(name), case, implementation)
    wrong = judge(component(name), case, observed, inputs, upcast=True)
    return [f"{case.name}: {failure.result} {failure.difference.message}" for failure in wrong]
