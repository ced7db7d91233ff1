"""An epoch of chapter 7's network on the processor, and the part of it that is loading of data.

``python -m benchmarks.data_loading``. MNIST_ConvNet, batches of 60, SGD with a rate of 0.01 and
momentum 0.9: once from tensors that were normalised as a whole, in the order of a permutation, once
from a ``DataLoader`` over torchvision's MNIST, which transforms each image when its turn comes.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.measure import describe_machine, spread
from datasets import mnist_tensors
from datasets.mnist_loaders import mnist_loaders
from reference.models import MNIST_ConvNet
from reference.training import calc_accuracy_model

BATCH = 60

Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Epoch:
    """Seconds of an epoch, seconds of them in which batches were made, and the last loss."""

    seconds: float
    loading: float
    loss: float

    @property
    def share(self) -> float:
        """The part of the time that is loading."""
        return self.loading / self.seconds


def train(model: MNIST_ConvNet, batches: Batches) -> Epoch:
    """One pass over the batches."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss = torch.tensor(float("nan"))
    loading = 0.0
    started = waiting = time.perf_counter()
    for images, digits in batches:
        loading += time.perf_counter() - waiting
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), digits)
        loss.backward()
        optimizer.step()
        waiting = time.perf_counter()
    ended = time.perf_counter()
    return Epoch(ended - started, loading + ended - waiting, loss.item())


def from_tensors(images: Tensor, digits: Tensor, limit: int | None) -> Batches:
    """Rows of whole tensors in the order of a permutation that is drawn at the first batch."""

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
        for rows in order[:limit].split(BATCH):
            yield images[rows], digits[rows]

    return batches()


def from_loader(limit: int | None) -> Batches:
    """The ``DataLoader`` of chapter 7, in the process that trains."""
    train_loader, _ = mnist_loaders(batch_size=BATCH, seed=1)
    return itertools.islice(train_loader, None if limit is None else -(-limit // BATCH))


def main() -> None:
    """Train both ways in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--limit", type=int, help="images to train on, if not all")
    arguments = parser.parse_args()
    print(f"{describe_machine()}, {torch.get_num_threads()} threads", flush=True)
    data = mnist_tensors()
    images, test = (part.view(-1, 1, 28, 28) for part in (data.X_train, data.X_test))
    epochs: dict[str, list[Epoch]] = {"tensors": [], "DataLoader": []}
    accuracies = {}
    torch.manual_seed(1)
    train(MNIST_ConvNet(), from_tensors(images, data.y_train, 10 * BATCH))  # warm-up
    for number in range(arguments.rounds):
        for name in epochs if number % 2 == 0 else reversed(epochs):
            if name == "tensors":
                batches = from_tensors(images, data.y_train, arguments.limit)
            else:
                batches = from_loader(arguments.limit)
            torch.manual_seed(1)
            model = MNIST_ConvNet()
            epochs[name].append(train(model, batches))
            accuracies[name] = calc_accuracy_model(model, test, data.y_test)
            print(f"  {name}: {epochs[name][-1]}", file=sys.stderr, flush=True)
    print(f"\nAn epoch, rounds: {arguments.rounds}")
    for name, seen in epochs.items():
        print(
            f"  {name:12}{spread(np.array([epoch.seconds for epoch in seen]), 1)} s, "
            f"{spread(np.array([100 * epoch.share for epoch in seen]), 1)} % of it loading, "
            f"accuracy {100 * accuracies[name]:.2f} %"
        )
    tensors, loader = (np.array([epoch.seconds for epoch in seen]) for seen in epochs.values())
    print(f"  DataLoader / tensors: {spread(loader / tensors)}")


if __name__ == "__main__":
    main()
