"""``scratch/conv/loops.py``: PyTorch's numbers under every option, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray

from scratch.conv.geometry import Padding, Pair
from scratch.conv.loops import (
    compute_grads_obs,
    compute_output_obs,
    conv_input_grad,
    conv_output,
    conv_param_grad,
    pad_2d_channel,
    pad_conv_input,
)
from scratch.conv.two_dimensions import conv_2d, input_grad_2d, pad_2d, param_grad_2d

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

#: Batch, channels in and out; image; filter; padding; stride; dilation.
GRID: list[tuple[tuple[int, int, int], Pair, Pair, Padding, Pair, Pair]] = [
    ((2, 2, 3), (4, 3), (3, 3), "same", 1, 1),
    ((1, 1, 1), (1, 1), (1, 1), "same", 1, 1),
    ((1, 2, 2), (1, 1), (3, 3), "same", 1, 1),
    ((2, 3, 1), (2, 3), (5, 5), "same", 1, 1),
    ((2, 1, 2), (4, 5), (2, 2), "same", 1, 1),
    ((2, 2, 1), (3, 4), (4, 4), "same", 1, 1),
    ((1, 2, 2), (4, 3), (1, 3), "same", 1, 1),
    ((1, 2, 2), (4, 5), (4, 3), "same", 1, 1),
    ((2, 2, 3), (5, 6), (3, 3), "same", 2, 1),
    ((2, 2, 1), (6, 5), (2, 2), "same", 2, 1),
    ((1, 2, 1), (6, 5), (4, 2), "same", (3, 2), 1),
    ((1, 2, 2), (5, 7), (3, 3), "same", 1, 2),
    ((1, 1, 2), (5, 6), (2, 4), "same", 1, (3, 1)),
    ((1, 2, 1), (7, 6), (3, 2), "same", (2, 1), (2, 3)),
    ((2, 2, 3), (4, 5), (3, 3), "valid", 1, 1),
    ((1, 2, 2), (3, 3), (3, 3), "valid", 1, 1),
    ((1, 1, 2), (5, 6), (2, 3), "valid", 2, 1),
    ((1, 2, 1), (7, 5), (3, 2), "valid", (1, 2), (2, 3)),
    ((2, 2, 1), (4, 3), (3, 3), 0, 1, 1),
    ((1, 1, 2), (4, 3), (3, 3), 2, 3, 1),
    ((1, 2, 2), (2, 3), (5, 5), (2, 1), 1, 1),
    ((1, 1, 1), (1, 1), (3, 3), 1, 2, 1),
    ((1, 2, 1), (4, 6), (3, 2), (0, 3), (2, 3), (1, 2)),
    ((1, 1, 1), (6, 6), (2, 2), "valid", 3, 1),
]

each_setting = pytest.mark.parametrize(
    "channels, image, filter_size, padding, stride, dilation", GRID, ids=str
)


def draw(*shapes: tuple[int, ...], seed: int = 5) -> list[ndarray]:
    draws = np.random.default_rng(seed)
    return [draws.standard_normal(shape) for shape in shapes]


def torch_conv2d(
    x: torch.Tensor, w: torch.Tensor, padding: Any, stride: Any, dilation: Any
) -> torch.Tensor:
    """``F.conv2d``; it has no "same" with a stride, which leaves out some of the stops."""
    filters = w.transpose(0, 1)
    if padding != "same":
        return F.conv2d(x, filters, stride=stride, padding=padding, dilation=dilation)
    down, across = stride if isinstance(stride, tuple) else (stride, stride)
    return F.conv2d(x, filters, padding="same", dilation=dilation)[..., ::down, ::across]


@each_setting
def test_equals_pytorch(
    channels: tuple[int, int, int],
    image: tuple[int, int],
    filter_size: tuple[int, int],
    padding: Padding,
    stride: Pair,
    dilation: Pair,
) -> None:
    batch, n_in, n_out = channels
    inp, param = draw((batch, n_in, *image), (n_in, n_out, *filter_size))
    x, w = (torch.tensor(array, requires_grad=True) for array in (inp, param))
    expected = torch_conv2d(x, w, padding, stride, dilation)
    [output_grad] = draw(tuple(expected.shape), seed=6)
    expected.backward(torch.tensor(output_grad))
    assert x.grad is not None
    assert w.grad is not None

    options: Any = {"padding": padding, "stride": stride, "dilation": dilation}
    close: Any = {"rtol": 1e-11, "atol": 1e-13, "strict": True}
    output = conv_output(inp, param, **options)
    np.testing.assert_allclose(output, expected.detach().numpy(), **close)
    input_grad = conv_input_grad(inp, output_grad, param, **options)
    np.testing.assert_allclose(input_grad, x.grad.numpy(), **close)
    param_grad = conv_param_grad(inp, output_grad, param, **options)
    np.testing.assert_allclose(param_grad, w.grad.numpy(), **close)

    np.testing.assert_array_equal(compute_output_obs(inp[0], param, **options), output[0])
    np.testing.assert_array_equal(
        compute_grads_obs(inp[0], output_grad[0], param, **options), input_grad[0]
    )


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_gradients_are_those_of_a_product_of_input_and_filters(data: st.DataObject) -> None:
    """The output is linear in each, so the gradient times its source is the output times its
    gradient, whatever the options.
    """
    sizes = st.integers(1, 3)
    batch, n_in, n_out, kh, kw = (data.draw(sizes) for _ in range(5))
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    options: Any = {
        "padding": data.draw(st.sampled_from(["same", 3, (6, 4)])),
        "stride": data.draw(st.sampled_from([1, 2, (1, 3)])),
        "dilation": data.draw(st.sampled_from([1, 2, (3, 1)])),
    }
    inp, param = draw((batch, n_in, height, width), (n_in, n_out, kh, kw))
    output = conv_output(inp, param, **options)
    [output_grad] = draw(output.shape, seed=6)
    total = np.sum(output * output_grad)
    input_grad = conv_input_grad(inp, output_grad, param, **options)
    param_grad = conv_param_grad(inp, output_grad, param, **options)
    np.testing.assert_allclose(np.sum(input_grad * inp), total, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.sum(param_grad * param), total, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("filter_size", [(3, 3), (2, 5)])
def test_one_channel_is_the_convolution_of_one_channel(filter_size: tuple[int, int]) -> None:
    inp, param, grad = draw((4, 5), filter_size, (4, 5))
    inp4, param4, grad4 = (array[None, None] for array in (inp, param, grad))
    np.testing.assert_allclose(conv_output(inp4, param4)[0, 0], conv_2d(inp, param), rtol=1e-11)
    np.testing.assert_allclose(
        conv_input_grad(inp4, grad4, param4)[0, 0], input_grad_2d(inp, param, grad), rtol=1e-11
    )
    np.testing.assert_allclose(
        conv_param_grad(inp4, grad4, param4)[0, 0], param_grad_2d(inp, param, grad), rtol=1e-11
    )


def test_every_output_channel_adds_up_all_input_channels_with_filters_of_its_own() -> None:
    obs, param = draw((3, 4, 5), (3, 2, 3, 3))
    parts = np.array([[conv_2d(obs[i], param[i, o]) for i in range(3)] for o in range(2)])
    np.testing.assert_allclose(compute_output_obs(obs, param), parts.sum(axis=1), rtol=1e-11)


def test_padding_goes_around_each_channel() -> None:
    [inp] = draw((2, 3, 4, 5))
    padded = pad_conv_input(inp, ((1, 0), (2, 3)))
    assert padded.shape == (2, 3, 5, 10)
    for i in range(2):
        np.testing.assert_array_equal(padded[i], pad_2d_channel(inp[i], ((1, 0), (2, 3))))
        for c in range(3):
            np.testing.assert_array_equal(padded[i, c], pad_2d(inp[i, c], ((1, 0), (2, 3))))


def test_integers_are_taken_as_float64() -> None:
    inp, param = np.ones((1, 2, 3, 3), int), np.ones((2, 2, 3, 3), int)
    for result in (
        conv_output(inp, param),
        conv_input_grad(inp, inp, param),
        conv_param_grad(inp, inp, param),
        pad_conv_input(inp, 1),
    ):
        assert result.dtype == np.float64


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_type_is_kept_and_no_memory_is_shared(dtype: str) -> None:
    inp, param = np.ones((2, 2, 3, 4), dtype), np.ones((2, 2, 1, 1), dtype)
    grad = np.full((2, 2, 3, 4), 2.0, dtype)
    arrays = (inp, param, grad)
    for array in arrays:
        array.setflags(write=False)
    for result in (
        pad_2d_channel(inp[0], 0),
        pad_conv_input(inp, 0),
        compute_output_obs(inp[0], param),
        conv_output(inp, param),
        compute_grads_obs(inp[0], grad[0], param),
        conv_input_grad(inp, grad, param),
        conv_param_grad(inp, grad, param),
    ):
        assert result.dtype == dtype
        assert not any(np.shares_memory(result, array) for array in arrays)


def test_arrays_may_lie_in_memory_as_they_like() -> None:
    inp, grad, param = draw((4, 2, 8, 5), (2, 3, 4, 5), (3, 2, 3, 3))
    views = inp[::-2, :, ::2], grad, param.swapaxes(0, 1)
    copies = [view.copy() for view in views]
    np.testing.assert_array_equal(conv_output(*views[::2]), conv_output(*copies[::2]))
    np.testing.assert_array_equal(conv_input_grad(*views), conv_input_grad(*copies))
    np.testing.assert_array_equal(conv_param_grad(*views), conv_param_grad(*copies))


def test_an_empty_batch_has_an_empty_output_and_no_gradient() -> None:
    inp, param, grad = np.ones((0, 2, 4, 5)), np.ones((2, 3, 3, 3)), np.ones((0, 3, 2, 3))
    assert conv_output(inp, param, stride=2).shape == (0, 3, 2, 3)
    assert conv_input_grad(inp, grad, param, stride=2).shape == inp.shape
    np.testing.assert_array_equal(conv_param_grad(inp, grad, param, stride=2), 0 * param)


IMAGES = np.ones((2, 2, 4, 5))
FILTERS = np.ones((2, 3, 3, 3))
GRADS = np.ones((2, 3, 4, 5))

Call = Callable[..., ndarray]

ON_FILTERS: dict[str, Call] = {
    "compute_output_obs": lambda x, w, **options: compute_output_obs(x[0], w, **options),
    "conv_output": conv_output,
    "compute_grads_obs": lambda x, w, **options: compute_grads_obs(x[0], GRADS[0], w, **options),
    "conv_input_grad": lambda x, w, **options: conv_input_grad(x, GRADS, w, **options),
    "conv_param_grad": lambda x, w, **options: conv_param_grad(x, GRADS, w, **options),
}

each_call = pytest.mark.parametrize("who", ON_FILTERS)


@each_call
@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 3), (1, 2, 3, 3, 3)])
def test_filters_of_another_number_of_axes_are_refused(who: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"param must have shape \(in_channels,") as refusal:
        ON_FILTERS[who](IMAGES, np.ones(shape))
    assert str(refusal.value).startswith(who)
    assert str(refusal.value).endswith(str(shape))


@each_call
def test_images_of_another_number_of_axes_are_refused(who: str) -> None:
    with pytest.raises(ValueError, match=rf"{who}: \w+ must have shape \(.*height, width\), not"):
        ON_FILTERS[who](IMAGES[:, 0], FILTERS)


@each_call
def test_filters_for_another_number_of_channels_are_refused(who: str) -> None:
    words = rf"{who}: filters of shape \(3, 2, 3, 3\) take 3 channels, the input of .* has 2"
    with pytest.raises(ValueError, match=words):
        ON_FILTERS[who](IMAGES, FILTERS.swapaxes(0, 1))


@each_call
@pytest.mark.parametrize("shape", [(2, 0, 3, 3), (2, 3, 0, 3)])
def test_empty_filters_are_refused(who: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"{who}: param must not be empty"):
        ON_FILTERS[who](IMAGES, np.ones(shape))


@each_call
def test_a_filter_larger_than_the_padded_image_is_refused(who: str) -> None:
    with pytest.raises(ValueError, match=rf"{who}: a filter .*\(3, 7\) is larger .*\(4, 5\)"):
        ON_FILTERS[who](IMAGES, np.ones((2, 3, 3, 7)), padding="valid")


@each_call
@pytest.mark.parametrize(
    "option", [{"padding": "full"}, {"padding": -1}, {"stride": 0}, {"dilation": (1, 0)}]
)
def test_options_that_are_none_are_refused(who: str, option: dict[str, Any]) -> None:
    [name] = option
    with pytest.raises(ValueError, match=f"{who}: {name} must be"):
        ON_FILTERS[who](IMAGES, FILTERS, **option)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (2, 2, 4, 5), (1, 3, 4, 5), (2, 3, 20)])
def test_gradients_of_another_shape_than_the_output_are_refused(shape: tuple[int, ...]) -> None:
    for function in (conv_input_grad, conv_param_grad):
        with pytest.raises(ValueError, match="output_grad must have shape") as refusal:
            function(IMAGES, np.ones(shape), FILTERS)
        assert str(refusal.value).startswith(function.__name__)
        assert str(refusal.value).endswith(f"(2, 3, 4, 5), not {shape}")
    with pytest.raises(ValueError, match=r"output_grad_obs must have shape \(3, 4, 5\), not \(3,"):
        compute_grads_obs(IMAGES[0], np.ones((3, 5, 4)), FILTERS)
