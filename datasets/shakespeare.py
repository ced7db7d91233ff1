"""A play by William Shakespeare, the text that the models of chapter 6 learn to write from."""

from __future__ import annotations

from pathlib import Path

from datasets.files import SHAKESPEARE, read_verified


def load_shakespeare(*, directory: Path | None = None) -> str:
    """*Coriolanus*: 164,969 characters, 66 different ones (chapter 6, "Putting It All Together").

    `directory` is the place of the data file, by default the one it was installed in.
    Raises `DataFileError` if the file is missing or damaged.
    """
    return read_verified(SHAKESPEARE, directory).decode("ascii")
