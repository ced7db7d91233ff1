"""The experiments of chapters 5 and 7: network, optimizer, and what the book prints of them."""

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

#: Of chapter 5, or chapter 7's with two convolutions, whose weights PyTorch draws.
Network = Literal["chapter-5", "chapter-7"]

#: On the test part, in percent, by the number of batches that the book gives.
PRINTED_ACCURACIES = {
    100: 79.65, 200: 86.25, 300: 85.47, 400: 87.27, 500: 88.93,
    600: 88.25, 700: 89.91, 800: 89.59, 900: 89.96,
}  # fmt: skip
PRINTED_LOSS = 3.453
PRINTED_ACCURACY = 90.50


@dataclass(frozen=True)
class ConvExperiment:
    """The training of chapter 5, or that of chapter 7.

    Attributes:
        gradients: on the filters; the book's numbers were computed with the printed ones.
        channels: how many filters chapter 5's network has.
        dropout: the probability to keep an element of a map.
        weight_init: of chapter 5's filters, as in ``scratch.initialization``.
        network: which.
    """

    gradients: Gradients = "right"
    channels: int = 32
    dropout: float = 0.8
    weight_init: str = "glorot_as_printed"
    network: Network = "chapter-5"

    @property
    def recipe(self) -> str:
        """Everything that is needed to do it again, but for the gradients and the epochs."""
        if self.network == "chapter-7":
            return (
                f"16 and 8 filters of {FILTER_SIZE} by {FILTER_SIZE}, tanh, dense layers of 32, "
                f"tanh, and 10; dropout keeps {self.dropout:g} of all but the last; softmax cross "
                f"entropy; PyTorch's initial weights; SGD {LEARNING_RATE:g} with momentum "
                f"{MOMENTUM:g}; batches of {BATCH_SIZE}"
            )
        return (
            f"{self.channels} filters of {FILTER_SIZE} by {FILTER_SIZE}, tanh, dropout keeps "
            f"{self.dropout:g}, dense layer of 10; softmax cross entropy; initial filters: "
            f"{self.weight_init}; SGD {LEARNING_RATE:g} with momentum {MOMENTUM:g}; batches of "
            f"{BATCH_SIZE}"
        )
