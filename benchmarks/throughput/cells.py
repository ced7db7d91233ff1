"""One measurement of a model, and what is said where there is none."""

from __future__ import annotations

import gc
import math
import time
from dataclasses import dataclass

import torch
from torch._dynamo.utils import counters

from benchmarks.throughput.clock import Clock
from benchmarks.throughput.workloads import Workload, training_step

#: The longest reason of a failure that is quoted.
LONGEST = 300


@dataclass(frozen=True)
class Way:
    """How a step is made: its type of number, and whether it is compiled."""

    bf16: bool
    compiled: bool

    def __str__(self) -> str:
        return f"{'bf16' if self.bf16 else 'float32'}{', compiled' if self.compiled else ''}"


WAYS = (Way(False, False), Way(False, True), Way(True, False), Way(True, True))


@dataclass(frozen=True)
class Cell:
    """What came of a measurement.

    Attributes:
        seconds: a step, NaN where there is no such number.
        first: seconds of the first step, which compiles.
        failure: two words at most, where it failed.
        note: one line on what is to be known about it, mostly the reason of a failure.
    """

    seconds: float = math.nan
    first: float = math.nan
    failure: str = ""
    note: str = ""


def units_per_second(workload: Workload, rows: int, seconds: float) -> float:
    """Images, or whatever the model is given, a second."""
    return rows * workload.units / seconds


def share_of(flops: int, seconds: float, rate: float) -> float:
    """The share of a rate of products that a step of so many operations reaches."""
    return flops / seconds / rate


def measure(
    workload: Workload, rows: int, way: Way, clock: Clock, least: float, mode: str | None = None
) -> Cell:
    """Time the steps of a model; whatever goes wrong is told in the result.

    Args:
        workload: the model.
        rows: of a batch.
        way: of making a step.
        clock: of the device.
        least: seconds that the measurement should take.
        mode: of ``torch.compile``.
    """
    _forget(clock)
    first = math.nan
    try:
        step = training_step(
            workload, rows, clock.device, bf16=way.bf16, compiled=way.compiled, mode=mode
        )
        clock.finish()
        started = time.perf_counter()
        step()
        clock.finish()
        first = time.perf_counter() - started
        pieces = counters["stats"]["unique_graphs"]
        if way.compiled and not pieces:
            return Cell(failure="not compiled", note="torch.compile left all of it to Python")
        note = f"compiled in {pieces} pieces" if way.compiled and pieces > 1 else ""
        return Cell(clock.median(step, least), first, note=note)
    except Exception as error:  # a cell of the table, not the end of it
        return Cell(failure=_failure(error, way, math.isnan(first)), note=_reason(error))


def _failure(error: Exception, way: Way, before_first_step: bool) -> str:
    """In the words that stand in the table."""
    said = str(error).lower()
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in said for words in ("out of memory", "can't allocate memory", "not enough memory")
    ):
        return "no memory"
    return "not compiled" if way.compiled and before_first_step else "failed"


def _reason(error: Exception) -> str:
    """The kind of error and its first line."""
    lines = (line.strip() for line in str(error).splitlines())
    line = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {line}"[:LONGEST].rstrip(": ")


def _forget(clock: Clock) -> None:
    """Give back what the last model took, and what was compiled for it."""
    gc.collect()
    torch.compiler.reset()
    counters.clear()
    if clock.device.type == "cuda":
        torch.cuda.empty_cache()
