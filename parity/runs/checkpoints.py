"""A training's state in files, each of which is there as a whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from parity.runs.memory import is_out_of_memory

FORMAT = 1

_NAME = re.compile(r"step-(\d{9})\.pt")
_UNFINISHED = ".unfinished-"

#: What a file ends in: the digest of all before. PyTorch's own check does not see each flipped bit.
_SEAL = b"\nparity-sha256:"
_SEAL_LENGTH = len(_SEAL) + 64


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
            file.write(_seal(content.getbuffer()))
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


def _seal(content: bytes | memoryview) -> bytes:
    return _SEAL + hashlib.sha256(content).hexdigest().encode()


def _unpacked(content: bytes) -> dict[str, Any] | None:
    """What was saved; None if that is not what was written."""
    packed, seal = content[:-_SEAL_LENGTH], content[-_SEAL_LENGTH:]
    if seal != _seal(packed) or not zipfile.is_zipfile(io.BytesIO(packed)):
        return None
    try:
        state = torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        return None
    return state if isinstance(state, dict) else None


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
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    state = _unpacked(content)
    if state is None:
        raise CheckpointError(f"{path} is damaged, or no checkpoint at all")
    version = state.get("parity_checkpoint")
    if not isinstance(version, int):
        raise CheckpointError(f"{path} holds no checkpoint of parity train")
    if version > FORMAT:
        raise CheckpointError(
            f"{path} was written by a newer version of Parity (format {version}, this one reads "
            f"up to {FORMAT}); update Parity to go on with it"
        )
    step = state.get("step")
    if isinstance(step, int) and step != step_of(path):
        raise CheckpointError(f"{path} is the checkpoint of step {step}; give it back its own name")
    return state


def load_model(path: Path, state: dict[str, Any], model: nn.Module) -> None:
    """Put a checkpoint's parameters into a model.

    Raises:
        CheckpointError: they are not that model's.
    """
    own, found = model.state_dict(), state.get("model")
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} holds no parameters")
    if not all(isinstance(value, Tensor) for value in found.values()):
        raise CheckpointError(f"{path} holds something else in the place of parameters")
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    others = {name: tuple(value.shape) for name, value in found.items()}
    if shapes != others:
        different = sorted(
            name for name in {*shapes, *others} if shapes.get(name) != others.get(name)
        )
        raise CheckpointError(
            f"{path} is of another model: {different[0]} has shape "
            f"{others.get(different[0], 'none')} in it and {shapes.get(different[0], 'none')} here"
        )
    for name, value in own.items():
        if found[name].dtype != value.dtype:
            raise CheckpointError(
                f"{path} is of another model: {name} is {_name(found[name])} in it and "
                f"{_name(value)} here"
            )
    model.load_state_dict(found)


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
