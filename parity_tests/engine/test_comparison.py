"""Comparison: what passes, what does not, and what is said about it."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy import ndarray

from parity.comparison import TOLERANCES, Absent, Difference, compare, same_result, with_article

ROWS = tuple(TOLERANCES)
KINDS = ("analytic", "numeric", "through time")


def difference(actual: Any, expected: Any, dtype: str = "float64", **options: Any) -> Difference:
    """The difference, where there must be one."""
    found = compare(actual, expected, dtype=dtype, **options)
    assert found is not None
    return found


def test_there_is_a_tolerance_for_each_dtype_and_kind_of_result() -> None:
    assert set(TOLERANCES) == set(product(("float64", "float32"), KINDS))


def test_float64_is_the_judge() -> None:
    strict = TOLERANCES["float64", "analytic"]
    assert (strict.relative, strict.floor) == (1e-9, 1e-12)
    assert all(
        row.relative >= strict.relative and row.floor >= strict.floor for row in TOLERANCES.values()
    )


@pytest.mark.parametrize("dtype, tolerance", ROWS)
@pytest.mark.parametrize("sign", [1, -1])
def test_relative_tolerance_ends_where_it_says(dtype: str, tolerance: str, sign: int) -> None:
    """float64 results, so that float32's tolerance can be met to the digit as well."""
    allowed = TOLERANCES[dtype, tolerance].relative
    expected = np.array([8.0, -8.0])
    options: Any = {"dtype": dtype, "tolerance": tolerance, "upcast": True}
    inside = expected * (1 + sign * allowed * (1 - 1e-5))
    outside = expected * (1 + sign * allowed * (1 + 1e-5))
    assert compare(inside, expected, **options) is None
    found = compare(outside, expected, **options)
    assert found is not None
    assert (found.kind, found.count) == ("value", 2)


@pytest.mark.parametrize("dtype, tolerance", ROWS)
def test_floor_is_a_share_of_the_largest_element(dtype: str, tolerance: str) -> None:
    allowed = TOLERANCES[dtype, tolerance].floor * 500
    expected = np.array([0.0, -500.0])
    options: Any = {"dtype": dtype, "tolerance": tolerance, "upcast": True}
    assert compare(np.array([allowed * 0.99999, -500.0]), expected, **options) is None
    found = compare(np.array([allowed * 1.00001, -500.0]), expected, **options)
    assert found is not None
    assert (found.index, found.count) == ((0,), 1)


