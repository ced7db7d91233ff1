"""Catalogue of chapter 3: activations."""

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
        activation = getattr(impl, name)()
        activation.forward(given.inputs["input_"] + 1)
        output = snapshot(activation.forward(given.inputs["input_"]))
        input_grad = activation.backward(given.inputs["output_grad"])
        return Observed({"output": output, "input_grad": snapshot(input_grad)})

    return run


def _reference(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import activations

        output, input_grad, _ = backpropagate(
            getattr(activations, name)(), given.inputs["input_"], given.inputs["output_grad"]
        )
        return {"output": output, "input_grad": input_grad}

    return reference


def _shapes(n: int) -> Shapes:
    return {"input_": (n, 3), "output_grad": (n, 3)}


def _activation(
    name: str, summary: str, doc: str, mutations: tuple[Mutant, ...], *cases: Case
) -> Component:
    return Component(
        name=name,
        chapter=3,
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


COMPONENTS = (
    _activation(
        "Sigmoid",
        "1 / (1 + exp(-input))",
        "1 / (1 + exp(-input_)), element by element.",
        mutants.SIGMOID,
        Case(
            "large inputs",
            {"output_grad": (1, 5)},
            values={"input_": [[-1000.0, -40.0, 0.0, 40.0, 1000.0]]},
        ),
    ),
    _activation(
        "Linear", "the input as it is", "No activation: the input as it is.", mutants.LINEAR
    ),
)
