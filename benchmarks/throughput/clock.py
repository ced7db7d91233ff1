"""Time on a GPU or a CPU, and what the machine itself can do: products, copies, launches."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


class Clock:
    """Measures functions on a device.

    On a GPU by its own events, with nothing left in its queue before the first and after the last.

    Args:
        device: a CUDA device or the CPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def finish(self) -> None:
        """Wait until the device has done all that it was asked for."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, function: Callable[[], object], calls: int = 1) -> float:
        """Seconds a call, over so many calls in a row."""
        self.finish()
        if self.device.type != "cuda":
            started = time.perf_counter()
            for _ in range(calls):
                function()
            return (time.perf_counter() - started) / calls
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(calls):
            function()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000 / calls

    def median(self, function: Callable[[], object], least: float, rounds: int = 5) -> float:
        """Seconds a call: the median over rounds, after calls that do not count.

        Args:
            function: what is measured.
            least: seconds that all rounds together should take.
            rounds: of them.
        """
        self.seconds(function, 3)
        once = max(self.seconds(function, 3), 1e-7)
        calls = math.ceil(least / rounds / once)
        return statistics.median(self.seconds(function, calls) for _ in range(rounds))


@dataclass(frozen=True)
class Rates:
    """What the machine can do.

    Attributes:
        float32: floating-point operations a second in a large matrix product of float32.
        bf16: the same of bfloat16.
        copy: bytes a second, those read and those written together.
        launch: seconds that an operator takes that has nothing to do.
    """

    float32: float
    bf16: float
    copy: float
    launch: float

    def products(self, bf16: bool) -> float:
        """The rate of products in one of the two types."""
        return self.bf16 if bf16 else self.float32


def product_rate(size: int, seconds: float) -> float:
    """Operations a second where two square matrices take so long to be multiplied."""
    return 2 * size**3 / seconds


def copy_rate(number: int, seconds: float) -> float:
    """Bytes a second where a copy of so many bytes takes so long: each is read and written."""
    return 2 * number / seconds


def measure_rates(clock: Clock, size: int, number: int, least: float) -> Rates:
    """Measure all of them; one that the device has no memory or no kernel for is NaN.

    Args:
        clock: of the device.
        size: rows and columns of the matrices.
        number: bytes that are copied.
        least: seconds that each measurement should take.
    """

    def products(dtype: torch.dtype) -> float:
        a, b = (torch.randn(size, size, device=clock.device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        return product_rate(size, clock.median(lambda: torch.mm(a, b, out=out), least))

    def copies() -> float:
        source = torch.zeros(number, dtype=torch.uint8, device=clock.device)
        target = torch.empty_like(source)
        return copy_rate(number, clock.median(lambda: target.copy_(source), least))

    float32, bf16 = _or_nan(products, torch.float32), _or_nan(products, torch.bfloat16)
    copy = _or_nan(copies)
    one = torch.zeros(1, device=clock.device)
    return Rates(float32, bf16, copy, clock.median(lambda: one.add_(1), least))


def _or_nan(measure: Callable[..., float], *arguments: torch.dtype) -> float:
    try:
        return measure(*arguments)
    except RuntimeError:  # which running out of memory is, too
        return math.nan
