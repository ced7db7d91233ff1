"""The Boston data: two variants, standardised and split as the book's chapters 2 and 3 do it."""

from typing import Any

import numpy as np
import pytest

from datasets import boston_dataset, boston_split, load_boston, standardize
from datasets.boston import Split, Variant, train_test_indices

VARIANTS = ("corrected", "book")


# The whole set


def test_boston_has_506_rows_of_13_features_and_a_target() -> None:
    boston = load_boston()
    assert (boston.features.shape, boston.targets.shape) == ((506, 13), (506, 1))
    assert boston.features.dtype == boston.targets.dtype == np.float64
    names = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT"
    assert boston.feature_names == tuple(names.split())
    np.testing.assert_array_equal(
        boston.features[0],
        [0.00632, 18, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 396.9, 4.98],
    )
    assert boston.targets[0, 0] == 24
    assert boston.targets[-1, 0] == 11.9


def test_variants_differ_in_row_445_of_crim_alone() -> None:
    corrected, book = load_boston("corrected"), load_boston("book")
    assert np.argwhere(corrected.features != book.features).tolist() == [[445, 0]]
    assert corrected.features[445, 0] == 10.6718
    assert book.features[445, 0] == 0.6718
    np.testing.assert_array_equal(corrected.targets, book.targets)


def test_corrected_is_the_default() -> None:
    assert load_boston().features[445, 0] == 10.6718
    np.testing.assert_array_equal(boston_split().X_train, boston_split("corrected").X_train)


@pytest.mark.parametrize("variant", ["Book", "", None])
def test_unknown_variant_is_refused(variant: Any) -> None:
    sentence = f'^variant must be "corrected" or "book", got {variant!r}$'
    with pytest.raises(ValueError, match=sentence):
        load_boston(variant)
    with pytest.raises(ValueError, match=sentence):
        boston_split(variant)
    with pytest.raises(ValueError, match=sentence):
        boston_dataset("train", variant)


def test_arrays_are_fresh_at_each_call() -> None:
    first, split = load_boston(), boston_split()
    for array in (*first[:2], *split[:4]):
        assert array.flags.owndata
        assert array.flags.c_contiguous
        array[:] = -1
    assert load_boston().features[0, 0] == 0.00632
    assert boston_split().y_test.mean() > 0


# Standardisation


def test_standardized_columns_have_mean_0_and_population_deviation_1() -> None:
    X = standardize(load_boston().features)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(X.std(axis=0, ddof=0), 1, rtol=1e-13)


def test_standardize_equals_scikit_learns() -> None:
    from sklearn.preprocessing import StandardScaler

    features = load_boston().features
    expected = StandardScaler().fit_transform(features)
    np.testing.assert_allclose(standardize(features), expected, rtol=1e-12, atol=1e-13)


def test_standardize_leaves_its_argument_and_keeps_its_dtype() -> None:
    X = np.array([[1, 10], [3, 20]], dtype=np.float32)
    standardized = standardize(X)
    np.testing.assert_array_equal(standardized, [[-1, -1], [1, 1]])
    assert standardized.dtype == np.float32
    np.testing.assert_array_equal(X, [[1, 10], [3, 20]])


