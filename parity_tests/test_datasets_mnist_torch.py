"""MNIST through torchvision: the numbers of the NumPy side to the bit, and nothing left behind."""

from __future__ import annotations

import gzip
import pickle
import shutil
import socket
import sys
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from datasets import (
    DataFileError,
    Mnist,
    TorchvisionError,
    download_mnist,
    import_torchvision,
    load_mnist,
    mnist_dataset,
    mnist_split,
    mnist_tensors,
    mnist_transform,
    normalize_pixels,
)
from datasets.files import DATA_DIRECTORY
from datasets.mnist import Split
from parity_tests.idx_sets import FILE_NAMES, small_set, write_set

PACKED_NAMES = [f"{name}.gz" for name in FILE_NAMES]


@pytest.fixture
def small() -> Mnist:
    return small_set(n_train=70, n_test=11)


@pytest.fixture
def directory(tmp_path: Path, small: Mnist) -> Path:
    """A directory with a small set in it."""
    write_set(tmp_path / "set", small)
    return tmp_path / "set"


@pytest.fixture
def temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go for the time of a test."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


# The whole set


def test_whole_set_is_the_same_to_the_bit_on_both_sides() -> None:
    arrays, tensors = mnist_split(), mnist_tensors()
    assert (arrays.mean, arrays.std) == (tensors.mean, tensors.std)
    for array, tensor in zip(arrays[:4], tensors[:4], strict=True):
        assert tensor.numpy().dtype == array.dtype
        assert np.array_equal(tensor.numpy(), array)


def test_data_loader_gives_the_rows_of_the_arrays() -> None:
    arrays, raw = mnist_split(), load_mnist()
    dataset = mnist_dataset("test", transform=mnist_transform(arrays.mean, arrays.std))
    assert np.array_equal(dataset.data.numpy(), raw.X_test)
    assert np.array_equal(dataset.targets.numpy(), raw.y_test)
    batches = list(DataLoader(dataset, batch_size=1000))
    images = torch.cat([images for images, _ in batches]).numpy()
    labels = torch.cat([labels for _, labels in batches]).numpy()
    assert images.dtype == np.float32
    assert np.array_equal(images, arrays.X_test)
    assert np.array_equal(labels, arrays.y_test)


# The dataset


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("part", ["train", "test"])
def test_dataset_is_torchvisions_over_the_same_pixels(
    tmp_path: Path, small: Mnist, part: Split, suffix: str
) -> None:
    write_set(tmp_path, small, suffix)
    dataset = mnist_dataset(part, directory=tmp_path)
    assert type(dataset) is import_torchvision().datasets.MNIST
    X, y = getattr(small, f"X_{part}"), getattr(small, f"y_{part}")
    assert len(dataset) == len(X)
    assert np.array_equal(dataset.data.numpy(), X)
    assert np.array_equal(dataset.targets.numpy(), y)
    image, label = dataset[5]
    assert (image.size, image.mode) == ((28, 28), "L")
    assert np.array_equal(np.asarray(image), X[5])
    assert label == y[5]


def test_training_part_is_the_default(directory: Path) -> None:
    assert len(mnist_dataset(directory=directory)) == 70


def test_dataset_leaves_nothing_behind(directory: Path, temporary_directory: Path) -> None:
    before = sorted(directory.iterdir())
    dataset = mnist_dataset("test", directory=directory)
    assert sorted(directory.iterdir()) == before
    assert not any(temporary_directory.iterdir())
    assert dataset.root == str(directory)
    assert len(list(dataset)) == 11


