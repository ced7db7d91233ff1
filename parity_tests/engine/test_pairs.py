"""Two mistakes at once: which pairs are named, and that nothing is named that is not there."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from parity.catalogue import component
from parity.catalogue.component import Component, Implementation, Mutant
from parity.diagnosis import pairs, shown
from parity.diagnosis.mistakes import explain
from parity.diagnosis.pairs import compose
from parity.engine import Failure, check_in_process
from scratch.activations import Sigmoid
from scratch.recurrent.nodes import LSTMNode
from scratch.regression import loss_gradients_linear_regression

IN_ONE_CLASS = (
    ("Sigmoid", "sign of the exponent", "(1 - output) forgotten"),
    ("Tanh", "overflow", "square of the difference"),
    ("WeightMultiply", "gradients accumulate", "output_grad ignored in the input gradient"),
    ("BiasAdd", "subtracted", "gradients accumulate"),
    ("Dense", "gradients accumulate", "no activation"),
    ("MeanSquaredError", "sign", "sum"),
    ("SGDMomentum", "weights only", "parameter first"),
    ("Flatten", "gradient left flat", "batch flattened, too"),
    ("MaxPool2D", "gradients accumulate", "size rounded up"),
    ("RNNNode", "tanh of tanh", "split the other way round"),
    ("RNNNode", "no output bias", "no tanh"),
    ("LSTMNode", "no output bias", "one gate's share alone"),
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Mistakes overflow and divide by zero."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def mutant(entry: Component, name: str) -> Mutant:
    """The one of that name."""
    return next(mutant for mutant in entry.mutants if mutant.name == name)


def diagnosed(entry: Component, implementation: Any) -> list[Failure]:
    """The failures of an implementation, explained."""
    own = Implementation({entry.symbol: implementation})
    return explain(entry, [check_in_process(entry, case, own) for case in entry.cases])


def names(failures: list[Failure]) -> set[str]:
    """Of all mistakes that are named."""
    named = [mutant for failure in failures for mutant in (failure.mutant, failure.also)]
    return {mutant.name for mutant in named if mutant is not None}


@pytest.mark.parametrize("name, first, second", IN_ONE_CLASS)
def test_two_mistakes_in_one_class_are_both_named(name: str, first: str, second: str) -> None:
    entry = component(name)
    both = compose(mutant(entry, first), mutant(entry, second))
    assert names(diagnosed(entry, both)) == {first, second}


@pytest.mark.parametrize("name, first, second", IN_ONE_CLASS[:4])
def test_one_of_two_is_not_taken_for_both(name: str, first: str, second: str) -> None:
    entry = component(name)
    for one in (first, second):
        assert names(diagnosed(entry, mutant(entry, one).implementation)) == {one}


class _TwiceWrong(Sigmoid):
    """As a learner may write it: the output is wrong, and the gradient for two reasons."""

    def _output(self) -> ndarray:
        return 1 / (1 + np.exp(self.input_))

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return self.output * (1 - self.output)


def test_each_result_carries_the_mistakes_that_have_a_hand_in_it() -> None:
    entry = component("Sigmoid")
    exponent, forgotten = (
        mutant(entry, "sign of the exponent"),
        mutant(entry, "output_grad forgotten"),
    )
    found = {f.result: (f.mutant, f.also) for f in diagnosed(entry, _TwiceWrong)}
    assert found["output"] == (exponent, None)
    assert found["input_grad"][0] is not None
    assert forgotten in found["input_grad"]


def _gradients(
    factor: Callable[[int], float], bias: Callable[[ndarray], ndarray]
) -> Callable[..., dict[str, ndarray]]:
    """The gradients of linear regression, all times a factor, that on the bias changed besides."""

    def gradients(
        forward_info: dict[str, ndarray], weights: dict[str, ndarray]
    ) -> dict[str, ndarray]:
        right = loss_gradients_linear_regression(forward_info, weights)
        scale = factor(len(forward_info["y"]))
        return {"W": scale * right["W"], "B": bias(scale * right["B"])}

    return gradients


@pytest.mark.parametrize(
    "gradients, planted",
    [
        (_gradients(lambda n: -n, lambda b: b), {"sign", "not divided by the batch size"}),
        (_gradients(lambda n: -0.5, lambda b: b), {"sign", "half"}),
        (_gradients(lambda n: 0.5, lambda b: 0 * b), {"half", "bias gradient missing"}),
    ],
    ids=["a sign and a factor", "a sign and a half", "a factor and a gradient of its own"],
)
def test_two_mistakes_in_a_function_are_both_named(
    gradients: Callable[..., dict[str, ndarray]], planted: set[str]
) -> None:
    assert names(diagnosed(component("loss_gradients_linear_regression"), gradients)) == planted


def test_what_no_two_mistakes_show_has_no_name() -> None:
    gradients = _gradients(lambda n: 0.3 + n, lambda b: b + 1)
    assert names(diagnosed(component("loss_gradients_linear_regression"), gradients)) == set()


class _Unknown(LSTMNode):
    """A mistake that is in no bank."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output, *states = super().forward(*args, **kwargs)
        return output + 0.123 * output**2, *states


def test_only_so_many_classes_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = component("LSTMNode")
    bank = {mutant.implementation for mutant in entry.mutants}
    composed = []
    show = shown.show

    def count(entry: Component, mistaken: Any, *args: Any) -> Any:
        composed.extend([mistaken] if mistaken not in bank else [])
        return show(entry, mistaken, *args)

    monkeypatch.setattr(shown, "show", count)
    monkeypatch.setattr(pairs, "BUDGET", 20)
    assert names(diagnosed(entry, _Unknown)) == set()
    assert len(composed) == 20


def test_classes_without_a_common_subclass_are_not_composed() -> None:
    relu, leaky = component("ReLU").mutants[0], component("Sigmoid").mutants[0]
    assert compose(relu, relu) is None
    assert compose(component("softmax").mutants[0], leaky) is None
