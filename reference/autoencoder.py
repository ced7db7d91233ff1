"""Chapter 7 in PyTorch: a convolutional autoencoder of handwritten digits."""

from __future__ import annotations

from torch import Tensor, nn

from reference.conv import ConvLayer
from reference.dense import DenseLayer
from reference.network import PyTorchModel

SIDE = 28


class Encoder(PyTorchModel):
    """Two convolutions of five by five and a dense layer, all with tanh.

    Chapter 7, "Implementing an Autoencoder in PyTorch".

    Args:
        hidden_dim: numbers in a code.
        channels: maps after the first convolution and after the second.
    """

    def __init__(self, hidden_dim: int = 28, channels: tuple[int, int] = (14, 7)) -> None:
        super().__init__()
        first, second = channels
        self.conv1 = ConvLayer(1, first, 5, nn.Tanh(), bias=True)
        self.conv2 = ConvLayer(first, second, 5, nn.Tanh(), flatten=True, bias=True)
        self.dense1 = DenseLayer(second * SIDE * SIDE, hidden_dim, nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, 1, 28, 28)`` to codes ``(batch, hidden_dim)``, between -1 and 1.

        Raises:
            ValueError: ``x`` has another shape.
        """
        if x.ndim != 4 or x.shape[1:] != (1, SIDE, SIDE):
            raise ValueError(
                f"Encoder: input must have shape (batch, 1, 28, 28), not {tuple(x.shape)}"
            )
        return self.dense1(self.conv2(self.conv1(x)))


class Decoder(PyTorchModel):
    """The way back: a dense layer and two convolutions of five by five, all with tanh.

    Chapter 7, "Implementing an Autoencoder in PyTorch".

    Args:
        hidden_dim: numbers in a code.
        channels: as in ``Encoder``, in the encoder's order.
    """

    def __init__(self, hidden_dim: int = 28, channels: tuple[int, int] = (14, 7)) -> None:
        super().__init__()
        first, second = channels
        self.hidden_dim = hidden_dim
        self.dense1 = DenseLayer(hidden_dim, second * SIDE * SIDE, nn.Tanh())
        self.unflatten = nn.Unflatten(1, (second, SIDE, SIDE))
        self.conv1 = ConvLayer(second, first, 5, nn.Tanh(), bias=True)
        self.conv2 = ConvLayer(first, 1, 5, nn.Tanh(), bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``(batch, hidden_dim)`` to ``(batch, 1, 28, 28)``, between -1 and 1.

        Raises:
            ValueError: ``x`` has another shape.
        """
        if x.ndim != 2 or x.shape[1] != self.hidden_dim:
            raise ValueError(
                f"Decoder: input must have shape (batch, {self.hidden_dim}), not {tuple(x.shape)}"
            )
        return self.conv2(self.conv1(self.unflatten(self.dense1(x))))


class Autoencoder(PyTorchModel):
    """An encoder and a decoder, trained to give back what comes in.

    Chapter 7, "Implementing an Autoencoder in PyTorch". Pixels are to lie between -1 and 1, as what
    comes out does.

    Args:
        hidden_dim: numbers in a code.
        channels: as in ``Encoder``.
    """

    def __init__(self, hidden_dim: int = 28, channels: tuple[int, int] = (14, 7)) -> None:
        super().__init__()
        self.encoder = Encoder(hidden_dim, channels)
        self.decoder = Decoder(hidden_dim, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, 1, 28, 28)`` to images of that shape and their codes, ``(batch, hidden_dim)``.

        Raises:
            ValueError: ``x`` has another shape.
        """
        code = self.encoder(x)
        return self.decoder(code), code
