"""``parity.gradcheck``: central differences of any function, held against a gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from parity.comparison import Difference, compare
from parity.oracle import STEP, central_differences


@dataclass(frozen=True)
class GradCheck:
    """What central differences say of a function's gradients.

    Attributes:
        slopes: for each array, the gradient by central differences, in the array's shape.
        differences: for each array, why the gradient given is not that, or None where it is; empty
            if none was given.
    """

    slopes: tuple[ndarray, ...]
    differences: tuple[Difference | None, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every gradient that was given is right."""
        return not any(self.differences)

    def __str__(self) -> str:
        if not self.differences:
            shown = [np.array2string(slopes, precision=6, threshold=50) for slopes in self.slopes]
            return "By central differences:\n" + "\n".join(shown)
        words = [
            f"gradient {number}: {'right' if difference is None else difference.message}"
            for number, difference in enumerate(self.differences, 1)
        ]
        return "\n".join(words)

    __repr__ = __str__


def gradcheck(
    function: Callable[..., Any],
    *arrays: ndarray,
    gradient: ndarray | Sequence[ndarray] | Callable[..., Any] | None = None,
    output_grad: ndarray | None = None,
    step: float = STEP,
) -> GradCheck:
    """The gradient of a function by central differences, and whether yours is that.

    It runs here, in this process, and works on any callable: a function, a lambda, the ``forward``
    of a layer. What is differentiated is the sum of ``output * output_grad``, in float64. Within
    ``step`` of a kink, as that of ReLU at 0, central differences mean nothing; nor do they in a
    function that computes in float32, whatever it is given.

    Args:
        function: takes the arrays, returns an array or a number.
        arrays: where the gradient is taken; they are copied, and computed with in float64.
        gradient: yours, to be compared: an array for each of ``arrays``, or a function that
            returns them and is called with the arrays and ``output_grad``.
        output_grad: of the shape of the output; ones by default.
        step: on either side.

    Raises:
        TypeError: there are no arrays, or they are not of numbers; there are too few gradients.
        ValueError: the function gives something else when it is called again, or no finite
            numbers; a shape does not fit.
    """
    if not step > 0:
        raise ValueError(f"gradcheck: step must be above 0, not {step}")
    if not arrays:
        raise TypeError("gradcheck: give the arrays too, as in gradcheck(f, x)")
    points = [_as_float(array, number) for number, array in enumerate(arrays, 1)]
    output = _output(function, points)
    if not np.array_equal(output, _output(function, points), equal_nan=True):
        raise ValueError(
            "gradcheck: the function gives something else when it is called again; does it draw "
            "random numbers, or keep something from call to call?"
        )
    weights = np.ones(output.shape) if output_grad is None else _real(output_grad, "output_grad")
    if weights.shape != output.shape:
        raise ValueError(
            f"gradcheck: output_grad has shape {weights.shape}, the output {output.shape}"
        )

    def objective() -> float:
        return float(np.sum(_output(function, points) * weights))

    slopes = tuple(central_differences(objective, point, step) for point in points)
    if gradient is None:
        return GradCheck(slopes)
    copies = (point.copy() for point in points)
    found = gradient(*copies, weights) if callable(gradient) else gradient
    given = list(found) if isinstance(found, list | tuple) else [found]
    if len(given) != len(slopes):
        raise TypeError(f"gradcheck: {len(given)} gradients for {len(slopes)} arrays")
    return GradCheck(
        slopes,
        tuple(
            compare(_real(mine, "a gradient"), right, dtype="float64", tolerance="numeric")
            for mine, right in zip(given, slopes, strict=True)
        ),
    )


def _as_float(array: Any, number: int) -> ndarray:
    """A copy in float64."""
    found = np.asarray(array)
    if found.dtype.kind not in "fiu":
        raise TypeError(
            f"gradcheck: argument {number} is {type(array).__name__} of {found.dtype}, must be an "
            "array of real numbers"
        )
    return np.array(found, dtype=np.float64)


def _real(values: Any, what: str) -> ndarray:
    """In float64, nothing of it left out."""
    found = np.asarray(values)
    if found.dtype.kind not in "fiu":
        raise TypeError(
            f"gradcheck: {what} is {type(values).__name__} of {found.dtype}, must be an array of "
            "real numbers"
        )
    return found.astype(np.float64)


def _output(function: Callable[..., Any], points: Sequence[ndarray]) -> ndarray:
    """What the function gives, called with copies."""
    output = np.asarray(function(*(point.copy() for point in points)))
    if output.dtype.kind not in "fiu":
        raise ValueError(f"gradcheck: the function gives {output.dtype}, must give real numbers")
    if not np.isfinite(output).all():
        raise ValueError("gradcheck: the function gives NaN or infinity here")
    return output.astype(np.float64)
