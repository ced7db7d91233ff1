"""A component that attacks what checks it: it gets a verdict of its own, and no other is touched.

Each attack stands in ``leaky_relu`` and is over in every case, or never. The way of the answers has
more tests in ``test_runner``, what lives on in ``test_processes``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from textwrap import dedent

import pytest

from parity.verdict import Verdict

Attack = Callable[..., tuple[Verdict, Verdict]]

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="processes of another kind")

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="this is Linux's own")


def outcome(verdict: Verdict) -> str:
    """A verdict's status, and what is said about it first."""
    said = verdict.detail or next((error.type for error in verdict.errors), "")
    return f"{verdict.status}: {said}" if said else verdict.status


# What takes too much.

TAKES_TIME = {
    "a loop in C": "10 ** 10 ** 8",
    "all signals ignored": """
        for number in signal.valid_signals():
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True: pass
        """,
    "an exception's words that never end": """
        class Endless(Exception):
            def __str__(self):
                while True: pass

        raise Endless
        """,
    "half a message": "to_all(struct.pack('>Q', 1000) + b'x'); time.sleep(1000)",
    "no end with the parent": "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0); stay()",
    "a destructor that never ends": """
        class Endless:
            def __del__(self):
                while True: pass

        Endless()
        """,
    "a check of itself": """
        subprocess.run([sys.executable, "-m", "parity", "check", __file__], capture_output=True)
        """,
}


@pytest.mark.parametrize("what", TAKES_TIME)
def test_time_is_limited(attack: Attack, what: str) -> None:
    verdict, other = attack(dedent(TAKES_TIME[what]), seconds=1.5)
    assert outcome(verdict) == "timed out: timed out after 1.5 s"
    assert other.passed


TAKES_MUCH = {
    "an array": ("np.ones(100 * 2**30, np.uint8)", "out of memory: ran out of memory"),
    "100 GB of bytes": ("bytearray(100 * 10**9)", "out of memory: ran out of memory"),
    "a recursion": ("def again(): again()\nagain()", "raised: RecursionError"),
    "a recursion of repr": (
        "kept = []\nfor _ in range(10**6): kept = [kept]\nrepr(kept)",
        "raised: RecursionError",
    ),
    "output": ("while True: print('x' * 1000)", "too much output: printed more than 1 MB"),
    "output past sys.stdout": (
        "while True: os.write(1, b'x' * 1000)",
        "too much output: printed more than 1 MB",
    ),
    "a file": ("with open('x', 'wb') as file: file.truncate(2**40)", "raised: OSError"),
    "a file bit by bit": (
        "with open('x', 'wb') as file:\n    while True: file.write(b'x' * 2**20)",
        "raised: OSError",
    ),
    "open files": ("kept = []\nwhile True: kept.append(open('/dev/null'))", "raised: OSError"),
    "an exception's words": ("raise ValueError('x' * 10**8)", "raised: ValueError"),
    "messages": ("while True: say({'event': 'x'})", "died: gave garbled answers"),
    "forks": (
        "for _ in range(200):\n    if os.fork() == 0: stay()\ntime.sleep(1000)",
        "died: started more than 100 processes",
    ),
    "forks of forks": (
        "for _ in range(9): os.fork()\ntime.sleep(1000)",
        "died: started more than 100 processes",
    ),
    "threads": (
        "for _ in range(5000): threading.Thread(target=time.sleep, args=(1000,)).start()",
        "raised: RuntimeError",
    ),
}


@pytest.mark.parametrize("what", TAKES_MUCH)
def test_what_a_component_takes_is_limited(attack: Attack, what: str) -> None:
    source, expected = TAKES_MUCH[what]
    verdict, other = attack(source, seconds=30, memory_mib=1024, file_mib=16)
    assert outcome(verdict) == expected
    assert other.passed


