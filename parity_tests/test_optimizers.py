"""``scratch/optimizers.py`` against ``reference/optimizers.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scratch.models import linear_regression
from scratch.network import NeuralNetwork
from scratch.optimizers import SGD, Optimizer


@pytest.mark.components("optimizers")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def trained_once(dtype: str = "float64") -> NeuralNetwork:
    """A linear regression with parameters and the gradients of one batch."""
    net = linear_regression()
    net.train_batch(np.ones((4, 3), dtype), np.ones((4, 1), dtype))
    return net


@pytest.mark.parametrize("optimizer", [Optimizer, SGD])
@pytest.mark.parametrize("lr", [-0.01, float("nan"), float("inf"), -float("inf")])
def test_impossible_learning_rate_is_refused(optimizer: type[Optimizer], lr: float) -> None:
    with pytest.raises(ValueError, match=r"learning rate must be .* not ") as error:
        optimizer(lr=lr)
    assert str(error.value).endswith(str(lr))


def test_learning_rate_of_0_changes_nothing() -> None:
    net, optimizer = trained_once(), SGD(lr=0)
    before = [param.copy() for param in net.params()]
    optimizer.net = net
    optimizer.step()
    for param, value in zip(net.params(), before, strict=True):
        np.testing.assert_array_equal(param, value)


@pytest.mark.parametrize("lr", [0.1, np.float64(0.1)])
def test_step_updates_in_place_in_the_type_of_the_parameters(lr: Any) -> None:
    net, optimizer = trained_once("float32"), SGD(lr)
    optimizer.net = net
    arrays, before = list(net.params()), [param.copy() for param in net.params()]
    optimizer.step()
    for array, param, value in zip(arrays, net.params(), before, strict=True):
        assert param is array
        assert param.dtype == np.float32
        assert not np.array_equal(param, value)


def test_step_leaves_the_gradients_alone() -> None:
    net, optimizer = trained_once(), SGD(0.5)
    optimizer.net = net
    before = [grad.copy() for grad in net.param_grads()]
    optimizer.step()
    for grad, value in zip(net.param_grads(), before, strict=True):
        np.testing.assert_array_equal(grad, value)


def test_step_without_gradients_is_refused() -> None:
    net, optimizer = linear_regression(), SGD()
    net.forward(np.ones((4, 3)))
    optimizer.net = net
    with pytest.raises(ValueError, match="2 parameters but 0 gradients; run train_batch first"):
        optimizer.step()


def test_optimizer_without_a_step_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer must define step"):
        Optimizer().step()
