"""The runner: a learner's process is kept to its limits, leaves nothing behind, forges nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from parity.checking.file import FileError, check_component, find
from parity.runner.isolated import ChildReport, Limits, run_child
from parity.verdict import Verdict

Check = Callable[..., Verdict]
Learner = Callable[..., Path]

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="processes of another kind")


def import_file(file: Path, **limits: Any) -> ChildReport:
    """What comes of importing a file and nothing else."""
    return run_child({"file": str(file), "component": None, "inputs": []}, (), Limits(**limits))


def wait_for(file: Path) -> str:
    """The content of a file that another process is about to write."""
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return file.read_text()


# What is left behind.


def test_the_working_directory_is_empty_and_gone_afterwards(
    learner: Learner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    notes = tmp_path / "notes.txt"
    file = learner(
        f"""
        import os
        from pathlib import Path

        Path({str(notes)!r}).write_text(os.getcwd() + "\\n" + repr(os.listdir()))
        Path("left.txt").write_text("left")
        Path("folder").mkdir()
        """
    )
    assert import_file(file).ending == "finished"
    folder, content = notes.read_text().splitlines()
    assert content == "[]"
    assert not Path(folder).exists()
    assert {entry.name for entry in tmp_path.iterdir()} == {"mine.py", "notes.txt"}


def test_nothing_is_compiled_beside_the_file(
    learner: Learner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    learner("x = 1\n", "helper.py")
    assert import_file(learner("import helper\n")).ending == "finished"
    assert {entry.name for entry in tmp_path.iterdir()} == {"mine.py", "helper.py"}


OUTLIVERS = {
    "a fork": "if os.fork() == 0: stay()",
    "a fork of a fork": "if os.fork() == 0:\n    if os.fork() == 0: stay()\n    os._exit(0)",
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    os.chdir('/')\n"
    "    if os.fork() == 0: stay()\n    os._exit(0)",
    "a program in a session and an environment of its own": "program = subprocess.Popen("
    "['sleep', '1000'], start_new_session=True, env={'PATH': os.environ['PATH']})\n"
    "note(program.pid)",
    "a thread": "threading.Thread(target=stay).start()",
    "something to do at the end": "note(os.getpid()); atexit.register(stay)",
}


@pytest.mark.parametrize(
    "what, end",
    [*((what, "") for what in OUTLIVERS), ("a daemon", "os._exit(0)"), ("a daemon", "stay()")],
)
def test_nothing_outlives_the_file(
    learner: Learner, tmp_path: Path, is_running: Callable[[int], bool], what: str, end: str
) -> None:
    """However the file itself ends."""
    notes = tmp_path / "pids"
    source = f"""\
import atexit, os, subprocess, threading, time

def note(pid):
    with open({str(notes)!r}, "a") as file:
        file.write(f"{{pid}}\\n")

def stay():
    note(os.getpid())
    time.sleep(1000)

