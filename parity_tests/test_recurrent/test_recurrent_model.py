"""Models of recurrent layers, of one kind and mixed, against PyTorch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy import ndarray

from parity.bridge import model_to_reference, read_recurrent_grads
from parity_tests.recurrences import (
    KINDS,
    assert_identical,
    assert_same,
    draw,
    each_dtype,
    each_form,
    each_kind,
    joined,
    tensor,
)
from reference.recurrent import RNNModel as TorchModel
from scratch.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratch.recurrent import RNNModel, SequenceSoftmaxCrossEntropy

FEATURES, CLASSES = 5, 4

#: Kinds, first to last, with hidden size and width of the output.
STACKS = {
    "one": [("RNN", 4, CLASSES)],
    "two of a kind": [("LSTM", 4, 3), ("LSTM", 3, CLASSES)],
    "the book's mixture": [("GRU", 4, 6), ("LSTM", 3, CLASSES)],
    "three": [("LSTM with peepholes", 3, 2), ("RNN", 4, 6), ("GRU reset after", 5, CLASSES)],
    "all": [("GRU", 2, 3), ("RNN", 3, 4), ("LSTM", 4, 2), ("GRU reset after", 2, CLASSES)],
}

each_stack = pytest.mark.parametrize("stack", STACKS)


def make_model(stack: str, *, many_to_one: bool = False, fused: bool = True) -> RNNModel:
    layers = [
        KINDS[kind](hidden, out, weight_scale=0.7, fused=fused)
        for kind, hidden, out in STACKS[stack]
    ]
    loss = SoftmaxCrossEntropy() if many_to_one else SequenceSoftmaxCrossEntropy()
    return RNNModel(layers, loss, many_to_one, seed=3)


def with_twin(model: RNNModel, dtype: str = "float64") -> tuple[RNNModel, TorchModel]:
    """Both with the parameters and the states that a first batch has left."""
    model.forward(draw(3, 4, FEATURES, dtype=dtype, seed=9))
    return model, model_to_reference(model)


def grads(model: RNNModel) -> dict[str, ndarray]:
    return {
        f"gradient on {name} of layer {number}": param["deriv"]
        for number, layer in enumerate(model.layers)
        for name, param in layer.params.items()
    }


def pytorchs_grads(twin: TorchModel) -> dict[str, ndarray]:
    return {
        f"gradient on {name} of layer {number}": grad
        for number, layer in enumerate(twin.layers)
        for name, grad in read_recurrent_grads(layer).items()
    }


def states(model: RNNModel | TorchModel) -> dict[str, ndarray]:
    layers: Sequence[Any] = model.layers
    return {
        f"start {name} of layer {number}": np.asarray(part)
        for number, layer in enumerate(layers)
        for name, part in zip("HC", layer.start_state(), strict=False)
    }


def draw_classes(*shape: int) -> ndarray:
    return np.random.default_rng(len(shape)).integers(0, CLASSES, shape)


# Equal to PyTorch


@each_stack
@each_dtype
@each_form
@pytest.mark.parametrize("many_to_one", [False, True], ids=["every step", "many to one"])
def test_loss_gradients_and_states_equal_pytorchs(
    stack: str, dtype: str, fused: bool, many_to_one: bool
) -> None:
    model, twin = with_twin(make_model(stack, many_to_one=many_to_one, fused=fused), dtype)
    for batch, time in ((3, 5), (2, 1), (1, 7)):
        x = draw(batch, time, FEATURES, dtype=dtype)
        y = draw_classes(batch) if many_to_one else draw_classes(batch, time)
        twin.zero_grad()
        x_in = tensor(x, grad=True)
        torch_loss = F.cross_entropy(twin(x_in).reshape(-1, CLASSES), torch.from_numpy(y.ravel()))
        torch_loss.backward()
        loss = model.train_batch(x, y)
        found, expected = grads(model), pytorchs_grads(twin)
        if dtype == "float32":
            # What one layer rounds is large beside the small gradients of the layers before it:
            # PyTorch's own are off by 3e-6 of the largest of a matrix. So all go side by side.
            assert {grad.dtype for grad in found.values()} == {np.dtype(dtype)}
            found, expected = {"all": joined(found)}, {"all": joined(expected)}
        assert_same(
            {"loss": loss} | found | states(model),
            {"loss": torch_loss.detach().numpy()} | expected | states(twin),
            dtype,
        )


@each_stack
@each_form
def test_the_input_gradient_equals_pytorchs(stack: str, fused: bool) -> None:
    model, twin = with_twin(make_model(stack, fused=fused))
    x, output_grad = draw(3, 5, FEATURES), draw(3, 5, CLASSES, seed=1)
    x_in = tensor(x, grad=True)
    output = twin(x_in)
    output.backward(tensor(output_grad))
    assert x_in.grad is not None
    found = {"output": model.forward(x), "gradient on the input": model.backward(output_grad)}
    assert_same(
        found, {"output": output.detach().numpy(), "gradient on the input": x_in.grad.numpy()}
    )


@each_form
def test_many_to_one_ends_in_any_loss(fused: bool) -> None:
    layers = [KINDS["LSTM"](4, 1, weight_scale=0.7, fused=fused)]
    model, twin = with_twin(RNNModel(layers, MeanSquaredError(), many_to_one=True, seed=3))
    x, y = draw(6, 5, FEATURES), draw(6, 1)
    torch_loss = F.mse_loss(twin(tensor(x)), tensor(y))
    torch_loss.backward()
    loss = model.train_batch(x, y)
    expected = {"loss": torch_loss.detach().numpy()} | pytorchs_grads(twin)
    assert_same({"loss": loss} | grads(model), expected)


@each_stack
@each_form
def test_a_pass_from_given_states_equals_pytorchs(stack: str, fused: bool) -> None:
    """Twice: from 0, then from where that ended; the models' own states stay."""
    model, twin = with_twin(make_model(stack, fused=fused))
    before = {name: part.copy() for name, part in states(model).items()}
    after, torch_after = None, None
    for number in range(2):
        x = draw(2, 3, FEATURES, seed=number)
        output, after = model.forward_from(x, after)
        with torch.no_grad():
            torch_output, torch_after = twin.forward_from(tensor(x), torch_after)
        found = {"output": output} | {
            f"{n}.{m}": part for n, state in enumerate(after) for m, part in enumerate(state)
        }
        expected = {"output": torch_output.numpy()} | {
            f"{n}.{m}": part.numpy()
            for n, state in enumerate(torch_after)
            for m, part in enumerate(state)
        }
        assert_same(found, expected)
    assert_identical(states(model), before)


