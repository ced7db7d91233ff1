"""``scratch/conv/matmul.py`` against the loops, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray

from parity.mutants.conv.matmul import INPUT_GRAD_MATMUL, PARAM_GRAD_MATMUL
from reference.conv import functions as reference
from scratch.conv.loops import conv_input_grad, conv_output, conv_param_grad
from scratch.conv.matmul import (
    get_image_patches,
    input_grad_matmul,
    output_matmul,
    param_grad_matmul,
)

Call = Callable[[ndarray, ndarray, ndarray], ndarray]

CALLS: dict[str, Call] = {
    "output_matmul": lambda inp, param, grad: output_matmul(inp, param),
    "param_grad_matmul": param_grad_matmul,
    "input_grad_matmul": input_grad_matmul,
}


def draw(*shapes: tuple[int, ...]) -> list[ndarray]:
    draws = np.random.default_rng(5)
    return [draws.standard_normal(shape) for shape in shapes]


def arrays(
    batch: int, n_in: int, n_out: int, image: tuple[int, int], filter_size: tuple[int, int]
) -> list[ndarray]:
    """Images, filters and a gradient on the output."""
    return draw((batch, n_in, *image), (n_in, n_out, *filter_size), (batch, n_out, *image))


def off(found: ndarray, expected: ndarray) -> float:
    """The error relative to what is expected, over all elements."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


