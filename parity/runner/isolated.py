"""The parent's side: start the child, feed it, watch its limits, read its answers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import psutil
from numpy import ndarray

from parity.catalogue import components
from parity.runner import sandbox
from parity.runner.child import SPEECHLESS
from parity.runner.frames import ARRAY_LIMIT, FrameError, read_message, write_message
from parity.runner.processes import MARK, descendants, end_all, memory_of

Message = tuple[dict[str, Any], list[ndarray]]

#: The most messages that are taken from a child.
MESSAGES_LIMIT = 1000

#: How often the limits are looked at, in seconds.
_PERIOD = 0.02

#: How long a child may take to end, in seconds, before it is ended in another way.
_PATIENCE = 5.0

#: What a supervisor's last word is not longer than, in bytes.
_LAST_WORD = 32


@dataclass(frozen=True)
class Limits:
    """What a learner's code may use.

    Attributes:
        seconds: wall time of one component, import included.
        memory_mib: memory on top of what Python and NumPy take, in MiB.
        output_bytes: what it may print.
        processes: how many it may have at a time, those of the runner included.
        file_mib: the size of each file that it writes, in MiB.
        sandbox: whether it runs in bubblewrap; see ``sandbox.available``.
    """

    seconds: float = 10.0
    memory_mib: int = 2048
    output_bytes: int = 1_000_000
    processes: int = 100
    file_mib: int = 1024
    sandbox: bool = False


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


class Child:
    """A child process that has been started and waits for its one request.

    Args:
        limits: of which only ``sandbox`` counts as yet.
        file: what it will be asked for, where that is known: in a sandbox, only what lies beside
            this one can be read of a directory for temporary files.

    Raises:
        SandboxError: a sandbox is asked for and there is none.
    """

    def __init__(self, limits: Limits, file: Path | None) -> None:
        self.alarms = _Alarms()
        self.asked = False
        self.seen: list[psutil.Process] = []
        self._code: int | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.folder = ""
        if not limits.sandbox:
            self._folder = tempfile.TemporaryDirectory(prefix="parity-", ignore_cleanup_errors=True)
            self.folder = str(Path(self._folder.name).resolve())
        self._leash, theirs = _make_leash()
        with contextlib.ExitStack() as on_error:
            if self._folder is not None:
                on_error.callback(self._folder.cleanup)
            if self._leash is not None:
                on_error.callback(self._leash.close)
            try:
                self.process = _start(limits, file, self.folder, theirs)
            finally:
                if theirs is not None:
                    theirs.close()
            on_error.pop_all()
        with contextlib.suppress(psutil.Error):
            self.seen = [psutil.Process(self.process.pid)]
        self._started = self.seen[0].create_time() if self.seen else time.time()

    def has_ended(self, seconds: float) -> bool:
        """Whether it has come to its end; waits for that, but not longer than ``seconds``."""
        if self._leash is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            return self.process.returncode is not None
        if self._code is None:
            self._leash.settimeout(seconds)
            try:
                said = self._leash.recv(_LAST_WORD)
            except TimeoutError:
                return False
            except OSError:
                said = b""
            with contextlib.suppress(ValueError):
                self._code = int(said)
        return True

    def look(self) -> None:
        """See what has come of it. What was seen once stays known for as long as it runs, even if
        nothing connects it with the child any more: its supervisor may be ended before it.
        """
        now = descendants(self.process.pid)
        before = [each for each in self.seen if each not in now and each.is_running()]
        self.seen = [*now, *before]

    def end(self) -> int | None:
        """End it, where it has not ended, and all that it has started.

        Returns:
            Its exit code, negative for a signal; None where its supervisor was ended before it.
        """
        try:
            self._end()
        finally:
            self._clear_up()
        return self._code

    def _end(self) -> None:
        if self._leash is None:
            end_all(self.process, self.folder, self._started)
            self._code = self.process.returncode
            return
        with contextlib.suppress(OSError):
            self._leash.shutdown(socket.SHUT_WR)
            self.process.send_signal(signal.SIGCONT)  # the file may have stopped it
        if self.has_ended(_PATIENCE) and self._code is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_PATIENCE)
                return
        end_all(self.process, self.folder, self._started, self.seen)

    def _clear_up(self) -> None:
        if not self.asked:  # else there is somebody who reads from them
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
        if self._leash is not None:
            self._leash.close()
        if self._folder is not None:
            self._folder.cleanup()


def _make_leash() -> tuple[socket.socket | None, socket.socket | None]:
    """What tells the supervisor that its parent wants it to end, or is gone; and the other end."""
    return socket.socketpair() if sys.platform == "linux" else (None, None)


def _start(
    limits: Limits, file: Path | None, folder: str, leash: socket.socket | None
) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-P",
        "-X",
        "utf8",
        str(Path(__file__).with_name("supervisor.py")),
        json.dumps([str(Path(entry).absolute()) for entry in sys.path if entry]),
        "" if leash is None else str(leash.fileno()),
        folder,
    ]
    return subprocess.Popen(
        sandbox.command(file, command) if limits.sandbox else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder or None,
        env=_environment(folder),
        start_new_session=True,
        pass_fds=() if leash is None else (leash.fileno(),),
    )


def _environment(folder: str) -> dict[str, str]:
    """The parent's, or in a sandbox what Python needs of it; with one thread for linear algebra, no
    windows, no compiled files left beside the learner's, and a mark that all descendants inherit.
    """
    return {
        **(os.environ if folder else sandbox.environment()),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        MARK: folder,
    }


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

    Raises:
        SandboxError: the limits ask for a sandbox and there is none.
    """
    if cancelled is not None and cancelled.is_set():
        return ChildReport(ending="cancelled")
    return ask(start_child(limits, Path(request["file"])), request, arrays, limits, cancelled)


