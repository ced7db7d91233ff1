"""The IDX reader: arrays from sound files, and one sentence for each way to be unsound."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets import DataFileError
from datasets.idx import CHUNK_SIZE, read_images, read_labels
from parity_tests.idx_sets import idx_images, idx_labels

ROOT = Path(__file__).resolve().parent.parent

GENERATOR = np.random.default_rng(20190802)
IMAGES = GENERATOR.integers(0, 256, (5, 4, 3), dtype=np.uint8)
LABELS = np.array([7, 0, 9, 1, 3], dtype=np.uint8)

Pack = Callable[[bytes], bytes]


def unchanged(content: bytes) -> bytes:
    return content


@pytest.fixture(params=[unchanged, gzip.compress], ids=["plain", "gzip"])
def pack(request: pytest.FixtureRequest) -> Pack:
    """Both ways in which a file may be packed."""
    chosen: Pack = request.param
    return chosen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "set-idx-ubyte"


def refusal(path: Path, content: bytes, read: Callable[[Path], object] = read_images) -> str:
    """The sentence about a file with this content."""
    path.write_bytes(content)
    with pytest.raises(DataFileError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"The data file {path} ")
    assert message.endswith(".")
    assert "\n" not in message
    return message


# Sound files


def test_images_are_read_row_by_row(path: Path, pack: Pack) -> None:
    path.write_bytes(pack(idx_images(IMAGES)))
    images = read_images(path)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, IMAGES)


def test_labels_are_read_in_order(path: Path, pack: Pack) -> None:
    path.write_bytes(pack(idx_labels(LABELS)))
    labels = read_labels(path)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, LABELS)


def test_array_is_fresh_and_can_be_written(path: Path, pack: Pack) -> None:
    path.write_bytes(pack(idx_images(IMAGES)))
    read_images(path)[:] = 0
    np.testing.assert_array_equal(read_images(path), IMAGES)


def test_content_that_was_read_already_is_not_read_again(path: Path, pack: Pack) -> None:
    np.testing.assert_array_equal(read_images(path, pack(idx_images(IMAGES))), IMAGES)
    np.testing.assert_array_equal(read_labels(path, pack(idx_labels(LABELS))), LABELS)


def test_file_longer_than_one_reading_is_whole(path: Path, pack: Pack) -> None:
    images = GENERATOR.integers(0, 256, (3000, 28, 28), dtype=np.uint8)
    path.write_bytes(pack(idx_images(images)))
    np.testing.assert_array_equal(read_images(path), images)


def test_gzip_file_of_two_members_is_one_file(path: Path) -> None:
    content = idx_images(IMAGES)
    path.write_bytes(gzip.compress(content[:30]) + gzip.compress(content[30:]))
    np.testing.assert_array_equal(read_images(path), IMAGES)


# Another thing than was promised


def test_missing_file_is_named(path: Path) -> None:
    with pytest.raises(DataFileError, match=rf"^The data file {path} is missing\.$"):
        read_images(path)


def test_folder_in_the_place_of_the_file_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(DataFileError, match=rf"^The data file {path} cannot be read \(.+\)\.$"):
        read_labels(path)


def test_labels_are_not_images(path: Path, pack: Pack) -> None:
    message = refusal(path, pack(idx_labels(LABELS)))
    assert " its magic number is 2049, that of labels, and that of images is 2051." in message


def test_images_are_not_labels(path: Path, pack: Pack) -> None:
    message = refusal(path, pack(idx_images(IMAGES)), read_labels)
    assert " its magic number is 2051, that of images, and that of labels is 2049." in message


# The others are an IDX file of floats, one of two axes, and a web page.
@pytest.mark.parametrize("start", [b"\0\0\x0d\x03", b"\0\0\x08\x02", b"<!DO"])
def test_other_magic_number_is_told(path: Path, pack: Pack, start: bytes) -> None:
    message = refusal(path, pack(start + idx_images(IMAGES)[4:]))
    found = struct.unpack(">I", start)[0]
    assert f" does not hold images: its magic number is {found}, and that of " in message


@pytest.mark.parametrize("size", [0, 3, 4, 15])
def test_header_that_stops_is_told(path: Path, pack: Pack, size: int) -> None:
    message = refusal(path, pack(idx_images(IMAGES)[:size]))
    assert f" is truncated: it has {size} of the 16 bytes of its header." in message


@pytest.mark.parametrize("left", [0, 1, 59])
def test_fewer_pixels_than_promised(path: Path, pack: Pack, left: int) -> None:
    message = refusal(path, pack(idx_images(IMAGES)[: 16 + left]))
    assert (
        " is truncated: the header promises 5 images of 4 by 3 pixels, 60 bytes, but only "
        f"{left} bytes follow it."
    ) in message


def test_fewer_labels_than_promised(path: Path, pack: Pack) -> None:
    message = refusal(path, pack(idx_labels(LABELS)[:-1]), read_labels)
    assert " truncated: the header promises 5 labels, 5 bytes, but only 4 bytes follow" in message


@pytest.mark.parametrize("more", [1, 60, 3_000_000])
def test_more_pixels_than_promised(path: Path, pack: Pack, more: int) -> None:
    message = refusal(path, pack(idx_images(IMAGES) + bytes(more)))
    assert " is too long: the header promises 5 images of 4 by 3 pixels, 60 bytes, " in message


def test_more_labels_than_promised(path: Path, pack: Pack) -> None:
    message = refusal(path, pack(idx_labels(LABELS) + b"\0"), read_labels)
    assert " is too long: the header promises 5 labels, 5 bytes, but more follow it." in message


def test_more_is_told_also_where_a_reading_ends(path: Path, pack: Pack) -> None:
    labels = idx_labels(np.zeros(CHUNK_SIZE, dtype=np.uint8))
    assert len(read_labels(path, pack(labels))) == CHUNK_SIZE
    assert " is too long: " in refusal(path, pack(labels + b"\0"), read_labels)


@pytest.mark.parametrize("shape", [(0, 28, 28), (5, 0, 3), (2**32 - 1, 2**32 - 1, 0)])
def test_file_of_nothing_is_empty(path: Path, pack: Pack, shape: tuple[int, ...]) -> None:
    message = refusal(path, pack(struct.pack(">4I", 2051, *shape)))
    assert f" is empty: the header promises {shape[0]} images of " in message


@pytest.mark.parametrize("label", [10, 255])
def test_label_that_is_no_digit_is_named_with_its_place(path: Path, pack: Pack, label: int) -> None:
    labels = LABELS.copy()
    labels[3] = label
    message = refusal(path, pack(idx_labels(labels)), read_labels)
    assert f" has the label {label} in place 3 (counted from 0); labels go from 0 to 9." in message


ABSURD_HEADERS = """
import gzip, resource, struct, sys
from pathlib import Path
from datasets import DataFileError
from datasets.idx import CHUNK_SIZE, read_images, read_labels

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

