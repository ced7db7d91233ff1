"""How far rounding alone can take a result, in one case with these very numbers.

The table in ``parity.comparison`` is for sums that keep their digits. Where large terms all but
cancel, what is left of them has fewer, and no implementation, PyTorch's own included, has more. How
many are lost depends on the numbers; so it is computed from them, for a result that the table calls
slightly wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import AdoptionError, Case, Component, Given
from parity.comparison import Difference

#: Of a term, in units of its last place: one for each of the two implementations that are compared.
_ROUNDINGS = 2.0

#: Errors beyond these, relative to the largest element, are never asked about: so many digits are
#: not lost in any case of the catalogue, and it saves the time.
_SLIGHT = {"float32": 1e-2, "float64": 1e-6}

#: How much a number is moved, relatively: little enough that results move in proportion, and far
#: more than float64's rounding.
_MOVE = 1e-10

_DRAWS = 25


def is_slight(difference: Difference, dtype: str) -> bool:
    """Whether a difference is so small that rounding may be all of it."""
    if difference.kind != "value" or difference.max_abs is None:
        return False
    return difference.max_abs <= _SLIGHT[dtype] * max(difference.scale or 0.0, 1e-3)


def rounding_of(
    component: Component, case: Case, inputs: Mapping[str, ndarray], params: Sequence[Any]
) -> dict[str, ndarray]:
    """For each result of the reference, how far each of its elements may be off by rounding.

    That is the precision of the case's dtype times the sum, over all numbers that went in, of the
    number's size times the slope on it: of a sum of terms, the sum of their absolute values. It is
    found without any slope: where each number is moved by its size times a draw from the Cauchy
    distribution, the result moves by a draw from that distribution times the sum, and the median
    over some draws is near it (Kreinovich and Ferson, "A new Cauchy-based black-box technique for
    uncertainty in risk analysis", 2004).

    A result that does not follow such moves, because it was chosen among equals or is a count, is
    left out.

    Args:
        component: whose reference is asked, in float64.
        case: which one it is.
        inputs: of the case.
        params: of the implementation.
    """
    if not case.differentiable:
        return {}
    given = {name: np.asarray(array, np.float64) for name, array in inputs.items()}
    adopted = [np.asarray(param, np.float64) for param in params]
    here = _results(component, case, given, adopted)
    generator = np.random.default_rng(0)

    def moved(array: ndarray) -> ndarray:
        # Draws beyond 1e4 are too large to be moved by; there is one in 15,000.
        draws = np.clip(generator.standard_cauchy(array.shape), -1e4, 1e4)
        return array * (1 + _MOVE * draws)

    there = [
        _results(
            component,
            case,
            {name: moved(array) for name, array in given.items()},
            [moved(param) for param in adopted],
        )
        for _ in range(_DRAWS)
    ]
    unit = _ROUNDINGS * float(np.finfo(case.dtype).eps) / _MOVE
    rounding = {}
    for name, result in here.items():
        if all(name in results and results[name].shape == result.shape for results in there):
            moves = np.abs([results[name] - result for results in there])
            rounding[name] = unit * np.median(moves, axis=0)
    return {name: allowed for name, allowed in rounding.items() if np.isfinite(allowed).all()}


def _results(
    component: Component, case: Case, inputs: Mapping[str, ndarray], params: list[ndarray]
) -> dict[str, ndarray]:
    """What the reference shows, as far as it is of float64; nothing if it takes no such numbers."""
    copies = {name: array.copy() for name, array in inputs.items()}
    given = Given(copies, case.options, [param.copy() for param in params])
    try:
        shown = component.reference(given)
    except AdoptionError:
        return {}
    results = {name: np.asarray(result) for name, result in shown.items()}
    return {name: result for name, result in results.items() if result.dtype.kind == "f"}
