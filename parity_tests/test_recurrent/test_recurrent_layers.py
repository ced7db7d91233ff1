"""Recurrent layers, fused and node by node, against PyTorch: results and all gradients."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray

from parity.bridge import read_recurrent_grads
from parity.catalogue.component import LAYOUTS, arrange
from parity_tests.recurrences import (
    FEATURES,
    HIDDEN,
    KINDS,
    OUT,
    assert_identical,
    assert_same,
    derivs,
    draw,
    draw_state,
    each_dtype,
    each_form,
    each_kind,
    joined,
    make_layer,
    make_twin,
    pytorchs_there_and_back,
    results,
    tensor,
    there_and_back,
)
from scratch.recurrent import GRUNode, LSTMNode, RecurrentLayer, RNNNode

#: Time steps and rows.
SIZES = [(1, 1), (1, 7), (2, 1), (2, 3), (25, 1), (25, 2), (100, 1), (100, 3)]

Case = tuple[ndarray, tuple[ndarray, ...], ndarray, tuple[ndarray, ...]]


def make_case(layer: RecurrentLayer, batch: int, time: int, dtype: str, features: int) -> Case:
    """Input, first state, gradient on the output, gradient on the last state."""
    return (
        draw(batch, time, features, dtype=dtype),
        draw_state(layer, batch, dtype),
        draw(batch, time, layer.output_size, dtype=dtype, seed=1),
        draw_state(layer, batch, dtype, seed=8),
    )


# Equal to PyTorch


@each_kind
@each_dtype
@each_form
def test_equals_pytorch_at_all_lengths(kind: str, dtype: str, fused: bool) -> None:
    layer = make_layer(kind, dtype, fused=fused)
    twin = make_twin(layer)
    for time, batch in SIZES:
        case = make_case(layer, batch, time, dtype, FEATURES)
        assert_same(there_and_back(layer, *case), pytorchs_there_and_back(twin, *case), dtype)


@each_kind
@each_dtype
def test_fused_equals_node_by_node(kind: str, dtype: str) -> None:
    fused, apart = (make_layer(kind, dtype, fused=fused) for fused in (True, False))
    for time, batch in SIZES:
        case = make_case(fused, batch, time, dtype, FEATURES)
        assert_same(there_and_back(fused, *case), there_and_back(apart, *case), dtype)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(list(KINDS)),
    fused=st.booleans(),
    sizes=st.tuples(*[st.integers(1, 5)] * 5),
    layout=st.sampled_from(LAYOUTS),
    scale=st.sampled_from([0.01, 0.5, 3.0]),
)
def test_equals_pytorch_whatever_is_drawn(
    kind: str, fused: bool, sizes: tuple[int, ...], layout: str, scale: float
) -> None:
    """Any sizes and scales, and any layout of all that comes in."""
    batch, time, features, hidden, out = sizes
    layer = KINDS[kind](hidden, out, weight_scale=scale, seed=1, fused=fused)
    x, state, output_grad, state_grad = make_case(layer, batch, time, "float64", features)
    layer.forward(x)
    found = there_and_back(
        layer,
        arrange(x, layout),
        tuple(arrange(part, layout) for part in state),
        arrange(output_grad, layout),
        tuple(arrange(grad, layout) for grad in state_grad),
    )
    twin = make_twin(layer)
    assert_same(found, pytorchs_there_and_back(twin, x, state, output_grad, state_grad))


@each_kind
@each_dtype
def test_a_node_is_one_step_of_pytorch(kind: str, dtype: str) -> None:
    layer = make_layer(kind, dtype)
    node = {
        "RNN": RNNNode(),
        "GRU": GRUNode(),
        "GRU reset after": GRUNode(reset_after=True),
        "LSTM": LSTMNode(),
        "LSTM with peepholes": LSTMNode(peepholes=True),
    }[kind]
    x, state, output_grad, state_grad = case = make_case(layer, 6, 1, dtype, FEATURES)
    step: Any = node
    output, *last = step.forward(x[:, 0], *state, layer.params)
    input_grad, *first_grad = step.backward(output_grad[:, 0], *state_grad, layer.params)
    found = results(output[:, None], last, input_grad[:, None], first_grad) | derivs(layer)
    assert_same(found, pytorchs_there_and_back(make_twin(layer), *case), dtype)


@each_kind
def test_a_saturated_layer_equals_pytorch(kind: str) -> None:
    """Inputs in the thousands: each gate is open or shut, and nothing overflows."""
    layer = make_layer(kind, fused=False)
    x, state, output_grad, state_grad = make_case(layer, 3, 6, "float64", FEATURES)
    case = (5000 * x, state, output_grad, state_grad)
    expected = pytorchs_there_and_back(make_twin(layer), *case)
    assert_same(there_and_back(layer, *case), expected)
    fused = there_and_back(make_layer(kind, fused=True), *case)
    # A gate that is shut to less than 1e-16 is 0 there: gradients of 1e-60 are, too, and nothing
    # is off beside the largest of them all.
    assert_same({"all": joined(fused)}, {"all": joined(expected)})


@each_kind
@each_form
def test_a_first_forward_draws_the_same_parameters_either_way(kind: str, fused: bool) -> None:
    layer = KINDS[kind](HIDDEN, OUT, seed=3, fused=fused)
    x = draw(4, 6, FEATURES)
    output = layer.forward(x)
    scale = np.std(np.concatenate([param["value"].ravel() for param in layer.params.values()]))
    assert 0.8 < scale / (2 / (FEATURES + OUT)) < 1.2
    twin = make_twin(layer)
    twin.reset_state()
    with torch.no_grad():
        assert_same({"output": output}, {"output": twin(tensor(x)).numpy()})


# Gradients add up


@each_kind
@each_form
def test_gradients_add_up_until_they_are_cleared(kind: str, fused: bool) -> None:
    """As PyTorch's do until ``zero_grad``."""
    layer = make_layer(kind, fused=fused)
    twin = make_twin(layer)
    for batch, time in ((2, 3), (5, 4)):
        x, output_grad = draw(batch, time, FEATURES), draw(batch, time, OUT, seed=1)
        layer.forward(x)
        layer.backward(output_grad)
        twin(tensor(x)).backward(tensor(output_grad))
    expected = read_recurrent_grads(twin)
    assert_same({name: param["deriv"] for name, param in layer.params.items()}, expected)
    arrays = list(derivs(layer).values())
    layer.clear_gradients()
    assert not any(array.any() for array in arrays)
    assert all(a is b for a, b in zip(arrays, derivs(layer).values(), strict=True))


