"""``ConvTranspose2DOperation`` against ``nn.ConvTranspose2d``, and as a convolution's way back."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray
from torch.nn import functional as F

from parity.catalogue.component import arrange
from scratch.conv import Conv2DOperation, ConvTranspose2DOperation


def draw(*shapes: tuple[int, ...], dtype: str = "float64") -> list[ndarray]:
    draws = np.random.default_rng(sum(map(sum, shapes)))
    return [draws.standard_normal(shape).astype(dtype) for shape in shapes]


def equals_pytorchs(arrays: list[ndarray], **options: Any) -> None:
    """Whether output and gradients are PyTorch's, in the type of the images."""
    x, W, bias = arrays
    tensors = images, filters, row = [
        torch.tensor(np.array(array, order="C"), requires_grad=True) for array in (x, W, bias[0])
    ]
    expected = F.conv_transpose2d(images, filters, row, **options)
    [grad] = draw(tuple(expected.shape), dtype=str(x.dtype))
    expected.backward(torch.tensor(grad))
    operation = ConvTranspose2DOperation(W, bias, **options)
    found = [operation.forward(x), operation.backward(grad), *operation.param_grads]
    theirs = [expected.detach(), *(tensor.grad for tensor in tensors)]
    tolerance = 1e-11 if x.dtype == np.float64 else 1e-4
    for ours, tensor in zip(found, theirs, strict=True):
        assert tensor is not None
        assert ours.dtype == x.dtype
        wanted = tensor.numpy().reshape(ours.shape)
        scale = np.abs(wanted).max(initial=0)
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("image", [(1, 1), (3, 2)])
@pytest.mark.parametrize("filters", [(1, 1), (3, 3), (2, 4)])
def test_equals_pytorch_for_all_options(image: tuple[int, int], filters: tuple[int, int]) -> None:
    checked = 0
    values: list[tuple[Any, ...]] = [(0, 1, (0, 2)), (1, 2, (3, 1)), (1, 2, (1, 4))]
    for padding, stride, dilation, more in itertools.product(*values, (0, 1, (1, 0), 3)):
        sizes = np.array(image) - 1, np.array(filters) - 1
        left = sizes[0] * stride + sizes[1] * dilation + 1 + more - 2 * np.array(padding)
        if (left >= 1).all() and (np.array(more) < np.maximum(stride, dilation)).all():
            arrays = draw((2, 3, *image), (3, 2, *filters), (1, 2))
            options = {"padding": padding, "stride": stride, "dilation": dilation}
            equals_pytorchs(arrays, **options, output_padding=more)
            checked += 1
    assert checked >= 9


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 3),
    st.tuples(*4 * [st.integers(1, 4)]),
    st.tuples(*2 * [st.integers(1, 4)]),
    st.integers(1, 3),
    st.sampled_from(["contiguous", "strided", "reversed", "transposed"]),
    st.sampled_from(["float64", "float32"]),
)
def test_equals_pytorch_whatever_is_drawn(
    batch: int,
    sizes: tuple[int, ...],
    image: tuple[int, int],
    stride: int,
    layout: str,
    dtype: str,
) -> None:
    channels, maps, *size = sizes
    arrays = draw((batch, channels, *image), (channels, maps, *size), (1, maps), dtype=dtype)
    options = {"stride": stride, "output_padding": stride - 1}
    equals_pytorchs([arrange(array, layout) for array in arrays], **options)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": 0},
        {"padding": 1, "stride": 2},
        {"padding": (1, 2), "dilation": 2},
        {"padding": 0, "stride": (2, 1), "dilation": (1, 2)},
    ],
    ids=str,
)
def test_it_is_the_way_back_of_a_convolution(options: dict[str, Any]) -> None:
    """And the other way round, of images that the convolution comes out at the edge of."""
    x, W = draw((2, 3, 9, 7), (3, 4, 3, 3))
    convolution = Conv2DOperation(W, **options)
    [grad] = draw(convolution.forward(x).shape)
    back = ConvTranspose2DOperation(np.ascontiguousarray(W.transpose(1, 0, 2, 3)), **options)
    np.testing.assert_allclose(back.forward(grad), convolution.backward(grad), atol=1e-12)
    np.testing.assert_allclose(back.backward(x), convolution.output, atol=1e-12)
    np.testing.assert_allclose(
        back.param_grad.transpose(1, 0, 2, 3), convolution.param_grad, atol=1e-11
    )


@pytest.mark.parametrize("output_padding", [0, 1])
def test_output_padding_chooses_between_the_sizes_that_a_stride_maps_to_one(
    output_padding: int,
) -> None:
    W = np.ones((1, 1, 3, 3))
    larger = ConvTranspose2DOperation(W, padding=1, stride=2, output_padding=output_padding)
    image = larger.forward(np.ones((1, 1, 4, 5)))
    assert image.shape == (1, 1, 7 + output_padding, 9 + output_padding)
    assert Conv2DOperation(W, padding=1, stride=2).forward(image).shape == (1, 1, 4, 5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_type_is_kept_and_no_memory_is_shared(dtype: str) -> None:
    x, W, bias = draw((2, 3, 5, 4), (3, 2, 3, 3), (1, 2), dtype=dtype)
    operation = ConvTranspose2DOperation(W, bias, stride=2)
    x.setflags(write=False)
    grad = np.ones(operation.forward(x).shape, dtype)
    grad.setflags(write=False)
    found = [operation.output, operation.backward(grad), *operation.param_grads]
    for ours, theirs in itertools.product(found, (x, grad, W, bias)):
        assert ours.dtype == dtype
        assert not np.shares_memory(ours, theirs)


def test_the_filters_and_the_bias_are_kept_and_not_copied() -> None:
    W, bias = np.ones((3, 2, 3, 3)), np.ones((1, 2))
    operation = ConvTranspose2DOperation(W, bias)
    assert operation.params[0] is W
    assert operation.params[1] is bias
