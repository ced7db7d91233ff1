"""The first process of a child, a script: it starts the one that runs the learner's file, and ends
whatever comes of that one.

On Linux it is what all descendants fall to that lose their parent, so none escapes by a fork of a
fork, a session, an environment or a directory of its own. It ends them when the file has been run,
and when the parent lets go of the leash: on purpose, or because it has ended, in whatever way.
Elsewhere this process runs the file itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36
_SET_NO_NEW_PRIVILEGES = 38
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_RESTRICT_SELF = 446


def main() -> None:
    """Run one request, with the parent's ``sys.path``; on a leash in a process below this one."""
    entries, leash, folder = sys.argv[1:]
    if leash:
        _supervise(int(leash), folder)  # what comes back from there is the process below

    import json

    sys.path[:] = json.loads(entries)

    from parity.runner.child import answer_request

    answer_request()


def _supervise(leash: int, folder: str) -> None:
    """Start the process that runs the file, wait for its end, and end all that it has started.

    Args:
        leash: a socket; its other end is the parent's. At the end the exit code of the process goes
            there, negative for a signal.
        folder: of the child, to be removed where the parent cannot; may be empty.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    awake, wake = os.pipe()
    os.set_blocking(awake, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    own = os.getpid()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd in (leash, awake, wake):
            os.close(fd)
        os.setsid()
        libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != own:  # it was too fast
            os._exit(1)
        _fence(libc)
        return
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError):  # the C library keeps some to itself
            signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):  # the pipes end with those who use them
        os.dup2(nothing, fd)
    _wait(child, leash, awake)
    code = _end(child)
    try:
        os.write(leash, f"{code}\n".encode())
    except OSError:  # the parent is gone, and cannot clear up
        import shutil

        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def can_fence(libc: Any) -> bool:
    """Whether the kernel can keep a process from sending signals to others: Linux 6.12 can."""
    signals_version = 6
    return int(libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, 1)) >= signals_version


def _fence(libc: Any) -> None:
    """Keep this process from sending signals to any that it has not started, and from looking into
    their memory: the supervisor, the parent, the children beside it. Where Linux can do that.
    """
    import ctypes

    if not can_fence(libc):
        return
    scope_signal = 2
    rules = (ctypes.c_uint64 * 3)(0, 0, scope_signal)
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, rules, ctypes.sizeof(rules), 0)
    if ruleset >= 0:
        libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)


def _wait(child: int, leash: int, awake: int) -> None:
    """Wait for the end of ``child`` or of the leash; clear away what else ends meanwhile."""
    import select

    poll = select.poll()
    poll.register(leash, select.POLLIN)
    poll.register(awake, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if awake in ready:
            os.read(awake, 4096)
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid == child:  # its number stays taken until all of them are ended
                return
            os.waitpid(ended.si_pid, 0)
        if leash in ready:
            return


def _end(child: int) -> int:
    """End a process and all that it has started.

    Returns:
        Its exit code, negative for a signal.
    """
    code = 0
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)  # its session at once: of these none can fork any more
    while True:
        for pid in _children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            pid, status = os.waitpid(-1, 0)  # what this one had started is ours now
        except ChildProcessError:
            return code
        if pid == child:
            code = os.waitstatus_to_exitcode(status)


def _children() -> Iterator[int]:
    own = os.getpid()
    try:
        yield from map(int, Path(f"/proc/self/task/{own}/children").read_text().split())
    except OSError:  # a kernel without this list
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(state[1]) == own:
                yield int(entry.name)


if __name__ == "__main__":
    main()