@each_kind
@each_form
def test_a_second_way_back_gives_the_same_again(kind: str, fused: bool) -> None:
    layer = make_layer(kind, fused=fused)
    case = make_case(layer, 2, 5, "float64", FEATURES)
    once = {name: value.copy() for name, value in there_and_back(layer, *case).items()}
    input_grad, _ = layer.backward_from(*case[2:])
    assert_identical({"input": input_grad}, {"input": once["gradient on the input"]})
    assert_same(derivs(layer), {name: 2 * once[name] for name in derivs(layer)})


# Whose arrays are whose


@each_kind
@each_form
def test_what_comes_in_is_not_changed_and_does_not_go_out(kind: str, fused: bool) -> None:
    layer = make_layer(kind, fused=fused)
    x, state, output_grad, state_grad = make_case(layer, 3, 4, "float64", FEATURES)
    given = [x, *state, output_grad, *state_grad]
    values = [param["value"] for param in layer.params.values()]
    before = [array.copy() for array in (*given, *values)]
    found = there_and_back(layer, x, state, output_grad, state_grad)
    for array, old in zip((*given, *values), before, strict=True):
        np.testing.assert_array_equal(array, old)
    for name, result in found.items():
        assert not any(np.shares_memory(result, array) for array in given), name


@each_kind
@each_form
def test_what_goes_out_may_be_changed(kind: str, fused: bool) -> None:
    """The way back does not look at it."""
    untouched, layer = make_layer(kind, fused=fused), make_layer(kind, fused=fused)
    case = make_case(layer, 2, 4, "float64", FEATURES)
    expected = there_and_back(untouched, *case)
    output, last = layer.forward_from(*case[:2])
    for array in (output, *last):
        array.fill(np.nan)
    input_grad, _ = layer.backward_from(*case[2:])
    found = {"gradient on the input": input_grad} | derivs(layer)
    assert_identical(found, {name: expected[name] for name in found})


