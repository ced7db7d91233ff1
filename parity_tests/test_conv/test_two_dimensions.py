"""``scratch/conv/two_dimensions.py``: PyTorch's numbers, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy import ndarray

from reference.conv import functions as reference
from scratch.conv.one_dimension import conv_1d
from scratch.conv.two_dimensions import (
    conv_2d,
    conv_2d_batch,
    conv_2d_sum,
    input_grad_2d,
    input_grad_2d_batch,
    pad_2d,
    pad_2d_batch,
    param_grad_2d,
    param_grad_2d_batch,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

IMAGES = [(1, 1), (1, 4), (3, 1), (4, 3), (3, 5)]
FILTERS = [(1, 1), (3, 3), (5, 5), (2, 2), (4, 4), (1, 3), (4, 3), (2, 5)]


def draw(*shapes: tuple[int, ...]) -> list[ndarray]:
    draws = np.random.default_rng(5)
    return [draws.standard_normal(shape) for shape in shapes]


def autograd(inp: ndarray, param: ndarray, output_grad: ndarray) -> list[ndarray]:
    """PyTorch's output and gradients, of one image or a batch."""
    x, w = (torch.tensor(array, requires_grad=True) for array in (inp, param))
    output = reference.conv_2d(x, w)
    output.backward(torch.tensor(output_grad))
    assert x.grad is not None
    assert w.grad is not None
    return [output.detach().numpy(), x.grad.numpy(), w.grad.numpy()]


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("filter_size", FILTERS)
def test_equals_pytorch_for_all_sizes_of_images_and_filters(
    image: tuple[int, int], filter_size: tuple[int, int]
) -> None:
    inp, param, output_grad = draw(image, filter_size, image)
    output, input_grad, param_grad = autograd(inp, param, output_grad)
    np.testing.assert_allclose(conv_2d(inp, param), output, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        input_grad_2d(inp, param, output_grad), input_grad, rtol=1e-11, atol=1e-13
    )
    np.testing.assert_allclose(
        param_grad_2d(inp, param, output_grad), param_grad, rtol=1e-11, atol=1e-13
    )


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("filter_size", [(3, 3), (2, 4)])
def test_batches_equal_pytorch(batch: int, filter_size: tuple[int, int]) -> None:
    inp, param, output_grad = draw((batch, 4, 3), filter_size, (batch, 4, 3))
    output, input_grad, param_grad = autograd(inp, param, output_grad)
    np.testing.assert_allclose(conv_2d_batch(inp, param), output, rtol=1e-11)
    np.testing.assert_allclose(input_grad_2d_batch(inp, param, output_grad), input_grad, rtol=1e-11)
    np.testing.assert_allclose(param_grad_2d_batch(inp, param, output_grad), param_grad, rtol=1e-11)


@pytest.mark.parametrize("filter_length", [3, 4])
def test_an_image_of_one_row_is_a_sequence(filter_length: int) -> None:
    inp, param = draw((7,), (filter_length,))
    np.testing.assert_allclose(
        conv_2d(inp[None], param[None]), conv_1d(inp, param)[None], rtol=1e-12
    )
    np.testing.assert_allclose(
        conv_2d(inp[:, None], param[:, None]), conv_1d(inp, param)[:, None], rtol=1e-12
    )


def test_the_filter_is_laid_on_as_it_stands() -> None:
    """The response to one bright pixel is the filter turned round."""
    pixel = np.zeros((3, 3))
    pixel[1, 1] = 1
    filter_ = np.arange(9).reshape(3, 3)
    np.testing.assert_array_equal(conv_2d(pixel, filter_), filter_[::-1, ::-1])


def test_the_sum_and_its_gradients() -> None:
    inp, param = draw((4, 3), (3, 3))
    step = np.zeros((4, 3))
    step[3, 0] = 1
    slope = conv_2d_sum(inp + step, param) - conv_2d_sum(inp, param)
    np.testing.assert_allclose(input_grad_2d(inp, param)[3, 0], slope, rtol=1e-12)
    np.testing.assert_array_equal(
        param_grad_2d(inp, param), param_grad_2d(inp, param, np.ones((4, 3)))
    )
    np.testing.assert_array_equal(
        input_grad_2d_batch(inp[None], param), input_grad_2d(inp, param)[None]
    )
    np.testing.assert_array_equal(param_grad_2d_batch(inp[None], param), param_grad_2d(inp, param))


