"""The third oracle: central differences, which know nothing of any backward pass.

Used on every gradient of the catalogue, and held against both the scratch side's and autograd's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Case, Component, Given, Implementation

#: Near the cube root of float64's precision, where the two errors of a central difference balance:
#: that of the step, which is its square times the third derivative, and that of rounding, which is
#: the precision over the step. Either is about 1e-10 of what is differentiated.
STEP = 1e-5


def central_differences(
    function: Callable[[], float], array: ndarray, step: float = STEP
) -> ndarray:
    """The slope of a function in each element of an array, by central differences.

    Args:
        function: computes a number from the array.
        array: of float64; changed element by element while this runs, and put back.
        step: on either side.
    """
    slopes = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = function()
        array[index] = value - step
        below = function()
        array[index] = value
        slopes[index] = (above - below) / (2 * step)
    return slopes


def gradients(
    component: Component, case: Case, params: Sequence[ndarray] = ()
) -> dict[str, ndarray]:
    """What a component's gradients in a case must be.

    Args:
        component: whose ``gradients`` name them; its scratch implementation computes its objective.
        case: of dtype float64.
        params: at which the gradients are taken, where the component has parameters.

    Returns:
        A gradient for each name in ``component.gradients`` that has its source in this case.
    """
    given = Given(case.inputs(), case.options, [np.array(param) for param in params] or None)
    sources = given.inputs | {f"params[{i}]": param for i, param in enumerate(given.params or ())}
    objective = component.objective or (lambda given: _weighted_output(component, given))
    return {
        name: central_differences(lambda: objective(given), sources[source])
        for name, source in component.gradients.items()
        if source in sources
    }


def _weighted_output(component: Component, given: Given) -> float:
    """What all backward passes that start from an ``output_grad`` take the gradient of."""
    tensors = component.run(Implementation(), given).tensors
    output = next(value for name, value in tensors.items() if name.startswith("output"))
    return float(np.sum(output * given.inputs["output_grad"]))