def test_failure_of_torchvision_leaves_nothing_behind(
    directory: Path, temporary_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        assert any(temporary_directory.iterdir())
        raise RuntimeError("out of order")

    monkeypatch.setattr(import_torchvision().datasets, "MNIST", fail)
    with pytest.raises(RuntimeError, match="out of order"):
        mnist_dataset("test", directory=directory)
    assert not any(temporary_directory.iterdir())


def test_no_place_for_temporary_files_is_told(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    message = r"^The files of MNIST cannot be written into a temporary directory \(No such file"
    with pytest.raises(DataFileError, match=message):
        mnist_dataset("test", directory=directory)


@pytest.mark.parametrize("part", ["valid", "", None])
def test_unknown_split_is_refused(directory: Path, part: Any) -> None:
    with pytest.raises(ValueError, match=f'^split must be "train" or "test", got {part!r}$'):
        mnist_dataset(part, directory=directory)


def test_changes_of_a_dataset_do_not_reach_the_next(directory: Path, small: Mnist) -> None:
    dataset = mnist_dataset("test", directory=directory)
    dataset.data.zero_()
    assert np.array_equal(mnist_dataset("test", directory=directory).data.numpy(), small.X_test)


# Normalisation


def test_transform_gives_the_rows_of_the_arrays(directory: Path) -> None:
    arrays = mnist_split(directory=directory)
    transform = mnist_transform(arrays.mean, arrays.std)
    dataset = mnist_dataset("train", directory=directory, transform=transform)
    rows = torch.stack([row for row, _ in dataset])
    assert (rows.dtype, rows.shape) == (torch.float32, (70, 784))
    assert np.array_equal(rows.numpy(), arrays.X_train)


def test_every_pixel_value_is_normalised_to_the_same_bits() -> None:
    """256 values, and 100 pairs of a mean and a standard deviation."""
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    generator = np.random.default_rng(20190803)
    for mean, std in generator.uniform((0, 0.01), (1, 1), (100, 2)):
        row = mnist_transform(mean, std)(Image.fromarray(pixels[0]))
        assert np.array_equal(row.numpy(), normalize_pixels(pixels, mean, std)[0])


def test_transform_and_dataset_can_be_sent_to_another_process(directory: Path) -> None:
    dataset = mnist_dataset("test", directory=directory, transform=mnist_transform(0.1, 0.3))
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[3][0], dataset[3][0])


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_transform_refuses_a_standard_deviation_that_is_none(std: float) -> None:
    with pytest.raises(ValueError, match=f"^std must be positive, .* got {std}$"):
        mnist_transform(0.1, std)


@pytest.mark.parametrize(
    ("dtype", "torch_dtype"), [(np.float32, torch.float32), (np.float64, torch.float64)]
)
def test_tensors_equal_the_arrays_in_both_dtypes(
    directory: Path, dtype: type, torch_dtype: torch.dtype
) -> None:
    arrays = mnist_split(dtype, directory=directory)
    tensors = mnist_tensors(torch_dtype, directory=directory)
    assert (arrays.mean, arrays.std) == (tensors.mean, tensors.std)
    for array, tensor in zip(arrays[:4], tensors[:4], strict=True):
        assert tensor.numpy().dtype == array.dtype
        assert np.array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("dtype", [torch.int64, "float32"])
def test_tensors_refuse_a_dtype_that_is_not_a_float(directory: Path, dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"^dtype must be a floating-point torch\.dtype, got "):
        mnist_tensors(dtype, directory=directory)


def test_without_torchvision_one_sentence(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    for call in (
        lambda: mnist_dataset("test", directory=directory),
        lambda: mnist_tensors(directory=directory),
        lambda: mnist_transform(0.1, 0.3),
        lambda: download_mnist(tmp_path / "new"),
    ):
        with pytest.raises(TorchvisionError, match=r"^torchvision cannot be imported "):
            call()
    assert not (tmp_path / "new").exists()


# Fetching


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for torchvision's downloader, and lists what it was asked for."""
    asked: list[str] = []

    def download(url: str, download_root: str, filename: str, md5: str) -> None:
        asked.append(filename)
        shipped, target = DATA_DIRECTORY / "mnist" / filename, Path(download_root) / filename
        shutil.copy(shipped, target)
        target.with_suffix("").write_bytes(gzip.decompress(shipped.read_bytes()))

    module = import_torchvision().datasets.mnist
    monkeypatch.setattr(module, "download_and_extract_archive", download)
    return asked


def files_under(place: Path) -> list[str]:
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*"))


@pytest.mark.parametrize("name", ["new", "some/where/new", "."])
def test_fetched_set_is_whole_and_alone(tmp_path: Path, network: list[str], name: str) -> None:
    download_mnist(tmp_path / name)
    assert network == PACKED_NAMES
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == sorted(PACKED_NAMES)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert len(load_mnist(tmp_path / name).X_test) == 10000


def test_fetched_files_never_cross_to_another_file_system(
    tmp_path: Path, network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "another" / "system"))
    download_mnist(tmp_path / "new")
    assert files_under(tmp_path) == sorted(["new", *(f"new/{name}" for name in PACKED_NAMES)])


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_nothing_is_fetched_where_all_is_there(
    tmp_path: Path, network: list[str], small: Mnist, suffix: str, dotted: bool
) -> None:
    write_set(tmp_path, small, suffix, dotted)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    download_mnist(tmp_path)
    assert network == []
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_missing_is_added_and_what_is_there_stays(
    tmp_path: Path, network: list[str]
) -> None:
    labels = tmp_path / FILE_NAMES[3]
    labels.write_bytes(gzip.decompress((DATA_DIRECTORY / "mnist" / PACKED_NAMES[3]).read_bytes()))
    (tmp_path / "notes.txt").write_text("mine")
    before = labels.stat()
    download_mnist(tmp_path)
    assert files_under(tmp_path) == sorted([*PACKED_NAMES[:3], FILE_NAMES[3], "notes.txt"])
    assert (labels.stat().st_mtime_ns, labels.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnothing", None])
def test_file_of_another_set_is_never_mixed_with_mnist(
    tmp_path: Path, network: list[str], small: Mnist, content: bytes | None
) -> None:
    write_set(tmp_path, small)
    for name in PACKED_NAMES[1:]:
        (tmp_path / name).unlink()
    path = tmp_path / PACKED_NAMES[0]
    if content is not None:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(DataFileError) as caught:
        download_mnist(tmp_path)
    assert str(caught.value) == (
        f"The data file {path} is not the one of MNIST; fetch MNIST into another directory."
    )
    assert files_under(tmp_path) == [PACKED_NAMES[0]]
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["file", "file/new"])
def test_file_in_the_place_of_the_directory_is_told_before_anything_is_fetched(
    tmp_path: Path, network: list[str], name: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFileError) as caught:
        download_mnist(tmp_path / name)
    assert str(caught.value) == (
        f"MNIST cannot be fetched into {tmp_path / name}: {tmp_path / 'file'} is a file."
    )
    assert network == []


FAILURES = [
    RuntimeError("File not found or corrupted."),
    ConnectionResetError(104, "Connection reset by peer"),
    TimeoutError("timed out"),
    EOFError("Compressed file ended before the end-of-stream marker was reached"),
    IncompleteRead(b"half"),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ["new", "some/where/new", "."])
def test_interrupted_fetching_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    def download(url: str, download_root: str, filename: str, md5: str) -> None:
        (Path(download_root) / filename).write_bytes(b"half")
        if filename == PACKED_NAMES[2]:
            raise error

    module = import_torchvision().datasets.mnist
    monkeypatch.setattr(module, "download_and_extract_archive", download)
    with pytest.raises(DataFileError) as caught:
        download_mnist(tmp_path / name)
    message = str(caught.value)
    assert message.startswith(f"MNIST could not be fetched into {tmp_path / name} (")
    assert message.endswith("); the set that is installed needs no network.")
    assert "\n" not in message
    assert files_under(tmp_path) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str, download_root: str, filename: str, md5: str) -> None:
        (Path(download_root) / filename).write_bytes(b"half")
        raise KeyboardInterrupt

    module = import_torchvision().datasets.mnist
    monkeypatch.setattr(module, "download_and_extract_archive", download)
    with pytest.raises(KeyboardInterrupt):
        download_mnist(tmp_path / "new")
    assert files_under(tmp_path) == []


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port of this machine that refuses connections, with no proxy in between."""
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, but not listening
        yield bound.getsockname()[1]


def test_refused_connection_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    mirrors = [f"http://127.0.0.1:{closed_port}/mnist/"]
    monkeypatch.setattr(import_torchvision().datasets.MNIST, "mirrors", mirrors)
    with pytest.raises(DataFileError) as caught:
        download_mnist(tmp_path / "new")
    message = str(caught.value)
    assert message.startswith(f"MNIST could not be fetched into {tmp_path / 'new'} (<urlopen error")
    assert "refused" in message
    assert message.endswith("); the set that is installed needs no network.")
    assert "\n" not in message
    assert files_under(tmp_path) == []
