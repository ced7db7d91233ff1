"""``scratch/network.py`` against ``reference/network.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy import ndarray

from scratch.activations import Linear, Sigmoid
from scratch.dense import Dense
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.operations import WeightMultiply


@pytest.mark.components("network")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture
def net() -> NeuralNetwork:
    return NeuralNetwork([Dense(4, Sigmoid()), Dense(2, Linear())], MeanSquaredError(), seed=1)


@pytest.fixture
def data() -> tuple[ndarray, ndarray]:
    stream = np.random.RandomState(0)
    return stream.standard_normal((7, 5)), stream.standard_normal((7, 2))


# Construction


def test_network_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        NeuralNetwork([], MeanSquaredError())


def test_same_layer_twice_is_refused() -> None:
    layer = Dense(3)
    with pytest.raises(ValueError, match="one layer object stands twice"):
        NeuralNetwork([layer, Dense(3), layer], MeanSquaredError())


def test_shared_activation_object_is_refused() -> None:
    activation = Sigmoid()
    with pytest.raises(ValueError, match="share one activation or dropout object"):
        NeuralNetwork([Dense(3, activation), Dense(1, activation)], MeanSquaredError())


def test_callers_list_of_layers_is_copied() -> None:
    layers = [Dense(1)]
    net = NeuralNetwork(layers, MeanSquaredError())
    layers.clear()
    assert len(net.layers) == 1


# Passes


def test_params_and_gradients_come_in_one_order_and_shape(
    net: NeuralNetwork, data: tuple[ndarray, ndarray]
) -> None:
    net.train_batch(*data)
    shapes = [(5, 4), (1, 4), (4, 2), (1, 2)]
    assert [param.shape for param in net.params()] == shapes
    assert [grad.shape for grad in net.param_grads()] == shapes


def test_train_batch_updates_nothing(net: NeuralNetwork, data: tuple[ndarray, ndarray]) -> None:
    first = net.train_batch(*data)
    before = [param.copy() for param in net.params()]
    assert net.train_batch(*data) == first
    for param, value in zip(net.params(), before, strict=True):
        np.testing.assert_array_equal(param, value)


def test_gradients_of_the_same_batch_are_not_accumulated(
    net: NeuralNetwork, data: tuple[ndarray, ndarray]
) -> None:
    net.train_batch(*data)
    once = list(net.param_grads())
    net.train_batch(*data)
    for grad, value in zip(net.param_grads(), once, strict=True):
        np.testing.assert_array_equal(grad, value)


def test_float32_goes_in_and_comes_out(net: NeuralNetwork, data: tuple[ndarray, ndarray]) -> None:
    X, y = (array.astype(np.float32) for array in data)
    loss = net.train_batch(X, y)
    arrays = [net.forward(X), np.asarray(loss), *net.params(), *net.param_grads()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_callers_arrays_are_neither_changed_nor_shared(
    net: NeuralNetwork, data: tuple[ndarray, ndarray]
) -> None:
    for array in data:
        array.setflags(write=False)
    net.train_batch(*data)
    for ours in (net.forward(data[0]), *net.params(), *net.param_grads()):
        assert not any(np.shares_memory(ours, theirs) for theirs in data)


def test_empty_batch_has_predictions_but_no_loss(net: NeuralNetwork) -> None:
    assert net.forward(np.ones((0, 5))).shape == (0, 2)
    with pytest.raises(ValueError, match=r"empty batch .*\(0, 2\)"):
        net.train_batch(np.ones((0, 5)), np.ones((0, 2)))


# Bad input


def test_layer_that_does_not_get_what_it_takes_is_named(net: NeuralNetwork) -> None:
    net.forward(np.ones((7, 5)))
    with pytest.raises(ValueError, match=r"Dense\(4\): .* \(7, 6\) .* \(5, 4\)"):
        net.forward(np.ones((7, 6)))


@pytest.mark.parametrize("shape", [(7,), (7, 1), (6, 2)])
def test_targets_of_another_shape_are_refused(net: NeuralNetwork, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(7, 2\) and ") as refusal:
        net.train_batch(np.ones((7, 5)), np.ones(shape))
    assert str(refusal.value).endswith(str(shape))


def test_backward_before_forward_names_the_last_layer(net: NeuralNetwork) -> None:
    with pytest.raises(RuntimeError, match=r"Dense\(2\): backward was called before forward"):
        net.backward(np.ones((7, 2)))


def test_loss_gradient_of_another_shape_is_refused(net: NeuralNetwork) -> None:
    net.forward(np.ones((7, 5)))
    with pytest.raises(ValueError, match=r"Dense\(2\) output .* \(7, 2\) and \(7, 1\)"):
        net.backward(np.ones((7, 1)))


# The first layer's way back


def test_gradients_of_the_first_layer_are_those_of_the_whole_way_back() -> None:
    x, grad = np.random.default_rng(0).standard_normal((2, 7, 3))
    layer = Dense(3, Sigmoid(), seed=1)
    layer.forward(x)
    layer.backward(grad)
    expected = [param_grad.copy() for param_grad in layer.param_grads]
    layer.backward_to_params(grad)
    assert len(layer.param_grads) == 2
    for found, wanted in zip(layer.param_grads, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_network_computes_no_gradient_on_the_data() -> None:
    net = NeuralNetwork([Dense(4), Dense(1)], MeanSquaredError())
    net.train_batch(np.ones((7, 3)), np.ones((7, 1)))
    multiply = [layer.operations[0] for layer in net.layers]
    assert [hasattr(operation, "input_grad") for operation in multiply] == [False, True]


def test_the_way_back_to_params_is_as_careful_as_the_whole_one() -> None:
    layer = Dense(3)
    with pytest.raises(RuntimeError, match=r"Dense\(3\): backward was called before forward"):
        layer.backward_to_params(np.ones((7, 3)))
    layer.forward(np.ones((7, 2)))
    with pytest.raises(ValueError, match=r"output and output_grad .* \(7, 3\) and \(1, 3\)"):
        layer.backward_to_params(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"output and output_grad .* \(7, 3\) and \(7, 1\)"):
        layer.operations[0].backward_to_param(np.ones((7, 1)))  # type: ignore[attr-defined]


def test_a_layer_with_a_way_back_of_its_own_is_asked_for_it() -> None:
    calls = []

    class Own(Dense):
        def backward(self, output_grad: np.ndarray) -> np.ndarray:
            calls.append(self.neurons)
            return super().backward(output_grad)

    net = NeuralNetwork([Own(4), Own(1)], MeanSquaredError())
    net.train_batch(np.ones((7, 3)), np.ones((7, 1)))
    assert calls == [1, 4]
    assert len(list(net.param_grads())) == 4


def test_an_operation_with_a_way_back_of_its_own_is_asked_for_it() -> None:
    class Decayed(WeightMultiply):
        def backward(self, output_grad: np.ndarray) -> np.ndarray:
            input_grad = super().backward(output_grad)
            self.param_grad += 0.1 * self.param
            return input_grad

    class Own(Dense):
        def _setup_layer(self, input_: np.ndarray) -> None:
            super()._setup_layer(input_)
            self.operations[0] = Decayed(self.params[0])

    net = NeuralNetwork([Own(4), Own(1)], MeanSquaredError(), seed=1)
    plain = NeuralNetwork([Dense(4), Dense(1)], MeanSquaredError(), seed=1)
    for each in (net, plain):
        each.train_batch(np.ones((7, 3)), np.ones((7, 1)))
    for ours, theirs, param in zip(
        list(net.param_grads())[::2],
        list(plain.param_grads())[::2],
        list(net.params())[::2],
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs + 0.1 * param, rtol=1e-12)
