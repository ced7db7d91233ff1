"""``Conv2D`` beyond what it has in common with PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from scratch.activations import Linear, Sigmoid, Tanh
from scratch.conv import Conv2D, Conv2DOperation, Flatten
from scratch.dense import Dense
from scratch.dropout import Dropout
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork


@pytest.fixture
def batch() -> ndarray:
    return np.random.RandomState(0).standard_normal((7, 2, 5, 4))


@pytest.fixture
def layer(batch: ndarray) -> Conv2D:
    """A layer of three maps that has seen its first batch, of two channels."""
    layer = Conv2D(3, 3, seed=1)
    layer.forward(batch)
    return layer


def test_each_layer_has_a_sigmoid_of_its_own() -> None:
    one, other = Conv2D(1, 3), Conv2D(1, 3)
    assert isinstance(one.activation, Sigmoid)
    assert one.activation is not other.activation


def test_nothing_is_drawn_before_the_first_batch() -> None:
    layer = Conv2D(3, 3)
    assert layer.first
    assert (layer.params, layer.param_grads, layer.operations) == ([], [], [])


def test_first_batch_sets_up_the_books_operations(layer: Conv2D) -> None:
    assert [type(operation) for operation in layer.operations] == [Conv2DOperation, Sigmoid]
    assert [param.shape for param in layer.params] == [(2, 3, 3, 3)]
    assert not layer.first


def test_flattening_and_dropout_come_last(batch: ndarray) -> None:
    layer = Conv2D(3, 3, Tanh(), seed=1, dropout=0.5, flatten=True)
    assert layer.forward(batch).shape == (7, 60)
    kinds = [type(operation) for operation in layer.operations]
    assert kinds == [Conv2DOperation, Tanh, Flatten, Dropout]
    assert layer.backward(np.ones((7, 60))).shape == batch.shape


def test_the_books_layer_can_be_built_by_its_words(batch: ndarray) -> None:
    layer = Conv2D(
        out_channels=4,
        param_size=5,
        dropout=0.8,
        weight_init="glorot",
        flatten=True,
        activation=Tanh(),
    )
    assert layer.forward(batch).shape == (7, 80)
    assert layer.params[0].shape == (2, 4, 5, 5)


def test_a_bias_is_a_second_parameter(batch: ndarray) -> None:
    layer = Conv2D(3, (3, 1), Linear(), seed=1, bias=True)
    output = layer.forward(batch)
    layer.backward(np.ones(output.shape))
    assert [param.shape for param in layer.params] == [(2, 3, 3, 1), (1, 3)]
    assert layer.params[1].any()
    assert [grad.shape for grad in layer.param_grads] == [(2, 3, 3, 1), (1, 3)]
    np.testing.assert_allclose(layer.param_grads[1], np.full((1, 3), 7 * 5 * 4))


def test_options_reach_the_convolution(batch: ndarray) -> None:
    layer = Conv2D(3, 3, Linear(), seed=1, padding=2, stride=(2, 1), dilation=2)
    output = layer.forward(batch)
    alone = Conv2DOperation(layer.params[0], padding=2, stride=(2, 1), dilation=2)
    np.testing.assert_array_equal(output, alone.forward(batch))
    assert output.shape == (7, 3, 3, 4)


@pytest.mark.parametrize(
    "weight_init, deviation",
    [
        ("standard", 1.0),
        ("glorot", (2 / (50 * 15)) ** 0.5),
        ("glorot_as_printed", 2 / 50),
        ("he", (2 / (30 * 15)) ** 0.5),
    ],
)
def test_filters_are_normal_with_the_deviation_of_their_name(
    weight_init: str, deviation: float
) -> None:
    layer = Conv2D(20, (3, 5), Linear(), seed=1, weight_init=weight_init)
    layer.forward(np.zeros((1, 30, 2, 2)))
    [W] = layer.params
    assert abs(W.mean()) < 4 * deviation / np.sqrt(W.size)
    assert abs(W.std() / deviation - 1) < 4 / np.sqrt(2 * W.size)


def test_equal_seeds_draw_equal_filters_and_others_do_not(batch: ndarray) -> None:
    outputs = [Conv2D(3, 3, seed=seed).forward(batch) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


def test_layers_are_told_apart_by_their_filters() -> None:
    assert [repr(Conv2D(3, size)) for size in (5, (5, 5), (5, 3))] == [
        "Conv2D(3, 5)",
        "Conv2D(3, 5)",
        "Conv2D(3, (5, 3))",
    ]


# Types and memory


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("activation", [Sigmoid, Linear])
@pytest.mark.parametrize("flatten", [False, True])
def test_everything_comes_in_the_type_of_the_input(
    batch: ndarray, activation: Callable[[], Any], dtype: str, flatten: bool
) -> None:
    layer = Conv2D(3, 3, activation(), seed=1, flatten=flatten, bias=True)
    output = layer.forward(batch.astype(dtype))
    results = [output, layer.backward(np.ones(output.shape, dtype))]
    assert {array.dtype for array in (*results, *layer.params, *layer.param_grads)} == {
        np.dtype(dtype)
    }


@pytest.mark.parametrize("activation", [Sigmoid, Linear])
@pytest.mark.parametrize("flatten", [False, True])
def test_nothing_shares_memory_with_the_callers_arrays(
    batch: ndarray, activation: Callable[[], Any], flatten: bool
) -> None:
    layer = Conv2D(3, 1, activation(), seed=1, flatten=flatten, padding="valid", bias=True)
    batch.setflags(write=False)
    output_grad = np.ones(layer.forward(batch).shape)
    output_grad.setflags(write=False)
    results = [layer.output, layer.backward(output_grad)]
    for array in (*results, *layer.params, *layer.param_grads):
        assert not np.shares_memory(array, batch)
        assert not np.shares_memory(array, output_grad)


def test_params_are_the_very_arrays_that_the_operation_uses(batch: ndarray) -> None:
    layer = Conv2D(3, 3, bias=True)
    layer.forward(batch)
    operation: Any = layer.operations[0]
    assert layer.params[0] is operation.param
    assert layer.params[1] is operation.bias


def test_gradients_of_an_earlier_pass_stay_as_they_are(layer: Conv2D) -> None:
    layer.backward(np.ones((7, 3, 5, 4)))
    [kept] = layer.param_grads
    before = kept.copy()
    layer.backward(np.full((7, 3, 5, 4), 5.0))
    np.testing.assert_array_equal(kept, before)
    np.testing.assert_allclose(layer.param_grads[0], 5 * before)


# In a network


def test_one_activation_object_in_two_layers_is_refused() -> None:
    shared = Sigmoid()
    layers = [Conv2D(3, 3, shared), Conv2D(3, 3, shared)]
    with pytest.raises(ValueError, match="share one activation or dropout object"):
        NeuralNetwork(layers, MeanSquaredError())


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_training_asks_all_layers_but_the_first_for_a_gradient_on_their_input(
    batch: ndarray, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's is the gradient on the data, half of the work of its way back."""
    asked: list[int] = []
    input_grad = Conv2DOperation._input_grad

    def recorded(operation: Conv2DOperation, output_grad: ndarray) -> ndarray:
        asked.append(operation.param.shape[1])
        return input_grad(operation, output_grad)

    monkeypatch.setattr(Conv2DOperation, "_input_grad", recorded)
    convolutions = [Conv2D(i + 1, 3, Linear(), flatten=i + 1 == layers) for i in range(layers)]
    net = NeuralNetwork([*convolutions, Dense(1, Linear())], MeanSquaredError(), seed=1)
    net.train_batch(batch, np.ones((7, 1)))
    assert asked == list(range(layers, 1, -1))
    for layer in net.layers:
        assert [grad.shape for grad in layer.param_grads] == [p.shape for p in layer.params]


def test_gradients_without_one_on_the_data_are_the_same(batch: ndarray) -> None:
    layer = Conv2D(3, 3, Tanh(), seed=1, flatten=True, bias=True)
    grad = np.random.RandomState(1).standard_normal(layer.forward(batch).shape)
    layer.backward(grad)
    before = layer.param_grads
    layer.backward_to_params(grad)
    for one, other in zip(before, layer.param_grads, strict=True):
        assert one is not other
        np.testing.assert_array_equal(one, other)
