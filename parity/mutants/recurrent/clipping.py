"""Mistakes in the clipping of gradients of chapter 6."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant

Grads = Iterable[ndarray]


def _from_above(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        np.minimum(grad, limit, out=grad)


def _from_below(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        np.maximum(grad, -limit, out=grad)


def _between_zero(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        np.clip(grad, 0, limit, out=grad)


def _clipped_copies(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        grad = np.clip(grad, -limit, limit)


def _always_two(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        np.clip(grad, -2.0, 2.0, out=grad)


def _default_of_one(grads: Grads, limit: float = 1.0) -> None:
    for grad in grads:
        np.clip(grad, -limit, limit, out=grad)


def _set_to_zero(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        grad[np.abs(grad) > limit] = 0


def _wrong_sign(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        grad[np.abs(grad) > limit] = limit


def _scaled(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        largest = np.abs(grad).max()
        if largest > limit:
            grad *= limit / largest


def _first_array(grads: Grads, limit: float = 2.0) -> None:
    for grad in grads:
        np.clip(grad, -limit, limit, out=grad)
        return


CLIP_BY_VALUE = (
    Mutant(
        "from above only",
        "Only what is above limit is clipped; what is below -limit becomes -limit.",
        _from_above,
        "grads[0]",
    ),
    Mutant(
        "from below only",
        "Only what is below -limit is clipped; what is above limit becomes limit.",
        _from_below,
        "grads[0]",
    ),
    Mutant(
        "from 0 to the limit",
        "Everything below 0 becomes 0; the limits are -limit and limit.",
        _between_zero,
        "grads[0]",
    ),
    Mutant(
        "copies clipped",
        "The arrays stay as they are, for np.clip returns a new one: write into the array, "
        "np.clip(grad, -limit, limit, out=grad).",
        _clipped_copies,
        "grads[0]",
    ),
    Mutant(
        "limit ignored",
        "The limit is always 2; take the one that is given.",
        _always_two,
        "grads[0]",
    ),
    Mutant(
        "default of 1",
        "Without an argument the limit is 1; the book's companion code has 2.",
        _default_of_one,
        "grads[0]",
    ),
    Mutant(
        "set to 0",
        "What is beyond the limits becomes 0; it must become the limit that it is beyond.",
        _set_to_zero,
        "grads[0]",
    ),
    Mutant(
        "sign lost",
        "What is below -limit becomes limit; it must become -limit.",
        _wrong_sign,
        "grads[0]",
    ),
    Mutant(
        "scaled",
        "Arrays are scaled until they are within the limits; clip each element for itself.",
        _scaled,
        "grads[0]",
    ),
    Mutant(
        "first array only",
        "Only the first array is clipped; go through all.",
        _first_array,
        "grads[1]",
    ),
)


def _length(grads: Iterable[ndarray]) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(grad, dtype=float))) for grad in grads)))


def _shorten(arrays: Iterable[ndarray], norm: float, max_norm: float) -> None:
    if norm > max_norm:
        for grad in arrays:
            grad *= max_norm / norm


def _each_for_itself(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = _length(arrays)
    for grad in arrays:
        _shorten([grad], _length([grad]), max_norm)
    return norm


def _always(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = _length(arrays)
    for grad in arrays:
        with np.errstate(all="ignore"):
            grad *= np.float64(max_norm) / norm
    return norm


def _no_root(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = _length(arrays) ** 2
    _shorten(arrays, norm, max_norm)
    return norm


def _sum_of_norms(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = sum(_length([grad]) for grad in arrays)
    _shorten(arrays, norm, max_norm)
    return norm


def _largest_norm(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = max(_length([grad]) for grad in arrays)
    _shorten(arrays, norm, max_norm)
    return norm


def _largest_element(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = max(float(np.abs(grad).max()) for grad in arrays)
    _shorten(arrays, norm, max_norm)
    return norm


def _root_mean_square(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = _length(arrays) / sum(grad.size for grad in arrays) ** 0.5
    _shorten(arrays, norm, max_norm)
    return norm


def _to_length_one(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = _length(arrays)
    if norm > max_norm:
        for grad in arrays:
            grad /= norm
    return norm


def _copies(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = _length(arrays)
    _shorten([grad.copy() for grad in arrays], norm, max_norm)
    return norm


def _gone_through_twice(grads: Grads, max_norm: float) -> float:
    norm = _length(grads)
    _shorten(grads, norm, max_norm)
    return norm


def _after(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    _shorten(arrays, _length(arrays), max_norm)
    return _length(arrays)


def _nothing_returned(grads: Grads, max_norm: float) -> None:
    arrays = list(grads)
    _shorten(arrays, _length(arrays), max_norm)


def _first_array_shortened(grads: Grads, max_norm: float) -> float:
    arrays = list(grads)
    norm = _length(arrays)
    _shorten(arrays[:1], norm, max_norm)
    return norm


CLIP_BY_NORM = (
    Mutant(
        "each array for itself",
        "Each array is shortened by a norm of its own, which turns the direction of the whole: "
        "multiply all of them by max_norm / norm, with the norm of all together.",
        _each_for_itself,
        "grads[0]",
    ),
    Mutant(
        "always scaled",
        "Gradients that are short enough are made longer: change them only if the norm is above "
        "max_norm.",
        _always,
        "grads[0]",
    ),
    Mutant(
        "root forgotten",
        "The norm is the sum of the squares; take its square root.",
        _no_root,
        "norm",
    ),
    Mutant(
        "sum of norms",
        "The norms of the arrays are summed; sum the squares over all arrays and take the root of "
        "that.",
        _sum_of_norms,
        "norm",
    ),
    Mutant(
        "largest norm",
        "The norm is that of the longest array; sum the squares over all arrays and take the root "
        "of that.",
        _largest_norm,
        "norm",
    ),
    Mutant(
        "largest element",
        "The norm is the largest element; it is the root of the sum of all squares.",
        _largest_element,
        "norm",
    ),
    Mutant(
        "mean of squares",
        "The norm is the root of the mean of the squares; take the root of their sum.",
        _root_mean_square,
        "norm",
    ),
    Mutant(
        "shortened to 1",
        "The gradients are divided by the norm, so their length is 1: multiply them by max_norm, "
        "too.",
        _to_length_one,
        "grads[0]",
    ),
    Mutant(
        "copies shortened",
        "The arrays stay as they are, for grad * factor is a new one: write grad *= factor.",
        _copies,
        "grads[0]",
    ),
    Mutant(
        "iterator gone through twice",
        "An iterator is used up once the norm is computed, and nothing is shortened: begin with "
        "grads = list(grads).",
        _gone_through_twice,
        "grads[0]",
    ),
    Mutant(
        "norm after",
        "The norm returned is that of the shortened gradients; return it as it was before.",
        _after,
        "norm",
    ),
    Mutant(
        "nothing returned",
        "Nothing is returned; return the norm as it was before.",
        _nothing_returned,
        "norm",
    ),
    Mutant(
        "first array only",
        "Only the first array is shortened; go through all.",
        _first_array_shortened,
        "grads[1]",
    ),
)
