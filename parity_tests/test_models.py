"""The models of house prices and the convolutional one of ``scratch/models.py`` and
``reference/models.py`` are the same ones.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import copy_to_reference, linear_layers, weighted_layers
from reference import models as reference
from reference.initialization import initialize
from scratch import models as scratch
from scratch.activations import Linear, Sigmoid, Tanh
from scratch.conv import Conv2D, Conv2DOperation, Flatten
from scratch.dropout import Dropout
from scratch.operations import BiasAdd, WeightMultiply

WIDTHS = {
    "linear_regression": [1],
    "neural_network": [13, 1],
    "deep_neural_network": [13, 13, 1],
}


@pytest.fixture(params=WIDTHS)
def name(request: pytest.FixtureRequest) -> str:
    model: str = request.param
    return model


@pytest.fixture
def houses() -> ndarray:
    return np.random.RandomState(0).standard_normal((7, 13))


def test_layers_are_sigmoids_and_at_last_none(name: str) -> None:
    layers = getattr(scratch, name)().layers
    assert [layer.neurons for layer in layers] == WIDTHS[name]
    kinds = [type(layer.activation) for layer in layers]
    assert kinds == [Sigmoid] * (len(layers) - 1) + [Linear]


def test_twin_in_pytorch_has_the_same_layers(name: str) -> None:
    linears = linear_layers(getattr(reference, name)())
    assert [linear.out_features for linear in linears] == WIDTHS[name]
    assert [linear.in_features for linear in linears] == [13, *WIDTHS[name][:-1]]


def test_both_sides_predict_the_same_from_the_same_parameters(name: str, houses: ndarray) -> None:
    net, model = getattr(scratch, name)(), getattr(reference, name)()
    predictions = net.forward(houses)
    copy_to_reference(list(net.params()), model)
    with torch.no_grad():
        twins = model(torch.from_numpy(houses)).numpy()
    assert predictions.shape == (7, 1)
    np.testing.assert_allclose(predictions, twins, rtol=1e-9)


def test_seed_is_the_books_by_default(name: str, houses: ndarray) -> None:
    make = getattr(scratch, name)
    default, book, other = (make(*seed).forward(houses) for seed in ((), (20190501,), (1,)))
    np.testing.assert_array_equal(default, book)
    assert not np.array_equal(default, other)


@pytest.mark.parametrize("hidden_size", [1, 4])
def test_house_prices_model_takes_its_hidden_size(hidden_size: int) -> None:
    first, second = linear_layers(reference.HousePricesModel(hidden_size))
    assert first.out_features == second.in_features == hidden_size


@pytest.mark.parametrize("shape", [(7, 12), (13,), (7, 13, 1)])
def test_house_prices_model_refuses_other_features(shape: tuple[int, ...]) -> None:
    words = r"HousePricesModel: input must have shape \(batch, 13\), not "
    with pytest.raises(ValueError, match=words) as refusal:
        reference.HousePricesModel()(torch.ones(shape))
    assert str(refusal.value).endswith(str(shape))


# Chapter 5


@pytest.fixture
def digits() -> ndarray:
    return np.random.RandomState(0).standard_normal((3, 1, 28, 28))


def test_convolution_is_the_books(digits: ndarray) -> None:
    """32 filters of five by five keep the size of the image and make 25,088 neurons of it."""
    net = scratch.mnist_conv()
    assert net.forward(digits).shape == (3, 10)
    convolution, dense = net.layers
    kinds = [[type(operation) for operation in layer.operations] for layer in (convolution, dense)]
    assert kinds == [
        [Conv2DOperation, Tanh, Flatten, Dropout],
        [WeightMultiply, BiasAdd, Linear],
    ]
    assert [param.shape for param in net.params()] == [(1, 32, 5, 5), (25_088, 10), (1, 10)]
    assert isinstance(convolution, Conv2D)
    assert convolution.dropout == 0.8


@pytest.mark.parametrize("channels", [2, 5])
def test_convolutional_twins_predict_the_same(channels: int, digits: ndarray) -> None:
    net, model = scratch.mnist_conv(channels), reference.mnist_conv(channels).eval()
    predictions = net.forward(digits, inference=True)
    copy_to_reference(list(net.params()), model)
    with torch.no_grad():
        np.testing.assert_allclose(predictions, model(torch.from_numpy(digits)), rtol=1e-9)


def test_filters_are_drawn_as_the_book_has_it_and_the_dense_layer_is_not(digits: ndarray) -> None:
    """On both sides, with bounds that a right draw misses less than once in a million times."""
    net = scratch.mnist_conv(seed=1)
    net.forward(digits, inference=True)
    filters, W, _ = net.params()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        twins = [module.weight for module in weighted_layers(reference.mnist_conv())]
    for convolution in (filters, twins[0].detach().numpy()):
        assert abs(convolution.std() / (2 / 33) - 1) < 5 / np.sqrt(2 * 800)
    for dense in (W, twins[1].detach().numpy()):
        assert abs(dense.std() - 1) < 5 / np.sqrt(2 * 250_880)


def test_seed_of_the_convolution_is_the_books_by_default(digits: ndarray) -> None:
    default, book, other = (
        net.forward(digits)
        for net in (
            scratch.mnist_conv(2),
            scratch.mnist_conv(2, seed=20190402),
            scratch.mnist_conv(2, seed=1),
        )
    )
    np.testing.assert_array_equal(default, book)
    assert not np.array_equal(default, other)


N_IN, N_OUT, AREA = 3, 2000, 9


@pytest.mark.parametrize(
    "weight_init, deviation",
    [
        ("standard", 1.0),
        ("glorot", np.sqrt(2 / ((N_IN + N_OUT) * AREA))),
        ("glorot_as_printed", 2 / (N_IN + N_OUT)),
        ("he", np.sqrt(2 / (N_IN * AREA))),
    ],
)
def test_filters_have_the_scale_of_what_comes_in_and_goes_out(
    weight_init: str, deviation: float
) -> None:
    """On both sides, their biases too; the area of a filter counts, but not as printed."""
    layer = Conv2D(N_OUT, 3, seed=1, weight_init=weight_init, bias=True)
    layer.forward(np.zeros((1, N_IN, 3, 3)))
    twin = torch.nn.Conv2d(N_IN, N_OUT, 3)
    initialize(twin, weight_init, torch.Generator().manual_seed(1))
    for param in (*layer.params, *(param.detach().numpy() for param in twin.parameters())):
        assert abs(param.std() / deviation - 1) < 5 / np.sqrt(2 * param.size)


def test_a_convolution_without_bias_is_initialized_too() -> None:
    convolution = torch.nn.Conv2d(2, 3, 3, bias=False)
    before = convolution.weight.clone()
    initialize(convolution, "glorot")
    assert not torch.equal(convolution.weight, before)
