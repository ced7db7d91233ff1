"""What the convolutions refuse, and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scratch.conv import Conv2D, Conv2DOperation, ConvTranspose2DOperation, Flatten
from scratch.operations import ParamOperation

BOTH: list[Callable[..., ParamOperation]] = [Conv2DOperation, ConvTranspose2DOperation]

each_operation = pytest.mark.parametrize("operation", BOTH, ids=lambda make: make.__name__)

FILTERS = np.ones((2, 3, 3, 3))


def refused(words: str) -> Any:
    return pytest.raises(ValueError, match=words)


# Input


@each_operation
@pytest.mark.parametrize("shape", [(7, 3, 5, 4), (7, 1, 5, 4), (2, 5, 4), (7, 2, 5), (7, 40), ()])
def test_images_that_do_not_fit_the_filters_are_refused(
    operation: Callable[..., ParamOperation], shape: tuple[int, ...]
) -> None:
    name = operation.__name__
    words = rf"{name}\(2, 3, 3, 3\): .*{re.escape(str(shape))}.*\(2, 3, 3, 3\).*\(batch, 2, height"
    with refused(words):
        operation(FILTERS).forward(np.ones(shape))


@each_operation
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "complex128"])
def test_images_that_are_not_floating_point_are_refused(
    operation: Callable[..., ParamOperation], dtype: str
) -> None:
    with refused(rf"floating-point type, not {dtype} \(shape \(7, 2, 5, 4\), .*\(2, 3, 3, 3\)"):
        operation(FILTERS).forward(np.ones((7, 2, 5, 4), dtype))


@pytest.mark.parametrize("stride, dilation", [(1, 1), (3, 1), (1, 2)])
def test_a_filter_larger_than_the_padded_image_is_refused(stride: int, dilation: int) -> None:
    W = np.ones((2, 3, 6, 3))
    operation = Conv2DOperation(W, padding=(1, 0), stride=stride, dilation=dilation)
    reach = (5 * dilation + 1, 2 * dilation + 1)
    words = re.escape(f"{operation}: a filter that reaches over {reach} is larger than the ")
    with refused(words + re.escape("padded image (5, 8)")):
        operation.forward(np.ones((7, 2, 3, 8)))


def test_a_filter_as_large_as_the_padded_image_stops_once() -> None:
    operation = Conv2DOperation(np.ones((2, 3, 5, 8)), padding=(1, 0))
    assert operation.forward(np.ones((7, 2, 3, 8))).shape == (7, 3, 1, 1)


def test_a_transposed_convolution_that_cuts_everything_off_is_refused() -> None:
    operation = ConvTranspose2DOperation(FILTERS, padding=2)
    with refused(r"nothing is left of an input of shape \(7, 2, 2, 5\) with padding 2"):
        operation.forward(np.ones((7, 2, 2, 5)))


@each_operation
def test_images_without_pixels_are_refused(operation: Callable[..., ParamOperation]) -> None:
    with refused(r"larger than the padded image|nothing is left"):
        operation(FILTERS, padding=0).forward(np.ones((7, 2, 0, 5)))


@each_operation
@pytest.mark.parametrize("shape", [(7, 3, 5), (7, 3, 5, 1), (1, 3, 5, 4), (7, 1, 5, 4), ()])
def test_a_gradient_of_another_shape_is_refused(
    operation: Callable[..., ParamOperation], shape: tuple[int, ...]
) -> None:
    made = operation(FILTERS, padding=1)
    made.forward(np.ones((7, 2, 5, 4)))
    with refused(r"output and output_grad .* not \(7, 3, 5, 4\) and ") as refusal:
        made.backward(np.ones(shape))
    assert str(refusal.value).endswith(str(shape))


@pytest.mark.parametrize("operation", [*(make(FILTERS) for make in BOTH), Flatten()], ids=str)
def test_backward_before_forward_is_refused(operation: Any) -> None:
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        operation.backward(np.ones((7, 3, 5, 4)))


def test_flattening_refuses_a_gradient_that_is_not_flat() -> None:
    operation = Flatten()
    operation.forward(np.ones((7, 2, 5, 4)))
    with refused(r"Flatten\(\) output and output_grad .* not \(7, 40\) and \(7, 2, 5, 4\)"):
        operation.backward(np.ones((7, 2, 5, 4)))


# Filters and options


@each_operation
@pytest.mark.parametrize(
    "W", [np.ones((2, 3, 3)), np.ones((0, 3, 3, 3)), np.ones((2, 3, 3, 3), int), np.float64(1)]
)
def test_filters_that_are_none_are_refused(
    operation: Callable[..., ParamOperation], W: Any
) -> None:
    words = r"W must have shape \(in, out, height, width\).*not " + re.escape(
        f"{W.dtype} in shape {W.shape}"
    )
    with refused(words):
        operation(W)


@each_operation
@pytest.mark.parametrize("shape", [(3,), (1, 2), (3, 1), (1, 3, 1, 1)])
def test_a_bias_of_another_shape_is_refused(
    operation: Callable[..., ParamOperation], shape: tuple[int, ...]
) -> None:
    with refused(rf"bias must have shape \(1, 3\) .* not float64 in shape {re.escape(str(shape))}"):
        operation(FILTERS, np.ones(shape))


@each_operation
@pytest.mark.parametrize("option", ["stride", "dilation"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", (1, 0), (1,), (1, 1, 1), [1, 1], None])
def test_strides_and_dilations_below_1_are_refused(
    operation: Callable[..., ParamOperation], option: str, value: Any
) -> None:
    with refused(rf"{option} must be .* at least 1, .* not {re.escape(repr(value))}"):
        operation(FILTERS, **{option: value})


@each_operation
@pytest.mark.parametrize("value", [-1, 0.5, (1, -1), (1,), "full", None])
def test_padding_below_0_is_refused(operation: Callable[..., ParamOperation], value: Any) -> None:
    with refused(rf"padding must be .* not {re.escape(repr(value))}"):
        operation(FILTERS, padding=value)


@pytest.mark.parametrize("value", ["same", "valid"])
def test_a_transposed_convolution_takes_no_padding_in_words(value: Any) -> None:
    with refused(f"padding must be a number or a pair, not '{value}'"):
        ConvTranspose2DOperation(FILTERS, padding=value)


@pytest.mark.parametrize("value", [-1, 2, (0, 2), 0.5, (1,), "1"])
def test_output_padding_that_a_stride_does_not_need_is_refused(value: Any) -> None:
    words = r"output_padding must be .* less than the stride or the dilation \(2, 2\)"
    with refused(words + f".* not {re.escape(repr(value))}"):
        ConvTranspose2DOperation(FILTERS, stride=2, output_padding=value)


# The layer


@pytest.mark.parametrize("maps", [0, -1, 2.5, True, "32", None])
def test_impossible_number_of_maps_is_refused(maps: Any) -> None:
    with refused(rf"Conv2D: out_channels must be .* not {re.escape(repr(maps))}"):
        Conv2D(maps, 3)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "5", None, (3,), (3, 0), (3, 3, 3), [3, 3]])
def test_impossible_size_of_filters_is_refused(size: Any) -> None:
    with refused(rf"Conv2D: param_size must be .* not {re.escape(repr(size))}"):
        Conv2D(3, size)


@pytest.mark.parametrize(
    "option",
    [{"stride": 0}, {"dilation": 0}, {"padding": "full"}, {"dropout": 0}, {"weight_init": "big"}],
    ids=str,
)
def test_impossible_options_are_refused_before_the_first_batch(option: dict[str, Any]) -> None:
    [(name, value)] = option.items()
    with refused(rf"(keep_prob|{name}) must be .* not {re.escape(repr(value))}"):
        Conv2D(3, 3, **option)


@pytest.mark.parametrize("shape", [(7, 784), (2, 28, 28), (7,), (7, 1, 2, 28, 28)])
@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_batch_of_images_is_refused_with_the_way_out(
    shape: tuple[int, ...], first: bool
) -> None:
    layer = Conv2D(3, 3)
    layer.forward(np.ones((1, 2, 5, 4)))
    layer.first = first
    with refused(rf"Conv2D\(3, 3\): input .*{re.escape(str(shape))}"):
        layer.forward(np.ones(shape))


def test_mnists_rows_are_told_how_to_become_images() -> None:
    with refused(r"\.reshape\(-1, 1, 28, 28\)"):
        Conv2D(32, 5).forward(np.ones((7, 784)))


@pytest.mark.parametrize("first", [True, False])
def test_images_of_integers_are_refused_by_the_layer(first: bool) -> None:
    layer = Conv2D(3, 3)
    layer.forward(np.ones((1, 2, 5, 4)))
    layer.first = first
    with refused(r"Conv2D\(3, 3\): input must .*floating-point type, not uint8.*\(7, 2, 5, 4\)"):
        layer.forward(np.ones((7, 2, 5, 4), np.uint8))


def test_later_images_of_other_channels_are_refused_by_the_layer() -> None:
    layer = Conv2D(3, 3)
    layer.forward(np.ones((1, 2, 5, 4)))
    with refused(
        r"Conv2D\(3, 3\): input of shape \(7, 1, 5, 4\) .* filters of shape \(2, 3, 3, 3\)"
    ):
        layer.forward(np.ones((7, 1, 5, 4)))


def test_later_images_of_another_size_are_welcome() -> None:
    layer = Conv2D(3, 3)
    layer.forward(np.ones((1, 2, 5, 4)))
    assert layer.forward(np.ones((7, 2, 6, 9))).shape == (7, 3, 6, 9)


def test_refused_first_images_leave_the_layer_as_new() -> None:
    layer = Conv2D(3, 3)
    with refused(r"Conv2D\(3, 3\)"):
        layer.forward(np.ones((7, 784)))
    assert layer.first
    assert layer.params == []


def test_a_first_image_that_the_filters_do_not_fit_is_refused() -> None:
    layer = Conv2D(3, 5, padding="valid")
    with refused(r"a filter that reaches over \(5, 5\) is larger than the padded image \(4, 6\)"):
        layer.forward(np.ones((7, 2, 4, 6)))