def test_margins_may_differ_on_each_side() -> None:
    padded = pad_2d(np.ones((1, 2)), ((1, 0), (2, 3)))
    assert padded.shape == (2, 7)
    assert padded.sum() == padded[1, 2:4].sum() == 2
    np.testing.assert_array_equal(
        pad_2d_batch(np.ones((3, 1, 2)), ((1, 0), (2, 3))), np.stack([padded] * 3)
    )


def test_integers_are_taken_as_float64() -> None:
    image, filter_ = np.arange(12).reshape(3, 4), np.ones((3, 3), int)
    for function in (conv_2d, input_grad_2d, param_grad_2d):
        assert function(image, filter_).dtype == np.float64
    assert pad_2d(image, 1).dtype == np.float64


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_type_is_kept_and_no_memory_is_shared(dtype: str) -> None:
    inp, param = np.ones((2, 3, 4), dtype), np.ones((3, 3), dtype)
    for array in (inp, param):
        array.setflags(write=False)
    results = [pad_2d(inp[0], 0), pad_2d_batch(inp, 0)]
    results += [function(inp[0], param) for function in (conv_2d, input_grad_2d, param_grad_2d)]
    results += [
        function(inp, param)
        for function in (conv_2d_batch, input_grad_2d_batch, param_grad_2d_batch)
    ]
    for result in results:
        assert result.dtype == dtype
        assert not np.shares_memory(result, inp)
        assert not np.shares_memory(result, param)


def test_nothing_in_gives_nothing_out() -> None:
    param, empty = np.ones((3, 3)), np.ones((0, 4, 5))
    assert conv_2d_batch(empty, param).shape == (0, 4, 5)
    assert input_grad_2d_batch(empty, param).shape == (0, 4, 5)
    np.testing.assert_array_equal(param_grad_2d_batch(empty, param), np.zeros((3, 3)))


SINGLE = (conv_2d, input_grad_2d, param_grad_2d)
BATCHED = (conv_2d_batch, input_grad_2d_batch, param_grad_2d_batch)


@pytest.mark.parametrize("function", [*SINGLE, *BATCHED])
def test_shapes_that_do_not_fit_are_refused(function: Callable[..., ndarray]) -> None:
    shape = (2, 4, 5) if function in BATCHED else (4, 5)
    wanted = "(batch, height, width)" if function in BATCHED else "(height, width)"
    who, inp = function.__name__, np.ones(shape)
    with pytest.raises(ValueError, match="inp must have shape") as refusal:
        function(np.ones((2, *shape)), np.ones((3, 3)))
    assert str(refusal.value) == f"{who}: inp must have shape {wanted}, not {(2, *shape)}"
    with pytest.raises(ValueError, match=rf"{who}: param must have shape .* not \(3,\)"):
        function(inp, np.ones(3))
    with pytest.raises(ValueError, match=rf"{who}: param must not be empty, .* \(3, 0\)"):
        function(inp, np.ones((3, 0)))
    if function not in (conv_2d, conv_2d_batch):
        with pytest.raises(ValueError, match="inp and output_grad must have the same") as refusal:
            function(inp, np.ones((3, 3)), np.ones(shape[::-1]))
        assert str(refusal.value).startswith(who)
        assert str(refusal.value).endswith(f"{shape} and {shape[::-1]}")


@pytest.mark.parametrize("num", [-1, 1.0, ((1, 1), (1, -1)), (1, 2, 3), None])
def test_what_is_no_number_of_zeros_is_refused(num: object) -> None:
    with pytest.raises(ValueError, match="pad_2d: num must be a whole number of at least 0"):
        pad_2d(np.ones((3, 3)), num)  # type: ignore[arg-type]
