"""No false alarms: right code passes, in whatever style it is written, on inputs of many draws."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.false_alarms import FOLDER, alarms_in, bank, main, variants_in
from parity.catalogue import component as component_of
from parity.catalogue import components
from parity.catalogue.component import Case, Mutant
from parity.checking.file import check_file

#: Those of the catalogue, and two more draws.
SEEDS = (0, 1, 2)

VARIANTS = [(file, name) for file in bank() for name in variants_in(file)]

each_variant = pytest.mark.parametrize(
    "file, name", VARIANTS, ids=[f"{file.stem}-{name}" for file, name in VARIANTS]
)


@each_variant
def test_right_code_passes(file: Path, name: str) -> None:
    found = chain.from_iterable(alarms_in(file, name, seed) for seed in SEEDS)
    assert list(chain.from_iterable(found)) == []


def test_every_family_has_three_variants_or_more() -> None:
    families = {entry.name: entry.module for entry in components()}
    counts = Counter(families[name] for _, name in VARIANTS)
    assert set(counts) == set(families.values())
    assert min(counts.values()) >= 3
    assert len(VARIANTS) >= 150


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_a_variant_is_nobody_elses_work(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert not any(f"{word} {side}" in source for word in ("import", "from") for side in _SIDES)


_SIDES = ("scratch", "reference", "parity", "torch")


def test_a_file_passes_in_a_process_of_its_own() -> None:
    result = check_file(FOLDER / "fused_gates.py")
    written = [v for v in result.verdicts if v.status != "not written"]
    assert len(written) == len(variants_in(FOLDER / "fused_gates.py"))
    assert {verdict.status for verdict in written} == {"passed"}


def mutants() -> list[tuple[str, Mutant]]:
    return [(name, component_of(name).mutants[0]) for name in ("Tanh", "RNNNode", "kl_gradient")]


@pytest.mark.parametrize("name, mutant", mutants(), ids=[name for name, _ in mutants()])
@pytest.mark.parametrize("seed", (0, 3))
def test_wrong_code_does_not_pass(
    name: str, mutant: Mutant, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = FOLDER / "wrong.py"
    monkeypatch.setattr(
        "benchmarks.false_alarms.variants_in", lambda _: {name: mutant.implementation}
    )
    alarms = [alarm for found in alarms_in(file, name, seed) for alarm in found]
    assert mutant.caught_in in {alarm.result for alarm in alarms}


def test_seed_0_is_the_case_itself() -> None:
    case = Case("some", {"x": (7, 3)}, {"seed": 7})
    assert case.reseeded(0) == case
    assert case.reseeded(5).reseeded(0) == case


def test_another_seed_draws_other_inputs_each_time_the_same() -> None:
    case = Case("some", {"x": (7, 3), "y": (2,)}, values={"y": [1.0, 2.0]})
    drawn = {seed: case.reseeded(seed).inputs() for seed in (0, 1, 2)}
    assert len({arrays["x"].tobytes() for arrays in drawn.values()}) == 3
    again: dict[str, Any] = case.reseeded(2).inputs()
    assert again["x"].tobytes() == drawn[2]["x"].tobytes()
    assert all(arrays["y"].tolist() == [1.0, 2.0] for arrays in drawn.values())


def test_another_seed_is_another_seed_for_whoever_draws() -> None:
    case = Case("some", {}, {"seed": 7, "n_iter": 3})
    assert case.reseeded(5).options == {"seed": 12, "n_iter": 3}
    assert case.reseeded(5).reseeded(6).options["seed"] == 13
    assert case.options["seed"] == 7


def test_the_layout_and_the_type_stay() -> None:
    case = Case("some", {"x": (7, 3)}, dtype="float32", layout="transposed").reseeded(9)
    x = case.inputs()["x"]
    assert x.dtype == np.float32
    assert x.flags.f_contiguous


def test_the_benchmark_counts_runs_and_alarms(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["false_alarms", "--only", "einsum_nodes", "--seeds", "1", "--processes", "1"]
    monkeypatch.setattr("sys.argv", arguments)
    assert main() == 0
    *_, totals = capsys.readouterr().out.split("\n\n")[0].strip().splitlines()
    variants, runs, alarms = totals.split()[1:]
    assert (variants, alarms) == ("13", "0")
    assert int(runs) == sum(
        len(component_of(name).cases) for name in variants_in(FOLDER / "einsum_nodes.py")
    )
