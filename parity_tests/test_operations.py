"""``scratch/operations.py`` against ``reference/operations.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy import ndarray

from scratch.operations import BiasAdd, Operation, ParamOperation, WeightMultiply


@pytest.mark.components("operations")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


class Misshapen(ParamOperation):
    """Its gradients come in the shapes it is told."""

    def __init__(self, input_grad: tuple[int, ...], param_grad: tuple[int, ...]) -> None:
        super().__init__(np.ones((1, 3)))
        self.shapes = input_grad, param_grad

    def _output(self) -> ndarray:
        return self.input_ * self.param

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.ones(self.shapes[0])

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.ones(self.shapes[1])


@pytest.fixture(params=["WeightMultiply", "BiasAdd"])
def operation(request: pytest.FixtureRequest) -> ParamOperation:
    """An operation that takes and gives three columns."""
    if request.param == "BiasAdd":
        return BiasAdd(np.arange(3.0)[None])
    return WeightMultiply(np.arange(9.0).reshape(3, 3))


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1), ()])
def test_weights_that_are_no_matrix_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="WeightMultiply: W must have shape") as refusal:
        WeightMultiply(np.ones(shape))
    assert str(refusal.value).endswith(str(shape))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3, 1)])
def test_bias_that_is_not_one_row_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"BiasAdd: B must have shape \(1, out\)") as refusal:
        BiasAdd(np.ones(shape))
    assert str(refusal.value).endswith(str(shape))


@pytest.mark.parametrize("shape", [(7, 4), (7, 1), (3,), (3, 3, 3)])
def test_input_that_does_not_fit_is_refused(
    operation: ParamOperation, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(batch, 3\)") as refusal:
        operation.forward(np.ones(shape))
    assert repr(operation) in str(refusal.value)
    assert str(shape) in str(refusal.value)


def test_backward_before_forward_is_refused(operation: ParamOperation) -> None:
    with pytest.raises(RuntimeError, match="backward was called before forward") as refusal:
        operation.backward(np.ones((7, 3)))
    assert str(refusal.value).startswith(repr(operation))


@pytest.mark.parametrize("shape", [(7, 1), (1, 3), (3,), (7, 3, 1)])
def test_gradient_of_another_shape_than_the_output_is_refused(
    operation: ParamOperation, shape: tuple[int, ...]
) -> None:
    """All but the last would broadcast."""
    operation.forward(np.ones((7, 3)))
    with pytest.raises(ValueError, match=r"output and output_grad .* \(7, 3\) and") as refusal:
        operation.backward(np.ones(shape))
    assert repr(operation) in str(refusal.value)
    assert str(refusal.value).endswith(str(shape))


@pytest.mark.parametrize(
    ("input_grad", "param_grad", "words"),
    [
        ((7, 1), (1, 3), r"input and input_grad must have the same shape, not \(7, 3\) and \(7, 1"),
        ((7, 3), (3,), r"param and param_grad must have the same shape, not \(1, 3\) and \(3,\)"),
    ],
)
def test_subclass_with_misshapen_gradients_is_found_out(
    input_grad: tuple[int, ...], param_grad: tuple[int, ...], words: str
) -> None:
    operation = Misshapen(input_grad, param_grad)
    operation.forward(np.ones((7, 3)))
    with pytest.raises(ValueError, match=words):
        operation.backward(np.ones((7, 3)))


def test_subclass_that_defines_nothing_says_what_is_missing() -> None:
    class Nothing(Operation):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define _output"):
        Nothing().forward(np.ones(3))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_results_keep_the_type_and_share_no_memory(operation: ParamOperation, dtype: str) -> None:
    operation.param = operation.param.astype(dtype)
    input_, output_grad = np.ones((7, 3), dtype), np.full((7, 3), 2.0, dtype)
    given = (input_, output_grad, operation.param)
    for array in given:
        array.setflags(write=False)
    results = (operation.forward(input_), operation.backward(output_grad), operation.param_grad)
    for result in results:
        assert result.dtype == dtype
        assert not any(np.shares_memory(result, array) for array in given)


def test_gradients_of_an_earlier_pass_stay_as_they_are(operation: ParamOperation) -> None:
    operation.forward(np.ones((7, 3)))
    operation.backward(np.ones((7, 3)))
    kept, before = operation.param_grad, operation.param_grad.copy()
    operation.backward(np.full((7, 3), 5.0))
    np.testing.assert_array_equal(kept, before)
    np.testing.assert_allclose(operation.param_grad, 5 * before)


def test_parameter_is_held_not_copied() -> None:
    """The optimizer updates it in place."""
    W = np.eye(3)
    operation = WeightMultiply(W)
    W *= 2
    np.testing.assert_array_equal(operation.forward(np.ones((1, 3))), [[2, 2, 2]])
