"""Catalogue of chapter 3: optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Case, Component, Given, Implementation, Observed, snapshot
from parity.catalogue.twins import array, tensor
from parity.mutants import optimizers as mutants


class StubNetwork:
    """Just parameters and gradients, as an optimizer sees a network."""

    def __init__(self, params: list[ndarray]) -> None:
        self._params = params
        self._param_grads = [np.zeros_like(param) for param in params]

    def params(self) -> Any:
        """The parameters."""
        yield from self._params

    def param_grads(self) -> Any:
        """Their gradients."""
        yield from self._param_grads


def _run_sgd(impl: Implementation, given: Given) -> Observed:
    """Steps with given gradients; the network is a stub, so only the optimizer counts."""
    net = StubNetwork([np.array(given.inputs["W"]), np.array(given.inputs["B"])])
    optimizer = impl.SGD(lr=given.options["lr"])
    optimizer.net = net
    tensors: dict[str, Any] = {}
    for step in range(1, given.options["steps"] + 1):
        net._param_grads = [given.inputs["W_grad"][step - 1], given.inputs["B_grad"][step - 1]]
        optimizer.step()
        tensors |= {f"params[{i}], step {step}": snapshot(p) for i, p in enumerate(net.params())}
    return Observed(tensors)


def _reference_sgd(given: Given) -> dict[str, Any]:
    from reference.optimizers import SGD

    params = [tensor(given.inputs[name], requires_grad=True) for name in ("W", "B")]
    optimizer = SGD(params, lr=given.options["lr"])
    expected: dict[str, Any] = {}
    for step in range(1, given.options["steps"] + 1):
        for param, name in zip(params, ("W_grad", "B_grad"), strict=True):
            param.grad = tensor(given.inputs[name][step - 1])
        optimizer.step()
        expected |= {f"params[{i}], step {step}": array(p) for i, p in enumerate(params)}
    return expected


def _case(name: str, steps: int, lr: float, **rest: Any) -> Case:
    shapes = {"W": (5, 3), "B": (1, 3), "W_grad": (steps, 5, 3), "B_grad": (steps, 1, 3)}
    return Case(name, shapes, {"lr": lr, "steps": steps}, **rest)


COMPONENTS = (
    Component(
        name="SGD",
        chapter=3,
        module="optimizers",
        summary="param -= lr * param_grad",
        compares=("params after every step",),
        run=_run_sgd,
        reference=_reference_sgd,
        cases=(
            _case("50 steps", 50, 0.01),
            _case("a large learning rate", 5, 2.5),
            _case("a learning rate of 0", 2, 0.0),
            _case("strided in memory", 5, 0.1, layout="strided"),
            _case("reversed in memory", 5, 0.1, layout="reversed"),
            _case("float32", 50, 0.01, dtype="float32"),
        ),
        mutants=mutants.SGD,
        skeleton='''
class SGD:
    """Stochastic gradient descent. The trainer sets optimizer.net."""

    def __init__(self, lr=0.01):
        """Keep the learning rate."""

    def step(self):
        """Update every array of self.net.params() in place, with self.net.param_grads()."""
''',
    ),
)
