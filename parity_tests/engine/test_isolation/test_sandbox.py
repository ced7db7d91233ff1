"""The sandbox: what a component in it cannot do, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from parity.checking.file import check_file
from parity.runner import sandbox
from parity.runner.isolated import Limits, start_child
from parity.runner.sandbox import SandboxError
from parity.verdict import Verdict

Attack = Callable[..., tuple[Verdict, Verdict]]
Learner = Callable[..., Path]

PROBLEM = sandbox.available()
needs_sandbox = pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's own")


@pytest.fixture
def port() -> Iterator[int]:
    """Where somebody listens outside of the sandbox."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


REFUSED = {
    "the network of this machine": "socket.create_connection(('127.0.0.1', {port}), timeout=2)",
    "an address elsewhere": "socket.create_connection(('192.0.2.1', 80), timeout=2)",
    "a name": "socket.getaddrinfo('example.org', 80)",
    "its own file": "open(__file__, 'a')",
    "a file beside its own": "open(os.path.join(os.path.dirname(__file__), 'new.py'), 'w')",
    "a file at home": "open(os.path.expanduser('~root/parity-was-here'), 'w')",
    "the end of the one that checks": "os.kill({parent}, 0)",
    "the program's memory": "open('/proc/{parent}/mem', 'rb')",
    "a mount": """
        library = ctypes.CDLL(None, use_errno=True)
        if library.mount(b"none", b"/tmp", b"tmpfs", 0, None):
            raise OSError(ctypes.get_errno(), "no mount")
        """,
    "more than fits": """
        for number in range(100):
            with open(f"/tmp/{{number}}", "wb") as file: file.write(bytes(2**23))
        """,
}


@needs_sandbox
@pytest.mark.parametrize("what", REFUSED)
def test_what_lies_outside_of_the_sandbox_is_out_of_reach(
    attack: Attack, port: int, what: str
) -> None:
    source = dedent(REFUSED[what]).format(port=port, parent=os.getpid())
    verdict, other = attack(source, sandbox=True)
    assert verdict.status == "raised", verdict
    assert {error.type for error in verdict.errors} <= {
        "ConnectionRefusedError", "FileNotFoundError", "OSError", "PermissionError",
        "ProcessLookupError", "gaierror",
    }  # fmt: skip
    assert other.passed


@needs_sandbox
def test_a_component_in_the_sandbox_sees_no_process_and_no_secret(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "told to nobody")
    source = """\
numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
assert len(numbers) <= 4, numbers
for number in numbers:
    try: environment = open(f"/proc/{number}/environ").read()
    except OSError: continue
    assert "A_SECRET" not in environment
assert "A_SECRET" not in os.environ
assert os.listdir() == []"""
    verdict, other = attack(source, sandbox=True)
    assert verdict.passed, verdict
    assert other.passed


WORKS = {
    "a file of its own": "open('mine.txt', 'w').write('x')",
    "a temporary file": "import tempfile; tempfile.TemporaryFile().write(b'x')",
    "a process of its own": "subprocess.run(['true'], check=True)",
    "torch": "import torch; torch.zeros(2)",
    "a thread": "thread = threading.Thread(target=print); thread.start(); thread.join()",
}


@needs_sandbox
@pytest.mark.parametrize("what", WORKS)
def test_what_a_component_may_need_is_there(attack: Attack, what: str) -> None:
    verdict, other = attack(WORKS[what], sandbox=True)
    assert verdict.passed, verdict
    assert other.passed


DEATHS = {
    "while True: pass": ("timed out", "timed out after 2 s"),
    "os.abort()": ("died", "was killed by SIGABRT"),
    "os._exit(3)": ("died", "ended its own process with exit code 3, as os._exit does"),
    "np.ones(100 * 2**30, np.uint8)": ("out of memory", "ran out of memory"),
    "while os.fork() == 0 or True: pass": ("died", "started more than 100 processes"),
}


@needs_sandbox
@pytest.mark.parametrize("source", DEATHS)
def test_limits_and_ends_are_told_from_the_sandbox_as_well(attack: Attack, source: str) -> None:
    verdict, other = attack(source, seconds=2, sandbox=True)
    assert (verdict.status, verdict.detail) == DEATHS[source]
    assert other.passed


@needs_sandbox
def test_a_daemon_does_not_outlive_the_sandbox(attack: Attack) -> None:
    source = """\
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(1000)
    os._exit(0)"""
    assert attack(source, sandbox=True)[0].passed


@needs_sandbox
def test_what_lies_beside_the_file_can_be_read(learner: Learner) -> None:
    learner("def double(x): return 2 * x", "helper.py")
    file = learner("from helper import double\ndef square(x): return double(x) * x / 2")
    assert [
        verdict.passed for verdict in check_file(file, limits=Limits(sandbox=True)).verdicts
    ] == [True]


# Where there is none.


@linux_only
def test_without_bubblewrap_it_is_said_that_it_is_missing(
    learner: Learner, nothing_left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    message = "the sandbox needs bubblewrap, and no bwrap is installed"
    assert sandbox.available() == message
    with pytest.raises(SandboxError, match=message):
        start_child(Limits(sandbox=True), learner(""))


@linux_only
@pytest.mark.parametrize(
    "script, reason",
    [
        (
            "#!/bin/sh\necho first >&2\necho no permission to make namespaces >&2\nexit 1\n",
            "the sandbox cannot be made, {} says: no permission to make namespaces",
        ),
        ("#!/bin/sh\nexit 7\n", "the sandbox cannot be made, {} says: exit code 7"),
        ("no program", "the sandbox needs bubblewrap, and {} does not run: "),
    ],
)
def test_why_a_sandbox_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    said = sandbox.available()
    assert said is not None
    assert said.startswith(reason.format(program))


def test_the_sandbox_is_linuxs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux" in str(sandbox.available())
