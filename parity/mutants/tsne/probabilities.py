"""Mistakes in the probabilities that t-SNE starts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import tsne as right

Entropy = Callable[[ndarray], ndarray]


def _nats(rows: ndarray) -> ndarray:
    return -(rows * np.log(np.where(rows > 0, rows, 1))).sum(axis=1, keepdims=True)


def _bits(rows: ndarray) -> ndarray:
    return _nats(rows) / np.log(2)


def _weights(X: ndarray, wanted: float, entropy: Entropy = _nats, **changes: Any) -> ndarray:
    """Rows before they are divided by their sum, for a wanted entropy.

    Args:
        X: the points.
        wanted: the entropy.
        entropy: of rows.
        changes: "distances", other ones than the squares; "left_out", the pairs that do not count.
    """
    distances = changes.get("distances", right.squared_distances)(X)
    left_out = changes.get("left_out", np.eye(len(X), dtype=bool))
    distances = np.where(left_out, np.inf, distances)
    distances -= distances.min(axis=1, keepdims=True)
    scale = np.where(left_out, 0, distances).mean(axis=1, keepdims=True)
    lower, upper = np.full_like(scale, -30), np.full_like(scale, 30)
    for _ in range(60):
        middle = (lower + upper) / 2
        weights = np.exp(-np.exp(middle) / scale * distances)
        flat = entropy(weights / weights.sum(axis=1, keepdims=True)) > wanted
        lower, upper = np.where(flat, middle, lower), np.where(flat, upper, middle)
    return weights


def _rows(X: ndarray, wanted: float, entropy: Entropy = _nats, **changes: Any) -> ndarray:
    weights = _weights(X, wanted, entropy, **changes)
    return weights / weights.sum(axis=1, keepdims=True)


def _doubling(X: ndarray, perplexity: float, tolerance: float) -> ndarray:
    """The search as it is mostly written: from 1, doubled or halved until there are two bounds."""
    distances, P = right.squared_distances(X), np.zeros((len(X), len(X)), X.dtype)
    for i in range(len(X)):
        others = np.delete(distances[i], i)
        precision, lower, upper = 1.0, -np.inf, np.inf
        for _ in range(200):
            weights = np.exp(-others * precision)
            total = weights.sum()
            with np.errstate(divide="ignore", invalid="ignore"):
                entropy = np.log(total) + precision * (others * weights).sum() / total
                row = weights / total
            excess = entropy - np.log(perplexity)
            if not abs(excess) > tolerance:
                break
            if excess > 0:
                lower = precision
                precision = precision * 2 if upper == np.inf else (precision + upper) / 2
            else:
                upper = precision
                precision = precision / 2 if lower == -np.inf else (precision + lower) / 2
        P[i] = np.insert(row, i, 0)
    return P


def _entropy_in_bits(X: ndarray, perplexity: float) -> ndarray:
    return _rows(X, np.log(perplexity), _bits)


def _perplexity_in_bits(X: ndarray, perplexity: float) -> ndarray:
    return _rows(X, np.log2(perplexity))


def _entropy_is_perplexity(X: ndarray, perplexity: float) -> ndarray:
    return _rows(X, perplexity)


def _not_squared(X: ndarray, perplexity: float) -> ndarray:
    return _rows(X, np.log(perplexity), distances=lambda X: np.sqrt(right.squared_distances(X)))


def _own_neighbour(X: ndarray, perplexity: float) -> ndarray:
    return _rows(X, np.log(perplexity), left_out=np.zeros((len(X), len(X)), bool))


def _diagonal_added(X: ndarray, perplexity: float) -> ndarray:
    return right.conditional_probabilities(X, perplexity) + np.eye(len(X), dtype=X.dtype)


def _twins_left_out(X: ndarray, perplexity: float) -> ndarray:
    return _rows(X, np.log(perplexity), left_out=right.squared_distances(X) == 0)


def _not_normalised(X: ndarray, perplexity: float) -> ndarray:
    distances = right.squared_distances(X)
    nearest = np.where(np.eye(len(X), dtype=bool), np.inf, distances).min(axis=1, keepdims=True)
    weights = _weights(X, np.log(perplexity))
    # What is the nearest point's own weight the search has taken for 1.
    second = np.where(weights < 1, weights, 0).argmax(axis=1)
    place = np.arange(len(X))
    gap = distances[place, second][:, None] - nearest
    precision = -np.log(weights[place, second])[:, None] / gap
    return weights * np.exp(-precision * nearest)


def _columns(X: ndarray, perplexity: float) -> ndarray:
    P = right.conditional_probabilities(X, perplexity)
    return P / P.sum(axis=0, keepdims=True)


def _transposed(X: ndarray, perplexity: float) -> ndarray:
    return right.conditional_probabilities(X, perplexity).T


def _all_pairs(X: ndarray, perplexity: float) -> ndarray:
    return right.conditional_probabilities(X, perplexity) / len(X)


def _perplexity_ignored(X: ndarray, perplexity: float) -> ndarray:
    distances = np.where(np.eye(len(X), dtype=bool), np.inf, right.squared_distances(X))
    weights = np.exp(-(distances - distances.min(axis=1, keepdims=True)) / 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(X.dtype)


def _too_soon(X: ndarray, perplexity: float) -> ndarray:
    return _doubling(X, perplexity, 1e-5)


def _underflow(X: ndarray, perplexity: float) -> ndarray:
    return _doubling(X, perplexity, 1e-6 if X.dtype == np.float32 else 1e-12)


CONDITIONAL_PROBABILITIES = (
    Mutant(
        "entropy in bits",
        "The entropy is taken with log2, and compared with the natural logarithm of the "
        "perplexity; take natural logarithms for both.",
        _entropy_in_bits,
        "output",
    ),
    Mutant(
        "perplexity in bits",
        "The entropy is taken with natural logarithms, and compared with log2(perplexity); compare "
        "it with log(perplexity).",
        _perplexity_in_bits,
        "output",
    ),
    Mutant(
        "entropy compared with the perplexity",
        "The entropy is compared with the perplexity itself; compare it with log(perplexity).",
        _entropy_is_perplexity,
        "output",
    ),
    Mutant(
        "distances not squared",
        "The exponent has the distance; it must have its square.",
        _not_squared,
        "output",
    ),
    Mutant(
        "own neighbour",
        "Each point counts as its own nearest neighbour: leave it out of its row before the "
        "entropy is taken.",
        _own_neighbour,
        "output",
    ),
    Mutant(
        "diagonal of ones",
        "The diagonal holds 1; it must be 0, for no point is its own neighbour.",
        _diagonal_added,
        "output",
    ),
    Mutant(
        "equal points left out",
        "All pairs with a distance of 0 are left out; two points may be equal and are neighbours "
        "all the same. Leave out the diagonal alone.",
        _twins_left_out,
        "output",
    ),
    Mutant(
        "not normalised",
        "The rows do not add up to 1: divide each by its sum.",
        _not_normalised,
        "output",
    ),
    Mutant(
        "columns normalised",
        "The columns add up to 1; the rows must: divide by sum(axis=1, keepdims=True).",
        _columns,
        "output",
    ),
    Mutant(
        "transposed",
        "The matrix is transposed: row i must hold the neighbours of point i.",
        _transposed,
        "output",
    ),
    Mutant(
        "all pairs add up to 1",
        "All of the matrix adds up to 1; here each row does. It is joint_probabilities that "
        "divides by the number of points.",
        _all_pairs,
        "output",
    ),
    Mutant(
        "perplexity not used",
        "All points have the same Gaussian, with sigma = 1; each needs a precision of its own, at "
        "which its row has the perplexity.",
        _perplexity_ignored,
        "output",
    ),
    Mutant(
        "search ends too soon",
        "The search ends at an entropy that is off by up to 1e-5, as in many programs; go on to "
        "1e-10, which is a few steps more.",
        _too_soon,
        "output",
    ),
    Mutant(
        "underflow",
        "Points that are far apart give NaN (all exponentials are 0): subtract the row's smallest "
        "distance before np.exp, which changes no probability.",
        _underflow,
        "output of distant points",
    ),
)


def _joint(combine: Callable[[ndarray], ndarray]) -> Callable[[ndarray, float], ndarray]:
    """Joint probabilities of the right conditional ones."""

    def wrong(X: ndarray, perplexity: float) -> ndarray:
        return combine(right.conditional_probabilities(X, perplexity))

    return wrong


JOINT_PROBABILITIES = (
    Mutant(
        "not symmetric",
        "The conditional probabilities are divided by n and not added to their transpose: how near "
        "i is to j must be how near j is to i.",
        _joint(lambda P: P / len(P)),
        "output",
    ),
    Mutant(
        "not divided",
        "The sum of the conditional probabilities and their transpose is not divided: all of the "
        "matrix adds up to 2 n, not to 1.",
        _joint(lambda P: P + P.T),
        "output",
    ),
    Mutant(
        "divided by 2",
        "This is the mean of the conditional probabilities and their transpose; divide by the "
        "number of points, too, or the matrix adds up to n.",
        _joint(lambda P: (P + P.T) / 2),
        "output",
    ),
    Mutant(
        "divided by n",
        "The sum is divided by n, so that the matrix adds up to 2: divide by 2 n.",
        _joint(lambda P: (P + P.T) / len(P)),
        "output",
    ),
    Mutant(
        "product",
        "The conditional probabilities are multiplied by their transpose, which makes outliers "
        "count next to nothing; add the two up.",
        _joint(lambda P: P * P.T / (P * P.T).sum()),
        "output",
    ),
    Mutant(
        "conditional",
        "These are the conditional probabilities: add the transpose, and divide by 2 n.",
        _joint(lambda P: P),
        "output",
    ),
)
