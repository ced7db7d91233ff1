"""Catalogue of chapter 3: optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes
from parity.catalogue.component import Case, Component, Given, Implementation, Observed, snapshot
from parity.catalogue.twins import array, tensor
from parity.mutants import optimizers as mutants


class StubLayer:
    """Parameters and gradients, as an optimizer sees a layer."""

    def __init__(self, *params: ndarray) -> None:
        self.params = list(params)
        self.param_grads = [np.zeros_like(param) for param in params]


class StubNetwork:
    """Just layers with parameters and gradients, as an optimizer sees a network."""

    def __init__(self, *layers: StubLayer) -> None:
        self.layers = list(layers)

    def params(self) -> Any:
        """The parameters."""
        for layer in self.layers:
            yield from layer.params

    def param_grads(self) -> Any:
        """Their gradients."""
        for layer in self.layers:
            yield from layer.param_grads


_NAMES = ("W1", "B1", "W2", "B2")


def _run_sgd(impl: Implementation, given: Given) -> Observed:
    """Steps with given gradients; the network is a stub, so only the optimizer counts. What a step
    does to the gradients is its own affair: the next backward pass makes new ones.
    """
    params = [np.array(given.inputs[name]) for name in _NAMES]
    net = StubNetwork(StubLayer(*params[:2]), StubLayer(*params[2:]))
    lr = given.options["lr"]
    optimizer = impl.SGD() if lr is None else impl.SGD(lr=lr)
    optimizer.net = net
    tensors: dict[str, Any] = {}
    for step in range(1, given.options["steps"] + 1):
        grads = [given.inputs[f"{name}_grad"][step - 1] for name in _NAMES]
        before = [snapshot(grad) for grad in grads]
        net.layers[0].param_grads, net.layers[1].param_grads = grads[:2], grads[2:]
        optimizer.step()
        for grad, value in zip(grads, before, strict=True):
            grad[...] = value
        tensors |= {f"params[{i}], step {step}": snapshot(p) for i, p in enumerate(params)}
    return Observed(tensors)


def _reference_sgd(given: Given) -> dict[str, Any]:
    from reference.optimizers import SGD

    params = [tensor(given.inputs[name], requires_grad=True) for name in _NAMES]
    lr = given.options["lr"]
    optimizer = SGD(params, lr=0.01 if lr is None else lr)
    expected: dict[str, Any] = {}
    for step in range(1, given.options["steps"] + 1):
        for param, name in zip(params, _NAMES, strict=True):
            param.grad = tensor(given.inputs[f"{name}_grad"][step - 1])
        optimizer.step()
        expected |= {f"params[{i}], step {step}": array(p) for i, p in enumerate(params)}
    return expected


def _case(name: str, steps: int, lr: float | None, **rest: Any) -> Case:
    shapes: Shapes = {"W1": (5, 3), "B1": (1, 3), "W2": (3, 2), "B2": (1, 2)}
    grads = {f"{param}_grad": (steps, *shape) for param, shape in shapes.items()}
    return Case(name, {**shapes, **grads}, {"lr": lr, "steps": steps}, **rest)


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
            _case("the default learning rate", 2, None),
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
