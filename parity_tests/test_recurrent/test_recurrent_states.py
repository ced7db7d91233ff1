"""The state that recurrent layers carry from batch to batch, and where its gradient ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import read_recurrent_grads
from parity_tests.recurrences import (
    FEATURES,
    HIDDEN,
    OUT,
    assert_same,
    derivs,
    draw,
    draw_state,
    each_dtype,
    each_form,
    each_kind,
    make_layer,
    make_twin,
    tensor,
    there_and_back,
)
from scratch.recurrent import RecurrentLayer

#: Rows and time steps of batches that come one after another: the last ones of a text are fewer.
BATCHES = [(4, 6), (4, 6), (1, 6), (3, 2), (5, 1), (4, 6)]


def start(layer: RecurrentLayer) -> dict[str, ndarray]:
    return {f"start {name}": part for name, part in zip("HC", layer.start_state(), strict=False)}


# Carried


@each_kind
@each_dtype
@each_form
def test_carried_state_equals_pytorchs_batch_after_batch(
    kind: str, dtype: str, fused: bool
) -> None:
    """Truncated back-propagation: gradients add up over batches and stop at the start of each."""
    layer = make_layer(kind, dtype, fused=fused)
    twin = make_twin(layer)
    for number, (batch, time) in enumerate(BATCHES):
        x = draw(batch, time, FEATURES, dtype=dtype, seed=number)
        output_grad = draw(batch, time, OUT, dtype=dtype, seed=number + 50)
        x_in = tensor(x, grad=True)
        output = twin(x_in)
        output.backward(tensor(output_grad))
        found = {"output": layer.forward(x), "gradient on the input": layer.backward(output_grad)}
        expected = {
            "output": output.detach().numpy(),
            "gradient on the input": x_in.grad.numpy(),  # type: ignore[union-attr]
        }
        for name, part in zip(start(layer), twin.start_state(), strict=True):
            expected[name] = part.numpy()
        assert_same(found | start(layer), expected, dtype)
        assert all(abs(part).max() > 0.01 for part in layer.start_state())
    found = {name: param["deriv"] for name, param in layer.params.items()}
    assert_same(found, read_recurrent_grads(twin), dtype)


@each_kind
@each_form
def test_the_next_batch_starts_from_the_mean_of_the_last_states(kind: str, fused: bool) -> None:
    layer = make_layer(kind, fused=fused)
    x, zeros = draw(4, 6, FEATURES), tuple(np.zeros((4, HIDDEN)) for _ in layer.start_state())
    _, last = layer.forward_from(x, zeros)
    layer.forward(x)
    means = [part.mean(axis=0, keepdims=True) for part in last]
    assert_same(start(layer), dict(zip(start(layer), means, strict=True)))
    following = draw(2, 3, FEATURES, seed=4)
    expected, _ = layer.forward_from(following, tuple(np.repeat(mean, 2, axis=0) for mean in means))
    assert_same({"output": layer.forward(following)}, {"output": expected})


@each_kind
@each_form
def test_without_carrying_each_batch_starts_where_the_first_did(kind: str, fused: bool) -> None:
    layer = make_layer(kind, fused=fused, carry_state=False)
    twin, x = make_twin(layer), draw(4, 6, FEATURES)
    first, second = layer.forward(x), layer.forward(x)
    np.testing.assert_array_equal(first, second)
    assert not any(part.any() for part in layer.start_state())
    with torch.no_grad():
        twin(tensor(x))
        assert_same({"output": second}, {"output": twin(tensor(x)).numpy()})
    assert not any(part.any() for part in twin.start_state())


@each_kind
def test_reset_lets_the_next_batch_start_from_zero(kind: str) -> None:
    layer, x = make_layer(kind), draw(4, 6, FEATURES)
    first = layer.forward(x)
    assert abs(layer.forward(x) - first).max() > 1e-3
    layer.reset_state()
    np.testing.assert_array_equal(layer.forward(x), first)


@each_kind
@each_form
def test_an_empty_batch_leaves_the_state_as_it_was(kind: str, fused: bool) -> None:
    """A mean of no rows would be NaN."""
    layer = make_layer(kind, fused=fused)
    layer.forward(draw(4, 6, FEATURES))
    before = {name: part.copy() for name, part in start(layer).items()}
    assert layer.forward(np.zeros((0, 6, FEATURES))).shape == (0, 6, OUT)
    assert layer.backward(np.zeros((0, 6, OUT))).shape == (0, 6, FEATURES)
    assert_same(start(layer), before)
    assert not any(deriv.any() for deriv in derivs(layer).values())


@each_kind
@each_dtype
@each_form
def test_the_state_is_of_the_type_of_the_batch(kind: str, dtype: str, fused: bool) -> None:
    layer = make_layer(kind, dtype, fused=fused)
    layer.forward(draw(4, 6, FEATURES, dtype=dtype))
    assert {part.dtype for part in layer.start_state()} == {np.dtype(dtype)}


# A state of the caller's


@each_kind
@each_form
def test_a_pass_from_a_given_state_leaves_the_layers_own(kind: str, fused: bool) -> None:
    layer = make_layer(kind, fused=fused)
    layer.forward(draw(4, 6, FEATURES))
    before = {name: part.copy() for name, part in start(layer).items()}
    layer.forward_from(draw(2, 3, FEATURES), draw_state(layer, 2, "float64"))
    layer.backward_from(draw(2, 3, OUT), draw_state(layer, 2, "float64"))
    for name, part in start(layer).items():
        np.testing.assert_array_equal(part, before[name])


@each_kind
@each_form
@pytest.mark.parametrize("cut", [1, 4, 8])
def test_a_sequence_in_two_parts_is_the_whole(kind: str, fused: bool, cut: int) -> None:
    """With the state handed forward and its gradient handed back, nothing is truncated."""
    layer = make_layer(kind, fused=fused)
    x, output_grad = draw(3, 9, FEATURES), draw(3, 9, OUT, seed=1)
    state = draw_state(layer, 3, "float64")
    state_grad = draw_state(layer, 3, "float64", seed=8)
    whole = there_and_back(layer, x, state, output_grad, state_grad)
    expected = {name: result.copy() for name, result in whole.items()}

    parts = [make_layer(kind, fused=fused) for _ in range(2)]
    outputs: list[ndarray] = []
    input_grads: list[ndarray] = []
    for part, piece in zip(parts, (x[:, :cut], x[:, cut:]), strict=True):
        output, state = part.forward_from(piece, state)
        outputs.append(output)
    pieces = (output_grad[:, cut:], output_grad[:, :cut])
    for part, piece in zip(reversed(parts), pieces, strict=True):
        input_grad, state_grad = part.backward_from(piece, state_grad)
        input_grads.insert(0, input_grad)

    sums = {name: sum(derivs(part)[name] for part in parts) for name in derivs(layer)}
    found = {
        "output": np.concatenate(outputs, axis=1),
        "gradient on the input": np.concatenate(input_grads, axis=1),
        **{f"last {name}": part for name, part in zip("HC", state, strict=False)},
        **{f"gradient on the first {n}": g for n, g in zip("HC", state_grad, strict=False)},
        **sums,
    }
    assert_same({name: found[name] for name in expected}, expected)


@each_kind
@each_form
def test_without_a_gradient_on_the_last_state_it_is_zero(kind: str, fused: bool) -> None:
    layer = make_layer(kind, fused=fused)
    x, output_grad = draw(3, 4, FEATURES), draw(3, 4, OUT, seed=1)
    zeros = tuple(np.zeros((3, HIDDEN)) for _ in layer.start_state())
    expected = there_and_back(layer, x, zeros, output_grad, zeros)
    expected = {name: result.copy() for name, result in expected.items()}
    layer.reset_state()
    layer.clear_gradients()
    output = layer.forward(x)
    found = {"output": output, "gradient on the input": layer.backward(output_grad)} | derivs(layer)
    assert_same(found, {name: expected[name] for name in found})
