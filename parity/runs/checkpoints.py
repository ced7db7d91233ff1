"""A training's state in files, each of which is there as a whole or not at all."""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

FORMAT = 1

_NAME = re.compile(r"step-(\d{9})\.pt")
_UNFINISHED = ".unfinished-"


class CheckpointError(Exception):
    """A checkpoint that cannot be read, used or written; the message is one sentence."""


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint after so many steps is."""
    return folder / f"step-{step:09d}.pt"


def step_of(path: Path) -> int:
    """After how many steps a checkpoint was written.

    Raises:
        CheckpointError: the file is not called as a checkpoint is.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise CheckpointError(f"{path} is not called as a checkpoint is, step-000000500.pt")
    return int(match[1])


def found_in(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def save(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write a state to a temporary file and rename it; then remove older checkpoints.

    Args:
        folder: of the checkpoints; made if it is not there.
        step: how many there were.
        state: tensors, numbers, strings, and lists and dictionaries of them.
        keep: how many checkpoints stay; all of them if it is 0.

    Raises:
        CheckpointError: it could not be written; those before it are as they were.
    """
    path = path_of(folder, step)
    content = io.BytesIO()
    torch.save({"parity_checkpoint": FORMAT, **state}, content)
    unfinished = folder / f"{_UNFINISHED}{path.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(folder)
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint of step {step:,} could not be written to {folder}: "
            f"{error.strerror or error}; {_left_in(folder)}"
        ) from error
    finally:
        with suppress(OSError):  # once it is renamed, there is none
            unfinished.unlink()
    if keep:
        for old in found_in(folder)[:-keep]:
            with suppress(OSError):
                old.unlink()
    return path


def _left_in(folder: Path) -> str:
    try:
        there = found_in(folder)
    except OSError:
        return "nothing was written"
    return f"{there[-1].name} is there as before" if there else "there is none yet"


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, where a folder can be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def clean(folder: Path) -> None:
    """Remove what a killed process has left unfinished."""
    if folder.is_dir():
        for path in folder.glob(f"{_UNFINISHED}*"):
            with suppress(OSError):
                path.unlink()


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, its tensors on the CPU. No code in it is run.

    Raises:
        CheckpointError: the file is damaged, no checkpoint, or of a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"{path} is damaged: {damaged} in it is not what was written")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
    ) as error:
        raise CheckpointError(f"{path} is damaged, or no checkpoint at all") from error
    version = state.get("parity_checkpoint") if isinstance(state, dict) else None
    if not isinstance(version, int):
        raise CheckpointError(f"{path} holds no checkpoint of parity train")
    if version > FORMAT:
        raise CheckpointError(
            f"{path} was written by a newer version of Parity (format {version}, this one reads "
            f"up to {FORMAT}); update Parity to go on with it"
        )
    return state
