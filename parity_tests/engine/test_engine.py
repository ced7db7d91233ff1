"""The engine: what is wrong with a result is found, in order, and put down to a mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy import ndarray

import scratch
import scratch.dense
import scratch.functions
import scratch.losses
import scratch.operations
import scratch.regression
from parity.catalogue import component
from parity.catalogue.component import Case, Component, Implementation
from parity.comparison import Absent
from parity.diagnosis.mistakes import explain
from parity.engine import Failure, Run, check_in_process, judge, poisoned_empty, run_case

DENSE = component("Dense")


def failures(name: str, own: Any, case: int = 2) -> list[Failure]:
    """Of one case; number 2 is a batch of seven rows wherever there are batches."""
    entry = component(name)
    return check_in_process(entry, entry.cases[case], Implementation({name: own})).failures


def runs(entry: Component, own: Any, cases: tuple[Case, ...] = ()) -> list[Run]:
    implementation = Implementation({entry.name: own})
    return [check_in_process(entry, case, implementation) for case in cases or entry.cases]


def test_what_is_right_has_no_failures() -> None:
    assert failures("square", lambda x: x * x) == []


def test_only_the_wrong_one_of_two_results_fails() -> None:
    def wrong(x: ndarray, y: ndarray, sigma: Any) -> Any:
        right = scratch.functions.multiple_inputs_multiply_backward(x, y, sigma)
        return right[0], right[1] + 1

    [failure] = failures("multiple_inputs_multiply_backward", wrong)
    assert (failure.result, failure.difference.kind) == ("y_grad", "value")


def test_the_first_result_comes_first() -> None:
    def wrong(x: ndarray, y: ndarray, sigma: Any) -> Any:
        return y, x

    found = failures("multiple_inputs_multiply_backward", wrong)
    assert [failure.result for failure in found] == ["x_grad", "y_grad"]


def test_a_result_that_is_not_there_is_absent() -> None:
    entry = component("multiple_inputs_add_backward")
    observed, inputs = run_case(entry, entry.cases[2], Implementation())
    del observed.tensors["y_grad"]
    [failure] = judge(entry, entry.cases[2], observed, inputs)
    assert (failure.result, failure.difference.message) == ("y_grad", "is not there")


def test_a_tuple_of_the_wrong_length_is_a_tuple_where_an_array_should_be() -> None:
    def wrong(x: ndarray, y: ndarray, sigma: Any) -> Any:
        return (x,)

    for failure in failures("multiple_inputs_add_backward", wrong):
        assert failure.difference.message == "is a tuple, must be an array of shape (7, 3)"


def test_what_must_hold_must_hold_strictly() -> None:
    """A result that is merely true-ish is none: an array has no truth value at all."""
    entry = component("permute_data")
    case = entry.cases[2]
    observed, inputs = run_case(entry, case, Implementation())
    rule = next(name for name, value in observed.tensors.items() if value is True)
    for value in (False, 1, 1.0, np.True_, np.ones(3), Absent("a list")):
        observed.tensors[rule] = value
        [failure] = judge(entry, case, observed, inputs)
        assert (failure.result, failure.difference.kind) == (rule, "rule")


def test_a_function_that_returns_one_of_two_arrays_differs() -> None:
    [*_, failure] = failures("permute_data", lambda X, y: X)
    assert failure.difference.kind in ("value", "absent", "rule")


@pytest.mark.parametrize("layout", ["plain", "strided", "reversed", "transposed"])
def test_an_input_that_is_changed_in_place_is_found(layout: str) -> None:
    def wrong(x: ndarray) -> ndarray:
        x *= x
        return x

    case = next(
        case for case in component("square").cases if layout == "plain" or case.layout == layout
    )
    [failure] = check_in_process(
        component("square"), case, Implementation({"square": wrong})
    ).failures
    assert failure.result == "the input x"
    assert "changed in place" in failure.difference.message


def test_an_input_whose_shape_is_changed_in_place_is_found() -> None:
    entry = component("square")
    observed, inputs = run_case(entry, entry.cases[2], Implementation())
    [failure] = judge(entry, entry.cases[2], observed, {"x": inputs["x"].reshape(-1)})
    assert "changed in place" in failure.difference.message


def test_an_input_with_nan_is_not_taken_for_changed() -> None:
    entry = component("square")
    case = Case("nan", {}, values={"x": [[float("nan"), 1.0]]})
    observed, inputs = run_case(entry, case, Implementation())
    assert [f.result for f in judge(entry, case, observed, inputs)] == ["output"]


def test_an_element_that_is_never_written_is_found() -> None:
    """Memory that has just been given back often still holds the right numbers."""

    def wrong(x: ndarray) -> ndarray:
        result = np.empty_like(x)
        result[1:] = x[1:] * x[1:]
        return result

    [failure] = failures("square", wrong)
    assert failure.difference.kind == "not finite"
    assert failure.difference.count == 3


def test_counts_that_are_never_written_are_found() -> None:
    with poisoned_empty():
        assert np.empty(2, np.int64).tolist() == [np.iinfo(np.int64).max] * 2
        assert np.isnan(np.empty((2, 2), np.complex128)).all()
        assert np.empty(3, object).tolist() == [None] * 3
        assert np.empty_like([1.0, 2.0]).shape == (2,)


def test_poison_is_gone_afterwards_even_after_an_error() -> None:
    empty, empty_like = np.empty, np.empty_like
    with pytest.raises(ZeroDivisionError), poisoned_empty():
        1 / 0  # noqa: B018
    assert np.empty is empty
    assert np.empty_like is empty_like


def failures_with_params(change: Any) -> list[Failure]:
    """Of a right layer that shows other parameters than it has."""
    case = DENSE.cases[2]
    observed, inputs = run_case(DENSE, case, Implementation())
    observed.params = list(change(*observed.params))
    return judge(DENSE, case, observed, inputs)


@pytest.mark.parametrize(
    "change, result, words",
    [
        (lambda W, B: [W], "params", "must hold 2 arrays (W, B), not 1"),
        (lambda W, B: [W, B, B], "params", "must hold 2 arrays (W, B), not 3"),
        (lambda W, B: [], "params", "must hold 2 arrays (W, B), not 0"),
        (lambda W, B: [W.T, B], "params[0]", "(W) has shape (3, 5), must be (5, 3)"),
        (lambda W, B: [W, B[0]], "params[1]", "(B) has shape (3,), must be (1, 3)"),
        (lambda W, B: [B, W], "params[0]", "(W) has shape (1, 3), must be (5, 3)"),
        (
            lambda W, B: [W.astype("float32"), B],
            "params[0]",
            "(W) is of type float32, must be float64",
        ),
        (lambda W, B: [W * np.nan, B], "params[0]", "(W) holds NaN or infinity"),
        (lambda W, B: [W, B * np.inf], "params[1]", "(B) holds NaN or infinity"),
        (lambda W, B: [W, Absent("a list")], "params[1]", "(B) is a list, must be an array"),
        (lambda W, B: [None, B], "params[0]", "(W) is None, must be an array"),
    ],
)
def test_parameters_that_the_reference_cannot_adopt_are_a_failure(
    change: Any, result: str, words: str
) -> None:
    [failure] = failures_with_params(change)
    assert (failure.result, failure.difference.kind) == (result, "params")
    assert failure.difference.message == words


def test_weights_that_are_all_alike_are_refused() -> None:
    [failure] = failures_with_params(lambda W, B: [np.full_like(W, 0.5), B])
    assert failure.difference.message.startswith("is 0.5 in every element; draw it at random")


def test_biases_may_all_be_alike() -> None:
    class ZeroBias(scratch.dense.Dense):
        def _setup_layer(self, input_: ndarray) -> None:
            super()._setup_layer(input_)
            self.params[1][...] = 0

    assert failures("Dense", ZeroBias) == []


def test_float64_parameters_will_do_for_float32_inputs() -> None:
    case = next(case for case in DENSE.cases if case.dtype == "float32")
    observed, inputs = run_case(DENSE, case, Implementation())
    observed.params = [param.astype("float64") for param in observed.params]
    assert judge(DENSE, case, observed, inputs) == []


def test_float64_results_will_do_for_float32_inputs_only_for_learners() -> None:
    entry = component("square")
    case = next(case for case in entry.cases if case.dtype == "float32")
    own = Implementation({"square": lambda x: x.astype("float64") ** 2})
    observed, inputs = run_case(entry, case, own)
    assert judge(entry, case, observed, inputs, upcast=True) == []
    [failure] = judge(entry, case, observed, inputs)
    assert failure.difference.kind == "dtype"


def test_a_mistake_is_named_by_the_mutant_that_shows_the_same() -> None:
    entry = component("MeanSquaredError")

    class Wrong(scratch.losses.MeanSquaredError):
        def _input_grad(self) -> ndarray:
            return 2.0 * (self.prediction - self.target)

    found = explain(entry, runs(entry, Wrong))
    assert {failure.mutant.name for failure in found if failure.mutant} == {
        "gradient not divided by the batch size"
    }
    assert all(failure.mutant is not None for failure in found)


def test_a_mistake_that_no_mutant_makes_stays_unnamed() -> None:
    entry = component("MeanSquaredError")

    class Wrong(scratch.losses.MeanSquaredError):
        def _input_grad(self) -> ndarray:
            return 0.123 * (self.prediction - self.target)

    found = explain(entry, runs(entry, Wrong))
    assert found
    assert {failure.mutant for failure in found} == {None}


def test_of_two_mutants_that_agree_the_one_that_agrees_more_is_named() -> None:
    """With one row in the batch, a gradient that lacks the division looks right, and one that lacks
    the 2 as well looks as if it lacked the 2 alone.
    """
    entry = component("loss_gradients_linear_regression")
    gradients = scratch.regression.loss_gradients_linear_regression

    def wrong(info: Any, weights: Any) -> Any:
        return {key: value * len(info["y"]) / 2 for key, value in gradients(info, weights).items()}

    found = explain(entry, runs(entry, wrong))
    assert {failure.mutant.name for failure in found if failure.mutant} == {
        "half, and not divided by the batch size"
    }


def test_two_mistakes_at_once_are_both_named() -> None:
    entry = component("loss_gradients_linear_regression")
    gradients = scratch.regression.loss_gradients_linear_regression

    def wrong(info: Any, weights: Any) -> Any:
        right = gradients(info, weights)
        return {"W": -right["W"], "B": 0 * right["B"]}

    found = explain(entry, runs(entry, wrong))
    named = {failure.result: failure.mutant.name for failure in found if failure.mutant}
    assert named == {"W": "sign", "B": "bias gradient missing"}


def test_none_is_not_put_down_to_a_mutant_that_returns_none_too() -> None:
    entry = component("Layer")

    class Wrong(scratch.dense.Layer):
        def _param_grads(self) -> None:
            self.param_grads = [None, None]  # type: ignore[list-item]

    found = explain(entry, runs(entry, Wrong))
    assert found
    assert {failure.mutant for failure in found} == {None}


def test_a_mutant_that_cannot_run_explains_nothing() -> None:
    def wrong(x: ndarray) -> ndarray:
        return x * x + 7

    entry = component("square")
    broken = Component(**{**vars(entry), "mutants": (*entry.mutants, _broken(entry))})
    assert {failure.mutant for failure in explain(broken, runs(entry, wrong))} == {None}


def _broken(entry: Component) -> Any:
    from dataclasses import replace

    def explode(x: ndarray) -> ndarray:
        raise ZeroDivisionError

    return replace(entry.mutants[0], name="explodes", implementation=explode)


def test_a_run_keeps_what_was_observed() -> None:
    run = check_in_process(DENSE, DENSE.cases[0])
    assert run.failures == []
    assert run.case is DENSE.cases[0]
    assert [param.shape for param in run.observed.params] == [(5, 3), (1, 3)]
