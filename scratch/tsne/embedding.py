"""Chapter 7: t-SNE's search for a drawing, by gradient descent."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

from scratch.seeding import Seed, as_stream, is_integer
from scratch.tsne.affinities import check_perplexity, check_points, joint_probabilities
from scratch.tsne.divergence import kl_divergence, kl_gradient

#: Steps that are made with exaggerated affinities and little momentum, before all others.
EXPLORATION_STEPS = 250

#: How far the drawing reaches at the start.
_FIRST_SPREAD = 1e-4


class TSNE:
    """A drawing in which points are near each other that are so among many dimensions.

    Chapter 7, "Visualization"; van der Maaten and Hinton (2008), algorithm 1, with what they
    describe in section 3.4. At first all affinities are multiplied by ``early_exaggeration``, so
    that neighbours find each other before the drawing is crowded; the momentum is 0.5 meanwhile,
    and 0.8 afterwards. Each coordinate has a gain of its own on the learning rate: 0.2 more where
    the next step goes on as the last one went (which is against the gradient), 0.8 times as much
    where it turns, never less than 0.01.

    The numbers are those of today's programs: the paper has an exaggeration of 4 for 50 steps, a
    learning rate of 100, and starts at random.

    Args:
        n_components: dimensions of the drawing.
        perplexity: how many neighbours a point has, about; from 1 to ``points - 1``.
        early_exaggeration: at least 1.
        learning_rate: above 0; where none is given, ``points / (4 early_exaggeration)``, but not
            less than 50.
        max_iter: steps in all.
        init: "pca" starts from the first principal components of the points, "random" from a normal
            distribution, both in a spread of 0.0001; an array ``(points, n_components)`` is the
            start itself.
        seed: where a random start comes from.

    Attributes:
        embedding: the drawing, after ``fit_transform``.
        loss: its ``kl_divergence``.

    Raises:
        ValueError: a number is out of range, or ``init`` is no such word.
    """

    embedding: ndarray
    loss: float

    def __init__(
        self,
        n_components: int = 2,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        learning_rate: float | None = None,
        max_iter: int = 1000,
        init: str | ndarray = "pca",
        seed: Seed = None,
    ) -> None:
        if not is_integer(n_components) or n_components < 1:
            raise ValueError(
                f"TSNE: n_components must be a whole number of at least 1, not {n_components!r}"
            )
        if not is_integer(max_iter) or max_iter < 0:
            raise ValueError(
                f"TSNE: max_iter must be a whole number of at least 0, not {max_iter!r}"
            )
        if not 1 <= early_exaggeration < math.inf:
            raise ValueError(
                f"TSNE: early_exaggeration must be a number of at least 1, not {early_exaggeration}"
            )
        if learning_rate is not None and not 0 < learning_rate < math.inf:
            raise ValueError(f"TSNE: learning_rate must be a number above 0, not {learning_rate}")
        if isinstance(init, str) and init not in ("pca", "random"):
            raise ValueError(f'TSNE: init must be "pca", "random" or an array, not {init!r}')
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.init = init
        self.seed = seed

    def fit_transform(self, X: ndarray) -> ndarray:
        """Find a drawing of points.

        Args:
            X: shape ``(points, columns)``; it is not changed.

        Returns:
            Shape ``(points, n_components)``, around 0, in the dtype of ``X``.

        Raises:
            ValueError: as ``joint_probabilities``; or the start does not fit, or there are no
                principal components to start from.
            FloatingPointError: the drawing grows beyond all bounds.
        """
        check_points(X, "TSNE")
        check_perplexity(self.perplexity, len(X), "TSNE")
        Y = self._start(X)
        P = joint_probabilities(X, self.perplexity)
        exploration = min(EXPLORATION_STEPS, self.max_iter)
        self._descend(P * self.early_exaggeration, Y, exploration, momentum=0.5)
        self._descend(P, Y, self.max_iter - exploration, momentum=0.8)
        Y -= Y.mean(axis=0)
        self.embedding, self.loss = Y, float(kl_divergence(P, Y))
        return Y.copy()

    def _descend(self, P: ndarray, Y: ndarray, steps: int, momentum: float) -> None:
        """Change the drawing, in place."""
        learning_rate = self.learning_rate
        if learning_rate is None:
            learning_rate = max(len(Y) / self.early_exaggeration / 4, 50.0)
        velocity, gains = np.zeros_like(Y), np.ones_like(Y)
        farthest = math.sqrt(np.finfo(Y.dtype).max / Y.shape[1]) / 4
        for _ in range(steps):
            gradient = kl_gradient(P, Y)
            goes_on = velocity * gradient < 0
            gains = np.maximum(np.where(goes_on, gains + 0.2, gains * 0.8), 0.01, dtype=Y.dtype)
            with np.errstate(over="ignore", invalid="ignore"):
                velocity = momentum * velocity - learning_rate * gains * gradient
                Y += velocity
            if not np.abs(Y).max() < farthest:
                raise FloatingPointError(
                    "TSNE: the drawing grows beyond all bounds; try a learning rate below "
                    f"{learning_rate}"
                )

    def _start(self, X: ndarray) -> ndarray:
        shape = (len(X), self.n_components)
        if isinstance(self.init, ndarray):
            if self.init.shape != shape or not np.isfinite(self.init).all():
                raise ValueError(
                    f"TSNE: init must have shape {shape} for points of shape {X.shape} and hold "
                    f"neither NaN nor infinity; it has shape {self.init.shape}"
                )
            return self.init.astype(X.dtype)
        if self.init == "random":
            start = as_stream(self.seed).standard_normal(shape) * _FIRST_SPREAD
            return start.astype(X.dtype)
        return _principal_components(X, self.n_components)


def _principal_components(X: ndarray, n_components: int) -> ndarray:
    """The first principal components of points, each the way round in which its largest weight is
    positive, so that all linear algebra agrees on it.
    """
    if min(X.shape) < n_components:
        raise ValueError(
            f"TSNE: points of shape {X.shape} have fewer than {n_components} principal components; "
            'take init="random"'
        )
    centred = X - X.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:n_components]
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(n_components), largest])[:, np.newaxis]
    start = np.dot(centred, components.T)
    spread = start[:, 0].std()
    if spread == 0:
        raise ValueError(
            'TSNE: all points are equal and have no principal component; take init="random"'
        )
    return start * np.asarray(_FIRST_SPREAD / spread, X.dtype)
