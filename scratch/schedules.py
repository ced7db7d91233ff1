"""Chapter 4: learning-rate schedules, which say how large the steps of each epoch are."""

from __future__ import annotations

import math

from scratch.seeding import is_integer


class Schedule:
    """The learning rate of one epoch after the other. Chapter 4, "Types of Learning Rate Decay".

    ``lr`` is the rate of the epoch that is running; ``step`` ends it. The first epoch runs at the
    rate that was given, none below ``final_lr``. A subclass defines ``step``.

    Args:
        lr: the rate of the first epoch, at least 0.
        final_lr: where it ends, from 0 to ``lr``.

    Raises:
        ValueError: a rate is out of range.
    """

    def __init__(self, lr: float, final_lr: float) -> None:
        check_rates(type(self).__name__, lr, final_lr)
        self.lr = self.first_lr = float(lr)
        self.final_lr = float(final_lr)

    def step(self, loss: float | None = None) -> float:
        """End an epoch. Returns the rate of the next one, which is ``lr`` from now on.

        Args:
            loss: of the epoch; not all schedules look at it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step")


class TimedDecay(Schedule):
    """A schedule that looks at nothing but the number of epochs. A subclass defines ``_rate``.

    The last of ``max_epochs`` epochs runs at exactly ``final_lr``, and so does any later one.

    Args:
        lr: the rate of the first epoch, at least 0.
        final_lr: the rate of the last epoch, from 0 to ``lr``.
        max_epochs: how many there are, at least 0; where there is only one it runs at ``lr``.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(self, lr: float, final_lr: float, max_epochs: int) -> None:
        super().__init__(lr, final_lr)
        if not is_integer(max_epochs) or max_epochs < 0:
            raise ValueError(
                f"{type(self).__name__}: max_epochs must be a whole number of at least 0, "
                f"not {max_epochs!r}"
            )
        self.max_epochs = max_epochs
        self.epochs = 0

    def step(self, loss: float | None = None) -> float:
        """End an epoch. Returns the rate of the next one; ``loss`` is not looked at."""
        self.epochs += 1
        if self.epochs < self.max_epochs - 1:
            self.lr = self._rate(self.epochs / (self.max_epochs - 1))
        else:
            self.lr = self.final_lr
        return self.lr

    def _rate(self, part: float) -> float:
        """The rate when ``part`` of the way is behind, which is between 0 and 1."""
        raise NotImplementedError(f"{type(self).__name__} must define _rate")


class LinearDecay(TimedDecay):
    """Takes the same amount off after each epoch. As ``TimedDecay``."""

    def _rate(self, part: float) -> float:
        return self.first_lr - (self.first_lr - self.final_lr) * part


class ExponentialDecay(TimedDecay):
    """Multiplies by the same factor after each epoch, which must be over 0. As ``TimedDecay``."""

    def __init__(self, lr: float, final_lr: float, max_epochs: int) -> None:
        super().__init__(lr, final_lr, max_epochs)
        check_reachable(type(self).__name__, final_lr)

    def _rate(self, part: float) -> float:
        return self.first_lr * (self.final_lr / self.first_lr) ** part


class CosineDecay(TimedDecay):
    """Half a wave of the cosine: slow, fast, slow. Beyond the book. As ``TimedDecay``."""

    def _rate(self, part: float) -> float:
        return self.final_lr + (self.first_lr - self.final_lr) * (1 + math.cos(math.pi * part)) / 2


