"""The tables of ``benchmarks/gpu.py``: rates, throughput, shares, steps, compilation, accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.throughput.accuracy import Reached
from benchmarks.throughput.cells import Cell, Way, share_of, units_per_second
from benchmarks.throughput.clock import Rates
from benchmarks.throughput.recipes import Recipe
from benchmarks.throughput.tables import NOTHING, Table, percent, short
from benchmarks.throughput.workloads import Workload


@dataclass(frozen=True)
class Row:
    """A model with a batch.

    Attributes:
        workload: the model.
        rows: of the batch.
        flops: operations of a step's products.
        operators: that an eager step in float32 asks for; none where that failed.
        cells: what was measured, by way.
    """

    workload: Workload
    rows: int
    flops: int
    operators: int | None
    cells: dict[Way, Cell]


def rates_table(rates: Rates) -> Table:
    """What the machine does without a model."""
    rows = [
        ("product of float32 matrices, TFLOP/s", short(rates.float32 / 1e12)),
        ("product of bfloat16 matrices, TFLOP/s", short(rates.bf16 / 1e12)),
        ("copy within the device, GB/s read and written", short(rates.copy / 1e9)),
        ("an operator with nothing to do, µs", short(rates.launch * 1e6)),
    ]
    return Table("The machine itself", ("", "measured"), rows)


def throughput_table(rows: Sequence[Row]) -> Table:
    """Thousands of what the models read, a second."""
    return _by_way(
        "Training: thousands of houses, images or characters a second",
        rows,
        lambda row, way, seconds: short(units_per_second(row.workload, row.rows, seconds) / 1000),
    )


def shares_table(rows: Sequence[Row], rates: Rates) -> Table:
    """What each step reaches of the rate of products in its type of number."""
    return _by_way(
        "Share of the rate of matrix products, float32 of float32's, bf16 of bf16's",
        rows,
        lambda row, way, seconds: percent(share_of(row.flops, seconds, rates.products(way.bf16))),
    )


def steps_table(rows: Sequence[Row]) -> Table:
    """Time of a step."""
    return _by_way("Milliseconds a step", rows, lambda row, way, seconds: short(1000 * seconds))


def work_table(rows: Sequence[Row], rates: Rates) -> Table:
    """What there is to do in a step, and the least that it takes to ask for it."""
    lines = [
        (
            row.workload.name,
            str(row.rows),
            short(row.flops / 1e6),
            NOTHING if row.operators is None else str(row.operators),
            short(launch_floor(row.operators, rates.launch) * 1000),
        )
        for row in rows
    ]
    return Table(
        "What is in a step; floor: so many operators, had they nothing to do, in ms",
        ("", "batch", "MFLOP", "operators", "floor"),
        lines,
    )


def launch_floor(operators: int | None, launch: float) -> float:
    """Seconds that an eager step takes at least, NaN where its operators are not known."""
    return math.nan if operators is None else launch * operators


def compilation_table(rows: Sequence[Row]) -> Table:
    """Seconds of the first compiled step."""
    ways = [way for way in rows[0].cells if way.compiled]
    lines = [
        (row.workload.name, str(row.rows), *(short(row.cells[way].first) for way in ways))
        for row in rows
    ]
    return Table(
        "Seconds of the first step, in which it is compiled", ("", "batch", *map(str, ways)), lines
    )


def accuracy_table(results: Sequence[tuple[Recipe, Way, Reached]]) -> Table:
    """Seconds to an accuracy on the test images."""
    lines = [
        (
            f"{recipe.name}, {way}",
            percent(reached.goal),
            "reached" if reached.reached else "not reached",
            f"{100 * reached.accuracy:.2f} %",
            f"{reached.steps:,}",
            short(reached.training),
            short(reached.looking),
        )
        for recipe, way, reached in results
    ]
    header = ("recipe", "goal", "", "accuracy", "steps", "training, s", "looks, s")
    return Table("From the first step to an accuracy on the test images", header, lines)


def notes(rows: Sequence[Row]) -> list[str]:
    """What is to be known about cells, a sentence each."""
    return [
        f"{row.workload.name}, {row.rows} rows, {way}: {cell.note}."
        for row in rows
        for way, cell in row.cells.items()
        if cell.note
    ]


def _by_way(title: str, rows: Sequence[Row], show: Callable[[Row, Way, float], str]) -> Table:
    """A column for each way; a failure stands in the place of its number."""
    lines = [
        (
            row.workload.name,
            str(row.rows),
            *(cell.failure or show(row, way, cell.seconds) for way, cell in row.cells.items()),
        )
        for row in rows
    ]
    columns = ("compiled" if way.compiled else str(way) for way in rows[0].cells)
    return Table(title, ("", "batch", *columns), lines)
