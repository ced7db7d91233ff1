"""The data the book trains on, shipped with the project and checked before use.

Each data set is a module: its arrays in NumPy, and the same numbers as a PyTorch dataset. PyTorch
is imported only when such a dataset is asked for. `PROVENANCE.md` says where the files come from.
"""

from datasets.boston import (
    Boston,
    BostonSplit,
    boston_dataset,
    boston_split,
    load_boston,
    standardize,
)
from datasets.files import DataFileError, DataFileStatus, data_status
from datasets.mnist import (
    Mnist,
    MnistSplit,
    PixelStatistics,
    load_mnist,
    mnist_split,
    normalize_pixels,
    pixel_statistics,
)
from datasets.mnist_loaders import mnist_loaders
from datasets.mnist_torch import (
    MnistTensors,
    download_mnist,
    mnist_dataset,
    mnist_tensors,
    mnist_transform,
)
from datasets.shakespeare import load_shakespeare
from datasets.torchvision_shim import TorchvisionError, import_torchvision

__all__ = [
    "Boston",
    "BostonSplit",
    "DataFileError",
    "DataFileStatus",
    "Mnist",
    "MnistSplit",
    "MnistTensors",
    "PixelStatistics",
    "TorchvisionError",
    "boston_dataset",
    "boston_split",
    "data_status",
    "download_mnist",
    "import_torchvision",
    "load_boston",
    "load_mnist",
    "load_shakespeare",
    "mnist_dataset",
    "mnist_loaders",
    "mnist_split",
    "mnist_tensors",
    "mnist_transform",
    "normalize_pixels",
    "pixel_statistics",
    "standardize",
]
