"""One line of a reader's right file made wrong: a check of it says so, and names the mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.catalogue import component
from parity.catalogue.component import Implementation
from parity.diagnosis.mistakes import explain
from parity.engine import Run, judge, run_case
from parity.packages import project_root

SOURCE = (project_root() / "examples" / "chapter_6.py").read_text(encoding="utf-8")

MEAN = "return total * (total.array.size / self.array.size)"
NONE = "            backward_grad = np.ones_like(self.array)"

#: What the file has, what stands there instead, and the name of the mistake; None where it raises,
#: or is known by no name.
ARRAYS: list[tuple[str, str, str | None]] = [
    ("grad = np.expand_dims(grad, axis)", "pass", "sum not expanded, nor mean"),
    (
        MEAN,
        "return total * (1 / len(self.array) if axis is None else total.array.size"
        " / self.array.size)",
        "mean of all divided by the rows",
    ),
    (MEAN, "return total * (1 / self.array.shape[axis or 0])", None),
    (MEAN, "return total * (1 / (self.array.size if axis is None else 3))", None),
    (
        "np.concatenate([each.array for each in arrays], axis)",
        "np.concatenate([each.array for each in arrays])",
        None,
    ),
    ("np.split(grad, ends, axis)", "np.split(grad, ends)", None),
    ("def concatenate(arrays, axis=0)", "def concatenate(arrays, axis)", None),
    ("def stack(arrays, axis=0)", "def stack(arrays, axis=1)", None),
    (
        "def stack(arrays, axis=0):\n        return ArrayWithGrad(",
        "def stack(arrays, axis=0):\n        axis = 1\n        return ArrayWithGrad(",
        None,
    ),
    (NONE, "            raise ValueError('no gradient')", None),
    (
        "    def __getitem__(self, index):\n",
        "    def __getitem__(self, index):\n        len(index)\n",
        None,
    ),
    ("np.moveaxis(grad, axis, 0)", "np.moveaxis(grad, 1, 0)", None),
    ("(self.array > 0)", "(self.array >= 0)", "relu lets 0 through"),
    (
        "self.grad = backward_grad if self.grad is None else self.grad + backward_grad\n        if",
        "self.grad = backward_grad\n        if",
        "gradient overwritten",
    ),
]

NUMBERS: list[tuple[str, str, str, str]] = [
    (
        "NumberWithGrad",
        "if backward_grad is None:\n            backward_grad = 1",
        "if not backward_grad:\n            backward_grad = 1",
        "gradient 0 as none",
    ),
    (
        "NumberWithGrad.exp",
        "backward_grad if self.num > 0 else 0",
        "backward_grad if self.depends_on[0].num >= 0 else 0",
        "relu lets 0 through",
    ),
]


def checked(name: str, source: str) -> tuple[bool, set[str | None]]:
    """Whether anything is wrong with a component of a file, and the names of its mistakes."""
    entry, module = component(name), {"__name__": "mine"}
    exec(compile(source, "mine.py", "exec"), module)
    own: Any = Implementation({entry.symbol: module[entry.symbol]})
    runs, raised = [], []
    for case in entry.cases:
        try:
            with np.errstate(all="ignore"):
                observed, inputs = run_case(entry, case, own)
        except Exception:
            raised.append(case)
        else:
            runs.append(Run(case, observed, judge(entry, case, observed, inputs, upcast=True)))
    failures = explain(entry, runs, raised)
    return bool(failures or raised), {f.mutant.name if f.mutant else None for f in failures}


@pytest.mark.parametrize("name", ["ArrayWithGrad", "NumberWithGrad", "NumberWithGrad.exp"])
def test_the_right_file_passes(name: str) -> None:
    assert checked(name, SOURCE) == (False, set())


@pytest.mark.parametrize("right, wrong, mistake", ARRAYS)
def test_one_wrong_line_in_arrays_is_found(right: str, wrong: str, mistake: str | None) -> None:
    assert SOURCE.count(right) == 1
    found, names = checked("ArrayWithGrad", SOURCE.replace(right, wrong))
    assert found
    if mistake is not None:
        assert names == {mistake}


@pytest.mark.parametrize("name, right, wrong, mistake", NUMBERS)
def test_one_wrong_line_in_numbers_is_found(
    name: str, right: str, wrong: str, mistake: str
) -> None:
    assert SOURCE.count(right) == 1
    found, names = checked(name, SOURCE.replace(right, wrong))
    assert found
    assert names == {mistake}
