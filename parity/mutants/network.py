"""Mistakes in the network of chapter 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import network as right


class _NotReversed(right.NeuralNetwork):
    def backward(self, loss_grad: ndarray) -> None:
        for layer in self.layers:
            loss_grad = layer.backward(loss_grad)


class _GradNotPassed(right.NeuralNetwork):
    def backward(self, loss_grad: ndarray) -> None:
        for layer in reversed(self.layers):
            layer.backward(loss_grad)


class _LastLayerOnly(right.NeuralNetwork):
    def params(self) -> Iterator[ndarray]:
        yield from self.layers[-1].params

    def param_grads(self) -> Iterator[ndarray]:
        yield from self.layers[-1].param_grads


class _LossGradOnes(right.NeuralNetwork):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        predictions = self.forward(x_batch)
        loss = self.loss.forward(predictions, y_batch)
        self.backward(np.ones_like(predictions))
        return loss


class _TargetFirst(right.NeuralNetwork):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        loss = self.loss.forward(y_batch, self.forward(x_batch))
        self.backward(self.loss.backward())
        return loss


class _ListsYielded(right.NeuralNetwork):
    def params(self) -> Iterator[Any]:
        for layer in self.layers:
            yield layer.params

    def param_grads(self) -> Iterator[Any]:
        for layer in self.layers:
            yield layer.param_grads


class _SkipsFirst(right.NeuralNetwork):
    def backward(self, loss_grad: ndarray) -> None:
        for layer in reversed(self.layers[1:] or self.layers):
            loss_grad = layer.backward(loss_grad)

    def param_grads(self) -> Iterator[ndarray]:
        for layer in self.layers:
            yield from layer.param_grads or [np.zeros_like(param) for param in layer.params]


NEURAL_NETWORK = (
    Mutant(
        "target first",
        "The loss gets the target where it expects the prediction: "
        "loss.forward(predictions, y_batch).",
        _TargetFirst,
        "param_grads[0]",
    ),
    Mutant(
        "loss gradient ignored",
        "The backward pass starts from ones; start it from self.loss.backward().",
        _LossGradOnes,
        "param_grads[0]",
    ),
    Mutant(
        "gradient not passed on",
        "Every layer gets the gradient of the loss; each must get the "
        "one that the layer behind it returned.",
        _GradNotPassed,
        "param_grads[0]",
    ),
    Mutant(
        "not reversed",
        "backward visits the layers in forward order; go through reversed(self.layers).",
        _NotReversed,
        "param_grads[0]",
    ),
    Mutant(
        "first layer skipped",
        "backward stops before the first layer, which never learns.",
        _SkipsFirst,
        "param_grads[0]",
    ),
    Mutant(
        "lists yielded",
        "params and param_grads give one list for each layer; give their arrays one by one: "
        "yield from layer.params.",
        _ListsYielded,
        "params[0], step 1",
    ),
    Mutant(
        "last layer only",
        "params and param_grads cover only the last layer; go through all.",
        _LastLayerOnly,
        "number of params",
    ),
)
