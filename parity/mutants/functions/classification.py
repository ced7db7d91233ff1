"""Mistakes in the functions that classification needs."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch.functions import one_hot, softmax

NORMALIZE = (
    Mutant(
        "by the largest",
        "This divides by the largest element; divide by the sum, so that the result adds up to 1.",
        lambda x: x / np.max(x),
        "output",
    ),
    Mutant(
        "by the mean",
        "This divides by the mean; divide by the sum, so that the result adds up to 1.",
        lambda x: x / np.mean(x),
        "output",
    ),
    Mutant(
        "by the length",
        "This makes a vector of length 1, its squares add up to 1; divide by the sum of the "
        "elements themselves.",
        lambda x: x / np.sqrt(np.sum(x * x)),
        "output",
    ),
    Mutant(
        "signs lost in the sum",
        "The sum is one of absolute values; add the elements up with their signs.",
        lambda x: x / np.sum(np.abs(x)),
        "output",
    ),
    Mutant(
        "softmax",
        "This is softmax already; normalize takes no exponential.",
        softmax,
        "output",
    ),
)


def _plain(x: ndarray, axis: int | None = None, keepdims: bool = True) -> ndarray:
    """The formula as it is, nothing subtracted."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.exp(x)
        return z / np.sum(z, axis=axis, keepdims=keepdims)


def _largest_of_all(x: ndarray, axis: int | None = None) -> ndarray:
    with np.errstate(invalid="ignore"):
        z = np.exp(x - np.max(x, initial=-np.inf))
        return z / np.sum(z, axis=axis, keepdims=True)


def _sum_without_keepdims(x: ndarray, axis: int | None = None) -> ndarray:
    z = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return z / np.sum(z, axis=axis)


def _both_without_keepdims(x: ndarray, axis: int | None = None) -> ndarray:
    z = np.exp(x - np.max(x, axis=axis))
    return z / np.sum(z, axis=axis)


def _no_exponential(x: ndarray, axis: int | None = None) -> ndarray:
    return x / np.sum(x, axis=axis, keepdims=True)


def _not_divided(x: ndarray, axis: int | None = None) -> ndarray:
    return np.exp(x - np.max(x, axis=axis, keepdims=True))


def _logarithm(x: ndarray, axis: int | None = None) -> ndarray:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


_KEEPDIMS = (
    "The sum lost the axis it was taken over, so it divides columns instead of rows, or does not "
    "fit at all: np.sum(..., axis=axis, keepdims=True)"
)
_EVERYTHING = "The axis is not used, the whole array adds up to 1: pass axis to np.sum"
_FIRST = (
    "The sum runs over the first axis whatever axis is asked for: columns add up to 1 where rows "
    "should"
)
_SUBTRACT = "subtract the largest element along the axis before np.exp"

SOFTMAX = (
    Mutant(
        "overflow",
        f"Large numbers give NaN (infinity over infinity, or 0 over 0): {_SUBTRACT}, the result is "
        "the same.",
        _plain,
        "output",
    ),
    Mutant(
        "largest of all subtracted",
        "The largest element of the whole array is subtracted: a row that lies far below it "
        "becomes 0 over 0. Subtract the largest along the axis, with keepdims=True.",
        _largest_of_all,
        "output",
    ),
    Mutant("sum without keepdims", f"{_KEEPDIMS}.", _sum_without_keepdims, "output"),
    Mutant(
        "maximum and sum without keepdims",
        f"{_KEEPDIMS}, and so for np.max.",
        _both_without_keepdims,
        "output",
    ),
    Mutant(
        "sum without keepdims, overflow",
        f"{_KEEPDIMS}. Then {_SUBTRACT}.",
        lambda x, axis=None: _plain(x, axis, keepdims=False),
        "output",
    ),
    Mutant(
        "over everything",
        f"{_EVERYTHING} and np.max.",
        lambda x, axis=None: softmax(x, axis=None),
        "output",
    ),
    Mutant(
        "over everything, overflow",
        f"{_EVERYTHING}, with keepdims=True. Then {_SUBTRACT}.",
        lambda x, axis=None: _plain(x),
        "output",
    ),
    Mutant(
        "over the first axis always",
        f"{_FIRST}.",
        lambda x, axis=None: softmax(x, axis=0),
        "output",
    ),
    Mutant(
        "over the first axis always, overflow",
        f"{_FIRST}. Then {_SUBTRACT}.",
        lambda x, axis=None: _plain(x, axis=0),
        "output",
    ),
    Mutant(
        "over the last axis always",
        "The sum runs over the last axis whatever axis is asked for.",
        lambda x, axis=None: softmax(x, axis=-1),
        "output",
    ),
    Mutant(
        "no exponential",
        "The exponential is missing: this is normalize.",
        _no_exponential,
        "output",
    ),
    Mutant(
        "not divided by the sum",
        "The exponentials are not divided by their sum, so they do not add up to 1.",
        _not_divided,
        "output",
    ),
    Mutant(
        "logarithm",
        "This is the logarithm of softmax; softmax itself lies between 0 and 1.",
        _logarithm,
        "output",
    ),
)


def _as_many_as_seen(labels: ndarray, num_classes: int) -> ndarray:
    return one_hot(labels, int(np.max(labels)) + 1)


def _number_for_one(labels: ndarray, num_classes: int) -> ndarray:
    return one_hot(labels, num_classes) * labels[:, np.newaxis]


ONE_HOT = (
    Mutant(
        "counted from 1",
        "The 1 stands one column too far to the left: classes are counted from 0.",
        lambda labels, num_classes: np.roll(one_hot(labels, num_classes), -1, axis=1),
        "output",
    ),
    Mutant(
        "transposed",
        "There is a column for each label; there must be a row for each, shape (n, num_classes).",
        lambda labels, num_classes: one_hot(labels, num_classes).T,
        "output",
    ),
    Mutant(
        "as many columns as seen",
        "There are only as many columns as the largest label asks for; num_classes says how many, "
        "for a batch need not have all classes in it.",
        _as_many_as_seen,
        "output",
    ),
    Mutant(
        "number instead of 1",
        "The class number itself stands in its column; put a 1 there.",
        _number_for_one,
        "output",
    ),
    Mutant(
        "exchanged",
        "0 and 1 are exchanged: 1 in the column of the class, 0 elsewhere.",
        lambda labels, num_classes: 1 - one_hot(labels, num_classes),
        "output",
    ),
)
