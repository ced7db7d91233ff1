"""MNIST: 70,000 handwritten digits of 28 by 28 pixels, in NumPy (chapters 4, 5 and 7).

The same numbers in PyTorch are in `datasets.mnist_torch`. Another set of this form, such as
Fashion-MNIST, is read from the directory it lies in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from datasets import files
from datasets.files import DataFile, DataFileError, read_verified
from datasets.idx import read_images, read_labels

Split = Literal["train", "test"]
FloatArray = NDArray[np.floating[Any]]

SIDE = 28
WHITEST_TO_BLACKEST = 255
ROWS_AT_A_TIME = 256  # they stay in the processor's cache while they are normalised

SHIPPED = {
    "train": (files.MNIST_TRAIN_IMAGES, files.MNIST_TRAIN_LABELS),
    "test": (files.MNIST_TEST_IMAGES, files.MNIST_TEST_LABELS),
}


class Mnist(NamedTuple):
    """The whole set as it is in the files, all of it uint8.

    `X_train` is (60000, 28, 28) and `X_test` (10000, 28, 28), a pixel from 0 (white) to 255
    (black); `y_train` is (60000,) and `y_test` (10000,), the digits from 0 to 9.
    """

    X_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    X_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]


class MnistSplit(NamedTuple):
    """The two parts, normalised, as a dense network takes them.

    `X_train` is (60000, 784) and `X_test` (10000, 784), without a unit; `y_train` is (60000,) and
    `y_test` (10000,), the digits from 0 to 9 in int64. `mean` and `std` are those that the pixels
    were normalised by.
    """

    X_train: FloatArray
    y_train: NDArray[np.int64]
    X_test: FloatArray
    y_test: NDArray[np.int64]
    mean: float
    std: float


class PixelStatistics(NamedTuple):
    """Mean and population standard deviation of all pixels, on a scale from 0 to 1."""

    mean: float
    std: float


class PartFile(NamedTuple):
    """A file with the images or the labels of one part: its path and what is in it."""

    path: Path
    content: bytes


def load_mnist(directory: Path | None = None) -> Mnist:
    """The images and labels of both parts as they are in the files, in fresh arrays (chapter 4).

    `directory` has the four files of another set of this form, gzipped or not; by default they are
    those that were installed. Those are checked by SHA-256, others by what can be seen from them.
    Raises `DataFileError` if a file is missing or damaged, or if it does not fit the other files.
    """
    return Mnist(*load_part("train", directory), *load_part("test", directory))


def load_part(
    split: Split, directory: Path | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The images and the labels of one part of `load_mnist`, in fresh arrays."""
    return checked_arrays(*read_part(split, directory))


def read_part(split: Split, directory: Path | None = None) -> tuple[PartFile, PartFile]:
    """The files with the images and with the labels of one part, still packed and unseen.

    Raises `ValueError` for another split, `DataFileError` if a file is missing or cannot be read,
    or if an installed one is damaged.
    """
    if split not in SHIPPED:
        raise ValueError(f'split must be "train" or "test", got {split!r}')
    images, labels = (_read_file(file, directory) for file in SHIPPED[split])
    return images, labels


