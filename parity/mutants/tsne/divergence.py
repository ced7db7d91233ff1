"""Mistakes in the divergence of t-SNE, in its gradient, and in the affinities of a drawing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import tsne as right


def _student(Y: ndarray) -> ndarray:
    return _without_diagonal(1 / (1 + right.squared_distances(Y)))


def _without_diagonal(kernel: ndarray) -> ndarray:
    return np.where(np.eye(len(kernel), dtype=bool), 0, kernel).astype(kernel.dtype)


def _gaussian(Y: ndarray) -> ndarray:
    return _without_diagonal(np.exp(-right.squared_distances(Y)))


def _of(kernel: Callable[[ndarray], ndarray]) -> Callable[[ndarray], ndarray]:
    """Affinities of another kernel."""
    return lambda Y: kernel(Y) / kernel(Y).sum()


LOW_DIMENSIONAL_AFFINITIES = (
    Mutant(
        "Gaussian",
        "The kernel is a Gaussian, as in SNE; the t of t-SNE is Student's: 1 / (1 + squared "
        "distance).",
        _of(_gaussian),
        "output",
    ),
    Mutant(
        "kernel squared",
        "The kernel is squared: take 1 / (1 + squared distance) itself.",
        _of(lambda Y: _student(Y) ** 2),
        "output",
    ),
    Mutant(
        "distances not squared",
        "The kernel has the distance; it must have its square: 1 / (1 + squared distance).",
        _of(lambda Y: _without_diagonal(1 / (1 + np.sqrt(right.squared_distances(Y))))),
        "output",
    ),
    Mutant(
        "diagonal not 0",
        "Each point counts as its own neighbour: set the diagonal to 0 before dividing by the sum.",
        _of(lambda Y: 1 / (1 + right.squared_distances(Y))),
        "output",
    ),
    Mutant(
        "diagonal set to 0 too late",
        "The diagonal is set to 0 after dividing by a sum that it is part of; set it before.",
        lambda Y: _without_diagonal(_of(lambda Y: 1 / (1 + right.squared_distances(Y)))(Y)),
        "output",
    ),
    Mutant(
        "not normalised",
        "The kernel is not divided by its sum.",
        _student,
        "output",
    ),
    Mutant(
        "each row adds up to 1",
        "Each row is divided by its own sum; divide the matrix by the sum of all of it.",
        lambda Y: _student(Y) / _student(Y).sum(axis=1, keepdims=True),
        "output",
    ),
    Mutant(
        "each pair counted once",
        "The sum has each pair once only, so that the matrix adds up to 2; i, j and j, i both "
        "count.",
        lambda Y: 2 * _student(Y) / _student(Y).sum(),
        "output",
    ),
)


def _sum(terms: Callable[[ndarray, ndarray], ndarray]) -> Callable[[ndarray, ndarray], float]:
    """A sum over all pairs in which P is not 0."""

    def wrong(P: ndarray, Y: ndarray) -> float:
        pairs = P > 0
        return np.sum(terms(P[pairs], right.low_dimensional_affinities(Y)[pairs]))

    return wrong


def _mean(P: ndarray, Y: ndarray) -> float:
    return right.kl_divergence(P, Y) / P.size


def _pairs_once(P: ndarray, Y: ndarray) -> float:
    return right.kl_divergence(P, Y) / 2


def _not_normalised_q(P: ndarray, Y: ndarray) -> float:
    pairs = P > 0
    return np.sum(P[pairs] * np.log(P[pairs] / _student(Y)[pairs]))


def _zero_times_infinity(P: ndarray, Y: ndarray) -> float:
    others = ~np.eye(len(P), dtype=bool)
    p, q = P[others], right.low_dimensional_affinities(Y)[others]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sum(p * np.log(p / q))


KL_DIVERGENCE = (
    Mutant(
        "the other way round",
        "This is the divergence of P from Q, sum(q log(q / p)); it must be sum(p log(p / q)).",
        _sum(lambda p, q: q * np.log(q / p)),
        "loss",
    ),
    Mutant(
        "cross entropy",
        "This is the cross entropy, -sum(p log q); the entropy of P is missing: sum(p log(p / q)).",
        _sum(lambda p, q: -p * np.log(q)),
        "loss",
    ),
    Mutant(
        "sign",
        "The sign is wrong: sum(p log(p / q)), which is never below 0.",
        _sum(lambda p, q: p * np.log(q / p)),
        "loss",
    ),
    Mutant(
        "in bits",
        "The logarithm is that to the base of 2; take the natural one.",
        _sum(lambda p, q: p * np.log2(p / q)),
        "loss",
    ),
    Mutant(
        "mean",
        "This is a mean over all elements; it must be the sum, for P adds up to 1 already.",
        _mean,
        "loss",
    ),
    Mutant(
        "each pair counted once",
        "Each pair counts once only, which is half of it; i, j and j, i both count.",
        _pairs_once,
        "loss",
    ),
    Mutant(
        "Q not normalised",
        "The kernel is not divided by its sum before the logarithm is taken.",
        _not_normalised_q,
        "loss",
        within="low_dimensional_affinities",
    ),
    Mutant(
        "zero times infinity",
        "A p of 0 gives NaN (0 times the logarithm of 0); such a pair counts nothing: take only "
        "those with p > 0.",
        _zero_times_infinity,
        "loss where P has zeros",
    ),
)


def _gradient(
    force: Callable[[ndarray, ndarray, ndarray], ndarray], factor: float = 4
) -> Callable[[ndarray, ndarray], ndarray]:
    """A gradient with another force between two points, made of P, Q and the kernel."""

    def wrong(P: ndarray, Y: ndarray) -> ndarray:
        kernel = _student(Y)
        forces = force(P, kernel / kernel.sum(), kernel)
        differences = Y[:, np.newaxis] - Y
        return factor * (forces[:, :, np.newaxis] * differences).sum(axis=1)

    return wrong


def _right_force(P: ndarray, Q: ndarray, kernel: ndarray) -> ndarray:
    return (P - Q) * kernel


KL_GRADIENT = (
    Mutant(
        "factor missing",
        "The 4 is missing. (Many programs leave it to the learning rate; then it is the gradient "
        "of a quarter of the divergence.)",
        _gradient(_right_force, 1),
        "gradient",
    ),
    Mutant(
        "factor 2",
        "The factor is 2, as if y_i came in row i alone; it comes in column i, too: 4.",
        _gradient(_right_force, 2),
        "gradient",
    ),
    Mutant(
        "sign",
        "The sign is wrong, and descent would climb: (p_ij - q_ij) (y_i - y_j).",
        _gradient(_right_force, -4),
        "gradient",
    ),
    Mutant(
        "kernel missing",
        "The division by 1 + squared distance is missing: this is the gradient of SNE, whose "
        "kernel is a Gaussian.",
        _gradient(lambda P, Q, kernel: P - Q),
        "gradient",
    ),
    Mutant(
        "kernel squared",
        "The difference is divided by 1 + squared distance twice.",
        _gradient(lambda P, Q, kernel: (P - Q) * kernel**2),
        "gradient",
    ),
    Mutant(
        "Q not normalised",
        "The kernel is not divided by its sum where it stands for q: (p_ij - q_ij).",
        _gradient(lambda P, Q, kernel: (P - kernel) * kernel),
        "gradient",
    ),
    Mutant(
        "Q is Gaussian",
        "q is that of a Gaussian; take low_dimensional_affinities.",
        lambda P, Y: _gradient(lambda P, Q, kernel: (P - _of(_gaussian)(Y)) * kernel)(P, Y),
        "gradient",
        within="low_dimensional_affinities",
    ),
    Mutant(
        "no repulsion",
        "q is missing: all points are drawn together and none is pushed away.",
        _gradient(lambda P, Q, kernel: P * kernel),
        "gradient",
    ),
    Mutant(
        "divided by the number of points",
        "The gradient is divided by the number of points; the divergence is a sum.",
        lambda P, Y: right.kl_gradient(P, Y) / len(Y),
        "gradient",
    ),
)
