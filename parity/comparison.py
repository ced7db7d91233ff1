"""Comparison: one table of tolerances, and what is said when two results differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray


@dataclass(frozen=True)
class Tolerance:
    """How far an element may be off: ``relative`` times the expected element, or ``floor`` times
    the largest expected element of the tensor, whichever is more.
    """

    relative: float
    floor: float


TOLERANCES = {
    # float64 is the judge. The floor is for elements that cancel: rounding there is as large as
    # in their largest neighbours.
    ("float64", "analytic"): Tolerance(relative=1e-9, floor=1e-12),
    ("float32", "analytic"): Tolerance(relative=1e-5, floor=2e-6),
    # A central difference with the book's step of 0.001 is off by about 1e-7 of the slope in
    # float64 (the next term of the Taylor series), and by a few parts in 1e4 in float32 (rounding
    # of the two values, divided by the step).
    ("float64", "numeric"): Tolerance(relative=2e-6, floor=2e-6),
    ("float32", "numeric"): Tolerance(relative=1e-2, floor=5e-3),
    # Gradients added up over time steps, or over the six layers of an autoencoder, with weights
    # that are new in each check; a slope that is the sum of 64 terms of either sign; parameters
    # that come close to 0. In float32, for one draw in some dozens, they cancel beyond the row for
    # "analytic", PyTorch's own against its float64, too. Of 3,900 draws through time none came to
    # this one.
    ("float64", "through time"): Tolerance(relative=1e-9, floor=1e-12),
    ("float32", "through time"): Tolerance(relative=1e-3, floor=2e-4),
}


@dataclass(frozen=True)
class Difference:
    """Why a result is not the expected one.

    Attributes:
        kind: "absent", "type", "shape", "dtype", "not finite", "value", "rule" (a statement that
            does not hold), "params" or "input changed"; of ``parity.gradcheck``, also "kink" and
            "rounding".
        message: one sentence.
        max_abs: largest absolute error, for "value".
        max_rel: largest error relative to the expected element, for "value".
        index: where the largest absolute error is.
        expected: the element expected there.
        actual: the element found there.
        count: how many elements are off.
        size: how many elements there are.
        scale: the largest absolute element expected.
    """

    kind: str
    message: str
    max_abs: float | None = None
    max_rel: float | None = None
    index: tuple[int, ...] | None = None
    expected: float | None = None
    actual: float | None = None
    count: int | None = None
    size: int | None = None
    scale: float | None = None


class Absent:
    """Stands for a result that was not there, or came as something that is no array.

    Args:
        what: the words for it, as in "None" or "a list".
    """

    def __init__(self, what: str = "nothing") -> None:
        self.what = what

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Absent) and other.what == self.what

    def __hash__(self) -> int:
        return hash(self.what)


def as_result(value: Any) -> ndarray | Absent:
    """A result as a plain array; scalars become arrays without dimensions."""
    if isinstance(value, Absent):
        return value
    if isinstance(value, ndarray):
        plain = np.asarray(value)
        return plain if plain.dtype.kind in "fiubc" else Absent(f"an array of {plain.dtype}")
    if isinstance(value, bool | int | float | complex | np.number | np.bool_):
        number = np.asarray(value)
        return number if number.dtype.kind in "fiubc" else Absent("an int with too many digits")
    if value is None:
        return Absent("None")
    return Absent(with_article(type(value).__name__))


def with_article(noun: str) -> str:
    """Put "a" or "an" in front of a noun."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def compare(
    actual: Any,
    expected: Any,
    *,
    dtype: str,
    tolerance: str = "analytic",
    upcast: bool = False,
    rounding: ndarray | None = None,
) -> Difference | None:
    """Compare a result with the expected one.

    Args:
        actual: what an implementation returned: an array, a number, or something wrong.
        expected: what the reference returned: an array or a number.
        dtype: of the case; chooses the row of ``TOLERANCES``, and is what ``actual`` must have.
        tolerance: "analytic", "numeric" or "through time".
        upcast: whether float64 will do where float32 is asked for.
        rounding: how far each element may be off by rounding alone, as ``parity.rounding`` finds
            it; where that is more than the table allows, it is allowed.

    Returns:
        None if they are equal, otherwise what is wrong first.
    """
    found, wanted = as_result(actual), np.asarray(expected)
    if isinstance(found, Absent):
        return Difference("type", f"is {found.what}, must be {_describe(wanted)}")
    if found.shape != wanted.shape:
        return Difference(
            "shape",
            f"has shape {found.shape}, must be {wanted.shape}"
            if wanted.shape
            else f"has shape {found.shape}, must be a single number",
        )
    wrong_dtype = _compare_dtype(found, wanted, dtype, upcast, isinstance(actual, ndarray))
    if wrong_dtype is not None:
        return wrong_dtype
    return _compare_values(found, wanted, TOLERANCES[dtype, tolerance], rounding)