def checked_arrays(
    images: PartFile, labels: PartFile
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The arrays in the two files of a part, after all that can be wrong with them was looked for.

    Raises `DataFileError` if a file is damaged, if images are not 28 by 28 pixels, or if there are
    more or fewer of them than labels.
    """
    X, y = read_images(*images), read_labels(*labels)
    if X.shape[1:] != (SIDE, SIDE):
        raise DataFileError(
            f"The data file {images.path} has images of {X.shape[1]} by {X.shape[2]} pixels; only "
            f"sets with images of {SIDE} by {SIDE} are supported."
        )
    if len(X) != len(y):
        raise DataFileError(
            f"The data file {images.path} has {len(X)} images, but {labels.path} has {len(y)} "
            "labels; they do not belong together."
        )
    return X, y


def mnist_split(dtype: DTypeLike = np.float32, *, directory: Path | None = None) -> MnistSplit:
    """Both parts with their pixels normalised and each image in one row (chapter 4).

    The pixels of both parts are normalised by the mean and the standard deviation of those of the
    training part, which are two numbers: in MNIST they then go from -0.424 to 2.822. This is
    computed in `dtype`. Each call gives fresh arrays.
    Raises `ValueError` for a dtype that is not a float, `DataFileError` if a file is missing or
    damaged or does not fit the others, or if all training pixels are equal.
    """
    dtype = _float_dtype(dtype)
    mnist = load_mnist(directory)
    mean, std = training_statistics(mnist.X_train, directory)
    return MnistSplit(
        X_train=normalize_pixels(mnist.X_train, mean, std, dtype),
        y_train=mnist.y_train.astype(np.int64),
        X_test=normalize_pixels(mnist.X_test, mean, std, dtype),
        y_test=mnist.y_test.astype(np.int64),
        mean=mean,
        std=std,
    )


def training_statistics(
    X_train: NDArray[np.uint8], directory: Path | None = None
) -> PixelStatistics:
    """`pixel_statistics` of a training part; one of equal pixels is a `DataFileError`."""
    try:
        return pixel_statistics(X_train)
    except ValueError as error:
        place = Path(files.DATA_DIRECTORY / "mnist" if directory is None else directory)
        raise DataFileError(
            f"The training images in {place.absolute()} cannot be used: {error}."
        ) from None


def pixel_statistics(images: NDArray[np.uint8]) -> PixelStatistics:
    """Mean and population standard deviation of all pixels, each divided by 255 (chapter 4).

    They come from sums of whole numbers, so they are exact to the last rounding.
    Raises `ValueError` if the images are not uint8, or if their pixels are all equal or none.
    """
    _require_pixels("pixel_statistics", images)
    total = total_of_squares = 0
    for rows in _slices(len(images)):
        pixels = images[rows].astype(np.uint32)  # holds the square of 255, too
        total += int(pixels.sum(dtype=np.uint64))
        total_of_squares += int(np.square(pixels).sum(dtype=np.uint64))
    n = images.size
    scaled_variance = n * total_of_squares - total**2
    if scaled_variance == 0:
        raise ValueError("the pixels are all equal, there is no scale to normalise by")
    scale = n * WHITEST_TO_BLACKEST
    return PixelStatistics(mean=total / scale, std=math.sqrt(scaled_variance) / scale)


def normalize_pixels(
    images: NDArray[np.uint8], mean: float, std: float, dtype: DTypeLike = np.float32
) -> FloatArray:
    """Pixels over 255, less `mean`, over `std`, each image in one row of a fresh array.

    `images` is (images, rows, columns); the result is (images, rows * columns) in `dtype`, and
    computed in it, in the order of torchvision's `ToTensor` and `Normalize`: to the same bits.
    Raises `ValueError` if the images are not uint8, `dtype` is not a float, or `std` not positive.
    """
    dtype = _float_dtype(dtype)
    _require_pixels("normalize_pixels", images)
    if not std > 0:
        raise ValueError(f"std must be positive, the pixels are divided by it, got {std}")
    pixels = images.reshape(len(images), math.prod(images.shape[1:]))
    normalized: FloatArray = np.empty(pixels.shape, dtype)
    for rows in _slices(len(images)):
        part = normalized[rows]
        np.divide(pixels[rows], WHITEST_TO_BLACKEST, out=part, dtype=dtype)
        # Rounded first: a float64 of NumPy would have float32 pixels computed in float64.
        part -= dtype.type(mean)
        part /= dtype.type(std)
    return normalized


def _float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise ValueError(f"dtype must be a floating-point type, got {dtype}")
    return dtype


def _require_pixels(who: str, images: NDArray[np.uint8]) -> None:
    if images.dtype != np.uint8:
        raise ValueError(f"{who} needs pixels of type uint8, got {images.dtype}")


def candidate_names(shipped_name: str) -> tuple[str, ...]:
    """The names that one of the four files may have in a directory, in the order of preference."""
    name = Path(shipped_name).stem
    dotted = name.replace("-idx", ".idx")  # as some archives have it
    return name, f"{name}.gz", dotted, f"{dotted}.gz"


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_AT_A_TIME) for start in range(0, n, ROWS_AT_A_TIME))


def _read_file(file: DataFile, directory: Path | None) -> PartFile:
    if directory is None:
        return PartFile(files.DATA_DIRECTORY / file.name, read_verified(file))
    directory = Path(directory).absolute()
    for candidate in candidate_names(file.name):
        path = directory / candidate
        if path.is_fifo():  # reading it would wait for ever
            raise DataFileError(f"The data file {path} is a pipe, not a file.")
        try:
            return PartFile(path, path.read_bytes())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            raise DataFileError(
                f"The data file {path} cannot be read ({error.strerror})."
            ) from None
    name = Path(file.name).stem
    raise DataFileError(
        f"The data file {directory / name} is missing, and so is {name}.gz; a set like MNIST has "
        "four files, two of images and two of labels."
    )