SETTINGS = [
    (2, 2, 3, (4, 3), (3, 3)),
    (1, 1, 1, (1, 1), (1, 1)),
    (1, 1, 1, (1, 1), (3, 3)),
    (3, 3, 1, (2, 3), (5, 5)),
    (2, 1, 2, (3, 4), (2, 2)),
    (2, 2, 2, (4, 5), (4, 4)),
    (1, 2, 3, (4, 3), (1, 3)),
    (2, 3, 2, (5, 4), (4, 3)),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_equals_the_loops(
    setting: tuple[int, int, int, tuple[int, int], tuple[int, int]],
) -> None:
    """With even filters, too, and with filters that are not as high as wide."""
    inp, param, grad = arrays(*setting)
    np.testing.assert_allclose(
        output_matmul(inp, param), conv_output(inp, param), rtol=1e-11, atol=1e-13, strict=True
    )
    np.testing.assert_allclose(
        param_grad_matmul(inp, param, grad),
        conv_param_grad(inp, grad, param),
        rtol=1e-11,
        atol=1e-13,
        strict=True,
    )
    np.testing.assert_allclose(
        input_grad_matmul(inp, param, grad),
        conv_input_grad(inp, grad, param),
        rtol=1e-11,
        atol=1e-13,
        strict=True,
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=7, max_size=7))
def test_gradients_are_those_of_a_product_of_input_and_filters(sizes: list[int]) -> None:
    """The output is linear in each, so the gradient times its source is the output times its
    gradient.
    """
    batch, n_in, n_out, height, width, kh, kw = sizes
    inp, param, grad = arrays(batch, n_in, n_out, (height, width), (kh, kw))
    total = np.sum(output_matmul(inp, param) * grad)
    np.testing.assert_allclose(
        np.sum(input_grad_matmul(inp, param, grad) * inp), total, rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(
        np.sum(param_grad_matmul(inp, param, grad) * param), total, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("fil_size", [1, 3, 5])
def test_patches_equal_pytorchs(fil_size: int) -> None:
    [imgs] = draw((2, 3, 4, 5))
    expected = reference.get_image_patches(torch.from_numpy(imgs), fil_size).numpy()
    np.testing.assert_array_equal(get_image_patches(imgs, fil_size), expected, strict=True)


@pytest.mark.parametrize("fil_size", [(1, 3), (2, 2), (4, 3)])
def test_a_patch_is_what_a_filter_covers(fil_size: tuple[int, int]) -> None:
    imgs, param = draw((2, 3, 4, 5), (3, 1, *fil_size))
    patches = get_image_patches(imgs, fil_size)
    assert patches.shape == (4 * 5, 2, 3, *fil_size)
    covered = np.einsum("pncij,cij->np", patches, param[:, 0]).reshape(2, 4, 5)
    np.testing.assert_allclose(covered, conv_output(imgs, param)[:, 0], rtol=1e-11)


# E16 and E17


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_e16_the_other_order_is_right_for_a_batch_of_one_only(batch: int) -> None:
    [printed] = [m for m in PARAM_GRAD_MATMUL if m.errata == "E16" and "square" not in m.name]
    inp, param, grad = arrays(batch, 3, 4, (6, 6), (3, 3))
    error = off(printed.implementation(inp, param, grad), param_grad_matmul(inp, param, grad))
    assert error < 1e-12 if batch == 1 else error > 1


def test_e17_the_filter_as_it_stands_gives_another_input_gradient() -> None:
    printed = [mutant for mutant in INPUT_GRAD_MATMUL if mutant.errata == "E17"]
    inp, param, grad = arrays(4, 3, 4, (6, 6), (3, 3))
    right = input_grad_matmul(inp, param, grad)
    for mutant in printed:
        assert off(mutant.implementation(inp, param, grad), right) > 1
    symmetric = param + param[:, :, ::-1, ::-1]
    for mutant in printed:
        assert (
            off(
                mutant.implementation(inp, symmetric, grad), input_grad_matmul(inp, symmetric, grad)
            )
            < 1e-12
        )


def test_e17_the_listing_as_it_stands_runs_with_three_channels_and_square_images_only() -> None:
    printed = INPUT_GRAD_MATMUL[0].implementation
    for n_in, image in ((2, (4, 4)), (3, (4, 5))):
        with pytest.raises(ValueError, match="reshape"):
            printed(*arrays(2, n_in, 2, image, (3, 3)))


# What holds beyond that


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_type_is_kept_and_no_memory_is_shared(dtype: str) -> None:
    given_arrays = [array.astype(dtype) for array in arrays(1, 2, 2, (1, 1), (1, 1))]
    for array in given_arrays:
        array.setflags(write=False)
    inp, param, grad = given_arrays
    for result in (
        get_image_patches(inp, 1),
        output_matmul(inp, param),
        param_grad_matmul(inp, param, grad),
        input_grad_matmul(inp, param, grad),
    ):
        assert result.dtype == dtype
        assert not any(np.shares_memory(result, array) for array in given_arrays)


def test_integers_are_taken_as_float64() -> None:
    inp, param = np.arange(18).reshape(1, 2, 3, 3), np.ones((2, 2, 3, 3), int)
    assert output_matmul(inp, param).dtype == np.float64
    assert param_grad_matmul(inp, param, inp).dtype == np.float64
    assert input_grad_matmul(inp, param, inp).dtype == np.float64


def test_arrays_may_lie_in_memory_as_they_like() -> None:
    inp, param, grad = draw((4, 2, 8, 5), (3, 2, 3, 3), (2, 3, 4, 5))
    views = inp[::-2, :, ::2], param.swapaxes(0, 1), grad
    copies = [view.copy() for view in views]
    np.testing.assert_array_equal(get_image_patches(views[0], 3), get_image_patches(copies[0], 3))
    for function in CALLS.values():
        np.testing.assert_allclose(function(*views), function(*copies), rtol=1e-12, atol=1e-13)


def test_an_empty_batch_has_an_empty_output_and_no_gradient() -> None:
    inp, param, grad = arrays(0, 2, 3, (4, 5), (3, 3))
    assert get_image_patches(inp, 3).shape == (20, 0, 2, 3, 3)
    assert output_matmul(inp, param).shape == grad.shape
    assert input_grad_matmul(inp, param, grad).shape == inp.shape
    np.testing.assert_array_equal(param_grad_matmul(inp, param, grad), 0 * param)


@pytest.mark.parametrize("who", CALLS)
def test_shapes_that_do_not_fit_are_refused(who: str) -> None:
    inp, param, grad = arrays(2, 2, 3, (4, 5), (3, 3))
    with pytest.raises(ValueError, match=rf"{who}: input_ must have shape .* not \(2, 4, 5\)"):
        CALLS[who](inp[0], param, grad)
    with pytest.raises(ValueError, match=rf"{who}: param must have shape .* not \(3, 3, 3\)"):
        CALLS[who](inp, param[0], grad)
    with pytest.raises(ValueError, match=rf"{who}: param must not be empty, .* \(2, 3, 0, 3\)"):
        CALLS[who](inp, param[:, :, :0], grad)
    with pytest.raises(ValueError, match=rf"{who}: filters of shape \(3, 2, 3, 3\) take 3 chann"):
        CALLS[who](inp, param.swapaxes(0, 1), grad)


@pytest.mark.parametrize("who", ["param_grad_matmul", "input_grad_matmul"])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 2, 4, 5), (1, 3, 4, 5), (2, 3, 20)])
def test_gradients_of_another_shape_than_the_output_are_refused(
    who: str, shape: tuple[int, ...]
) -> None:
    inp, param, _ = arrays(2, 2, 3, (4, 5), (3, 3))
    with pytest.raises(ValueError, match="output_grad must have shape") as refusal:
        CALLS[who](inp, param, np.ones(shape))
    assert str(refusal.value) == f"{who}: output_grad must have shape (2, 3, 4, 5), not {shape}"


@pytest.mark.parametrize("fil_size", [0, -3, 3.0, True, (3,), (3, 0), (3, 3, 3)])
def test_what_is_no_size_of_a_filter_is_refused(fil_size: object) -> None:
    with pytest.raises(ValueError, match="get_image_patches: fil_size must be a whole number"):
        get_image_patches(np.ones((1, 1, 3, 3)), fil_size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"get_image_patches: imgs_batch must have shape .* not"):
        get_image_patches(np.ones((3, 3)), 3)