def test_constant_column_is_named() -> None:
    # The mean of many 0.1 is not 0.1: a standard deviation of 1e-17, not of 0.
    X = np.column_stack([np.arange(506.0), np.full(506, 0.1)])
    with pytest.raises(ValueError, match=r"^column 1 \(RM\) is constant"):
        standardize(X, ("CRIM", "RM"))
    with pytest.raises(ValueError, match=r"^column 1 is constant"):
        standardize(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_column_that_is_not_finite_is_named(bad: float) -> None:
    X = np.array([[1.0, 2.0], [bad, 3.0]])
    with pytest.raises(ValueError, match=r"^column 0 has a NaN or an infinity"):
        standardize(X)


@pytest.mark.parametrize("shape", [(5,), (0, 3), (2, 2, 2)])
def test_standardize_refuses_what_is_not_a_matrix(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="needs a matrix"):
        standardize(np.zeros(shape))


# The split


@pytest.mark.parametrize(
    ("n", "test_fraction", "seed"), [(506, 0.3, 80718), (10, 0.3, 0), (7, 0.5, 1), (101, 0.2, 2)]
)
def test_split_equals_scikit_learns(n: int, test_fraction: float, seed: int) -> None:
    from sklearn.model_selection import train_test_split

    train, test = train_test_indices(n, test_fraction, seed)
    expected_train, expected_test = train_test_split(
        np.arange(n), test_size=test_fraction, random_state=seed
    )
    np.testing.assert_array_equal(train, expected_train)
    np.testing.assert_array_equal(test, expected_test)


@pytest.mark.parametrize("variant", VARIANTS)
def test_boston_split_follows_the_books_recipe(variant: Variant) -> None:
    from sklearn.model_selection import train_test_split

    features, targets, names = load_boston(variant)
    split = boston_split(variant)
    expected = train_test_split(standardize(features), targets, test_size=0.3, random_state=80718)
    for actual, array in zip(split[:4], expected, strict=True):
        np.testing.assert_array_equal(actual, array)
    assert split.feature_names == names
    assert f"{split.y_test.mean():.4f}" == "22.0776"


def test_split_leaves_the_global_random_state_alone() -> None:
    def state() -> str:
        return repr(np.random.get_state())  # noqa: NPY002 (what must not change)

    before = state()
    boston_split()
    assert state() == before


@pytest.mark.parametrize("dtype", [np.float32, "float64", np.float16])
def test_split_is_rounded_to_the_dtype_asked_for(dtype: str) -> None:
    exact, rounded = boston_split(), boston_split(dtype=dtype)
    for expected, actual in zip(exact[:4], rounded[:4], strict=True):
        assert expected.dtype == np.float64
        assert actual.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(actual, expected.astype(dtype))


@pytest.mark.parametrize("dtype", [np.int64, bool, complex, str])
def test_split_refuses_a_dtype_that_is_not_a_float(dtype: type) -> None:
    with pytest.raises(ValueError, match="dtype must be a floating-point type, got "):
        boston_split(dtype=dtype)


@pytest.mark.parametrize(
    ("variant", "mae", "rmse"), [("book", "3.5666", "5.0482"), ("corrected", "3.5671", "5.0476")]
)
def test_linear_regression_of_scikit_learn_gives_the_books_numbers(
    variant: Variant, mae: str, rmse: str
) -> None:
    from sklearn.linear_model import LinearRegression

    split = boston_split(variant)
    model = LinearRegression().fit(split.X_train, split.y_train)
    error = model.predict(split.X_test) - split.y_test
    assert f"{np.abs(error).mean():.4f}" == mae
    assert f"{np.sqrt((error**2).mean()):.4f}" == rmse


# PyTorch


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("part", ["train", "test"])
def test_torch_dataset_has_the_numbers_of_the_arrays(part: Split, variant: Variant) -> None:
    import torch
    from torch.utils.data import DataLoader

    split = boston_split(variant)
    X, y = getattr(split, f"X_{part}"), getattr(split, f"y_{part}")
    dataset = boston_dataset(part, variant)
    assert len(dataset) == len(X)
    assert [(t.shape, t.dtype) for t in dataset[0]] == [
        ((13,), torch.float64),
        ((1,), torch.float64),
    ]
    [(features, targets)] = DataLoader(dataset, batch_size=len(X))
    np.testing.assert_array_equal(features.numpy(), X)
    np.testing.assert_array_equal(targets.numpy(), y)


def test_torch_dataset_is_rounded_to_the_dtype_asked_for() -> None:
    import torch

    features, targets = boston_dataset("test", dtype=torch.float32).tensors
    split = boston_split(dtype=np.float32)
    assert (features.dtype, targets.dtype) == (torch.float32, torch.float32)
    np.testing.assert_array_equal(features.numpy(), split.X_test)
    np.testing.assert_array_equal(targets.numpy(), split.y_test)


def test_torch_dataset_refuses_other_splits_and_dtypes() -> None:
    import torch

    with pytest.raises(ValueError, match=r"^split must be .* got 'valid'$"):
        boston_dataset("valid")  # type: ignore[arg-type]
    for dtype in (torch.int64, "float32"):
        with pytest.raises(ValueError, match=r"^dtype must be a floating-point torch\.dtype"):
            boston_dataset(dtype=dtype)  # type: ignore[arg-type]
