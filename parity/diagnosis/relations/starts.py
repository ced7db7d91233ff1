"""Where in an array it begins to be wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.diagnosis.relations.axes import axis_names, is_parameter, is_sequence, spatial_axes
from parity.diagnosis.relations.pairs import Pair, Sample, numbers


def where_it_starts(sample: Sample) -> str | None:
    """Where a wrong array begins to be wrong, as words to put after "it differs".

    Time steps and rows count from 1. Gradients run backwards, so the last wrong step is theirs.

    Returns:
        As "first at time step 3 of 5", "only in the rows after the first", "only at the border";
        None where all of it is wrong, or where that tells nothing.
    """
    found, expected = numbers(sample.found), numbers(sample.expected)
    if found is None or expected is None or found.shape != expected.shape or not found.ndim:
        return None
    off = Pair(sample, found, expected).off()
    if off.all() or not off.any():
        return None
    if is_parameter(sample.name):
        return _of_parameter(off)
    if is_sequence(sample, off.ndim) and off.shape[1] > 1:
        steps = np.any(off, axis=(0, 2))
        if not steps.all():
            return _of_steps(steps, backwards="grad" in sample.name)
    names = axis_names(sample, sample.name, off.shape)
    if names[0] == "batch" and off.ndim > 1:
        rows = np.any(off.reshape(len(off), -1), axis=1)
        if not rows.all():
            return _of_rows(rows)
    return _of_image(sample, off)


def _of_steps(steps: ndarray, backwards: bool) -> str | None:
    wrong, count = np.flatnonzero(steps) + 1, len(steps)
    if len(wrong) == 1:
        return f"only at time step {wrong[0]} of {count}"
    if wrong[-1 if backwards else 0] == (count if backwards else 1):
        return None
    if backwards:
        return f"going back, first at time step {wrong[-1]} of {count}"
    return f"first at time step {wrong[0]} of {count}"


def _of_rows(rows: ndarray) -> str:
    wrong, count = np.flatnonzero(rows) + 1, len(rows)
    if len(wrong) == count - 1 and not rows[0]:
        return "only in the rows after the first"
    if len(wrong) == count - 1 and not rows[-1]:
        return "only in the rows before the last"
    if len(wrong) == 1:
        return f"only in row {wrong[0]} of {count}"
    return f"only in {len(wrong)} of {count} rows, first in row {wrong[0]}"


def _of_image(sample: Sample, off: ndarray) -> str | None:
    axes = spatial_axes(sample, off.ndim)
    if not axes or min(off.shape[-axes:]) < 3:
        return None
    inside: Any = (..., *[slice(1, -1)] * axes)
    if not off[inside].any():
        return "only at the border"
    at_border = off.copy()
    at_border[inside] = False
    return None if at_border.any() else "only inside, not at the border"


def _of_parameter(off: ndarray) -> str | None:
    """Of a matrix, the rows or columns that are wrong, if they stand together."""
    if off.ndim != 2 or min(off.shape) < 2:
        return None
    for axis, noun in ((1, "row"), (0, "column")):
        lines = np.any(off, axis=axis)
        wrong = np.flatnonzero(lines) + 1
        if len(wrong) < len(lines) and wrong[-1] - wrong[0] == len(wrong) - 1:
            if len(wrong) == 1:
                return f"only in {noun} {wrong[0]} of {len(lines)}"
            return f"only in {noun}s {wrong[0]} to {wrong[-1]} of {len(lines)}"
    return None
