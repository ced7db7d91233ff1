"""How often the check calls right code wrong: a bank of right variants, on many random inputs.

``python -m benchmarks.false_alarms``. The variants lie in ``parity_tests/variants``: files as
different learners would write them, everything right; those in ``examples`` count, too. Each
component of each file runs its cases as they are in the catalogue, and then with other inputs, seed
by seed, and with other initial weights.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.measure import describe_machine
from parity.catalogue import component as component_of
from parity.catalogue import components
from parity.catalogue.component import Case, Component, Implementation
from parity.engine import judge_run, run_case
from parity.runner.names import find_components
from parity.terminal import make_console, progress_bars

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "parity_tests" / "variants"

#: The examples in which everything is right are variants, too: the book's own way.
EXAMPLES = ("chapters_1_to_5", "chapter_6", "chapter_7")


@dataclass(frozen=True)
class Alarm:
    """A right result that was called wrong.

    Attributes:
        file: the variant's, without its ending.
        component: its name.
        chapter: of the component.
        case: the case's name.
        seed: of its inputs.
        result: which one; "the run" where it raised an exception.
        message: what is said to be wrong with it.
    """

    file: str
    component: str
    chapter: int
    case: str
    seed: int
    result: str
    message: str


@dataclass(frozen=True)
class Share:
    """One file with one seed.

    Attributes:
        runs: cases run, by chapter.
        alarms: what was called wrong in them.
    """

    runs: Mapping[int, int]
    alarms: list[Alarm]


def bank() -> list[Path]:
    """The files of variants."""
    examples = [ROOT / "examples" / f"{name}.py" for name in EXAMPLES]
    return [*examples, *sorted(FOLDER.glob("*.py"))]


@cache
def variants_in(file: Path) -> dict[str, Any]:
    """The components that a file of the bank defines, by name."""
    name = f"variants_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks for it there
    spec.loader.exec_module(module)
    found = find_components(module, components())
    return {entry: value for entry, (value, _) in found.items()}


def alarms_in(file: Path, name: str, seed: int) -> Iterator[list[Alarm]]:
    """For each case of a component, what is called wrong in it: nothing, if all is well.

    Args:
        file: of the bank.
        name: of a component that it defines.
        seed: of the inputs, and, unless it is 0, of the initial weights.
    """
    entry, implementation = component_of(name), Implementation(variants_in(file))
    for case in entry.cases:
        reseeded = case.reseeded(seed)
        try:
            failures = _failures(entry, reseeded, implementation)
        except Exception as error:
            failures = [("the run", f"raised {type(error).__name__}: {error}")]
        yield [
            Alarm(file.stem, name, entry.chapter, case.name, seed, result, message)
            for result, message in failures
        ]


def _failures(
    entry: Component, case: Case, implementation: Implementation
) -> list[tuple[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a check
        observed, after = run_case(entry, case, implementation)
        if case.seed and _have_a_spread(observed.params) and entry.module != "regression":
            params = _drawn_anew(observed.params, case.seed)
            observed, after = run_case(entry, case, implementation, params)
        run = judge_run(entry, case, observed, after, upcast=True)
    return [(failure.result, failure.difference.message) for failure in run.failures]


def _have_a_spread(params: list[Any]) -> bool:
    return bool(params) and all(
        isinstance(param, ndarray) and param.dtype.kind == "f" for param in params
    )


def _drawn_anew(params: list[ndarray], seed: int) -> list[ndarray]:
    """Other weights of the same spread: a layer draws the same ones in each run."""
    generator = np.random.default_rng(seed)
    return [
        (param.mean() + param.std() * generator.standard_normal(param.shape)).astype(param.dtype)
        for param in params
    ]


def run_share(file: Path, seed: int) -> Share:
    """All components of a file, with one seed."""
    runs: Counter[int] = Counter()
    alarms = []
    for name in variants_in(file):
        for found in alarms_in(file, name, seed):
            runs[component_of(name).chapter] += 1
            alarms += found
    return Share(runs, alarms)


def run_bank(files: Iterable[Path], seeds: Iterable[int], processes: int) -> list[Share]:
    """All files with all seeds, in several processes."""
    shares = []
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _use_one_thread)
    with pool, progress_bars("shares", "") as bars:
        tasks = [pool.submit(run_share, *share) for share in product(files, seeds)]
        bar = bars.add_task("right variants", total=len(tasks))
        for task in as_completed(tasks):
            shares.append(task.result())
            bars.advance(bar)
    return shares


def _use_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def print_table(files: list[Path], shares: list[Share], console: Console) -> None:
    """Runs and alarms by chapter, and each alarm."""
    runs: Counter[int] = Counter()
    for share in shares:
        runs.update(share.runs)
    alarms = [alarm for share in shares for alarm in share.alarms]
    by_chapter = Counter(alarm.chapter for alarm in alarms)
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("chapter", "variants", "runs", "alarms"):
        table.add_column(title, justify="right")
    variants = Counter(component_of(name).chapter for file in files for name in variants_in(file))
    for chapter in sorted(runs):
        counts = variants[chapter], runs[chapter], by_chapter[chapter]
        table.add_row(str(chapter), *(f"{count:,}" for count in counts))
    table.add_section()
    totals = variants.total(), runs.total(), len(alarms)
    table.add_row("all", *(f"{count:,}" for count in totals))
    console.print(table)
    for alarm in sorted(alarms, key=lambda a: (a.chapter, a.component, a.file, a.seed)):
        console.print(
            f"{alarm.file}.py, {alarm.component}, {alarm.case}, seed {alarm.seed}: "
            f"{alarm.result} {alarm.message}"
        )


def main() -> int:
    """Run the bank. The exit code is 1 if there was an alarm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="of the inputs, from 0 on")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", help="a file of the bank, without its ending")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true", help="print one object")
    arguments = parser.parse_args()
    files = [file for file in bank() if arguments.only in (None, file.stem)]
    if not files:
        parser.error(f"there is no {arguments.only}.py in {FOLDER}")
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    started = time.perf_counter()
    shares = run_bank(files, seeds, arguments.processes)
    seconds = time.perf_counter() - started
    alarms = [alarm for share in shares for alarm in share.alarms]
    if arguments.json:
        totals: Counter[int] = sum((Counter(share.runs) for share in shares), Counter())
        print(
            json.dumps(
                {
                    "files": len(files),
                    "variants": sum(len(variants_in(file)) for file in files),
                    "seeds": arguments.seeds,
                    "runs": {str(chapter): totals[chapter] for chapter in sorted(totals)},
                    "alarms": [asdict(alarm) for alarm in alarms],
                    "seconds": round(seconds, 1),
                },
                indent=2,
            )
        )
    else:
        console = make_console()
        console.print(describe_machine())
        console.print(f"{len(files)} files, {arguments.seeds} seeds, {seconds:.0f} s")
        print_table(files, shares, console)
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
