"""Mistakes in momentum."""

from __future__ import annotations

from collections.abc import Callable

from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import optimizers as right


def _momentum(
    update: Callable[[right.SGDMomentum, ndarray, ndarray, ndarray], None],
) -> type[right.SGDMomentum]:
    """``SGDMomentum`` with another update of a parameter, with its gradient and velocity."""

    class Mistaken(right.SGDMomentum):
        def step(self) -> None:
            params, grads = self._params_and_grads()
            for param, grad, velocity in zip(params, grads, self.velocities, strict=True):
                update(self, param, grad, velocity)

    return Mistaken


def _velocity_not_kept(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    param -= o.momentum * v + o.lr * grad


def _rate_twice(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= o.momentum
    v += o.lr * grad
    param -= o.lr * v


def _rate_outside(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= o.momentum
    v += grad
    param -= o.lr * v


def _rate_missing(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= o.momentum
    v += grad
    param -= v


def _velocity_added(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= o.momentum
    v += o.lr * grad
    param += v


def _brakes(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= -o.momentum
    v += o.lr * grad
    param -= v


def _parameter_first(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    param -= v
    v *= o.momentum
    v += o.lr * grad


def _nesterov(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= o.momentum
    v += o.lr * grad
    param -= o.momentum * v + o.lr * grad


def _damped(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= o.momentum
    v += (1 - o.momentum) * o.lr * grad
    param -= v


def _last_gradient_only(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    param -= o.lr * grad + o.momentum * v
    v[...] = o.lr * grad


def _momentum_not_in_place(o: right.SGDMomentum, param: ndarray, grad: ndarray, v: ndarray) -> None:
    v *= o.momentum
    v += o.lr * grad
    param = param - v


#: Right while the rate is constant; it shows when the rate decays, too.
RateOutside = _momentum(_rate_outside)


class RateOfTheStart(right.SGDMomentum):
    """Steps take the rate that they began with, whatever ``lr`` is by now."""

    def step(self) -> None:
        """Update each parameter at the first rate."""
        shown, self.lr = self.lr, self._first_lr
        super().step()
        self.lr = shown


class _StartsAtGradient(right.SGDMomentum):
    def _setup_state(self, params: list[ndarray]) -> None:
        self.velocities = [grad.copy() for grad in self.net.param_grads()]


class _MomentumWeightsOnly(right.SGDMomentum):
    def step(self) -> None:
        biases = [bias.copy() for bias in list(self.net.params())[1::2]]
        super().step()
        for bias, value in zip(list(self.net.params())[1::2], biases, strict=True):
            bias[...] = value


SGD_MOMENTUM = tuple(
    Mutant(name, sentence, implementation, caught_in)
    for name, sentence, implementation, caught_in in (
        (
            "velocity not kept",
            "Each step starts from a velocity of 0, so this is plain SGD: keep the velocities from "
            "step to step, and change them in place (velocity *= ...; velocity += ...).",
            _momentum(_velocity_not_kept),
            "params[0], step 2",
        ),
        (
            "learning rate twice",
            "The velocity is multiplied by the learning rate although lr * grad is in it already: "
            "param -= velocity.",
            _momentum(_rate_twice),
            "params[0], step 1",
        ),
        (
            "learning rate outside of the velocity",
            "The learning rate multiplies the whole velocity, as in torch.optim.SGD: right as long "
            "as it is constant, another path when it decays. Add lr * grad to the velocity.",
            RateOutside,
            "params[0], step 3",
        ),
        (
            "learning rate of the start",
            "self.lr has changed, but step goes on with the rate it began with: read self.lr in "
            "each step.",
            RateOfTheStart,
            "params[0], step 3",
        ),
        (
            "no learning rate",
            "The gradient goes into the velocity without the learning rate; add lr * grad.",
            _momentum(_rate_missing),
            "params[0], step 1",
        ),
        (
            "climbs",
            "The velocity is added to the parameter; subtract it.",
            _momentum(_velocity_added),
            "params[0], step 1",
        ),
        (
            "brakes",
            "The velocity changes its sign in each step; multiply it by the momentum, not by "
            "minus the momentum.",
            _momentum(_brakes),
            "params[0], step 2",
        ),
        (
            "parameter first",
            "The parameter is updated before the velocity, so each gradient comes a step late: "
            "update the velocity first.",
            _momentum(_parameter_first),
            "params[0], step 1",
        ),
        (
            "looks ahead",
            "This is Nesterov's momentum: the momentum is applied once more on top of the new "
            "velocity. Subtract just the velocity.",
            _momentum(_nesterov),
            "params[0], step 1",
        ),
        (
            "damped",
            "The gradient is multiplied by 1 - momentum as well; the book adds lr * grad whole.",
            _momentum(_damped),
            "params[0], step 1",
        ),
        (
            "only the last gradient",
            "Only the last gradient is remembered; the velocity is momentum times the whole "
            "earlier velocity, in which all earlier gradients are, plus lr * grad.",
            _momentum(_last_gradient_only),
            "params[0], step 3",
        ),
        (
            "not in place",
            "param = param - velocity makes a new array and leaves the network as it was: "
            "param -= velocity changes it in place.",
            _momentum(_momentum_not_in_place),
            "params[0], step 1",
        ),
        (
            "starts at the gradient",
            "The velocities start as the first gradients; they start at 0, like "
            "np.zeros_like(param).",
            _StartsAtGradient,
            "params[0], step 1",
        ),
        (
            "weights only",
            "The weights are updated, the biases are not: go through all parameters.",
            _MomentumWeightsOnly,
            "params[1], step 1",
        ),
    )
)
