"""Chapter 3: optimizers, which turn gradients into updates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scratch.network import NeuralNetwork


class Optimizer:
    """Updates the parameters of ``net``, which the ``Trainer`` sets. Chapter 3, "Optimizer".

    A subclass defines ``step``.

    Args:
        lr: the learning rate, at least 0.

    Raises:
        ValueError: ``lr`` is negative or not finite.
    """

    net: NeuralNetwork

    def __init__(self, lr: float = 0.01) -> None:
        if not (math.isfinite(lr) and lr >= 0):
            raise ValueError(f"the learning rate must be a finite number of at least 0, not {lr}")
        self.lr = lr

    def step(self) -> None:
        """Update each parameter once, in place."""
        raise NotImplementedError(f"{type(self).__name__} must define step")


class SGD(Optimizer):
    """Stochastic gradient descent: ``param -= lr * param_grad``. Chapter 3, "Optimizer"."""

    def step(self) -> None:
        """Update each parameter of ``net`` once, in place.

        Raises:
            ValueError: there are not as many gradients as parameters: no backward pass has run.
        """
        params, param_grads = list(self.net.params()), list(self.net.param_grads())
        if len(params) != len(param_grads):
            raise ValueError(
                f"SGD.step: {len(params)} parameters but {len(param_grads)} gradients; "
                "run train_batch first"
            )
        for param, param_grad in zip(params, param_grads, strict=True):
            param -= self.lr * param_grad
