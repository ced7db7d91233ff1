"""Catalogue of chapters 3 and 4: activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Mutant,
    Observed,
    snapshot,
)
from parity.catalogue.twins import backpropagate
from parity.mutants import activations as mutants


def _run(name: str) -> Callable[[Implementation, Given], Observed]:
    def run(impl: Implementation, given: Given) -> Observed:
        """A first pass with another input goes before, so that nothing stale can pass."""
        activation = getattr(impl, name)(**given.options)
        activation.forward(given.inputs["input_"] + 1)
        output = snapshot(activation.forward(given.inputs["input_"]))
        input_grad = activation.backward(given.inputs["output_grad"])
        return Observed({"output": output, "input_grad": snapshot(input_grad)})

    return run


def _reference(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import activations

        output, input_grad, _ = backpropagate(
            getattr(activations, name)(**given.options),
            given.inputs["input_"],
            given.inputs["output_grad"],
        )
        return {"output": output, "input_grad": input_grad}

    return reference


def _shapes(n: int) -> Shapes:
    return {"input_": (n, 3), "output_grad": (n, 3)}


def _values(name: str, *values: float, differentiable: bool = True) -> tuple[Case, ...]:
    """One row of inputs, in both types."""
    return tuple(
        Case(
            name if dtype == "float64" else f"{name}, {dtype}",
            {"output_grad": (1, len(values))},
            dtype=dtype,
            values={"input_": [list(values)]},
            differentiable=differentiable,
        )
        for dtype in ("float64", "float32")
    )


def _activation(
    name: str,
    summary: str,
    doc: str,
    mutations: tuple[Mutant, ...],
    cases: tuple[Case, ...] = (),
    *,
    chapter: int = 4,
) -> Component:
    return Component(
        name=name,
        chapter=chapter,
        module="activations",
        summary=summary,
        compares=("output", "input_grad"),
        run=_run(name),
        reference=_reference(name),
        cases=(*batch_cases(_shapes, empty=True), *cases),
        gradients={"input_grad": "input_"},
        mutants=mutations,
        requires=("Operation",),
        skeleton=f'''
class {name}(Operation):
    """{doc}"""

    def _output(self):
        """Any shape."""

    def _input_grad(self, output_grad):
        """The shape of the input."""
''',
    )


_KINK = _values("on the kink", -1.0, -0.0, 0.0, 1.0, 2.0, differentiable=False)
_KINKS = _values("on the kinks", -1.0, -0.0, 0.0, 1.0, 6.0, 7.0, differentiable=False)

COMPONENTS = (
    _activation(
        "Sigmoid",
        "1 / (1 + exp(-input))",
        "1 / (1 + exp(-input_)), element by element.",
        mutants.SIGMOID,
        (
            Case(
                "large inputs",
                {"output_grad": (1, 5)},
                values={"input_": [[-1000.0, -40.0, 0.0, 40.0, 1000.0]]},
            ),
        ),
        chapter=3,
    ),
    _activation(
        "Linear",
        "the input as it is",
        "No activation: the input as it is.",
        mutants.LINEAR,
        chapter=3,
    ),
    _activation(
        "Tanh",
        "hyperbolic tangent",
        "The hyperbolic tangent, element by element.",
        mutants.TANH,
        _values("large inputs", -1000.0, -40.0, 0.0, 40.0, 1000.0),
    ),
    _activation(
        "ReLU",
        "negative elements to 0",
        "Negative elements to 0. The slope at 0 is 0.",
        mutants.RELU,
        _KINK,
    ),
    _activation(
        "LeakyReLU",
        "negative elements times 0.2",
        "Negative elements times 0.2, as in leaky_relu. The slope at 0 is 0.2.",
        mutants.LEAKY_RELU,
        _KINK,
    ),
    _activation(
        "ReLU6",
        "negative elements to 0, those above 6 to 6",
        "Negative elements to 0, those above 6 to 6. The slope at 0 and at 6 is 0.",
        mutants.RELU6,
        (*_values("around 6", -7.0, 0.5, 5.75, 6.25, 9.0), *_KINKS),
    ),
    Component(
        name="LeakyReLU.negative_slope",
        chapter=4,
        module="activations",
        summary="negative elements times a slope to choose",
        compares=("output", "input_grad"),
        run=_run("LeakyReLU"),
        reference=_reference("LeakyReLU"),
        cases=(
            *batch_cases(_shapes, options={"negative_slope": 0.01}),
            Case("negative_slope=0.5", _shapes(7), {"negative_slope": 0.5}),
        ),
        gradients={"input_grad": "input_"},
        mutants=mutants.NEGATIVE_SLOPE,
        requires=("LeakyReLU",),
        skeleton="LeakyReLU takes the factor of the negative elements as negative_slope, 0.2 if "
        "none is given, and uses it in both directions.",
        in_book=False,
    ),
)
