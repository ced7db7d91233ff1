"""Mistakes in functions of matrices."""

from __future__ import annotations

import numpy as np

from parity.catalogue.component import Mutant
from scratch.functions import deriv

MATMUL_FORWARD = (
    Mutant(
        "absolute",
        "The signs are lost on the way through the product.",
        lambda X, W: np.dot(np.abs(X), np.abs(W)),
        "output",
    ),
    Mutant(
        "one row",
        "Only the first row of X is multiplied, the same result is returned for every row.",
        lambda X, W: np.repeat(np.dot(X[:1], W), len(X), axis=0),
        "output",
    ),
)

MATMUL_BACKWARD_FIRST = (
    Mutant(
        "not transposed",
        "W comes back as it is; the gradient on X needs W transposed.",
        lambda X, W: W.copy(),
        "output",
    ),
    Mutant(
        "other matrix",
        "This is X transposed, which belongs to the gradient on W.",
        lambda X, W: X.T.copy(),
        "output",
    ),
    Mutant(
        "ones",
        "The slopes are all 1, as if X and W were added; they are the elements of W.",
        lambda X, W: np.ones_like(W.T),
        "output",
    ),
)

MATMUL_BACKWARD_SECOND = (
    Mutant(
        "not transposed",
        "X comes back as it is; the gradient on W needs X transposed.",
        lambda X, W: X.copy(),
        "output",
    ),
    Mutant(
        "other matrix",
        "This is W transposed, which belongs to the gradient on X.",
        lambda X, W: W.T.copy(),
        "output",
    ),
    Mutant(
        "ones",
        "The slopes are all 1, as if X and W were added; they are the elements of X.",
        lambda X, W: np.ones_like(X.T),
        "output",
    ),
)

MATRIX_FORWARD_EXTRA = (
    Mutant(
        "no sigma",
        "sigma is not applied to the product.",
        lambda X, W, sigma: np.dot(X, W),
        "output",
    ),
    Mutant(
        "sigma first",
        "sigma is applied to X, before the product; it comes after it.",
        lambda X, W, sigma: np.dot(sigma(X), W),
        "output",
    ),
)

MATRIX_FUNCTION_BACKWARD_X = (
    Mutant(
        "no sigma",
        "The derivative of sigma is missing: multiply by it before W transposed.",
        lambda X, W, sigma: np.dot(np.ones((len(X), W.shape[1]), X.dtype), W.T),
        "X_grad",
    ),
    Mutant(
        "sigma itself",
        "This carries sigma(N) back instead of its derivative at N.",
        lambda X, W, sigma: np.dot(sigma(np.dot(X, W)), W.T),
        "X_grad",
    ),
    Mutant(
        "derivative of the derivative",
        "The derivative is taken at sigma(N), not at N.",
        lambda X, W, sigma: np.dot(deriv(sigma, sigma(np.dot(X, W))), W.T),
        "X_grad",
    ),
    Mutant(
        "averaged",
        "This is the gradient of the mean over the rows; L is the sum.",
        lambda X, W, sigma: np.dot(deriv(sigma, np.dot(X, W)), W.T) / len(X),
        "X_grad",
    ),
)

MATRIX_FUNCTION_BACKWARD_W = (
    Mutant(
        "no sigma",
        "The derivative of sigma is missing: multiply by it after X transposed.",
        lambda X, W, sigma: np.dot(X.T, np.ones((len(X), W.shape[1]), X.dtype)),
        "W_grad",
    ),
    Mutant(
        "sigma itself",
        "This carries sigma(N) back instead of its derivative at N.",
        lambda X, W, sigma: np.dot(X.T, sigma(np.dot(X, W))),
        "W_grad",
    ),
    Mutant(
        "averaged",
        "This is the gradient of the mean over the rows; L is the sum.",
        lambda X, W, sigma: np.dot(X.T, deriv(sigma, np.dot(X, W))) / len(X),
        "W_grad",
    ),
)

MATRIX_FUNCTION_FORWARD_SUM = (
    Mutant(
        "mean",
        "The elements are averaged; L is their sum.",
        lambda X, W, sigma: np.mean(sigma(np.dot(X, W))),
        "L",
    ),
    Mutant(
        "sigma last",
        "sigma is applied to the sum; the sum comes last.",
        lambda X, W, sigma: sigma(np.sum(np.dot(X, W))),
        "L",
    ),
)

WEIGHTED_SUM_FORWARD = (
    Mutant(
        "unweighted",
        "V is not used: multiply sigma(N) by it before adding up.",
        lambda X, W, sigma, V: np.sum(sigma(np.dot(X, W))),
        "L",
    ),
    Mutant(
        "inside",
        "V is multiplied inside of sigma; it comes after it.",
        lambda X, W, sigma, V: np.sum(sigma(V * np.dot(X, W))),
        "L",
    ),
)

WEIGHTED_SUM_BACKWARD = (
    Mutant(
        "dSdN",
        "This carries dSdN on where dLdN = dLdS * dSdN belongs; they are the same only "
        "when L is a plain sum.",
        lambda X, W, sigma, V: np.dot(deriv(sigma, np.dot(X, W)), W.T),
        "X_grad",
        errata="E1",
    ),
    Mutant(
        "no sigma",
        "The derivative of sigma is missing.",
        lambda X, W, sigma, V: np.dot(V, W.T),
        "X_grad",
    ),
    Mutant(
        "sigma itself",
        "This carries sigma(N) back instead of its derivative at N.",
        lambda X, W, sigma, V: np.dot(V * sigma(np.dot(X, W)), W.T),
        "X_grad",
    ),
)
