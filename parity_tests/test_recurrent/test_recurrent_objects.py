"""What a recurrent layer keeps, copies and draws, beside what it computes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy import ndarray

import reference.recurrent
from scratch.recurrent import (
    GRULayer,
    LSTMLayer,
    RecurrentLayer,
    RNNLayer,
    RNNModel,
    SequenceSoftmaxCrossEntropy,
)

LAYERS = (RNNLayer, GRULayer, LSTMLayer)

each_layer = pytest.mark.parametrize("make", LAYERS)
each_way = pytest.mark.parametrize("fused", [True, False])


def draw(*shape: int, dtype: str = "float64") -> ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@each_layer
@each_way
@pytest.mark.parametrize(
    "copied", [deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))], ids=["copy", "pickle"]
)
def test_a_copy_computes_the_same_and_shares_nothing(
    make: type[RecurrentLayer], fused: bool, copied: Callable[[RecurrentLayer], RecurrentLayer]
) -> None:
    layer = make(4, 3, seed=1, fused=fused)
    x = draw(2, 5, 3)
    layer.forward(x)
    twin = copied(layer)
    expected = twin.forward(x)
    for param in twin.params.values():
        param["value"] += 1
    twin.forward(x)
    np.testing.assert_array_equal(layer.forward(x), expected)
    layer.backward(expected)


@each_layer
@each_way
def test_gradients_go_where_they_are_when_the_way_back_begins(
    make: type[RecurrentLayer], fused: bool
) -> None:
    layer = make(4, 3, seed=1, fused=fused)
    x, grad = draw(2, 5, 3), draw(2, 5, 3)
    layer.forward(x)
    layer.backward(grad)
    expected = {name: param["deriv"] for name, param in layer.params.items()}
    for param in layer.params.values():
        param["deriv"] = np.zeros_like(param["value"])
    layer.backward(grad)
    for name, param in layer.params.items():
        np.testing.assert_array_equal(param["deriv"], expected[name])


def test_a_copy_has_passed_nothing() -> None:
    layer = RNNLayer(4, 3)
    layer.forward(draw(2, 5, 3))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        deepcopy(layer).backward(draw(2, 5, 3))


@each_layer
def test_a_seed_means_the_same_to_a_layer_and_to_its_model(make: type[RecurrentLayer]) -> None:
    alone, within = make(4, 3, seed=7), make(4, 3)
    RNNModel([within], SequenceSoftmaxCrossEntropy(), seed=7)
    for layer in (alone, within):
        layer.forward(draw(2, 5, 3))
    for name, param in alone.params.items():
        np.testing.assert_array_equal(within.params[name]["value"], param["value"])


@each_layer
@each_way
def test_results_have_the_dtype_of_the_input_whatever_that_of_state_and_gradients(
    make: type[RecurrentLayer], fused: bool
) -> None:
    layer = make(4, 3, fused=fused)
    state = tuple(draw(2, 4) for _ in layer.start_state())
    out, after = layer.forward_from(draw(2, 5, 3, dtype="float32"), state)
    x_grad, before = layer.backward_from(draw(2, 5, 3), state)
    assert {array.dtype for array in (out, *after, x_grad, *before)} == {np.dtype("float32")}


@each_layer
def test_a_state_that_is_not_carried_is_left_alone(make: type[RecurrentLayer]) -> None:
    layer = make(4, 3, carry_state=False)
    layer.start_H = start = np.full((1, 4), 0.1)
    layer.forward(draw(2, 5, 3, dtype="float32"))
    assert layer.start_H is start


@each_layer
def test_an_empty_batch_leaves_the_state_as_it_is(make: type[RecurrentLayer]) -> None:
    ours = make(4, 3)
    ours.forward(draw(0, 5, 2))
    theirs = getattr(reference.recurrent, make.__name__)(2, 4, 3)
    if make is not LSTMLayer:  # which PyTorch refuses an empty batch of
        theirs(torch.zeros(0, 5, 2))
    for start in (ours.start_H, theirs.start_H.numpy()):
        np.testing.assert_array_equal(start, np.zeros((1, 4)))


@pytest.mark.parametrize(
    ("prediction", "target", "words"),
    [
        ((0, 3, 2), (0, 3), "none of them 0, not (0, 3, 2)"),
        ((2, 3, 0), (2, 3, 0), "none of them 0, not (2, 3, 0)"),
        ((6, 4), (6,), "must have shape (batch, time, classes), none of them 0, not (6, 4)"),
        ((2, 3, 4), (2, 3), "hold integers in shape (2, 3), not float64 in shape (2, 3)"),
    ],
)
def test_the_loss_names_the_shapes_that_it_was_given(
    prediction: tuple[int, ...], target: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ValueError, match="SequenceSoftmaxCrossEntropy") as caught:
        SequenceSoftmaxCrossEntropy().forward(np.zeros(prediction), np.zeros(target))
    assert words in str(caught.value)
