"""Training the book's models on a GPU: how fast, and what share of what the card can do.

``python benchmarks/gpu.py``, with NumPy and PyTorch and nothing else. ``--out FILE`` also writes
the tables in Markdown; ``--device cpu`` measures a processor, with smaller batches. The page
docs/benchmarks.md says what is measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

# Python looks first where the script lies; what it measures lies one folder above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks.measure import describe_machine
from benchmarks.throughput import report
from benchmarks.throughput.accuracy import load_digits, train_to_goals
from benchmarks.throughput.cells import WAYS, Way, measure
from benchmarks.throughput.clock import Clock, measure_rates
from benchmarks.throughput.recipes import RECIPES
from benchmarks.throughput.tables import Table, short
from benchmarks.throughput.workloads import (
    WORKLOADS,
    Workload,
    count_flops,
    count_operators,
    training_step,
)

NO_GPU = "PyTorch finds no GPU here, so nothing was measured; --device cpu measures a processor."
WIDTH = 80

#: A table, or a sentence.
Part = Table | str


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        matrix: rows and columns of those that are multiplied.
        copied: bytes.
        least: seconds that a measurement should take.
        rows: the most of a batch, if there is such a limit.
        images: that are trained on to an accuracy, if not all.
    """

    matrix: int
    copied: int
    least: float
    rows: int | None = None
    images: int | None = None

    def batches(self, workload: Workload) -> list[int]:
        """The book's batch and a large one, as far as they are allowed; one if they are equal."""
        wanted = (workload.batch, workload.large)
        most = max(wanted) if self.rows is None else self.rows
        return list(dict.fromkeys(min(rows, most) for rows in wanted))


SIZES = {
    "cuda": Sizes(matrix=8192, copied=2**30, least=0.5),
    "cpu": Sizes(matrix=2048, copied=2**28, least=0.5, rows=256),
}
QUICK = Sizes(matrix=64, copied=2**16, least=0.001, rows=4, images=256)


def named_device(name: str) -> torch.device | None:
    """The device of a name, a GPU with its number; none where a GPU is wanted and there is none.

    Raises:
        SystemExit: it is no name of a GPU or a processor, or there are not so many GPUs.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in SIZES:
        sys.exit(f"--device must be cuda, cuda with a number, or cpu, not {name!r}.")
    if device.type == "cpu":
        return device
    if not torch.cuda.is_available():
        return None
    index = device.index or 0
    if index >= torch.cuda.device_count():
        sys.exit(f"--device is {name}, but PyTorch finds {torch.cuda.device_count()} of them.")
    return torch.device("cuda", index)


def describe(device: torch.device) -> list[str]:
    """The machine and its software; on a GPU also the card and its driver."""
    lines = [describe_machine()]
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        platform = (
            f"CUDA {torch.version.cuda}" if torch.version.cuda else f"HIP {torch.version.hip}"
        )
        lines.append(
            f"{card.name}, {card.total_memory / 2**30:.0f} GiB, driver {driver_version()}, "
            f"{platform}, cuDNN {torch.backends.cudnn.version()}"
        )
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            lines.append("This card has no bfloat16 of its own; PyTorch emulates it.")
    else:
        lines.append(f"The processor, {torch.get_num_threads()} threads")
    return lines


def driver_version() -> str:
    """What ``nvidia-smi`` says."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return (said.stdout.split() or ["unknown"])[0]


def measure_models(
    workloads: Sequence[Workload],
    ways: Sequence[Way],
    clock: Clock,
    sizes: Sizes,
    mode: str | None = None,
) -> list[report.Row]:
    """All ways of each model with each batch; stderr says what is done."""
    rows = []
    for workload in workloads:
        for batch in sizes.batches(workload):
            cells = {}
            for way in ways:
                cell = cells[way] = measure(workload, batch, way, clock, sizes.least, mode)
                said = cell.failure or f"{short(1000 * cell.seconds)} ms a step"
                print(f"{workload.name}, {batch} rows, {way}: {said}", file=sys.stderr, flush=True)
            operators = None
            if not cells[ways[0]].failure:  # there are as many for two rows
                operators = count_operators(training_step(workload, 2, clock.device))
            flops = count_flops(workload, batch)
            rows.append(report.Row(workload, batch, flops, operators, cells))
    return rows


def measure_accuracy(clock: Clock, sizes: Sizes) -> Table:
    """Train by each recipe, on a GPU also under autocast to bfloat16; no step is compiled."""
    data = load_digits(clock.device, sizes.images)
    results = []
    on_gpu = clock.device.type == "cuda"
    ways = [way for way in WAYS if not way.compiled and (on_gpu or not way.bf16)]
    for recipe in RECIPES:
        for way in ways:
            train_to_goals(recipe, data, clock, bf16=way.bf16, steps=3)  # warm-up
            found = train_to_goals(recipe, data, clock, bf16=way.bf16)
            results += [(recipe, way, reached) for reached in found]
    return report.accuracy_table(results)


def parts(arguments: argparse.Namespace, device: torch.device) -> Iterator[Part]:
    """What is measured, table by table, each as soon as it is there."""
    clock = Clock(device)
    sizes = QUICK if arguments.quick else SIZES[device.type]
    rates = measure_rates(clock, sizes.matrix, sizes.copied, sizes.least)
    yield report.rates_table(rates)
    workloads = [each for each in WORKLOADS if each.name in arguments.models]
    ways = [way for way in WAYS if not (arguments.eager and way.compiled)]
    rows = measure_models(workloads, ways, clock, sizes, arguments.compile_mode)
    if rows:
        yield report.throughput_table(rows)
        yield report.shares_table(rows, rates)
        yield report.steps_table(rows)
        yield report.work_table(rows, rates)
        if not arguments.eager:
            yield report.compilation_table(rows)
        yield from report.notes(rows)
    if arguments.accuracy:
        yield measure_accuracy(clock, sizes)
        yield from (f"{recipe.name}: {recipe.text}." for recipe in RECIPES)


def read_arguments() -> argparse.Namespace:
    """The command line; none is needed."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ..., or cpu")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the tables in Markdown")
    parser.add_argument("--models", nargs="*", choices=names, default=names)
    parser.add_argument("--eager", action="store_true", help="nothing is compiled")
    parser.add_argument("--compile-mode", help="of torch.compile, such as reduce-overhead")
    parser.add_argument("--tf32", action="store_true", help="TensorFloat-32 for float32 on a GPU")
    parser.add_argument("--no-accuracy", dest="accuracy", action="store_false")
    parser.add_argument("--quick", action="store_true", help="does it run? The numbers say nothing")
    return parser.parse_args()


def main() -> None:
    """Measure and print; the file is written anew after each table."""
    arguments = read_arguments()
    device = named_device(arguments.device)
    if device is None:
        print(NO_GPU)
        return
    lines = describe(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = arguments.tf32
        torch.backends.cudnn.allow_tf32 = arguments.tf32
        lines.append(f"float32 is {'TensorFloat-32 in products' if arguments.tf32 else 'float32'}")
    page: list[str] = []
    for part in chain(lines, parts(arguments, device)):
        print(f"\n{part.text()}" if isinstance(part, Table) else textwrap.fill(part, WIDTH))
        sys.stdout.flush()
        page.append(part.markdown() if isinstance(part, Table) else part)
        if arguments.out is not None:
            arguments.out.write_text("\n\n".join(page) + "\n", "utf-8")


if __name__ == "__main__":
    main()
