"""``Conv2DOperation`` and ``Flatten`` against PyTorch and against the loops, in all their forms."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray

from parity.bridge import load_weights, to_book_layout
from parity.catalogue.component import arrange
from reference.conv import ConvLayer
from scratch.conv import Conv2DOperation, Flatten, forms
from scratch.conv.loops import conv_input_grad, conv_output, conv_param_grad


@pytest.mark.components("conv")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def draw(*shapes: tuple[int, ...], dtype: str = "float64") -> list[ndarray]:
    draws = np.random.default_rng(sum(map(sum, shapes)))
    return [draws.standard_normal(shape).astype(dtype) for shape in shapes]


def pytorchs(x: ndarray, params: list[ndarray], **options: Any) -> tuple[ndarray, ...]:
    """PyTorch's output, an output gradient, and the gradients on the input and the parameters."""
    n_in, n_out, *size = params[0].shape
    layer = ConvLayer(n_in, n_out, (size[0], size[1]), bias=len(params) == 2, **options)
    load_weights(layer.conv, params)
    tensor = torch.tensor(np.array(x, order="C"), requires_grad=True)
    output = layer(tensor)
    [grad] = draw(tuple(output.shape), dtype=str(x.dtype))
    output.backward(torch.tensor(grad))
    assert tensor.grad is not None
    grads = [to_book_layout(param.grad) for param in layer.parameters() if param.grad is not None]
    return output.detach().numpy(), grad, tensor.grad.numpy(), *grads


def equals_pytorchs(x: ndarray, *params: ndarray, **options: Any) -> None:
    """Whether a convolution and its gradients are PyTorch's, in the type of the images."""
    W, *bias = params
    operation = Conv2DOperation(W, bias[0] if bias else None, **options)
    output, grad, *grads = pytorchs(x, list(params), **options)
    found = [operation.forward(x), operation.backward(grad), *operation.param_grads]
    tolerance = 1e-11 if x.dtype == np.float64 else 1e-4
    for ours, theirs in zip(found, [output, *grads], strict=True):
        assert ours.dtype == x.dtype
        scale = np.abs(theirs).max(initial=0)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale, strict=True)


# PyTorch, over a grid and at random

IMAGES = [(1, 1), (2, 5), (6, 5)]
FILTERS = [(1, 1), (3, 3), (3, 5), (5, 2)]
PADDINGS: list[Any] = ["same", "valid", 2, (0, 3)]
STRIDES: list[Any] = [1, 2, (3, 1)]
DILATIONS: list[Any] = [1, 2, (1, 3)]


def least_image(filters: tuple[int, int], padding: Any, dilation: Any) -> ndarray:
    """Height and width of the smallest image that a filter fits on, with its padding."""
    if padding == "same":
        return np.ones(2, int)
    zeros = 0 if padding == "valid" else 2 * np.array(padding)
    return np.maximum(1, np.array(dilation) * (np.array(filters) - 1) + 1 - zeros)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_equals_pytorch_for_all_options(image: tuple[int, int], filters: tuple[int, int]) -> None:
    checked = 0
    for padding, stride, dilation in itertools.product(PADDINGS, STRIDES, DILATIONS):
        if (image >= least_image(filters, padding, dilation)).all():
            x, W, bias = draw((2, 3, *image), (3, 4, *filters), (1, 4))
            equals_pytorchs(x, W, padding=padding, stride=stride, dilation=dilation)
            equals_pytorchs(x, W, bias, padding=padding, stride=stride, dilation=dilation)
            checked += 1
    assert checked >= len(STRIDES) * len(DILATIONS)


def pairs(least: int, most: int) -> st.SearchStrategy[Any]:
    numbers = st.integers(least, most)
    return numbers | st.tuples(numbers, numbers)


@st.composite
def convolutions(draw_from: st.DrawFn) -> dict[str, Any]:
    """Sizes and options that fit together."""
    size = st.tuples(st.integers(1, 5), st.integers(1, 5))
    filters, dilation = draw_from(size), draw_from(pairs(1, 2))
    padding = draw_from(st.sampled_from(["same", "valid"]) | pairs(0, 2))
    least = least_image(filters, padding, dilation)
    image = draw_from(st.tuples(*(st.integers(int(n), int(n) + 4) for n in least)))
    return {
        "batch": draw_from(st.integers(0, 3)),
        "channels": draw_from(st.integers(1, 4)),
        "maps": draw_from(st.integers(1, 4)),
        "image": image,
        "filters": filters,
        "layout": draw_from(st.sampled_from(["contiguous", "strided", "reversed", "transposed"])),
        "dtype": draw_from(st.sampled_from(["float64", "float32"])),
        "options": {"padding": padding, "stride": draw_from(pairs(1, 3)), "dilation": dilation},
    }


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(max_examples=150, deadline=None, derandomize=True)
@given(convolutions())
def test_equals_pytorch_whatever_is_drawn(drawn: dict[str, Any]) -> None:
    channels, maps = drawn["channels"], drawn["maps"]
    arrays = draw(
        (drawn["batch"], channels, *drawn["image"]),
        (channels, maps, *drawn["filters"]),
        (1, maps),
        dtype=drawn["dtype"],
    )
    equals_pytorchs(*(arrange(array, drawn["layout"]) for array in arrays), **drawn["options"])


