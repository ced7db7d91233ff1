"""Catalogue of chapter 3: losses."""

from __future__ import annotations

from typing import Any

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    snapshot,
)
from parity.catalogue.operations import refuses
from parity.catalogue.twins import array, tensor
from parity.mutants import losses as mutants


def _run_loss(impl: Implementation, given: Given) -> Observed:
    """Tries ``Loss`` through a subclass: the sum of prediction squared times target.

    The wrong target has shape (n,) where the prediction has (n, 1): NumPy takes them for (n, n).
    """

    class Probe(impl.Loss):  # type: ignore[name-defined]
        def _output(self) -> Any:
            return (self.prediction**2 * self.target).sum()

        def _input_grad(self) -> Any:
            return 2 * self.prediction * self.target

    loss = Probe()
    prediction, target = given.inputs["prediction"], given.inputs["target"]
    loss.forward(prediction + 1, target + 1)
    value = loss.forward(prediction, target)
    input_grad = snapshot(loss.backward())
    return Observed(
        {
            "loss": value,
            "input_grad": input_grad,
            "a target of the wrong shape is refused": refuses(
                lambda: loss.forward(prediction[:, :1], target[:, 0])
            ),
        }
    )


def _reference_loss(given: Given) -> dict[str, Any]:
    prediction = tensor(given.inputs["prediction"], requires_grad=True)
    loss = (prediction.square() * tensor(given.inputs["target"])).sum()
    loss.backward()
    return {
        "loss": array(loss),
        "input_grad": array(prediction.grad),
        "a target of the wrong shape is refused": True,
    }


def _run_mean_squared_error(impl: Implementation, given: Given) -> Observed:
    loss = impl.MeanSquaredError()
    loss.forward(given.inputs["prediction"] + 1, given.inputs["target"] - 1)
    loss.backward()
    value = loss.forward(given.inputs["prediction"], given.inputs["target"])
    return Observed({"loss": value, "input_grad": snapshot(loss.backward())})


def _reference_mean_squared_error(given: Given) -> dict[str, Any]:
    from reference.losses import MeanSquaredError

    prediction = tensor(given.inputs["prediction"], requires_grad=True)
    loss = MeanSquaredError()(prediction, tensor(given.inputs["target"]))
    loss.backward()
    return {"loss": array(loss), "input_grad": array(prediction.grad)}


def _objective(given: Given) -> float:
    from parity.catalogue import component

    return float(component("MeanSquaredError").run(Implementation(), given).tensors["loss"])


def _probe_objective(given: Given) -> float:
    return float((given.inputs["prediction"] ** 2 * given.inputs["target"]).sum())


def _shapes(n: int) -> Shapes:
    return {"prediction": (n, 3), "target": (n, 3)}


COMPONENTS = (
    Component(
        name="Loss",
        chapter=3,
        module="losses",
        summary="the base of all losses",
        compares=("loss", "input_grad", "a target of the wrong shape is refused"),
        run=_run_loss,
        reference=_reference_loss,
        cases=batch_cases(_shapes),
        gradients={"input_grad": "prediction"},
        objective=_probe_objective,
        mutants=mutants.LOSS,
        skeleton='''
class Loss:
    """Base class. Subclasses define _output() and _input_grad()."""

    def forward(self, prediction, target):
        """Check the shapes against each other, keep both as self.prediction and self.target;
        return _output(), one number."""

    def backward(self):
        """Return _input_grad(), the gradient on the prediction."""

    def _output(self):
        """For subclasses to define."""

    def _input_grad(self):
        """For subclasses to define."""
''',
    ),
    Component(
        name="MeanSquaredError",
        chapter=3,
        module="losses",
        summary="squared differences over the batch size",
        compares=("loss", "input_grad"),
        run=_run_mean_squared_error,
        reference=_reference_mean_squared_error,
        cases=(
            *batch_cases(_shapes),
            *(
                Case(f"one column, batch of {n}", {"prediction": (n, 1), "target": (n, 1)})
                for n in (1, 7)
            ),
        ),
        gradients={"input_grad": "prediction"},
        objective=_objective,
        mutants=mutants.MEAN_SQUARED_ERROR,
        requires=("Loss",),
        skeleton='''
class MeanSquaredError(Loss):
    """The sum of the squared differences, divided by the number of rows."""

    def _output(self):
        """One number."""

    def _input_grad(self):
        """The shape of the prediction."""
''',
    ),
)
