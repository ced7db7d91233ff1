"""Mistakes in an optimizer's learning rate that decays."""

from __future__ import annotations

from parity.catalogue.component import Mutant
from parity.mutants.momentum import RateOfTheStart, RateOutside
from scratch.optimizers import SGDMomentum


class _BooksForm(SGDMomentum):
    """The decay as the book writes it, in parts, each of which a mistake replaces."""

    def _setup_decay(self) -> None:
        self.per_epoch = self._per_epoch(self.decay_type, self.max_epochs - 1)

    def _per_epoch(self, decay_type: str | None, decays: int) -> float:
        if decay_type == "exponential":
            return float((self.final_lr / self.lr) ** (1 / decays))
        return (self.lr - self.final_lr) / decays

    def _decay_lr(self, loss: float | None = None) -> None:
        if self.decay_type == "exponential":
            self.lr *= self.per_epoch
        elif self.decay_type == "linear":
            self.lr -= self.per_epoch


class _AnEpochTooMany(_BooksForm):
    def _per_epoch(self, decay_type: str | None, decays: int) -> float:
        return super()._per_epoch(decay_type, decays + 1)


class _PrintedExponent(_BooksForm):
    def _per_epoch(self, decay_type: str | None, decays: int) -> float:
        if decay_type == "exponential":
            return float(self.final_lr ** (1 / decays) / self.lr)
        return super()._per_epoch(decay_type, decays)


class _NoDecay(_BooksForm):
    def _decay_lr(self, loss: float | None = None) -> None:
        pass


class _OnlyAboveZero(_BooksForm):
    def _decay_lr(self, loss: float | None = None) -> None:
        if self.final_lr:
            super()._decay_lr()


class _AlwaysLinear(_BooksForm):
    def _setup_decay(self) -> None:
        self.per_epoch = self._per_epoch("linear", self.max_epochs - 1)

    def _decay_lr(self, loss: float | None = None) -> None:
        self.lr -= self.per_epoch


class _ExponentialForLinear(_BooksForm):
    """Where that is possible."""

    def _setup_decay(self) -> None:
        self.decay_type = "exponential" if self.final_lr else "linear"
        super()._setup_decay()


class _Compounds(_BooksForm):
    """What is taken off is computed anew in each epoch, from the rate that has fallen already."""

    def _decay_lr(self, loss: float | None = None) -> None:
        self.per_epoch = self._per_epoch(self.decay_type, self.max_epochs - 1)
        super()._decay_lr()


class _GrowingPowers(_BooksForm):
    """The rate that has fallen already is multiplied by the factor to the power of the epoch."""

    epoch = 0

    def _decay_lr(self, loss: float | None = None) -> None:
        self.epoch += 1
        for _ in range(self.epoch):
            super()._decay_lr()


class _InEachStep(_BooksForm):
    def step(self) -> None:
        super().step()
        super()._decay_lr()

    def _decay_lr(self, loss: float | None = None) -> None:
        pass


class _BeforeTheFirst(_BooksForm):
    def _setup_decay(self) -> None:
        super()._setup_decay()
        self._decay_lr()


class _EpochLate(_BooksForm):
    late = True

    def _decay_lr(self, loss: float | None = None) -> None:
        if not self.late:
            super()._decay_lr()
        self.late = False


class _Rises(_BooksForm):
    def _decay_lr(self, loss: float | None = None) -> None:
        if self.decay_type == "exponential":
            self.lr /= self.per_epoch
        elif self.decay_type == "linear":
            self.lr += self.per_epoch


class _RisesLinearly(_BooksForm):
    def _per_epoch(self, decay_type: str | None, decays: int) -> float:
        per_epoch = super()._per_epoch(decay_type, decays)
        return -per_epoch if decay_type == "linear" else per_epoch


class _RisesExponentially(_BooksForm):
    def _per_epoch(self, decay_type: str | None, decays: int) -> float:
        per_epoch = super()._per_epoch(decay_type, decays)
        return 1 / per_epoch if decay_type == "exponential" else per_epoch


