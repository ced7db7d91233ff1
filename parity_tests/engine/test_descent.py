"""Training by hand, as learners write it: any generator, any order, answers of every form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity.catalogue import component
from parity.catalogue.component import Implementation
from parity.diagnosis.mistakes import explain
from parity.engine import Failure, check_in_process
from scratch import regression as scratch

MODELS = ("linear_regression", "neural_network")


def failures_of(name: str, function: Callable[..., Any]) -> list[Failure]:
    entry = component(name)
    implementation = Implementation({name: function})
    return explain(entry, [check_in_process(entry, case, implementation) for case in entry.cases])


def words_of(name: str, function: Callable[..., Any]) -> str:
    """What is wrong first."""
    first = failures_of(name, function)[0]
    return f"{first.result} {first.difference.message}"


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def with_default_rng(model: str, batches: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Training that draws from NumPy's new generator, orders first, on batches of its own."""

    def train(X: Any, y: Any, *, seed: int, **options: Any) -> Any:
        generator = np.random.default_rng([seed, 1])
        if batches is not None:
            X, y, options = batches(X, y, options)
        return getattr(scratch, f"train_{model}")(X, y, seed=generator, **options)

    return train


def test_any_generator_will_do(model: str) -> None:
    assert failures_of(f"train_{model}", with_default_rng(model)) == []


def test_with_any_generator_the_mistake_is_named(model: str) -> None:
    def all_rows(X: Any, y: Any, options: Any) -> Any:
        return X, y, {**options, "batch_size": len(X)}

    failures = failures_of(f"train_{model}", with_default_rng(model, all_rows))
    assert {failure.mutant.name for failure in failures if failure.mutant} == {"batch size ignored"}
    assert {failure.case.name.partition(",")[0] for failure in failures} == {
        "7 rows by 1",
        "7 rows by 2",
        "7 rows by 3",
    }


@pytest.mark.parametrize("form", [tuple, list, reversed], ids=["tuple", "list", "reversed"])
def test_weights_and_losses_may_come_in_either_order(model: str, form: Any) -> None:
    def train(X: Any, y: Any, **options: Any) -> Any:
        answer = form(getattr(scratch, f"train_{model}")(X, y, **options))
        return answer if form is not reversed else tuple(answer)

    assert failures_of(f"train_{model}", train) == []


def test_the_books_switches_are_set() -> None:
    def train(
        X: Any, y: Any, return_losses: bool = False, return_weights: bool = False, **options: Any
    ) -> Any:
        weights, losses = scratch.train_linear_regression(X, y, **options)
        return (losses, weights) if return_losses and return_weights else None

    assert failures_of("train_linear_regression", train) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "is None"),
        (3.0, "is a number"),
        (np.ones(3), "is an array"),
        ({"W": np.ones((5, 1)), "B": np.ones((1, 1))}, "is a dict with W, B"),
        (([], []), "is a tuple of 2"),
        (({}, [], []), "is a tuple of 3"),
        (({"W": 1.0}, []), "is without B in the weights"),
        (({"W": 1.0, "B": 1.0}, None), "is with losses that are None"),
        (({"W": 1.0, "B": 1.0}, ["a"]), "is with losses that are a list of 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_of_another_form_is_told_in_words(answer: Any, words: str) -> None:
    told = words_of("train_linear_regression", lambda X, y, **options: answer)
    assert told == (
        f"what it returns {words}, must be (weights, losses), weights a dictionary with W and B"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "is None"),
        (np.ones(3), "is an array"),
        ([1.0], "is a list of 1"),
        ((1.0, np.ones(3)), "is a tuple of 2"),
        ({"P": 3, "loss": 2}, "is a dict with P, loss"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_forward_pass_of_another_form_is_told_in_words(answer: Any, words: str) -> None:
    told = words_of("forward_linear_regression", lambda X, y, weights: answer)
    wanted = "(forward_info, loss), forward_info a dictionary with P"
    assert told == f"what it returns {words}, must be {wanted}"


def test_a_forward_pass_may_return_a_list_in_either_order(model: str) -> None:
    name = f"forward_{model}"
    right = getattr(scratch, name)
    assert failures_of(name, lambda *args: list(right(*args))) == []
    assert failures_of(name, lambda *args: list(right(*args))[::-1]) == []


def test_gradients_of_another_form_are_told_in_words() -> None:
    told = words_of("loss_gradients_linear_regression", lambda info, weights: (1, 2))
    assert told == "what it returns is a tuple of 2, must be a dictionary with W and B"
    told = words_of("loss_gradients_linear_regression", lambda info, weights: {})
    assert told == "W is not there"


@pytest.mark.parametrize("number", [float, np.float64])
def test_a_bias_gradient_may_be_a_number(number: Any) -> None:
    def gradients(info: Any, weights: Any) -> Any:
        right = scratch.loss_gradients_linear_regression(info, weights)
        if info["X"].dtype == np.float64:
            right["B"] = number(right["B"].item())
        return right

    assert failures_of("loss_gradients_linear_regression", gradients) == []


def test_weights_that_start_alike_are_told_before_anything_else() -> None:
    """Zeros, and batches that are not asked for: the neurons come first."""

    def train(X: Any, y: Any, *, seed: int, batch_size: int, **options: Any) -> Any:
        class Zeros(np.random.RandomState):
            def standard_normal(self, size: Any = None) -> Any:
                return np.zeros(size)

        return scratch.train_neural_network(X, y, seed=Zeros(seed), batch_size=len(X), **options)

    failures = failures_of("train_neural_network", train)
    assert {failure.result for failure in failures} == {
        "the elements of W1 differ from one another before training"
    }
    assert {failure.mutant.name for failure in failures if failure.mutant} == {"weights all alike"}
