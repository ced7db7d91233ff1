"""``scratch/conv/one_dimension.py``: the book's numbers, PyTorch's, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray

from reference.conv import functions as reference
from scratch.conv.one_dimension import (
    conv_1d,
    conv_1d_batch,
    conv_1d_sum,
    input_grad_1d,
    input_grad_1d_batch,
    pad_1d,
    pad_1d_batch,
    param_grad_1d,
    param_grad_1d_batch,
)

# PyTorch says so of even filters; its result is what is wanted.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

BOOK_INPUT, BOOK_FILTER = np.array([1, 2, 3, 4, 5]), np.array([1, 1, 1])


def draw(*shapes: tuple[int, ...]) -> list[ndarray]:
    draws = np.random.default_rng(5)
    return [draws.standard_normal(shape) for shape in shapes]


def autograd(inp: ndarray, param: ndarray, output_grad: ndarray) -> list[ndarray]:
    """PyTorch's output and gradients, of one sequence or a batch."""
    x, w = (torch.tensor(array, requires_grad=True) for array in (inp, param))
    output = reference.conv_1d(x, w)
    output.backward(torch.tensor(output_grad))
    assert x.grad is not None
    assert w.grad is not None
    return [output.detach().numpy(), x.grad.numpy(), w.grad.numpy()]


# The book's numbers


def test_convolution_of_the_book() -> None:
    np.testing.assert_array_equal(conv_1d(BOOK_INPUT, BOOK_FILTER), [3, 6, 9, 12, 9])


def test_padding_of_the_book() -> None:
    np.testing.assert_array_equal(pad_1d(BOOK_INPUT, 1), [0, 1, 2, 3, 4, 5, 0])


@pytest.mark.parametrize(
    ("inp", "param", "total"),
    [
        ([1, 2, 3, 4, 5], [1, 1, 1], 39),
        ([1, 2, 3, 4, 6], [1, 1, 1], 41),
        ([1, 2, 3, 4, 5], [2, 1, 1], 49),
    ],
)
def test_sums_of_the_book(inp: list[int], param: list[int], total: int) -> None:
    assert conv_1d_sum(np.array(inp), np.array(param)) == total


def test_gradients_of_the_sum_are_what_the_book_reads_off() -> None:
    assert input_grad_1d(BOOK_INPUT, BOOK_FILTER)[4] == 41 - 39
    assert param_grad_1d(BOOK_INPUT, BOOK_FILTER)[0] == 49 - 39


def test_integers_are_taken_as_float64() -> None:
    for function in (conv_1d, input_grad_1d, param_grad_1d):
        assert function(BOOK_INPUT, BOOK_FILTER).dtype == np.float64
    assert pad_1d(BOOK_INPUT, 2).dtype == np.float64


# PyTorch's numbers