class ReduceOnPlateau(Schedule):
    """Multiplies by ``factor`` when the loss has stopped falling. Beyond the book.

    That is, when it has not been below ``1 - threshold`` times the lowest one for more than
    ``patience`` epochs in a row; after that the count begins anew.

    Args:
        lr: the rate of the first epoch, at least 0.
        final_lr: the lowest rate, from 0 to ``lr``.
        factor: at least 0 and below 1.
        patience: how many epochs without a better loss do no harm.
        threshold: the part of the loss that counts as falling, at least 0 and below 1.

    Raises:
        ValueError: a number is out of range.
    """

    #: A change of the rate by no more than this is not made, as in PyTorch.
    SMALLEST_CHANGE = 1e-8

    def __init__(
        self,
        lr: float,
        final_lr: float = 0.0,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
    ) -> None:
        super().__init__(lr, final_lr)
        for name, value in (("factor", factor), ("threshold", threshold)):
            if not 0 <= value < 1:
                raise ValueError(
                    f"ReduceOnPlateau: {name} must be at least 0 and below 1, not {value}"
                )
        if not is_integer(patience) or patience < 0:
            raise ValueError(
                f"ReduceOnPlateau: patience must be a whole number of at least 0, not {patience!r}"
            )
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.best_loss = math.inf
        self.bad_epochs = 0

    def step(self, loss: float | None = None) -> float:
        """End an epoch. Returns the rate of the next one.

        Raises:
            ValueError: there is no ``loss``.
        """
        if loss is None:
            raise ValueError("ReduceOnPlateau.step needs the loss of the epoch")
        if loss < self.best_loss * (1 - self.threshold):
            self.best_loss = float(loss)
            self.bad_epochs = 0
        else:
            self.bad_epochs += 1
        if self.bad_epochs > self.patience:
            self.bad_epochs = 0
            reduced = max(self.final_lr, self.lr * self.factor)
            if self.lr - reduced > self.SMALLEST_CHANGE:
                self.lr = reduced
        return self.lr


#: What ``decay_type`` may be, but for None.
DECAY_TYPES = ("linear", "exponential", "cosine", "plateau")


def make_schedule(decay_type: str, lr: float, final_lr: float, max_epochs: int) -> Schedule:
    """The schedule that an optimizer's ``decay_type`` names.

    Raises:
        ValueError: there is no such type, or a number is out of range.
    """
    if decay_type == "linear":
        return LinearDecay(lr, final_lr, max_epochs)
    if decay_type == "exponential":
        return ExponentialDecay(lr, final_lr, max_epochs)
    if decay_type == "cosine":
        return CosineDecay(lr, final_lr, max_epochs)
    if decay_type == "plateau":
        return ReduceOnPlateau(lr, final_lr)
    raise ValueError(
        f"decay_type must be None or one of {', '.join(map(repr, DECAY_TYPES))}, not {decay_type!r}"
    )


def check_rates(who: str, lr: float, final_lr: float) -> None:
    """Refuse a learning rate below 0 or not finite, and a final one that is not from 0 to it.

    Raises:
        ValueError: a rate is out of range.
    """
    if not (math.isfinite(lr) and lr >= 0):
        raise ValueError(
            f"{who}: the learning rate must be a finite number of at least 0, not {lr}"
        )
    if not 0 <= final_lr <= lr:
        raise ValueError(
            f"{who}: final_lr must be between 0 and the learning rate, which is {lr}, "
            f"not {final_lr}"
        )


def check_reachable(who: str, final_lr: float) -> None:
    """Refuse an exponential decay to 0.

    Raises:
        ValueError: ``final_lr`` is 0.
    """
    if final_lr == 0:
        raise ValueError(
            f"{who}: exponential decay never reaches 0; give a final_lr above 0, or take linear "
            "or cosine decay"
        )


def check_decay(who: str, lr: float, final_lr: float, decay_type: str | None) -> None:
    """Refuse rates and a ``decay_type`` from which no schedule can be made.

    Raises:
        ValueError: a rate is out of range or does nothing, or there is no such type.
    """
    types = ", ".join(map(repr, DECAY_TYPES))
    if decay_type is None:
        check_rates(who, lr, 0.0)
        if final_lr != 0:
            raise ValueError(
                f"{who}: final_lr={final_lr} does nothing without a decay_type; give one of {types}"
            )
        return
    check_rates(who, lr, final_lr)
    if decay_type not in DECAY_TYPES:
        raise ValueError(f"{who}: decay_type must be None or one of {types}, not {decay_type!r}")
    if decay_type == "exponential":
        check_reachable(who, final_lr)
