"""Parameters both ways between the NumPy side and its PyTorch twins."""

from parity.bridge.autoencoder import autoencoder_to_reference
from parity.bridge.networks import (
    SharedDropout,
    Weighted,
    copy_to_reference,
    copy_to_scratch,
    linear_layers,
    load_weights,
    read_reference,
    read_weights,
    to_book_layout,
    to_reference,
    to_torch_layout,
    weighted_layers,
)
from parity.bridge.recurrent import (
    load_recurrent,
    model_to_reference,
    model_to_scratch,
    read_recurrent,
    read_recurrent_grads,
)

__all__ = [
    "SharedDropout",
    "Weighted",
    "autoencoder_to_reference",
    "copy_to_reference",
    "copy_to_scratch",
    "linear_layers",
    "load_recurrent",
    "load_weights",
    "model_to_reference",
    "model_to_scratch",
    "read_recurrent",
    "read_recurrent_grads",
    "read_reference",
    "read_weights",
    "to_book_layout",
    "to_reference",
    "to_torch_layout",
    "weighted_layers",
]
