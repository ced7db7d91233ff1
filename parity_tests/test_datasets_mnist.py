"""MNIST in NumPy: the arrays, their normalisation, and sets of the same form in a directory."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import (
    DataFileError,
    Mnist,
    MnistSplit,
    load_mnist,
    mnist_dataset,
    mnist_split,
    mnist_tensors,
    normalize_pixels,
    pixel_statistics,
)
from parity_tests.idx_sets import FILE_NAMES, idx_images, idx_labels, small_set, write_set


@pytest.fixture(scope="module")
def mnist() -> Mnist:
    return load_mnist()


@pytest.fixture(scope="module")
def split() -> MnistSplit:
    return mnist_split()


@pytest.fixture
def small() -> Mnist:
    return small_set()


@pytest.fixture
def directory(tmp_path: Path, small: Mnist) -> Path:
    """A directory with a small set in it."""
    write_set(tmp_path / "set", small)
    return tmp_path / "set"


# The whole set


def test_mnist_has_60000_and_10000_images_of_28_by_28(mnist: Mnist) -> None:
    assert [array.shape for array in mnist] == [
        (60000, 28, 28),
        (60000,),
        (10000, 28, 28),
        (10000,),
    ]
    assert {array.dtype for array in mnist} == {np.dtype(np.uint8)}
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(mnist.y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


def test_unpacked_files_are_the_original_ones(mnist: Mnist) -> None:
    contents = (
        idx_images(mnist.X_train),
        idx_labels(mnist.y_train),
        idx_images(mnist.X_test),
        idx_labels(mnist.y_test),
    )
    assert [hashlib.md5(content, usedforsecurity=False).hexdigest() for content in contents] == [
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ]


def test_split_is_normalised_as_in_the_book(mnist: Mnist, split: MnistSplit) -> None:
    assert (split.X_train.shape, split.X_test.shape) == ((60000, 784), (10000, 784))
    assert split.X_train.dtype == split.X_test.dtype == np.float32
    assert (f"{split.X_train.min():.3f}", f"{split.X_train.max():.3f}") == ("-0.424", "2.822")
    assert (f"{split.X_test.min():.3f}", f"{split.X_test.max():.3f}") == ("-0.424", "2.822")
    assert (f"{split.mean:.4f}", f"{split.std:.4f}") == ("0.1307", "0.3081")
    assert split.X_train.mean(dtype=np.float64) == pytest.approx(0, abs=1e-6)
    assert split.X_train.std(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert split.y_train.dtype == split.y_test.dtype == np.int64
    np.testing.assert_array_equal(split.y_train, mnist.y_train)
    np.testing.assert_array_equal(split.y_test, mnist.y_test)


def test_statistics_of_the_whole_are_those_of_numpy(mnist: Mnist) -> None:
    mean, std = pixel_statistics(mnist.X_train)
    counts = np.zeros(256)
    for images in np.array_split(mnist.X_train, 60):
        counts += np.bincount(images.ravel(), minlength=256)
    pixels = np.arange(256) / 255
    expected = np.average(pixels, weights=counts)
    assert mean == pytest.approx(expected, rel=1e-14)
    variance = np.average((pixels - expected) ** 2, weights=counts)
    assert std == pytest.approx(np.sqrt(variance), rel=1e-13)


# Normalisation


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 700])
def test_statistics_are_those_of_numpy(n: int) -> None:
    images = small_set(n_train=n + 2).X_train[2:]
    mean, std = pixel_statistics(images)
    assert mean == pytest.approx((images / 255).mean(), rel=1e-13)
    assert std == pytest.approx((images / 255).std(), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 256, 700])
def test_pixels_are_normalised_in_the_dtype_asked_for(n: int, dtype: type[Any]) -> None:
    images = small_set(n_train=max(n, 2)).X_train[:n]
    before = images.copy()
    # Scalars of NumPy, which must not make it compute in float64.
    rows = normalize_pixels(images, np.float64(0.13), np.float64(0.3), dtype)
    assert rows.shape == (n, 784)
    assert rows.dtype == dtype
    expected = (images.astype(dtype) / dtype(255) - dtype(0.13)) / dtype(0.3)
    np.testing.assert_array_equal(rows, expected.reshape(n, 784))
    np.testing.assert_array_equal(images, before)


def test_images_in_another_order_of_memory_give_the_same(small: Mnist) -> None:
    reversed_images = small.X_train[::-1, ::-1]
    copied = np.ascontiguousarray(reversed_images)
    assert pixel_statistics(reversed_images) == pixel_statistics(copied)
    np.testing.assert_array_equal(
        normalize_pixels(reversed_images, 0.1, 0.3), normalize_pixels(copied, 0.1, 0.3)
    )


@pytest.mark.parametrize("pixel", [0, 1, 255])
def test_equal_pixels_have_no_scale(pixel: int) -> None:
    with pytest.raises(ValueError, match=r"^the pixels are all equal, there is no scale"):
        pixel_statistics(np.full((5, 28, 28), pixel, dtype=np.uint8))


def test_one_other_pixel_is_a_scale() -> None:
    images = np.full((300, 28, 28), 255, dtype=np.uint8)
    images[-1, -1, -1] = 254
    mean, std = pixel_statistics(images)
    n = images.size
    assert mean == pytest.approx(1 - 1 / (255 * n), rel=1e-15)
    assert std == pytest.approx(np.sqrt(n - 1) / (255 * n), rel=1e-13)


def test_only_uint8_pixels_are_normalised() -> None:
    images = np.zeros((2, 28, 28))
    for call in (
        lambda: pixel_statistics(images),  # type: ignore[arg-type]
        lambda: normalize_pixels(images, 0.1, 0.3),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=r"needs pixels of type uint8, got float64$"):
            call()


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_nothing_is_divided_by_a_standard_deviation_that_is_none(small: Mnist, std: float) -> None:
    with pytest.raises(ValueError, match=f"^std must be positive, .* got {std}$"):
        normalize_pixels(small.X_train, 0.1, std)


# Sets in a directory


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_set_is_read_packed_or_not_under_both_kinds_of_name(
    tmp_path: Path, small: Mnist, suffix: str, dotted: bool
) -> None:
    write_set(tmp_path, small, suffix, dotted)
    for actual, expected in zip(load_mnist(tmp_path), small, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_folder_with_the_name_of_a_file_is_passed_over(tmp_path: Path, small: Mnist) -> None:
    for name in FILE_NAMES:
        (tmp_path / name).mkdir()
    write_set(tmp_path, small, "", dotted=True)
    np.testing.assert_array_equal(load_mnist(tmp_path).X_train, small.X_train)


def test_relative_directory_is_named_in_full(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory.parent)
    assert len(load_mnist(Path("set")).X_train) == 7
    (directory / f"{FILE_NAMES[0]}.gz").unlink()
    with pytest.raises(DataFileError, match=str(directory / FILE_NAMES[0])):
        load_mnist(Path("set"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_both_parts_are_normalised_by_the_training_part(
    directory: Path, small: Mnist, dtype: type[Any]
) -> None:
    mean, std = pixel_statistics(small.X_train)
    split = mnist_split(dtype, directory=directory)
    assert (split.mean, split.std) == (mean, std)
    np.testing.assert_array_equal(split.X_train, normalize_pixels(small.X_train, mean, std, dtype))
    np.testing.assert_array_equal(split.X_test, normalize_pixels(small.X_test, mean, std, dtype))
    assert split.X_train.dtype == split.X_test.dtype == dtype
    np.testing.assert_array_equal(split.y_train, small.y_train)
    np.testing.assert_array_equal(split.y_test, small.y_test)


def test_arrays_are_fresh_at_each_call(directory: Path, small: Mnist) -> None:
    for array in (*load_mnist(directory), *mnist_split(directory=directory)[:4]):
        assert array.flags.c_contiguous
        array[:] = 1
    np.testing.assert_array_equal(load_mnist(directory).X_train, small.X_train)
    np.testing.assert_array_equal(mnist_split(directory=directory).y_test, small.y_test)


@pytest.mark.parametrize("dtype", [np.int64, bool, complex, str])
def test_split_refuses_a_dtype_that_is_not_a_float(directory: Path, dtype: type) -> None:
    with pytest.raises(ValueError, match=r"^dtype must be a floating-point type, got "):
        mnist_split(dtype, directory=directory)


# What is wrong with a directory is said on both sides in the same sentence.

LOADERS: dict[str, Callable[[Path], object]] = {
    "load_mnist": load_mnist,
    "mnist_split": lambda directory: mnist_split(directory=directory),
    "mnist_dataset": lambda directory: [
        mnist_dataset(part, directory=directory) for part in ("train", "test")
    ],
    "mnist_tensors": lambda directory: mnist_tensors(directory=directory),
}


@pytest.fixture(params=LOADERS)
def refusal(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """The sentence that a loader raises for a directory, of each loader on both sides."""
    load = LOADERS[request.param]

    def sentence(directory: Path) -> str:
        with pytest.raises(DataFileError) as caught:
            load(directory)
        message = str(caught.value)
        assert message.endswith(".")
        assert "\n" not in message
        return message

    return sentence


@pytest.mark.parametrize("name", FILE_NAMES)
def test_missing_file_is_named(directory: Path, refusal: Callable[[Path], str], name: str) -> None:
    (directory / f"{name}.gz").unlink()
    message = f"The data file {directory / name} is missing, and so is {name}.gz; "
    assert refusal(directory).startswith(message)


def test_missing_directory_is_a_missing_file(
    tmp_path: Path, refusal: Callable[[Path], str]
) -> None:
    assert " is missing, " in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("name", FILE_NAMES)
def test_damaged_file_is_named(directory: Path, refusal: Callable[[Path], str], name: str) -> None:
    path = directory / f"{name}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert refusal(directory).startswith(f"The data file {path} is not a sound gzip file (")


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_exchanged_files_are_told(
    directory: Path, refusal: Callable[[Path], str], part: str
) -> None:
    images = directory / f"{part}-images-idx3-ubyte.gz"
    shutil.copy(directory / f"{part}-labels-idx1-ubyte.gz", images)
    message = refusal(directory)
    assert message.startswith(f"The data file {images} does not hold images: its magic number is ")


@pytest.mark.parametrize(("part", "n"), [("train", 7), ("t10k", 3)])
def test_another_number_of_labels_than_images_is_told(
    directory: Path, refusal: Callable[[Path], str], part: str, n: int
) -> None:
    labels = directory / f"{part}-labels-idx1-ubyte"
    labels.write_bytes(idx_labels(np.zeros(n + 1, dtype=np.uint8)))
    message = refusal(directory)
    assert message == (
        f"The data file {directory}/{part}-images-idx3-ubyte.gz has {n} images, but {labels} has "
        f"{n + 1} labels; they do not belong together."
    )


def test_label_that_is_no_digit_is_told(directory: Path, refusal: Callable[[Path], str]) -> None:
    (directory / FILE_NAMES[3]).write_bytes(idx_labels(np.array([1, 2, 26], dtype=np.uint8)))
    assert " has the label 26 in place 2 " in refusal(directory)


@pytest.mark.parametrize("shape", [(7, 32, 32), (7, 28, 27), (7, 14, 56)])
def test_images_of_another_size_are_not_supported(
    directory: Path, refusal: Callable[[Path], str], shape: tuple[int, ...]
) -> None:
    (directory / FILE_NAMES[0]).write_bytes(idx_images(np.zeros(shape, dtype=np.uint8)))
    message = refusal(directory)
    assert f" has images of {shape[1]} by {shape[2]} pixels; only " in message


@pytest.mark.parametrize("load", ["mnist_split", "mnist_tensors"])
def test_training_part_of_equal_pixels_is_told(tmp_path: Path, small: Mnist, load: str) -> None:
    write_set(tmp_path, small._replace(X_train=np.full_like(small.X_train, 9)))
    with pytest.raises(DataFileError) as caught:
        LOADERS[load](tmp_path)
    assert str(caught.value) == (
        f"The training images in {tmp_path} cannot be used: the pixels are all equal, there is no "
        "scale to normalise by."
    )
