"""The catalogue: every entry is whole, and true to what it says of itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from parity.catalogue import SCRATCH_ONLY, component, components
from parity.catalogue.component import (
    LAYOUTS,
    Case,
    Component,
    Given,
    Implementation,
    arrange,
    indexed,
    scratch_component,
    snapshot,
)
from parity.engine import run_case

ALL = components()

#: Whole training runs, whose batches are cut from the data inside of them.
TRAINING = {
    "NeuralNetwork",
    "SGD",
    "Trainer",
}

#: They take integers, and nothing else in numbers.
OF_INTEGERS = {"one_hot_sequences", "sequences_and_targets"}

each_component = pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.name)


def arrays(entry: Component) -> Iterator[tuple[Case, str, ndarray]]:
    for case in entry.cases:
        for name, array in case.inputs().items():
            yield case, name, array


def in_words(result: str) -> str:
    """A result's name as ``compares`` has it: no index, no number of a step."""
    return re.sub(r", step \d+", " after every step", re.sub(r"\[[^]]*\]", "", result))


def test_component_names_are_unique() -> None:
    assert [name for name, n in Counter(entry.name for entry in ALL).items() if n > 1] == []


def test_a_component_is_found_by_its_name() -> None:
    assert all(component(entry.name) is entry for entry in ALL)
    with pytest.raises(KeyError):
        component("Desne")


def test_components_stand_in_the_order_of_the_book() -> None:
    chapters = [entry.chapter for entry in ALL]
    assert chapters == sorted(chapters)


@each_component
def test_required_components_stand_before(entry: Component) -> None:
    before = {other.name for other in ALL[: ALL.index(entry)]}
    assert set(entry.requires) <= before


@each_component
def test_an_alias_is_no_components_name_and_its_keys_tell_it_apart(entry: Component) -> None:
    assert not set(entry.aliases) & {other.name for other in ALL}
    for alias in entry.aliases:
        keys = [other.keys for other in ALL if alias in other.aliases]
        assert len(set(keys)) == len(keys)


@each_component
def test_the_scratch_side_has_it(entry: Component) -> None:
    assert isinstance(scratch_component(entry.name), type) == (entry.kind == "class")


@each_component
def test_its_module_is_a_file_on_both_sides(entry: Component) -> None:
    from importlib.util import find_spec

    assert find_spec(f"scratch.{entry.module}") is not None
    in_reference = find_spec(f"reference.{entry.module}") is not None
    assert in_reference == (entry.module not in SCRATCH_ONLY)


@each_component
def test_case_names_are_unique(entry: Component) -> None:
    names = [case.name for case in entry.cases]
    assert len(set(names)) == len(names)


@each_component
def test_inputs_are_the_same_on_each_call(entry: Component) -> None:
    for case in entry.cases:
        for first, second in zip(case.inputs().items(), case.inputs().items(), strict=True):
            assert first[0] == second[0]
            assert first[1] is not second[1]
            assert first[1].strides == second[1].strides
            np.testing.assert_array_equal(first[1], second[1])


@each_component
def test_inputs_of_a_case_differ_from_one_another(entry: Component) -> None:
    for case in entry.cases:
        values = [array.tolist() for array in case.inputs().values() if array.size > 1]
        assert all(values.count(value) == 1 for value in values)


@each_component
def test_cases_cover_both_dtypes(entry: Component) -> None:
    dtypes = {"float64"} if entry.name in OF_INTEGERS else {"float64", "float32"}
    assert {case.dtype for case in entry.cases} == dtypes
    assert all(array.dtype == case.dtype for case, _, array in arrays(entry))


@each_component
def test_cases_cover_small_and_large_batches(entry: Component) -> None:
    batches = {next(iter(case.inputs().values())).shape[0] for case in entry.cases}
    assert batches >= ({1, 7, 64} if entry.symbol == "Trainer" else set())
    assert batches >= {1, 2, 7, 64} or entry.symbol in TRAINING


@each_component
def test_cases_cover_other_layouts_than_the_plain_one(entry: Component) -> None:
    layouts = {case.layout for case in entry.cases}
    assert layouts <= set(LAYOUTS)
    assert layouts & {"strided", "reversed"}
    assert layouts >= {"strided", "reversed"} or entry.symbol in {*TRAINING, "generate_batches"}


