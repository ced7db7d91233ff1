"""Codes in the plane, and how well they keep the digits apart (chapter 7).

scikit-learn's t-SNE, not openTSNE's: on the 10,000 codes of the autoencoder it ends lower
(Kullback-Leibler divergence 1.61 against 1.63) with as many nearest neighbours of the same digit
(95 %); it takes 47 seconds of one core against 35, and is installed already.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

#: How far the points start from 0: so near that distances within the codes decide where they go.
START = 1e-4

#: Of the noise that a seed adds to where the points start, as a share of ``START``.
NOISE = 0.01

#: As many codes make a learning rate of 1. It is scikit-learn's own rule, without its least rate of
#: 50, by which a few hundred points are thrown about so far that where they started is lost.
CODES_PER_LEARNING_RATE = 48

#: How far from a place points count when it is to be named, as a share of the picture: about as far
#: as a large digit is wide.
AROUND = 0.04

#: How far apart two names stay in the picture, as a share of it: large digits do not touch then.
APART = 0.05


def embed(codes: ndarray, seed: int, perplexity: float = 30) -> ndarray:
    """Points in the plane that are neighbours if their codes are, by t-SNE.

    Chapter 7, figure 7.4. The points start from the first two principal components of the codes, so
    that it is not left to chance where in the picture a cluster lies: for the 10,000 codes of the
    autoencoder another seed hardly moves it. One core computes them, so that one seed gives the
    same points on any number of cores: 10,000 codes take about a minute.

    Args:
        codes: shape ``(n, hidden_dim)``.
        seed: of the little noise that the points start with.
        perplexity: about how many neighbours each point has; less than ``n``.

    Returns:
        Shape ``(n, 2)``, float32, without a unit.

    Raises:
        ValueError: the codes have another shape or are not all finite, or there are too few of them
            for this perplexity.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    _require_points("embed", "codes", codes)
    if not 1 <= perplexity < len(codes):
        raise ValueError(
            f"embed: perplexity must be at least 1 and less than the number of codes, "
            f"{len(codes)}, not {perplexity:g}"
        )
    with threadpool_limits(limits=1):  # several add up in an order that nobody knows beforehand
        start = _start(codes, seed)
        tsne = TSNE(
            perplexity=perplexity,
            init=start,
            learning_rate=len(codes) / CODES_PER_LEARNING_RATE,
        )
        points: ndarray = tsne.fit_transform(codes)
    return points


def _start(codes: ndarray, seed: int) -> ndarray:
    """The first two principal components, the first with a standard deviation of ``START``, and
    noise.
    """
    centred = codes.astype(np.float64) - codes.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)  # the largest eigenvalue comes last
    components = directions[:, :-3:-1]
    # An eigenvector's sign is a library's choice; here its largest element is positive.
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    start = np.zeros((len(codes), 2))
    start[:, : components.shape[1]] = centred @ (components * np.sign(largest))
    spread = start[:, 0].std() or 1.0
    noise = np.random.RandomState(seed).standard_normal(start.shape)
    scaled: ndarray = START * (start / spread + NOISE * noise)
    return scaled.astype(np.float32)


def neighbour_purity(points: ndarray, labels: ndarray, k: int = 1) -> float:
    """The share of points' nearest neighbours with the point's own label, from 0 to 1.

    Of each point the ``k`` nearest others count, each as much as the next: with ``k`` of 1 it is
    the share of points whose nearest neighbour has their label. A duplicate of a point is a
    neighbour of it. Which of several equally near ones count has nothing to do with their labels.

    Args:
        points: shape ``(n, dimensions)``; codes, points in the plane, or images in rows.
        labels: shape ``(n,)``.
        k: how many neighbours of each point count; less than ``n``.

    Raises:
        ValueError: the shapes do not fit, the points are not all finite, or there are too few.
    """
    from sklearn.neighbors import NearestNeighbors

    _require_labels("neighbour_purity", points, labels)
    if not 1 <= k < len(points):
        raise ValueError(
            f"neighbour_purity: k must be at least 1 and less than the number of points, "
            f"{len(points)}, not {k}"
        )
    # Without points to look up it looks up its own, and leaves out of the neighbours the point
    # itself, wherever it stands among its duplicates.
    neighbours = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    return float(np.mean(labels[neighbours] == labels[:, np.newaxis]))


