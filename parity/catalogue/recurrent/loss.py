"""Catalogue of chapter 6: the loss of a model that predicts something at each time step."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.catalogue.cases import BATCHES
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    snapshot,
)
from parity.catalogue.twins import array, tensor
from parity.mutants.recurrent import loss as mutants

_OF_LARGE = " of large predictions"


def _run_loss(impl: Implementation, given: Given) -> Observed:
    """A first pass with other numbers goes before; softmax does not notice when one is added.
    Results of large predictions have names of their own, as in the loss without time.
    """
    prediction, target = given.inputs["prediction"], given.inputs["target"]
    loss = impl.SequenceSoftmaxCrossEntropy()
    loss.forward(-prediction, np.roll(target, 1, axis=2))
    loss.backward()
    value = loss.forward(prediction, target)
    return Observed(_by_size(given, {"loss": value, "input_grad": snapshot(loss.backward())}))


def _reference_loss(given: Given) -> dict[str, Any]:
    from reference.losses import SoftmaxCrossEntropy

    prediction = tensor(given.inputs["prediction"], requires_grad=True)
    target = tensor(given.inputs["target"])
    loss = SoftmaxCrossEntropy()(prediction.flatten(0, 1), target.flatten(0, 1))
    loss.backward()
    return _by_size(given, {"loss": array(loss), "input_grad": array(prediction.grad)})


def _by_size(given: Given, results: dict[str, Any]) -> dict[str, Any]:
    of = _OF_LARGE if given.options.get("large") else ""
    return {name + of: result for name, result in results.items()}


def _objective(given: Given) -> float:
    loss, *_ = _run_loss(Implementation(), given).tensors.values()
    return float(loss)


def one_hot_targets(shape: tuple[int, ...]) -> list[Any]:
    """Targets of all classes, which are last in the shape, in no order."""
    *rows, classes = shape
    places = [(i * i + i // 2) % classes for i in range(int(np.prod(rows)))]
    targets: list[Any] = np.eye(classes)[places].reshape(shape).tolist()
    return targets


def _case(name: str, shape: tuple[int, int, int], **rest: Any) -> Case:
    return Case(name, {"prediction": shape}, values={"target": one_hot_targets(shape)}, **rest)


def _large(name: str, steps: list[list[float]], **rest: Any) -> Case:
    """Predictions of three classes at each time step of one sequence; the first step belongs to the
    first class, and so on.
    """
    values = {"prediction": [steps], "target": [np.eye(3)[: len(steps)].tolist()]}
    return Case(f"large predictions{name}", {}, {"large": True}, values=values, **rest)


COMPONENTS = (
    Component(
        name="SequenceSoftmaxCrossEntropy",
        chapter=6,
        module="recurrent",
        summary="softmax cross entropy at every time step",
        compares=("loss", "input_grad", f"loss{_OF_LARGE}", f"input_grad{_OF_LARGE}"),
        run=_run_loss,
        reference=_reference_loss,
        cases=(
            *(_case(f"batch of {n}", (n, 2 if n == 64 else 5, 3)) for n in BATCHES),
            *(
                _case(f"batch of 7, {layout} in memory", (7, 4, 3), layout=layout)
                for layout in ("strided", "reversed", "transposed")
            ),
            *(_case(f"batch of {n}, float32", (n, 4, 3), dtype="float32") for n in (2, 64)),
            _case("one time step", (7, 1, 3)),
            _case("two classes", (7, 4, 2)),
            _case("ten classes", (2, 5, 10)),
            # What float64 and float32 have digits for, and a probability that is 0 in floating
            # point: as in the loss without time.
            _large("", [[1000.0, 999.0, 998.0], [-1000.0, -999.5, -1001.0]]),
            _large(", float32", [[100.0, 99.0, 98.0], [-110.0, -109.5, -111.0]], dtype="float32"),
            _large(
                ", far apart",
                [[1000.0, -1000.0, 0.0], [1000.0, 999.0, 998.0]],
                tolerance="numeric",
            ),
        ),
        gradients={"input_grad": "prediction", f"input_grad{_OF_LARGE}": "prediction"},
        objective=_objective,
        mutants=mutants.SEQUENCE_SOFTMAX_CROSS_ENTROPY,
        requires=("Loss", "softmax"),
        skeleton='''
class SequenceSoftmaxCrossEntropy(Loss):
    """-sum(target * log(p)), divided by batch * time; p is the softmax over the classes at each
    time step, the target (batch, time, classes) has a 1 in the place of the right class."""

    def _output(self):
        """One number, for predictions as large as 1000 too."""

    def _input_grad(self):
        """The shape of the prediction, (batch, time, classes)."""
''',
    ),
)