def start_child(limits: Limits | None = None, file: Path | None = None) -> Child:
    """Start a child process. It gets ready and waits: ``ask`` it, or ``end`` it.

    Args:
        limits: the usual ones where they are not given.
        file: what it will be asked for, where that is known; matters in a sandbox.

    Raises:
        SandboxError: the limits ask for a sandbox and there is none.
    """
    return Child(limits or Limits(), file)


def ask(
    child: Child,
    request: dict[str, Any],
    arrays: Sequence[ndarray] = (),
    limits: Limits | None = None,
    cancelled: threading.Event | None = None,
) -> ChildReport:
    """Ask a child that was started, once; the limit on time counts from here. Afterwards it, and
    all that it has started, has ended.

    Args:
        child: from ``start_child``.
        request: for ``child``.
        arrays: that go with it.
        limits: the usual ones where they are not given.
        cancelled: ends the child when it is set.

    Raises:
        ValueError: the child was asked before.
    """
    if child.asked:
        raise ValueError("a child answers one request and this one has had its own")
    child.asked = True
    limits = limits or Limits()
    process = child.process
    report, printed = ChildReport(), bytearray()
    request = {
        **request,
        "memory": limits.memory_mib * 2**20,
        "file_size": limits.file_mib * 2**20,
        "catalogue": _catalogue(),
    }
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    threads = {
        process.stdin: _thread(_send, process.stdin, request, arrays),
        process.stdout: _thread(_receive, process.stdout, report, child.alarms),
        process.stderr: _thread(_drain, process.stderr, printed, child.alarms, limits),
    }
    code = None
    try:
        _watch(child, report, limits, cancelled or threading.Event())
    finally:
        code = child.end()
        for stream, thread in threads.items():
            thread.join(timeout=2)
            if not thread.is_alive():  # closing would wait for it
                with contextlib.suppress(OSError):
                    stream.close()
    report.printed = printed.decode(errors="replace")
    _conclude(code, report, child.alarms, limits)
    return report


@cache
def _catalogue() -> dict[str, tuple[Any, ...]]:
    """What a child has to know of each component to find it in a file."""
    return {
        entry.name: (entry.module, entry.shown_by, entry.aliases, entry.keys, entry.method_of)
        for entry in components()
    }


def _thread(target: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def _watch(child: Child, report: ChildReport, limits: Limits, cancelled: threading.Event) -> None:
    """Wait for the child to end, or to go over a limit."""
    deadline = time.monotonic() + limits.seconds
    memory = limits.memory_mib * 2**20 + 2**28
    while not child.has_ended(_PERIOD):
        child.look()
        if time.monotonic() > deadline:
            report.ending, report.detail = "timed out", f"after {limits.seconds:g} s"
        elif child.alarms.flooded.is_set():
            report.ending, report.detail = _flood(limits)
        elif len(child.seen) > limits.processes:
            report.ending = "died"
            report.detail = f"started more than {limits.processes} processes"
        elif memory_of(child.seen, memory) > memory:
            report.ending, report.detail = "out of memory", f"more than {limits.memory_mib} MiB"
        elif cancelled.is_set():
            report.ending = "cancelled"
        if report.ending != "finished" or child.alarms.garbled.is_set():
            return


def _conclude(code: int | None, report: ChildReport, alarms: _Alarms, limits: Limits) -> None:
    """How the child ended where no limit did: what was still in the pipes may tell."""
    if report.ending != "finished":
        return
    if alarms.flooded.is_set():
        report.ending, report.detail = _flood(limits)
    elif alarms.garbled.is_set() and code in (None, 0, -signal.SIGKILL):
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


def _describe_death(code: int | None) -> str:
    if code is None:
        return "ended the process that watches over it"
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