{OUTLIVERS[what]}
while not (os.path.exists({str(notes)!r}) and os.path.getsize({str(notes)!r})): time.sleep(0.01)
{end}
"""
    report = import_file(learner(source), seconds=2 if end == "stay()" else 60)
    assert report.ending == {"": "finished", "stay()": "timed out"}.get(end, "died")
    pids = [int(line) for line in notes.read_text().split()]
    assert pids
    assert not [pid for pid in pids if is_running(pid)]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process with its parent")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGHUP])
def test_a_child_ends_with_its_parent(
    learner: Learner, tmp_path: Path, is_running: Callable[[int], bool], end: signal.Signals
) -> None:
    notes = tmp_path / "pid"
    file = learner(
        f"""
        import os, time

        with open({str(notes)!r}, "w") as file:
            file.write(f"{{os.getpid()}}\\n")
        time.sleep(1000)
        """
    )
    code = (
        "from pathlib import Path; from parity.checking.file import find; "
        f"find(Path({str(file)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        pid = int(wait_for(notes))
        assert is_running(pid)
        parent.send_signal(end)
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(pid)


# Limits.


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import signal, time\nfor s in range(1, 32):\n"
        "    if s not in (9, 19): signal.signal(s, signal.SIG_IGN)\nwhile True: time.sleep(1)",
        "import time\nwhile True:\n    try: time.sleep(1)\n    except BaseException: pass",
    ],
)
def test_time_is_limited_whatever_the_file_does(learner: Learner, source: str) -> None:
    report = import_file(learner(source), seconds=0.7)
    assert (report.ending, report.detail) == ("timed out", "after 0.7 s")


def test_memory_is_limited_by_the_parent_as_well(learner: Learner) -> None:
    """A process may lift its own limit where it has the right to."""
    file = learner(
        """
        import resource

        infinity = resource.RLIM_INFINITY
        for limit in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
            resource.setrlimit(limit, (infinity, infinity))
        kept = [b'x' * 2**20 for _ in range(10_000)]
        """
    )
    report = import_file(file, memory_mib=64, seconds=60)
    assert (report.ending, report.detail) == ("out of memory", "more than 64 MiB")


def test_memory_of_forks_counts_but_not_what_they_share(learner: Learner) -> None:
    source = """
    import os, time

    shared = b"x" * 50 * 2**20
    for _ in range(10):
        if os.fork() == 0:
            {own}
            time.sleep(1000)
    time.sleep(0.5)
    """
    within = import_file(learner(source.format(own="pass")), memory_mib=128)
    assert within.ending == "finished"
    over = import_file(learner(source.format(own="own = b'x' * 50 * 2**20")), memory_mib=128)
    assert over.ending == "out of memory"


def test_a_large_library_fits_into_little_memory(learner: Learner) -> None:
    """Code that is mapped and never touched is no memory."""
    assert import_file(learner("import torch\n"), memory_mib=256, seconds=60).ending == "finished"


def test_what_is_printed_is_kept_up_to_a_limit(learner: Learner) -> None:
    file = learner("import sys; print('out', 'y' * 9000); print('err', file=sys.stderr)")
    printed = import_file(file).printed
    assert "out" in printed
    assert "err" in printed
    report = import_file(file, output_bytes=5000)
    assert (report.ending, report.detail) == ("too much output", "more than 0.005 MB")


def test_a_cancelled_child_does_not_start(learner: Learner) -> None:
    cancelled = threading.Event()
    cancelled.set()
    request: dict[str, Any] = {"file": str(learner("")), "component": None, "inputs": []}
    assert run_child(request, cancelled=cancelled) == ChildReport(ending="cancelled")


def test_a_child_ends_when_it_is_cancelled(learner: Learner) -> None:
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    file = learner("while True: pass")
    request: dict[str, Any] = {"file": str(file), "component": None, "inputs": []}
    assert run_child(request, (), Limits(seconds=3600), cancelled).ending == "cancelled"


# The way of the answers.

RIGHT = "def square(x): return x * x\n"
WRONG = "def square(x): return x * x + 1\n"


@pytest.mark.parametrize(
    "first",
    [
        "import os; os.close(1); os.close(2)",
        "import os; os.close(0)",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "print('printed at import')",
        "import sys; sys.stdout.write('no newline')",
        "import os; os.write(1, b'\\0garbage'); os.write(2, b'\\xffgarbage')",
        "import sys; sys.stdin.read()",
        "import os; os.chdir('/')",
        "import gc, sys; gc.disable(); sys.setrecursionlimit(10**6)",
        "import warnings; warnings.simplefilter('error')",
        "import numpy as np; np.seterr(all='raise')",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    ],
)
def test_what_is_right_passes_although_the_file_does_odd_things(check: Check, first: str) -> None:
    verdict = check(f"{first}\n{RIGHT}", "square")
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    "first, words",
    [
        ("os.closerange(3, 64)", "closed or broke the way for its answers"),
        ("for fd in range(3, 21): write(fd, b'garbage')", "gave garbled answers"),
        ("for fd in range(3, 21): write(fd, b'garbage' * 5)", "gave garbled answers"),
        ("for fd in range(3, 21): write(fd, b'garbage' * 5)\nos._exit(0)", "gave garbled answers"),
        (
            "for fd in range(3, 21): write(fd, b'garbage' * 5)\nwhile 1: pass",
            "gave garbled answers",
        ),
        ("for fd in range(3, 21): write(fd, b'garbage' * 5)\nos.abort()", "was killed by SIGABRT"),
        ("say({'event': 'done'}); os._exit(0)", "did not answer in every case"),
        ("say([]); os._exit(0)", "gave garbled answers"),
        ("say({'event': 'case'}); os._exit(0)", "gave garbled answers"),
        ("say({'event': 'case', 'case': 'a'}); os._exit(0)", "gave garbled answers"),
        ("say({'event': 'case', 'case': 99}); os._exit(0)", "gave garbled answers"),
        ("say(case(0, tensors=[])); os._exit(0)", "gave garbled answers"),
        ("say(case(0, tensors=[['output']])); os._exit(0)", "gave garbled answers"),
        ("say(case(0, inputs=['y'])); os._exit(0)", "gave garbled answers"),
        (
            "say({'event': 'raised', 'case': 0, 'frames': [{}]}); os._exit(0)",
            "gave garbled answers",
        ),
        ("say({'event': 'raised', 'case': 0, 'frames': 7}); os._exit(0)", "gave garbled answers"),
        ("while 1: say({'event': 'x'})", "gave garbled answers"),
        ("while 1: say({'event': 'x' * 2 * 10**6})", "gave garbled answers"),
        ("say({}, [{'dtype': 'O', 'shape': [1]}])", "gave garbled answers"),
        ("say({}, [{'dtype': 'f8', 'shape': [10**15]}])", "gave garbled answers"),
    ],
)
def test_forged_answers_do_not_pass_and_stop_nothing(
    learner: Learner, first: str, words: str
) -> None:
    """Whoever forges the right numbers has the right numbers; nothing else passes."""
    file = learner(
        dedent(
            """\
            import json, os, struct

            def write(fd, data):
                try:
                    os.write(fd, data)
                except OSError:
                    pass

            def say(header, arrays=()):
                data = json.dumps({"header": header, "arrays": list(arrays)}).encode()
                for fd in range(3, 21):
                    write(fd, struct.pack(">Q", len(data)) + data)

            def case(number, **changes):
                empty = {"event": "case", "case": number, "tensors": [], "params": [], "inputs": []}
                return {**empty, **changes}

            """
        )
        + f"{first}\n{WRONG}"
    )
    verdict = check_component(file, "square", "function", Limits(seconds=30))
    assert (verdict.status, verdict.detail) == ("died", words)


@pytest.mark.parametrize(
    "found",
    ["None", "[1]", "{'square': 'function', 'sqare': 'function'}", "{1: 2}", "{'event': []}"],
)
def test_a_forged_list_of_components_is_refused(learner: Learner, found: str) -> None:
    file = learner(
        f"""
        import json, os, struct

        def say(header):
            data = json.dumps({{"header": header, "arrays": []}}).encode()
            for fd in range(3, 21):
                try:
                    os.write(fd, struct.pack(">Q", len(data)) + data)
                except OSError:
                    pass

        say({{"event": "loaded", "found": {found}, "names": []}})
        say({{"event": "done"}})
        os._exit(0)
        """
    )
    with pytest.raises(FileError, match="cannot be imported: it gave garbled answers"):
        find(file)
