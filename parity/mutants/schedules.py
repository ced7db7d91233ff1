"""Mistakes in learning-rate schedules."""

from __future__ import annotations

import math

from parity.catalogue.component import Mutant
from scratch import schedules as right


class _LinearInMaxEpochs(right.LinearDecay):
    def step(self, loss: float | None = None) -> float:
        self.lr -= (self.first_lr - self.final_lr) / self.max_epochs
        return self.lr


class _LinearCompounds(right.LinearDecay):
    def step(self, loss: float | None = None) -> float:
        self.lr -= (self.lr - self.final_lr) / max(1, self.max_epochs - 1)
        return self.lr


class _LinearToZero(right.LinearDecay):
    def step(self, loss: float | None = None) -> float:
        self.lr -= self.first_lr / max(1, self.max_epochs - 1)
        return self.lr


LINEAR_DECAY = (
    Mutant(
        "an epoch too many",
        "The rate falls in max_epochs parts, so the last epoch does not reach final_lr: between "
        "max_epochs epochs there are max_epochs - 1 decays.",
        _LinearInMaxEpochs,
        "learning rates",
    ),
    Mutant(
        "computed anew",
        "The decay is computed from a rate that has fallen already; compute it once.",
        _LinearCompounds,
        "learning rates",
    ),
    Mutant(
        "to 0",
        "The rate falls to 0, whatever final_lr is: what is taken off are parts of lr - final_lr.",
        _LinearToZero,
        "learning rates",
    ),
)


class _ExponentialInMaxEpochs(right.ExponentialDecay):
    def step(self, loss: float | None = None) -> float:
        self.lr *= (self.final_lr / self.first_lr) ** (1 / self.max_epochs)
        return self.lr


class _ExponentialPrinted(right.ExponentialDecay):
    def step(self, loss: float | None = None) -> float:
        self.lr *= self.final_lr ** (1 / max(1, self.max_epochs - 1)) / self.first_lr
        return self.lr


class _ExponentialOfAll(right.ExponentialDecay):
    def _rate(self, part: float) -> float:
        return self.lr * (self.final_lr / self.first_lr) ** part


EXPONENTIAL_DECAY = (
    Mutant(
        "an epoch too many",
        "The factor is a root of degree max_epochs, so the last epoch does not reach final_lr: "
        "between max_epochs epochs there are max_epochs - 1 decays.",
        _ExponentialInMaxEpochs,
        "learning rates",
    ),
    Mutant(
        "printed exponent",
        "The factor is final_lr ** (1 / (max_epochs - 1)) / lr, as the formula is printed: the "
        "power is of the whole quotient, (final_lr / lr) ** (1 / (max_epochs - 1)).",
        _ExponentialPrinted,
        "learning rates",
        errata="E10",
    ),
    Mutant(
        "more each time",
        "After the n-th epoch a rate that has fallen already is multiplied by the n-th power of "
        "the factor; multiply by the factor.",
        _ExponentialOfAll,
        "learning rates",
    ),
)


class _WholeWave(right.CosineDecay):
    def _rate(self, part: float) -> float:
        wave = (1 + math.cos(2 * math.pi * part)) / 2
        return self.final_lr + (self.first_lr - self.final_lr) * wave


class _QuarterWave(right.CosineDecay):
    def _rate(self, part: float) -> float:
        return self.final_lr + (self.first_lr - self.final_lr) * math.cos(math.pi * part / 2)


class _FinalRateAdded(right.CosineDecay):
    def step(self, loss: float | None = None) -> float:
        self.epochs += 1
        part = min(1.0, self.epochs / max(1, self.max_epochs - 1))
        self.lr = self.final_lr + self.first_lr * (1 + math.cos(math.pi * part)) / 2
        return self.lr


class _CosineInMaxEpochs(right.CosineDecay):
    def step(self, loss: float | None = None) -> float:
        self.epochs += 1
        self.lr = self._rate(self.epochs / self.max_epochs)
        return self.lr


