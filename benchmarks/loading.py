"""From the files of MNIST to 70,000 normalised rows, in NumPy and through PyTorch.

``python -m benchmarks.loading``. The files have been read before: what counts is the processor.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.measure import describe_machine, spread, take_turns
from datasets import mnist_dataset, mnist_split, mnist_tensors, mnist_transform
from datasets.mnist import load_part, training_statistics


def load_scratch() -> np.ndarray:
    """Both parts through ``mnist_split``: ``X_train``, for a comparison."""
    return mnist_split(np.float32).X_train


def load_tensors() -> np.ndarray:
    """The same through torchvision, normalised as whole tensors."""
    return mnist_tensors().X_train.numpy()


def load_with_data_loader() -> np.ndarray:
    """The same image by image, as PyTorch's tutorials do it: a transform and a ``DataLoader``."""
    transform = mnist_transform(*training_statistics(load_part("train")[0]))
    parts = []
    for split in ("train", "test"):
        loader = DataLoader(mnist_dataset(split, transform=transform), batch_size=60)
        parts.append(torch.cat([images for images, _ in loader]).numpy())
    return parts[0]


SIDES = {
    "scratch: mnist_split": load_scratch,
    "reference: mnist_tensors": load_tensors,
    "reference: DataLoader": load_with_data_loader,
}


def main() -> None:
    """Compare what is loaded, then measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(describe_machine())
    expected = load_scratch()
    for name, load in SIDES.items():  # also imports what is imported late
        if not np.array_equal(load(), expected):
            raise SystemExit(f"{name} loads other numbers than mnist_split.")
    seconds = take_turns(SIDES, arguments.rounds, calls=1, warm_up=0)
    print(f"\nSeconds for 70,000 images, {arguments.rounds} rounds")
    for name, values in seconds.items():
        print(f"  {name:26}{spread(values)}")
    ours, *others = seconds
    for name in others:
        print(f"  scratch / {name.partition(': ')[2]:16}{spread(seconds[ours] / seconds[name])}")


if __name__ == "__main__":
    main()
