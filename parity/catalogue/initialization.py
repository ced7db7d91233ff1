"""Catalogue of chapter 4: how large a layer's initial weights are."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.dense import are_arrays, params_of, seeded
from parity.mutants import initialization as mutants

NEURONS = 200


def _readable(ratio: float) -> float:
    """As many digits as are the same in each draw of tens of thousands of weights."""
    return round(ratio, 1) if ratio < 10 else float(round(ratio))


def _spread(W: np.ndarray, weight_init: str) -> dict[str, float]:
    right = np.sqrt(2 / sum(W.shape)) if weight_init == "glorot" else 1.0
    deviation = float(np.sqrt(np.mean((W - W.mean()) ** 2)))
    return {
        "mean of W over its standard deviation": abs(_readable(float(W.mean()) / deviation)),
        "standard deviation of W over the right one": _readable(deviation / float(right)),
    }


def _run(impl: Implementation, given: Given) -> Observed:
    weight_init = given.options["weight_init"]
    layer = seeded(impl.Dense(neurons=NEURONS, activation=impl.Linear(), weight_init=weight_init))
    layer.forward(given.inputs["input_"])
    W = params_of(layer)[0]
    if not are_arrays([W]) or W.shape != (given.inputs["input_"].shape[1], NEURONS):
        return Observed({"W": W})
    return Observed({**_spread(W.astype(np.float64), weight_init)})


def _reference(given: Given) -> dict[str, Any]:
    """The same, of weights that ``torch.nn.init`` draws."""
    import torch
    from torch import nn

    from reference.initialization import initialize

    weight_init = given.options["weight_init"]
    linear = nn.Linear(given.inputs["input_"].shape[1], NEURONS)
    initialize(linear, weight_init, torch.Generator().manual_seed(20190119))
    return {**_spread(linear.weight.detach().numpy().T.astype(np.float64), weight_init)}


def _shapes(n: int) -> Shapes:
    return {"input_": (n, 300)}


COMPONENTS = (
    Component(
        name="Dense.weight_init",
        chapter=4,
        module="initialization",
        summary="initial weights by the width of the layer",
        compares=(
            "mean of W over its standard deviation",
            "standard deviation of W over the right one",
        ),
        run=_run,
        reference=_reference,
        cases=(
            *batch_cases(_shapes, options={"weight_init": "glorot"}),
            Case("half as many inputs", {"input_": (7, 150)}, {"weight_init": "glorot"}),
            Case("standard", _shapes(7), {"weight_init": "standard"}),
        ),
        mutants=mutants.WEIGHT_INIT,
        requires=("Dense", "Linear"),
        skeleton="""
        Give Dense an argument weight_init="standard". With "standard" the weights have a standard
        deviation of 1, with "glorot" one of sqrt(2 / (in + neurons)).
        """,
    ),
)
