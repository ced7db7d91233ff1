"""Catalogue of chapters 3 and 4: optimizers, with a constant learning rate and one that decays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes
from parity.catalogue.component import Case, Component, Given, Implementation, Observed, snapshot
from parity.catalogue.stubs import StubLayer, StubNetwork
from parity.catalogue.twins import array, tensor
from parity.comparison import as_result
from parity.mutants import adam, adaptive, decay, momentum
from parity.mutants import optimizers as mutants

_NAMES = ("W1", "B1", "W2", "B2")


class _Steps:
    """An optimizer's steps with given gradients; the network is a stub, so only the optimizer
    counts. What a step does to the gradients is its own affair: the next backward pass makes new
    ones.
    """

    def __init__(self, optimizer: Any, given: Given) -> None:
        self.optimizer, self.given = optimizer, given
        self.params = [np.array(given.inputs[name]) for name in _NAMES]
        self.net = StubNetwork(StubLayer(*self.params[:2]), StubLayer(*self.params[2:]))
        self.tensors: dict[str, Any] = {}
        self.count = 0
        optimizer.net = self.net

    def step(self) -> None:
        grads = [self.given.inputs[f"{name}_grad"][self.count] for name in _NAMES]
        before = [snapshot(grad) for grad in grads]
        self.net.layers[0].param_grads, self.net.layers[1].param_grads = grads[:2], grads[2:]
        self.optimizer.step()
        for grad, value in zip(grads, before, strict=True):
            grad[...] = value
        self.count += 1
        self.tensors |= {_name(i, self.count): snapshot(p) for i, p in enumerate(self.params)}


class _ReferenceSteps:
    """The same with one of PyTorch's."""

    def __init__(self, name: str, arguments: dict[str, Any], given: Given) -> None:
        from reference import optimizers

        self.params = [tensor(given.inputs[name], requires_grad=True) for name in _NAMES]
        self.optimizer = getattr(optimizers, name)(self.params, **arguments)
        self.given = given
        self.expected: dict[str, Any] = {}
        self.count = 0

    def step(self) -> None:
        for param, name in zip(self.params, _NAMES, strict=True):
            param.grad = tensor(self.given.inputs[f"{name}_grad"][self.count])
        self.optimizer.step()
        self.count += 1
        self.expected |= {_name(i, self.count): array(p) for i, p in enumerate(self.params)}


def _name(i: int, step: int) -> str:
    return f"params[{i}], step {step}"


def _run(name: str) -> Callable[[Implementation, Given], Observed]:
    """All steps; where there are ``rates``, each with a learning rate of its own."""

    def run(impl: Implementation, given: Given) -> Observed:
        steps = _Steps(getattr(impl, name)(**given.options["arguments"]), given)
        for rate in given.options["rates"]:
            if rate is not None:
                steps.optimizer.lr = rate
            steps.step()
        return Observed(steps.tensors)

    return run


def _reference(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        steps = _ReferenceSteps(name, given.options["arguments"], given)
        for rate in given.options["rates"]:
            if rate is not None:
                steps.optimizer.param_groups[0]["lr"] = rate
            steps.step()
        return steps.expected

    return reference


#: Enough steps in an epoch to tell a rate that falls after each from one that falls in each step.
_STEPS_PER_EPOCH = 2


def _run_decay(impl: Implementation, given: Given) -> Observed:
    """Epochs of a few steps, and between them what the book's ``Trainer`` does."""
    steps = _Steps(impl.SGDMomentum(**given.options["arguments"]), given)
    optimizer, epochs = steps.optimizer, given.options["epochs"]
    optimizer.max_epochs = epochs
    optimizer._setup_decay()
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.lr)
        for _ in range(_STEPS_PER_EPOCH):
            steps.step()
        optimizer._decay_lr()
    return Observed({"learning rates": listed_rates(rates, given), **steps.tensors})


def listed_rates(rates: list[Any], given: Given) -> Any:
    """Rates as one array of the inputs' dtype; the first that is no number as it is."""
    for rate in rates:
        result = as_result(rate)
        if not (isinstance(result, ndarray) and result.shape == () and result.dtype.kind in "fi"):
            return rate
    return np.array([float(rate) for rate in rates], next(iter(given.inputs.values())).dtype)


def _reference_decay(given: Given) -> dict[str, Any]:
    from torch.optim.lr_scheduler import LambdaLR

    from reference import schedules

    arguments = dict(given.options["arguments"])
    final_lr, decay_type = arguments.pop("final_lr", 0.0), arguments.pop("decay_type", "none")
    steps = _ReferenceSteps("SGDMomentum", arguments, given)
    make = {
        "linear": schedules.LinearDecay,
        "exponential": schedules.ExponentialDecay,
        "none": lambda optim, *_: LambdaLR(optim, lambda epoch: 1.0),
    }[decay_type]
    schedule = make(steps.optimizer, final_lr, given.options["epochs"])
    rates = []
    for _ in range(given.options["epochs"]):
        rates.append(schedules.current_lr(steps.optimizer))
        for _ in range(_STEPS_PER_EPOCH):
            steps.step()
        schedule.step()
    return {"learning rates": listed_rates(rates, given), **steps.expected}


