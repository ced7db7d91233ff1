"""A scratch autoencoder's PyTorch twin.

Parameters cross as those of any network do: both sides have the encoder's layers first, and the
decoder's after them. ``copy_to_reference``, ``read_reference`` and ``copy_to_scratch`` take either.
"""

from __future__ import annotations

from parity.bridge.networks import copy_to_reference
from reference.autoencoder import SIDE
from reference.autoencoder import Autoencoder as TorchAutoencoder
from scratch.autoencoder import Autoencoder
from scratch.conv.geometry import as_pair


def autoencoder_to_reference(net: Autoencoder) -> TorchAutoencoder:
    """The PyTorch twin of a scratch autoencoder that has seen its first images, with its parameters
    and in their dtype.

    Raises:
        ValueError: the autoencoder has no parameters yet, or has images or filters of another size
            than the book's.
    """
    encoder = net.encoder
    if encoder.first or net.decoder.first:
        raise ValueError("the autoencoder has no parameters yet; run it forward once")
    if encoder.image_shape != (1, SIDE, SIDE) or as_pair(encoder.param_size) != (5, 5):
        raise ValueError(
            f"an autoencoder has a twin for images of shape {(1, SIDE, SIDE)} and filters of five "
            f"by five only, not for {encoder.image_shape} and {encoder.param_size}"
        )
    model = TorchAutoencoder(encoder.neurons, encoder.channels)
    copy_to_reference(list(net.params()), model)
    return model
