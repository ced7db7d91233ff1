"""The house-price models of ``scratch/models.py`` and ``reference/models.py`` are the same ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import copy_to_reference, linear_layers
from reference import models as reference
from scratch import models as scratch
from scratch.activations import Linear, Sigmoid

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
