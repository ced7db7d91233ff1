"""``scratch/seeding.py``: what a seed means, everywhere it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from scratch.activations import Linear, Sigmoid
from scratch.dense import Dense
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.optimizers import SGD
from scratch.regression import train_linear_regression, train_neural_network
from scratch.seeding import as_stream
from scratch.training import Trainer, permute_data

X = np.linspace(-1, 1, 30).reshape(10, 3)
Y = X[:, :1] ** 2


def draw_dense(seed: Any) -> ndarray:
    layer = Dense(2, seed=seed)
    layer.forward(X)
    return np.concatenate(layer.params)


def draw_network(seed: Any) -> ndarray:
    """The weights of two layers of one shape."""
    net = NeuralNetwork([Dense(3, Sigmoid()), Dense(3, Linear())], MeanSquaredError(), seed)
    net.forward(X)
    return np.stack(list(net.params())[::2])


def draw_fit(seed: Any) -> ndarray:
    net = NeuralNetwork([Dense(2), Dense(1, Linear())], MeanSquaredError(), seed=1)
    Trainer(net, SGD()).fit(X, Y, X, Y, epochs=2, batch_size=3, seed=seed, verbose=False)
    return next(net.params())


def draw_order(seed: Any) -> ndarray:
    return permute_data(X, Y, seed)[0]


def draw_linear_regression(seed: Any) -> ndarray:
    return train_linear_regression(X, Y, n_iter=3, batch_size=4, seed=seed).weights["W"]


def draw_neural_network(seed: Any) -> ndarray:
    return train_neural_network(X, Y, n_iter=3, batch_size=4, seed=seed).weights["W1"]


DRAWS = (
    draw_dense,
    draw_network,
    draw_fit,
    draw_order,
    draw_linear_regression,
    draw_neural_network,
)


@pytest.fixture(params=DRAWS, ids=lambda draw: draw.__name__)
def draw(request: pytest.FixtureRequest) -> Callable[[Any], ndarray]:
    function: Callable[[Any], ndarray] = request.param
    return function


# What a seed may be


@pytest.mark.parametrize("seed", [7, np.int64(7), np.uint8(7)])
def test_integer_gives_the_books_stream(seed: int) -> None:
    """The one of ``np.random.seed(7)`` and ``np.random.randn``, whose first number is fixed."""
    assert as_stream(seed).standard_normal() == np.random.RandomState(7).randn()
    assert round(float(as_stream(7).standard_normal()), 4) == 1.6905


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_stream_is_used_as_it_is(make: Callable[[int], Any]) -> None:
    stream = make(1)
    assert as_stream(stream) is stream


@pytest.mark.parametrize("seed", ["7", 7.0, True, [7], np.random.SeedSequence(7)])
def test_anything_else_is_refused(seed: Any, draw: Callable[[Any], ndarray]) -> None:
    with pytest.raises(TypeError, match=f"seed must be .* not {type(seed).__name__}$"):
        draw(seed)


# The same everywhere


def test_same_integer_draws_the_same(draw: Callable[[Any], ndarray]) -> None:
    np.testing.assert_array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_stream_goes_on_where_it_stopped(
    draw: Callable[[Any], ndarray], make: Callable[[int], Any]
) -> None:
    stream = make(3)
    first = draw(stream)
    assert not np.array_equal(draw(stream), first)
    np.testing.assert_array_equal(draw(make(3)), first)


def test_without_a_seed_every_draw_is_new(draw: Callable[[Any], ndarray]) -> None:
    assert not np.array_equal(draw(None), draw(None))


@pytest.mark.parametrize("seed", [3, None, "stream"])
def test_numpys_global_state_is_neither_read_nor_changed(
    draw: Callable[[Any], ndarray], seed: Any
) -> None:
    def run(global_seed: int) -> tuple[ndarray, bool]:
        np.random.seed(global_seed)  # noqa: NPY002 (what must not matter)
        before = repr(np.random.get_state())  # noqa: NPY002
        drawn = draw(np.random.RandomState(3) if seed == "stream" else seed)
        return drawn, repr(np.random.get_state()) == before  # noqa: NPY002

    (one, kept), (same, _), (other, _) = run(0), run(0), run(1)
    assert kept
    assert np.array_equal(one, same) == np.array_equal(one, other) == (seed is not None)


# Layers of a network


def test_integer_gives_layers_of_one_shape_the_same_weights() -> None:
    """As in the book, where each layer seeds the one stream anew."""
    first, second = draw_network(3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, np.random.RandomState(3).randn(3, 3))


@pytest.mark.parametrize("seed", [np.random.default_rng(3), np.random.RandomState(3), None])
def test_stream_gives_layers_of_one_shape_different_weights(seed: Any) -> None:
    first, second = draw_network(seed)
    assert not np.array_equal(first, second)


def test_layer_draws_weights_then_bias() -> None:
    stream = np.random.RandomState(3)
    expected = np.concatenate([stream.randn(3, 2), stream.randn(1, 2)])
    np.testing.assert_array_equal(draw_dense(3), expected)


def test_float32_weights_are_the_float64_ones_rounded() -> None:
    layer = Dense(2, seed=3)
    layer.forward(X.astype(np.float32))
    np.testing.assert_array_equal(np.concatenate(layer.params), draw_dense(3).astype(np.float32))
