"""Whole convolutional networks, trained step by step with their PyTorch twins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import read_reference, to_reference
from reference.losses import SoftmaxCrossEntropy as TorchSoftmaxCrossEntropy
from reference.optimizers import SGDMomentum as TorchSGDMomentum
from scratch.activations import Linear, Tanh
from scratch.conv import Conv2D, Conv2DOperation
from scratch.dense import Dense
from scratch.functions import one_hot
from scratch.losses import SoftmaxCrossEntropy
from scratch.network import NeuralNetwork
from scratch.optimizers import SGDMomentum

STEPS, BATCH, CLASSES = 100, 6, 4

#: Rounding is all that the sides may differ by: a part in 1e15, blown up by a hundred steps.
APART = 1e-10


def one_convolution() -> NeuralNetwork:
    """Conv, tanh, flatten, dense: the book's model, smaller."""
    layers = [Conv2D(4, 5, Tanh(), weight_init="glorot", flatten=True), Dense(CLASSES, Linear())]
    return NeuralNetwork(layers, SoftmaxCrossEntropy(), seed=20190402)


def one_convolution_with_dropout() -> NeuralNetwork:
    layers = [
        Conv2D(4, 5, Tanh(), dropout=0.8, weight_init="glorot", flatten=True),
        Dense(CLASSES, Linear()),
    ]
    return NeuralNetwork(layers, SoftmaxCrossEntropy(), seed=20190402)


def two_convolutions() -> NeuralNetwork:
    """Conv, conv, dense, dense: with a stride, biases and filters that are not square."""
    layers = [
        Conv2D(3, 3, Tanh(), weight_init="glorot", stride=2, bias=True),
        Conv2D(5, (2, 3), Tanh(), weight_init="glorot", flatten=True, bias=True),
        Dense(6, Tanh(), weight_init="glorot"),
        Dense(CLASSES, Linear(), weight_init="glorot"),
    ]
    return NeuralNetwork(layers, SoftmaxCrossEntropy(), seed=20190402)


@pytest.mark.parametrize("make", [one_convolution, one_convolution_with_dropout, two_convolutions])
def test_both_sides_stay_together_for_a_hundred_steps(make: Callable[[], NeuralNetwork]) -> None:
    generator = np.random.default_rng(1)
    X = generator.standard_normal((STEPS, BATCH, 1, 9, 8))
    y = one_hot(generator.integers(0, CLASSES, STEPS * BATCH), CLASSES).reshape(STEPS, BATCH, -1)
    net = make()
    net.forward(X[0])
    start = [param.copy() for param in net.params()]
    twin = to_reference(net, share_masks=True)
    optimizer = SGDMomentum(lr=0.01, momentum=0.9)
    optimizer.net = net
    torch_optimizer = TorchSGDMomentum(twin.parameters(), lr=0.01, momentum=0.9)
    criterion = TorchSoftmaxCrossEntropy()
    for images, targets in zip(X, y, strict=True):
        loss = net.train_batch(images, targets)
        torch_optimizer.zero_grad()
        torch_loss = criterion(twin(torch.from_numpy(images)), torch.from_numpy(targets))
        torch_loss.backward()
        assert loss == pytest.approx(torch_loss.item(), abs=APART)
        optimizer.step()
        torch_optimizer.step()
        for ours, theirs in zip(net.params(), read_reference(twin), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=APART)
    moved = [abs(param - old).max() for param, old in zip(net.params(), start, strict=True)]
    assert min(moved) > 0.01


def test_no_gradient_on_the_data_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first layer it would be half of the work of its way back, and nobody reads it."""
    computed: list[tuple[int, ...]] = []
    input_grad = Conv2DOperation._input_grad

    def recorded(operation: Conv2DOperation, output_grad: ndarray) -> ndarray:
        computed.append(operation.param.shape)
        return input_grad(operation, output_grad)

    monkeypatch.setattr(Conv2DOperation, "_input_grad", recorded)
    net = two_convolutions()
    net.train_batch(np.ones((2, 1, 9, 8)), np.eye(CLASSES)[:2])
    assert computed == [(3, 5, 2, 3)]
