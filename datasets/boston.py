"""Boston house prices: 506 census tracts, 13 features, one target (chapters 2, 3 and 7).

Two variants: "corrected" has the right crime rate in row 445, "book" the wrong one that the book's
numbers were computed with. Before using the data for anything else, read about the column `B` in
`PROVENANCE.md`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from datasets.files import BOSTON_HOUSING, read_verified

if TYPE_CHECKING:
    import torch
    from torch.utils.data import TensorDataset

Variant = Literal["corrected", "book"]
Split = Literal["train", "test"]
FloatArray = NDArray[np.floating[Any]]

# The cell that scikit-learn before 0.20 shipped as 0.6718; the published value is 10.6718.
MISPRINTED_ROW = 445
MISPRINTED_CRIM = 0.6718

TEST_FRACTION = 0.3
SPLIT_SEED = 80718


class Boston(NamedTuple):
    """The whole set, in the units of the source.

    `features` is (506, 13) and `targets` (506, 1), both float64; the target, MEDV, is the median
    value of owner-occupied homes in 1000 dollars. `feature_names` has one name for each column.
    """

    features: NDArray[np.float64]
    targets: NDArray[np.float64]
    feature_names: tuple[str, ...]


class BostonSplit(NamedTuple):
    """The two parts the book trains and evaluates on.

    `X_train` is (354, 13) and `X_test` (152, 13), standardised, so without a unit; `y_train` is
    (354, 1) and `y_test` (152, 1), in 1000 dollars. `feature_names` has one name for each column.
    """

    X_train: FloatArray
    X_test: FloatArray
    y_train: FloatArray
    y_test: FloatArray
    feature_names: tuple[str, ...]


def load_boston(variant: Variant = "corrected", *, directory: Path | None = None) -> Boston:
    """The 506 rows as they are in the source, in fresh arrays (chapter 2).

    The variants differ in one cell: row 445 (counted from 0) of CRIM is 10.6718 in "corrected" and
    0.6718 in "book".
    `directory` is the place of the data file, by default the one it was installed in.
    Raises `ValueError` for another variant, `DataFileError` if the file is missing or damaged.
    """
    if variant not in ("corrected", "book"):
        raise ValueError(f'variant must be "corrected" or "book", got {variant!r}')
    header, *lines = read_verified(BOSTON_HOUSING, directory).decode("ascii").splitlines()
    names = header.split(",")
    table = np.loadtxt(lines, delimiter=",", dtype=np.float64)
    features, targets = table[:, :-1].copy(), table[:, -1:].copy()
    if variant == "book":
        features[MISPRINTED_ROW, names.index("CRIM")] = MISPRINTED_CRIM
    return Boston(features, targets, tuple(names[:-1]))


def standardize(X: FloatArray, feature_names: tuple[str, ...] | None = None) -> FloatArray:
    """Each column of X less its mean, over its population standard deviation, in a fresh array.

    X is (observations, features); the result has its shape, and its dtype if that is a float
    (chapter 2). Raises `ValueError` if X is not a matrix with at least one row, or if a column is
    constant or has a NaN or an infinity: it names the column, by `feature_names` if given.
    """
    X = np.asarray(X)
    if X.ndim != 2 or X.shape[0] == 0:
        raise ValueError(
            f"standardize needs a matrix (observations, features), got shape {X.shape}"
        )

    def named(column: int) -> str:
        return f"column {column}" + (f" ({feature_names[column]})" if feature_names else "")

    for column in range(X.shape[1]):
        if not np.isfinite(X[:, column]).all():
            raise ValueError(f"{named(column)} has a NaN or an infinity, it cannot be standardised")
        # Not `std == 0`: rounding can leave a constant column with a tiny standard deviation.
        if (X[:, column] == X[0, column]).all():
            raise ValueError(f"{named(column)} is constant, it has no scale to standardise by")
    standardized: FloatArray = (X - X.mean(axis=0)) / X.std(axis=0)
    return standardized


def boston_split(
    variant: Variant = "corrected",
    *,
    dtype: DTypeLike = np.float64,
    directory: Path | None = None,
) -> BostonSplit:
    """The training and test parts of chapters 2 and 3 (chapter 2, "Assessing Our Model").

    The features are standardised over the whole set, then the rows are shuffled and split 70 : 30
    as scikit-learn's `train_test_split(test_size=0.3, random_state=80718)` does it. All is computed
    in float64, then rounded to `dtype`. Each call gives fresh arrays.
    Raises `ValueError` for another variant or a dtype that is not a float, `DataFileError` if the
    data file is missing or damaged.
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise ValueError(f"dtype must be a floating-point type, got {dtype}")
    features, targets, feature_names = load_boston(variant, directory=directory)
    X = standardize(features, feature_names)
    train, test = train_test_indices(len(X), TEST_FRACTION, SPLIT_SEED)
    return BostonSplit(
        X_train=X[train].astype(dtype),
        X_test=X[test].astype(dtype),
        y_train=targets[train].astype(dtype),
        y_test=targets[test].astype(dtype),
        feature_names=feature_names,
    )


def train_test_indices(
    n: int, test_fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The row numbers of the training and of the test part, in scikit-learn's order.

    The same as `train_test_split(np.arange(n), test_size=test_fraction, random_state=seed)`.
    """
    n_test = math.ceil(test_fraction * n)
    permutation = np.random.RandomState(seed).permutation(n)
    return permutation[n_test:], permutation[:n_test]


def boston_dataset(
    split: Split = "train",
    variant: Variant = "corrected",
    *,
    dtype: torch.dtype | None = None,
    directory: Path | None = None,
) -> TensorDataset:
    """One part of `boston_split` as a PyTorch dataset of (features, target) pairs.

    A pair has the shapes (13,) and (1,); the rows are in the order of the arrays (chapter 7). Each
    call gives fresh tensors, in float64 unless `dtype` says otherwise.
    Raises `ValueError` for another split or variant or a dtype that is not a float, `DataFileError`
    if the data file is missing or damaged.
    """
    import torch
    from torch.utils.data import TensorDataset

    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", got {split!r}')
    dtype = torch.float64 if dtype is None else dtype
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"dtype must be a floating-point torch.dtype, got {dtype!r}")
    parts = boston_split(variant, directory=directory)
    X, y = (parts.X_train, parts.y_train) if split == "train" else (parts.X_test, parts.y_test)
    return TensorDataset(torch.from_numpy(X).to(dtype), torch.from_numpy(y).to(dtype))
