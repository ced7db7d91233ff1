"""The data files that ship with the project, and their reading, never without their checksum.

A damaged data file gives wrong numbers rather than an error, so each reading starts with SHA-256.
"""

import hashlib
import shlex
from pathlib import Path
from typing import Literal, NamedTuple

DATA_DIRECTORY = Path(__file__).resolve().parent / "data"
DISTRIBUTION = "parity-from-scratch"

State = Literal["ok", "missing", "truncated", "changed", "unreadable"]


class DataFile(NamedTuple):
    """One shipped file: its path in the data directory, size in bytes, and SHA-256."""

    name: str
    size: int
    sha256: str


BOSTON_HOUSING = DataFile(
    name="boston_housing.csv",
    size=34_695,
    sha256="79ac716620024011b03c0c44d2bf99069b8173649181926d9109c25475a3804c",
)
MNIST_TRAIN_IMAGES = DataFile(
    name="mnist/train-images-idx3-ubyte.gz",
    size=9_719_438,
    sha256="0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
)
MNIST_TRAIN_LABELS = DataFile(
    name="mnist/train-labels-idx1-ubyte.gz",
    size=28_857,
    sha256="1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
)
MNIST_TEST_IMAGES = DataFile(
    name="mnist/t10k-images-idx3-ubyte.gz",
    size=1_616_508,
    sha256="1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
)
MNIST_TEST_LABELS = DataFile(
    name="mnist/t10k-labels-idx1-ubyte.gz",
    size=4_517,
    sha256="b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
)
SHAKESPEARE = DataFile(
    name="coriolanus.txt",
    size=164_969,
    sha256="c4f748c8d386f98db9d39e6cbac69913c940653a222eb847b608be64e4d66aeb",
)
SHIPPED_FILES: tuple[DataFile, ...] = (
    BOSTON_HOUSING,
    MNIST_TRAIN_IMAGES,
    MNIST_TRAIN_LABELS,
    MNIST_TEST_IMAGES,
    MNIST_TEST_LABELS,
    SHAKESPEARE,
)


class DataFileError(Exception):
    """A data file is not what it should be.

    The message is one sentence: the file, what is wrong with it, and for a shipped file the command
    that mends it.
    """


class DataFileStatus(NamedTuple):
    """What is on the disk in the place of one shipped file.

    `size` and `expected_size` are in bytes; `size` is None where nothing could be read.
    `message` and `mend` are None for a file that is as it should be; otherwise `message` is the
    sentence of `DataFileError`, and `mend` the shell command in it that restores the file.
    """

    name: str
    path: Path
    state: State
    size: int | None
    expected_size: int
    message: str | None
    mend: str | None


def data_status(directory: Path | None = None) -> list[DataFileStatus]:
    """The state of every shipped file, each read in full; raises nothing for a damaged file.

    `directory` is the place of the files, by default the one they were installed in.
    """
    return [_examine(file, directory)[0] for file in SHIPPED_FILES]


def read_verified(file: DataFile, directory: Path | None = None) -> bytes:
    """The content of a shipped file, after its SHA-256 was checked on the very bytes returned.

    `directory` is the place of the files, by default the one they were installed in.
    Raises `DataFileError` if the file is missing, cannot be read, is truncated or was changed.
    """
    status, content = _examine(file, directory)
    if status.message is not None:
        raise DataFileError(status.message)
    return content


def _examine(file: DataFile, directory: Path | None) -> tuple[DataFileStatus, bytes]:
    directory = Path(DATA_DIRECTORY if directory is None else directory).absolute()
    path = directory / file.name
    content, size = b"", None
    state: State
    try:
        content = path.read_bytes()
        size = len(content)
    except (FileNotFoundError, NotADirectoryError):
        state, problem = "missing", "is missing"
    except OSError as error:
        state, problem = "unreadable", f"cannot be read ({error.strerror})"
    else:
        state, problem = _judge(content, file)

    message = mend = None
    if state != "ok":
        mend = _mending_command(file, directory)
        # Neither git nor pip gets past an unreadable thing that is in the way.
        first = "delete it and run" if state == "unreadable" else "to restore it, run"
        message = f"The data file {path} {problem}; {first} `{mend}`."
    return DataFileStatus(file.name, path, state, size, file.size, message, mend), content


def _judge(content: bytes, file: DataFile) -> tuple[State, str]:
    size = len(content)
    if _sha256(content) == file.sha256:
        return "ok", ""
    if size < file.size:
        return "truncated", f"is truncated: it has {size} of {file.size} bytes"
    problem = "was changed: its SHA-256 checksum differs from the recorded one"
    if _sha256(content.replace(b"\r\n", b"\n")) == file.sha256:
        problem += (
            ", only because its line endings are CRLF in place of LF, as git (core.autocrlf) or an "
            "editor on Windows may write them"
        )
    elif size > file.size:
        problem += f", and it has {size} bytes in place of {file.size}"
    return "changed", problem


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _mending_command(file: DataFile, directory: Path) -> str:
    root = directory.parent.parent  # the files lie in datasets/data
    if (root / ".git").exists():  # a folder in a clone, a file in a linked work tree
        tracked = (directory / file.name).relative_to(root).as_posix()
        return f"git -C {shlex.quote(str(root))} checkout HEAD -- {shlex.quote(tracked)}"
    return f"python -m pip install --force-reinstall --no-deps {DISTRIBUTION}"
