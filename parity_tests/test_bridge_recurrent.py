"""Parameters of recurrent layers cross between scratch and PyTorch exactly, or not at all."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import (
    load_recurrent,
    model_to_reference,
    model_to_scratch,
    read_recurrent,
    read_recurrent_grads,
)
from parity.catalogue.component import LAYOUTS, arrange
from parity_tests.recurrences import (
    FEATURES,
    HIDDEN,
    KINDS,
    OUT,
    assert_identical,
    draw,
    each_dtype,
    each_kind,
    make_layer,
    make_twin,
    tensor,
)
from reference.recurrent import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer
from scratch.losses import MeanSquaredError
from scratch.recurrent import RecurrentLayer as ScratchLayer
from scratch.recurrent import RNNModel

SIZES = (FEATURES, HIDDEN, OUT)


def make_reference(kind: str) -> RecurrentLayer:
    """With parameters of its own."""
    return {
        "RNN": lambda: RNNLayer(*SIZES),
        "GRU": lambda: GRULayer(*SIZES),
        "GRU reset after": lambda: GRULayer(*SIZES, reset_after=True),
        "LSTM": lambda: LSTMLayer(*SIZES),
        "LSTM with peepholes": lambda: LSTMLayer(*SIZES, peepholes=True),
    }[kind]()


def make_params(kind: str, dtype: str = "float64") -> dict[str, ndarray]:
    """No two elements alike."""
    shapes = {name: p["value"].shape for name, p in make_layer(kind).params.items()}
    numbers = iter(range(1, 10_000))
    return {
        name: np.array([next(numbers) / 7 for _ in range(np.prod(shape))], dtype).reshape(shape)
        for name, shape in shapes.items()
    }


def make_model(dtype: str = "float64", seed: int = 1) -> RNNModel:
    """Of all kinds; it has seen an input, and so has states."""
    layers = [layer(HIDDEN, OUT) for layer in KINDS.values()]
    model = RNNModel(layers, MeanSquaredError(), many_to_one=True, seed=seed)
    model.forward(draw(3, 4, FEATURES, dtype=dtype, seed=seed))
    return model


def params_and_states(model: RNNModel) -> dict[str, ndarray]:
    named: dict[str, ndarray] = {}
    for number, layer in enumerate(model.layers):
        named |= {f"{name} {number}": param["value"] for name, param in layer.params.items()}
        named |= {f"start {n} {number}": part for n, part in enumerate(layer.start_state())}
    return {name: array.copy() for name, array in named.items()}


# Where each one goes


@each_kind
@each_dtype
def test_layers_round_trip_exactly(kind: str, dtype: str) -> None:
    module, params = make_reference(kind), make_params(kind, dtype)
    load_recurrent(module, params)
    assert_identical(read_recurrent(module), params)
    assert {str(part.dtype) for part in module.state_dict().values()} == {f"torch.{dtype}"}


def test_a_classic_layer_has_input_above_state() -> None:
    module, params = RNNLayer(*SIZES), make_params("RNN")
    load_recurrent(module, params)
    values = {name: value.numpy() for name, value in module.rnn.state_dict().items()}
    np.testing.assert_array_equal(values["weight_ih_l0"], params["W_f"][:FEATURES].T)
    np.testing.assert_array_equal(values["weight_hh_l0"], params["W_f"][FEATURES:].T)
    np.testing.assert_array_equal(values["bias_ih_l0"], params["B_f"][0])
    assert not values["bias_hh_l0"].any()


def test_an_lstms_gates_are_input_forget_candidate_output() -> None:
    module, params = LSTMLayer(*SIZES), make_params("LSTM")
    load_recurrent(module, params)
    values = {name: value.numpy() for name, value in module.lstm.state_dict().items()}
    for number, gate in enumerate("ifco"):
        rows = slice(number * HIDDEN, (number + 1) * HIDDEN)
        W, B = params[f"W_{gate}"], params[f"B_{gate}"]
        np.testing.assert_array_equal(values["weight_ih_l0"][rows], W[:FEATURES].T)
        np.testing.assert_array_equal(values["weight_hh_l0"][rows], W[FEATURES:].T)
        np.testing.assert_array_equal(values["bias_ih_l0"][rows], B[0])


def test_a_grus_gates_are_reset_update_candidate() -> None:
    module, params = GRULayer(*SIZES, reset_after=True), make_params("GRU reset after")
    load_recurrent(module, params)
    values = {name: value.numpy() for name, value in module.gru.state_dict().items()}
    for number, gate in enumerate("ruh"):
        rows = slice(number * HIDDEN, (number + 1) * HIDDEN)
        np.testing.assert_array_equal(values["weight_ih_l0"][rows], params[f"W_x{gate}"].T)
        np.testing.assert_array_equal(values["weight_hh_l0"][rows], params[f"W_h{gate}"].T)
        np.testing.assert_array_equal(values["bias_ih_l0"][rows], params[f"B_{gate}"][0])
    np.testing.assert_array_equal(values["bias_hh_l0"][2 * HIDDEN :], params["B_hh"][0])
    assert not values["bias_hh_l0"][: 2 * HIDDEN].any()


@each_kind
def test_the_projection_is_a_linear_layer(kind: str) -> None:
    module, params = make_reference(kind), make_params(kind)
    load_recurrent(module, params)
    np.testing.assert_array_equal(module.projection.weight.detach(), params["W_v"].T)
    np.testing.assert_array_equal(module.projection.bias.detach(), params["B_v"][0])


@each_kind
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_in_memory_will_do(kind: str, layout: str) -> None:
    module, params = make_reference(kind), make_params(kind)
    arranged = {name: arrange(value, layout) for name, value in params.items()}
    for value in arranged.values():
        value.flags.writeable = False
    load_recurrent(module, arranged)
    assert_identical(read_recurrent(module), params)


@each_kind
def test_copies_share_no_memory(kind: str) -> None:
    module, params = make_reference(kind), make_params(kind)
    load_recurrent(module, params)
    read = read_recurrent(module)
    with torch.no_grad():
        for param in module.parameters():
            param.add_(1)
    assert_identical(read, params)
    assert_identical(params, make_params(kind))


@each_kind
def test_loading_keeps_the_tensors(kind: str) -> None:
    """An optimizer of PyTorch's holds the very same ones."""
    module = make_reference(kind)
    before = list(module.parameters())
    load_recurrent(module, make_params(kind))
    assert all(a is b for a, b in zip(module.parameters(), before, strict=True))


