"""The processes that come of a child, as the parent sees them: how many, how much memory, and their
end where nobody else has seen to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

#: In the environment of a child and of all that it starts.
MARK = "PARITY_CHILD"


def descendants(pid: int) -> list[psutil.Process]:
    """All that a process has started, itself first; nothing if it is gone."""
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return []
    if not Path(f"/proc/{pid}/task/{pid}/children").exists():
        with contextlib.suppress(psutil.Error):
            return [process, *process.children(recursive=True)]
        return [process]
    members = [process]  # looking at all processes of the machine would take longer
    for member in members:
        for number in _children(member.pid):
            with contextlib.suppress(psutil.Error):
                members.append(psutil.Process(number))
    return members


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children


def memory_of(members: Sequence[psutil.Process], enough: int) -> int:
    """Resident memory in bytes. What several share counts once, where it matters: a sum that is
    below ``enough`` although it counts more often will do.
    """
    resident: dict[psutil.Process, int] = {}
    for member in members:
        with contextlib.suppress(psutil.Error):
            resident[member] = member.memory_info().rss
    if sum(resident.values()) <= enough:
        return sum(resident.values())
    largest = max(resident, key=lambda member: resident[member])
    total = resident.pop(largest)
    for member in resident:
        with contextlib.suppress(psutil.Error):
            total += member.memory_full_info().uss
    return total


def end_all(
    process: subprocess.Popen[bytes],
    folder: str,
    started: float,
    known: Sequence[psutil.Process] = (),
) -> None:
    """End a process and all that it started, found by what it leaves in the system's lists.

    Where there is no supervisor, or something has ended it. What has left the session, the
    directory and the environment, and whose parents have ended, is not found.

    Args:
        process: the first one.
        folder: its working directory, which is also in its environment.
        started: when, as ``psutil`` has it.
        known: what was seen of its descendants.
    """
    members = [*known, *descendants(process.pid)[1:]]
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for member in members:
        with contextlib.suppress(psutil.Error):
            member.kill()
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()
    for _ in range(5):  # one that is just being forked shows up the next time
        left = list(_left_behind(folder, started))
        for member in left:
            with contextlib.suppress(psutil.Error):
                member.kill()
        members += left
        if not left:
            break
    end = time.monotonic() + 2
    while any(map(_is_alive, members)) and time.monotonic() < end:
        time.sleep(0.005)  # a process that was killed takes a moment to die


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _left_behind(folder: str, started: float) -> Iterator[psutil.Process]:
    """What descends from a child but has left its session: known by the mark in its environment, or
    by its working directory.
    """
    for member in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if member.create_time() >= started and (
                member.environ().get(MARK) == folder or member.cwd() == folder
            ):
                yield member
