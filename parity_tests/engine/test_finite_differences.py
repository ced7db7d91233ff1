"""The third oracle: central differences agree with every gradient, scratch's and PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from parity.catalogue import components
from parity.catalogue.component import Case, Component, Given, Implementation
from parity.comparison import TOLERANCES
from parity.engine import run_case
from parity.oracle import central_differences, gradients

WITH_GRADIENTS = [entry for entry in components() if entry.gradients]

#: Where gradients are analytic, what is left is the central difference's own error, about 1e-10 of
#: the objective; the objective is a sum, tens of times as large as the gradient's largest element.
#: Where the component takes difference quotients itself, its own error comes on top.
ALLOWED = {
    "analytic": 5e-8,
    "numeric": 5e-8 + TOLERANCES["float64", "numeric"].relative,
    "through time": 5e-8,
}


@pytest.mark.parametrize("entry", WITH_GRADIENTS, ids=lambda entry: entry.name)
def test_gradients_are_slopes_on_both_sides(entry: Component) -> None:
    checked = set()
    for case in entry.cases:
        if case.dtype != "float64" or not case.differentiable:
            continue
        observed, _ = run_case(entry, case, Implementation())
        reference = entry.reference(Given(case.inputs(), case.options, observed.params))
        for name, slopes in gradients(entry, case, observed.params).items():
            if name not in reference:
                continue
            checked.add(name)
            scale = np.abs(slopes).max(initial=0)
            for side, found in (
                ("scratch", observed.tensors[name]),
                ("reference", reference[name]),
            ):
                np.testing.assert_allclose(
                    found,
                    slopes,
                    rtol=0,
                    atol=ALLOWED[case.tolerance] * scale,
                    err_msg=f"{entry.name}, {case.name}, {name}, {side}",
                    strict=True,
                )
    assert checked == set(entry.gradients)


LEFT_OUT = [
    (entry, case)
    for entry in WITH_GRADIENTS
    for case in entry.cases
    if not case.differentiable and case.dtype == "float64"
]


@pytest.mark.parametrize("entry, case", LEFT_OUT, ids=lambda part: part.name)
def test_only_what_no_difference_quotient_has_is_left_out(entry: Component, case: Case) -> None:
    observed, _ = run_case(entry, case, Implementation())
    reference = entry.reference(Given(case.inputs(), case.options, observed.params))
    slopes = gradients(entry, case, observed.params)
    assert not all(np.allclose(reference[name], slopes[name]) for name in slopes)


def test_every_component_with_a_backward_pass_is_among_them() -> None:
    names = {entry.name for entry in WITH_GRADIENTS}
    assert names >= {entry.name for entry in components() if "backward" in entry.skeleton} - {
        "matmul_backward_first",  # factors, no gradients
        "matmul_backward_second",
    }


def test_the_slope_of_a_cubic_is_known() -> None:
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    slopes = central_differences(lambda: float((x**3).sum()), x)
    np.testing.assert_allclose(slopes, 3 * x**2, rtol=1e-9)


def test_the_array_is_put_back_as_it_was() -> None:
    x = np.array([0.1, 1e9, -7.3])[::-1]
    before = x.copy()
    central_differences(lambda: float(x.sum()), x)
    assert x.tolist() == before.tolist()


def test_an_array_without_elements_has_no_slopes() -> None:
    assert central_differences(lambda: 0.0, np.zeros((0, 3))).shape == (0, 3)
