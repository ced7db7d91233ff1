"""``scratch/losses.py`` against ``reference/losses.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy import ndarray

from reference.losses import MeanSquaredError as TorchMeanSquaredError
from scratch.losses import Loss, MeanSquaredError


@pytest.mark.components("losses")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def test_sum_of_squares_is_divided_by_the_rows_alone() -> None:
    """``nn.MSELoss`` divides by the elements: half of it here."""
    loss = MeanSquaredError()
    prediction, target = np.array([[3.0, 1.0], [0.0, 4.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    assert loss.forward(prediction, target) == (4 + 16) / 2
    np.testing.assert_array_equal(loss.backward(), [[2, 0], [0, 4]])
    elements = torch.nn.MSELoss()(torch.from_numpy(prediction), torch.from_numpy(target))
    assert elements.item() == (4 + 16) / 4


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_loss_and_gradient_keep_the_type_and_share_no_memory(dtype: str) -> None:
    loss = MeanSquaredError()
    prediction, target = np.ones((7, 2), dtype), np.zeros((7, 2), dtype)
    prediction.setflags(write=False)
    target.setflags(write=False)
    assert np.asarray(loss.forward(prediction, target)).dtype == dtype
    gradient = loss.backward()
    assert gradient.dtype == dtype
    assert not np.shares_memory(gradient, prediction)
    assert not np.shares_memory(gradient, target)


@pytest.mark.parametrize("shape", [(7,), (1, 2), (7, 1), (2,)])
def test_target_that_would_broadcast_is_refused(shape: tuple[int, ...]) -> None:
    words = r"MeanSquaredError.* prediction and target must have the same shape, not \(7, 2\) and "
    with pytest.raises(ValueError, match=words) as refusal:
        MeanSquaredError().forward(np.ones((7, 2)), np.ones(shape))
    with pytest.raises(ValueError, match=words) as reference_refusal:
        TorchMeanSquaredError()(torch.ones(7, 2), torch.ones(shape))
    assert str(refusal.value).endswith(str(shape))
    assert str(reference_refusal.value).endswith(str(shape))


def test_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"MeanSquaredError.*empty batch .*\(0, 2\)"):
        MeanSquaredError().forward(np.ones((0, 2)), np.ones((0, 2)))


def test_backward_before_forward_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"MeanSquaredError\(\): backward was called"):
        MeanSquaredError().backward()


def test_backward_belongs_to_the_latest_forward() -> None:
    loss = MeanSquaredError()
    loss.forward(np.array([[5.0]]), np.array([[0.0]]))
    loss.forward(np.array([[1.0]]), np.array([[0.0]]))
    assert loss.backward() == 2


def test_subclass_with_a_misshapen_gradient_is_found_out() -> None:
    class SummedError(MeanSquaredError):
        def _input_grad(self) -> ndarray:
            return np.sum(super()._input_grad(), axis=0)

    loss = SummedError()
    loss.forward(np.ones((7, 2)), np.zeros((7, 2)))
    with pytest.raises(ValueError, match=r"prediction and input_grad .* \(7, 2\) and \(2,\)"):
        loss.backward()


def test_subclass_that_defines_nothing_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="Loss must define _output"):
        Loss().forward(np.ones((7, 2)), np.ones((7, 2)))
