"""Stand-ins for a network, for what works on one from outside: optimizers and trainers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray


class StubLayer:
    """Parameters and gradients, as an optimizer sees a layer."""

    def __init__(self, *params: ndarray) -> None:
        self.params = list(params)
        self.param_grads = [np.zeros_like(param) for param in params]


class StubNetwork:
    """Just layers with parameters and gradients, as an optimizer sees a network."""

    def __init__(self, *layers: StubLayer) -> None:
        self.layers = list(layers)

    def params(self) -> Iterator[ndarray]:
        """The parameters."""
        for layer in self.layers:
            yield from layer.params

    def param_grads(self) -> Iterator[ndarray]:
        """Their gradients."""
        for layer in self.layers:
            yield from layer.param_grads