@pytest.mark.parametrize("length", [1, 2, 3, 8])
@pytest.mark.parametrize("filter_length", [1, 2, 3, 4, 5, 6, 9])
def test_equals_pytorch_for_odd_and_even_filters_shorter_and_longer_than_the_input(
    length: int, filter_length: int
) -> None:
    inp, param, output_grad = draw((length,), (filter_length,), (length,))
    output, input_grad, param_grad = autograd(inp, param, output_grad)
    np.testing.assert_allclose(conv_1d(inp, param), output, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        input_grad_1d(inp, param, output_grad), input_grad, rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(
        param_grad_1d(inp, param, output_grad), param_grad, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("filter_length", [2, 3])
def test_batches_equal_pytorch(batch: int, filter_length: int) -> None:
    inp, param, output_grad = draw((batch, 6), (filter_length,), (batch, 6))
    output, input_grad, param_grad = autograd(inp, param, output_grad)
    np.testing.assert_allclose(conv_1d_batch(inp, param), output, rtol=1e-12)
    np.testing.assert_allclose(input_grad_1d_batch(inp, param, output_grad), input_grad, rtol=1e-12)
    np.testing.assert_allclose(param_grad_1d_batch(inp, param, output_grad), param_grad, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 7), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_gradients_are_those_of_a_product_of_input_and_filter(
    length: int, filter_length: int, seed: int
) -> None:
    """The output is linear in each, so the gradient times its source is the output times its
    gradient.
    """
    draws = np.random.default_rng(seed)
    inp, output_grad = draws.standard_normal((2, length))
    param = draws.standard_normal(filter_length)
    total = conv_1d(inp, param) @ output_grad
    np.testing.assert_allclose(input_grad_1d(inp, param, output_grad) @ inp, total, atol=1e-12)
    np.testing.assert_allclose(param_grad_1d(inp, param, output_grad) @ param, total, atol=1e-12)


def test_no_output_grad_means_the_gradient_of_the_sum() -> None:
    inp, param = draw((6,), (3,))
    many = np.stack([inp, -2 * inp])
    for function, given_inp in (
        (input_grad_1d, inp),
        (param_grad_1d, inp),
        (input_grad_1d_batch, many),
        (param_grad_1d_batch, many),
    ):
        np.testing.assert_array_equal(
            function(given_inp, param), function(given_inp, param, np.ones_like(given_inp))
        )


# E43


@pytest.mark.parametrize("filter_length", [2, 4])
def test_e43_half_the_filter_on_both_sides_shifts_an_even_filters_gradient(
    filter_length: int,
) -> None:
    """The book's margins, in its two loops: the gradient is the right one, one element later."""
    inp, param, output_grad = draw((7,), (filter_length,), (7,))
    half = filter_length // 2
    input_pad, output_pad = pad_1d(inp, half), pad_1d(output_grad, half)
    taps = range(filter_length)

    def output(padded: ndarray) -> ndarray:
        return np.array([sum(param[p] * padded[o + p] for p in taps) for o in range(7)])

    printed = [
        sum(output_pad[i + filter_length - p - 1] * param[p] for p in taps) for i in range(7)
    ]
    slopes = np.array([output(pad_1d(row, half)) @ output_grad for row in np.eye(7)])
    np.testing.assert_allclose(output(input_pad) @ output_grad, slopes @ inp, rtol=1e-12)
    np.testing.assert_allclose(printed[1:], slopes[:-1], rtol=1e-12)
    assert not np.allclose(printed, slopes)


# What holds beyond that


def test_zeros_in_front_and_behind_may_differ() -> None:
    np.testing.assert_array_equal(pad_1d(np.ones(2), (1, 3)), [0, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(pad_1d_batch(np.ones((2, 1)), (0, 1)), [[1, 0], [1, 0]])


def test_a_batch_is_one_sequence_after_the_other() -> None:
    inp, param = draw((3, 6), (5,))
    np.testing.assert_array_equal(conv_1d_batch(inp, param), [conv_1d(row, param) for row in inp])
    np.testing.assert_array_equal(pad_1d_batch(inp, 2), [pad_1d(row, 2) for row in inp])


def test_nothing_in_gives_nothing_out() -> None:
    param, empty = np.ones(3), np.ones((0, 6))
    assert conv_1d(np.ones(0), param).shape == (0,)
    assert conv_1d_batch(empty, param).shape == (0, 6)
    assert pad_1d_batch(empty, 1).shape == (0, 8)
    assert input_grad_1d_batch(empty, param).shape == (0, 6)
    np.testing.assert_array_equal(param_grad_1d_batch(empty, param), [0, 0, 0])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_type_is_kept_and_no_memory_is_shared(dtype: str) -> None:
    inp, param = np.ones((2, 6), dtype), np.ones(3, dtype)
    for array in (inp, param):
        array.setflags(write=False)
    results = [pad_1d(inp[0], 0), pad_1d_batch(inp, 0), conv_1d(inp[0], param)]
    results += [conv_1d_batch(inp, param)]
    results += [function(inp[0], param) for function in (input_grad_1d, param_grad_1d)]
    results += [function(inp, param) for function in (input_grad_1d_batch, param_grad_1d_batch)]
    for result in results:
        assert result.dtype == dtype
        assert not np.shares_memory(result, inp)
        assert not np.shares_memory(result, param)
    assert conv_1d_sum(inp[0], param).dtype == dtype  # type: ignore[attr-defined]


def test_arrays_may_lie_in_memory_as_they_like() -> None:
    inp, param, output_grad = draw((12,), (6,), (12,))
    views = inp[::-2], param[::2], output_grad[::2]
    copies = [view.copy() for view in views]
    for function in (input_grad_1d, param_grad_1d):
        np.testing.assert_array_equal(function(*views), function(*copies))
    np.testing.assert_array_equal(conv_1d(*views[:2]), conv_1d(*copies[:2]))


SINGLE = (conv_1d, conv_1d_sum, input_grad_1d, param_grad_1d)
BATCHED = (conv_1d_batch, input_grad_1d_batch, param_grad_1d_batch)


@pytest.mark.parametrize("function", SINGLE)
@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_input_that_is_no_sequence_is_refused(
    function: Callable[..., ndarray], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"inp must have shape \(length,\), not") as refusal:
        function(np.ones(shape), np.ones(3))
    assert str(refusal.value).startswith(function.__name__.removesuffix("_sum"))
    assert str(refusal.value).endswith(str(shape))


@pytest.mark.parametrize("function", BATCHED)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_input_that_is_no_batch_is_refused(
    function: Callable[..., ndarray], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"inp must have shape \(batch, length\), not") as refusal:
        function(np.ones(shape), np.ones(3))
    assert str(refusal.value).startswith(function.__name__)


@pytest.mark.parametrize("function", [*SINGLE, *BATCHED])
def test_filter_without_elements_or_with_two_axes_is_refused(
    function: Callable[..., ndarray],
) -> None:
    inp = np.ones((2, 6)) if function in BATCHED else np.ones(6)
    with pytest.raises(ValueError, match=r"param must not be empty, as one of shape \(0,\) is"):
        function(inp, np.ones(0))
    with pytest.raises(ValueError, match=r"param must have shape \(filter length,\), not \(3, 1\)"):
        function(inp, np.ones((3, 1)))


@pytest.mark.parametrize("function", [*SINGLE[2:], *BATCHED[1:]])
def test_gradient_of_another_shape_than_the_output_is_refused(
    function: Callable[..., ndarray],
) -> None:
    inp = np.ones((2, 6)) if function in BATCHED else np.ones(6)
    with pytest.raises(ValueError, match=r"inp and output_grad .*6,?\) and \(1,\)") as refusal:
        function(inp, np.ones(3), np.ones(1))
    assert str(refusal.value).startswith(function.__name__)


@pytest.mark.parametrize("num", [-1, 1.0, True, (1,), (1, -1), (1, 2, 3), None])
def test_what_is_no_number_of_zeros_is_refused(num: object) -> None:
    with pytest.raises(ValueError, match="pad_1d: num must be a whole number of at least 0"):
        pad_1d(np.ones(3), num)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pad_1d_batch: num must be a whole number"):
        pad_1d_batch(np.ones((2, 3)), num)  # type: ignore[arg-type]
