"""Chapter 7: how far a drawing of points is from their neighbourhoods, and its gradient."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.tsne.affinities import check_points, squared_distances


def low_dimensional_affinities(Y: ndarray) -> ndarray:
    """How near each two points of a drawing are to each other.

    van der Maaten and Hinton (2008), equation 4: proportional to ``1 / (1 + |y_i - y_j|^2)``, the
    density of Student's t-distribution with one degree of freedom, with 0 on the diagonal.

    Args:
        Y: the drawing, shape ``(points, dimensions)``.

    Returns:
        Shape ``(points, points)``; symmetric, adds up to 1.

    Raises:
        ValueError: as ``squared_distances``.
    """
    check_points(Y, "low_dimensional_affinities", "Y")
    kernel = _student_kernel(Y)
    kernel /= kernel.sum()
    return kernel


def kl_divergence(P: ndarray, Y: ndarray) -> float:
    """The Kullback-Leibler divergence of the drawing's affinities from ``P``, in nats.

    van der Maaten and Hinton (2008), equation 2: ``sum(p log(p / q))``, in which a p of 0 counts
    nothing.

    Args:
        P: as ``joint_probabilities`` has it, shape ``(points, points)``.
        Y: the drawing, shape ``(points, dimensions)``.

    Raises:
        ValueError: as ``squared_distances``; or ``P`` has another shape, or something else than 0
            on its diagonal.
    """
    _check_affinities(P, Y, "kl_divergence")
    pairs = P > 0
    p, q = P[pairs], low_dimensional_affinities(Y)[pairs]
    return np.sum(p * np.log(p / q))


def kl_gradient(P: ndarray, Y: ndarray) -> ndarray:
    """The gradient of ``kl_divergence`` in the drawing.

    van der Maaten and Hinton (2008), equation 5: ``4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i -
    y_j|^2)`` for point i.

    Args:
        P: symmetric, adds up to 1, shape ``(points, points)``. With "early exaggeration" it is
            larger, and this no gradient any more: see ``TSNE``.
        Y: the drawing, shape ``(points, dimensions)``.

    Returns:
        The shape of ``Y``.

    Raises:
        ValueError: as ``kl_divergence``.
    """
    _check_affinities(P, Y, "kl_gradient")
    kernel = _student_kernel(Y)
    force = kernel / -kernel.sum()
    force += P
    force *= kernel
    # Where the drawing is as a whole changes nothing, but for digits that are lost far out.
    Y = Y - Y.mean(axis=0)
    return 4 * (force.sum(axis=1)[:, np.newaxis] * Y - np.dot(force, Y))


def _student_kernel(Y: ndarray) -> ndarray:
    kernel = squared_distances(Y)
    kernel += 1
    np.reciprocal(kernel, out=kernel)
    np.fill_diagonal(kernel, 0)
    return kernel


def _check_affinities(P: ndarray, Y: ndarray, who: str) -> None:
    check_points(Y, who, "Y")
    n = len(Y)
    if P.shape != (n, n):
        raise ValueError(
            f"{who}: P must have shape {(n, n)} for a drawing of shape {Y.shape}, not {P.shape}"
        )
    if P.diagonal().any():
        raise ValueError(f"{who}: P must have 0 on its diagonal; no point is its own neighbour")
