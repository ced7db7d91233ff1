"""Where a result comes from in a learner's file: the lines of the method, or of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.checking.file import check_component
from parity.diagnosis.finding import findings
from parity.diagnosis.places import Place, place_of, places_of
from parity.runner.isolated import Limits
from parity_tests.engine.conftest import Learner


class Base:
    def forward(self) -> None:
        pass

    def backward(self) -> None:
        pass


class Layer(Base):
    @staticmethod
    def _output() -> None:
        def inner() -> int:
            return 3

        inner()

    def backward(self) -> None:
        pass


def function() -> None:
    pass


def line_of(text: str) -> int:
    return next(
        number for number, line in enumerate(Path(__file__).read_text().splitlines(), 1)
        if line.strip() == text
    )  # fmt: skip


def test_methods_stand_under_the_class_that_has_them() -> None:
    places = places_of(Layer, __file__)
    assert {name: place.name for name, place in places.items()} == {
        "forward": "Base.forward",
        "backward": "Layer.backward",
        "_output": "Layer._output",
        "": "Layer",
    }
    assert places["_output"].first == line_of("@staticmethod")
    assert places["_output"].last == line_of("inner()")
    assert places["forward"].first == line_of("class Base:") + 1


def test_what_stands_in_another_file_has_no_place() -> None:
    assert places_of(Layer, "other.py") == {}
    assert places_of(Path, __file__) == {}
    assert places_of(3, __file__) == {}


def test_a_function_is_its_own_place() -> None:
    first = line_of("def function() -> None:")
    assert places_of(function, __file__) == {"": Place("function", first, first + 1)}


@pytest.mark.parametrize(
    "result, method",
    [
        ("output", "_output"),
        ("input_grad", "backward"),
        ("param_grads[0]", "backward"),
        ("output of two layers", "_output"),
        ("loss", "_output"),
        ("a restart draws new params", ""),
    ],
)
def test_each_result_has_its_method(result: str, method: str) -> None:
    places = places_of(Layer, __file__)
    assert place_of(places, result) == places[method]


def test_the_method_that_the_mistake_is_in_counts() -> None:
    class Mistake(Base):
        def forward(self) -> None:
            raise NotImplementedError

    places = places_of(Layer, __file__)
    assert place_of(places, "input_grad", Mistake) == places["forward"]


def test_a_mistake_in_a_file_is_found_at_its_line(learner: Learner) -> None:
    file = learner(
        """
        import numpy as np

        class Sigmoid:
            def forward(self, input_):
                self.output = 1 / (1 + np.exp(-input_))
                return self.output

            def backward(self, output_grad):
                return self.output * output_grad
        """
    )
    verdict = check_component(file, "Sigmoid", "class", Limits())
    [finding] = findings(verdict)
    assert finding.place == Place("Sigmoid.backward", 9, 10)
    assert (finding.kind, finding.result, finding.right) == ("mistake", "input_grad", ("output",))