COSINE_DECAY = (
    Mutant(
        "a whole wave",
        "The rate falls and rises again: half a wave is the cosine of 0 to pi.",
        _WholeWave,
        "learning rates",
    ),
    Mutant(
        "a quarter of a wave",
        "The rate falls slowly first and ends fast; half a wave, (1 + cos) / 2 from 0 to pi, is "
        "slow at both ends.",
        _QuarterWave,
        "learning rates",
    ),
    Mutant(
        "final_lr on top",
        "The wave goes from lr down to 0 and final_lr is added to it; it goes over lr - final_lr.",
        _FinalRateAdded,
        "learning rates",
    ),
    Mutant(
        "an epoch too many",
        "The wave ends after max_epochs decays, so the last epoch does not reach final_lr: "
        "between max_epochs epochs there are max_epochs - 1.",
        _CosineInMaxEpochs,
        "learning rates",
    ),
)


class _Plateau(right.ReduceOnPlateau):
    """In parts, each of which a mistake replaces."""

    def step(self, loss: float | None = None) -> float:
        assert loss is not None
        if self._is_better(loss):
            self._remember(loss)
        else:
            self.bad_epochs += 1
        if self._is_stuck():
            self._reduce()
        return self.lr

    def _is_better(self, loss: float) -> bool:
        return loss < self.best_loss * (1 - self.threshold)

    def _remember(self, loss: float) -> None:
        self.best_loss, self.bad_epochs = loss, 0

    def _is_stuck(self) -> bool:
        return self.bad_epochs > self.patience

    def _reduce(self) -> None:
        self.lr = max(self.final_lr, self.lr * self.factor)
        self.bad_epochs = 0


class _Impatient(_Plateau):
    def _is_stuck(self) -> bool:
        return self.bad_epochs >= self.patience


class _NeverBetter(_Plateau):
    def _remember(self, loss: float) -> None:
        self.best_loss = loss


class _BelowTheLast(_Plateau):
    last = math.inf

    def _is_better(self, loss: float) -> bool:
        better = loss < self.last * (1 - self.threshold)
        self.last = loss
        return better


class _NoThreshold(_Plateau):
    def _is_better(self, loss: float) -> bool:
        return loss < self.best_loss


class _AbsoluteThreshold(_Plateau):
    def _is_better(self, loss: float) -> bool:
        return loss < self.best_loss - self.threshold


class _EveryEpochThen(_Plateau):
    def _reduce(self) -> None:
        self.lr = max(self.final_lr, self.lr * self.factor)


class _BestForgotten(_Plateau):
    def _reduce(self) -> None:
        super()._reduce()
        self.best_loss = math.inf


class _BelowFloor(_Plateau):
    def _reduce(self) -> None:
        self.lr *= self.factor
        self.bad_epochs = 0


class _DividesByFactor(_Plateau):
    def _reduce(self) -> None:
        self.lr /= self.factor
        self.bad_epochs = 0


REDUCE_ON_PLATEAU = tuple(
    Mutant(name, sentence, implementation, "learning rates")
    for name, sentence, implementation in (
        (
            "an epoch too soon",
            "The rate falls after patience epochs without a better loss; these are forgiven, it "
            "falls after one more.",
            _Impatient,
        ),
        (
            "bad epochs add up",
            "The epochs without a better loss are counted on after a better one; that starts the "
            "count anew.",
            _NeverBetter,
        ),
        (
            "below the last loss",
            "The loss is compared with the last one; compare it with the lowest so far.",
            _BelowTheLast,
        ),
        (
            "no threshold",
            "Any lower loss counts as falling; it must be below 1 - threshold times the lowest.",
            _NoThreshold,
        ),
        (
            "threshold subtracted",
            "The threshold is an amount of loss; it is a part of the lowest loss, "
            "best * (1 - threshold).",
            _AbsoluteThreshold,
        ),
        (
            "falls on and on",
            "Once the rate has fallen it falls in each epoch; start the count anew.",
            _EveryEpochThen,
        ),
        (
            "best loss forgotten",
            "After the rate has fallen any loss counts as the lowest; keep the lowest.",
            _BestForgotten,
        ),
        (
            "below final_lr",
            "The rate falls below final_lr; stop there.",
            _BelowFloor,
        ),
        (
            "rises",
            "The rate is divided by the factor; multiply it.",
            _DividesByFactor,
        ),
    )
)