@each_kind
def test_gradients_have_the_shapes_of_their_parameters(kind: str) -> None:
    layer = make_layer(kind)
    twin = make_twin(layer)
    with pytest.raises(ValueError, match="has no gradient yet; run a backward pass first"):
        read_recurrent_grads(twin)
    twin(tensor(draw(2, 3, FEATURES))).sum().backward()
    read = read_recurrent_grads(twin)
    shapes = {name: param["value"].shape for name, param in layer.params.items()}
    assert {name: grad.shape for name, grad in read.items()} == shapes
    assert list(read) == list(shapes)
    twin.zero_grad(set_to_none=False)
    assert all(grad.any() for grad in read.values())


# What does not fit


@each_kind
def test_arrays_that_do_not_fit_are_refused(kind: str) -> None:
    module, params = make_reference(kind), make_params(kind)
    load_recurrent(module, params)
    last = list(params)[-1]
    for name, value in params.items():
        other = {key: array + 1 for key, array in params.items()}
        other[name] = np.ones((value.shape[0] + 1, value.shape[1]))
        words = f"{name} has shape {other[name].shape}, must be {value.shape}"
        with pytest.raises(ValueError, match=re.escape(words)):
            load_recurrent(module, other)
    with pytest.raises(ValueError, match=re.escape(f"{last} has shape (3,), must be (1, 3)")):
        load_recurrent(module, params | {last: params[last][0]})
    assert_identical(read_recurrent(module), params)


@pytest.mark.parametrize(
    ("kind", "other"),
    [("RNN", "LSTM"), ("GRU", "GRU reset after"), ("LSTM with peepholes", "LSTM")],
)
def test_parameters_of_another_layer_are_refused(kind: str, other: str) -> None:
    words = f"Layer needs {', '.join(make_params(kind))}, not {', '.join(make_params(other))}"
    with pytest.raises(ValueError, match=re.escape(words)):
        load_recurrent(make_reference(kind), make_params(other))


