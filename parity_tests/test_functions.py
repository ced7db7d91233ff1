"""``scratch/functions`` against ``reference/functions.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from reference import functions as reference
from scratch import functions
from scratch.functions import (
    chain_deriv,
    chain_deriv_2,
    chain_deriv_3,
    chain_forward,
    chain_length_2,
    deriv,
    leaky_relu,
    matmul_backward_first,
    matmul_backward_second,
    matrix_function_backward_1,
    matrix_function_backward_sum_1,
    matrix_function_forward_sum,
    multiple_inputs_add_backward,
    multiple_inputs_multiply_backward,
    normalize,
    one_hot,
    relu,
    sigmoid,
    softmax,
    square,
)

ELEMENTWISE = (square, relu, leaky_relu, sigmoid)


@pytest.mark.components("functions")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture
def plot_range() -> ndarray:
    """The points of the book's figures."""
    return np.arange(-3, 3, 0.01)


def matrices(batch: int, n_in: int, n_out: int, dtype: str = "float64") -> tuple[ndarray, ndarray]:
    stream = np.random.RandomState(190204)
    X, W = stream.standard_normal((batch, n_in)), stream.standard_normal((n_in, n_out))
    return X.astype(dtype), W.astype(dtype)


# Values


@pytest.mark.parametrize("func", [relu, leaky_relu])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_rectifiers_are_0_at_0(func: functions.ArrayFunction, zero: float) -> None:
    assert func(np.array([zero])) == 0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sigmoid_saturates_without_overflow(dtype: str) -> None:
    x = np.array([-1000, -750, 0, 750, 1000], dtype=dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        np.testing.assert_array_equal(sigmoid(x), [0, np.exp(np.array(-750, dtype)), 0.5, 1, 1])


def test_sigmoid_keeps_its_digits_far_out() -> None:
    x = np.array([-700.0, -300.0, -40.0])
    np.testing.assert_allclose(sigmoid(x), np.exp(x), rtol=1e-15)


def test_sigmoid_of_nan_is_nan() -> None:
    np.testing.assert_array_equal(sigmoid(np.array([np.nan, 0.0])), [np.nan, 0.5])


# Derivatives


@pytest.mark.parametrize("delta", [0.1, 0.01])
def test_error_of_deriv_is_delta_squared_for_a_cube(delta: float) -> None:
    x = np.linspace(-2, 2, 9)
    error = deriv(lambda x: x**3, x, delta) - 3 * x**2
    np.testing.assert_allclose(error, delta**2, rtol=1e-8)


def test_half_the_delta_gives_a_quarter_of_the_error() -> None:
    x = np.linspace(0.5, 2, 7)
    exact = sigmoid(x) * (1 - sigmoid(x))
    wide, narrow = (np.abs(deriv(sigmoid, x, delta) - exact) for delta in (0.02, 0.01))
    np.testing.assert_allclose(wide / narrow, 4, rtol=1e-3)


def test_deriv_of_integers_is_not_rounded() -> None:
    np.testing.assert_allclose(deriv(sigmoid, np.array([0, 1])), [0.25, 0.1966], atol=1e-4)


@pytest.mark.parametrize(
    ("of_length", "chain"),
    [
        (chain_deriv_2, (square, sigmoid)),
        (chain_deriv_2, (sigmoid, square)),
        (chain_deriv_3, (leaky_relu, sigmoid, square)),
        (chain_deriv_3, (square, leaky_relu, sigmoid)),
    ],
)
def test_chains_of_given_length_are_chains_of_any_length(
    of_length: Callable[..., ndarray], chain: functions.Chain, plot_range: ndarray
) -> None:
    np.testing.assert_array_equal(of_length(chain, plot_range), chain_deriv(chain, plot_range))
    if len(chain) == 2:
        np.testing.assert_array_equal(
            chain_length_2(chain, plot_range), chain_forward(chain, plot_range)
        )


def test_slope_of_five_functions_is_the_slope_of_their_composition(plot_range: ndarray) -> None:
    chain = [sigmoid, square, lambda x: 3 * x - 1, sigmoid, square]
    whole = deriv(lambda x: chain_forward(chain, x), plot_range)
    np.testing.assert_allclose(chain_deriv(chain, plot_range), whole, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "chain", [(square, sigmoid), (sigmoid, square), (leaky_relu, sigmoid, square)]
)
def test_slope_has_the_sign_of_the_rise(chain: functions.Chain, plot_range: ndarray) -> None:
    """Figures 1.9 and 1.11: positive where the function rises, negative where it falls."""
    middles = (plot_range[1:] + plot_range[:-1]) / 2
    rise = np.diff(chain_forward(chain, plot_range))
    np.testing.assert_array_equal(np.sign(chain_deriv(chain, middles)), np.sign(rise))


def test_slope_is_0_where_the_curve_is_flat() -> None:
    """Figure 1.9: the square, then the sigmoid, is flat at 0."""
    assert chain_deriv_2((square, sigmoid), np.array([0.0])) == 0


# Matrices


def test_gradient_of_matrices_passes_the_books_check_at_x11() -> None:
    """Chapter 1, "The fun part: the backward pass": one element moved by 0.001."""
    X, W = matrices(3, 3, 2)
    moved = X.copy()
    moved[0, 0] += 0.001
    rise = matrix_function_forward_sum(moved, W, sigmoid) - matrix_function_forward_sum(
        X, W, sigmoid
    )
    assert round(rise / 0.001, 4) == 0.2489
    assert round(matrix_function_backward_sum_1(X, W, sigmoid)[0, 0], 4) == 0.2489


def test_backward_factors_carry_a_gradient_over_to_both_matrices() -> None:
    X, W = matrices(7, 5, 3)
    N_grad = np.random.RandomState(1).standard_normal((7, 3))
    X_grad, W_grad = N_grad @ matmul_backward_first(X, W), matmul_backward_second(X, W) @ N_grad
    np.testing.assert_allclose(X_grad, np.einsum("bo,io->bi", N_grad, W))
    np.testing.assert_allclose(W_grad, np.einsum("bi,bo->io", X, N_grad))


# Classification


def test_softmax_favours_the_largest_more_than_normalize_does() -> None:
    """Chapter 4, "Component #1: The Softmax Function": the book's three numbers."""
    x = np.array([5, 3, 2])
    assert normalize(x).round(2).tolist() == [0.5, 0.3, 0.2]
    assert softmax(x).round(2).tolist() == [0.84, 0.11, 0.04]


AXES = [((4,), 0), ((4,), -1), ((4, 3), 0), ((4, 3), 1), ((2, 4, 3), 1), ((2, 4, 3), -3)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("shape", "axis"), [*AXES, ((), None), ((4, 3), None), ((2, 4, 3), None)])
@pytest.mark.parametrize("name", ["normalize", "softmax"])
def test_shares_add_up_to_1_along_any_axis_as_in_pytorch(
    name: str, shape: tuple[int, ...], axis: int | None, dtype: str
) -> None:
    x = np.random.RandomState(4).uniform(0.5, 3, shape).astype(dtype)
    shares = getattr(functions, name)(x, axis)
    tolerance = 1e-14 if dtype == "float64" else 1e-6
    assert shares.shape == shape
    assert shares.dtype == dtype
    np.testing.assert_allclose(shares.sum(axis=axis), 1, rtol=tolerance)
    twin = getattr(reference, name)(torch.from_numpy(x), axis).numpy()
    np.testing.assert_allclose(shares, twin, rtol=tolerance)


@pytest.mark.parametrize("name", ["normalize", "softmax"])
def test_shares_are_taken_along_the_last_axis_by_default(name: str) -> None:
    x = np.random.RandomState(4).uniform(0.5, 3, (2, 4, 3))
    np.testing.assert_array_equal(getattr(functions, name)(x), getattr(functions, name)(x, 2))
    twin = getattr(reference, name)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(getattr(functions, name)(x), twin, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shift", [0, -1000, 1000, 1e30])
def test_softmax_does_not_overflow(shift: float, dtype: str) -> None:
    x = (np.array([[0.0, 0.0, -2000.0]]) + shift).astype(dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        last = 1 / 3 if abs(shift) > 1e9 else 0
        np.testing.assert_allclose(softmax(x), [[(1 - last) / 2] * 2 + [last]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8])
def test_softmax_takes_integers_as_float64(dtype: type[np.integer[Any]]) -> None:
    """In uint8, the second less the first overflows."""
    x = np.array([100, 0], dtype)
    assert softmax(x).dtype == np.float64
    np.testing.assert_array_equal(softmax(x), softmax(x.astype(float)))
    np.testing.assert_array_equal(normalize(x), [1, 0])


@pytest.mark.parametrize("function", [normalize, softmax])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_shares_are_a_new_array(function: Callable[..., ndarray], dtype: str) -> None:
    x = np.array([[0.5, 2.0, 3.0]], dtype)
    x.setflags(write=False)
    result = function(x, 1)
    assert result.dtype == dtype
    assert result.flags.writeable
    assert not np.shares_memory(result, x)


@pytest.mark.parametrize("rows", [[[1.0, -1.0]], [[1.0, 2.0], [0.0, 0.0]]])
def test_nothing_is_divided_by_a_sum_of_0(rows: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="normalize: cannot divide by a sum of 0"):
        normalize(np.array(rows), axis=1)
    with pytest.raises(ValueError, match="normalize: cannot divide by a sum of 0"):
        reference.normalize(torch.tensor(rows), axis=1)


@pytest.mark.parametrize("function", [normalize, softmax])
@pytest.mark.parametrize(
    ("shape", "axis", "words"),
    [
        ((3, 0), 1, r"shape \(3, 0\) has no elements along axis 1"),
        ((3, 0), -1, r"shape \(3, 0\) has no elements along axis -1"),
        ((0,), None, r"shape \(0,\) has no elements$"),
        ((3, 2), 2, r"no axis 2 in an array of shape \(3, 2\)"),
        ((3, 2), -3, r"no axis -3 in an array of shape \(3, 2\)"),
        ((), -1, r"no axis -1 in an array of shape \(\)"),
    ],
)
def test_axis_without_elements_is_refused(
    function: Callable[..., ndarray], shape: tuple[int, ...], axis: int | None, words: str
) -> None:
    with pytest.raises(ValueError, match=f"{function.__name__}: .*{words}"):
        function(np.ones(shape), axis)


@pytest.mark.parametrize("function", [normalize, softmax])
def test_no_rows_give_no_rows(function: Callable[..., ndarray]) -> None:
    assert function(np.ones((0, 3)), 1).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_one_hot_has_the_dtype_that_is_asked_for(dtype: type[np.generic]) -> None:
    rows = one_hot([0, 2, 1], 4, dtype)
    assert rows.dtype == dtype
    assert rows.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint64])
def test_any_integers_will_do_as_class_numbers(dtype: type[np.integer[Any]]) -> None:
    labels = np.array([9, 0, 5], dtype)
    rows = one_hot(labels, 10)
    assert rows.dtype == np.float64
    assert rows.argmax(axis=1).tolist() == [9, 0, 5]
    if dtype != np.uint64:
        np.testing.assert_array_equal(rows, reference.one_hot(torch.from_numpy(labels), 10).numpy())


def test_no_labels_give_no_rows() -> None:
    assert one_hot(np.zeros(0, int), 10).shape == (0, 10)


@pytest.mark.parametrize(
    ("labels", "num_classes", "words"),
    [
        (np.array([0, 3]), 3, "must lie between 0 and 2, not be 3"),
        (np.array([0, -1, 9]), 3, "must lie between 0 and 2, not be -1"),
        (np.array([0.0, 1.0]), 3, "must be integers, not float64"),
        (np.array([True, False]), 3, "must be integers, not bool"),
        (np.array([[0], [1]]), 3, r"must have shape \(n,\), not \(2, 1\)"),
        (np.array(1), 3, r"must have shape \(n,\), not \(\)"),
        (np.zeros(0, int), 0, "num_classes must be at least 1, not 0"),
    ],
)
def test_labels_that_are_no_class_numbers_are_refused(
    labels: ndarray, num_classes: int, words: str
) -> None:
    with pytest.raises(ValueError, match=f"one_hot: .*{words}"):
        one_hot(labels, num_classes)


# Input


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "func",
    [*ELEMENTWISE, lambda x: chain_forward((), x), lambda x: chain_deriv((), x)],
    ids=[*(func.__name__ for func in ELEMENTWISE), "chain_forward", "chain_deriv"],
)
def test_result_is_a_new_array_of_the_inputs_type(
    func: functions.ArrayFunction, dtype: str
) -> None:
    x = np.array([[0.5, 2.0, 3.0]], dtype=dtype)
    x.setflags(write=False)
    result = func(x)
    assert result.dtype == dtype
    assert result.flags.writeable
    assert not np.shares_memory(result, x)


