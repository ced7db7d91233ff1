"""Processes: a child that is started ahead, what it leaves behind, and what is left when one of
those that watch it is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from parity.runner import isolated
from parity.runner.frames import write_message
from parity.runner.isolated import ChildReport, Limits, ask, start_child
from parity.verdict import Verdict

Attack = Callable[..., tuple[Verdict, Verdict]]
Learner = Callable[..., Path]

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="processes of another kind")

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere some of these get away")


def request_for(file: Path) -> dict[str, Any]:
    return {"file": str(file), "component": None, "inputs": []}


def wait_for(notes: Path, lines: int = 1) -> list[int]:
    """The processes that are noted, once there are so many."""
    deadline = time.monotonic() + 60
    while not (notes.exists() and notes.read_text().count("\n") >= lines):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [int(line) for line in notes.read_text().split()]


# What a component leaves behind.

EXEC = "os.execve('/bin/sleep', ['sleep', '1000'], {})"
ESCAPES = {
    "a fork": "if os.fork() == 0: stay()",
    "a program without a session, directory or environment of the child's": "note("
    "subprocess.Popen(['sleep', '1000'], start_new_session=True, cwd='/', env={}).pid)",
    "a daemon without anything of the child's": f"""\
if os.fork() == 0:
    os.setsid(); os.chdir('/')
    if os.fork() == 0:
        os.closerange(0, 64); note(os.getpid()); {EXEC}
    os._exit(0)""",
    "a daemon that takes in its own": """\
if os.fork() == 0:
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    if os.fork() == 0:
        if os.fork() == 0: stay()
        os._exit(0)
    stay()""",
    "a process that runs from its end": """\
if os.fork() == 0:
    note(os.getpid())
    for _ in range(3000):
        if os.fork(): os._exit(0)
        os.setsid()
    stay()""",
    "a process that stands still": """\
if os.fork() == 0:
    note(os.getpid()); os.setsid(); os.kill(os.getpid(), signal.SIGSTOP)""",
    "a worker of multiprocessing": """\
worker = multiprocessing.get_context('spawn').Process(target=stay, daemon=False)
worker.start(); note(worker.pid)""",
}


@linux_only
@pytest.mark.parametrize("end", ["", "os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
@pytest.mark.parametrize("what", ESCAPES)
def test_nothing_that_a_component_starts_outlives_it(
    attack: Attack, notes: Path, what: str, end: str
) -> None:
    source = f"{ESCAPES[what]}\nwait_for_a_note()\n{end}"
    verdict, other = attack(source)
    assert verdict.status == ("died" if end else "passed"), verdict
    assert other.passed
    assert notes.read_text()


@linux_only
def test_a_daemon_that_is_started_as_the_time_runs_out_stays_no_longer(
    attack: Attack, notes: Path
) -> None:
    source = f"""\
while True:
    if os.fork() == 0:
        os.setsid(); os.chdir('/')
        if os.fork() == 0:
            note(os.getpid()); {EXEC}
        os._exit(0)
    os.wait(); time.sleep(0.05)"""
    verdict, other = attack(source, seconds=1)
    assert verdict.status == "timed out"
    assert other.passed
    assert notes.read_text()


# What is left when another process is gone.

STAY = """
import os, time

