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

__all__ = [
    "Boston",
    "BostonSplit",
    "DataFileError",
    "DataFileStatus",
    "boston_dataset",
    "boston_split",
    "data_status",
    "load_boston",
    "standardize",
]
