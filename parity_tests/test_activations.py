"""``scratch/activations.py`` against ``reference/activations.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scratch.activations import Linear, Sigmoid
from scratch.operations import Operation


@pytest.mark.components("activations")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture(params=[Sigmoid, Linear])
def activation(request: pytest.FixtureRequest) -> Operation:
    made: Operation = request.param()
    return made


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sigmoid_is_flat_and_finite_far_out(dtype: str) -> None:
    sigmoid = Sigmoid()
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        output = sigmoid.forward(np.array([[-1000, 1000]], dtype=dtype))
        input_grad = sigmoid.backward(np.ones((1, 2), dtype))
    np.testing.assert_array_equal(output, [[0, 1]])
    np.testing.assert_array_equal(input_grad, [[0, 0]])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_results_keep_the_type_and_share_no_memory(activation: Operation, dtype: str) -> None:
    input_, output_grad = np.ones((7, 3), dtype), np.ones((7, 3), dtype)
    input_.setflags(write=False)
    output_grad.setflags(write=False)
    for result in (activation.forward(input_), activation.backward(output_grad)):
        assert result.dtype == dtype
        assert result.flags.writeable
        assert not np.shares_memory(result, input_)
        assert not np.shares_memory(result, output_grad)


def test_any_number_of_dimensions_will_do(activation: Operation) -> None:
    for shape in ((), (5,), (2, 3, 4)):
        input_ = np.full(shape, 0.5)
        assert activation.forward(input_).shape == shape
        assert activation.backward(input_).shape == shape


def test_backward_before_forward_is_refused(activation: Operation) -> None:
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        activation.backward(np.ones((7, 3)))


@pytest.mark.parametrize("shape", [(1, 3), (7, 1), (3,)])
def test_gradient_that_would_broadcast_is_refused(
    activation: Operation, shape: tuple[int, ...]
) -> None:
    activation.forward(np.ones((7, 3)))
    with pytest.raises(ValueError, match=r"output and output_grad .* \(7, 3\) and") as refusal:
        activation.backward(np.ones(shape))
    assert type(activation).__name__ in str(refusal.value)
    assert str(refusal.value).endswith(str(shape))


def test_backward_uses_the_latest_forward_pass() -> None:
    sigmoid = Sigmoid()
    sigmoid.forward(np.array([3.0]))
    sigmoid.forward(np.array([0.0]))
    assert sigmoid.backward(np.array([1.0])) == 0.25
