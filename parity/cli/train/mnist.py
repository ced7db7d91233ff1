"""What the trainings on MNIST share: options and loading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike
from rich.console import Console

from datasets import MnistSplit, download_mnist, mnist_split
from parity.terminal import CallError
from parity.training.mnist_dense import first_images

LOSS_NOTE = "The validation loss has the book's extra terms (E9)."
MASKS_NOTE = "Each side draws masks of its own for dropout."

Command = TypeVar("Command", bound=Callable[..., Any])


def data_options(command: Command) -> Command:
    """``--limit``, ``--data`` and ``--download``."""
    for option in reversed(_DATA_OPTIONS):
        command = option(command)
    return command


_DATA_OPTIONS = (
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N",
        help="Only the first N training images, and a sixth as many test images.",
    ),
    click.option(
        "--data", type=click.Path(path_type=Path), metavar="DIR",
        help="Another data set in MNIST's files and form; by default the MNIST that is shipped.",
    ),
    click.option(
        "--download", is_flag=True,
        help="Let torchvision fetch MNIST into the --data directory first.",
    ),
)  # fmt: skip


def require_data_for_download(directory: Path | None, download: bool) -> None:
    """Refuse ``--download`` alone.

    Raises:
        CallError: there is nowhere to fetch to.
    """
    if download and directory is None:
        raise CallError("--download needs --data DIR, the directory to fetch MNIST into.")


def load(dtype: DTypeLike, directory: Path | None, download: bool, limit: int | None) -> MnistSplit:
    """The images that the options ask for.

    Raises:
        CallError: the directory cannot be used.
        DataFileError: a file is missing or damaged.
        TorchvisionError: torchvision cannot fetch them.
    """
    try:
        if download and directory is not None:
            download_mnist(directory)
        data = mnist_split(dtype, directory=directory)
    except OSError as error:
        raise CallError(f"{directory} cannot be used: {error.strerror or error}.") from error
    return data if limit is None else first_images(data, limit)


def set_name(directory: Path | None) -> str:
    """What the data set is called."""
    return "MNIST" if directory is None else directory.name


def print_set(console: Console, data: MnistSplit, seed: int) -> None:
    """How many images there are, and the seed."""
    console.print(
        f"Images to train on: {len(data.X_train):,}, to test on: {len(data.X_test):,}. "
        f"Seed: {seed}."
    )
    console.print()


def pixels(X: ndarray, data: MnistSplit) -> ndarray:
    """Images as they were, from 0 to 255, ``(n, 28, 28)``."""
    values: ndarray = np.rint(255 * (X * data.std + data.mean)).astype(np.uint8)
    return values.reshape(-1, 28, 28)
