"""The IDX files that MNIST comes in, read into NumPy arrays, gzipped or plain (chapter 4).

An IDX file is a magic number, then the length of each axis, all of four bytes with the highest
first, then the values. A header is never believed before the values it promises are there.
"""

from __future__ import annotations

import gzip
import io
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.files import DataFileError

# 8 for unsigned bytes, then the number of axes.
IMAGES_MAGIC = 0x0803
LABELS_MAGIC = 0x0801
CONTENTS = {IMAGES_MAGIC: "images", LABELS_MAGIC: "labels"}
CLASSES = 10

GZIP_START = b"\x1f\x8b"
CHUNK_SIZE = 1 << 20


def read_images(path: Path, content: bytes | None = None) -> NDArray[np.uint8]:
    """The images in a file, (images, rows, columns), a pixel from 0 (white) to 255 (black).

    `content` is what is in the file, if it was read already. The array is fresh.
    Raises `DataFileError` if the file cannot be read, is damaged, or holds something else.
    """
    return _read(path, content, IMAGES_MAGIC)


def read_labels(path: Path, content: bytes | None = None) -> NDArray[np.uint8]:
    """The labels in a file, (labels,), each a class number from 0 to 9.

    `content` is what is in the file, if it was read already. The array is fresh.
    Raises `DataFileError` if the file cannot be read, is damaged, or holds something else.
    """
    labels = _read(path, content, LABELS_MAGIC)
    beyond = np.flatnonzero(labels >= CLASSES)
    if beyond.size:
        raise DataFileError(
            f"The data file {path} has the label {labels[beyond[0]]} in place {beyond[0]} "
            f"(counted from 0); labels go from 0 to {CLASSES - 1}."
        )
    return labels


def unpacked(path: Path, content: bytes) -> io.BufferedIOBase:
    """The content of a file as a stream, unpacked on the way if it is gzipped."""
    packed = content.startswith(GZIP_START) or path.suffix == ".gz"
    return gzip.GzipFile(fileobj=io.BytesIO(content)) if packed else io.BytesIO(content)


def _read(path: Path, content: bytes | None, magic: int) -> NDArray[np.uint8]:
    if content is None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DataFileError(f"The data file {path} is missing.") from None
        except OSError as error:
            raise DataFileError(
                f"The data file {path} cannot be read ({error.strerror})."
            ) from None
    try:
        with unpacked(path, content) as stream:
            return _parse(path, stream, magic)
    # EOFError is a gzip file that stops too early, zlib.error one that is damaged inside.
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFileError(
            f"The data file {path} is not a sound gzip file ({str(error).rstrip('.')})."
        ) from None


def _parse(path: Path, stream: io.BufferedIOBase, magic: int) -> NDArray[np.uint8]:
    wanted, axes = CONTENTS[magic], magic & 0xFF
    header = stream.read(4 * (1 + axes))
    found = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and found != magic:
        other = f", that of {CONTENTS[found]}" if found in CONTENTS else ""
        raise DataFileError(
            f"The data file {path} does not hold {wanted}: its magic number is {found}{other}, "
            f"and that of {wanted} is {magic}."
        )
    if len(header) < 4 * (1 + axes):
        raise DataFileError(
            f"The data file {path} is truncated: it has {len(header)} of the "
            f"{4 * (1 + axes)} bytes of its header."
        )
    shape = tuple(int.from_bytes(header[4 * i : 4 * i + 4], "big") for i in range(1, 1 + axes))
    promised = f"the header promises {shape[0]} {wanted}"
    if axes == 3:
        promised += f" of {shape[1]} by {shape[2]} pixels"

    if prod(shape) == 0:
        raise DataFileError(f"The data file {path} is empty: {promised}.")

    # What is read grows with what is there, not with what the header promises; one byte more than
    # promised shows that something follows, and at the end gzip compares its own checksum.
    size, values = prod(shape), bytearray()
    while len(values) <= size:
        chunk = stream.read(min(CHUNK_SIZE, size + 1 - len(values)))
        if not chunk:
            break
        values += chunk
    if len(values) < size:
        raise DataFileError(
            f"The data file {path} is truncated: {promised}, {size} bytes, but only "
            f"{len(values)} bytes follow it."
        )
    if len(values) > size:
        raise DataFileError(
            f"The data file {path} is too long: {promised}, {size} bytes, but more follow it."
        )
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)
