"""Relations: what is said of a wrong result that no known mistake explains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray

from parity.catalogue import component
from parity.catalogue.component import Case
from parity.comparison import Absent, compare
from parity.diagnosis.relations import Relation, Sample, relate, where_it_starts
from parity.engine import Run, check_in_process

Spoil = Callable[[Sample], Any]


@cache
def right_runs(name: str) -> tuple[Run, ...]:
    entry = component(name)
    return tuple(check_in_process(entry, case) for case in entry.cases)


def samples_of(name: str, result: str, spoil: Spoil | None = None) -> list[Sample]:
    """A result in all cases of a component, with the right one spoiled, and judged as ever."""
    samples = []
    for run in right_runs(name):
        if result not in run.expected:
            continue
        right = run.observed.tensors[result]
        sample = Sample(
            run.case,
            result,
            right,
            run.expected[result],
            run.observed.tensors,
            run.expected,
            run.case.inputs(),
            run.observed.params,
            wrong=False,
        )
        if spoil is not None:
            found = spoil(sample) if np.size(right) else right
            wrong = compare(
                found, sample.expected, dtype=run.case.dtype, tolerance=run.case.tolerance
            )
            shown = {**sample.shown, result: found}
            sample = replace(sample, found=found, shown=shown, wrong=wrong is not None)
        samples.append(sample)
    return samples


def relation(name: str, result: str, spoil: Spoil) -> Relation:
    """The relation of a spoiled result, where there must be one."""
    found = relate(samples_of(name, result, spoil))
    assert found is not None
    assert len(found.sentence) <= 120
    return found


def batch(sample: Sample) -> int:
    return int(next(iter(sample.inputs.values())).shape[0]) or 1


def typed(array: Any, sample: Sample) -> ndarray:
    return np.asarray(array, dtype=sample.case.dtype)


CONSTANTS: tuple[tuple[str, str, Spoil, str, float], ...] = (
    ("WeightMultiply", "param_grad", lambda s: s.found * 2, "times 2", 2.0),
    ("WeightMultiply", "param_grad", lambda s: s.found / 2, "times 0.5", 0.5),
    ("WeightMultiply", "param_grad", lambda s: -s.found, "with the opposite sign", -1.0),
    ("BiasAdd", "param_grad", lambda s: s.found * batch(s), "times the batch size (2)", 2.0),
    ("BiasAdd", "param_grad", lambda s: s.found / batch(s), "divided by the batch size (2)", 0.5),
    ("BiasAdd", "param_grad", lambda s: -s.found / batch(s),
     "divided by minus the batch size (1)", -1.0),
    ("BiasAdd", "param_grad", lambda s: 2 * s.found / batch(s),
     "times 2 over the batch size (1)", 2.0),
    ("WeightMultiply", "output", lambda s: s.found * 0.3, "times 0.3", 0.3),
    ("MeanSquaredError", "loss", lambda s: s.found * 2, "times 2", 2.0),
    ("SequenceSoftmaxCrossEntropy", "input_grad",
     lambda s: s.found * s.expected.shape[0] * s.expected.shape[1],
     "times the batch size (1) times the number of time steps (5)", 5.0),
    ("SequenceSoftmaxCrossEntropy", "input_grad", lambda s: s.found * s.expected.shape[1],
     "times the number of time steps (5)", 5.0),
    ("Dropout", "output at inference", lambda s: s.found / (s.case.options["keep_prob"] or 1),
     "divided by keep_prob (0.8)", 1.25),
)  # fmt: skip


@pytest.mark.parametrize("name, result, spoil, words, constant", CONSTANTS)
def test_a_constant_is_called_by_its_name(
    name: str, result: str, spoil: Spoil, words: str, constant: float
) -> None:
    found = relation(name, result, spoil)
    assert found.sentence == f"It is the right one {words}."
    assert found.constant == pytest.approx(constant)


def test_the_batch_size_is_not_taken_for_a_plain_2() -> None:
    """Two wrong batches of two would do for either; the right batch of one tells them apart."""
    spoiled = samples_of("BiasAdd", "param_grad", lambda s: s.found * batch(s))
    few = [s for s in spoiled if batch(s) <= 2 and s.case.dtype == "float64"]
    found = relate(few)
    assert found is not None
    assert found.sentence == "It is the right one times the batch size (2)."


def test_a_constant_must_be_invisible_in_right_cases() -> None:
    """Twice the right one in a batch of 64 alone has no name: a batch of 7 is right."""
    spoil: Spoil = lambda s: s.found * 2 if batch(s) == 64 else s.found  # noqa: E731
    found = relate(samples_of("WeightMultiply", "param_grad", spoil))
    assert found is None or found.kind != "constant"


def test_a_constant_must_hold_in_every_wrong_case() -> None:
    spoil: Spoil = lambda s: s.found * (2 if batch(s) == 64 else -3)  # noqa: E731
    found = relate(samples_of("WeightMultiply", "param_grad", spoil))
    assert found is None or found.constant not in (2, -3)


def rolled(array: ndarray, by: int, axis: int) -> ndarray:
    """Later by that many steps, with zeros before."""
    late = np.roll(array, by, axis)
    np.moveaxis(late, axis, 0)[:by] = 0
    return late


def first_only(sample: Sample) -> ndarray:
    spoiled = np.zeros_like(sample.found)
    spoiled[:1] = sample.found[:1]
    return spoiled


def last_step_only(sample: Sample) -> ndarray:
    spoiled = np.zeros_like(sample.found)
    spoiled[:, -1] = sample.found[:, -1]
    return spoiled


def border_cut(sample: Sample) -> ndarray:
    spoiled = sample.found + 1
    spoiled[..., 1:-1, 1:-1] = sample.found[..., 1:-1, 1:-1]
    return np.asarray(spoiled)


def where_negative(sample: Sample) -> ndarray:
    noise = np.random.default_rng(5).standard_normal(sample.found.shape)
    return typed(np.where(sample.inputs["input_"] < 0, noise, sample.found), sample)


def where_negative_output(sample: Sample) -> ndarray:
    noise = np.random.default_rng(5).standard_normal(sample.found.shape)
    return typed(np.where(sample.found < 0, noise, sample.found), sample)


def other_rows(sample: Sample) -> ndarray:
    order = np.random.default_rng(5).permutation(len(sample.found))
    return np.asarray(sample.found[order])


def of_loss(formula: Callable[[ndarray, ndarray], Any]) -> Spoil:
    def spoil(sample: Sample) -> Any:
        return typed(formula(sample.inputs["prediction"], sample.inputs["target"]), sample)

    return spoil


ARRANGEMENTS: tuple[tuple[str, str, Spoil, str, str], ...] = (
    ("WeightMultiply", "param_grad", lambda s: s.found.T, "transposed", "transposed"),
    ("Conv2DOperation", "param_grad", lambda s: s.found.swapaxes(2, 3), "transposed",
     "with the filter height axis and the filter width axis exchanged"),
    ("Conv2DOperation", "param_grad", lambda s: s.found[:, :, ::-1, ::-1], "flipped",
     "turned round along the filter height axis and the filter width axis"),
    ("conv_1d", "output", lambda s: s.found[::-1], "flipped", "turned round along the length axis"),
    ("WeightMultiply", "output", lambda s: s.found.ravel(), "reshaped", "reshape it"),
    ("WeightMultiply", "output", lambda s: s.found.T.reshape(s.found.shape), "reshaped",
     "down the columns"),
    ("BiasAdd", "param_grad", lambda s: s.found[0], "axis of 1",
     "lacks an axis: (3,), must be (1, 3)"),
    ("BiasAdd", "param_grad", lambda s: np.repeat(s.found, 4, axis=0), "repeated", "repeated"),
    ("WeightMultiply", "output", lambda s: s.found.sum(axis=0), "summed", "over the batch axis"),
    ("WeightMultiply", "output", lambda s: s.found.mean(axis=0, keepdims=True), "summed",
     "averaged over the batch axis"),
    ("BiasAdd", "param_grad", lambda s: s.inputs["output_grad"], "not summed",
     "over the batch axis"),
    ("RNNLayer", "output", lambda s: s.found[:, ::-1], "reversed", "reversed in time"),
    ("RNNLayer", "output", lambda s: np.roll(s.found, 1, 2), "rolled",
     "1 step late along the feature"),
    ("SequenceSoftmaxCrossEntropy", "input_grad", lambda s: rolled(s.found, 1, 1), "shifted",
     "1 time step late"),
    ("RNNLayer", "output", last_step_only, "last only",
     "Its last time step is right, the rest is 0"),
    ("RNNLayer", "output", lambda s: s.found[:, -1], "slice", "the last along the time axis only"),
    ("WeightMultiply", "output", first_only, "first only", "Its first row of the batch is right"),
    ("WeightMultiply", "output", other_rows, "permuted", "in another order along the batch axis"),
    ("Conv2DOperation", "output", lambda s: np.pad(s.found, ((0, 0), (0, 0), (1, 1), (1, 1))),
     "border", "with a border of 1 still on"),
    ("Conv2DOperation", "output", border_cut, "border", "wrong at the border"),
)  # fmt: skip


@pytest.mark.parametrize("name, result, spoil, kind, words", ARRANGEMENTS)
def test_an_arrangement_is_named(
    name: str, result: str, spoil: Spoil, kind: str, words: str
) -> None:
    found = relation(name, result, spoil)
    assert (found.kind, words in found.sentence) == (kind, True), found


ELEMENTS: tuple[tuple[str, str, Spoil, str, str], ...] = (
    ("WeightMultiply", "param_grad", lambda s: np.zeros_like(s.found), "zero", "0 everywhere"),
    ("Sigmoid", "input_grad", lambda s: np.ones_like(s.found), "one number", "1 everywhere"),
    ("WeightMultiply", "output", lambda s: s.found + 1, "offset", "plus 1"),
    ("WeightMultiply", "output", lambda s: s.found - 0.25, "offset", "minus 0.25"),
    ("WeightMultiply", "output", lambda s: s.found**2, "squared", "the square of"),
    ("MeanSquaredError", "loss", lambda s: typed(np.sqrt(s.found), s), "square root",
     "square root"),
    ("WeightMultiply", "output", lambda s: np.abs(s.found), "absolute", "absolute value"),
    ("WeightMultiply", "output", lambda s: np.maximum(s.found, 0), "clipped", "is positive"),
    ("Sigmoid", "output", lambda s: 1 - s.found, "complement", "1 minus"),
    ("WeightMultiply", "output after an update", lambda s: s.shown["output"], "unchanged",
     "your output again"),
    ("LSTMNode", "deriv[W_f]", lambda s: s.wanted["deriv[W_i]"], "other result",
     "the right deriv[W_i]"),
    ("Sigmoid", "input_grad", lambda s: s.inputs["output_grad"], "input", "the input output_grad"),
    ("Tanh", "input_grad", lambda s: 1 - s.wanted["output"] ** 2, "missing factor",
     "lacks the factor output_grad"),
    ("Tanh", "input_grad", lambda s: s.found * s.wanted["output"], "extra factor",
     "times output"),
    ("Sigmoid", "input_grad", lambda s: s.inputs["output_grad"] * s.wanted["output"],
     "missing factor",
     "lacks the factor (1 - output)"),
    ("BiasAdd", "output", lambda s: s.inputs["input_"], "input", "the input input_"),
    ("BiasAdd", "output", lambda s: s.found + s.inputs["input_"], "extra term",
     "plus input_"),
    ("BiasAdd", "output", lambda s: s.found - 2 * s.inputs["param"], "sign of a term",
     "param with the opposite sign"),
    ("Conv2DOperation", "output", lambda s: np.where(s.found > 1, typed(0, s), s.found), "gaps",
     "Some of its elements are 0"),
    ("RNNModel", "deriv[RNNLayer 1, W_v] of the next batch",
     lambda s: s.found + s.shown["deriv[RNNLayer 1, W_v]"], "accumulated",
     "with deriv[RNNLayer 1, W_v] added"),
    ("WeightMultiply", "param_grad", lambda s: s.found + typed(1e-7 * np.sin(1e3 * s.found), s)
     if s.case.dtype == "float64" else s.found, "float32", "float32"),
    ("WeightMultiply", "output", where_negative_output, "sign", "the right one is negative"),
    ("ReLU", "input_grad", where_negative, "sign", "wrong only where input_ is negative"),
    ("Sigmoid", "output", lambda s: s.found + 1e-5 * np.sin(1e3 * s.found), "nearly right",
     "digits"),
    ("SoftmaxCrossEntropy", "input_grad", lambda s: s.found + typed(s.found.shape[1]
     * np.arange(1, len(s.found) + 1)[:, None], s), "row offset", "along the feature axis"),
)  # fmt: skip


@pytest.mark.parametrize("name, result, spoil, kind, words", ELEMENTS)
def test_what_was_done_to_each_element_is_named(
    name: str, result: str, spoil: Spoil, kind: str, words: str
) -> None:
    found = relation(name, result, spoil)
    assert (found.kind, words in found.sentence) == (kind, True), found


LOSSES: tuple[tuple[str, str, Callable[[ndarray, ndarray], Any], str], ...] = (
    ("MeanSquaredError", "loss", lambda p, t: np.abs(p - t).mean(),
     "the absolute error, averaged over all elements"),
    ("MeanSquaredError", "input_grad", lambda p, t: np.sign(p - t) / len(p),
     "the gradient of the absolute error, averaged over rows"),
    ("SoftmaxCrossEntropy", "input_grad", lambda p, t: 2 * (p - t) / len(p),
     "the gradient of the squared error, averaged over rows"),
    ("SoftmaxCrossEntropy", "input_grad",
     lambda p, t: -t * np.exp(-p) * np.exp(p).sum(axis=1, keepdims=True) / len(p),
     "the cross entropy's gradient, not led through the softmax, averaged over rows"),
)  # fmt: skip


@pytest.mark.parametrize("name, result, formula, words", LOSSES)
def test_another_loss_is_named(
    name: str, result: str, formula: Callable[[ndarray, ndarray], Any], words: str
) -> None:
    normal = [s for s in samples_of(name, result, of_loss(formula)) if "large" not in s.case.name]
    found = relate(normal)
    assert found == Relation("other loss", f"It is {words}.")


def test_gates_that_are_exchanged_are_told_from_a_copy() -> None:
    def exchange(sample: Sample) -> Sample:
        one, other = sample.wanted["deriv[W_f]"], sample.wanted["deriv[W_i]"]
        shown = {**sample.shown, "deriv[W_f]": other, "deriv[W_i]": one}
        return replace(sample, found=other, shown=shown, wrong=True)

    found = relate([exchange(sample) for sample in samples_of("LSTMNode", "deriv[W_f]")])
    assert found is not None
    assert found.kind == "exchanged"


def test_a_product_of_the_wrong_factors_says_which_it_must_be() -> None:
    def spoil(sample: Sample) -> ndarray:
        return typed(sample.inputs["output_grad"] @ sample.inputs["param"], sample)

    def square(sample: Sample) -> bool:
        return len(set(sample.inputs["param"].shape)) == 1

    wrong = [s for s in samples_of("WeightMultiply", "input_grad") if square(s)]
    found = relate([replace(s, found=spoil(s), wrong=True) for s in wrong])
    assert found is not None
    assert found.sentence == "It is output_grad @ param, must be output_grad @ param.T."


def test_a_step_in_the_wrong_direction_is_one() -> None:
    found = relation("SGD", "params[0], step 1", lambda s: 2 * s.inputs["W1"] - s.found)
    assert found == Relation("step", "It goes from W1 in the opposite direction.", -1.0)


def test_what_is_not_a_number_does_not_hide_what_is_right() -> None:
    def spoil(sample: Sample) -> ndarray:
        spoiled = sample.found.copy()
        spoiled[0, 0] = np.nan
        return np.asarray(spoiled)

    found = relation("WeightMultiply", "output", spoil)
    assert found.sentence == "It is right wherever it is not NaN."


@pytest.mark.parametrize(
    "name",
    ["Dense", "Conv2DOperation", "LSTMLayer", "SoftmaxCrossEntropy", "SGDMomentum", "MaxPool2D"],
)
def test_what_is_right_has_no_relation(name: str) -> None:
    for result, expected in right_runs(name)[0].expected.items():
        if not isinstance(expected, bool):
            assert relate(samples_of(name, result)) is None


def test_what_is_absent_or_wrong_by_its_type_alone_has_no_relation() -> None:
    assert relate(samples_of("Dense", "output", lambda s: Absent("None"))) is None
    assert relate(samples_of("Dense", "output", lambda s: s.found.astype("float16" if s.case.dtype
        == "float32" else "float64").astype("complex128"))) is None  # fmt: skip
    assert relate([]) is None


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    which=st.sampled_from(
        [
            ("WeightMultiply", "output"),
            ("BiasAdd", "param_grad"),
            ("Conv2DOperation", "input_grad"),
            ("SequenceSoftmaxCrossEntropy", "input_grad"),
            ("MeanSquaredError", "loss"),
            ("GRUNode", "deriv[W_hr]"),
            ("mae", "output"),
            ("ReLU6", "input_grad"),
            ("LSTMLayer", "start_C at first"),
        ]
    ),
)
def test_unrelated_arrays_have_no_relation(seed: int, which: tuple[str, str]) -> None:
    generator = np.random.default_rng(seed)
    spoil: Spoil = lambda s: typed(generator.standard_normal(np.shape(s.expected)), s)  # noqa: E731
    assert relate(samples_of(*which, spoil)) is None


def one_number(expected: Any, found: Any, name: str = "batch of 1") -> Sample:
    return Sample(Case(name, {}), "loss", found, expected, {}, {}, {}, (), wrong=True)


def test_one_number_proves_nothing() -> None:
    assert relate([one_number(3.0, 6.0)]) is None
    assert relate([one_number(3.0, 6.0), one_number(3.0, 6.0, "again")]) is None
    found = relate([one_number(3.0, 6.0), one_number(4.0, 8.0)])
    assert found is not None
    assert found.sentence == "It is the right one times 2."


def spoiled_at(name: str, result: str, place: Any, case: int = 2) -> Sample:
    sample = [s for s in samples_of(name, result) if s.case.dtype == "float64"][case]
    found = np.array(sample.found)
    found[place] += 1
    return replace(sample, found=found, wrong=True)


STARTS: tuple[tuple[str, str, Any, str | None], ...] = (
    (
        "SequenceSoftmaxCrossEntropy",
        "input_grad",
        np.s_[:, :3],
        "going back, first at time step 3 of 5",
    ),
    ("SequenceSoftmaxCrossEntropy", "input_grad", np.s_[:, 1:2], "only at time step 2 of 5"),
    ("SequenceSoftmaxCrossEntropy", "input_grad", np.s_[...], None),
    ("one_hot_sequences", "output", np.s_[:, 2:], "first at time step 3 of 5"),
    ("WeightMultiply", "output", np.s_[1:], "only in the rows after the first"),
    ("WeightMultiply", "output", np.s_[:-1], "only in the rows before the last"),
    ("WeightMultiply", "output", np.s_[2], "only in row 3 of 7"),
    ("WeightMultiply", "output", np.s_[2:4], "only in 2 of 7 rows, first in row 3"),
    ("WeightMultiply", "output", np.s_[:, 1], None),
    ("WeightMultiply", "param_grad", np.s_[3:], "only in rows 4 to 5 of 5"),
    ("WeightMultiply", "param_grad", np.s_[:, 1], "only in column 2 of 3"),
    ("Conv2DOperation", "output", np.s_[..., :, 0], "only at the border"),
    ("Conv2DOperation", "output", np.s_[..., 1:-1, 1:-1], "only inside, not at the border"),
)


@pytest.mark.parametrize("name, result, place, words", STARTS)
def test_where_it_starts(name: str, result: str, place: Any, words: str | None) -> None:
    assert where_it_starts(spoiled_at(name, result, place)) == words


def test_what_is_right_starts_nowhere() -> None:
    assert where_it_starts(samples_of("RNNLayer", "output")[0]) is None
    absent = replace(samples_of("RNNLayer", "output")[0], found=Absent("None"), wrong=True)
    assert where_it_starts(absent) is None
