"""Where differences tell little: kinks, float32, rounding; what `parity.gradcheck` says then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy import ndarray

import parity
from parity.numeric import WIDTH, GradCheck


def drawn(*shape: int, seed: int = 1) -> ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def relu(x: ndarray) -> ndarray:
    return np.maximum(x, 0)


def sigmoid(x: ndarray) -> ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: ndarray) -> ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def kind_of(found: GradCheck) -> str:
    (difference,) = found.differences
    return "right" if difference is None else difference.kind


@pytest.mark.parametrize("at_the_kink", (0.0, 0.5, 1.0, 7.0))
def test_an_element_at_a_kink_is_left_out(at_the_kink: float) -> None:
    x = np.array([[1.5, 0.0], [-2.0, 0.7]])
    mine = np.where(x == 0, at_the_kink, x > 0)
    found = parity.gradcheck(relu, x, gradient=mine)
    assert found.ok
    assert found.kinks[0].tolist() == [[False, True], [False, False]]
    assert "right. Left out: 1 of 4 elements at a kink, first at [0, 1]" in str(found)
    assert "0 on the left and 1 on the right" in " ".join(str(found).split())


def test_an_element_at_a_kink_hides_nothing_of_the_others() -> None:
    x, factors = np.array([1.5, 0.0, -2.0, 0.7]), np.arange(1.0, 5.0)
    found = parity.gradcheck(relu, x, gradient=2 * factors * (x > 0), output_grad=factors)
    (difference,) = found.differences
    assert difference is not None
    assert difference.count == 2
    assert "right one times 2" in str(found)
    assert "Left out: 1 of 4" in str(found)


@given(
    st.lists(st.floats(-1e-4, 1e-4) | st.floats(-2, 2), min_size=1, max_size=6),
    st.sampled_from((relu, np.abs, lambda x: np.where(x > 0, 3 * x, 0.1 * np.sinh(x)))),
)
def test_near_a_kink_a_right_gradient_is_never_wrong(values: list[float], function: Any) -> None:
    x = np.array(values)
    slopes = {relu: x > 0, np.abs: np.sign(x)}
    right = slopes.get(function, np.where(x > 0, 3, 0.1 * np.cosh(x))) * 1.0
    found = parity.gradcheck(function, x, gradient=right)
    assert kind_of(found) in ("right", "kink")
    assert found.ok or found.kinks[0].all()
    assert not found.kinks[0][np.abs(x) > 1e-5].any()


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=6), st.floats(-4, 4))
@example([0.0], 2.65e-9)
@example([4.4e-22], 0.0)
def test_what_is_smooth_has_no_kinks(values: list[float], rate: float) -> None:
    x = np.array(values)
    found = parity.gradcheck(lambda x: np.sin(rate * x) + x**3, x)
    assert not found.kinks[0].any()


def test_what_bends_hard_but_smoothly_has_no_kinks() -> None:
    x = 0.01 * drawn(6)
    assert parity.gradcheck(lambda x: np.exp(300 * x), x, gradient=300 * np.exp(300 * x)).ok
    y = np.array([0.0, 0.3, -0.4])
    assert parity.gradcheck(lambda x: x * np.abs(x), y, gradient=2 * np.abs(y)).ok
    assert parity.gradcheck(lambda x: x**3, np.zeros(2), gradient=np.zeros(2)).ok


def test_a_gradient_that_is_at_kinks_everywhere_is_not_ok() -> None:
    found = parity.gradcheck(np.abs, np.zeros(3), gradient=np.zeros(3))
    assert not found.ok
    assert kind_of(found) == "kink"
    assert str(found).startswith("gradient 1: cannot be judged: 3 of 3 elements at a kink")


def test_a_jump_does_not_set_the_scale_for_the_rest() -> None:
    x = np.array([1.0, 0.0, -1.0])
    found = parity.gradcheck(lambda x: x + (x > 0), x, gradient=np.full(3, 1.001))
    assert found.kinks[0].tolist() == [False, True, False]
    assert kind_of(found) == "value"


def test_slopes_that_are_shown_say_where_they_tell_nothing() -> None:
    found = parity.gradcheck(relu, np.array([1.0, 0.0]))
    assert found.ok
    assert "Slopes of array 1 tell nothing in 1 of 2 elements at a kink" in str(found)


def in_float32(x: ndarray) -> ndarray:
    return np.tanh(x.astype(np.float32))


SINGLE = {
    "gives float32": in_float32,
    "float32 inside": lambda x: in_float32(x).astype(np.float64),
    "float32 inside, then a sum": lambda x: in_float32(x).astype(np.float64).sum(),
    "half of it in float32": lambda x: 0.5 * in_float32(x).astype(np.float64) + 0.5 * np.tanh(x),
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_function_in_float32_is_told_and_judged_by_float32(name: str) -> None:
    x = drawn(4, 3)
    right = 1 - np.tanh(x) ** 2
    found = parity.gradcheck(SINGLE[name], x, gradient=right)
    assert found.ok
    assert "The function computes in float32" in str(found)
    assert kind_of(parity.gradcheck(SINGLE[name], x, gradient=1.05 * right)) == "value"
    with pytest.raises(ValueError, match="a step of 1e-05 drowns in rounding; leave step out"):
        parity.gradcheck(SINGLE[name], x, step=1e-5)


def network(x: ndarray, w: ndarray, v: ndarray) -> ndarray:
    return np.mean((relu(x @ w) @ v) ** 2, dtype=x.dtype)


def network_grads(x: ndarray, w: ndarray, v: ndarray, grad: ndarray) -> tuple[ndarray, ...]:
    hidden = relu(x @ w)
    p_grad = 2 * grad * (hidden @ v) / (len(x) * v.shape[1])
    z_grad = p_grad @ v.T * (hidden > 0)
    return z_grad @ w.T, x.T @ z_grad, hidden.T @ p_grad


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("size", (0.01, 1.0, 100.0))
def test_a_right_network_is_never_called_wrong(size: float, seed: int) -> None:
    """Whether it computes in float64 or, unseen from outside, in float32, near kinks and far."""
    generator = np.random.default_rng(seed)
    x, w, v = (generator.standard_normal(shape) for shape in ((6, 4), (4, 5), (5, 2)))
    arrays = size * x, w, v
    assert parity.gradcheck(network, *arrays, gradient=network_grads).ok

    def single(*arrays: ndarray) -> float:
        return float(network(*(array.astype(np.float32) for array in arrays)))

    found = parity.gradcheck(single, *arrays, gradient=network_grads)
    assert "The function computes in float32" in str(found)
    # Where digits are few it may be that nothing is said, but nothing wrong is.
    assert {d.kind for d in found.differences if d is not None} <= {"rounding", "kink"}
    wrong = parity.gradcheck(
        single, *arrays, gradient=lambda *a: [2 * g for g in network_grads(*a)]
    )
    assert "value" in {d.kind for d in wrong.differences if d is not None}


@pytest.mark.parametrize(
    "function",
    (np.tanh, relu, np.sum, np.floor, lambda x: np.round(x, 2), lambda x: 1e6 + x, softmax),
)
def test_a_function_in_float64_is_not_taken_for_float32(function: Any) -> None:
    for x in (drawn(4, 3), np.arange(12.0).reshape(4, 3), np.zeros((2, 2))):
        assert not any("float32" in note for note in parity.gradcheck(function, x).notes)


def test_rounding_of_large_values_is_allowed_for() -> None:
    x = drawn(5)
    assert parity.gradcheck(lambda x: 1e6 + x**2, x, gradient=2 * x).ok
    assert kind_of(parity.gradcheck(lambda x: 1e6 + x**2, x, gradient=2.1 * x)) == "value"
    hidden = parity.gradcheck(lambda x: 1e12 + x**2, x, gradient=2 * x)
    assert kind_of(hidden) == "rounding"
    assert "rounding of the function's values hides slopes" in " ".join(str(hidden).split())


def test_slopes_that_are_0_but_for_rounding_are_0() -> None:
    x = drawn(4, 3)
    assert parity.gradcheck(softmax, x, gradient=np.zeros((4, 3))).ok
    wrong = parity.gradcheck(softmax, x, gradient=np.full((4, 3), 1e-5))
    assert "expected 0, got 1e-05" in " ".join(str(wrong).split())


def test_a_function_that_changes_its_argument_is_told() -> None:
    def doubled(x: ndarray) -> ndarray:
        x *= 2
        return x

    def gradients(x: ndarray, grad: ndarray) -> ndarray:
        x[...] = 2
        return x

    found = parity.gradcheck(doubled, drawn(3), gradient=gradients)
    assert found.ok
    assert [note.split("; ")[0] for note in found.notes] == [
        "Note that the function changes its argument x in place",
        "Note that the function of the gradient changes its argument x in place",
    ]


@pytest.mark.parametrize(
    "x, gradient",
    [
        ([1, 2, 3], [2, 4, 6]),
        ([1, 2, 3], [[2, 4, 6]]),
        ([1, 2, 3], (np.array([2, 4, 6]),)),
        ([[1, 2], [3, 4]], [[2, 4], [6, 8]]),
        ([[1, 2], [3, 4]], [np.array([2, 4]), np.array([6, 8])]),
        ([[1, 2, 3]], [[2, 4, 6]]),
        (3, 6),
        ([3], [6]),
    ],
)
def test_the_gradient_of_one_array_may_be_a_list(x: Any, gradient: Any) -> None:
    assert parity.gradcheck(np.square, x, gradient=gradient).ok


def mean_square(X: ndarray, W: ndarray) -> float:
    return float(((X @ W) ** 2).mean())


def test_gradients_go_by_the_names_of_the_arguments() -> None:
    X, W = drawn(4, 3), drawn(3, 2, seed=2)
    named = {"W": 2 * X.T @ (X @ W) / 8, "X": 2 * (X @ W) @ W.T / 8}
    assert parity.gradcheck(mean_square, X, W, gradient=named).ok
    assert parity.gradcheck(mean_square, X, W, gradient=lambda X, W, grad: named).ok
    with pytest.raises(TypeError, match="gradients named X, but the arrays are X, W"):
        parity.gradcheck(mean_square, X, W, gradient={"X": X})


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda X, W: 4 * (X @ W) @ W.T / 10, "It is the right one times 2"),
        (lambda X, W: -2 * (X @ W) @ W.T / 10, "with the opposite sign"),
        (lambda X, W: (X @ W) @ W.T, "the right one times the batch size (5)"),
        (lambda X, W: (2 * (X @ W) @ W.T / 10).T, "It is the right one, transposed"),
        (lambda X, W: (2 * (X @ W) @ W.T / 10).sum(axis=0), "summed over the batch axis"),
        (lambda X, W: 0 * X, "It is 0 everywhere"),
    ],
)
def test_what_a_wrong_gradient_has_to_do_with_the_right_one(make: Any, words: str) -> None:
    X, W = drawn(5, 3), drawn(3, 2, seed=2)
    found = parity.gradcheck(lambda X: mean_square(X, W), X, gradient=make(X, W))
    assert not found.ok
    assert words in " ".join(str(found).split())


def test_a_factor_that_is_missing_is_named() -> None:
    x, grad = drawn(4, 3), drawn(4, 3, seed=2)
    y = sigmoid(x)
    found = parity.gradcheck(sigmoid, x, gradient=grad * y, output_grad=grad)
    assert found.relations == ("It lacks the factor (1 - output).",)
    without = parity.gradcheck(sigmoid, x, gradient=y * (1 - y), output_grad=grad)
    assert without.relations == ("It lacks the factor output_grad.",)


def test_numbers_that_have_nothing_to_do_with_it_have_no_relation() -> None:
    x = drawn(4, 3)
    for seed in range(2, 22):
        found = parity.gradcheck(sigmoid, x, gradient=drawn(4, 3, seed=seed))
        assert found.relations == (None,)


def test_no_line_is_longer_than_a_terminal_is_wide() -> None:
    x = np.concatenate([drawn(40), [0.0]])
    shown = [
        parity.gradcheck(relu, 1000 * x),
        parity.gradcheck(relu, x, gradient=2.0 * (x > 0)),
        parity.gradcheck(in_float32, x, gradient=x),
        parity.gradcheck(lambda x: 1e12 + x, x, gradient=x),
    ]
    for found in shown:
        assert max(map(len, str(found).splitlines())) <= WIDTH


@pytest.mark.parametrize(
    "function, arrays, options, words",
    [
        (lambda x: None, (np.ones(2),), {}, "the function gives None: forgot return"),
        (lambda x: (x, x.sum()), (np.ones(2),), {}, r"as in gradcheck\(lambda x: f\(x\)\[0\], x\)"),
        (lambda x: {"x": x}, (np.ones(2),), {}, "gives dict of object, must give real numbers"),
        (lambda x: x.astype("float16"), (np.ones(2),), {}, "float16, which is too coarse"),
        (np.square, (np.array([1e12]),), {}, "1e-05 makes no difference to an element of 1e"),
        (np.add, (np.ones(2), np.ones(2)), {"gradient": [np.ones(2), None]}, "gradient 2 is None"),
        (np.square, (np.ones(2),), {"gradient": [[1, 2], [3]]}, "2 gradients for 1 array"),
        (mean_square, (np.ones(2),), {}, "with the arrays, 1 argument, but takes X, W"),
        (
            np.square,
            (np.ones(2),),
            {"gradient": lambda x: 2 * x},
            "with the arrays and output_grad, 2 arguments, but takes x",
        ),
        (lambda x: np.log(x), (np.array([1e-6]),), {}, "NaN or infinity, there or a step away"),
        (np.square, (np.ones(2),), {"gradient": [[[1, 2], [3]]]}, "gradient 1 is a ragged list"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_a_sentence(
    function: Any, arrays: tuple[Any, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        parity.gradcheck(function, *arrays, **options)
