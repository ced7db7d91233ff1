"""The benchmark of training on a GPU: it runs, it counts right, and it says what went wrong."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.throughput import cells, report
from benchmarks.throughput.accuracy import Digits, train_to_goals
from benchmarks.throughput.cells import WAYS, Cell, Way, measure, share_of, units_per_second
from benchmarks.throughput.clock import Clock, Rates, copy_rate, measure_rates, product_rate
from benchmarks.throughput.recipes import RECIPES
from benchmarks.throughput.report import Row, launch_floor
from benchmarks.throughput.tables import Table, percent, short
from benchmarks.throughput.workloads import (
    WORKLOADS,
    count_flops,
    count_operators,
    training_step,
)
from parity.packages import project_root

CPU = torch.device("cpu")
BY_NAME = {workload.name: workload for workload in WORKLOADS}
FLOAT32, COMPILED = Way(bf16=False, compiled=False), Way(bf16=False, compiled=True)


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The script as a user starts it, on a machine whose GPUs are out of sight."""
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, str(Path("benchmarks") / "gpu.py"), *arguments],
        cwd=project_root(),
        env={**os.environ, **hidden},
        capture_output=True,
        encoding="utf-8",
    )


def test_without_a_gpu_it_says_so_in_a_sentence(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    result = run_script("--out", str(page))
    assert result.returncode == 0, result.stderr
    assert result.stdout == (
        "PyTorch finds no GPU here, so nothing was measured; --device cpu measures a processor.\n"
    )
    assert not page.exists()


@pytest.mark.parametrize("name", ["meta", "toaster", "cuda:x"])
def test_a_device_that_it_cannot_measure_is_refused(name: str) -> None:
    with pytest.raises(SystemExit, match=f"must be cuda, cuda with a number, or cpu, not '{name}'"):
        gpu.named_device(name)


def test_a_gpu_is_taken_by_its_number(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert gpu.named_device("cuda") == torch.device("cuda", 0)  # set_device wants a number
    assert gpu.named_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(SystemExit, match="--device is cuda:2, but PyTorch finds 2 of them"):
        gpu.named_device("cuda:2")


def test_on_a_processor_it_measures_all_models(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    result = run_script("--device", "cpu", "--quick", "--eager", "--out", str(page))
    assert result.returncode == 0, result.stderr
    throughput = result.stdout.split("Training: ")[1].split("\n\n")[0].splitlines()
    numbers = {line.split()[0]: line.split()[1:] for line in throughput[3:]}
    assert list(numbers) == list(BY_NAME)
    for batch, *rates in numbers.values():
        assert batch == "4"
        assert len(rates) == 2
        assert all(float(rate.replace(",", "")) > 0 for rate in rates)
    assert max(map(len, result.stdout.splitlines())) <= 80
    for title in ("The machine itself", "Share of the rate", "From the first step"):
        assert title in result.stdout
        assert f"**{title}" in page.read_text("utf-8")


def test_the_rate_of_products_counts_a_multiplication_and_a_sum() -> None:
    assert product_rate(1000, 2.0) == 1e9


def test_the_rate_of_copies_counts_reading_and_writing() -> None:
    assert copy_rate(500, 2.0) == 500


def test_throughput_and_share_come_from_the_time_of_a_step() -> None:
    assert units_per_second(BY_NAME["MNIST_ConvNet"], 60, 0.5) == 120
    assert units_per_second(BY_NAME["next-character"], 32, 0.5) == 1600
    assert share_of(flops=10, seconds=0.5, rate=80) == 0.25


def test_each_type_of_number_is_held_against_its_own_rate() -> None:
    rates = Rates(float32=1.0, bf16=4.0, copy=1.0, launch=1.0)
    row = Row(WORKLOADS[0], 4, 2, 3, {way: Cell(seconds=2.0) for way in WAYS})
    (line,) = report.shares_table([row], rates).rows
    assert line[2:] == ("100 %", "100 %", "25.0 %", "25.0 %")


def test_the_floor_is_the_time_of_the_operators() -> None:
    assert launch_floor(20, 0.5) == 10
    assert math.isnan(launch_floor(None, 0.5))


DENSE = 2 * (784 * 89 + 89 * 10)
CONVOLUTIONS = 2 * 784 * 25 * (1 * 16 + 16 * 8)
CONV_DENSE = 2 * (6272 * 32 + 32 * 10)


@pytest.mark.parametrize(
    "name, per_row",
    [
        # Forward and the gradients on weights and inputs; the batch needs no gradient.
        ("mnist-dense", 3 * DENSE - 2 * 784 * 89),
        ("MNIST_ConvNet", 3 * (CONVOLUTIONS + CONV_DENSE) - 2 * 784 * 25 * 16),
        # Nor does the state of 0 that a sequence starts from.
        (
            "next-character",
            25 * 2 * (3 * (62 + 256) * 1024 - 62 * 1024 + 3 * 256 * 62) - 2 * 256 * 1024,
        ),
    ],
)
def test_operations_are_those_of_the_layers(name: str, per_row: int) -> None:
    assert count_flops(BY_NAME[name], 3) == 3 * per_row


def test_operators_do_not_depend_on_the_batch() -> None:
    numbers = {count_operators(training_step(BY_NAME["autoencoder"], n, CPU)) for n in (2, 5)}
    assert len(numbers) == 1
    assert numbers.pop() > 20


def test_views_are_not_counted_as_operators() -> None:
    x = torch.ones(2, 3)
    assert count_operators(lambda: x.t().reshape(3, 2).add_(1)) == 1


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
@pytest.mark.parametrize("bf16", [False, True])
def test_a_step_trains(workload, bf16) -> None:
    seen: list[float] = []
    loss = workload.loss

    def watched(output, target):
        value = loss(output, target)
        seen.append(value.item())
        return value

    watching = type(workload)(**{**vars(workload), "loss": watched})
    step = training_step(watching, 4, CPU, bf16=bf16)
    for _ in range(8):
        step()
    assert min(seen[4:]) < seen[0]


def test_the_clock_takes_the_median_of_what_it_sees() -> None:
    calls: list[None] = []
    clock = Clock(CPU)
    assert clock.median(lambda: calls.append(None), least=1e-4, rounds=3) > 0
    assert len(calls) >= 3 + 3 + 3


def test_a_product_that_the_device_refuses_is_no_number(monkeypatch) -> None:
    def refuse(*_, **__):
        raise RuntimeError("not implemented for 'BFloat16'")

    monkeypatch.setattr(torch, "mm", refuse)
    rates = measure_rates(Clock(CPU), size=2, number=4, least=1e-4)
    assert math.isnan(rates.float32)
    assert math.isnan(rates.bf16)
    assert rates.copy > 0
    assert rates.launch > 0


def _raises(error: Exception) -> Callable[..., object]:
    def function(*_, **__):
        raise error

    return function


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
    ids=["GPU", "processor", "Python"],
)
@pytest.mark.parametrize("way", [FLOAT32, COMPILED], ids=str)
def test_a_lack_of_memory_stands_in_the_cell(error, way, monkeypatch) -> None:
    monkeypatch.setattr(cells, "training_step", _raises(error))
    cell = measure(WORKLOADS[0], 4, way, Clock(CPU), least=1e-4)
    assert cell.failure == "no memory"
    assert cell.note.startswith(type(error).__name__)


@pytest.mark.parametrize("way, failure", [(FLOAT32, "failed"), (COMPILED, "not compiled")], ids=str)
def test_what_cannot_be_compiled_stands_in_the_cell_with_its_reason(
    way, failure, monkeypatch
) -> None:
    error = RuntimeError("\nno compiler was found\nand more lines")
    monkeypatch.setattr(cells, "training_step", lambda *_, **__: _raises(error))
    cell = measure(WORKLOADS[0], 4, way, Clock(CPU), least=1e-4)
    assert (cell.failure, cell.note) == (failure, "RuntimeError: no compiler was found")
    assert math.isnan(cell.seconds)
    row = Row(WORKLOADS[0], 4, 2, None, {way: cell})
    assert report.throughput_table([row]).rows[0][2] == failure
    assert report.notes([row]) == [
        f"house-prices, 4 rows, {way}: RuntimeError: no compiler was found."
    ]


def test_a_step_that_was_not_compiled_at_all_does_not_pass_for_one(monkeypatch) -> None:
    monkeypatch.setattr(cells, "training_step", lambda *_, **__: lambda: None)
    assert measure(WORKLOADS[0], 4, COMPILED, Clock(CPU), 1e-4).failure == "not compiled"
    assert not measure(WORKLOADS[0], 4, FLOAT32, Clock(CPU), 1e-4).failure


def test_tables_with_failures_and_large_numbers_fit_the_terminal() -> None:
    rates = Rates(float32=6e13, bf16=8e14, copy=4e12, launch=5e-6)
    failed = Cell(failure="not compiled")
    rows = [
        Row(workload, workload.large, 10**12, 100, dict.fromkeys(WAYS, failed))
        for workload in WORKLOADS
    ]
    reached = report.Reached(0.99, 0.9912, False, 4690, 1234.5, 12.5)
    results = [(recipe, way, reached) for recipe in RECIPES for way in WAYS[::2]]
    tables = [
        report.rates_table(rates),
        report.throughput_table(rows),
        report.shares_table(rows, rates),
        report.steps_table(rows),
        report.work_table(rows, rates),
        report.compilation_table(rows),
        report.accuracy_table(results),
    ]
    for table in tables:
        assert max(map(len, table.text().splitlines())) <= 80, table.title


def _stripes(n: int) -> Digits:
    """Images of two kinds that are easy to tell apart."""
    digits = torch.arange(n) % 2
    images = torch.zeros(n, 1, 28, 28)
    images[digits == 1, :, 10:18] = 1
    images[digits == 0, :, :, 10:18] = 1
    return Digits(images, digits, images, digits)


def test_goals_are_told_in_order_and_end_the_training() -> None:
    recipe = type(RECIPES[0])(**{**vars(RECIPES[0]), "goals": (0.4, 0.95), "every": 1})
    low, high = train_to_goals(recipe, _stripes(240), Clock(CPU))
    assert low.reached
    assert high.reached
    assert low.accuracy >= 0.4
    assert high.accuracy >= 0.95
    assert 0 < low.steps <= high.steps < 12
    assert 0 < low.training <= high.training
    assert 0 < low.looking <= high.looking


def test_a_goal_that_is_not_reached_is_told_as_such() -> None:
    recipe = type(RECIPES[0])(**{**vars(RECIPES[0]), "goals": (0.1, 1.1)})
    low, high = train_to_goals(recipe, _stripes(120), Clock(CPU), steps=3)
    assert (low.reached, high.reached) == (True, False)
    assert high.steps == 3


def test_the_looks_do_not_count_as_training(monkeypatch) -> None:
    recipe = type(RECIPES[0])(**{**vars(RECIPES[0]), "goals": (1.1,), "every": 1})
    now = iter(range(100))
    monkeypatch.setattr("benchmarks.throughput.accuracy.time.perf_counter", lambda: next(now))
    (found,) = train_to_goals(recipe, _stripes(60), Clock(CPU), steps=2)
    # Asked at the start, before and after each look, at the end: five ticks, two of them in looks.
    assert (found.training, found.looking) == (3, 2)


@pytest.mark.parametrize(
    "number, text",
    [
        (1234567.8, "1,234,568"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.01234, "0.0123"),
        (0.0, "0"),
        (math.nan, "-"),
    ],
)
def test_numbers_have_about_three_digits(number: float, text: str) -> None:
    assert short(number) == text


def test_shares_are_in_percent() -> None:
    assert percent(0.125) == "12.5 %"
    assert percent(math.nan) == "-"


def test_a_table_is_aligned_in_a_terminal_and_ruled_on_a_page() -> None:
    table = Table("Title", ("", "batch"), [("model", "60"), ("a", "4096")])
    assert table.text() == "Title\n       batch\n────────────\nmodel     60\na       4096"
    assert table.markdown() == (
        "**Title**\n\n|  | batch |\n| --- | ---: |\n| model | 60 |\n| a | 4096 |"
    )
