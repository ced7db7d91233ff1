"""Parameters cross between scratch and PyTorch exactly, or not at all."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import (
    copy_to_reference,
    copy_to_scratch,
    load_weights,
    read_reference,
    read_weights,
    to_reference,
)
from reference.dense import DenseLayer
from reference.network import NeuralNetwork as TorchNetwork
from scratch.activations import Linear, Sigmoid, Tanh
from scratch.conv import Conv2D
from scratch.dense import Dense, Layer
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.operations import Operation

DTYPES = ("float64", "float32")


def make_net(columns: int = 5, dtype: str = "float64", seed: int = 1) -> NeuralNetwork:
    """Layers of 4 and 3 neurons; with no columns, before the first input."""
    net = NeuralNetwork([Dense(4, Sigmoid()), Dense(3, Linear())], MeanSquaredError(), seed)
    if columns:
        net.forward(np.zeros((1, columns), dtype))
    return net


@pytest.fixture
def model() -> TorchNetwork:
    """The same layers in PyTorch, with parameters of its own."""
    return TorchNetwork([DenseLayer(5, 4, torch.nn.Sigmoid()), DenseLayer(4, 3)])


def assert_same(ours: list[ndarray], theirs: list[ndarray]) -> None:
    assert [(a.shape, a.dtype) for a in ours] == [(b.shape, b.dtype) for b in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_linear_layer_round_trips_exactly(dtype: str) -> None:
    linear = torch.nn.Linear(5, 3)
    W = np.arange(15, dtype=dtype).reshape(5, 3) / 7
    B = np.arange(3, dtype=dtype)[None] / 7
    load_weights(linear, [W, B])
    assert (linear.weight.shape, linear.bias.shape) == ((3, 5), (3,))
    np.testing.assert_array_equal(linear.weight.detach(), W.T)
    assert_same(read_weights(linear), [W, B])


@pytest.mark.parametrize("dtype", DTYPES)
def test_filters_round_trip_exactly(dtype: str) -> None:
    conv = torch.nn.Conv2d(2, 3, (4, 5))
    filters = np.arange(120, dtype=dtype).reshape(2, 3, 4, 5) / 7
    bias = np.arange(3, dtype=dtype)[None] / 7
    load_weights(conv, [filters, bias])
    assert [param.shape for param in conv.parameters()] == [(3, 2, 4, 5), (3,)]
    np.testing.assert_array_equal(conv.weight.detach()[2, 1], filters[1, 2])
    assert_same(read_weights(conv), [filters, bias])


def test_convolution_without_bias_takes_one_array() -> None:
    conv = torch.nn.Conv2d(2, 3, 4, bias=False)
    load_weights(conv, [np.ones((2, 3, 4, 4))])
    assert [param.shape for param in read_weights(conv)] == [(2, 3, 4, 4)]
    with pytest.raises(ValueError, match="a layer needs 1 arrays, not 2"):
        load_weights(conv, [np.ones((2, 3, 4, 4)), np.ones((1, 3))])


@pytest.mark.parametrize(
    "options", [{}, {"bias": True, "padding": 1}, {"stride": 2, "dilation": 2}]
)
def test_twin_of_a_convolutional_network_computes_the_same(options: dict[str, Any]) -> None:
    layers = [Conv2D(3, (3, 2), Tanh(), flatten=True, **options), Dense(2, Linear())]
    net, images = NeuralNetwork(layers, MeanSquaredError()), np.ones((2, 1, 7, 8))
    images += np.random.RandomState(0).standard_normal(images.shape)
    predictions = net.forward(images)
    twin = to_reference(net)
    with torch.no_grad():
        np.testing.assert_allclose(twin(torch.from_numpy(images)).numpy(), predictions, rtol=1e-9)
    assert_same(read_reference(twin), list(net.params()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_parameters_go_to_pytorch_and_back_exactly(model: TorchNetwork, dtype: str) -> None:
    net, other = make_net(dtype=dtype), make_net(dtype=dtype, seed=2)
    copy_to_reference(list(net.params()), model)
    copy_to_scratch(model, other)
    assert_same(list(other.params()), list(net.params()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_twin_computes_what_the_network_computes(dtype: str) -> None:
    net, X = make_net(dtype=dtype), np.random.RandomState(0).standard_normal((7, 5)).astype(dtype)
    twin = to_reference(net)
    rtol = 1e-9 if dtype == "float64" else 1e-5
    with torch.no_grad():
        np.testing.assert_allclose(twin(torch.from_numpy(X)).numpy(), net.forward(X), rtol=rtol)
    assert [type(layer.activation) for layer in twin] == [torch.nn.Sigmoid, torch.nn.Identity]
    assert_same(read_reference(twin), list(net.params()))


def test_copies_share_no_memory() -> None:
    net = make_net()
    twin = to_reference(net)
    before = [param.copy() for param in net.params()]
    read = read_reference(twin)
    with torch.no_grad():
        for param in twin.parameters():
            param.add_(1)
    assert_same(read, before)
    assert_same(list(net.params()), before)


def test_copying_to_scratch_keeps_the_arrays(model: TorchNetwork) -> None:
    """The operations and the optimizer hold the very same ones."""
    net = make_net(dtype="float32")
    arrays = list(net.params())
    copy_to_scratch(model, net)
    assert all(a is b for a, b in zip(net.params(), arrays, strict=True))
    assert_same(arrays, read_reference(model))


@pytest.mark.parametrize(
    ("name", "shape", "right"),
    [("W", (3, 5), (5, 3)), ("W", (5, 4), (5, 3)), ("B", (3,), (1, 3)), ("B", (1, 5), (1, 3))],
)
def test_arrays_that_do_not_fit_a_layer_are_refused(
    name: str, shape: tuple[int, ...], right: tuple[int, ...]
) -> None:
    arrays = {"W": np.ones((5, 3)), "B": np.ones((1, 3)), name: np.ones(shape)}
    words = re.escape(f"{name} has shape {shape}, must be {right}")
    with pytest.raises(ValueError, match=words):
        load_weights(torch.nn.Linear(5, 3), [arrays["W"], arrays["B"]])


def test_networks_of_other_widths_are_refused_both_ways(model: TorchNetwork) -> None:
    net = make_net(columns=6)
    before = [param.copy() for param in net.params()]
    with pytest.raises(ValueError, match=r"\(6, 4\), must be \(5, 4\)"):
        copy_to_reference(before, model)
    with pytest.raises(ValueError, match=r"\(5, 4\), must be \(6, 4\)"):
        copy_to_scratch(model, net)
    assert_same(list(net.params()), before)


def test_another_number_of_layers_is_refused_both_ways(model: TorchNetwork) -> None:
    net = NeuralNetwork([Dense(4)], MeanSquaredError())
    net.forward(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="2 layers need 4 arrays, not 2"):
        copy_to_reference(list(net.params()), model)
    with pytest.raises(ValueError, match="network holds 2 arrays, the model 4"):
        copy_to_scratch(model, net)


def test_network_that_has_seen_no_input_is_refused(model: TorchNetwork) -> None:
    net = make_net(columns=0)
    with pytest.raises(ValueError, match=r"Dense\(4\) has no parameters yet; run the network"):
        to_reference(net)
    with pytest.raises(ValueError, match="network holds 0 arrays, the model 4"):
        copy_to_scratch(model, net)


def test_layer_or_activation_without_a_twin_is_refused() -> None:
    class Doubling(Operation):
        def _output(self) -> ndarray:
            return 2 * self.input_

    class Nothing(Layer):
        def _setup_layer(self, input_: ndarray) -> None:
            pass

    net = NeuralNetwork([Dense(3, Doubling())], MeanSquaredError())
    net.forward(np.zeros((1, 5)))
    with pytest.raises(ValueError, match=r"Doubling\(\) has no twin"):
        to_reference(net)
    with pytest.raises(ValueError, match=r"Nothing\(3\) has no twin"):
        to_reference(NeuralNetwork([Nothing(3)], MeanSquaredError()))
