"""MNIST in PyTorch's loaders, each image transformed when its turn comes (chapter 7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from datasets.mnist import Split
from datasets.mnist_torch import mnist_dataset
from datasets.torchvision_shim import import_torchvision

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

    Loader: TypeAlias = DataLoader[tuple[torch.Tensor, torch.Tensor]]

# Of MNIST's training pixels, to four digits; the book prints a mean of 0.1305 (E23).
MEAN = 0.1307
STD = 0.3081


def mnist_loaders(
    batch_size: int = 60,
    seed: int = 1,
    mean: float = MEAN,
    std: float = STD,
    directory: Path | None = None,
) -> tuple[Loader, Loader]:
    """Loaders of the training and of the test part (chapter 7, "DataLoader and Transforms").

    A batch is images, (batch_size, 1, 28, 28) in float32, over 255, less `mean`, over `std`, and
    their digits, (batch_size,) in int64; the last one of a part takes what is left. Training
    images come in a new order each epoch, drawn from `seed`, test images in that of the files.
    `directory` is that of `mnist_dataset`; the mean and the standard deviation of another set are
    those of its `pixel_statistics`.
    Raises `ValueError` if `batch_size` is below 1 or `std` is not positive; `DataFileError` if a
    file is missing or damaged or does not fit the other, `TorchvisionError` if torchvision cannot
    be imported.
    """
    import torch
    from torch.utils.data import DataLoader

    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if not std > 0:
        raise ValueError(f"std must be positive, the pixels are divided by it, got {std}")
    transforms = import_torchvision().transforms
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((mean,), (std,))])

    def part(split: Split) -> torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]:
        dataset: torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]] = mnist_dataset(
            split, directory=directory, transform=transform
        )
        return dataset

    train = DataLoader(
        part("train"), batch_size, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    return train, DataLoader(part("test"), batch_size)
