"""``parity.gradcheck``: central differences of any function, held against a gradient."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy import ndarray

from parity.arguments import (
    as_float,
    as_output,
    as_real,
    changed,
    gradients_for,
    names_of,
    require_arguments,
)
from parity.comparison import Difference, compare
from parity.oracle import STEP
from parity.slopes import SINGLE_STEP, Objective, Slopes, computes_in_single, slopes_of

#: Of a line in what is shown.
WIDTH = 80

#: Slopes that rounding hides are 0 for all that matters if they are below that, relative to
#: ``output_grad``; as those of the sum of a softmax.
_NOTHING = 1e-6


@dataclass(frozen=True)
class GradCheck:
    """What central differences say of a function's gradients.

    Attributes:
        slopes: for each array, the gradient by central differences, in the array's shape. At a kink
            it is the mean of the slopes on its sides.
        differences: for each array, why the gradient given is not that, or None where it is; empty
            if none was given. Of kind "kink" or "rounding" where it cannot be judged.
        kinks: for each array, in which elements the slopes to the left and to the right differ.
            These are neither right nor wrong, and are left out.
        relations: for each array, a sentence about what a wrong gradient has to do with the right
            one, or None.
        notes: sentences about the function: that it changes its arguments, that it computes in
            float32.
        sides: for each array, words for its kinks; "" where it has none.
    """

    slopes: tuple[ndarray, ...]
    differences: tuple[Difference | None, ...] = ()
    kinks: tuple[ndarray, ...] = ()
    relations: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every gradient that was given is right wherever it can be judged, and can be
        judged in one element at least. True if there are none.
        """
        return not any(self.differences)

    def __str__(self) -> str:
        lines = self._verdicts() if self.differences else self._shown()
        return "\n".join([*lines, *(line for note in self.notes for line in _wrapped(note))])

    __repr__ = __str__

    def _verdicts(self) -> list[str]:
        lines = []
        rows = zip(self.differences, self.relations, self.sides, strict=True)
        for number, (difference, relation, sides) in enumerate(rows, 1):
            words = [f"gradient {number}: {'right' if difference is None else difference.message}"]
            words += [relation.rstrip(".")] if relation else []
            if sides and (difference is None or difference.kind != "kink"):
                words.append(f"Left out: {sides}")
            lines += _wrapped(". ".join(words))
        return lines

    def _shown(self) -> list[str]:
        lines = ["By central differences:"]
        for number, slopes in enumerate(self.slopes):
            lines.append(np.array2string(slopes, precision=6, threshold=50, max_line_width=WIDTH))
            if self.sides[number]:
                lines += _wrapped(
                    f"Slopes of array {number + 1} tell nothing in {self.sides[number]}."
                )
        return lines


def gradcheck(
    function: Callable[..., Any],
    *arrays: ndarray,
    gradient: ndarray | Sequence[Any] | Mapping[str, Any] | Callable[..., Any] | None = None,
    output_grad: ndarray | None = None,
    step: float | None = None,
) -> GradCheck:
    """The gradient of a function by central differences, and whether yours is that.

    It runs here, in this process, and works on any callable: a function, a lambda, the ``forward``
    of a layer. What is differentiated is the sum of ``output * output_grad``.

    Where a kink is, as that of ReLU at 0, there is no slope: such elements are named and left out
    of the verdict. A gradient of which all elements are at kinks is not ok. What rounding of the
    function's values may do to a slope is allowed for, and no more.

    A function that computes in float32, whatever it is given, is differentiated with a step of
    1/256, and its gradients are judged by float32's tolerance, 1 %; a note says so.

    Where a wrong gradient stands in a simple relation to the right one, as "times 2", "transposed",
    or "divided by the batch size", that is said.

    Args:
        function: takes the arrays, returns an array or a number. It gets copies; that it changes
            them is noted.
        arrays: where the gradient is taken; they are copied, and computed with in float64.
        gradient: yours, to be compared: for one array, an array or a nested list; for several, one
            for each of ``arrays`` in a list or tuple, or in a dict by the names of the function's
            parameters; or a function that returns them and is called with the arrays and
            ``output_grad``. With None, nothing is compared.
        output_grad: of the shape of the output; ones by default.
        step: on either side; by default 1e-5.

    Raises:
        TypeError: there are no arrays, or they are not of numbers; the gradients are too few, have
            other names, or are None.
        ValueError: the function gives something else when it is called again, or None, or no finite
            numbers, or computes in float16; a shape does not fit; the step is too small for float32
            or for an element.
    """
    if step is not None and not step > 0:
        raise ValueError(f"gradcheck: step must be above 0, not {step}")
    if not arrays:
        raise TypeError("gradcheck: give the arrays too, as in gradcheck(f, x)")
    points = [as_float(array, number) for number, array in enumerate(arrays, 1)]
    names = names_of(function, len(points))
    copies = [point.copy() for point in points]
    require_arguments(function, copies, "the function", "the arrays")
    output, is_single = as_output(function(*copies))
    notes = changed("the function", copies, points, names)
    if not np.array_equal(output, _output_at(function, points)):
        raise ValueError(
            "gradcheck: the function gives something else when it is called again; does it draw "
            "random numbers, or keep something from call to call?"
        )
    weights = np.ones(output.shape) if output_grad is None else as_real(output_grad, "output_grad")
    if weights.shape != output.shape:
        raise ValueError(
            f"gradcheck: output_grad has shape {weights.shape}, the output {output.shape}"
        )
    objective = Objective(lambda: _output_at(function, points), points, weights)
    if is_single or computes_in_single(objective):
        if step is not None and step < 1e-3:
            raise ValueError(
                f"gradcheck: the function computes in float32, where a step of {step:g} drowns in "
                "rounding; leave step out, or let it compute in float64"
            )
        objective = replace(objective, single=True)
        notes.append(
            "The function computes in float32, so the step is "
            f"{step or SINGLE_STEP:.2g} and gradients are held to 1 % only; let it compute in "
            "float64 for a closer look."
        )
    size = step or (SINGLE_STEP if objective.single else STEP)
    slopes = tuple(slopes_of(objective, which, size) for which in range(len(points)))
    shown = GradCheck(
        tuple(s.central for s in slopes),
        kinks=tuple(s.kinks for s in slopes),
        notes=tuple(notes),
        sides=tuple(map(_sides_in_words, slopes)),
    )
    if gradient is None:
        return shown
    found = gradient
    if callable(gradient):
        copies = [point.copy() for point in points]
        arguments = [*copies, weights.copy()]
        who = "the function of the gradient"
        require_arguments(gradient, arguments, who, "the arrays and output_grad")
        found = gradient(*arguments)
        notes += changed("the function of the gradient", copies, points, names)
    mine = [
        as_real(value, f"gradient {number}")
        for number, value in enumerate(gradients_for(found, points, names), 1)
    ]
    differences = tuple(
        _difference(value, right, objective) for value, right in zip(mine, slopes, strict=True)
    )
    inputs = dict(zip(names, points, strict=True))
    if output_grad is not None:
        inputs["output_grad"] = weights
    relations = (
        None
        if difference is None or difference.kind not in ("value", "shape") or objective.single
        else _relation(f"{name}_grad", value, right, inputs, output)
        for name, value, right, difference in zip(names, mine, slopes, differences, strict=True)
    )
    return replace(shown, differences=differences, relations=tuple(relations), notes=tuple(notes))


