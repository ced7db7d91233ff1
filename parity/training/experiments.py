"""The experiments of chapter 4: network, optimizer, and what the book prints of each."""

from __future__ import annotations

from dataclasses import dataclass

SEED = 20190119
BATCH_SIZE = 60
EVAL_EVERY = 10


@dataclass(frozen=True)
class Rate:
    """A learning rate: of the first epoch, of the last, and how it gets there."""

    lr: float
    final_lr: float = 0.0
    decay_type: str | None = None


@dataclass(frozen=True)
class Experiment:
    """One of the ten trainings of chapter 4, all with tanh in the hidden layers.

    Attributes:
        id: the number that this project gives it.
        summary: what is new in it, in a few words.
        place: its heading in the book.
        printed_losses: validation losses every 10 epochs, before the one that had risen.
        printed_accuracy: on the validation data, in percent.
        epochs: at most so many.
        stopped: after which epoch the book's training ended, if early.
        hidden: the width of each hidden layer.
        squared_error: sigmoid outputs and the mean squared error; otherwise softmax cross entropy.
        rate: the learning rate.
        momentum: None for plain SGD.
        weight_init: as in ``scratch.initialization``.
        dropout: the probability to keep a hidden neuron.
    """

    id: str
    summary: str
    place: str
    printed_losses: tuple[float, ...]
    printed_accuracy: float
    epochs: int = 50
    stopped: int | None = None
    hidden: tuple[int, ...] = (89,)
    squared_error: bool = False
    rate: Rate = Rate(0.1)
    momentum: float | None = 0.9
    weight_init: str = "standard"
    dropout: float = 1.0

    @property
    def recipe(self) -> str:
        """Everything that is needed to do it again."""
        layers = "-".join(map(str, (784, *self.hidden, 10)))
        loss = "squared error" if self.squared_error else "softmax cross entropy"
        parts = [f"{layers}, tanh, {loss}", f"SGD {self.rate.lr:g}"]
        if self.momentum is not None:
            parts[-1] += f" with momentum {self.momentum:g}"
        if self.rate.decay_type is not None:
            parts[-1] += f", {self.rate.decay_type} decay to {self.rate.final_lr:g}"
        if self.weight_init != "standard":
            parts.append(f"initial weights: {self.weight_init}")
        if self.dropout < 1:
            parts.append(f"dropout keeps {self.dropout:g} of the hidden neurons")
        return "; ".join([*parts, f"batches of {BATCH_SIZE}, at most {self.epochs} epochs"])


_LINEAR = Rate(0.15, 0.05, "linear")
_EXPONENTIAL = Rate(0.2, 0.05, "exponential")
_GLOROT = "glorot_as_printed"

EXPERIMENTS = {
    experiment.id: experiment
    for experiment in (
        Experiment(
            "4.1", "mean squared error", "Experiments",
            (0.611, 0.428, 0.389, 0.374, 0.366), 72.58, squared_error=True, momentum=None,
        ),
        Experiment(
            "4.2", "softmax cross entropy", "Experiment: Softmax Cross Entropy Loss",
            (0.630, 0.574, 0.549, 0.546), 91.01, stopped=50, momentum=None,
        ),
        Experiment(
            "4.3", "momentum", "Experiment: Stochastic Gradient Descent with Momentum",
            (0.441, 0.351, 0.345, 0.338), 95.51, stopped=50,
        ),
        Experiment(
            "4.4", "linear decay", "Experiments: Learning Rate Decay",
            (0.403, 0.343, 0.282), 95.91, stopped=40, rate=_LINEAR,
        ),
        Experiment(
            "4.5", "exponential decay", "Experiments: Learning Rate Decay",
            (0.461, 0.323, 0.284), 96.06, stopped=40, rate=_EXPONENTIAL,
        ),
        Experiment(
            "4.6", "linear decay, Glorot", "Experiments: Weight Initialization",
            (0.305, 0.264, 0.245), 96.71, stopped=40, rate=_LINEAR, weight_init=_GLOROT,
        ),
        Experiment(
            "4.7", "exponential decay, Glorot", "Experiments: Weight Initialization",
            (0.352, 0.280, 0.244), 96.71, stopped=40, rate=_EXPONENTIAL, weight_init=_GLOROT,
        ),
        Experiment(
            "4.8", "4.7 with dropout", "Experiments: Dropout",
            (0.285, 0.232, 0.199, 0.196), 96.95, stopped=50,
            rate=_EXPONENTIAL, weight_init=_GLOROT, dropout=0.8,
        ),
        Experiment(
            "4.9", "two hidden layers with dropout", "Experiments: Dropout",
            (0.321, 0.268, 0.248, 0.222, 0.217, 0.194, 0.191, 0.190, 0.182), 97.15,
            epochs=100, stopped=100, hidden=(178, 46),
            rate=_EXPONENTIAL, weight_init=_GLOROT, dropout=0.8,
        ),
        Experiment(
            "4.10", "two hidden layers without dropout", "Experiments: Dropout",
            (0.375, 0.305, 0.262, 0.246), 96.52,
            stopped=50, hidden=(178, 46), rate=_EXPONENTIAL, weight_init=_GLOROT,
        ),
    )
}  # fmt: skip

#: What the chapter claims: each of these tricks raises the accuracy.
CLAIMED_ORDER = ("4.1", "4.2", "4.3", "4.5", "4.7", "4.8", "4.9")
