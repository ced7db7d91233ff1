"""t-SNE finds drawings in which points have the neighbours that they should have."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from scratch.tsne import TSNE, joint_probabilities, kl_divergence, squared_distances

LABELS = np.repeat([0, 1, 2], 20)


def clusters(dtype: str = "float64") -> ndarray:
    """Three groups of 20 points in ten dimensions, far from each other."""
    rng = np.random.default_rng(8)
    return (rng.standard_normal((60, 10)) + 10 * np.eye(3, 10)[LABELS]).astype(dtype)


def nearest(Y: ndarray) -> Any:
    """For each point the number of its nearest neighbour."""
    distances = squared_distances(Y)
    np.fill_diagonal(distances, np.inf)
    return distances.argmin(axis=1)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_groups_stay_apart(init: str, dtype: str) -> None:
    X = clusters(dtype)
    tsne = TSNE(perplexity=10, init=init, max_iter=500, seed=np.random.default_rng(3))
    Y = tsne.fit_transform(X)
    assert (Y.shape, Y.dtype) == ((60, 2), np.dtype(dtype))
    assert (LABELS[nearest(Y)] == LABELS).all()
    means = np.stack([Y[label == LABELS].mean(axis=0) for label in range(3)])
    widths = [np.sqrt(squared_distances(Y[label == LABELS]).max(axis=None)) for label in range(3)]
    between = np.sqrt(squared_distances(means))[~np.eye(3, dtype=bool)]
    assert between.min() > 1.5 * max(widths)


def test_before_a_step_random_points_have_random_neighbours() -> None:
    """Else the drawing above would prove nothing."""
    Y = TSNE(perplexity=10, init="random", max_iter=0, seed=3).fit_transform(clusters())
    assert (LABELS[nearest(Y)] == LABELS).mean() < 0.6


def test_the_divergence_falls() -> None:
    """From the start, and step by step as soon as nothing is exaggerated any more."""
    X = clusters()
    losses = []
    for max_iter in (0, 250, 300, 400, 800):
        tsne = TSNE(perplexity=10, max_iter=max_iter)
        Y = tsne.fit_transform(X)
        assert tsne.loss == kl_divergence(joint_probabilities(X, 10), Y)
        np.testing.assert_array_equal(tsne.embedding, Y)
        losses.append(tsne.loss)
    start, *after = losses
    assert after == sorted(after, reverse=True)
    assert after[-1] < 0.5 * start


def test_one_seed_makes_one_drawing() -> None:
    first, second, other = (
        TSNE(perplexity=5, init="random", max_iter=20, seed=seed).fit_transform(clusters())
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_a_start_of_ones_own_is_where_it_starts() -> None:
    start = np.random.default_rng(2).standard_normal((60, 3)) + 5
    before = start.copy()
    tsne = TSNE(3, perplexity=10, max_iter=0, init=start)
    np.testing.assert_allclose(tsne.fit_transform(clusters()), before - before.mean(axis=0))
    TSNE(3, perplexity=10, max_iter=3, init=start).fit_transform(clusters())
    np.testing.assert_array_equal(start, before)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_principal_components_are_the_start(dtype: str) -> None:
    """As scikit-learn finds them, in both senses."""
    from sklearn.decomposition import PCA

    X = clusters(dtype)
    Y = TSNE(perplexity=10, max_iter=0).fit_transform(X)
    expected = PCA(2, svd_solver="full").fit_transform(X.astype(np.float64))
    expected *= 1e-4 / expected[:, 0].std()
    np.testing.assert_allclose(Y, expected, rtol=0, atol=1e-12 if dtype == "float64" else 1e-9)


def test_points_that_come_twice_are_drawn_twice_in_one_place() -> None:
    X = np.repeat(clusters()[::3], 2, axis=0)
    Y = TSNE(perplexity=5, max_iter=300).fit_transform(X)
    np.testing.assert_allclose(Y[::2], Y[1::2], rtol=0, atol=1e-6 * np.abs(Y).max())
    assert np.isfinite(Y).all()


def test_points_that_are_all_equal_can_be_drawn_from_a_random_start() -> None:
    X = np.ones((12, 3))
    Y = TSNE(perplexity=5, init="random", max_iter=50, seed=1).fit_transform(X)
    assert np.isfinite(Y).all()
    with pytest.raises(ValueError, match=r'all points are equal .*; take init="random"'):
        TSNE(perplexity=5).fit_transform(X)


def test_points_are_left_as_they_were() -> None:
    X = clusters()
    before = X.copy()
    TSNE(perplexity=5, max_iter=5).fit_transform(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("dtype, learning_rate", [("float64", 1e200), ("float32", 1e25)])
def test_a_drawing_that_grows_beyond_all_bounds_is_told_of(
    dtype: str, learning_rate: float
) -> None:
    tsne = TSNE(perplexity=5, learning_rate=learning_rate)
    words = f"beyond all bounds; try a learning rate below {learning_rate}"
    with pytest.raises(FloatingPointError, match=re.escape(words)):
        tsne.fit_transform(clusters(dtype))


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"n_components": 0}, "n_components must be a whole number of at least 1, not 0"),
        ({"max_iter": 1.5}, "max_iter must be a whole number of at least 0, not 1.5"),
        ({"early_exaggeration": 0.5}, "early_exaggeration must be a number of at least 1, not 0.5"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0, not 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0, not nan"),
        ({"init": "PCA"}, 'init must be "pca", "random" or an array, not \'PCA\''),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"TSNE: {words}")):
        TSNE(**arguments)


@pytest.mark.parametrize(
    "arguments, X, words",
    [
        ({}, np.eye(30), "perplexity must lie between 1 and 29, one less"),
        ({"perplexity": 2}, np.full((5, 2), np.nan), "X holds NaN or infinity"),
        ({"perplexity": 1}, np.eye(1), "there must be at least two points, not 1"),
        ({"perplexity": 2}, np.ones((5, 1)), "(5, 1) have fewer than 2 principal components"),
        (
            {"perplexity": 2, "init": np.ones((5, 3))},
            np.eye(5),
            "init must have shape (5, 2) for points of shape (5, 5) and hold",
        ),
        ({"perplexity": 2, "init": np.full((5, 2), np.inf)}, np.eye(5), "nor infinity; it has"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(
    arguments: dict[str, Any], X: ndarray, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        TSNE(**arguments).fit_transform(X)
