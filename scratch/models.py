"""The networks of the book, ready made: the house-price models of chapter 3."""

from __future__ import annotations

from scratch.activations import Linear, Sigmoid
from scratch.dense import Dense
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.seeding import Seed


def linear_regression(seed: Seed = 20190501) -> NeuralNetwork:
    """One neuron without activation. Chapter 3, "Neural Network: code" (without its E8)."""
    return NeuralNetwork([Dense(1, Linear())], MeanSquaredError(), seed)


def neural_network(seed: Seed = 20190501) -> NeuralNetwork:
    """13 sigmoid neurons, one output. Chapter 3, "Neural Network: code"."""
    return NeuralNetwork([Dense(13, Sigmoid()), Dense(1, Linear())], MeanSquaredError(), seed)


def deep_neural_network(seed: Seed = 20190501) -> NeuralNetwork:
    """Twice 13 sigmoid neurons, one output. Chapter 3, "Our First Deep Learning Model"."""
    return NeuralNetwork(
        [Dense(13, Sigmoid()), Dense(13, Sigmoid()), Dense(1, Linear())], MeanSquaredError(), seed
    )
