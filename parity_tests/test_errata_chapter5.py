"""What chapter 5 and appendix A print is wrong, and what stands here instead is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy import ndarray

from scratch.conv import Conv2D
from scratch.conv.loops import compute_output_obs, conv_input_grad, conv_output, conv_param_grad
from scratch.conv.matmul import get_image_patches, input_grad_matmul, param_grad_matmul
from scratch.conv.one_dimension import conv_1d, input_grad_1d, pad_1d


def random(*shape: int) -> ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def error(found: ndarray, right: ndarray) -> float:
    """How large the difference is, in parts of the right result."""
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


# E14


@pytest.mark.parametrize(("channels", "maps"), [(2, 3), (3, 1)])
def test_e14_filters_drawn_for_the_wrong_axes_do_not_fit(channels: int, maps: int) -> None:
    drawn_as_printed = random(maps, channels, 3, 3)
    with pytest.raises(ValueError, match="channels"):
        compute_output_obs(random(channels, 5, 5), drawn_as_printed)
    layer = Conv2D(maps, 3)
    layer.forward(random(1, channels, 5, 5))
    assert layer.params[0].shape == (channels, maps, 3, 3)


# E15


def with_one_size(image: ndarray, param: ndarray) -> ndarray:
    """The sum at each stop, where rows and columns are counted by the height alone."""
    size, reach = len(image), len(param)
    padded, out = np.pad(image, reach // 2), np.zeros_like(image)
    for row, column, i, j in np.ndindex(size, size, reach, reach):
        out[row, column] += param[i, j] * padded[row + i, column + j]
    return out


def patches_with_one_size(image: ndarray, reach: int) -> ndarray:
    """The patches of an image, where rows and columns are counted by the height alone."""
    size, padded = len(image), np.pad(image, reach // 2)
    stops = np.ndindex(size, size)
    return np.stack([padded[row : row + reach, column : column + reach] for row, column in stops])


def test_e15_one_size_is_right_for_square_images_only() -> None:
    param = random(3, 3)
    square, wide, high = random(5, 5), random(4, 6), random(6, 4)

    def right(image: ndarray) -> ndarray:
        return conv_output(image[None, None], param[None, None])[0, 0]

    np.testing.assert_allclose(with_one_size(square, param), right(square))
    np.testing.assert_allclose(with_one_size(wide, param)[:, :4], right(wide)[:, :4])
    assert not with_one_size(wide, param)[:, 4:].any()
    assert right(wide)[:, 4:].any()
    with pytest.raises(IndexError):
        with_one_size(high, param)


def test_e15_patches_of_the_appendix_are_too_few_or_ragged() -> None:
    square, wide, high = random(5, 5), random(4, 6), random(6, 4)
    right = get_image_patches(square[None, None], 3)[:, 0, 0]
    np.testing.assert_array_equal(patches_with_one_size(square, 3), right)
    assert len(get_image_patches(wide[None, None], 3)) == 24
    assert len(patches_with_one_size(wide, 3)) == 16
    with pytest.raises(ValueError, match="same shape"):
        patches_with_one_size(high, 3)


# E16


def printed_param_grad(input_: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
    """Rows of patches, by position and image, against rows of gradients, by image and position."""
    rows = input_.shape[0] * input_.shape[2] * input_.shape[3]
    patches = get_image_patches(input_, param.shape[2]).reshape(rows, -1)
    grads = np.moveaxis(output_grad, 1, -1).reshape(rows, -1)
    n_in, n_out, *size = param.shape
    return np.moveaxis((patches.T @ grads).reshape(n_in, *size, n_out), -1, 1)


@pytest.mark.parametrize(("batch", "wrong"), [(1, False), (2, True), (60, True)])
def test_e16_orders_of_patches_and_gradients_differ_from_two_images_on(
    batch: int, wrong: bool
) -> None:
    input_, param, grad = random(batch, 2, 6, 6), random(2, 3, 5, 5), random(batch, 3, 6, 6)
    right = conv_param_grad(input_, grad, param) if batch < 60 else None
    ours = param_grad_matmul(input_, param, grad)
    if right is not None:
        assert error(ours, right) < 1e-12
    assert (error(printed_param_grad(input_, param, grad), ours) > 1) == wrong


# E17


def printed_input_grad(param: ndarray, output_grad: ndarray, channels: int) -> ndarray:
    """The filters as they are; ``channels`` is the 3 of the listing."""
    batch, _, height, width = output_grad.shape
    patches = get_image_patches(output_grad, param.shape[2])
    patches = np.moveaxis(patches, 1, 0).reshape(batch * height * width, -1)
    grad = patches @ param.reshape(len(param), -1).T
    return np.moveaxis(grad.reshape(batch, height, width, channels), -1, 1)


def test_e17_filters_have_to_be_turned_round() -> None:
    input_, param, grad = random(4, 3, 5, 5), random(3, 2, 3, 3), random(4, 2, 5, 5)
    right = conv_input_grad(input_, grad, param)
    assert error(input_grad_matmul(input_, param, grad), right) < 1e-12
    assert error(printed_input_grad(param, grad, 3), right) > 1
    symmetric = param + param[:, :, ::-1, ::-1]
    right = conv_input_grad(input_, grad, symmetric)
    assert error(printed_input_grad(symmetric, grad, 3), right) < 1e-12


def test_e17_three_stands_for_the_number_of_channels() -> None:
    with pytest.raises(ValueError, match="reshape"):
        printed_input_grad(random(1, 2, 3, 3), random(4, 2, 5, 5), 3)


# E43


def padded_alike(inp: ndarray, param: ndarray, output_grad: ndarray) -> tuple[ndarray, ndarray]:
    """Output and gradient on the input, both with ``size // 2`` zeros on both sides."""
    size = len(param)
    padded, grad = pad_1d(inp, size // 2), pad_1d(output_grad, size // 2)
    stops = range(len(inp))
    output = [param @ padded[o : o + size] for o in stops]
    input_grad = [param[::-1] @ grad[i : i + size] for i in stops]
    return np.array(output), np.array(input_grad)


@pytest.mark.parametrize(("size", "belongs"), [(3, True), (5, True), (2, False), (4, False)])
def test_e43_gradient_belongs_to_the_output_for_odd_filters_only(size: int, belongs: bool) -> None:
    inp, param, grad = random(7), random(size), random(7)
    _, input_grad = padded_alike(inp, param, grad)
    step = 1e-6
    slopes = [
        (padded_alike(inp + nudge, param, grad)[0] - padded_alike(inp - nudge, param, grad)[0])
        @ grad
        / (2 * step)
        for nudge in step * np.eye(7)
    ]
    assert (error(input_grad, np.array(slopes)) < 1e-6) == belongs


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_e43_ours_belong_together_and_to_pytorch(size: int) -> None:
    inp, param, grad = random(7), random(size), random(7)
    x = torch.tensor(inp, requires_grad=True)
    in_front = (size - 1) // 2
    padded = torch.nn.functional.pad(x[None, None], (in_front, size - 1 - in_front))
    output = torch.nn.functional.conv1d(padded, torch.tensor(param)[None, None])[0, 0]
    output.backward(torch.tensor(grad))
    assert x.grad is not None
    np.testing.assert_allclose(conv_1d(inp, param), output.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(input_grad_1d(inp, param, grad), x.grad.numpy(), rtol=1e-12)


# E44


def test_e44_gradient_in_the_type_of_whole_numbers_loses_its_fractions() -> None:
    inp, param = np.array([1, 2, 3, 4, 5]), np.array([0.25, 0.5, 0.25])
    right = input_grad_1d(inp, param)
    np.testing.assert_allclose(right, [0.75, 1, 1, 1, 0.75])
    printed = np.zeros_like(inp)
    padded = pad_1d(np.ones(5), 1)
    for o, p in np.ndindex(5, 3):
        printed[o] += padded[o + 2 - p] * param[p]
    assert printed.tolist() == [0, 0, 0, 0, 0]