def cluster_medians(points: ndarray, labels: ndarray) -> dict[int, ndarray]:
    """Where each label's points lie, by label in order: the median of each coordinate, of shape
    ``(dimensions,)``.

    Unlike a mean, it stays in the cluster when some of its points lie far off.

    Args:
        points: shape ``(n, dimensions)``.
        labels: shape ``(n,)``, whole numbers.

    Raises:
        ValueError: the shapes do not fit, or the points are not all finite.
    """
    _require_labels("cluster_medians", points, labels)
    return {int(label): np.median(points[labels == label], axis=0) for label in np.unique(labels)}


def label_places(points: ndarray, labels: ndarray) -> dict[int, ndarray]:
    """Where in a picture to name each label, by label in order: at a point of its own, of shape
    ``(2,)``, around which its points are dense and others, which count half, are not.

    A median may lie outside of what it is the median of, where t-SNE has torn a cluster in two. No
    two places are nearer than ``APART``, as long as the points allow it.

    Args:
        points: shape ``(n, 2)``.
        labels: shape ``(n,)``, whole numbers.

    Raises:
        ValueError: the shapes do not fit, or the points are not all finite.
    """
    from sklearn.neighbors import KDTree

    _require_labels("label_places", points, labels)
    points = points.astype(np.float64)
    extent = float(np.ptp(points, axis=0).max()) or 1.0
    every = KDTree(points)
    places: dict[int, ndarray] = {}
    for label in np.unique(labels):
        own = points[labels == label]
        of_own, of_all = (
            tree.kernel_density(own, AROUND * extent, rtol=1e-3) for tree in (KDTree(own), every)
        )
        of_others = of_all - of_own
        best = own[np.argsort(of_others / 2 - of_own, kind="stable")]
        taken = np.array(list(places.values())).reshape(-1, 1, 2)
        room = np.linalg.norm(best - taken, axis=2).min(axis=0, initial=np.inf)
        free = room >= APART * extent
        places[int(label)] = best[free.argmax() if free.any() else room.argmax()]
    return places


def nearest_clusters(points: ndarray, labels: ndarray) -> dict[int, dict[int, float]]:
    """For each label how far the other labels' clusters are, the nearest first.

    Chapter 7 reads from figure 7.4 which digits lie together. Distances are Euclidean, between
    ``cluster_medians``. In the plane only the order of the nearest means something: t-SNE does
    not keep large distances.

    Args:
        points: shape ``(n, dimensions)``.
        labels: shape ``(n,)``, whole numbers.

    Raises:
        ValueError: the shapes do not fit, or the points are not all finite.
    """
    _require_labels("nearest_clusters", points, labels)
    medians = cluster_medians(points, labels)
    nearest: dict[int, dict[int, float]] = {}
    for label, median in medians.items():
        away = {
            other: float(np.linalg.norm(place - median))
            for other, place in medians.items()
            if other != label
        }
        nearest[label] = dict(sorted(away.items(), key=lambda item: item[1]))
    return nearest


def _require_points(who: str, name: str, points: ndarray) -> None:
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(
            f"{who}: {name} must have shape (n, dimensions), neither of them 0, not {points.shape}"
        )
    if not np.all(np.isfinite(points)):
        raise ValueError(f"{who}: {name} must be finite numbers, some are not")


def _require_labels(who: str, points: Any, labels: ndarray) -> None:
    _require_points(who, "points", points)
    if labels.shape != points.shape[:1]:
        raise ValueError(
            f"{who}: there must be a label for each of the points, labels must have shape "
            f"{points.shape[:1]}, not {labels.shape}"
        )
