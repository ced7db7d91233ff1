"""Chapters 3 and 4: optimizers, which turn gradients into updates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy import ndarray

from scratch.schedules import Schedule, check_decay, make_schedule


class Trainable(Protocol):
    """What an optimizer needs of a network: ``NeuralNetwork`` and ``RNNModel`` have it."""

    def params(self) -> Iterator[ndarray]:
        """All parameters, to be updated in place."""

    def param_grads(self) -> Iterator[ndarray]:
        """The gradients on them, in the order of ``params``."""


class Optimizer:
    """Updates the parameters of ``net``, which the ``Trainer`` sets. Chapter 3, "Optimizer".

    A subclass defines ``step``, and ``_setup_state`` if it remembers earlier steps. What it
    remembers belongs to the arrays it was made for: with another network, or with layers set up
    anew, it starts from nothing.

    ``lr`` is the rate of the epoch that is running. With a ``decay_type`` it falls after each epoch
    (chapter 4, "Learning Rate Decay"): the ``Trainer`` sets ``max_epochs``, calls ``_setup_decay``
    before the first epoch and ``_decay_lr`` after each.

    Args:
        lr: the learning rate, at least 0; of the first epoch, if it decays.
        final_lr: where it ends, from 0 to ``lr``; only with a ``decay_type``.
        decay_type: "linear" and "exponential" as in the book, "cosine", "plateau" (it falls when
            the loss does not), or None. See ``scratch.schedules``.

    Raises:
        ValueError: a number is out of range, or there is no such ``decay_type``.
    """

    net: Trainable
    max_epochs: int

    def __init__(
        self, lr: float = 0.01, final_lr: float = 0.0, decay_type: str | None = None
    ) -> None:
        check_decay(type(self).__name__, lr, final_lr, decay_type)
        self.lr = float(lr)
        self.final_lr = float(final_lr)
        self.decay_type = decay_type
        self._first_lr = self.lr
        self._schedule: Schedule | None = None
        self._known: list[ndarray] = []
        self._buffers: list[ndarray] = []

    def step(self) -> None:
        """Update each parameter of ``net`` once, in place.

        Raises:
            ValueError: there is no network, no backward pass has run, or a gradient has another
                shape than its parameter.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step")

    def _setup_state(self, params: list[ndarray]) -> None:
        """Forget earlier steps: whatever is remembered, one for each parameter, is made anew."""

    def _params_and_grads(self) -> tuple[list[ndarray], list[ndarray]]:
        """What a step updates and with what; the state is that of these parameters afterwards."""
        who = type(self).__name__
        if not hasattr(self, "net"):
            raise ValueError(f"{who}.step: there is no network to update; a Trainer sets optim.net")
        params, param_grads = list(self.net.params()), list(self.net.param_grads())
        if len(params) != len(param_grads):
            raise ValueError(
                f"{who}.step: {len(params)} parameters but {len(param_grads)} gradients; "
                "run train_batch first"
            )
        for param, param_grad in zip(params, param_grads, strict=True):
            if param.shape != param_grad.shape:
                raise ValueError(
                    f"{who}.step: a parameter has shape {param.shape}, its gradient "
                    f"{param_grad.shape}"
                )
        if len(params) != len(self._known) or any(
            param is not known for param, known in zip(params, self._known, strict=True)
        ):
            self._known = params
            self._buffers = [np.empty_like(param) for param in params]
            self._setup_state(params)
        return params, param_grads

    def _setup_decay(self) -> None:
        """Go back to the first learning rate; to be called before the first of ``max_epochs``.

        A rate put into ``lr`` by hand since the last epoch is a new first one.

        Raises:
            ValueError: ``max_epochs`` is not set, or a rate is out of range.
        """
        if self._schedule is None or self.lr != self._schedule.lr:
            check_decay(type(self).__name__, self.lr, self.final_lr, self.decay_type)
            self._first_lr = self.lr
        if self.decay_type is None:
            return
        if not hasattr(self, "max_epochs"):
            raise ValueError(
                f"{type(self).__name__}: set max_epochs before the learning rate can decay"
            )
        self._schedule = make_schedule(
            self.decay_type, self._first_lr, self.final_lr, self.max_epochs
        )
        self.lr = self._schedule.lr

    def _decay_lr(self, loss: float | None = None) -> None:
        """Set ``lr`` to the rate of the next epoch; to be called after each epoch, with its loss.

        Raises:
            ValueError: ``_setup_decay`` was not called, or the loss is needed and was not given.
        """
        if self.decay_type is None:
            return
        if self._schedule is None:
            raise ValueError(f"{type(self).__name__}: call _setup_decay before the first epoch")
        self.lr = self._schedule.step(loss)