# What does not fit


@each_kind
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 5), "must have shape (batch, time, features)"),
        ((2, 0, 5), "not (2, 0, 5)"),
        ((2, 3, 0), "not (2, 3, 0)"),
        ((2, 3, 6), "input of shape (2, 3, 6) has 6 features, the layer was set up for 5"),
    ],
)
def test_input_of_a_wrong_shape_is_refused(kind: str, shape: tuple[int, ...], words: str) -> None:
    layer = make_layer(kind)
    with pytest.raises(ValueError, match=f"^{re.escape(repr(layer))}: .*{re.escape(words)}"):
        layer.forward(np.zeros(shape))


@each_kind
def test_whole_numbers_are_refused(kind: str) -> None:
    layer = make_layer(kind)
    with pytest.raises(TypeError, match=re.escape(f"{layer}: input must be of a floating-point")):
        layer.forward(np.zeros((2, 3, FEATURES), int))


@each_kind
@each_form
def test_a_gradient_of_a_wrong_shape_is_refused(kind: str, fused: bool) -> None:
    layer = make_layer(kind, fused=fused)
    layer.forward(draw(2, 3, FEATURES))
    words = f"{layer}: output and x_seq_out_grad have different shapes, (2, 3, 3) and (2, 4, 3)"
    with pytest.raises(ValueError, match=re.escape(words)):
        layer.backward(np.zeros((2, 4, OUT)))
    assert not any(deriv.any() for deriv in derivs(layer).values())


@each_kind
def test_a_state_of_a_wrong_shape_is_refused(kind: str) -> None:
    layer, x = make_layer(kind), draw(2, 3, FEATURES)
    count = len(layer.start_state())
    words = f"{layer}: each part of state must have shape (2, 4), not (1, 4)"
    with pytest.raises(ValueError, match=re.escape(words)):
        layer.forward_from(x, draw_state(layer, 1, "float64"))
    with pytest.raises(ValueError, match=re.escape(f"{layer}: state must be the tuple (H,")):
        layer.forward_from(x, (np.zeros((2, HIDDEN)),) * (count + 1))
    layer.forward(x)
    words = f"{layer}: each part of state_grad must have shape (2, 4), not (2, 5)"
    with pytest.raises(ValueError, match=re.escape(words)):
        layer.backward_from(np.zeros((2, 3, OUT)), (np.zeros((2, 5)),) * count)


@each_kind
@each_form
def test_the_way_back_needs_a_way_forward(kind: str, fused: bool) -> None:
    layer = KINDS[kind](HIDDEN, OUT, fused=fused)
    words = re.escape(f"{layer}: backward was called before forward")
    with pytest.raises(RuntimeError, match=words):
        layer.backward(np.zeros((2, 3, OUT)))


@pytest.mark.parametrize("name", ["hidden_size", "output_size"])
@pytest.mark.parametrize("size", [0, -1, 2.0, True])
@each_kind
def test_a_size_must_be_a_whole_number(kind: str, name: str, size: Any) -> None:
    sizes = {"hidden_size": 2, "output_size": 2, name: size}
    with pytest.raises(ValueError, match=f"Layer: {name} must be a whole number of at least 1"):
        KINDS[kind](**sizes)