def test_floor_of_nothing_but_zeros_is_absolute() -> None:
    floor = TOLERANCES["float64", "analytic"].floor
    assert compare(np.array([0.99 * floor]), np.zeros(1), dtype="float64") is None
    assert difference(np.array([1.01 * floor]), np.zeros(1)).max_rel == np.inf


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("expected", [1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_not_finite_never_passes(wrong: float, expected: float, dtype: str) -> None:
    found = difference(np.array([1, wrong], dtype), np.array([1, expected], dtype), dtype)
    word = "NaN" if np.isnan(wrong) else "infinite"
    assert found.kind == "not finite"
    assert found.message == f"is {word} in 1 of 2 elements, first at [1]"
    assert (found.index, found.count, found.size) == ((1,), 1, 2)


@pytest.mark.parametrize("expected", [np.nan, np.inf, -np.inf])
def test_nothing_passes_where_the_reference_is_not_finite(expected: float) -> None:
    """Not even the other elements: what they would be measured by is infinite."""
    found = difference(np.array([1.0, 2.0]), np.array([1.0, expected]))
    assert found.kind == "not finite"
    assert "PyTorch's is" in found.message
    assert difference(1.0, np.array(expected)).kind == "not finite"


@pytest.mark.parametrize(
    "actual, words",
    [
        (None, "is None, must be an array of shape (2, 3)"),
        ([1.0, 2.0], "is a list, must be an array of shape (2, 3)"),
        ((1.0,), "is a tuple, must be an array of shape (2, 3)"),
        ("abc", "is a str, must be an array of shape (2, 3)"),
        ((n for n in "a"), "is a generator, must be an array of shape (2, 3)"),
        ({}.items(), "is a dict_items, must be an array of shape (2, 3)"),
        (np.full((2, 3), None), "is an array of object, must be an array of shape (2, 3)"),
        (np.full((2, 3), "a"), "is an array of <U1, must be an array of shape (2, 3)"),
        (10**400, "is an int with too many digits, must be an array of shape (2, 3)"),
        (Absent("an apple"), "is an apple, must be an array of shape (2, 3)"),
    ],
)
def test_what_is_no_array_is_named(actual: Any, words: str) -> None:
    found = difference(actual, np.zeros((2, 3)))
    assert (found.kind, found.message) == ("type", words)


def test_a_missing_number_is_asked_for_as_a_number() -> None:
    assert difference(None, 1.5).message == "is None, must be a single number"


@pytest.mark.parametrize(
    "actual, expected, words",
    [
        (np.zeros((3, 2)), np.zeros((2, 3)), "has shape (3, 2), must be (2, 3)"),
        (np.zeros(6), np.zeros((2, 3)), "has shape (6,), must be (2, 3)"),
        (0.0, np.zeros((2, 3)), "has shape (), must be (2, 3)"),
        (np.zeros(1), 0.0, "has shape (1,), must be a single number"),
        (np.zeros((1, 1)), 0.0, "has shape (1, 1), must be a single number"),
        (np.zeros((0, 2)), np.zeros((0, 3)), "has shape (0, 2), must be (0, 3)"),
        (np.zeros((0, 3)), np.zeros((1, 3)), "has shape (0, 3), must be (1, 3)"),
    ],
)
def test_a_wrong_shape_is_said_before_any_value(actual: Any, expected: Any, words: str) -> None:
    """Although NumPy would broadcast some of them."""
    found = difference(actual, expected)
    assert (found.kind, found.message) == ("shape", words)


@pytest.mark.parametrize(
    "wrong", ["float32", "float16", "longdouble", "int64", "uint8", "bool", "complex128"]
)
def test_a_wrong_dtype_fails_although_the_values_are_right(wrong: str) -> None:
    found = difference(np.ones((2, 2), wrong), np.ones((2, 2)))
    assert found.kind == "dtype"
    assert found.message == f"is of type {np.dtype(wrong)}, must be float64"


def test_float64_will_do_for_float32_only_where_that_is_allowed() -> None:
    actual, expected = np.ones(2), np.ones(2, "float32")
    assert difference(actual, expected, "float32").kind == "dtype"
    assert compare(actual, expected, dtype="float32", upcast=True) is None
    assert difference(actual.astype("float16"), expected, "float32", upcast=True).kind == "dtype"


def test_float32_will_not_do_for_float64() -> None:
    assert difference(np.ones(2, "float32"), np.ones(2), upcast=True).kind == "dtype"


@pytest.mark.parametrize("number", [2.0, 2, np.float64(2), np.float32(2), np.array(2.0)])
def test_a_number_may_be_pythons_or_numpys(number: Any) -> None:
    assert compare(number, np.array(2.0), dtype="float64") is None
    assert difference(number, np.array(3.0)).kind == "value"


@pytest.mark.parametrize("number", [True, 2 + 0j, np.complex64(2)])
def test_a_number_of_another_kind_is_none(number: Any) -> None:
    assert difference(number, np.array(2.0)).kind == "dtype"


def test_counts_are_compared_as_counts() -> None:
    assert compare(np.array([3, 1]), np.array([3, 1]), dtype="float64") is None
    assert compare(np.array([3.0, 1.0]), np.array([3, 1]), dtype="float64") is None
    assert difference(np.array([3, 2]), np.array([3, 1])).index == (1,)
    assert difference(np.array([3 + 1j, 1]), np.array([3, 1])).kind == "dtype"


def test_a_difference_says_how_much_where_and_of_what() -> None:
    expected = np.array([[1.0, -200.0, 4.0], [0.5, 10.0, 0.0]])
    actual = expected + np.array([[0.0, 3.0, 0.0], [1.0, -5.0, 0.0]])
    found = difference(actual, expected)
    assert found == Difference(
        "value",
        "differs in 3 of 6 elements; largest at [1, 1]: expected 10, got 5",
        max_abs=5.0,
        max_rel=2.0,
        index=(1, 1),
        expected=10.0,
        actual=5.0,
        count=3,
        size=6,
        scale=200.0,
    )


def test_of_one_number_nothing_but_the_number_is_said() -> None:
    assert difference(2.5, 2.0).message == "is 2.5, must be 2"


def test_numbers_at_the_end_of_the_range_make_no_noise() -> None:
    """A warning would be an error here."""
    assert difference(np.array([1e308]), np.array([1e-5])).max_rel == np.inf
    assert difference(np.array([1.7e308]), np.array([-1.7e308])).max_abs == np.inf


def test_no_elements_are_equal_to_no_elements() -> None:
    assert compare(np.zeros((0, 3)), np.zeros((0, 3)), dtype="float64") is None
    assert difference(np.zeros((0, 3), "float32"), np.zeros((0, 3))).kind == "dtype"


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[::-1][::-1], lambda a: a.T.T])
def test_layout_in_memory_makes_no_difference(layout: Any) -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert compare(layout(array), array, dtype="float64") is None