@pytest.mark.parametrize(
    "pair_of_gradients", [multiple_inputs_add_backward, multiple_inputs_multiply_backward]
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_two_gradients_are_two_arrays(
    pair_of_gradients: Callable[..., tuple[ndarray, ndarray]], dtype: str
) -> None:
    x, y = np.ones((2, 3), dtype), np.ones((2, 3), dtype)
    arrays = (*pair_of_gradients(x, y, square), x, y)
    for i, array in enumerate(arrays):
        assert array.dtype == dtype
        assert not any(np.shares_memory(array, other) for other in arrays[:i])


@pytest.mark.parametrize(
    "backward",
    [
        matmul_backward_first,
        matmul_backward_second,
        lambda X, W: matrix_function_backward_1(X, W, sigmoid),
        lambda X, W: matrix_function_backward_sum_1(X, W, sigmoid),
    ],
)
def test_matrix_gradients_share_no_memory_and_keep_float32(backward: Callable[..., Any]) -> None:
    X, W = matrices(4, 3, 2, "float32")
    gradient = backward(X, W)
    assert gradient.dtype == np.float32
    assert not np.shares_memory(gradient, X)
    assert not np.shares_memory(gradient, W)


@pytest.mark.parametrize(
    ("function", "wrong"),
    [(chain_length_2, 3), (chain_deriv_2, 3), (chain_deriv_3, 2), (chain_deriv_2, 0)],
)
def test_chain_of_another_length_is_refused(function: Callable[..., ndarray], wrong: int) -> None:
    right = 3 if function is chain_deriv_3 else 2
    with pytest.raises(ValueError, match=f"must have {right} functions, not {wrong}"):
        function([square] * wrong, np.ones(4))


@pytest.mark.parametrize("function", [chain_deriv_2, chain_deriv_3])
def test_chain_over_a_matrix_is_refused(function: Callable[..., ndarray]) -> None:
    chain = [square] * (2 if function is chain_deriv_2 else 3)
    with pytest.raises(ValueError, match=r"one-dimensional, not of shape \(4, 1\)"):
        function(chain, np.ones((4, 1)))


@pytest.mark.parametrize(
    "name", [name for name in dir(functions) if name.startswith("multiple_inputs")]
)
def test_two_inputs_of_different_shapes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3,\)"):
        getattr(functions, name)(np.ones((2, 3)), np.ones(3), square)


MATRIX_FUNCTIONS = [name for name in dir(functions) if name.startswith(("matmul_", "matrix_"))]


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (3, 1)), ((2, 3), (3,))])
@pytest.mark.parametrize("name", MATRIX_FUNCTIONS)
def test_matrices_that_do_not_fit_are_refused(
    name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    X, W = (np.ones(shape) for shape in shapes)
    rest: list[Any] = [] if name.startswith("matmul") else [square]
    rest += [np.ones((2, 3))] if "weighted" in name else []
    with pytest.raises(ValueError, match=r"X has shape .* W has shape") as refusal:
        getattr(functions, name)(X, W, *rest)
    assert all(str(shape) in str(refusal.value) for shape in shapes)


@pytest.mark.parametrize("name", [name for name in MATRIX_FUNCTIONS if "weighted" in name])
def test_weights_of_another_shape_than_the_output_are_refused(name: str) -> None:
    X, W = matrices(4, 3, 2)
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(4, 1\)"):
        getattr(functions, name)(X, W, square, np.ones((4, 1)))
