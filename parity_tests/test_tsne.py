"""t-SNE's probabilities, divergence and gradient, against PyTorch and by what they must be."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy import ndarray

import reference.tsne as twin
from parity.oracle import central_differences
from scratch.tsne import (
    conditional_probabilities,
    joint_probabilities,
    kl_divergence,
    kl_gradient,
    low_dimensional_affinities,
    squared_distances,
)

DTYPES = ("float64", "float32")


def points(n: int, columns: int, dtype: str = "float64", seed: int = 5) -> ndarray:
    return np.random.default_rng(seed).standard_normal((n, columns)).astype(dtype)


def entropies(P: ndarray) -> ndarray:
    """Of each row, in nats and in float64."""
    P = P.astype(np.float64)
    result: ndarray = -(P * np.log(np.where(P > 0, P, 1))).sum(axis=1)
    return result


# Distances


@pytest.mark.parametrize("n, columns", [(2, 1), (7, 3), (40, 28)])
def test_distances_are_those_of_pytorch(n: int, columns: int) -> None:
    X = points(n, columns)
    expected = torch.cdist(torch.tensor(X), torch.tensor(X)).square().numpy()
    np.testing.assert_allclose(squared_distances(X), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        squared_distances(X), twin.squared_distances(torch.tensor(X)).numpy(), rtol=1e-14
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_points_are_exactly_0_apart_wherever_they_are(dtype: str) -> None:
    X = points(5, 3, dtype) + np.asarray(1e6, dtype)
    distances = squared_distances(np.concatenate([X, X]))
    assert distances.dtype == dtype
    assert not distances.diagonal(5).any()
    np.testing.assert_array_equal(distances, distances.T)


# Conditional probabilities


@pytest.mark.parametrize(
    "n, columns, perplexity",
    [(2, 1, 1), (3, 2, 1.5), (8, 3, 3), (30, 10, 5), (30, 10, 28.9), (300, 28, 30), (40, 2, 1.01)],
)
def test_conditional_probabilities_are_those_of_pytorch(
    n: int, columns: int, perplexity: float
) -> None:
    X = points(n, columns)
    P = conditional_probabilities(X, perplexity)
    expected = twin.conditional_probabilities(torch.tensor(X), perplexity).numpy()
    np.testing.assert_allclose(P, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("perplexity", [1.01, 2, 5, 30, 200, 298])
@pytest.mark.parametrize("scale", [1e-100, 1e-3, 1, 1e6, 1e150])
def test_each_row_has_the_perplexity_whatever_the_unit(perplexity: float, scale: float) -> None:
    P = conditional_probabilities(scale * points(300, 3), perplexity)
    np.testing.assert_allclose(entropies(P), np.log(perplexity), rtol=0, atol=2e-12)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-14)
    assert not P.diagonal().any()


@pytest.mark.parametrize("perplexity", [2, 30])
def test_in_float32_it_is_as_near_as_rounding_lets_it(perplexity: float) -> None:
    P = conditional_probabilities(points(100, 10, "float32"), perplexity)
    assert P.dtype == np.float32
    np.testing.assert_allclose(entropies(P), np.log(perplexity), rtol=0, atol=2e-6)


def test_points_may_be_more_than_one_block_of_the_search() -> None:
    X = points(700, 2)
    P = conditional_probabilities(X, 20)
    np.testing.assert_allclose(entropies(P), np.log(20), rtol=0, atol=2e-12)
    order = np.random.default_rng(1).permutation(700)
    np.testing.assert_allclose(
        conditional_probabilities(X[order], 20), P[order][:, order], rtol=1e-8, atol=1e-13
    )


def test_a_lonely_point_has_neighbours_too() -> None:
    X = points(20, 2)
    X[0] = 1e5
    P = conditional_probabilities(X, 5)
    np.testing.assert_allclose(entropies(P), np.log(5), rtol=0, atol=2e-12)
    assert P[1:, 0].max() < 1e-300 < joint_probabilities(X, 5)[1:, 0].max()


def test_as_many_neighbours_as_there_are_share_evenly() -> None:
    P = conditional_probabilities(points(9, 2), 8)
    np.testing.assert_allclose(P, (1 - np.eye(9)) / 8)


def test_one_neighbour_is_the_nearest() -> None:
    X = points(9, 2)
    distances = squared_distances(X) + np.diag(np.full(9, np.inf))
    P = conditional_probabilities(X, 1)
    np.testing.assert_array_equal(P.argmax(axis=1), distances.argmin(axis=1))
    np.testing.assert_array_equal(P.max(axis=1), 1)


@pytest.mark.parametrize("times", [2, 4, 6])
@pytest.mark.parametrize("dtype", DTYPES)
def test_points_may_come_several_times(times: int, dtype: str) -> None:
    """With a perplexity of 3, three others are too few to share a row and five are enough."""
    X = np.repeat(points(5, 3, dtype), times, axis=0)
    P = conditional_probabilities(X, 3)
    expected = twin.conditional_probabilities(torch.tensor(X), 3).numpy()
    np.testing.assert_allclose(P, expected, atol=1e-11 if dtype == "float64" else 1e-5)
    if times >= 4:
        same = np.kron(np.eye(5), np.ones((times, times))) - np.eye(5 * times)
        np.testing.assert_allclose(P, same / (times - 1), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_points_may_all_be_one(dtype: str) -> None:
    P = joint_probabilities(np.ones((6, 2), dtype), 2)
    np.testing.assert_allclose(P, (1 - np.eye(6)) / 30, rtol=1e-6)


@pytest.mark.parametrize("gap", [1e-22, 1e-20, 1e-18])
def test_a_gap_that_has_no_precision_in_float32_ends_the_search(gap: float) -> None:
    """The square of the gap is next to nothing beside the other distances."""
    X = np.array([[0], [gap], [2.5 * gap], [1], [2]], np.float32)
    P = conditional_probabilities(X, 1.5)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)


# Joint probabilities


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-14), ("float32", 1e-6)])
def test_joint_probabilities_are_symmetric_and_add_up_to_1(dtype: str, tolerance: float) -> None:
    P = joint_probabilities(points(50, 4, dtype), 10)
    assert P.dtype == dtype
    np.testing.assert_array_equal(P, P.T)
    np.testing.assert_allclose(P.sum(), 1, rtol=tolerance)
    assert P.sum(axis=1).min() > 1 / 100
    assert not P.diagonal().any()


def test_joint_probabilities_are_those_of_pytorch() -> None:
    X = points(40, 5)
    expected = twin.joint_probabilities(torch.tensor(X), 7.5).numpy()
    np.testing.assert_allclose(joint_probabilities(X, 7.5), expected, rtol=1e-9, atol=1e-13)


# Divergence and gradient


@pytest.mark.parametrize("n, dimensions", [(2, 1), (3, 2), (12, 2), (12, 3), (60, 2)])
@pytest.mark.parametrize("spread", [1e-4, 1, 50])
def test_divergence_and_gradient_are_those_of_pytorch(
    n: int, dimensions: int, spread: float
) -> None:
    P, Y = joint_probabilities(points(n, 4), min(5, n - 1)), spread * points(n, dimensions, seed=6)
    drawing = torch.tensor(Y, requires_grad=True)
    expected = twin.kl_divergence(torch.tensor(P), drawing)
    expected.backward()
    assert drawing.grad is not None
    slopes = drawing.grad.numpy()
    np.testing.assert_allclose(kl_divergence(P, Y), expected.item(), rtol=1e-12, atol=1e-15)
    scale = np.abs(slopes).max()
    np.testing.assert_allclose(kl_gradient(P, Y), slopes, rtol=0, atol=1e-12 * scale + 1e-15)
    affinities = twin.low_dimensional_affinities(torch.tensor(Y)).numpy()
    np.testing.assert_allclose(low_dimensional_affinities(Y), affinities, rtol=1e-12)


def test_the_gradient_is_the_slope_of_the_divergence() -> None:
    P, Y = joint_probabilities(points(9, 4), 3), points(9, 2, seed=6)
    slopes = central_differences(lambda: float(kl_divergence(P, Y)), Y)
    np.testing.assert_allclose(kl_gradient(P, Y), slopes, atol=1e-9 * np.abs(slopes).max())


def test_the_divergence_of_what_is_equal_is_0_and_its_gradient_too() -> None:
    Y = points(9, 2)
    P = low_dimensional_affinities(Y)
    np.testing.assert_allclose(kl_divergence(P, Y), 0, atol=1e-15)
    np.testing.assert_allclose(kl_gradient(P, Y), 0, atol=1e-15)


def test_where_the_drawing_is_changes_nothing() -> None:
    P, Y = joint_probabilities(points(9, 4), 3), points(9, 2)
    far = Y + 1e6
    np.testing.assert_allclose(kl_divergence(P, far), kl_divergence(P, Y), rtol=1e-8)
    gradient = kl_gradient(P, Y)
    np.testing.assert_allclose(kl_gradient(P, far), gradient, atol=1e-8 * np.abs(gradient).max())


def test_pairs_without_probability_count_nothing() -> None:
    P = np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])
    Y = np.array([[0.0], [1.0], [3.0]])
    q = low_dimensional_affinities(Y)[0, 1]
    np.testing.assert_allclose(q, 0.5 / 2 / (0.5 + 0.1 + 0.2))
    np.testing.assert_allclose(kl_divergence(P, Y), np.log(0.5 / q))


def test_float32_stays_float32() -> None:
    P, Y = joint_probabilities(points(9, 4, "float32"), 3), points(9, 2, "float32")
    results = (kl_divergence(P, Y), kl_gradient(P, Y), low_dimensional_affinities(Y))
    assert {result.dtype for result in map(np.asarray, results)} == {np.dtype(np.float32)}


def test_nothing_is_changed_in_place() -> None:
    X, Y = points(9, 4), points(9, 2)
    P = joint_probabilities(X, 3)
    copies = [array.copy() for array in (X, Y, P)]
    conditional_probabilities(X, 3)
    kl_divergence(P, Y)
    kl_gradient(P, Y)
    for array, copy in zip((X, Y, P), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# What is refused

NAN = np.array([[0.0], [np.nan], [1.0]])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: squared_distances(np.ones(3)), "squared_distances: X must have shape (points, "),
        (lambda: squared_distances(np.ones((3, 2), int)), "not int64 in shape (3, 2)"),
        (lambda: squared_distances(np.ones((3, 0))), "not float64 in shape (3, 0)"),
        (lambda: squared_distances(np.ones((1, 2))), "there must be at least two points, not 1"),
        (lambda: squared_distances(1e200 * np.eye(2)), "is infinite in float64; divide them all"),
        (lambda: joint_probabilities(1 / np.ones((3, 1)) * NAN, 1), "holds NaN or infinity"),
        (lambda: conditional_probabilities(np.eye(5), 5), "lie between 1 and 4, one less than"),
        (lambda: conditional_probabilities(np.eye(5), 4.01), "not be 4.01"),
        (lambda: conditional_probabilities(np.eye(5), 0.99), "not be 0.99"),
        (lambda: conditional_probabilities(np.eye(5), float("nan")), "not be nan"),
        (lambda: conditional_probabilities(np.eye(1), 1), "two points, not 1"),
        (lambda: low_dimensional_affinities(NAN), "low_dimensional_affinities: Y holds NaN"),
        (lambda: kl_divergence(np.eye(3), NAN), "kl_divergence: Y holds NaN"),
        (lambda: kl_gradient(np.zeros((3, 4)), np.eye(3)), "kl_gradient: P must have shape (3, 3)"),
        (lambda: kl_divergence(np.zeros((2, 2)), np.eye(3)), "shape (3, 3), not (2, 2)"),
        (lambda: kl_divergence(np.eye(3), np.eye(3)), "P must have 0 on its diagonal"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


@pytest.mark.parametrize("perplexity", [0.9, 4.1])
def test_pytorchs_side_refuses_the_same_perplexities(perplexity: float) -> None:
    with pytest.raises(ValueError, match=f"between 1 and 4, not be {perplexity}"):
        twin.conditional_probabilities(torch.eye(5), perplexity)
