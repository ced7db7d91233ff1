"""``parity train``: a model of the book, trained in NumPy, in PyTorch, or in both."""

from __future__ import annotations

import click

from parity.cli.train.autoencoder import train_autoencoder
from parity.cli.train.house_prices import train_house_prices
from parity.cli.train.mnist_conv import train_mnist_conv
from parity.cli.train.mnist_dense import train_mnist_dense
from parity.cli.train.next_character import train_next_character


@click.group("train")
def command() -> None:
    """Train a model of the book, in NumPy, in PyTorch, or both."""


command.add_command(train_house_prices)
command.add_command(train_mnist_dense)
command.add_command(train_mnist_conv)
command.add_command(train_next_character)
command.add_command(train_autoencoder)
