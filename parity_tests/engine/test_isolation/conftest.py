"""What the tests of the isolation share: the check of a file with an attack in it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import psutil
import pytest

from parity.checking.file import check_file
from parity.runner.isolated import Limits
from parity.verdict import Verdict

Attack = Callable[..., tuple[Verdict, Verdict]]

FILE = """\
import atexit, builtins, ctypes, gc, json, multiprocessing, os, signal, socket, struct, subprocess
import sys, threading, time, types
from pathlib import Path
import numpy as np

NOTES = {notes!r}

def note(pid):
    with open(NOTES, "a") as file:
        file.write(f"{{pid}}\\n")

def stay():
    note(os.getpid())
    time.sleep(1000)

def wait_for_a_note():
    while not (os.path.exists(NOTES) and os.path.getsize(NOTES)):
        time.sleep(0.001)

def to_all(data):
    for fd in range(3, 32):
        try:
            os.write(fd, data)
        except OSError:
            pass

def say(header, arrays=()):
    data = json.dumps({{"header": header, "arrays": list(arrays)}}).encode()
    to_all(struct.pack(">Q", len(data)) + data)

def square(x):
    return x * x

{first}

def leaky_relu(x):
{attack}
    return {result}
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Where an attack notes the processes that it starts."""
    return tmp_path / "pids"


@pytest.fixture
def nothing_left(tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Holds that a test leaves no process and no directory behind: the folder for directories.

    What a child forks has the child's command line, in which its directory stands; what an attack
    starts otherwise it must note.
    """
    folder = tmp_path / "children"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    noted = {int(line) for line in notes.read_text().split()} if notes.exists() else set()
    deadline = time.monotonic() + 5
    while left := [each for each in psutil.process_iter() if _is_of(each, folder, noted)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    assert not list(folder.iterdir())


def _is_of(process: psutil.Process, folder: Path, noted: set[int]) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            return False
        words = [*process.cmdline(), process.cwd(), *process.environ().values()]
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return process.pid in noted
    return process.pid in noted or any(str(folder) in word for word in words)


@pytest.fixture
def attack(tmp_path: Path, notes: Path, nothing_left: Path) -> Attack:
    """Checks a file whose ``leaky_relu`` does something else first, and whose ``square`` is right:
    the verdicts on ``leaky_relu`` and on ``square``.
    """

    def check(
        source: str, first: str = "", result: str = "np.maximum(0.2 * x, x)", **limits: float
    ) -> tuple[Verdict, Verdict]:
        file = tmp_path / "mine.py"
        body = indent(source or "pass", "    ")
        file.write_text(FILE.format(notes=str(notes), first=first, attack=body, result=result))
        verdicts = check_file(file, limits=Limits(**limits)).verdicts  # type: ignore[arg-type]
        by_name = {verdict.component: verdict for verdict in verdicts}
        assert set(by_name) == {"leaky_relu", "square"}
        assert Path.cwd()
        return by_name["leaky_relu"], by_name["square"]

    return check
