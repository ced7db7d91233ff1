"""A run's directory: what was asked for, with which versions, and where everything is."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from parity import __version__

#: The form of ``config.json`` that this version writes, and the newest that it reads.
FORMAT = 1

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
METRICS = "metrics.csv"
LOCK = ".lock"

#: What a run leaves beside pictures and results.
_OF_A_RUN = (CONFIG, CHECKPOINTS, METRICS, "tensorboard")


class RunError(Exception):
    """A directory that cannot be used as was asked for; the message is one sentence."""


@dataclass(frozen=True)
class RunDirectory:
    """Where a run is.

    Attributes:
        path: of the directory.
        model: what is trained, as ``parity train`` calls it.
        options: what was asked for, as JSON knows it.
    """

    path: Path
    model: str
    options: Mapping[str, Any]

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / CHECKPOINTS


def holds_run(path: Path) -> bool:
    """Whether there is a run in a directory."""
    return (path / CONFIG).is_file()


def read(path: Path) -> RunDirectory:
    """The run in a directory.

    Raises:
        RunError: there is none, or one of a newer version.
    """
    file = path / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"there is no run in {path}: it has no {CONFIG}") from error
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{file} is damaged: it is not JSON") from error
    form = config.get("parity_run") if isinstance(config, dict) else None
    if not isinstance(form, int):
        raise RunError(f"{file} is not that of a run of parity train")
    if form > FORMAT:
        raise RunError(
            f"{path} holds a run of a newer version of Parity (format {form}, this one reads up to "
            f"{FORMAT}); update Parity to use it"
        )
    model, options = config.get("model"), config.get("options")
    if not isinstance(model, str) or not isinstance(options, dict):
        raise RunError(f"{file} is damaged: the model or its options are missing")
    return RunDirectory(path, model, options)


def make(
    path: Path, model: str, options: Mapping[str, Any], device: str, processes: int
) -> RunDirectory:
    """A new run in a directory that holds none, or one that is to go.

    Raises:
        RunError: something in the directory is called as what a run leaves, and is not of one.
        OSError: nothing can be written there.
    """
    path.mkdir(parents=True, exist_ok=True)
    remove(path)
    config = {
        "parity_run": FORMAT,
        "model": model,
        "options": dict(options),
        "device": device,
        "processes": processes,
        "versions": _versions(),
    }
    unfinished = path / f".unfinished-{CONFIG}"
    try:
        unfinished.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path / CONFIG)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    return RunDirectory(path, model, options)


def remove(path: Path) -> None:
    """Remove a run's configuration, metrics and checkpoints, the configuration last.

    Raises:
        RunError: there is something of that name which no run has left.
    """
    there = [name for name in _OF_A_RUN if (path / name).exists()]
    if there and not _is_ours(path / CONFIG):
        raise RunError(
            f"{path / there[0]} is not of a run of parity train, and is left alone; "
            "use another --out"
        )
    for name in reversed(_OF_A_RUN):
        if (path / name).is_dir():
            shutil.rmtree(path / name)
        else:
            (path / name).unlink(missing_ok=True)


def has_steps(path: Path) -> bool:
    """Whether a run has come further than its beginning."""
    with suppress(OSError):
        if len((path / METRICS).read_bytes().splitlines()) > 1:
            return True
    return (path / CHECKPOINTS).exists()


def _is_ours(config: Path) -> bool:
    try:
        return "parity_run" in json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def clean(path: Path) -> None:
    """Remove what a killed process has left unfinished."""
    for left in path.glob(".unfinished-*"):
        with suppress(OSError):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes from training in a directory; a killed one lets go of it. Directories
    that are made for it go again if they are empty at the end.

    Raises:
        RunError: another process is training there.
        OSError: nothing can be written there.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"another process is training in {path}; use another --out") from error
    try:
        clean(path)
        yield
    finally:
        with suppress(OSError):  # while it is held: who has opened it meanwhile sees that it went
            (path / LOCK).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def _versions() -> dict[str, str]:
    found = {"parity": __version__, "python": platform.python_version()}
    for package in ("numpy", "torch", "torchvision"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
