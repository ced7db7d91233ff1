"""Chapter 7: which points are near each other, as probabilities."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

#: How near the entropy of a row comes to that of the perplexity, in nats; in float32, as near as
#: rounding lets it.
ENTROPY_TOLERANCE = 1e-12

#: Elements that are searched through at a time: they stay near the processor.
_BLOCK = 2**17


def squared_distances(X: ndarray) -> ndarray:
    """The squared Euclidean distance of each point from each.

    From differences, column by column: points that are equal are exactly 0 apart, and the matrix is
    exactly symmetric. (``x.x - 2 x.y + y.y`` is faster for many columns, and loses the digits that
    the three have in common.)

    Args:
        X: shape ``(points, columns)``.

    Returns:
        Shape ``(points, points)``.

    Raises:
        ValueError: ``X`` has not two dimensions, is not of a floating-point type, holds NaN or
            infinity, or has fewer than two points; or a square is too large for the type.
    """
    check_points(X, "squared_distances")
    distances = np.zeros((len(X), len(X)), X.dtype)
    difference = np.empty_like(distances)
    with np.errstate(over="ignore"):
        for column in X.T:
            np.subtract(column[:, np.newaxis], column, out=difference)
            np.square(difference, out=difference)
            distances += difference
    if not np.isfinite(distances).all():
        raise ValueError(
            "squared_distances: points are so far apart that the square of a distance is infinite "
            f"in {X.dtype}; divide them all by a number"
        )
    return distances


def conditional_probabilities(X: ndarray, perplexity: float) -> ndarray:
    """How likely each point would pick each other one as its neighbour, by a Gaussian around it.

    van der Maaten and Hinton (2008), equation 1: row i is proportional to ``exp(-precision_i *
    |x_i - x_j|^2)`` with 0 for j = i. Its precision, ``1 / (2 sigma_i^2)``, is found by bisection,
    so that the entropy of the row is ``log(perplexity)`` nats: the point has about ``perplexity``
    neighbours, close by where points are dense and farther off where they are not. Where
    that many or more are nearest at one and the same distance, as duplicates may be, no precision
    does it: they share the row evenly.

    Args:
        X: shape ``(points, columns)``.
        perplexity: from 1 to ``points - 1``.

    Returns:
        Shape ``(points, points)``; each row adds up to 1.

    Raises:
        ValueError: as ``squared_distances``; or the perplexity is out of range.
    """
    check_points(X, "conditional_probabilities")
    n = len(X)
    check_perplexity(perplexity, n, "conditional_probabilities")
    distances = squared_distances(X)
    others = ~np.eye(n, dtype=bool)
    gaps = distances[others].reshape(n, n - 1)
    gaps -= gaps.min(axis=1, keepdims=True)  # else all exponentials of a lonely point may be 0
    step = max(_BLOCK // n, 1)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        gaps[rows] = _rows_of_perplexity(gaps[rows], perplexity)
    probabilities = np.zeros_like(distances)
    probabilities[others] = gaps.ravel()
    return probabilities


def joint_probabilities(X: ndarray, perplexity: float) -> ndarray:
    """How near each two points are to each other: ``(p_j|i + p_i|j) / (2 points)``.

    van der Maaten and Hinton (2008), section 3.1: each point counts at least ``1 / (2 points)``,
    outliers, too. The matrix is symmetric, has 0 on its diagonal, and adds up to 1.

    Takes and raises what ``conditional_probabilities`` does; shape ``(points, points)``.
    """
    probabilities = conditional_probabilities(X, perplexity)
    return (probabilities + probabilities.T) / (2 * len(X))


def _rows_of_perplexity(gaps: ndarray, perplexity: float) -> ndarray:
    """Rows proportional to ``exp(-precision * gaps)``, each with a precision of its own.

    Args:
        gaps: squared distances to all others, less that to the nearest.
        perplexity: of each row.
    """
    nearest = gaps == 0
    ties = nearest.sum(axis=1)
    if perplexity == gaps.shape[1]:
        return np.full_like(gaps, 1 / gaps.shape[1])
    result = nearest / ties[:, np.newaxis].astype(gaps.dtype)
    rows = np.flatnonzero(ties < perplexity)  # of these the search has a solution
    scale = gaps[rows].mean(axis=1, keepdims=True)
    gaps = gaps[rows] / scale
    precision = np.ones_like(scale)
    lower, upper = np.zeros_like(scale), np.full_like(scale, np.inf)
    with np.errstate(over="ignore"):
        while len(rows):
            weights = np.exp(-precision * gaps)
            total = weights.sum(axis=1, keepdims=True)
            mean = (weights * gaps).sum(axis=1, keepdims=True) / total
            excess = np.log(total) + precision * mean - math.log(perplexity)
            lower = np.where(excess > 0, precision, lower)
            upper = np.where(excess > 0, upper, precision)
            middle = np.where(upper < np.inf, lower + (upper - lower) / 2, 2 * precision)
            exhausted = (middle == lower) | (middle == upper)  # no number lies between
            found = ((np.abs(excess) <= ENTROPY_TOLERANCE) | exhausted)[:, 0]
            precision = middle
            if found.any():
                result[rows[found]] = (weights / total)[found]
                gaps, rows = gaps[~found], rows[~found]
                precision, lower, upper = precision[~found], lower[~found], upper[~found]
    return result


def check_perplexity(perplexity: float, points: int, who: str) -> None:
    """Whether a row of probabilities for all other points can have a perplexity.

    Raises:
        ValueError: it cannot; names ``who`` and the number of points.
    """
    if not 1 <= perplexity <= points - 1:
        raise ValueError(
            f"{who}: perplexity must lie between 1 and {points - 1}, one less than there are "
            f"points, not be {perplexity}"
        )


def check_points(X: ndarray, who: str, name: str = "X") -> None:
    """Whether an array can be points.

    Raises:
        ValueError: it cannot; names ``who`` and the shape.
    """
    if X.ndim != 2 or X.shape[1] == 0 or X.dtype.kind != "f":
        raise ValueError(
            f"{who}: {name} must have shape (points, columns) and be of a floating-point type, "
            f"not {X.dtype} in shape {X.shape}"
        )
    if len(X) < 2:
        raise ValueError(f"{who}: there must be at least two points, not {len(X)}")
    if not np.isfinite(X).all():
        raise ValueError(f"{who}: {name} holds NaN or infinity")
