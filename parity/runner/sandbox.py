"""The sandbox: a child in bubblewrap (``bwrap``), on Linux.

It has no network, sees no other process, can write nowhere but to a ``/tmp`` of its own, and its
environment holds only what Python needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

#: Where a child works, in its own ``/tmp``.
FOLDER = "/tmp/work"

#: Empty in the sandbox, so that no socket of another program is in reach.
_HIDDEN = (Path("/tmp"), Path("/run"), Path("/dev/shm"))

#: How much fits into each of what can be written, in bytes.
SPACE = 2**28

#: What a child may know of the environment.
_KEPT = ("PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME")


class SandboxError(Exception):
    """There is no sandbox here; the message is one sentence and says why."""


def available() -> str | None:
    """Why no child can run in a sandbox here, in one sentence; None if it can."""
    if sys.platform != "linux":
        return "the sandbox needs Linux, where bubblewrap (bwrap) can make one"
    program = shutil.which("bwrap")
    if program is None:
        return "the sandbox needs bubblewrap, and no bwrap is installed"
    return _why_not(program)


@cache
def _why_not(program: str) -> str | None:
    try:
        tried = subprocess.run(
            [program, *_options(()), sys.executable, "-I", "-S", "-c", ""],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the sandbox needs bubblewrap, and {program} does not run: {error}"
    if tried.returncode == 0:
        return None
    said = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
    return f"the sandbox cannot be made, {program} says: {said}"


def command(file: Path | None, arguments: Iterable[str]) -> list[str]:
    """The call that runs a program in a sandbox.

    Args:
        file: the learner's; what lies beside it can be read, too.
        arguments: the program and its own.

    Raises:
        SandboxError: there is none here.
    """
    problem = available()
    if problem is not None:
        raise SandboxError(problem)
    program = shutil.which("bwrap")
    assert program is not None
    return [program, *_options(() if file is None else _beside(file.resolve())), *arguments]


def environment() -> dict[str, str]:
    """All of the parent's environment that goes into a sandbox."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "HOME": FOLDER, "TMPDIR": "/tmp"}


def _options(readable: Iterable[Path]) -> list[str]:
    options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    options += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    for folder in filter(Path.is_dir, _HIDDEN):
        options += ["--size", str(SPACE), "--tmpfs", str(folder)]
    options += ["--remount-ro", "/dev"]
    for path in _needed(readable):
        if any(folder in path.parents for folder in _HIDDEN):
            options += ["--ro-bind", str(path), str(path)]
    return [*options, "--dir", FOLDER, "--chdir", FOLDER]


def _needed(readable: Iterable[Path]) -> list[Path]:
    """What a child must be able to read wherever it lies; what holds another one comes first."""
    own = Path(__file__).resolve().parents[1]
    paths = [own, *map(Path, (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix))]
    paths += [Path(entry).absolute() for entry in sys.path if entry]
    return sorted({path for path in (*paths, *readable) if path.exists()})


def _beside(file: Path) -> list[Path]:
    """A file's folder; of one that is hidden as a whole, the Python files alone."""
    return sorted(file.parent.glob("*.py")) if file.parent in _HIDDEN else [file.parent]
