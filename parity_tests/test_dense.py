"""``scratch/dense.py`` against ``reference/dense.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from scratch.activations import Linear, Sigmoid
from scratch.dense import Dense, Layer
from scratch.operations import BiasAdd, WeightMultiply


@pytest.mark.components("dense")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture
def batch() -> ndarray:
    return np.random.RandomState(0).standard_normal((7, 5))


@pytest.fixture
def layer(batch: ndarray) -> Dense:
    """A layer of three neurons that has seen its first batch, of five columns."""
    layer = Dense(3, seed=1)
    layer.forward(batch)
    return layer


# Construction


@pytest.mark.parametrize("neurons", [0, -1, 2.5, True, "13", None])
def test_impossible_width_is_refused(neurons: Any) -> None:
    with pytest.raises(ValueError, match=r"Dense: neurons must be .* not ") as refusal:
        Dense(neurons)
    assert str(refusal.value).endswith(repr(neurons))


def test_width_may_be_a_numpy_integer(batch: ndarray) -> None:
    three: Any = np.int64(3)
    assert Dense(three).forward(batch).shape == (7, 3)


def test_each_layer_has_a_sigmoid_of_its_own() -> None:
    one, other = Dense(1), Dense(1)
    assert isinstance(one.activation, Sigmoid)
    assert one.activation is not other.activation


def test_nothing_is_drawn_before_the_first_batch() -> None:
    layer = Dense(3)
    assert layer.first
    assert (layer.params, layer.param_grads, layer.operations) == ([], [], [])


def test_first_batch_sets_up_the_books_operations(layer: Dense) -> None:
    assert [type(operation) for operation in layer.operations] == [WeightMultiply, BiasAdd, Sigmoid]
    assert [param.shape for param in layer.params] == [(5, 3), (1, 3)]
    assert not layer.first


def test_weights_and_bias_are_standard_normal() -> None:
    layer = Dense(400, Linear(), seed=1)
    layer.forward(np.zeros((1, 300)))
    for param in layer.params:
        assert abs(param.mean()) < 4 / np.sqrt(param.size)
        assert abs(param.std() - 1) < 4 / np.sqrt(2 * param.size)


def test_layer_without_a_setup_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Layer must define _setup_layer"):
        Layer(3).forward(np.ones((7, 5)))


# Types and memory


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("activation", [Sigmoid, Linear])
def test_everything_comes_in_the_type_of_the_input(
    batch: ndarray, activation: Callable[[], Any], dtype: str
) -> None:
    layer = Dense(3, activation(), seed=1)
    results = [layer.forward(batch.astype(dtype)), layer.backward(np.ones((7, 3), dtype))]
    assert {array.dtype for array in (*results, *layer.params, *layer.param_grads)} == {
        np.dtype(dtype)
    }


@pytest.mark.parametrize("activation", [Sigmoid, Linear])
def test_nothing_shares_memory_with_the_callers_arrays(
    batch: ndarray, activation: Callable[[], Any]
) -> None:
    layer, output_grad = Dense(3, activation(), seed=1), np.ones((7, 3))
    batch.setflags(write=False)
    output_grad.setflags(write=False)
    results = [layer.forward(batch), layer.backward(output_grad)]
    for array in (*results, *layer.params, *layer.param_grads):
        assert not np.shares_memory(array, batch)
        assert not np.shares_memory(array, output_grad)


def test_gradients_of_an_earlier_pass_stay_as_they_are(layer: Dense) -> None:
    layer.backward(np.ones((7, 3)))
    kept = layer.param_grads
    before = [grad.copy() for grad in kept]
    layer.backward(np.full((7, 3), 5.0))
    for earlier, value, later in zip(kept, before, layer.param_grads, strict=True):
        np.testing.assert_array_equal(earlier, value)
        np.testing.assert_allclose(later, 5 * value)


def test_params_are_the_very_arrays_that_the_operations_use(layer: Dense) -> None:
    assert layer.params[0] is layer.operations[0].param  # type: ignore[attr-defined]
    assert layer.params[1] is layer.operations[1].param  # type: ignore[attr-defined]


# Bad input


@pytest.mark.parametrize("dtype", [int, bool, complex])
@pytest.mark.parametrize("first", [True, False])
def test_input_that_is_not_floating_point_is_refused(
    layer: Dense, batch: ndarray, dtype: type, first: bool
) -> None:
    layer.first = first
    with pytest.raises(TypeError, match=r"Dense\(3\): input must be .* floating-point") as refusal:
        layer.forward(batch.astype(int).astype(dtype))
    assert np.dtype(dtype).name in str(refusal.value)


@pytest.mark.parametrize("shape", [(5,), (7, 5, 1), ()])
@pytest.mark.parametrize("first", [True, False])
def test_input_that_is_no_matrix_is_refused(
    layer: Dense, first: bool, shape: tuple[int, ...]
) -> None:
    layer.first = first
    with pytest.raises(ValueError, match=r"Dense\(3\): input .*\(batch, ") as refusal:
        layer.forward(np.ones(shape))
    assert str(shape) in str(refusal.value)


def test_refused_first_input_leaves_the_layer_as_new() -> None:
    layer = Dense(3)
    with pytest.raises(ValueError, match=r"Dense\(3\)"):
        layer.forward(np.ones(5))
    assert layer.first
    assert layer.params == []


@pytest.mark.parametrize("columns", [4, 6, 1])
def test_later_input_with_other_columns_is_refused(layer: Dense, columns: int) -> None:
    words = rf"Dense\(3\): input of shape \(7, {columns}\) .* weights of shape \(5, 3\)"
    with pytest.raises(ValueError, match=words):
        layer.forward(np.ones((7, columns)))


def test_backward_before_forward_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"Dense\(3\): backward was called before forward"):
        Dense(3).backward(np.ones((7, 3)))


@pytest.mark.parametrize("shape", [(7, 1), (1, 3), (3,), (6, 3)])
def test_gradient_of_another_shape_is_refused(layer: Dense, shape: tuple[int, ...]) -> None:
    words = r"Dense\(3\) output and output_grad .* not \(7, 3\) and "
    with pytest.raises(ValueError, match=words) as refusal:
        layer.backward(np.ones(shape))
    assert str(refusal.value).endswith(str(shape))
    assert layer.param_grads == []