path = Path(sys.argv[1])
images = struct.pack(">4I", 2051, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(100)
labels = struct.pack(">2I", 2049, 2**32 - 1) + bytes(100)
before = peak()
for read, content in (read_images, images), (read_labels, labels):
    for pack in bytes, gzip.compress:
        path.write_bytes(pack(content))
        try:
            read(path)
        except DataFileError as error:
            print(str(error).endswith(" but only 100 bytes follow it."))
unit = 1 if sys.platform == "darwin" else 1024
print((peak() - before) * unit < 2**24)
"""


def test_header_that_promises_the_world_takes_no_memory(path: Path) -> None:
    pytest.importorskip("resource")
    run = subprocess.run(
        [sys.executable, "-c", ABSURD_HEADERS, str(path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split() == ["True"] * 5


# Damaged gzip files

PACKED = gzip.compress(idx_images(IMAGES), mtime=0)


@pytest.mark.parametrize("size", [2, 9, 10, 30, len(PACKED) - 8, len(PACKED) - 1])
def test_gzip_file_that_stops_is_not_sound(path: Path, size: int) -> None:
    assert " is not a sound gzip file (" in refusal(path, PACKED[:size])


@pytest.mark.parametrize(
    ("position", "what"),
    [
        (2, "compression method"),
        (10, "Error -3"),
        (len(PACKED) - 8, "CRC check failed"),
        (len(PACKED) - 1, "Incorrect length"),
    ],
)
def test_gzip_file_with_a_changed_byte_is_not_sound(path: Path, position: int, what: str) -> None:
    content = bytearray(PACKED)
    content[position] ^= 0xFF
    message = refusal(path, bytes(content))
    assert " is not a sound gzip file (" in message
    assert what in message


def test_gzip_file_with_something_behind_it_is_not_sound(path: Path) -> None:
    assert " is not a sound gzip file (Not a gzipped file" in refusal(path, PACKED + b"more")


def test_plain_file_with_the_name_of_a_gzip_file_is_not_sound(tmp_path: Path) -> None:
    message = refusal(tmp_path / "set-idx-ubyte.gz", idx_images(IMAGES))
    assert " is not a sound gzip file (Not a gzipped file" in message


def test_no_changed_byte_and_no_cut_gives_another_error(path: Path) -> None:
    """Whatever byte is changed: the array, or the sentence."""
    for position in range(len(PACKED)):
        changed = bytearray(PACKED)
        changed[position] ^= 0x55
        for content in (bytes(changed), PACKED[:position]):
            try:
                images = read_images(path, content)
            except DataFileError as error:
                assert str(error).startswith(f"The data file {path} ")  # noqa: PT017 (both end well)
            else:
                np.testing.assert_array_equal(images, IMAGES)
