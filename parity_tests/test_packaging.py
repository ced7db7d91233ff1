"""What the packages may import and when, and what no line of them may do."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scratch
from parity.catalogue import MODULES, SCRATCH_ONLY

ROOT = Path(__file__).resolve().parent.parent
STDLIB = sys.stdlib_module_names
SCRATCH_MODULES = [f"scratch.{module.name}" for module in pkgutil.walk_packages(scratch.__path__)]


def sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def run_python(code: str, *options: str) -> str:
    """What a fresh interpreter prints."""
    result = subprocess.run(
        [sys.executable, *options, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def by_path(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Imports


def imported_roots(nodes: Iterator[ast.AST]) -> set[str]:
    roots = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            roots.add(str(node.module).partition(".")[0])
    return roots


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """All that runs on import: neither in a function nor under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from outside_functions(child)


@pytest.mark.parametrize("path", sources("scratch"), ids=by_path)
def test_scratch_is_numpy_alone(path: Path) -> None:
    roots = imported_roots(ast.walk(ast.parse(path.read_text())))
    assert roots - STDLIB <= {"numpy", "scratch"}


@pytest.mark.parametrize("path", sources("reference"), ids=by_path)
def test_reference_is_torch_alone(path: Path) -> None:
    roots = imported_roots(ast.walk(ast.parse(path.read_text())))
    assert roots - STDLIB <= {"torch", "reference"}


@pytest.mark.parametrize("path", sources("datasets"), ids=by_path)
def test_datasets_is_numpy_and_torch_only_on_demand(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert imported_roots(ast.walk(tree)) - STDLIB <= {"numpy", "datasets", "torch"}
    assert imported_roots(outside_functions(tree)) - STDLIB <= {"numpy", "datasets"}


@pytest.mark.parametrize("path", sources("parity/catalogue", "parity/mutants"), ids=by_path)
def test_catalogue_imports_torch_only_on_demand(path: Path) -> None:
    roots = imported_roots(outside_functions(ast.parse(path.read_text())))
    assert roots - STDLIB <= {"numpy", "parity", "scratch"}


HEAVY = "sorted({'torch', 'scipy', 'sklearn', 'matplotlib', 'pandas'} & set(sys.modules))"


def test_importing_scratch_loads_none_of_the_large_packages() -> None:
    modules = ", ".join(SCRATCH_MODULES)
    assert run_python(f"import sys, {modules}; print({HEAVY})") == "[]\n"


def test_listing_the_components_loads_none_of_the_large_packages() -> None:
    code = (
        "import sys; sys.argv = ['parity', 'list']\n"
        "from parity.cli import main\n"
        "try: main()\n"
        f"except SystemExit as end: print(end.code, {HEAVY})"
    )
    lines = run_python(code).splitlines()
    assert lines[0] == "Chapter 1"
    assert lines[-1] == "0 []"


# One component, one name


@pytest.mark.parametrize("module", MODULES)
def test_component_has_one_name_on_all_sides(module: str) -> None:
    """Of a file, or of a folder where there is much of it."""
    sides = ("scratch",) if module in SCRATCH_ONLY else ("scratch", "reference")
    for path in (*(f"{side}/{module}" for side in sides), f"parity_tests/test_{module}"):
        assert (ROOT / f"{path}.py").is_file() or (ROOT / path).is_dir(), path


# Random numbers, defaults, asserts


RANDOM_OBJECTS = {"Generator", "RandomState", "SeedSequence", "PCG64", "default_rng"}


@pytest.mark.parametrize("path", sources("scratch", "reference", "datasets", "parity"), ids=by_path)
def test_global_random_state_is_never_touched(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert "random" not in imported_roots(ast.walk(tree))
    forked = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and "torch.random.fork_rng" in ast.unparse(node.items[0])
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("numpy", "numpy.random"):
            names = {alias.name for alias in node.names}
            assert "random" not in names
            assert node.module == "numpy" or names <= RANDOM_OBJECTS
        elif isinstance(node, ast.Attribute):
            before, _, name = ast.unparse(node).rpartition(".")
            assert before not in ("np.random", "numpy.random") or name in RANDOM_OBJECTS
            seeds = (before, name) in {("torch", "manual_seed"), ("torch.random", "manual_seed")}
            assert not seeds or node in forked  # what is forked is put back


@pytest.mark.parametrize("path", sources("scratch", "reference", "datasets"), ids=by_path)
def test_no_default_argument_is_an_object_that_calls_share(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            for default in defaults:
                shared = (ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp)
                assert not isinstance(default, shared), ast.unparse(default)


@pytest.mark.parametrize("path", sources("scratch", "datasets"), ids=by_path)
def test_no_assert_checks_input(path: Path) -> None:
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))


REFUSALS = """
import numpy as np
from scratch.dense import Dense
from scratch.functions import chain_deriv_2, matmul_forward, multiple_inputs_add, square
from scratch.losses import MeanSquaredError
from scratch.operations import BiasAdd, WeightMultiply
from scratch.regression import forward_linear_regression
from scratch.training import generate_batches, permute_data

wide, flat = np.ones((7, 5)), np.ones(7)
dense, multiply, add = Dense(3), WeightMultiply(np.ones((5, 3))), BiasAdd(np.ones((1, 5)))
for operation in (dense, multiply, add):
    operation.forward(wide)
calls = [
    lambda: dense.forward(np.ones((7, 4))),
    lambda: dense.backward(np.ones((7, 1))),
    lambda: multiply.forward(np.ones((7, 4))),
    lambda: multiply.backward(np.ones((1, 3))),
    lambda: add.forward(np.ones((7, 1))),
    lambda: add.backward(flat),
    lambda: MeanSquaredError().forward(np.ones((7, 1)), flat),
    lambda: chain_deriv_2([square, square], wide),
    lambda: multiple_inputs_add(wide, np.ones((7, 1)), square),
    lambda: matmul_forward(wide, wide),
    lambda: forward_linear_regression(wide, flat, {"W": np.ones((5, 1)), "B": np.ones((1, 1))}),
    lambda: permute_data(wide, np.ones((8, 1))),
    lambda: generate_batches(wide, np.ones((8, 1))),
]
refused = 0
for call in calls:
    try:
        call()
    except ValueError:
        refused += 1
print(__debug__, refused == len(calls))
"""


def test_shape_checks_survive_optimisation() -> None:
    assert run_python(REFUSALS, "-O") == "False True\n"