def _shapes(inputs: int, steps: int) -> Shapes:
    shapes: Shapes = {"W1": (inputs, 3), "B1": (1, 3), "W2": (3, 2), "B2": (1, 2)}
    return {**shapes, **{f"{name}_grad": (steps, *shape) for name, shape in shapes.items()}}


def _case(
    name: str,
    steps: int,
    arguments: dict[str, Any],
    rates: tuple[float, ...] = (),
    inputs: int = 7,
    **rest: Any,
) -> Case:
    """Steps with one learning rate, or one for each of ``rates``."""
    each: list[float | None] = [*rates] or [None] * steps
    options = {"arguments": arguments, "rates": each}
    return Case(name, _shapes(inputs, steps), options, **rest)


def _cases(**arguments: Any) -> tuple[Case, ...]:
    """The usual grid, with the learning rate and other arguments."""
    return (
        _case("5 steps", 5, arguments),
        _case("100 steps", 100, arguments),
        _case("1 input", 5, arguments, inputs=1),
        _case("2 inputs", 5, arguments, inputs=2),
        _case("64 inputs", 5, arguments, inputs=64),
        _case("strided in memory", 5, arguments, layout="strided"),
        _case("reversed in memory", 5, arguments, layout="reversed"),
        # In a hundred steps of float32 the rounding of (1 - lr * alpha) alone may grow beyond what
        # is allowed, and a parameter that comes close to 0 keeps the rounding of where it was.
        _case("20 steps, float32", 20, arguments, dtype="float32", tolerance="through time"),
        _case("the default arguments", 2, {}),
    )


def _decay_case(
    name: str,
    epochs: int,
    decay_type: str,
    lr: float,
    final_lr: float,
    inputs: int = 7,
    **rest: Any,
) -> Case:
    arguments = {"lr": lr, "momentum": 0.9, "final_lr": final_lr, "decay_type": decay_type}
    options = {"arguments": arguments, "epochs": epochs}
    return Case(name, _shapes(inputs, _STEPS_PER_EPOCH * epochs), options, **rest)