class _ExponentialByDefault(_BooksForm):
    """The book's default, with the default ``final_lr`` of 0."""

    def __init__(
        self,
        lr: float = 0.01,
        momentum: float = 0.9,
        final_lr: float = 0.0,
        decay_type: str | None = None,
    ) -> None:
        super().__init__(lr, momentum, final_lr, decay_type)
        self.decay_type = decay_type or "exponential"


DECAY = tuple(
    Mutant(name, sentence, implementation, caught_in, errata, within)
    for name, sentence, implementation, caught_in, errata, within in (
        (
            "an epoch too many",
            "The rate falls in max_epochs parts, so the last epoch does not reach final_lr: "
            "between max_epochs epochs there are max_epochs - 1 decays.",
            _AnEpochTooMany,
            "learning rates",
            None,
            None,
        ),
        (
            "printed exponent",
            "The factor of exponential decay is final_lr ** (1 / (max_epochs - 1)) / lr, as the "
            "formula is printed: the power is of the whole quotient, "
            "(final_lr / lr) ** (1 / (max_epochs - 1)).",
            _PrintedExponent,
            "learning rates",
            "E10",
            None,
        ),
        (
            "no decay to 0",
            "The rate does not fall when final_lr is 0: ask for decay_type, not for final_lr.",
            _OnlyAboveZero,
            "learning rates",
            "E11",
            None,
        ),
        (
            "no decay",
            "The rate does not fall: _decay_lr must change self.lr.",
            _NoDecay,
            "learning rates",
            None,
            None,
        ),
        (
            "always linear",
            "Exponential decay takes off the same amount each time; multiply by the same factor.",
            _AlwaysLinear,
            "learning rates",
            None,
            None,
        ),
        (
            "always exponential",
            "Linear decay multiplies by the same factor each time; take off the same amount.",
            _ExponentialForLinear,
            "learning rates",
            None,
            None,
        ),
        (
            "computed anew",
            "The decay is computed anew after each epoch, from a rate that has fallen already: "
            "compute it once, in _setup_decay.",
            _Compounds,
            "learning rates",
            None,
            None,
        ),
        (
            "more each time",
            "After the n-th epoch the decay is applied n times to a rate that has fallen already; "
            "apply it once.",
            _GrowingPowers,
            "learning rates",
            None,
            None,
        ),
        (
            "in each step",
            "The rate falls in each step; it falls after each epoch, in _decay_lr.",
            _InEachStep,
            "learning rates",
            None,
            None,
        ),
        (
            "before the first epoch",
            "The rate has fallen before the first epoch, which must run at lr.",
            _BeforeTheFirst,
            "learning rates",
            None,
            None,
        ),
        (
            "an epoch late",
            "The rate does not fall after the first epoch, and is an epoch late from there on.",
            _EpochLate,
            "learning rates",
            None,
            None,
        ),
        (
            "rises",
            "The rate rises: subtract, or multiply by a factor below 1.",
            _Rises,
            "learning rates",
            None,
            None,
        ),
        (
            "linear decay rises",
            "With linear decay the rate rises: take (lr - final_lr) / (max_epochs - 1) off.",
            _RisesLinearly,
            "learning rates",
            None,
            None,
        ),
        (
            "exponential decay rises",
            "With exponential decay the rate rises: the factor is "
            "(final_lr / lr) ** (1 / (max_epochs - 1)), which is below 1.",
            _RisesExponentially,
            "learning rates",
            None,
            None,
        ),
        (
            "exponential by default",
            "The rate falls although no decay was asked for: decay_type must be None by default. "
            "The book's default, exponential decay to a final_lr of 0, makes the rate 0 at once.",
            _ExponentialByDefault,
            "learning rates",
            "E39",
            None,
        ),
        (
            "learning rate of the start",
            "self.lr falls, but step goes on with the rate it began with: read self.lr in each "
            "step.",
            RateOfTheStart,
            "params[0], step 3",
            None,
            "SGDMomentum",
        ),
        (
            "learning rate outside of the velocity",
            "The learning rate multiplies the whole velocity, so earlier gradients get today's "
            "rate; add lr * grad to the velocity, with the rate of its own epoch.",
            RateOutside,
            "params[0], step 3",
            None,
            "SGDMomentum",
        ),
    )
)