def _compare_dtype(
    found: ndarray, wanted: ndarray, dtype: str, upcast: bool, is_array: bool
) -> Difference | None:
    if wanted.dtype.kind != "f" and found.dtype.kind == "c":
        return Difference("dtype", f"is of type {found.dtype}, must be {wanted.dtype}")
    if wanted.dtype.kind != "f" or (not is_array and found.dtype.kind in "fi"):
        return None
    allowed = {dtype, "float64"} if upcast else {dtype}
    if str(found.dtype) in allowed:
        return None
    return Difference("dtype", f"is of type {found.dtype}, must be {dtype}")


@np.errstate(all="ignore")
def _compare_values(
    found: ndarray, wanted: ndarray, tolerance: Tolerance, rounding: ndarray | None = None
) -> Difference | None:
    for array, words in ((found, "is"), (wanted, "cannot be judged, for PyTorch's is")):
        bad = ~np.isfinite(array)
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            word = "NaN" if np.isnan(array[index]) else "infinite"
            return Difference(
                "not finite",
                f"{words} {word} in {_count(int(bad.sum()), array.size)}, first at {_place(index)}",
                index=index,
                count=int(bad.sum()),
                size=array.size,
            )
    if not wanted.size:
        return None
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    error, magnitude = np.abs(found - wanted), np.abs(wanted)
    scale = float(magnitude.max())
    allowed = np.maximum(tolerance.relative * magnitude, tolerance.floor * (scale or 1.0))
    if rounding is not None:
        allowed = np.maximum(allowed, rounding)
    off = error > allowed
    if not off.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
    relative = np.divide(error, magnitude, out=np.full_like(error, np.inf), where=magnitude > 0)
    if not wanted.shape:
        message = f"is {found[()]:.6g}, must be {wanted[()]:.6g}"
    else:
        message = (
            f"differs in {_count(int(off.sum()), off.size)}; largest at {_place(index)}: "
            f"expected {wanted[index]:.6g}, got {found[index]:.6g}"
        )
    return Difference(
        "value",
        message,
        max_abs=float(error.max()),
        max_rel=float(relative[off].max()),
        index=index,
        expected=float(wanted[index]),
        actual=float(found[index]),
        count=int(off.sum()),
        size=off.size,
        scale=scale,
    )


def same_result(actual: Any, other: Any, *, dtype: str, tolerance: str = "analytic") -> bool:
    """Whether two implementations show the same result, be it right or wrong."""
    first, second = as_result(actual), as_result(other)
    if isinstance(first, Absent) or isinstance(second, Absent):
        return isinstance(first, Absent) and first == second
    if first.shape != second.shape:
        return False
    if "c" in (first.dtype.kind, second.dtype.kind) or not (
        np.isfinite(first).all() and np.isfinite(second).all()
    ):
        return bool(np.array_equal(first, second, equal_nan=True))
    return _compare_values(first, second, TOLERANCES[dtype, tolerance]) is None


def _describe(wanted: ndarray) -> str:
    return f"an array of shape {wanted.shape}" if wanted.shape else "a single number"


def _count(count: int, size: int) -> str:
    return "its one element" if size == 1 else f"{count} of {size} elements"


def _place(index: tuple[int, ...]) -> str:
    return "its value" if not index else f"[{', '.join(map(str, index))}]"
