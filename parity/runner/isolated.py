"""The parent's side: start the child, feed it, watch its limits, read its answers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import psutil
from numpy import ndarray

from parity.runner.child import SPEECHLESS
from parity.runner.frames import ARRAY_LIMIT, FrameError, read_message, write_message

Message = tuple[dict[str, Any], list[ndarray]]

#: The most messages that are taken from a child.
MESSAGES_LIMIT = 1000

#: In the environment of a child and of all that it starts.
_MARK = "PARITY_CHILD"


@dataclass(frozen=True)
class Limits:
    """What a learner's code may use.

    Attributes:
        seconds: wall time of one component, import included.
        memory_mib: memory on top of what Python and NumPy take, in MiB.
        output_bytes: what it may print.
    """

    seconds: float = 10.0
    memory_mib: int = 2048
    output_bytes: int = 1_000_000


@dataclass
class ChildReport:
    """What came of a child process.

    Attributes:
        messages: its answers, in order.
        ending: "finished", "timed out", "out of memory", "too much output", "cancelled" or
            "died".
        detail: for "died", how; else a sentence's worth on the limit.
        printed: the beginning of what it printed.
    """

    messages: list[Message] = field(default_factory=list)
    ending: str = "finished"
    detail: str = ""
    printed: str = ""


@dataclass
class _Alarms:
    """What the threads that read from a child tell the one that watches it."""

    flooded: threading.Event = field(default_factory=threading.Event)
    garbled: threading.Event = field(default_factory=threading.Event)


def run_child(
    request: dict[str, Any],
    arrays: Sequence[ndarray] = (),
    limits: Limits | None = None,
    cancelled: threading.Event | None = None,
) -> ChildReport:
    """Run one request in a child process, in an empty working directory, within limits.

    Args:
        request: for ``child``.
        arrays: that go with it.
        limits: the usual ones where they are not given.
        cancelled: ends the child when it is set.
    """
    limits = limits or Limits()
    cancelled = cancelled or threading.Event()
    if cancelled.is_set():
        return ChildReport(ending="cancelled")
    request = {**request, "memory": limits.memory_mib * 2**20}
    report, alarms, printed = ChildReport(), _Alarms(), bytearray()
    with tempfile.TemporaryDirectory(prefix="parity-", ignore_cleanup_errors=True) as name:
        folder = str(Path(name).resolve())
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-X",
                "utf8",
                str(Path(__file__).with_name("child.py")),
                json.dumps([entry for entry in sys.path if entry]),
                str(os.getpid()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        threads = {
            process.stdin: _thread(_send, process.stdin, request, arrays),
            process.stdout: _thread(_receive, process.stdout, report, alarms),
            process.stderr: _thread(_drain, process.stderr, printed, alarms, limits),
        }
        started = psutil.Process(process.pid).create_time()
        try:
            _watch(process, report, alarms, limits, cancelled)
        finally:
            _kill(process, folder, started)
            for stream, thread in threads.items():
                thread.join(timeout=2)
                if not thread.is_alive():  # closing would wait for it
                    with contextlib.suppress(OSError):
                        stream.close()
    report.printed = printed.decode(errors="replace")
    _conclude(process.returncode, report, alarms, limits)
    return report


def _environment(folder: str) -> dict[str, str]:
    """The parent's, with one thread for linear algebra, no windows, no compiled files left beside
    the learner's, and a mark that all descendants inherit.
    """
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        _MARK: folder,
    }


def _thread(target: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def _watch(
    process: subprocess.Popen[bytes],
    report: ChildReport,
    alarms: _Alarms,
    limits: Limits,
    cancelled: threading.Event,
) -> None:
    """Wait for the process to end, or to go over a limit."""
    deadline = time.monotonic() + limits.seconds
    while process.poll() is None:
        if time.monotonic() > deadline:
            report.ending, report.detail = "timed out", f"after {limits.seconds:g} s"
        elif alarms.flooded.is_set():
            report.ending, report.detail = _flood(limits)
        elif _memory(process.pid) > limits.memory_mib * 2**20 + 2**28:
            report.ending, report.detail = "out of memory", f"more than {limits.memory_mib} MiB"
        elif cancelled.is_set():
            report.ending = "cancelled"
        if report.ending != "finished" or alarms.garbled.is_set():
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)


def _conclude(code: int, report: ChildReport, alarms: _Alarms, limits: Limits) -> None:
    """How the child ended where no limit did: what was still in the pipes may tell."""
    if report.ending != "finished":
        return
    if alarms.flooded.is_set():
        report.ending, report.detail = _flood(limits)
    elif alarms.garbled.is_set() and code in (0, -signal.SIGKILL):
        report.ending, report.detail = "died", "gave garbled answers"
    elif not _is_done(report.messages):
        report.ending, report.detail = "died", _describe_death(code)


def _flood(limits: Limits) -> tuple[str, str]:
    return "too much output", f"more than {limits.output_bytes / 1e6:g} MB"


def _is_done(messages: list[Message]) -> bool:
    """Whether the child said its last word itself."""
    if not messages:
        return False
    header = messages[-1][0]
    ended_early = header.get("event") == "raised" and header.get("case") is None
    return ended_early or header.get("event") in ("done", "mapping")


def _describe_death(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"
    if code == SPEECHLESS:
        return "closed or broke the way for its answers"
    return f"ended its own process with exit code {code}, as os._exit does"


def _send(stream: BinaryIO, request: dict[str, Any], arrays: Sequence[ndarray]) -> None:
    with contextlib.suppress(OSError, ValueError):
        write_message(stream, request, arrays)
        stream.close()


class _Limited:
    """A stream of which no more than so many bytes can be read."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self.stream = stream
        self.left = limit

    def read(self, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise FrameError("too much")
        return self.stream.read(size)


def _receive(stream: BinaryIO, report: ChildReport, alarms: _Alarms) -> None:
    """Read messages until the end of the stream, or until there is nonsense or too much of them."""
    limited = _Limited(stream, 4 * ARRAY_LIMIT)
    try:
        while (message := read_message(limited)) is not None:
            report.messages.append(message)
            if len(report.messages) > MESSAGES_LIMIT:
                raise FrameError("too many messages")
    except FrameError:
        alarms.garbled.set()
    except (OSError, ValueError):
        pass


def _drain(stream: BinaryIO, printed: bytearray, alarms: _Alarms, limits: Limits) -> None:
    total = 0
    with contextlib.suppress(OSError, ValueError):
        while chunk := stream.read1(65536):  # type: ignore[attr-defined]
            total += len(chunk)
            if len(printed) < 65536:
                printed += chunk
            if total > limits.output_bytes:
                alarms.flooded.set()
                return


def _memory(pid: int) -> int:
    """Resident memory of a process and all that it started, in bytes; shared memory counts once."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        total += process.memory_info().rss
        for member in process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                total += member.memory_full_info().uss
    return total


def _kill(process: subprocess.Popen[bytes], folder: str, started: float) -> None:
    """End a process and all that it started."""
    members: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        members = psutil.Process(process.pid).children(recursive=True)
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
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _left_behind(folder: str, started: float) -> Iterator[psutil.Process]:
    """What descends from a child but has left its session: known by the mark in its environment, or
    by its working directory.
    """
    for member in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if member.create_time() >= started and (
                member.environ().get(_MARK) == folder or member.cwd() == folder
            ):
                yield member