magnitudes = st.floats(1e-100, 1e100) | st.floats(-1e100, -1e-100) | st.just(0.0)
tensors = arrays.arrays(
    np.float64, arrays.array_shapes(min_dims=0, max_dims=3, max_side=4), elements=magnitudes
)


@given(tensors, st.sampled_from(KINDS))
def test_an_array_never_differs_from_itself(array: ndarray, tolerance: str) -> None:
    assert compare(array.copy(), array, dtype="float64", tolerance=tolerance) is None
    assert same_result(array.copy(), array, dtype="float64", tolerance=tolerance)


@given(tensors, st.data())
def test_an_array_differs_from_itself_with_one_element_off(array: ndarray, data: Any) -> None:
    tolerance = TOLERANCES["float64", "analytic"]
    index = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
    scale = np.abs(array).max() or 1.0
    allowed = max(tolerance.relative * abs(array[index]), tolerance.floor * scale)
    changed = array.copy()
    changed[index] += (
        data.draw(st.sampled_from([1, -1])) * data.draw(st.floats(1.01, 1e9)) * allowed
    )
    found = difference(changed, array)
    assert (found.kind, found.index, found.count) == ("value", index, 1)
    assert found.max_abs == abs(changed[index] - array[index])
    assert not same_result(changed, array, dtype="float64")


@pytest.mark.parametrize(
    "first, second",
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (np.array([np.inf]), np.array([np.inf])),
        (None, None),
        ([1], [2]),
        (np.ones(2, "float32"), np.ones(2)),
        (True, True),
        (np.array([1j]), np.array([1j])),
    ],
)
def test_two_wrong_results_may_be_the_same(first: Any, second: Any) -> None:
    assert same_result(first, second, dtype="float64")


@pytest.mark.parametrize(
    "first, second",
    [
        (np.array([1.0, np.nan]), np.array([2.0, np.nan])),
        (np.array([np.nan]), np.array([np.inf])),
        (np.array([np.nan]), np.array([1.0])),
        (np.array([1.0]), np.array([np.nan])),
        (None, np.zeros(1)),
        (np.zeros(1), None),
        (None, []),
        (True, False),
        (np.ones((2, 1)), np.ones((1, 2))),
        (np.array([1 + 1j]), np.array([1.0])),
    ],
)
def test_two_results_are_the_same_only_in_everything(first: Any, second: Any) -> None:
    assert not same_result(first, second, dtype="float64")


@pytest.mark.parametrize(
    "noun, words", [("list", "a list"), ("int", "an int"), ("Array", "an Array")]
)
def test_nouns_get_their_article(noun: str, words: str) -> None:
    assert with_article(noun) == words
