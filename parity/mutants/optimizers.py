"""Mistakes in gradient descent, plain and regularized."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import optimizers as right


class _Climbs(right.SGD):
    def step(self) -> None:
        for param, param_grad in zip(self.net.params(), self.net.param_grads(), strict=True):
            param += self.lr * param_grad


class _NoRate(right.SGD):
    def step(self) -> None:
        for param, param_grad in zip(self.net.params(), self.net.param_grads(), strict=True):
            param -= param_grad


class _NotInPlace(right.SGD):
    def step(self) -> None:
        for param, param_grad in zip(self.net.params(), self.net.param_grads(), strict=True):
            param = param - self.lr * param_grad


class _FirstOnly(right.SGD):
    def step(self) -> None:
        for param, param_grad in zip(self.net.params(), self.net.param_grads(), strict=True):
            param -= self.lr * param_grad
            return


class _WeightsOnly(right.SGD):
    def step(self) -> None:
        params, param_grads = list(self.net.params()), list(self.net.param_grads())
        for param, param_grad in zip(params[::2], param_grads[::2], strict=True):
            param -= self.lr * param_grad


class _LargeDefault(right.SGD):
    def __init__(self, lr: float = 0.1) -> None:
        super().__init__(lr)


class _HugeDefault(right.SGD):
    def __init__(self, lr: float = 1.0) -> None:
        super().__init__(lr)


class _RateIgnored(right.SGD):
    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()


class _Momentum(right.SGD):
    """Remembers earlier gradients."""

    def step(self) -> None:
        grads: list[ndarray] = list(self.net.param_grads())
        kept = getattr(self, "kept", None)
        self.kept = [g + (0.9 * k) for g, k in zip(grads, kept, strict=True)] if kept else grads
        for param, velocity in zip(self.net.params(), self.kept, strict=True):
            param -= self.lr * velocity


SGD = (
    Mutant(
        "not in place",
        "param = param - ... makes a new array and leaves the network as it was: "
        "param -= self.lr * param_grad changes it in place.",
        _NotInPlace,
        "params[0], step 1",
    ),
    Mutant("climbs", "The gradient is added; subtract it.", _Climbs, "params[0], step 1"),
    Mutant(
        "no learning rate",
        "The gradient is not multiplied by the learning rate.",
        _NoRate,
        "params[0], step 1",
    ),
    Mutant(
        "first parameter only",
        "Only the first parameter is updated.",
        _FirstOnly,
        "params[1], step 1",
    ),
    Mutant(
        "weights only",
        "The weights are updated, the biases are not: go through all parameters.",
        _WeightsOnly,
        "params[1], step 1",
    ),
    *(
        Mutant(
            f"default of {lr}",
            f"Without an argument the learning rate is {lr}; the book's default is 0.01.",
            implementation,
            "params[0], step 1",
        )
        for lr, implementation in ((0.1, _LargeDefault), (1.0, _HugeDefault))
    ),
    Mutant(
        "learning rate ignored",
        "The learning rate is always 0.01, whatever lr is: keep self.lr = lr.",
        _RateIgnored,
        "params[0], step 1",
    ),
    Mutant(
        "remembers",
        "Earlier gradients enter the step, as with momentum; plain SGD uses only the last.",
        _Momentum,
        "params[0], step 2",
    ),
)


class _NotDrawn(right.RegularizedSGD):
    def step(self) -> None:
        for param, grad in zip(*self._params_and_grads(), strict=True):
            param -= self.lr * grad


class _DrawnAtFullRate(right.RegularizedSGD):
    def step(self) -> None:
        for param, grad in zip(*self._params_and_grads(), strict=True):
            param -= self.lr * grad + self.alpha * param


class _PushedAway(right.RegularizedSGD):
    def step(self) -> None:
        for param, grad in zip(*self._params_and_grads(), strict=True):
            param -= self.lr * (grad - self.alpha * param)


class _DrawnTwice(right.RegularizedSGD):
    def step(self) -> None:
        for param, grad in zip(*self._params_and_grads(), strict=True):
            param -= self.lr * (grad + 2 * self.alpha * param)


class _DrawnBySign(right.RegularizedSGD):
    def step(self) -> None:
        for param, grad in zip(*self._params_and_grads(), strict=True):
            param -= self.lr * (grad + self.alpha * np.sign(param))


class _DrawnAfterwards(right.RegularizedSGD):
    def step(self) -> None:
        for param, grad in zip(*self._params_and_grads(), strict=True):
            param -= self.lr * grad
            param -= self.lr * self.alpha * param


class _WeightsDrawnOnly(right.RegularizedSGD):
    def step(self) -> None:
        for number, (param, grad) in enumerate(zip(*self._params_and_grads(), strict=True)):
            param -= self.lr * (grad + (self.alpha * param if number % 2 == 0 else 0))


REGULARIZED_SGD = tuple(
    Mutant(name, sentence, implementation, caught_in)
    for name, sentence, implementation, caught_in in (
        (
            "not regularized",
            "alpha does nothing, so this is plain SGD: add alpha * param to the gradient.",
            _NotDrawn,
            "params[0], step 1",
        ),
        (
            "alpha without the learning rate",
            "alpha * param is not multiplied by the learning rate: "
            "param -= lr * (grad + alpha * param).",
            _DrawnAtFullRate,
            "params[0], step 1",
        ),
        (
            "pushed away",
            "Parameters are pushed away from 0: add alpha * param to the gradient, do not "
            "subtract it.",
            _PushedAway,
            "params[0], step 1",
        ),
        (
            "alpha twice",
            "alpha counts twice: what is added to the loss is alpha / 2 times the squares, its "
            "slope is alpha * param.",
            _DrawnTwice,
            "params[0], step 1",
        ),
        (
            "absolute values",
            "alpha is multiplied by the parameter's sign, which belongs to a sum of absolute "
            "values (L1); here it is alpha * param.",
            _DrawnBySign,
            "params[0], step 1",
        ),
        (
            "drawn afterwards",
            "alpha * param is taken after the step with the gradient; take the parameter as it "
            "was before.",
            _DrawnAfterwards,
            "params[0], step 1",
        ),
        (
            "weights only",
            "Only the weights are drawn to 0; here the biases are, too.",
            _WeightsDrawnOnly,
            "params[1], step 1",
        ),
    )
)
