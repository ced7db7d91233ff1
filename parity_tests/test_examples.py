"""The example that is right is right in everything that the book has.

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

FILE = project_root() / "examples" / "chapters_1_to_5.py"
IN_BOOK = [entry.name for entry in components() if entry.in_book]


def read(file: Path) -> dict[str, Any]:
    """The components that a file defines."""
    module: Any = SimpleNamespace(**runpy.run_path(str(file)))
    return {name: value for name, (value, _) in find_components(module, components()).items()}


@pytest.fixture(scope="module")
def right() -> Implementation:
    """A reader's file, in the book's own plumbing."""
    return Implementation(read(FILE))


def test_the_right_file_has_all_of_the_book(right: Implementation) -> None:
    assert sorted(right.own) == sorted(IN_BOOK)


@pytest.mark.parametrize("name", IN_BOOK)
def test_the_right_file_is_right(right: Implementation, name: str) -> None:
    """As a check has it, but in this process, for the code is ours."""
    entry = component(name)
    assert [failure for case in entry.cases for failure in failures(name, case, right)] == []


def failures(name: str, case: Case, implementation: Implementation) -> list[str]:
    """What is wrong in one case; float64 for float32 is not, in a learner's file."""
    with np.errstate(all="ignore"):
        observed, inputs = run_case(component(name), case, implementation)
    wrong = judge(component(name), case, observed, inputs, upcast=True)
    return [f"{case.name}: {failure.result} {failure.difference.message}" for failure in wrong]
