"""Chapter 6 in PyTorch: recurrent layers in a row."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from reference.recurrent.cells import State
from reference.recurrent.layers import RecurrentLayer


class RNNModel(nn.Module):
    """Recurrent layers of any kinds, first to last.

    Chapter 6, "RNNs: The Code" and "Combining RNNLayer Variants".

    Args:
        layers: at least one; each takes as many features as the one before it has outputs.
        many_to_one: whether only the last time step's output counts.
    """

    def __init__(self, layers: Sequence[RecurrentLayer], many_to_one: bool = False) -> None:
        super().__init__()
        self.stack = nn.ModuleList(layers)
        self.many_to_one = many_to_one

    @property
    def layers(self) -> list[RecurrentLayer]:
        """First to last."""
        return [layer for layer in self.stack if isinstance(layer, RecurrentLayer)]

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, features)`` to ``(batch, time, out)``, with many to one ``(batch, out)``.

        From the layers' start states.
        """
        for layer in self.layers:
            x = layer(x)
        return self._result(x)

    def forward_from(
        self, x: Tensor, states: Sequence[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """The same from states of the caller's: output, and the states after the last time step.

        Args:
            x: ``(batch, time, features)``.
            states: one for each layer, as ``RecurrentLayer.forward_from`` takes it; by default 0.

        Raises:
            ValueError: not one state for each layer.
        """
        if states is None:
            states = [
                tuple(x.new_zeros(len(x), layer.hidden_size) for _ in layer.start_state())
                for layer in self.layers
            ]
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            x, last = layer.forward_from(x, state)
            after.append(last)
        return self._result(x), after

    def reset_state(self) -> None:
        """Let the next batch start from 0, as a new text does."""
        for layer in self.layers:
            layer.reset_state()

    def _result(self, x: Tensor) -> Tensor:
        return x[:, -1] if self.many_to_one else x
