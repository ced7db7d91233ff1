"""How chapter 7's network is trained to an accuracy: as in the book, and further than there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        name: as in the tables.
        text: the recipe in words.
        goals: shares of the test images to be read, the smaller first.
        batch: rows.
        epochs: after which the training ends, whatever is reached.
        every: steps from one look at the test images to the next.
        keep: dropout's probability to keep an element.
        shift: pixels that the images of a batch are moved together, at most, each way.
        one_cycle: the highest rate, where it rises and falls; none where it is constant.
        optimizer: of the network's parameters.
    """

    name: str
    text: str
    goals: tuple[float, ...]
    batch: int
    epochs: int
    every: int
    keep: float
    shift: int
    one_cycle: float | None
    optimizer: Callable[[nn.Module], Optimizer]


RECIPES = (
    Recipe(
        name="the book's",
        text="SGD, rate 0.01, momentum 0.9, batches of 60, dropout 0.2, a look each 100 steps",
        goals=(0.97,),
        batch=60,
        epochs=3,
        every=100,
        keep=0.8,
        shift=0,
        one_cycle=None,
        optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
    ),
    Recipe(
        name="Adam",
        text="Adam, rate up to 0.001 and down again in one cycle of 10 epochs, batches of 128 that "
        "are moved by up to a pixel each way, no dropout, a look each 469 steps, an epoch",
        goals=(0.97, 0.99),
        batch=128,
        epochs=10,
        every=469,
        keep=1.0,
        shift=1,
        one_cycle=0.001,
        optimizer=lambda model: torch.optim.Adam(model.parameters()),
    ),
)
