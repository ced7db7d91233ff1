"""Other processes: which of them a component reaches, and that it does not get away with that."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from textwrap import dedent

import psutil
import pytest

from parity.runner.isolated import start_child
from parity.runner.supervisor import can_fence
from parity.verdict import Verdict

Attack = Callable[..., tuple[Verdict, Verdict]]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="this is Linux's own")


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP", "SIGTERM", "SIGINT", "SIGSEGV"])
def test_the_process_above_cannot_be_ended_unnoticed(attack: Attack, number: str) -> None:
    verdict, other = attack(f"os.kill(os.getppid(), signal.{number})\ntime.sleep(0.1)", seconds=5)
    assert not verdict.passed
    assert other.passed


def fenced() -> bool:
    """Whether this kernel keeps processes from each other."""
    return sys.platform == "linux" and can_fence(ctypes.CDLL(None))


needs_fence = pytest.mark.skipif(not fenced(), reason="Linux keeps processes apart since 6.12")

OTHERS = {
    "ending the one that checks": f"os.kill({os.getpid()}, signal.SIGTERM)",
    "ending what it can": "os.kill(os.getppid(), signal.SIGKILL)",
    "reading memory": f"open('/proc/{os.getpid()}/mem', 'rb')",
    "writing memory": "open(f'/proc/{os.getppid()}/mem', 'wb')",
    "the files of another": f"os.readlink('/proc/{os.getpid()}/fd/2')",
    "tracing": """
        library = ctypes.CDLL(None, use_errno=True)
        if library.ptrace(16, os.getppid(), 0, 0):
            raise OSError(ctypes.get_errno(), "no tracing")
        """,
}


@needs_fence
@pytest.mark.parametrize("what", OTHERS)
def test_other_processes_are_out_of_reach(attack: Attack, what: str) -> None:
    verdict, other = attack(dedent(OTHERS[what]))
    assert verdict.status == "raised", verdict
    assert {error.type for error in verdict.errors} == {"PermissionError"}
    assert other.passed


@needs_fence
def test_a_child_beside_it_is_out_of_reach(attack: Attack) -> None:
    beside = start_child()
    supervisor = psutil.Process(beside.process.pid)
    while not supervisor.children():
        assert not beside.has_ended(0.01)
    pids = [supervisor.pid, supervisor.children()[0].pid]
    source = f"""\
for pid in {pids}:
    try: os.kill(pid, signal.SIGKILL)
    except PermissionError: continue
    raise ValueError"""
    verdict, other = attack(source)
    assert verdict.passed, verdict
    assert other.passed
    assert not beside.has_ended(0.1)
    beside.end()
