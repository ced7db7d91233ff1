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
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import psutil
from numpy import ndarray

from parity.runner.frames import ARRAY_LIMIT, FrameError, read_message, write_message

Message = tuple[dict[str, Any], list[ndarray]]


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
        ending: "finished", "timed out", "out of memory", "too much output", "interrupted" or
            "died".
        detail: for "died", how; else a sentence's worth on the limit.
        printed: the beginning of what it printed.
    """

    messages: list[Message] = field(default_factory=list)
    ending: str = "finished"
    detail: str = ""
    printed: str = ""


#: Set to end all children that are running, and let none start.
cancelled = threading.Event()


def run_child(
    request: dict[str, Any], arrays: Sequence[ndarray] = (), limits: Limits | None = None
) -> ChildReport:
    """Run one request in a child process, in an empty working directory, within limits."""
    limits = limits or Limits()
    request = {**request, "memory": limits.memory_mib * 2**20}
    with tempfile.TemporaryDirectory(prefix="parity-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-X",
                "utf8",
                str(Path(__file__).with_name("child.py")),
                json.dumps([entry for entry in sys.path if entry]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
        try:
            return _supervise(process, request, arrays, limits)
        finally:
            _kill(process)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()


def _environment() -> dict[str, str]:
    """The parent's, with one thread for linear algebra, no windows, and no compiled files left
    beside the learner's.
    """
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _supervise(
    process: subprocess.Popen[bytes],
    request: dict[str, Any],
    arrays: Sequence[ndarray],
    limits: Limits,
) -> ChildReport:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    report = ChildReport()
    printed, flooded = bytearray(), threading.Event()
    threads = [
        threading.Thread(target=_send, args=(process.stdin, request, arrays), daemon=True),
        threading.Thread(target=_receive, args=(process.stdout, report, flooded), daemon=True),
        threading.Thread(
            target=_drain, args=(process.stderr, printed, flooded, limits), daemon=True
        ),
    ]
    for thread in threads:
        thread.start()

    deadline = time.monotonic() + limits.seconds
    while process.poll() is None:
        if time.monotonic() > deadline:
            report.ending, report.detail = "timed out", f"after {limits.seconds:g} s"
        elif flooded.is_set():
            report.ending = "too much output"
            report.detail = f"more than {limits.output_bytes / 1e6:g} MB"
        elif _memory(process.pid) > limits.memory_mib * 2**20 + 2**28:
            report.ending, report.detail = "out of memory", f"more than {limits.memory_mib} MiB"
        elif cancelled.is_set():
            report.ending = "interrupted"
        if report.ending != "finished":
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    _kill(process)
    for thread in threads:
        thread.join(timeout=5)

    report.printed = printed.decode(errors="replace")
    if report.ending == "finished" and flooded.is_set():
        report.ending = "too much output"
        report.detail = f"more than {limits.output_bytes / 1e6:g} MB"
    if report.ending == "finished" and not _is_done(report.messages):
        report.ending, report.detail = "died", _describe_death(process.returncode)
    return report


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
    return f"ended its own process with exit code {code}, as os._exit does"


def _send(stream: BinaryIO, request: dict[str, Any], arrays: Sequence[ndarray]) -> None:
    with contextlib.suppress(OSError, ValueError):
        write_message(stream, request, arrays)
        stream.close()


def _receive(stream: BinaryIO, report: ChildReport, flooded: threading.Event) -> None:
    """Read messages until the end of the stream, or until there is nonsense or too much of them."""
    received = 0
    with contextlib.suppress(FrameError, OSError, ValueError):
        while (message := read_message(stream)) is not None:
            received += sum(array.nbytes for array in message[1])
            if received > 4 * ARRAY_LIMIT:
                flooded.set()
                return
            report.messages.append(message)


def _drain(stream: BinaryIO, printed: bytearray, flooded: threading.Event, limits: Limits) -> None:
    total = 0
    with contextlib.suppress(OSError, ValueError):
        while chunk := stream.read1(65536):  # type: ignore[attr-defined]
            total += len(chunk)
            if len(printed) < 65536:
                printed += chunk
            if total > limits.output_bytes:
                flooded.set()
                return


def _memory(pid: int) -> int:
    """Resident memory of a process and all that it started, in bytes."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process, all that it started, and all in its session."""
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