with open({notes!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
if os.fork() == 0:
    os.setsid()
    os.chdir("/")
    with open({notes!r}, "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    os.execve("/bin/sleep", ["sleep", "1000"], {{}})
time.sleep(1000)
"""


@linux_only
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_check_that_is_ended_leaves_nothing(
    learner: Learner, notes: Path, nothing_left: Path, number: str
) -> None:
    """Its directory is a part of that, too."""
    file = learner(STAY.format(notes=str(notes)))
    with subprocess.Popen(
        [sys.executable, "-m", "parity", "check", str(file)],
        env={**os.environ, "TMPDIR": str(nothing_left)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as check:
        wait_for(notes, lines=2)
        check.send_signal(signal.Signals[number])
    deadline = time.monotonic() + 5
    while list(nothing_left.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)


@linux_only
def test_a_process_that_watches_may_be_ended(
    learner: Learner, notes: Path, nothing_left: Path
) -> None:
    """By the file itself, where Linux does not keep it from that. Then the parent ends what it has
    seen until then, and it looks many times a second.
    """
    child = start_child()

    def end_it() -> None:
        noted = set(wait_for(notes, lines=2))
        deadline = time.monotonic() + 60
        while not noted <= {each.pid for each in child.seen}:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(child.process.pid, signal.SIGKILL)

    killer = threading.Thread(target=end_it)
    killer.start()
    report = ask(child, request_for(learner(STAY.format(notes=str(notes)))))
    killer.join()
    assert (report.ending, report.detail) == ("died", "ended the process that watches over it")


@linux_only
def test_what_was_seen_stays_known_when_nothing_connects_it_any_more(
    learner: Learner, notes: Path, nothing_left: Path
) -> None:
    child = start_child()
    request = {**request_for(learner(STAY.format(notes=str(notes)))), "memory": 2**30}
    stdin = cast(BinaryIO, child.process.stdin)
    write_message(stdin, {**request, "file_size": 2**20, "catalogue": {}})
    wait_for(notes, lines=2)
    child.look()
    os.kill(child.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)
    child.look()
    child.end()


@pytest.fixture
def without_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is where Linux's means are missing."""
    monkeypatch.setattr(isolated, "_make_leash", lambda: (None, None))


@pytest.mark.parametrize(
    "source, ending, detail",
    [
        ("def square(x): return x * x", "finished", ""),
        ("while True: pass", "timed out", "after 1.5 s"),
        (
            "import os; os._exit(3)",
            "died",
            "ended its own process with exit code 3, as os._exit does",
        ),
        ("import os; os.abort()", "died", "was killed by SIGABRT"),
        ("import os; os.closerange(3, 64)", "died", "closed or broke the way for its answers"),
        (
            "import os\nfor _ in range(8): os.fork()\nwhile True: pass",
            "died",
            "started more than 100 processes",
        ),
    ],
)
def test_limits_hold_without_a_supervisor(
    learner: Learner, nothing_left: Path, without_supervisor: None, source: str, ending: str,
    detail: str,
) -> None:  # fmt: skip
    report = isolated.run_child(request_for(learner(source)), (), Limits(seconds=1.5))
    assert (report.ending, report.detail) == (ending, detail)


@pytest.mark.parametrize("what", ["a fork", "a daemon in the child's directory"])
def test_what_keeps_its_directory_is_found_without_a_supervisor(
    learner: Learner, notes: Path, nothing_left: Path, without_supervisor: None, what: str
) -> None:
    again = "os.setsid(); os.fork() and os._exit(0); os.environ.clear()" if "daemon" in what else ""
    file = learner(
        f"""
        import os, time

        if os.fork() == 0:
            {again}
            with open({str(notes)!r}, "w") as file:
                file.write(f"{{os.getpid()}}\\n")
            time.sleep(1000)
        while not (os.path.exists({str(notes)!r}) and os.path.getsize({str(notes)!r})):
            time.sleep(0.01)
        """
    )
    assert isolated.run_child(request_for(file)).ending == "finished"
    assert notes.read_text()


# Started ahead.


def test_the_time_of_a_child_counts_from_its_request(learner: Learner, nothing_left: Path) -> None:
    child = start_child()
    time.sleep(1.2)
    report = ask(child, request_for(learner("def square(x): return x")), limits=Limits(seconds=1))
    assert report.ending == "finished"
    assert [header["event"] for header, _ in report.messages] == ["loaded", "done"]


def test_a_child_that_is_never_asked_can_be_ended(nothing_left: Path) -> None:
    start_child().end()
    late = start_child()
    time.sleep(0.3)
    late.end()


def test_a_child_answers_once(learner: Learner, nothing_left: Path) -> None:
    request, child = request_for(learner("")), start_child()
    assert ask(child, request).ending == "finished"
    with pytest.raises(ValueError, match="a child answers one request"):
        ask(child, request)


def test_a_child_that_ended_while_it_waited_is_told_as_such(
    learner: Learner, nothing_left: Path
) -> None:
    child = start_child()
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    assert ask(child, request_for(learner(""))).ending == "died"


def test_children_side_by_side_have_nothing_to_do_with_each_other(
    learner: Learner, nothing_left: Path
) -> None:
    """One waits, and gets neither the end nor the bytes of the others."""
    files = [learner(source, f"mine{i}.py") for i, source in enumerate(["", "1 / 0", "import os"])]
    first, second, third = children = [start_child() for _ in files]
    second_report = ask(second, request_for(files[1]))
    reports: list[ChildReport] = [ask(child, request_for(files[0])) for child in (third, first)]
    assert [header["event"] for header, _ in second_report.messages] == ["raised"]
    assert [report.ending for report in reports] == ["finished"] * 2
    assert len({child.folder for child in children}) == 3