@pytest.mark.parametrize("padding", ["same", 1])
def test_a_batch_of_none_has_gradients_of_0(padding: Any) -> None:
    operation = Conv2DOperation(np.ones((2, 3, 3, 3)), np.ones((1, 3)), padding)
    assert operation.forward(np.ones((0, 2, 4, 5))).shape == (0, 3, 4, 5)
    assert operation.backward(np.ones((0, 3, 4, 5))).shape == (0, 2, 4, 5)
    assert not operation.param_grad.any()
    assert not operation.bias_grad.any()


# The loops

OPTIONS: list[dict[str, Any]] = [
    {},
    {"stride": 2},
    {"padding": (2, 0), "stride": (1, 2)},
    {"padding": "valid", "dilation": 2},
    {"dilation": (2, 1), "stride": 3},
]


@pytest.fixture(params=OPTIONS, ids=str)
def options(request: pytest.FixtureRequest) -> Any:
    return request.param


def equals_the_loops(options: dict[str, Any]) -> None:
    x, W = draw((3, 2, 7, 6), (2, 4, 3, 2))
    operation = Conv2DOperation(W, **options)
    output = conv_output(x, W, **options)
    [grad] = draw(output.shape)
    np.testing.assert_allclose(operation.forward(x), output, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        operation.backward(grad), conv_input_grad(x, grad, W, **options), rtol=1e-11, atol=1e-13
    )
    np.testing.assert_allclose(
        operation.param_grad, conv_param_grad(x, grad, W, **options), rtol=1e-11, atol=1e-13
    )


def test_equals_the_loops(options: dict[str, Any]) -> None:
    equals_the_loops(options)