class SGD(Optimizer):
    """Stochastic gradient descent: ``param -= lr * param_grad``. Chapter 3, "Optimizer"."""

    def step(self) -> None:
        """Update each parameter once, in place. Raises as ``Optimizer.step``."""
        params, param_grads = self._params_and_grads()
        for param, grad, update in zip(params, param_grads, self._buffers, strict=True):
            np.multiply(grad, self.lr, out=update)
            param -= update


class SGDMomentum(Optimizer):
    """SGD with inertia: each step keeps ``momentum`` times the last one. Chapter 4, "Momentum".

    The learning rate is part of the velocity, so an earlier step keeps the rate it was made with
    when the rate decays; ``torch.optim.SGD`` applies today's rate to all of them.

    Args:
        lr: as in ``Optimizer``.
        momentum: at least 0 and below 1.
        final_lr: as in ``Optimizer``.
        decay_type: as in ``Optimizer``.

    Raises:
        ValueError: a number is out of range, or there is no such ``decay_type``.
    """

    def __init__(
        self,
        lr: float = 0.01,
        momentum: float = 0.9,
        final_lr: float = 0.0,
        decay_type: str | None = None,
    ) -> None:
        super().__init__(lr, final_lr, decay_type)
        _require_share("SGDMomentum", "momentum", momentum)
        self.momentum = float(momentum)
        self.velocities: list[ndarray] = []

    def _setup_state(self, params: list[ndarray]) -> None:
        self.velocities = [np.zeros_like(param) for param in params]

    def step(self) -> None:
        """Update each parameter once, in place. Raises as ``Optimizer.step``."""
        params, param_grads = self._params_and_grads()
        for param, grad, velocity, update in zip(
            params, param_grads, self.velocities, self._buffers, strict=True
        ):
            velocity *= self.momentum
            np.multiply(grad, self.lr, out=update)
            velocity += update
            param -= velocity


class RegularizedSGD(Optimizer):
    """SGD on a loss with ``alpha / 2`` times the sum of the squared parameters added to it.

    Beyond the printed book: ``param -= lr * (param_grad + alpha * param)``.

    Args:
        lr: as in ``Optimizer``.
        alpha: how strongly parameters are drawn to 0, at least 0.
        final_lr: as in ``Optimizer``.
        decay_type: as in ``Optimizer``.

    Raises:
        ValueError: a number is out of range, or there is no such ``decay_type``.
    """

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.1,
        final_lr: float = 0.0,
        decay_type: str | None = None,
    ) -> None:
        super().__init__(lr, final_lr, decay_type)
        _require_not_negative("RegularizedSGD", "alpha", alpha)
        self.alpha = float(alpha)

    def step(self) -> None:
        """Update each parameter once, in place. Raises as ``Optimizer.step``."""
        params, param_grads = self._params_and_grads()
        for param, grad, update in zip(params, param_grads, self._buffers, strict=True):
            np.multiply(param, self.alpha, out=update)
            update += grad
            update *= self.lr
            param -= update


class AdaGrad(Optimizer):
    """Divides each gradient by the root of the sum of all its squares so far.

    Beyond the printed book.

    Args:
        lr: as in ``Optimizer``.
        eps: keeps the division from one by 0, at least 0.
        eps_in: "root" adds ``eps`` to the root, as PyTorch does; "sum" adds it to the sum at each
            step, as the book's library does.
        final_lr: as in ``Optimizer``.
        decay_type: as in ``Optimizer``.

    Raises:
        ValueError: a number is out of range, or a name is none of those above.
    """

    def __init__(
        self,
        lr: float = 0.01,
        eps: float = 1e-10,
        eps_in: str = "root",
        final_lr: float = 0.0,
        decay_type: str | None = None,
    ) -> None:
        super().__init__(lr, final_lr, decay_type)
        _require_not_negative("AdaGrad", "eps", eps)
        if eps_in not in ("root", "sum"):
            raise ValueError(f"AdaGrad: eps_in must be 'root' or 'sum', not {eps_in!r}")
        self.eps = float(eps)
        self.eps_in = eps_in
        self.sum_squares: list[ndarray] = []

    def _setup_state(self, params: list[ndarray]) -> None:
        self.sum_squares = [np.zeros_like(param) for param in params]

    def step(self) -> None:
        """Update each parameter once, in place. Raises as ``Optimizer.step``."""
        params, param_grads = self._params_and_grads()
        for param, grad, sum_square, update in zip(
            params, param_grads, self.sum_squares, self._buffers, strict=True
        ):
            np.multiply(grad, grad, out=update)
            sum_square += update
            if self.eps_in == "sum":
                sum_square += self.eps
            np.sqrt(sum_square, out=update)
            if self.eps_in == "root":
                update += self.eps
            np.divide(grad, update, out=update)
            update *= self.lr
            param -= update