@linux_only
def test_limits_that_are_set_to_nothing_hurt_the_component_alone(attack: Attack) -> None:
    """It may be through before the first of them is felt."""
    verdict, other = attack(
        "import resource\n"
        "for kind in range(16):\n"
        "    try: resource.setrlimit(kind, (0, 0))\n"
        "    except (OSError, ValueError): pass"
    )
    assert verdict.status in ("passed", "raised", "died", "out of memory")
    assert other.passed


# What breaks the process.

BREAKS = {
    "a null pointer": ("ctypes.string_at(0)", "was killed by SIGSEGV"),
    "a null pointer with a handler": (
        "import faulthandler; faulthandler.enable(); ctypes.string_at(0)",
        "was killed by SIGSEGV",
    ),
    "a recursion in C": (
        "sys.setrecursionlimit(10**9)\njson.loads('[' * 10**7)",
        "was killed by SIGSEGV",
    ),
    "abort": ("os.abort()", "was killed by SIGABRT"),
    "its session ended": ("os.killpg(0, signal.SIGKILL)", "was killed by SIGKILL"),
    "all files closed": ("os.closerange(0, 64)", "closed or broke the way for its answers"),
    "bytes to all files": ("to_all(b'garbage' * 9)", "gave garbled answers"),
    "a forged end": ("say({'event': 'done'}); os._exit(0)", "did not answer in every case"),
    "a trace that exits": (
        "sys.settrace(lambda *args: os._exit(4))\n(lambda: 0)()",
        "ended its own process with exit code 4, as os._exit does",
    ),
    "a callback of the garbage collector": (
        "gc.callbacks.append(lambda *args: os._exit(4)); gc.collect()",
        "ended its own process with exit code 4, as os._exit does",
    ),
    "an import hook": (
        "class Hook:\n    def find_spec(*args): os._exit(4)\n"
        "sys.meta_path.insert(0, Hook)\nimport parity.not_there",
        "ended its own process with exit code 4, as os._exit does",
    ),
    "an array that exits": (
        "class Array(np.ndarray):\n    def __array_finalize__(self, other): os._exit(4)\n"
        "x.view(Array)",
        "ended its own process with exit code 4, as os._exit does",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_process_is_one_components_own(attack: Attack, what: str) -> None:
    source, expected = BREAKS[what]
    verdict, other = attack(source)
    assert outcome(verdict) == f"died: {expected}"
    assert other.passed


RAISES = {
    "causes in a circle": (
        "a, b = ValueError(), KeyError()\na.__cause__ = a.__context__ = b\n"
        "b.__cause__ = b.__context__ = a\nraise a",
        "ValueError",
    ),
    "a name without end": ("raise type('X' * 10**7, (Exception,), {})", "X" * 200),
    "a class whose class lies": (
        "class Meta(type):\n    def __getattribute__(cls, name): os._exit(4)\n"
        "class Error(Exception, metaclass=Meta): pass\nraise Error",
        "Error",
    ),
    "words that are no string": (
        "class Error(Exception):\n    def __str__(self): return 7\nraise Error",
        "Error",
    ),
    "words that say they are long": (
        "class Words(str):\n    def __getitem__(self, key): return self * 1000\n"
        "class Error(Exception):\n    def __str__(self): return Words('x' * 10**5)\nraise Error",
        "Error",
    ),
    "the way out": ("sys.exit(0)", "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a generator's end": ("raise GeneratorExit", "GeneratorExit"),
    "a profile that raises": (
        "def profile(*args): raise SystemExit\nsys.setprofile(profile)\nlen('')",
        "SystemExit",
    ),
    "no directory to work in": (
        "import shutil; shutil.rmtree(os.getcwd()); os.getcwd()",
        "FileNotFoundError",
    ),
}


@pytest.mark.parametrize("what", RAISES)
def test_whatever_is_raised_is_told(attack: Attack, what: str) -> None:
    source, expected = RAISES[what]
    verdict, other = attack(source)
    assert outcome(verdict) == f"raised: {expected}"
    assert all(len(error.message) <= 2000 for error in verdict.errors)
    assert other.passed


# What lies.

WRONG = "x + 1"
LIES = {
    "what is equal to all": """
        class Result:
            def __eq__(self, other): return True
            def __getattr__(self, name): return lambda *args: self

        return Result()
        """,
    "an array that is equal to all": """
        class Result(np.ndarray):
            def __eq__(self, other): return True
            def __sub__(self, other): return np.zeros_like(other)

        return (x + 1).view(Result)
        """,
    "an array that never comes": """
        class Endless:
            def __array__(self, *args, **kwargs):
                while True: pass

        return Endless()
        """,
    "an array that is another one each time": """
        class Result:
            shape, dtype, ndim = x.shape, x.dtype, x.ndim
            calls = 0
            def __array__(self, *args, **kwargs):
                Result.calls += 1
                return np.maximum(0.2 * x, x) + (Result.calls == 1)

        return Result()
        """,
    "words without end": """
        class Result:
            def __repr__(self):
                while True: pass
            __str__ = __repr__

        return Result()
        """,
    "a number that is equal to all": """
        class Result(float):
            def __eq__(self, other): return True
            def __sub__(self, other): return 0.0

        return Result(3)
        """,
    "what says it is an array": """
        class Result:
            __class__ = np.ndarray

        return Result()
        """,
    "what says it is true": """
        class Result:
            __class__ = bool
            def __bool__(self): return True

        return Result()
        """,
    "NumPy's comparisons": "np.allclose = np.array_equal = lambda *args, **kwargs: True",
    "NumPy's conversions": "np.asarray = lambda *args, **kwargs: np.zeros(3)",
    "the builtins": """
        builtins.isinstance = lambda *args: True
        builtins.len = lambda *args: 0
        builtins.all = lambda *args: True
        """,
    "no modules": "sys.modules.clear()",
    "modules of parity that are others": """
        for name in list(sys.modules):
            if name.startswith("parity"):
                sys.modules[name] = types.ModuleType(name)
        """,
    "answers that are not written": """
        import parity.runner.child as child

        child.write_message = lambda *args: None
        """,
    "answers that are empty": """
        import parity.runner.child as child

        child._encode = lambda values: ([], [])
        """,
    "another component's name": """
        say({"event": "loaded", "found": {"square": "class"}, "names": [], "places": {}})
        """,
    "the end, ahead of time": "say({'event': 'done'})",
    "the inputs": "x += 1",
    "the other component": "globals()['square'] = leaky_relu",
    "the catalogue": """
        import parity.catalogue

        parity.catalogue._by_name = parity.catalogue.components = lambda: {}
        """,
}


@pytest.mark.parametrize("what", LIES)
def test_a_lie_does_not_make_right_what_is_wrong(attack: Attack, what: str) -> None:
    verdict, other = attack(dedent(LIES[what]), result=WRONG)
    assert verdict.status in ("differs", "raised", "died"), verdict
    assert other.passed


HARMLESS = {
    "another directory": "os.chdir('/')",
    "no environment": "os.environ.clear()",
    "something to do at the end": "atexit.register(time.sleep, 1000)",
    "a thread that never ends": "threading.Thread(target=time.sleep, args=(1000,)).start()",
    "a destructor that raises": "class D:\n    def __del__(self): raise SystemExit\nD()",
    "itself as a module": "import mine",
    "an alarm": "signal.setitimer(signal.ITIMER_REAL, 1000)",
    "a new mask for files": "os.umask(0o777)",
    "signals to all that it may reach": "os.kill(-1, signal.SIGWINCH)",
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_looks_dangerous_is_no_reason_to_fail(attack: Attack, what: str) -> None:
    verdict, other = attack(HARMLESS[what])
    assert verdict.passed, verdict
    assert other.passed