@each_component
def test_no_matrix_is_square_in_all_cases(entry: Component) -> None:
    """A transposed one would not show. Filters are square in the book, and so are a GRU's matrices
    from state to state; that a transposed one shows is for mutants to prove.
    """
    square = {"conv": {"param"}, "recurrent": {"W_hr", "W_hu", "W_hh"}}.get(entry.module, set())
    matrices = [
        (name, array.shape)
        for _, name, array in arrays(entry)
        if array.ndim == 2 and name not in square
    ]
    names = {name for name, shape in matrices if shape != (1, 1)}
    lopsided = {name for name, shape in matrices if shape[0] != shape[1]}
    assert names == lopsided


@each_component
def test_what_is_observed_is_what_the_reference_knows_and_what_people_are_told(
    entry: Component,
) -> None:
    told = set()
    for case in entry.cases:
        observed, _ = run_case(entry, case, Implementation())
        expected = entry.reference(Given(case.inputs(), case.options, observed.params))
        assert list(observed.tensors) == list(expected)
        told |= {in_words(name) for name in expected}
    assert set(entry.compares) == told


@each_component
def test_gradients_are_results_and_have_a_source(entry: Component) -> None:
    results: set[str] = set()
    sources: set[str] = set()
    for case in entry.cases:
        observed, inputs = run_case(entry, case, Implementation())
        results |= set(observed.tensors)
        sources |= set(inputs) | {f"params[{i}]" for i in range(len(observed.params))}
    assert set(entry.gradients) <= results
    assert set(entry.gradients.values()) <= sources


@each_component
def test_the_skeleton_is_python_and_defines_the_component(entry: Component) -> None:
    if entry.argument is not None:
        assert entry.skeleton.strip().endswith(".")
        return
    [node] = ast.parse(entry.skeleton.strip()).body
    assert isinstance(node, ast.ClassDef if entry.kind == "class" else ast.FunctionDef)
    assert node.name == entry.name
    for function in ast.walk(node):
        if isinstance(function, ast.FunctionDef):
            assert ast.get_docstring(function), f"{entry.name}.{function.name} is not explained"


@each_component
def test_the_summary_is_one_short_line(entry: Component) -> None:
    assert 0 < len(entry.summary) <= 60
    assert "\n" not in entry.summary


@pytest.mark.parametrize(
    "module",
    ["parity.catalogue", "parity.skeleton", "parity.cli.list", "parity.checking.file", "scratch"],
)
def test_torch_is_not_loaded_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; from parity.catalogue import components; components()"
    loaded = f"{code}; sys.exit(int('torch' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 2), (5,), (0, 3), (1, 1)])
def test_arranging_keeps_values_and_takes_nobodys_memory(layout: str, shape: Any) -> None:
    array = np.arange(float(np.prod(shape))).reshape(shape)
    arranged = arrange(array, layout)
    np.testing.assert_array_equal(arranged, array)
    assert arranged.dtype == array.dtype


@pytest.mark.parametrize(
    "layout, strides",
    [
        ("contiguous", (16, 8)),
        ("strided", (64, 16)),
        ("reversed", (-16, -8)),
        ("transposed", (8, 24)),
    ],
)
def test_layouts_are_what_they_are_called(layout: str, strides: tuple[int, int]) -> None:
    assert arrange(np.ones((3, 2)), layout).strides == strides


@pytest.mark.parametrize("layout", ["strided", "reversed"])
def test_arranged_arrays_are_copies(layout: str) -> None:
    array = np.ones(3)
    arrange(array, layout)[...] = 0
    assert array.tolist() == [1, 1, 1]


def test_an_unknown_layout_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"diagonal.*contiguous, strided"):
        arrange(np.ones(2), "diagonal")


def test_an_implementation_falls_back_on_the_scratch_side() -> None:
    from scratch.functions import square

    own = Implementation({"relu": abs})
    assert own.relu is abs
    assert own.square is square


def test_a_snapshot_does_not_change_with_its_array() -> None:
    array = np.ones(2)
    copy = snapshot(array)
    array += 1
    assert copy.tolist() == [1, 1]
    assert snapshot(None) is None


def test_lists_get_an_index_and_what_is_no_list_none() -> None:
    assert indexed("params", [1, None]) == {"params[0]": 1, "params[1]": None}
    assert indexed("params", iter([1])) == {"params[0]": 1}
    assert indexed("params", []) == {}
    assert indexed("params", None) == {"params": None}
    assert list(indexed("params", np.ones(2))) == ["params"]
