"""Clipping: what holds beyond the catalogue's cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy import ndarray

from scratch.recurrent import RNNLayer, RNNModel, SequenceSoftmaxCrossEntropy
from scratch.recurrent.clipping import clip_by_norm, clip_by_value


def length(grads: list[ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(grad)) for grad in grads)))


@pytest.fixture
def grads() -> list[ndarray]:
    draws = np.random.default_rng(5)
    return [10 * draws.standard_normal(shape) for shape in ((4, 3), (1, 3), (3, 2))]


def test_by_value_each_element_is_cut_for_itself() -> None:
    grad = np.array([[-3.0, -2.0, -0.5], [0.0, 2.0, 7.0]])
    clip_by_value([grad])
    assert grad.tolist() == [[-2, -2, -0.5], [0, 2, 2]]


def test_by_norm_the_triangle_of_three_and_four_is_shortened_from_five_to_one() -> None:
    first, second = np.array([[3.0]]), np.array([0.0, -4.0])
    assert clip_by_norm([first, second], 1.0) == 5.0
    np.testing.assert_allclose(first, [[0.6]])
    np.testing.assert_allclose(second, [0, -0.8])


def test_by_norm_the_direction_stays_and_by_value_it_need_not(grads: list[ndarray]) -> None:
    before = np.concatenate([grad.ravel() for grad in grads])
    by_value = [grad.copy() for grad in grads]
    clip_by_norm(grads, 1.0)
    clip_by_value(by_value)

    def cosine(arrays: list[ndarray]) -> float:
        after = np.concatenate([array.ravel() for array in arrays])
        return float(after @ before / np.linalg.norm(after) / np.linalg.norm(before))

    assert cosine(grads) == pytest.approx(1, abs=1e-12)
    assert cosine(by_value) < 0.99


def test_by_norm_the_length_after_is_the_limit(grads: list[ndarray]) -> None:
    before = length(grads)
    assert before > 2.5
    assert clip_by_norm(grads, 2.5) == pytest.approx(before, rel=1e-12)
    assert length(grads) == pytest.approx(2.5, rel=1e-12)


def test_pytorch_divides_by_a_norm_that_is_a_millionth_larger(grads: list[ndarray]) -> None:
    """It adds 1e-6 to it: the catalogue's gradients are so large that this does not show."""
    parameters = [torch.tensor(grad) for grad in grads]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = torch.tensor(grad)
    theirs = torch.nn.utils.clip_grad_norm_(parameters, 1.0).item()
    norm = clip_by_norm(grads, 1.0)
    assert norm == pytest.approx(theirs, rel=1e-12)
    for parameter, grad in zip(parameters, grads, strict=True):
        assert parameter.grad is not None
        np.testing.assert_allclose(
            parameter.grad.numpy() * ((norm + 1e-6) / norm), grad, rtol=1e-12
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_type_of_the_gradients_stays(grads: list[ndarray], dtype: str) -> None:
    converted = [grad.astype(dtype) for grad in grads]
    clip_by_norm(converted, 1.0)
    clip_by_value(converted, 0.1)
    assert {str(grad.dtype) for grad in converted} == {dtype}


def test_squares_that_float32_cannot_hold_are_summed_all_the_same() -> None:
    """The largest number of float32 is 3e38; gradients that explode come near its root."""
    grad = np.full((2, 2), 1e30, np.float32)
    assert clip_by_norm([grad], 1.0) == pytest.approx(2e30, rel=1e-6)
    np.testing.assert_allclose(grad, 0.5, rtol=1e-6)


def test_views_are_changed_where_they_lie() -> None:
    whole = np.full((4, 6), 3.0)
    clip_by_value([whole[::2, ::-3]], 1.0)
    assert whole.sum() == 4 * 6 * 3 - 4 * 2
    assert clip_by_norm([whole[1:2, 1:3]], 1.0) == pytest.approx(18**0.5)


def test_no_gradients_have_no_length() -> None:
    clip_by_value([])
    assert clip_by_norm([], 1.0) == 0.0


def test_a_limit_of_0_leaves_nothing(grads: list[ndarray]) -> None:
    by_value = [grad.copy() for grad in grads]
    clip_by_value(by_value, 0.0)
    clip_by_norm(grads, 0.0)
    assert length(grads) == length(by_value) == 0.0


@pytest.mark.parametrize("limit", [-1.0, float("nan")])
def test_a_limit_below_0_is_refused_and_nothing_is_changed(
    grads: list[ndarray], limit: float
) -> None:
    before = [grad.copy() for grad in grads]
    with pytest.raises(ValueError, match="clip_by_value: limit must be a number of at least 0"):
        clip_by_value(grads, limit)
    with pytest.raises(ValueError, match="clip_by_norm: max_norm must be a number of at least 0"):
        clip_by_norm(grads, limit)
    for grad, old in zip(grads, before, strict=True):
        np.testing.assert_array_equal(grad, old)


def test_a_models_own_gradients_are_clipped_between_the_way_back_and_the_update() -> None:
    draws = np.random.default_rng(1)
    x, classes = 50 * draws.standard_normal((4, 6, 3)), draws.integers(0, 2, (4, 6))
    model = RNNModel(
        [RNNLayer(5, 3, weight_scale=3.0), RNNLayer(4, 2, weight_scale=3.0)],
        SequenceSoftmaxCrossEntropy(),
        seed=2,
    )
    model.train_batch(x, classes)
    norm = length(list(model.param_grads()))
    assert clip_by_norm(model.param_grads(), norm / 2) == pytest.approx(norm, rel=1e-12)
    assert length(list(model.param_grads())) == pytest.approx(norm / 2, rel=1e-12)
    derivs = [param["deriv"] for layer in model.layers for param in layer.params.values()]
    assert length(derivs) == pytest.approx(norm / 2, rel=1e-12)
