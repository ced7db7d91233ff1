"""``scratch/initialization.py`` and the reference's: the same distributions, and what they do."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy import ndarray

from reference.initialization import INITIALIZERS, initialize
from scratch.activations import Linear, ReLU, Tanh
from scratch.dense import Dense
from scratch.initialization import SCALES, initial_scale

N_IN, N_OUT = 784, 200

#: The standard deviation that each is meant to have; variance 2 / (in + out) for Glorot's.
DEVIATIONS = {
    "standard": 1.0,
    "glorot": math.sqrt(2 / (N_IN + N_OUT)),
    "glorot_as_printed": 2 / (N_IN + N_OUT),
    "he": math.sqrt(2 / N_IN),
}

each_init = pytest.mark.parametrize("weight_init", DEVIATIONS)


@pytest.mark.components("initialization")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def drawn_by_scratch(weight_init: str) -> tuple[ndarray, ndarray]:
    layer = Dense(N_OUT, Linear(), seed=20190119, weight_init=weight_init)
    layer.forward(np.zeros((1, N_IN)))
    return layer.params[0].ravel(), layer.params[1].ravel()


def drawn_by_reference(weight_init: str) -> tuple[ndarray, ndarray]:
    linear = torch.nn.Linear(N_IN, N_OUT).double()
    initialize(linear, weight_init, torch.Generator().manual_seed(20190119))
    return linear.weight.detach().numpy().ravel(), linear.bias.detach().numpy()


each_side = pytest.mark.parametrize("draw", [drawn_by_scratch, drawn_by_reference])


def distance_from_normal(sample: ndarray, deviation: float) -> float:
    """The Kolmogorov-Smirnov statistic: the largest distance between the two distributions."""
    ordered = np.sort(sample) / deviation
    normal = np.array([(1 + math.erf(x / math.sqrt(2))) / 2 for x in ordered])
    steps = np.arange(len(sample) + 1) / len(sample)
    return float(max(np.max(normal - steps[:-1]), np.max(steps[1:] - normal)))


def test_all_are_known_on_both_sides() -> None:
    assert set(SCALES) == set(INITIALIZERS) == set(DEVIATIONS)


@each_init
@each_side
def test_weights_are_normal_with_the_right_mean_and_variance(
    draw: Callable[[str], tuple[ndarray, ndarray]], weight_init: str
) -> None:
    """Bounds that a right draw of this size misses less than once in a million times."""
    W, _ = draw(weight_init)
    deviation, n = DEVIATIONS[weight_init], N_IN * N_OUT
    assert abs(W.mean()) < 5 * deviation / math.sqrt(n)
    assert abs(W.var() / deviation**2 - 1) < 5 * math.sqrt(2 / n)
    assert distance_from_normal(W, deviation) < 2.7 / math.sqrt(n)


def test_the_test_of_distributions_tells_a_wrong_one() -> None:
    uniform = np.random.default_rng(0).uniform(-math.sqrt(3), math.sqrt(3), N_IN * N_OUT)
    assert distance_from_normal(uniform, 1.0) > 2.7 / math.sqrt(N_IN * N_OUT)
    W, _ = drawn_by_scratch("glorot")
    assert distance_from_normal(W, 0.98 * DEVIATIONS["glorot"]) > 2.7 / math.sqrt(N_IN * N_OUT)


@each_init
@each_side
def test_biases_have_the_scale_of_the_weights(
    draw: Callable[[str], tuple[ndarray, ndarray]], weight_init: str
) -> None:
    _, B = draw(weight_init)
    assert abs(B.std() / DEVIATIONS[weight_init] - 1) < 5 / math.sqrt(2 * N_OUT)


def test_input_of_a_standard_layer_has_a_variance_of_785() -> None:
    """Chapter 4, "Weight Initialization": 784 inputs of variance 1 and a bias."""
    layer = Dense(2000, Linear(), seed=1)
    x = np.random.default_rng(1).standard_normal((500, 784))
    assert abs(layer.forward(x).var() / 785 - 1) < 0.02


def saturated(weight_init: str) -> float:
    """The share of tanh's outputs beyond 0.99 of either end, of the hidden layer in figure 4.8."""
    layer = Dense(89, Tanh(), seed=20190119, weight_init=weight_init)
    output = layer.forward(np.random.default_rng(0).standard_normal((1000, 784)))
    return float(np.mean(np.abs(output) > 0.99))


def test_standard_weights_saturate_tanh_and_glorots_do_not() -> None:
    """Figure 4.8."""
    assert saturated("standard") > 0.85
    assert saturated("glorot") < 0.1


def spread_through(depth: int, activation: Callable[[], Linear | ReLU], weight_init: str) -> float:
    """The standard deviation of the output of many layers, over that of the input."""
    x = output = np.random.default_rng(0).standard_normal((200, 300))
    for seed in range(depth):
        output = Dense(300, activation(), seed=seed, weight_init=weight_init).forward(output)
    return float(np.sqrt(np.mean(output**2) / np.mean(x**2)))


def test_glorot_keeps_the_spread_from_layer_to_layer_and_the_printed_one_loses_it() -> None:
    """E12 in deep networks."""
    assert 0.5 < spread_through(10, Linear, "glorot") < 2
    assert spread_through(10, Linear, "glorot_as_printed") < 1e-2
    assert spread_through(10, Linear, "standard") > 1e10


def test_he_keeps_the_spread_of_relus() -> None:
    assert 0.5 < spread_through(10, ReLU, "he") < 2
    assert spread_through(10, ReLU, "glorot") < 0.1


def test_standard_is_the_stream_of_chapter_3() -> None:
    layer = Dense(3, Linear(), seed=1)
    layer.forward(np.zeros((1, 2)))
    stream = np.random.RandomState(1)
    np.testing.assert_array_equal(layer.params[0], stream.standard_normal((2, 3)))
    np.testing.assert_array_equal(layer.params[1], stream.standard_normal((1, 3)))


@pytest.mark.parametrize("weight_init", ["Glorot", "", None])
def test_unknown_name_is_refused_with_the_known_ones(weight_init: str) -> None:
    for call in (
        lambda: Dense(3, weight_init=weight_init),
        lambda: initial_scale(weight_init, 2, 3),
        lambda: initialize(torch.nn.Linear(2, 3), weight_init),
    ):
        with pytest.raises(ValueError, match="standard, glorot, glorot_as_printed, he"):
            call()
