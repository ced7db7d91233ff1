"""Grids of cases that many components share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from parity.catalogue.component import Case

Shapes = Mapping[str, tuple[int, ...]]

BATCHES = (1, 2, 7, 64)


def batch_cases(
    shapes: Callable[[int], Shapes],
    *,
    empty: bool = False,
    options: Mapping[str, Any] | None = None,
    tolerance: str = "analytic",
) -> tuple[Case, ...]:
    """The usual grid: batch sizes 1, 2, 7 and 64, three layouts in memory, float32.

    Args:
        shapes: the shapes of the inputs for a batch size.
        empty: also a batch of no rows.
        options: of every case.
        tolerance: of every case.
    """
    rest: dict[str, Any] = {"options": options or {}, "tolerance": tolerance}
    cases = [Case(f"batch of {n}", shapes(n), **rest) for n in BATCHES]
    cases += [
        Case(f"batch of 7, {layout} in memory", shapes(7), layout=layout, **rest)
        for layout in ("strided", "reversed", "transposed")
    ]
    if empty:
        cases.append(Case("batch of 0", shapes(0), **rest))
    cases += [Case(f"batch of {n}, float32", shapes(n), dtype="float32", **rest) for n in (2, 64)]
    return tuple(cases)
