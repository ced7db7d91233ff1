"""MNIST in loaders: the numbers of the NumPy side to the bit, in an order that a seed fixes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets import (
    DataFileError,
    Mnist,
    TorchvisionError,
    load_mnist,
    mnist_loaders,
    normalize_pixels,
    pixel_statistics,
)
from datasets.mnist_loaders import MEAN, STD
from parity_tests.idx_sets import small_set, write_set


@pytest.fixture
def small() -> Mnist:
    return small_set(n_train=70, n_test=11)


@pytest.fixture
def directory(tmp_path: Path, small: Mnist) -> Path:
    """A directory with a small set in it."""
    write_set(tmp_path / "set", small)
    return tmp_path / "set"


def order_of(images: torch.Tensor, small: Mnist) -> list[int]:
    """Which training images these are; no two of the small set are the same."""
    rows = normalize_pixels(small.X_train, MEAN, STD)
    return [int(np.flatnonzero((rows == image.numpy().ravel()).all(axis=1))[0]) for image in images]


def epoch_of(directory: Path, small: Mnist, seed: int, epochs: int = 1) -> list[int]:
    """The order of the training images in the last of some epochs."""
    loader, _ = mnist_loaders(seed=seed, directory=directory)
    for _ in range(epochs):
        images = torch.cat([images for images, _ in loader])
    return order_of(images, small)


def test_constants_are_those_of_the_training_pixels_and_the_printed_mean_is_not() -> None:
    mean, std = pixel_statistics(load_mnist().X_train)
    assert (round(mean, 4), round(std, 4)) == (MEAN, STD) == (0.1307, 0.3081)
    assert round(mean, 4) != 0.1305


def test_shipped_images_are_the_numpy_readers_to_the_bit() -> None:
    """The first test images, of which the loader makes a batch in the order of the file."""
    mnist = load_mnist()
    train, test = mnist_loaders(batch_size=500)
    assert (len(train.dataset), len(test.dataset)) == (60000, 10000)  # type: ignore[arg-type]
    images, digits = next(iter(test))
    assert images.shape == (500, 1, 28, 28)
    expected = normalize_pixels(mnist.X_test[:500], MEAN, STD)
    np.testing.assert_array_equal(images.flatten(1), expected)
    np.testing.assert_array_equal(digits, mnist.y_test[:500])


def test_every_image_comes_once_with_its_digit(directory: Path, small: Mnist) -> None:
    train, test = mnist_loaders(batch_size=20, directory=directory)
    for loader, X, y in ((train, small.X_train, small.y_train), (test, small.X_test, small.y_test)):
        batches = list(loader)
        images = torch.cat([images for images, _ in batches])
        digits = torch.cat([digits for _, digits in batches])
        assert (images.dtype, digits.dtype) == (torch.float32, torch.int64)
        expected = normalize_pixels(X, MEAN, STD)
        order = order_of(images, small) if loader is train else list(range(len(X)))
        assert sorted(order) == list(range(len(X)))
        np.testing.assert_array_equal(images.flatten(1), expected[order])
        np.testing.assert_array_equal(digits, y[order])
    assert [len(images) for images, _ in train] == [20, 20, 20, 10]


def test_statistics_of_ones_own_are_used(directory: Path, small: Mnist) -> None:
    mean, std = pixel_statistics(small.X_train)
    _, test = mnist_loaders(mean=mean, std=std, directory=directory)
    images, _ = next(iter(test))
    np.testing.assert_array_equal(images.flatten(1), normalize_pixels(small.X_test, mean, std))


def test_order_comes_from_the_seed_and_changes_from_epoch_to_epoch(
    directory: Path, small: Mnist
) -> None:
    first = epoch_of(directory, small, seed=1)
    assert epoch_of(directory, small, seed=1) == first
    assert epoch_of(directory, small, seed=2) != first
    assert epoch_of(directory, small, seed=1, epochs=2) != first


def test_torchs_global_state_has_no_part_in_the_order(directory: Path, small: Mnist) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = epoch_of(directory, small, seed=1)
        torch.manual_seed(2)
        assert epoch_of(directory, small, seed=1) == first


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "^batch_size must be at least 1, got 0$"),
        ({"std": 0.0}, r"^std must be positive, .* got 0\.0$"),
        ({"std": float("nan")}, "^std must be positive, .* got nan$"),
    ],
)
def test_numbers_out_of_range_are_refused(
    directory: Path, options: dict[str, float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        mnist_loaders(directory=directory, **options)  # type: ignore[arg-type]


def test_missing_file_is_the_readers_sentence(directory: Path) -> None:
    (directory / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataFileError, match="t10k-labels"):
        mnist_loaders(directory=directory)


def test_without_torchvision_one_sentence(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(TorchvisionError, match=r"^torchvision cannot be imported "):
        mnist_loaders(directory=directory)


def test_torch_is_not_imported_before_loaders_are_asked_for() -> None:
    code = "import sys, datasets.mnist_loaders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