# By itself


@each_stack
def test_each_batch_is_trained_on_with_gradients_of_its_own(stack: str) -> None:
    model, _ = with_twin(make_model(stack))
    x, y = draw(3, 5, FEATURES), draw_classes(3, 5)
    model.reset_state()
    first = model.train_batch(x, y)
    once = {name: grad.copy() for name, grad in grads(model).items()}
    model.reset_state()
    assert model.train_batch(x, y) == first
    assert_identical(grads(model), once)
    model.clear_gradients()
    assert not any(grad.any() for grad in model.param_grads())


@each_stack
def test_parameters_and_gradients_come_in_one_order(stack: str) -> None:
    """And are the layers' very arrays, which an optimizer changes in place."""
    model, _ = with_twin(make_model(stack))
    params = [param for layer in model.layers for param in layer.params.values()]
    for shown, key in ((model.params(), "value"), (model.param_grads(), "deriv")):
        assert all(a is param[key] for a, param in zip(shown, params, strict=True))


@each_kind
def test_many_to_one_sends_nothing_into_the_other_steps(kind: str) -> None:
    """The same as a gradient that is 0 but at the last step."""
    one, every = (
        RNNModel([KINDS[kind](4, 3, weight_scale=0.7, seed=1)], MeanSquaredError(), many)
        for many in (True, False)
    )
    x, last = draw(3, 5, FEATURES), draw(3, 3)
    np.testing.assert_array_equal(one.forward(x), every.forward(x)[:, -1])
    padded = np.zeros((3, 5, 3))
    padded[:, -1] = last
    np.testing.assert_array_equal(one.backward(last), every.backward(padded))
    assert_identical(grads(one), grads(every))


@pytest.mark.parametrize("seed", [3, np.int64(3)])
def test_layers_of_one_shape_draw_different_parameters(seed: int) -> None:
    model = RNNModel([KINDS["RNN"](5, 5), KINDS["RNN"](5, 5)], MeanSquaredError(), seed=seed)
    model.forward(draw(2, 3, 5))
    first, second = (layer.params["W_f"]["value"] for layer in model.layers)
    assert abs(first - second).max() > 0.01


# What does not fit


def test_a_model_needs_layers_each_its_own() -> None:
    layer = KINDS["RNN"](4, 3)
    with pytest.raises(ValueError, match="needs at least one layer"):
        RNNModel([], MeanSquaredError())
    with pytest.raises(ValueError, match="cannot have one layer object twice"):
        RNNModel([layer, layer], MeanSquaredError())


@pytest.mark.parametrize("many_to_one", [False, True])
def test_the_way_back_needs_a_way_forward(many_to_one: bool) -> None:
    model = make_model("three", many_to_one=many_to_one)
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        model.backward(np.zeros((3, CLASSES)) if many_to_one else np.zeros((3, 5, CLASSES)))


@pytest.mark.parametrize(
    ("many_to_one", "shape", "words"),
    [
        (False, (3, 6, CLASSES), "have different shapes, (3, 5, 4) and (3, 6, 4)"),
        (False, (3, CLASSES), "have different shapes, (3, 5, 4) and (3, 4)"),
        (True, (3, 5, CLASSES), "have different shapes, (3, 4) and (3, 5, 4)"),
        (True, (2, CLASSES), "have different shapes, (3, 4) and (2, 4)"),
    ],
)
def test_a_gradient_of_a_wrong_shape_is_refused(
    many_to_one: bool, shape: tuple[int, ...], words: str
) -> None:
    model, _ = with_twin(make_model("three", many_to_one=many_to_one))
    model.forward(draw(3, 5, FEATURES))
    with pytest.raises(ValueError, match=re.escape(words)):
        model.backward(np.zeros(shape))


def test_the_layer_that_the_input_does_not_fit_is_named() -> None:
    model, _ = with_twin(make_model("the book's mixture"))
    words = "GRULayer(4, 6): input of shape (3, 5, 6) has 6 features, the layer was set up for 5"
    with pytest.raises(ValueError, match=re.escape(words)):
        model.forward(draw(3, 5, 6))


def test_a_model_takes_a_state_for_each_layer() -> None:
    model, _ = with_twin(make_model("two of a kind"))
    with pytest.raises(ValueError, match="1 states for 2 layers"):
        model.forward_from(draw(2, 3, FEATURES), [(np.zeros((2, 4)), np.zeros((2, 4)))])
    with pytest.raises(ValueError, match=re.escape("must have shape (2, 3), not (2, 4)")):
        model.forward_from(draw(2, 3, FEATURES), [(np.zeros((2, 4)),) * 2] * 2)