COMPONENTS = (
    Component(
        name="SGD",
        chapter=3,
        module="optimizers",
        summary="param -= lr * param_grad",
        compares=("params after every step",),
        run=_run("SGD"),
        reference=_reference("SGD"),
        cases=(
            _case("50 steps", 50, {"lr": 0.01}),
            _case("a large learning rate", 5, {"lr": 2.5}),
            _case("a learning rate of 0", 2, {"lr": 0.0}),
            _case("the default learning rate", 2, {}),
            _case("strided in memory", 5, {"lr": 0.1}, layout="strided"),
            _case("reversed in memory", 5, {"lr": 0.1}, layout="reversed"),
            _case("float32", 50, {"lr": 0.01}, dtype="float32"),
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
    Component(
        name="SGDMomentum",
        chapter=4,
        module="optimizers",
        summary="velocity = momentum * velocity + lr * param_grad",
        compares=("params after every step",),
        run=_run("SGDMomentum"),
        reference=_reference("SGDMomentum"),
        cases=(
            *_cases(lr=0.1, momentum=0.8),
            _case("no momentum", 5, {"lr": 0.1, "momentum": 0.0}),
            _case(
                "the learning rate changes",
                6,
                {"lr": 0.2, "momentum": 0.9},
                rates=(0.2, 0.2, 0.1, 0.1, 0.05, 0.05),
            ),
        ),
        mutants=momentum.SGD_MOMENTUM,
        skeleton='''
class SGDMomentum:
    """Gradient descent with momentum. The trainer sets optimizer.net."""

    def __init__(self, lr=0.01, momentum=0.9):
        """Keep both, the learning rate as self.lr."""

    def step(self):
        """For each parameter keep a velocity, which starts at 0: multiply it by the momentum, add
        self.lr times the gradient, and subtract it from the parameter, in place."""
''',
    ),
    Component(
        name="SGDMomentum.decay_type",
        chapter=4,
        module="optimizers",
        summary="a learning rate that falls after each epoch",
        compares=("learning rates", "params after every step"),
        run=_run_decay,
        reference=_reference_decay,
        cases=(
            _decay_case("linear, 5 epochs", 5, "linear", 0.15, 0.05),
            _decay_case("exponential, 5 epochs", 5, "exponential", 0.2, 0.05),
            _decay_case("linear, 50 epochs", 50, "linear", 0.15, 0.05),
            _decay_case("exponential, 50 epochs", 50, "exponential", 0.2, 0.05),
            _decay_case("linear to 0", 4, "linear", 0.1, 0.0),
            Case(
                "no decay asked for",
                _shapes(7, 3 * _STEPS_PER_EPOCH),
                {"arguments": {"lr": 0.1, "momentum": 0.9}, "epochs": 3},
            ),
            _decay_case("linear, 1 input", 3, "linear", 0.15, 0.05, inputs=1),
            _decay_case("exponential, 2 inputs", 2, "exponential", 0.2, 0.05, inputs=2),
            _decay_case("linear, 64 inputs", 3, "linear", 0.15, 0.05, inputs=64),
            _decay_case("linear, strided", 3, "linear", 0.15, 0.05, layout="strided"),
            _decay_case("exponential, reversed", 3, "exponential", 0.2, 0.05, layout="reversed"),
            _decay_case("linear, float32", 10, "linear", 0.15, 0.05, dtype="float32"),
            _decay_case("exponential, float32", 10, "exponential", 0.2, 0.05, dtype="float32"),
        ),
        mutants=decay.DECAY,
        requires=("SGDMomentum",),
        skeleton="""
SGDMomentum takes final_lr=0 and decay_type=None as well. The trainer sets optimizer.max_epochs and
calls optimizer._setup_decay() before the first epoch and optimizer._decay_lr() after each. With
decay_type="linear" self.lr falls by the same amount each time, with "exponential" by the same
factor, so that the last epoch runs at final_lr; with None it stays.
""",
    ),
    Component(
        name="RegularizedSGD",
        chapter=4,
        module="optimizers",
        summary="param -= lr * (param_grad + alpha * param)",
        compares=("params after every step",),
        run=_run("RegularizedSGD"),
        reference=_reference("RegularizedSGD"),
        cases=_cases(lr=0.1, alpha=0.3),
        mutants=mutants.REGULARIZED_SGD,
        skeleton='''
class RegularizedSGD:
    """Gradient descent that draws parameters to 0. The trainer sets optimizer.net."""

    def __init__(self, lr=0.01, alpha=0.1):
        """Keep both."""

    def step(self):
        """From each parameter subtract, in place, lr times the sum of its gradient and of alpha
        times itself."""
''',
        in_book=False,
    ),
    Component(
        name="AdaGrad",
        chapter=4,
        module="optimizers",
        summary="each gradient over the root of its squares' sum",
        compares=("params after every step",),
        run=_run("AdaGrad"),
        reference=_reference("AdaGrad"),
        cases=_cases(lr=0.1, eps=0.05),
        mutants=adaptive.ADA_GRAD,
        skeleton='''
class AdaGrad:
    """Gradient descent with a rate for each element. The trainer sets optimizer.net."""

    def __init__(self, lr=0.01, eps=1e-10):
        """Keep both."""

    def step(self):
        """For each parameter keep the sum of its squared gradients, starting at 0. Subtract, in
        place, lr times the gradient divided by the root of the sum plus eps."""
''',
        in_book=False,
    ),
    Component(
        name="RMSProp",
        chapter=4,
        module="optimizers",
        summary="each gradient over the root of its mean square",
        compares=("params after every step",),
        run=_run("RMSProp"),
        reference=_reference("RMSProp"),
        cases=_cases(lr=0.1, alpha=0.9, eps=0.05),
        mutants=adaptive.RMS_PROP,
        skeleton='''
class RMSProp:
    """Gradient descent with a rate for each element. The trainer sets optimizer.net."""

    def __init__(self, lr=0.01, alpha=0.99, eps=1e-8):
        """Keep all three."""

    def step(self):
        """For each parameter keep a mean square, starting at 0: alpha times itself plus 1 - alpha
        times the squared gradient. Subtract, in place, lr times the gradient divided by its root
        plus eps."""
''',
        in_book=False,
    ),
    Component(
        name="Adam",
        chapter=4,
        module="optimizers",
        summary="momentum over the root of the mean square",
        compares=("params after every step",),
        run=_run("Adam"),
        reference=_reference("Adam"),
        cases=_cases(lr=0.1, betas=[0.8, 0.95], eps=0.05),
        mutants=adam.ADAM,
        skeleton='''
class Adam:
    """Momentum with a rate for each element. The trainer sets optimizer.net."""

    def __init__(self, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        """Keep all three."""

    def step(self):
        """For each parameter keep a mean gradient and a mean square, starting at 0; each step keeps
        a share of betas[0] of the one and of betas[1] of the other. Divide each by 1 - beta ** n
        in the n-th step. Subtract, in place, lr times the mean gradient divided by the root of
        the mean square plus eps."""
''',
        in_book=False,
    ),
)