@pytest.mark.parametrize("kind", ["RNN", "GRU reset after", "LSTM"])
def test_a_second_bias_is_not_lost_without_a_word(kind: str) -> None:
    """A layer trained elsewhere has one that is not 0."""
    module, params = make_reference(kind), make_params(kind)
    [bias] = [value for name, value in module.named_parameters() if "bias_hh" in name]
    with torch.no_grad():
        bias[0] = 1
    words = f"the second bias of a {type(module).__name__} is not 0; the book has one bias only"
    with pytest.raises(ValueError, match=words):
        read_recurrent(module)
    load_recurrent(module, params)
    assert_identical(read_recurrent(module), params)


def test_a_layer_that_the_book_has_not_is_refused() -> None:
    class Other(RecurrentLayer):
        pass

    with pytest.raises(
        ValueError, match="Other has no counterpart among the book's recurrent layers"
    ):
        read_recurrent(Other(*SIZES))


# Models


@each_dtype
def test_a_models_twin_has_its_parameters_states_and_options(dtype: str) -> None:
    model = make_model(dtype)
    model.layers[1].carry_state = False
    twin = model_to_reference(model)
    assert twin.many_to_one
    assert [layer.carry_state for layer in twin.layers] == [True, False, True, True, True]
    for layer, theirs in zip(model.layers, twin.layers, strict=True):
        assert type(theirs).__name__ == type(layer).__name__
        assert_identical(
            read_recurrent(theirs), {name: p["value"] for name, p in layer.params.items()}
        )
        for ours, part in zip(layer.start_state(), theirs.start_state(), strict=True):
            np.testing.assert_array_equal(part.numpy(), ours, strict=True)
            assert ours.any()


@each_dtype
def test_a_model_goes_to_pytorch_and_back_exactly(dtype: str) -> None:
    model, other = make_model(dtype), make_model(dtype, seed=2)
    arrays = list(other.params())
    model_to_scratch(model_to_reference(model), other)
    assert_identical(params_and_states(other), params_and_states(model))
    assert all(a is b for a, b in zip(other.params(), arrays, strict=True))


def test_the_two_sides_of_a_model_share_no_memory() -> None:
    model, other = make_model(), make_model(seed=2)
    twin, before = model_to_reference(model), params_and_states(model)
    model_to_scratch(twin, other)
    with torch.no_grad():
        for value in twin.state_dict().values():
            value.add_(1)
    assert_identical(params_and_states(model), before)
    assert_identical(params_and_states(other), before)


def test_a_model_that_has_seen_no_input_is_refused() -> None:
    model = RNNModel([KINDS["RNN"](HIDDEN, OUT)], MeanSquaredError())
    with pytest.raises(ValueError, match=re.escape("RNNLayer(4, 3) has no parameters yet; run")):
        model_to_reference(model)


def test_a_layer_without_a_twin_is_refused() -> None:
    class Other(ScratchLayer):
        pass

    layer = Other(HIDDEN, OUT)
    layer.first, layer.features = False, FEATURES
    with pytest.raises(ValueError, match=re.escape("Other(4, 3) has no twin; there is one for")):
        model_to_reference(RNNModel([layer], MeanSquaredError()))


def test_a_scratch_model_of_other_layers_is_left_as_it_was() -> None:
    """The first four of its layers would fit."""
    twin, other = model_to_reference(make_model()), make_model(seed=2)
    other.layers[4] = make_layer("LSTM", features=OUT)
    before = params_and_states(other)
    with pytest.raises(ValueError, match=re.escape("LSTMLayer(4, 3) has other parameters than")):
        model_to_scratch(twin, other)
    other.layers[4] = KINDS["LSTM"](HIDDEN, OUT)
    with pytest.raises(ValueError, match="than its twin, or none yet"):
        model_to_scratch(twin, other)
    other.layers.pop()
    with pytest.raises(ValueError, match="the model has 5 layers, the scratch model 4"):
        model_to_scratch(twin, other)
    left = params_and_states(other)
    assert_identical(left, {name: before[name] for name in left})
