"""The experiment of chapter 5: network, optimizer, and what the book prints of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SEED = 20190402
BATCH_SIZE = 60
EVAL_EVERY = 100
LEARNING_RATE = 0.01
MOMENTUM = 0.9
FILTER_SIZE = 5

#: On the filters: the right ones, or those of appendix A, which come from one image's pixels and
#: another's gradients (E16).
Gradients = Literal["right", "as-printed"]

#: On the test part, in percent, by the number of batches that the book gives.
PRINTED_ACCURACIES = {
    100: 79.65, 200: 86.25, 300: 85.47, 400: 87.27, 500: 88.93,
    600: 88.25, 700: 89.91, 800: 89.59, 900: 89.96,
}  # fmt: skip
PRINTED_LOSS = 3.453
PRINTED_ACCURACY = 90.50


@dataclass(frozen=True)
class ConvExperiment:
    """The training of chapter 5.

    Attributes:
        gradients: on the filters; the book's numbers were computed with the printed ones.
        channels: how many filters there are.
        dropout: the probability to keep an element of a map.
        weight_init: of the filters, as in ``scratch.initialization``.
    """

    gradients: Gradients = "right"
    channels: int = 32
    dropout: float = 0.8
    weight_init: str = "glorot_as_printed"

    @property
    def recipe(self) -> str:
        """Everything that is needed to do it again, but for the gradients."""
        return (
            f"{self.channels} filters of {FILTER_SIZE} by {FILTER_SIZE}, tanh, dropout keeps "
            f"{self.dropout:g}, dense layer of 10; softmax cross entropy; initial filters: "
            f"{self.weight_init}; SGD {LEARNING_RATE:g} with momentum {MOMENTUM:g}; batches of "
            f"{BATCH_SIZE}, one epoch"
        )