def _difference(mine: ndarray, right: Slopes, objective: Objective) -> Difference | None:
    """Why a gradient is not the right one, kinks left out and rounding allowed for."""
    dtype = "float32" if objective.single else "float64"
    if mine.shape != right.central.shape or not mine.size:
        return compare(mine, right.central, dtype=dtype, tolerance="numeric", upcast=True)
    if right.kinks.all():
        return Difference("kink", f"cannot be judged: {_sides_in_words(right)}; take it elsewhere")
    left_out = right.kinks & np.isfinite(mine)
    unseen = np.abs(mine - right.central) <= right.noise
    wanted = np.where(left_out, 0.0, _without_noise(right))
    found = np.where(left_out, 0.0, np.where(unseen, wanted, mine))
    difference = compare(found, wanted, dtype=dtype, tolerance="numeric", upcast=True)
    noise = float(right.noise[~right.kinks].max())
    if difference is None and noise > max(
        1e-2 * right.scale, _NOTHING * float(np.abs(objective.weights).max(initial=0.0))
    ):
        mend = (
            "let it compute in float64"
            if objective.single
            else "give a larger step, or take off its values what does not depend on the arrays"
        )
        return Difference(
            "rounding",
            f"cannot be judged: rounding of the function's values hides slopes below {noise:.2g}; "
            f"{mend}",
        )
    return difference


def _relation(
    name: str, mine: ndarray, right: Slopes, inputs: dict[str, ndarray], output: ndarray
) -> str | None:
    """What a wrong gradient has to do with the right one."""
    from parity.catalogue.component import Case
    from parity.diagnosis.relations import Sample, relate

    expected = _without_noise(right)
    if right.kinks.any():
        if mine.shape != expected.shape:
            return None
        # What is left of the array has no rows, and no place beside the other arrays.
        mine, expected = mine[~right.kinks], expected[~right.kinks]
    relation = relate(
        [
            Sample(
                case=Case(name, {}, tolerance="numeric"),
                name=name,
                found=mine,
                expected=expected,
                shown={name: mine},
                wanted={"output": output, name: expected},
                inputs=inputs,
                params=(),
                wrong=True,
            )
        ]
    )
    if relation is None:
        return None
    return relation.sentence.replace("the right output", "the output itself")


def _without_noise(slopes: Slopes) -> ndarray:
    """The slopes, 0 where rounding is all there is."""
    return np.where(np.abs(slopes.central) <= slopes.noise, 0.0, slopes.central)


def _sides_in_words(slopes: Slopes) -> str:
    """Where there are kinks, or "" if there are none."""
    if not slopes.kinks.any():
        return ""
    first = tuple(int(i) for i in np.argwhere(slopes.kinks)[0])
    left, right = slopes.left[first], slopes.right[first]
    size = slopes.kinks.size
    many = f"{int(slopes.kinks.sum())} of {size} elements" if size > 1 else "its one element"
    where = f", first at {list(first)}," if size > 1 else ""
    return (
        f"{many} at a kink{where} where the slope is {left:.4g} on the left and {right:.4g} on "
        "the right"
    )


def _output_at(function: Callable[..., Any], points: Sequence[ndarray]) -> ndarray:
    """What the function gives, called with copies; what it warns of, it did where it was first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return as_output(function(*(point.copy() for point in points)))[0]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