class RMSProp(Optimizer):
    """Divides each gradient by the root of a running mean of its squares. Beyond the book.

    Args:
        lr: as in ``Optimizer``.
        alpha: the share of the mean that each step keeps, at least 0 and below 1.
        eps: added to the root, at least 0.
        final_lr: as in ``Optimizer``.
        decay_type: as in ``Optimizer``.

    Raises:
        ValueError: a number is out of range, or there is no such ``decay_type``.
    """

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        final_lr: float = 0.0,
        decay_type: str | None = None,
    ) -> None:
        super().__init__(lr, final_lr, decay_type)
        _require_share("RMSProp", "alpha", alpha)
        _require_not_negative("RMSProp", "eps", eps)
        self.alpha = float(alpha)
        self.eps = float(eps)
        self.mean_squares: list[ndarray] = []

    def _setup_state(self, params: list[ndarray]) -> None:
        self.mean_squares = [np.zeros_like(param) for param in params]

    def step(self) -> None:
        """Update each parameter once, in place. Raises as ``Optimizer.step``."""
        params, param_grads = self._params_and_grads()
        for param, grad, mean_square, update in zip(
            params, param_grads, self.mean_squares, self._buffers, strict=True
        ):
            np.multiply(grad, grad, out=update)
            update *= 1 - self.alpha
            mean_square *= self.alpha
            mean_square += update
            np.sqrt(mean_square, out=update)
            update += self.eps
            np.divide(grad, update, out=update)
            update *= self.lr
            param -= update


class Adam(Optimizer):
    """Momentum and a running mean of squares, both made up for their start at 0. Beyond the book.

    Args:
        lr: as in ``Optimizer``.
        betas: the shares of the mean gradient and of the mean square that each step keeps, at least
            0 and below 1.
        eps: added to the root, at least 0.
        final_lr: as in ``Optimizer``.
        decay_type: as in ``Optimizer``.

    Raises:
        ValueError: a number is out of range, or there is no such ``decay_type``.
    """

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        final_lr: float = 0.0,
        decay_type: str | None = None,
    ) -> None:
        super().__init__(lr, final_lr, decay_type)
        beta_1, beta_2 = betas
        _require_share("Adam", "betas[0]", beta_1)
        _require_share("Adam", "betas[1]", beta_2)
        _require_not_negative("Adam", "eps", eps)
        self.betas = (float(beta_1), float(beta_2))
        self.eps = float(eps)
        self.steps = 0
        self.mean_grads: list[ndarray] = []
        self.mean_squares: list[ndarray] = []

    def _setup_state(self, params: list[ndarray]) -> None:
        self.steps = 0
        self.mean_grads = [np.zeros_like(param) for param in params]
        self.mean_squares = [np.zeros_like(param) for param in params]

    def step(self) -> None:
        """Update each parameter once, in place. Raises as ``Optimizer.step``."""
        params, param_grads = self._params_and_grads()
        self.steps += 1
        beta_1, beta_2 = self.betas
        correction_1, correction_2 = 1 - beta_1**self.steps, 1 - beta_2**self.steps
        for param, grad, mean_grad, mean_square, update in zip(
            *(params, param_grads, self.mean_grads, self.mean_squares, self._buffers), strict=True
        ):
            np.subtract(grad, mean_grad, out=update)
            update *= 1 - beta_1
            mean_grad += update
            np.multiply(grad, grad, out=update)
            update *= 1 - beta_2
            mean_square *= beta_2
            mean_square += update
            np.sqrt(mean_square, out=update)
            update /= math.sqrt(correction_2)
            update += self.eps
            np.divide(mean_grad, update, out=update)
            update *= self.lr / correction_1
            param -= update


def _require_share(who: str, name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{who}: {name} must be at least 0 and below 1, not {value}")


def _require_not_negative(who: str, name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{who}: {name} must be a finite number of at least 0, not {value}")