@pytest.mark.parametrize("form", forms.FORMS)
def test_each_form_equals_the_loops(
    form: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def forced(task: forms.Task) -> Any:
        taken.append(form)
        return forms.Form(task, *forms.FORMS[form])

    monkeypatch.setattr(forms.Task, "form", forced)
    equals_the_loops(options)
    assert taken == 3 * [form]


@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("numbers", [1, 60, 500, 2000])
def test_each_form_equals_the_loops_block_by_block(
    form: str, numbers: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one row of an image at a time to several images."""
    monkeypatch.setattr(forms.Task, "form", lambda task: forms.Form(task, *forms.FORMS[form]))
    monkeypatch.setattr(forms, "BLOCK_BYTES", 8 * numbers)
    equals_the_loops(options)


def task_of(batch: int, channels: int, maps: int, size: int, filter_size: int) -> forms.Task:
    operation = Conv2DOperation(np.ones((channels, maps, filter_size, filter_size)))
    shape = (batch, channels, size, size)
    return forms.Task.of(shape, operation.param, operation.geometry, np.dtype(float))


def test_blocks_cover_each_row_of_each_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    form = forms.Form(task_of(5, 2, 3, 7, 3), gather_rows=True, gather_columns=False)
    seen = set()
    for numbers in (1, 400, 1000, 2500, 10_000):
        monkeypatch.setattr(forms, "BLOCK_BYTES", 8 * numbers)
        blocks = list(form._blocks())
        seen.add(len(blocks))
        covered = np.zeros((5, 7), int)
        for images, rows in blocks:
            covered[images, rows] += 1
        assert (covered == 1).all()
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("channels", "maps", "name"),
    [(1, 32, "patches"), (32, 32, "rows gathered"), (32, 1, "all spread")],
)
def test_the_form_depends_on_how_many_channels_and_maps_there_are(
    channels: int, maps: int, name: str
) -> None:
    assert task_of(60, channels, maps, 28, 5).form().gather == forms.FORMS[name]


# Types and memory


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_everything_comes_in_the_type_of_images_and_filters(dtype: str) -> None:
    x, W, bias, grad = draw((2, 3, 5, 4), (3, 2, 3, 3), (1, 2), (2, 2, 5, 4), dtype=dtype)
    operation = Conv2DOperation(W, bias)
    found = [operation.forward(x), operation.backward(grad), *operation.param_grads]
    assert {array.dtype for array in found} == {np.dtype(dtype)}


@pytest.mark.parametrize("size, padding", [(1, "valid"), (3, "same"), (3, "valid")])
def test_nothing_shares_memory_with_the_callers_arrays(size: int, padding: Any) -> None:
    x, W, bias = draw((2, 3, 5, 4), (3, 2, size, size), (1, 2))
    operation = Conv2DOperation(W, bias, padding)
    x.setflags(write=False)
    grad = np.ones(operation.forward(x).shape)
    grad.setflags(write=False)
    found = [operation.output, operation.backward(grad), *operation.param_grads]
    for ours, theirs in itertools.product(found, (x, grad, W, bias)):
        assert not np.shares_memory(ours, theirs)


def test_the_filters_and_the_bias_are_kept_and_not_copied() -> None:
    W, bias = np.ones((3, 2, 3, 3)), np.ones((1, 2))
    operation = Conv2DOperation(W, bias)
    assert operation.params[0] is W
    assert operation.params[1] is bias
    assert [param is W for param in Conv2DOperation(W).params] == [True]


def test_gradients_of_an_earlier_pass_stay_as_they_are() -> None:
    x, W, bias = draw((2, 3, 5, 4), (3, 2, 3, 3), (1, 2))
    operation = Conv2DOperation(W, bias)
    operation.forward(x)
    first = [operation.backward(np.ones((2, 2, 5, 4))), *operation.param_grads]
    before = [grad.copy() for grad in first]
    second = [operation.backward(np.full((2, 2, 5, 4), 3.0)), *operation.param_grads]
    for kept, value, later in zip(first, before, second, strict=True):
        np.testing.assert_array_equal(kept, value)
        np.testing.assert_allclose(later, 3 * value, rtol=1e-12, atol=1e-12)


def peak(batch: int, channels: int, maps: int, size: int, image: int = 28) -> tuple[int, int]:
    """The most memory that a pass forward and back takes beyond its input, and what input and
    output take, in bytes.
    """
    x, W = np.ones((batch, channels, image, image)), np.ones((channels, maps, size, size))
    operation, grad = Conv2DOperation(W), np.ones((batch, maps, image, image))
    tracemalloc.start()
    operation.forward(x)
    operation.backward(grad)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most, x.nbytes + grad.nbytes


@pytest.mark.parametrize(
    "channels, maps, size", [(1, 32, 5), (1, 8, 11), (8, 8, 5), (8, 8, 11), (3, 1, 3)]
)
def test_no_pass_takes_more_than_eight_times_input_and_output(
    channels: int, maps: int, size: int
) -> None:
    for batch in (1, 16):
        most, data = peak(batch, channels, maps, size)
        assert most < 8 * data


@pytest.mark.parametrize("channels, maps, size", [(1, 8, 5), (8, 8, 11)])
def test_memory_grows_with_the_batch_and_no_faster(channels: int, maps: int, size: int) -> None:
    (small, data), (large, more) = (peak(n, channels, maps, size) for n in (32, 64))
    assert more == 2 * data
    assert large - small < 4 * data


@pytest.mark.parametrize("image", [1, 2, 4])
def test_small_images_with_many_channels_take_no_more_than_their_filters_do(image: int) -> None:
    """One gradient on the filters for each image would be a hundred times their size."""
    filters = 64 * 64 * 9 * 8
    most, data = peak(100, 64, 64, 3, image)
    assert most < 8 * (data + filters)


# Flattening


@pytest.mark.parametrize("layout", ["contiguous", "strided", "reversed", "transposed"])
def test_flattening_goes_through_the_axes_in_order_and_back(layout: str) -> None:
    x = arrange(np.arange(120.0).reshape(2, 3, 4, 5), layout)
    operation = Flatten()
    np.testing.assert_array_equal(operation.forward(x), np.arange(120.0).reshape(2, 60))
    np.testing.assert_array_equal(operation.backward(operation.output), x)


@pytest.mark.parametrize("shape", [(0, 2, 3, 4), (5, 2, 0, 4)])
def test_flattening_takes_images_without_pixels_and_batches_without_images(
    shape: tuple[int, ...],
) -> None:
    operation = Flatten()
    rows = operation.forward(np.ones(shape))
    assert rows.shape == (shape[0], np.prod(shape[1:]))
    assert operation.backward(rows).shape == shape


def test_flattening_shares_no_memory_with_the_callers_arrays() -> None:
    operation, x, grad = Flatten(), np.ones((2, 3, 4, 5)), np.ones((2, 60))
    assert not np.shares_memory(operation.forward(x), x)
    assert not np.shares_memory(operation.backward(grad), grad)
