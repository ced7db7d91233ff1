"""What the benchmarks share: threads, turns, medians, and a line on the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
from numpy import ndarray

#: What NumPy's BLAS and PyTorch read when they are first imported.
THREAD_VARIABLES = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

#: In seconds: for so long the threads of a BLAS may keep a core busy after their last product.
IDLE = 0.1


def describe_machine() -> str:
    """Date, versions, cores, and how busy they are: one line, to stand above the numbers."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch"))
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, "
        f"{os.cpu_count()} cores{busy}, Python {platform.python_version()}, {packages}"
    )


def run_module(module: str, *arguments: str, threads: int | None = None) -> str:
    """What ``python -m module`` prints, in a process of its own.

    Args:
        module: its full name.
        arguments: on its command line.
        threads: for NumPy and for PyTorch; as many as they like where it is not given.

    Raises:
        subprocess.CalledProcessError: it failed; what it has to say stands on stderr.
    """
    limits = {} if threads is None else dict.fromkeys(THREAD_VARIABLES, str(threads))
    command = [sys.executable, "-m", module, *arguments]
    result = subprocess.run(
        command, env={**os.environ, **limits}, stdout=subprocess.PIPE, text=True, check=True
    )
    return result.stdout


def take_turns(
    sides: Mapping[str, Callable[[], object]], rounds: int, calls: int, warm_up: int
) -> dict[str, ndarray]:
    """Time functions in turn, so that a busy moment of the machine does not hit only one of them.

    Args:
        sides: functions by name.
        rounds: turns of each; the first goes first in one round and last in the next.
        calls: in a turn.
        warm_up: calls before those, which do not count.

    Returns:
        Seconds a call: the median of each turn, shape ``(rounds,)``.
    """
    medians: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            time.sleep(IDLE)
            for _ in range(warm_up):
                sides[name]()
            medians[name].append(float(np.median(list(_seconds(sides[name], calls)))))
    return {name: np.array(values) for name, values in medians.items()}


def _seconds(function: Callable[[], object], calls: int) -> Iterator[float]:
    for _ in range(calls):
        start = time.perf_counter()
        function()
        yield time.perf_counter() - start


def in_threads(threads: int) -> str:
    """The number in words."""
    return f"{threads} {'thread' if threads == 1 else 'threads'}"


def spread(values: ndarray, digits: int = 2) -> str:
    """The median, and in brackets the lowest and the highest value."""
    low, middle, high = np.min(values), np.median(values), np.max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
