"""`parity.gradcheck`: central differences of any callable, and whether a gradient is that."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy import ndarray

import parity
from scratch.activations import Sigmoid
from scratch.operations import WeightMultiply


def drawn(*shape: int, seed: int = 1) -> ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_a_function_s_slopes_are_shown() -> None:
    x = drawn(2, 3)
    found = parity.gradcheck(np.square, x)
    np.testing.assert_allclose(found.slopes[0], 2 * x, rtol=1e-9, atol=1e-10)
    assert found.ok
    assert str(found).startswith("By central differences:\n[[")
    assert repr(found) == str(found)


def test_the_forward_pass_of_a_layer_and_its_backward_pass() -> None:
    x, grad, layer = drawn(4, 3), drawn(4, 3, seed=2), Sigmoid()
    layer.forward(x)
    found = parity.gradcheck(layer.forward, x, gradient=layer.backward(grad), output_grad=grad)
    assert found.ok
    assert str(found) == "gradient 1: right"


def test_several_arrays_and_a_function_of_the_gradients() -> None:
    def gradients(x: ndarray, w: ndarray, grad: ndarray) -> tuple[ndarray, ndarray]:
        return grad @ w.T, x.T @ grad

    x, w = drawn(4, 3), drawn(3, 2)
    assert parity.gradcheck(np.matmul, x, w, gradient=gradients).ok
    wrong = parity.gradcheck(np.matmul, x, w, gradient=lambda x, w, g: (g @ w.T, 2 * x.T @ g))
    assert not wrong.ok
    assert wrong.differences[0] is None
    assert wrong.differences[1] is not None
    assert "gradient 2: differs in 6 of 6 elements" in str(wrong)


def test_a_parameter_s_gradient() -> None:
    x, w = drawn(4, 3), drawn(3, 2)
    layer = WeightMultiply(w)
    layer.forward(x)
    layer.backward(np.ones((4, 2)))
    found = parity.gradcheck(lambda W: WeightMultiply(W).forward(x), w, gradient=layer.param_grad)
    assert found.ok


def test_integers_and_float32_are_computed_with_in_float64_and_stay_as_they_are() -> None:
    for x in (np.arange(3), drawn(3).astype("float32")):
        before = x.copy()
        assert parity.gradcheck(np.square, x, gradient=2.0 * x).ok
        assert x.dtype == before.dtype
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "function, arrays, options, words",
    [
        (np.square, (), {}, "give the arrays too"),
        (np.square, ("text",), {}, "argument 1 is str"),
        (np.square, (np.ones(2) * 1j,), {}, "must be an array of real numbers"),
        (np.square, (np.ones(2),), {"gradient": [np.ones(2)] * 2}, "2 gradients for 1 array"),
        (np.square, (np.ones(2),), {"output_grad": np.ones(3)}, r"has shape \(3,\), the output"),
        (
            np.square,
            (np.ones(2),),
            {"gradient": 2 * np.ones(2) + 1j},
            "gradient 1 is ndarray of com",
        ),
        (np.square, (np.ones(2),), {"gradient": lambda x, g: None}, "gives None: forgot return"),
        (
            np.square,
            (np.ones(2),),
            {"output_grad": np.ones(2) * 1j},
            "output_grad is ndarray of co",
        ),
        (np.square, (np.ones(2),), {"step": 0}, "step must be above 0"),
        (np.log, (np.zeros(2),), {}, "NaN or infinity, there or a step away"),
        (lambda x: x * 1j, (np.ones(2),), {}, "must give real numbers"),
        (lambda x: x + np.random.default_rng().random(), (np.ones(2),), {}, "called again"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_cannot_be_checked_is_refused_in_a_sentence(
    function: Any, arrays: tuple[Any, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        parity.gradcheck(function, *arrays, **options)


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=5),
    st.floats(0.1, 5) | st.floats(-5, -0.1),
)
def test_a_gradient_times_anything_is_found_out(values: list[float], factor: float) -> None:
    x = np.array(values)
    right = np.exp(x)
    assert parity.gradcheck(np.exp, x, gradient=right).ok
    assume(abs(factor - 1) > 1e-4)
    assert not parity.gradcheck(np.exp, x, gradient=factor * right).ok


def test_importing_parity_loads_next_to_nothing() -> None:
    code = "import sys, parity; print({'numpy', 'torch', 'parity.numeric'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        parity.nothing  # noqa: B018
