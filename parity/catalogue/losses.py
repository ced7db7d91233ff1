"""Catalogue of chapters 3 and 4: losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.catalogue.cases import BATCHES, Shapes, batch_cases
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
    loss = impl.MeanSquaredError(**given.options)
    loss.forward(given.inputs["prediction"] + 1, given.inputs["target"] - 1)
    loss.backward()
    value = loss.forward(given.inputs["prediction"], given.inputs["target"])
    return Observed({"loss": value, "input_grad": snapshot(loss.backward())})


def _run_softmax_cross_entropy(impl: Implementation, given: Given) -> Observed:
    """A first pass with other numbers goes before; softmax does not notice when one is added."""
    loss = impl.SoftmaxCrossEntropy()
    loss.forward(-given.inputs["prediction"], np.roll(given.inputs["target"], 1, axis=1))
    loss.backward()
    value = loss.forward(given.inputs["prediction"], given.inputs["target"])
    return Observed(_by_size(given, {"loss": value, "input_grad": snapshot(loss.backward())}))


def _reference_softmax_cross_entropy(given: Given) -> dict[str, Any]:
    return _by_size(given, _reference("SoftmaxCrossEntropy")(Given(given.inputs, {})))


def _by_size(given: Given, results: dict[str, Any]) -> dict[str, Any]:
    """Results of large predictions under names of their own: a softmax that overflows, which is
    told of itself, does not hide what else is wrong.
    """
    of = _OF_LARGE if given.options.get("large") else ""
    return {name + of: result for name, result in results.items()}


_OF_LARGE = " of large predictions"


def _reference(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import losses

        prediction = tensor(given.inputs["prediction"], requires_grad=True)
        loss = getattr(losses, name)(**given.options)(prediction, tensor(given.inputs["target"]))
        loss.backward()
        return {"loss": array(loss), "input_grad": array(prediction.grad)}

    return reference


def _objective(name: str) -> Callable[[Given], float]:
    def objective(given: Given) -> float:
        from parity.catalogue import component

        [loss, _] = component(name).run(Implementation(), given).tensors.values()
        return float(loss)

    return objective


def _probe_objective(given: Given) -> float:
    return float((given.inputs["prediction"] ** 2 * given.inputs["target"]).sum())


def _shapes(n: int) -> Shapes:
    return {"prediction": (n, 3), "target": (n, 3)}


def _classes(name: str, n: int, classes: int = 3, **rest: Any) -> Case:
    """Random predictions; the rows of the target belong to one class after the other."""
    target = [[float(i % classes == j) for j in range(classes)] for i in range(n)]
    return Case(name, {"prediction": (n, classes)}, values={"target": target}, **rest)


def _large(name: str, rows: list[list[float]], **rest: Any) -> Case:
    """Given predictions of three classes; the first row belongs to the first, and so on."""
    values = {"prediction": rows, "target": np.eye(3)[: len(rows)].tolist()}
    return Case(f"large predictions{name}", {}, {"large": True}, values=values, **rest)


_SOFTMAX_CROSS_ENTROPY_CASES = (
    *(_classes(f"batch of {n}", n) for n in BATCHES),
    *(
        _classes(f"batch of 7, {layout} in memory", 7, layout=layout)
        for layout in ("strided", "reversed", "transposed")
    ),
    *(_classes(f"batch of {n}, float32", n, dtype="float32") for n in (2, 64)),
    _classes("two classes", 7, 2),
    _classes("ten classes", 60, 10),
    _classes("ten classes, float32", 60, 10, dtype="float32"),
    _large("", [[1000.0, 999.0, 998.0], [-1000.0, -999.5, -1001.0]]),
    # Large enough for float32 to overflow; of a larger logarithm of a sum it has no digits left.
    _large(", float32", [[100.0, 99.0, 98.0], [-110.0, -109.5, -111.0]], dtype="float32"),
    # A probability that is 0 in floating point. The book keeps it at 1e-9, which is no mistake, and
    # shows in as many digits.
    _large(", far apart", [[1000.0, -1000.0, 0.0], [1000.0, 999.0, 998.0]], tolerance="numeric"),
)

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
        reference=_reference("MeanSquaredError"),
        cases=(
            *batch_cases(_shapes),
            *(
                Case(f"one column, batch of {n}", {"prediction": (n, 1), "target": (n, 1)})
                for n in (1, 7)
            ),
        ),
        gradients={"input_grad": "prediction"},
        objective=_objective("MeanSquaredError"),
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
    Component(
        name="SoftmaxCrossEntropy",
        chapter=4,
        module="losses",
        summary="-sum(y log p) over the batch size, p the softmax",
        compares=("loss", "input_grad", f"loss{_OF_LARGE}", f"input_grad{_OF_LARGE}"),
        run=_run_softmax_cross_entropy,
        reference=_reference_softmax_cross_entropy,
        cases=_SOFTMAX_CROSS_ENTROPY_CASES,
        gradients={"input_grad": "prediction", f"input_grad{_OF_LARGE}": "prediction"},
        objective=_objective("SoftmaxCrossEntropy"),
        mutants=mutants.SOFTMAX_CROSS_ENTROPY,
        requires=("Loss", "softmax"),
        aliases=("SoftmaxCrossEntropyLoss",),
        skeleton='''
class SoftmaxCrossEntropy(Loss):
    """-sum(target * log(p)), divided by the number of rows; p is the softmax of each row of the
    prediction, the target has a 1 in the column of the right class."""

    def _output(self):
        """One number, for predictions as large as 1000 too."""

    def _input_grad(self):
        """The shape of the prediction."""
''',
    ),
    Component(
        name="MeanSquaredError.mean_over",
        chapter=4,
        module="losses",
        summary="squared differences over rows or over elements",
        compares=("loss", "input_grad"),
        run=_run_mean_squared_error,
        reference=_reference("MeanSquaredError"),
        cases=(
            *batch_cases(_shapes, options={"mean_over": "elements"}),
            Case("over rows", _shapes(7), {"mean_over": "rows"}),
        ),
        gradients={"input_grad": "prediction"},
        objective=_objective("MeanSquaredError.mean_over"),
        mutants=mutants.MEAN_OVER,
        requires=("MeanSquaredError",),
        skeleton="""MeanSquaredError takes mean_over. With "rows", as without it, loss and gradient
        are divided by the number of rows, with "elements" by the number of elements.""",
        in_book=False,
    ),
)
