"""Chapters 3, 5 and 7 in PyTorch: what layers and models derive from, and layers in a row."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class PyTorchLayer(nn.Module):
    """What a layer derives from. Chapter 7, "PyTorch Elements: Model, Layer, Optimizer, and Loss".

    The book's ``forward`` takes an ``inference`` flag too, which calls ``eval()`` on the layer and
    never undoes it (E24). Here the mode is PyTorch's own: ``train()`` and ``eval()`` set it, and
    who evaluates puts it back, as ``reference.training.predict`` does.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output.

        Raises:
            NotImplementedError: a layer has to define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward")


class PyTorchModel(nn.Module):
    """What a model derives from. Chapter 7, "PyTorch Elements: Model, Layer, Optimizer, and Loss".

    The mode is PyTorch's own, as in ``PyTorchLayer``.
    """

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What the loss is to see, or a tuple that begins with it (E25).

        Raises:
            NotImplementedError: a model has to define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward")


class NeuralNetwork(nn.Sequential):
    """Layers, first to last. Chapter 3, "The NeuralNetwork Class, and Maybe Others".

    Args:
        layers: at least one.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__(*layers)
