"""MNIST in PyTorch, read by torchvision from the files that `datasets.mnist` reads (chapter 7).

What is wrong with a file is found by the same checks, and the numbers are the same to the bit.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from datasets.files import DataFileError
from datasets.idx import unpacked
from datasets.mnist import (
    SHIPPED,
    SIDE,
    PartFile,
    Split,
    candidate_names,
    checked_arrays,
    read_part,
    training_statistics,
)
from datasets.torchvision_shim import import_torchvision

if TYPE_CHECKING:
    import torch

# torchvision ships no types.
TorchvisionMnist: TypeAlias = Any
Compose: TypeAlias = Any

NAMES = tuple(Path(file.name).name for pair in SHIPPED.values() for file in pair)


class MnistTensors(NamedTuple):
    """The two parts, normalised, as `MnistSplit` has them.

    `X_train` is (60000, 784) and `X_test` (10000, 784), without a unit; `y_train` is (60000,) and
    `y_test` (10000,), the digits from 0 to 9 in int64. `mean` and `std` are those that the pixels
    were normalised by.
    """

    X_train: torch.Tensor
    y_train: torch.Tensor
    X_test: torch.Tensor
    y_test: torch.Tensor
    mean: float
    std: float


def mnist_dataset(
    split: Split = "train",
    *,
    directory: Path | None = None,
    transform: Callable[[Any], Any] | None = None,
) -> TorchvisionMnist:
    """One part as a `torchvision.datasets.MNIST` of (image, digit) pairs (chapter 7).

    An image is what `transform` makes of a PIL image of 28 by 28 pixels, by default that itself.
    `directory` has the four files of another set of this form, gzipped or not; by default they are
    those that were installed. All is held in memory, and no unpacked copy is left on the disk.
    Raises `ValueError` for another split, `DataFileError` if a file is missing or damaged or does
    not fit the other, `TorchvisionError` if torchvision cannot be imported.
    """
    part = read_part(split, directory)
    checked_arrays(*part)
    torchvision = import_torchvision()
    with _temporary_directory() as root:
        raw = root / "MNIST" / "raw"
        raw.mkdir(parents=True)
        # torchvision wants all four to be there, but opens only the two of the part.
        for name in NAMES:
            (raw / Path(name).stem).touch()
        for file, shipped in zip(part, SHIPPED[split], strict=True):
            _unpack(file, raw / Path(shipped.name).stem)
        dataset = torchvision.datasets.MNIST(root, train=split == "train", transform=transform)
    dataset.root = str(part[0].path.parent)
    return dataset


def mnist_transform(mean: float, std: float) -> Compose:
    """What makes a PIL image a normalised row of 784 float32 numbers (chapter 7).

    torchvision's `ToTensor`, which divides by 255, and `Normalize`, then `torch.nn.Flatten`; with
    `pixel_statistics` of the training part it gives the rows of `mnist_split`, to the bit.
    Raises `ValueError` if `std` is not positive, `TorchvisionError` if torchvision cannot be
    imported.
    """
    from torch import nn

    if not std > 0:
        raise ValueError(f"std must be positive, the pixels are divided by it, got {std}")
    transforms = import_torchvision().transforms
    return transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((mean,), (std,)), nn.Flatten(start_dim=0)]
    )


def mnist_tensors(
    dtype: torch.dtype | None = None, *, directory: Path | None = None
) -> MnistTensors:
    """Both parts in whole tensors, read by torchvision and normalised as by `mnist_transform`.

    In float32 and in float64 they equal the arrays of `mnist_split` to the bit, and are there in a
    fraction of the time that a `DataLoader` takes. Each call gives fresh tensors, in float32
    unless `dtype` says otherwise.
    Raises what `mnist_split` and `mnist_dataset` raise.
    """
    import torch

    dtype = torch.float32 if dtype is None else dtype
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"dtype must be a floating-point torch.dtype, got {dtype!r}")
    train = mnist_dataset("train", directory=directory)
    test = mnist_dataset("test", directory=directory)
    mean, std = training_statistics(train.data.numpy(), directory)

    def normalized(images: torch.Tensor) -> torch.Tensor:
        rows = images.reshape(-1, SIDE * SIDE).to(dtype)
        return rows.div_(255).sub_(mean).div_(std)

    return MnistTensors(
        X_train=normalized(train.data),
        y_train=train.targets,
        X_test=normalized(test.data),
        y_test=test.targets,
        mean=mean,
        std=std,
    )


def download_mnist(directory: Path) -> None:
    """Let torchvision fetch the four files of MNIST, gzipped, into a directory.

    The directory is made if it is not there. Files that are there already stay as they are, and
    where all four are nothing is fetched. What is fetched appears complete or not at all;
    `load_mnist(directory)` reads it.
    Raises `DataFileError` if MNIST cannot be fetched or written, or if one of its files is there
    with other content; `TorchvisionError` if torchvision cannot be imported.
    """
    directory = Path(directory).absolute()
    there = {name: _files_in(directory, name) for name in NAMES}
    if all(there.values()):
        return
    # On the same file system, so that the finished files need only be renamed.
    place = next(path for path in (directory, *directory.parents) if path.exists())
    if not place.is_dir():
        raise DataFileError(f"MNIST cannot be fetched into {directory}: {place} is a file.")
    from http.client import HTTPException

    torchvision = import_torchvision()
    with _temporary_directory(place) as root:
        try:
            dataset = torchvision.datasets.MNIST(root, download=True)
        # torchvision turns most failures of a network into a RuntimeError, but not all.
        except (RuntimeError, OSError, EOFError, zlib.error, HTTPException) as error:
            raise DataFileError(
                f"MNIST could not be fetched into {directory} ({_reason(error)}); the set that is "
                "installed needs no network."
            ) from None
        fetched = {name: Path(dataset.raw_folder) / name for name in NAMES}
        for name, paths in there.items():
            for path in paths:
                if not _same_content(path, fetched[name]):
                    raise DataFileError(
                        f"The data file {path} is not the one of MNIST; fetch MNIST into another "
                        "directory."
                    )
        directory.mkdir(parents=True, exist_ok=True)
        for name, path in fetched.items():
            if not there[name]:
                path.replace(directory / name)


@contextmanager
def _temporary_directory(place: Path | None = None) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix=".mnist-", dir=place) as directory:
            yield Path(directory)
    except OSError as error:
        where = "a temporary directory" if place is None else place
        raise DataFileError(
            f"The files of MNIST cannot be written into {where} ({error.strerror})."
        ) from None


def _unpack(file: PartFile, target: Path) -> None:
    with unpacked(*file) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)


def _files_in(directory: Path, name: str) -> list[Path]:
    paths = (directory / candidate for candidate in candidate_names(name))
    return [path for path in paths if path.is_file()]


def _same_content(one: Path, other: Path) -> bool:
    try:
        contents = [unpacked(path, path.read_bytes()).read() for path in (one, other)]
    except (OSError, EOFError, zlib.error):
        return False
    return contents[0] == contents[1]


def _reason(error: Exception) -> str:
    """The last line of the error: before it, torchvision lists the addresses that it tried."""
    lines = str(error).split("\n")
    return next((line for line in reversed(lines) if line.strip()), type(error).__name__)
