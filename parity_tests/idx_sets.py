"""Small sets of images in IDX form, as files and as what should be read from them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import Mnist

PIXELS = NDArray[np.uint8]

FILE_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_images(images: PIXELS) -> bytes:
    """The content of a file with these images, (images, rows, columns)."""
    return struct.pack(">4I", 2051, *images.shape) + images.tobytes()


def idx_labels(labels: PIXELS) -> bytes:
    """The content of a file with these labels, (labels,)."""
    return struct.pack(">2I", 2049, *labels.shape) + labels.tobytes()


def small_set(n_train: int = 7, n_test: int = 3, side: int = 28, seed: int = 20190801) -> Mnist:
    """Random images and labels; the first training image is white, the second one black."""
    generator = np.random.default_rng(seed)
    X_train, X_test = (
        generator.integers(0, 256, (n, side, side), dtype=np.uint8) for n in (n_train, n_test)
    )
    X_train[0], X_train[1] = 0, 255
    y_train, y_test = (generator.integers(0, 10, n, dtype=np.uint8) for n in (n_train, n_test))
    return Mnist(X_train, y_train, X_test, y_test)


def write_set(directory: Path, images: Mnist, suffix: str = ".gz", dotted: bool = False) -> None:
    """Write the four files of a set, packed if `suffix` is ".gz"."""
    directory.mkdir(parents=True, exist_ok=True)
    contents = (
        idx_images(images.X_train),
        idx_labels(images.y_train),
        idx_images(images.X_test),
        idx_labels(images.y_test),
    )
    for name, content in zip(FILE_NAMES, contents, strict=True):
        file = directory / ((name.replace("-idx", ".idx") if dotted else name) + suffix)
        file.write_bytes(gzip.compress(content, mtime=0) if suffix == ".gz" else content)
