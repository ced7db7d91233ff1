"""Codes in the plane: t-SNE keeps groups together, and what is said of the groups is so."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import ndarray

from parity.training.embedding import (
    cluster_medians,
    embed,
    label_places,
    nearest_clusters,
    neighbour_purity,
)

LABELS = np.repeat([0, 1, 2], 20)


@pytest.fixture
def codes() -> ndarray:
    """Three groups of 20 codes, far from each other."""
    rng = np.random.default_rng(7)
    return (rng.standard_normal((60, 28)) + 12 * np.eye(3, 28)[LABELS]).astype(np.float32)


# The embedding


def test_groups_of_codes_are_groups_in_the_plane(codes: ndarray) -> None:
    order = np.random.default_rng(1).permutation(60)
    points = embed(codes[order], 0, 5)
    assert points.shape == (60, 2)
    assert points.dtype == np.float32
    assert neighbour_purity(points, LABELS[order], 5) == 1


def test_codes_without_groups_make_none() -> None:
    noise = np.random.default_rng(2).standard_normal((60, 28))
    assert neighbour_purity(embed(noise, 0, 5), LABELS) < 0.7


def test_one_seed_makes_one_embedding_and_another_another(codes: ndarray) -> None:
    first = embed(codes, 3, 5)
    np.testing.assert_array_equal(embed(codes, 3, 5), first)
    assert not np.array_equal(embed(codes, 4, 5), first)


def test_an_embedding_leaves_the_codes_and_the_global_random_state_alone(codes: ndarray) -> None:
    before, state = codes.copy(), str(np.random.get_state())  # noqa: NPY002
    embed(codes, 0, 5)
    np.testing.assert_array_equal(codes, before)
    assert str(np.random.get_state()) == state  # noqa: NPY002


def distances(places: ndarray) -> ndarray:
    """Between each place and each other."""
    between: ndarray = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    return between[np.triu_indices(len(places), 1)]


def test_groups_lie_in_the_plane_as_the_codes_principal_components_say() -> None:
    """Chance would put them anywhere: no correlation, on average."""
    places = 10 * np.array([[0, 0], [3, 0], [6, 0], [0, 2], [3, 2], [6, 2]])
    labels = np.repeat(np.arange(6), 20)
    groups = np.random.default_rng(5).standard_normal((120, 10))
    groups[:, 4:6] += places[labels]
    for seed in range(3):
        medians = cluster_medians(embed(groups, seed, 10), labels)
        drawn = np.stack(list(medians.values()))
        assert np.corrcoef(distances(drawn), distances(places))[0, 1] > 0.4


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((30, 28)),
        np.repeat(np.arange(5.0), 6)[:, np.newaxis] * np.ones(28),
        np.arange(30.0)[:, np.newaxis],
        np.array([[0.0, 1.0], [1.0, 0.0]]),
    ],
    ids=["all equal", "duplicates", "codes of one number", "two codes"],
)
def test_awkward_codes_are_embedded(codes: ndarray) -> None:
    points = embed(codes, 0, min(5, len(codes) - 1))
    assert points.shape == (len(codes), 2)
    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) >= len(np.unique(codes, axis=0))


@pytest.mark.parametrize("perplexity", [0.5, 60, np.nan])
def test_a_perplexity_that_does_not_fit_is_refused(codes: ndarray, perplexity: float) -> None:
    with pytest.raises(ValueError, match=r"embed: perplexity must be .* number of codes, 60, not"):
        embed(codes, 0, perplexity)


@pytest.mark.parametrize("shape", [(60,), (60, 7, 4), (0, 28), (60, 0)])
def test_codes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"embed: codes must have shape \(n, dimensions\)"):
        embed(np.zeros(shape), 0, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_codes_that_are_not_finite_are_refused(codes: ndarray, value: float) -> None:
    codes[7, 3] = value
    with pytest.raises(ValueError, match="embed: codes must be finite numbers"):
        embed(codes, 0, 5)


# Neighbours


def on_a_line(*places: float) -> ndarray:
    return np.array(places, float)[:, np.newaxis]


def test_purity_is_the_share_of_points_whose_nearest_neighbour_has_their_label() -> None:
    points = on_a_line(0, 1, 2.1, 10, 11.5, 11.9)
    assert neighbour_purity(points, np.array([0, 0, 1, 1, 2, 2])) == 4 / 6


def test_purity_of_several_neighbours_is_the_mean_share() -> None:
    # The two nearest of each: 1 and 2.1; 0 and 2.1; 1 and 0; 2.1 and 1.
    points = on_a_line(0, 1, 2.1, 10)
    assert neighbour_purity(points, np.array([0, 0, 1, 1]), 2) == (1 + 1 + 0 + 1) / 8


def test_a_duplicate_is_a_neighbour_and_the_point_itself_never_is() -> None:
    pairs = np.repeat(on_a_line(0, 5, 10, 15), 2, axis=0)
    assert neighbour_purity(pairs, np.array([0, 1] * 4)) == 0
    assert neighbour_purity(pairs, np.repeat([0, 1, 2, 3], 2)) == 1


@pytest.mark.parametrize("dimensions", [2, 28])
def test_a_point_is_no_neighbour_of_itself_among_many_duplicates(dimensions: int) -> None:
    assert neighbour_purity(np.zeros((50, dimensions)), np.arange(50), 3) == 0


@pytest.mark.parametrize("dimensions", [2, 28])
def test_equally_near_neighbours_in_the_order_of_labels_are_no_pure_ones(dimensions: int) -> None:
    labels = np.repeat(np.arange(10), 50)
    assert neighbour_purity(np.zeros((500, dimensions)), labels) < 0.2


@pytest.mark.parametrize("k", [0, 6])
def test_a_number_of_neighbours_that_does_not_fit_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"neighbour_purity: k must be .* points, 6, not {k}"):
        neighbour_purity(np.zeros((6, 2)), np.zeros(6, int), k)


@pytest.mark.parametrize(
    "function", [neighbour_purity, cluster_medians, nearest_clusters, label_places]
)
def test_points_and_labels_that_do_not_fit_are_refused(function) -> None:
    name = function.__name__
    with pytest.raises(ValueError, match=rf"{name}: .* must have shape \(6,\), not \(5,\)"):
        function(np.zeros((6, 2)), np.zeros(5, int))
    with pytest.raises(ValueError, match=rf"{name}: points must have shape .* not \(6,\)"):
        function(np.zeros(6), np.zeros(6, int))
    with pytest.raises(ValueError, match=f"{name}: points must be finite"):
        function(np.full((6, 2), np.nan), np.zeros(6, int))


# Clusters


def test_a_median_is_that_of_each_coordinate_and_a_stray_point_does_not_move_it() -> None:
    points = np.array([[0, 0], [1, 5], [2, 1000], [7, 8]], float)
    medians = cluster_medians(points, np.array([4, 4, 4, 2]))
    assert {label: median.tolist() for label, median in medians.items()} == {
        2: [7, 8],
        4: [1, 5],
    }
    assert list(medians) == [2, 4]


def test_clusters_are_told_by_distance_the_nearest_first() -> None:
    points = np.array([[0, 0], [3, 4], [0, 0], [0, 1]], float)
    nearest = nearest_clusters(points, np.array([0, 1, 0, 7]))
    assert nearest == {0: {7: 1, 1: 5}, 1: {7: 18**0.5, 0: 5}, 7: {0: 1, 1: 18**0.5}}
    assert [list(others) for others in nearest.values()] == [[7, 1], [7, 0], [0, 1]]


def test_a_single_cluster_has_none_near() -> None:
    assert nearest_clusters(np.ones((3, 2)), np.zeros(3, int)) == {0: {}}


# Names in a picture


def cloud(place: tuple[float, float], n: int, seed: int, spread: float = 1) -> ndarray:
    return place + spread * np.random.default_rng(seed).standard_normal((n, 2))


def test_a_digit_in_two_clusters_is_named_in_the_larger_one_and_not_between_them() -> None:
    fours = np.concatenate([cloud((-10, 0), 60, 1), cloud((10, 0), 90, 2)])
    nines = cloud((0, 0), 150, 3)
    points, labels = np.concatenate([fours, nines]), np.repeat([4, 9], 150)
    places = label_places(points, labels)
    assert list(places) == [4, 9]
    assert np.linalg.norm(places[4] - (10, 0)) < 1.5
    assert np.linalg.norm(places[9] - (0, 0)) < 1.5


def test_a_digit_that_another_lies_upon_is_named_where_it_is_alone() -> None:
    fours = np.concatenate([cloud((-10, 0), 60, 1), cloud((10, 0), 90, 2)])
    points, labels = np.concatenate([fours, cloud((10, 0), 150, 3)]), np.repeat([4, 9], 150)
    places = label_places(points, labels)
    assert np.linalg.norm(places[4] - (-10, 0)) < 1.5
    assert np.linalg.norm(places[9] - (10, 0)) < 1.5


@pytest.mark.parametrize("first", [1, 8])
def test_two_names_stay_apart_in_one_cluster(first: int) -> None:
    """Whose points are the same, so that either would be at its best in one place."""
    points, labels = np.tile(cloud((0, 0), 200, 5), (2, 1)), np.repeat([first, 5], 200)
    one, other = label_places(points, labels).values()
    assert np.linalg.norm(one - other) >= 0.05 * np.ptp(points, axis=0).max()


def test_a_name_stands_at_a_point_of_its_own_wherever_the_picture_lies() -> None:
    points, labels = cloud((0, 0), 200, 6), np.arange(200) % 5
    for scale, moved in ((1, 0), (1e-3, 0), (1e4, 7e4)):
        places = label_places(scale * points + moved, labels)
        for label, place in places.items():
            assert (scale * points[labels == label] + moved == place).all(axis=1).any()


@pytest.mark.parametrize("n", [1, 2, 30])
def test_points_in_one_place_are_named_there(n: int) -> None:
    places = label_places(np.full((n, 2), 3, np.float32), np.arange(n) % 10)
    assert [place.tolist() for place in places.values()] == [[3, 3]] * min(n, 10)
