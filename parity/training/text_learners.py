"""A model of chapter 6 with its optimizer, in NumPy and in PyTorch, both with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy import ndarray

import scratch.models
from parity.training.sides import Side
from parity.training.text_experiment import EPS, LEARNING_RATE, Characters, TextExperiment
from scratch.optimizers import AdaGrad
from scratch.recurrent import (
    RNNModel,
    SequenceSoftmaxCrossEntropy,
    clip_by_norm,
    clip_by_value,
)
from scratch.text import sample

if TYPE_CHECKING:
    from torch import Tensor


class Learner(Protocol):
    """A side's model with its optimizer."""

    def reset_state(self) -> None:
        """Begin the text anew."""

    def step(self, x: ndarray, targets: ndarray) -> float:
        """Train on a batch of one-hot characters; returns its loss, a mean, before the step."""

    def read_on(self, x: ndarray, targets: ndarray, states: Any) -> tuple[float, Any]:
        """The loss of a batch from these states, and the states after it."""

    def write(self, characters: Characters, length: int, temperature: float, seed: int) -> str:
        """Let the model write from a state of 0."""

    def params(self) -> list[ndarray]:
        """Copies of all parameters, in the book's order and shapes."""


def initial_model(experiment: TextExperiment, vocab_size: int, dtype: Any, seed: int) -> RNNModel:
    """The model that both sides begin with, in NumPy."""
    model = scratch.models.next_character(
        vocab_size, experiment.layers, experiment.hidden, experiment.carry_state, seed
    )
    model.forward(np.zeros((1, 1, vocab_size), dtype))
    model.reset_state()
    return model


class ScratchLearner:
    """In NumPy."""

    def __init__(self, experiment: TextExperiment, vocab_size: int, dtype: Any, seed: int) -> None:
        self.experiment = experiment
        self.model = initial_model(experiment, vocab_size, dtype, seed)
        self.optimizer = AdaGrad(LEARNING_RATE, EPS, eps_in="sum")
        self.optimizer.net = self.model

    def reset_state(self) -> None:
        """Begin the text anew."""
        self.model.reset_state()

    def step(self, x: ndarray, targets: ndarray) -> float:
        """Train on a batch of one-hot characters; returns its loss, a mean, before the step."""
        model, experiment = self.model, self.experiment
        model.clear_gradients()
        loss = model.loss.forward(model.forward(x), targets)
        count = targets.size if experiment.reduction == "sum" else 1
        model.backward(count * model.loss.backward())
        if experiment.clipping == "value":
            clip_by_value(model.param_grads(), experiment.limit)
        elif experiment.clipping == "norm":
            clip_by_norm(model.param_grads(), experiment.limit)
        self.optimizer.step()
        return float(loss)

    def read_on(self, x: ndarray, targets: ndarray, states: Any) -> tuple[float, Any]:
        """The loss of a batch from these states, and the states after it."""
        predictions, states = self.model.forward_from(x, states)
        return SequenceSoftmaxCrossEntropy().forward(predictions, targets), states

    def write(self, characters: Characters, length: int, temperature: float, seed: int) -> str:
        """Let the model write from a state of 0."""
        return sample(
            self.model, characters.vocabulary, characters.start, length, temperature, seed
        )

    def params(self) -> list[ndarray]:
        """Copies of all parameters, in the book's order and shapes."""
        return [param.copy() for param in self.model.params()]


class ReferenceLearner:
    """In PyTorch."""

    def __init__(self, experiment: TextExperiment, vocab_size: int, dtype: Any, seed: int) -> None:
        import torch

        import reference.models
        from parity.bridge import load_recurrent
        from reference.optimizers import AdaGrad

        with torch.random.fork_rng(devices=[]):
            self.model = reference.models.next_character(
                vocab_size, experiment.layers, experiment.hidden, experiment.carry_state
            )
        initial = initial_model(experiment, vocab_size, dtype, seed)
        for layer, twin in zip(initial.layers, self.model.layers, strict=True):
            load_recurrent(twin, {name: param["value"] for name, param in layer.params.items()})
        self.experiment = experiment
        self.trained = [param for param in self.model.parameters() if param.requires_grad]
        self.optimizer = AdaGrad(self.trained, LEARNING_RATE, EPS, eps_in="sum")

    def reset_state(self) -> None:
        """Begin the text anew."""
        self.model.reset_state()

    def step(self, x: ndarray, targets: ndarray) -> float:
        """Train on a batch of one-hot characters; returns its loss, a mean, before the step."""
        import torch

        from reference.recurrent import clip_by_norm as clip_grads_by_norm

        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(torch.from_numpy(x)), targets)
        count = targets.size if self.experiment.reduction == "sum" else 1
        (count * loss).backward()
        if self.experiment.clipping == "value":
            torch.nn.utils.clip_grad_value_(self.trained, self.experiment.limit)
        elif self.experiment.clipping == "norm":
            clip_grads_by_norm(self.trained, self.experiment.limit)
        self.optimizer.step()
        return float(loss.item())

    def read_on(self, x: ndarray, targets: ndarray, states: Any) -> tuple[float, Any]:
        """The loss of a batch from these states, and the states after it."""
        import torch

        with torch.no_grad():
            predictions, states = self.model.forward_from(torch.from_numpy(x), states)
            return float(cross_entropy(predictions, targets)), states

    def write(self, characters: Characters, length: int, temperature: float, seed: int) -> str:
        """Let the model write from a state of 0."""
        import torch

        from reference.text import Vocabulary, sample

        return sample(
            self.model,
            Vocabulary(characters.vocabulary.characters),
            characters.start,
            length,
            temperature,
            uniforms=torch.from_numpy(np.random.RandomState(seed).uniform(size=length)),
        )

    def params(self) -> list[ndarray]:
        """Copies of all parameters, in the book's order and shapes."""
        from parity.bridge import read_recurrent

        return [param for layer in self.model.layers for param in read_recurrent(layer).values()]

    def follow(self, ours: ScratchLearner) -> None:
        """Take over parameters, start states, and what the optimizer remembers."""
        import torch

        from parity.bridge import load_recurrent

        layers = list(zip(ours.model.layers, self.model.layers, strict=True))
        # A twin of its own for the sums of squares brings them into the order of the parameters.
        remembered = deepcopy(self.model)
        sums = iter(ours.optimizer.sum_squares)
        if ours.optimizer.sum_squares:
            for (layer, _), twin in zip(layers, remembered.layers, strict=True):
                load_recurrent(twin, {name: next(sums) for name in layer.params})
            of_sums = (param for param in remembered.parameters() if param.requires_grad)
            for param, squares in zip(self.trained, of_sums, strict=True):
                self.optimizer.state[param]["sum"].copy_(squares.detach())
        for layer, twin in layers:
            load_recurrent(twin, {name: param["value"] for name, param in layer.params.items()})
            for ours_, theirs in zip(layer.start_state(), twin.start_state(), strict=True):
                theirs.copy_(torch.from_numpy(ours_))


def cross_entropy(predictions: Tensor, targets: ndarray) -> Tensor:
    """Its mean over batch and time."""
    import torch
    import torch.nn.functional as F

    return F.cross_entropy(predictions.flatten(0, 1), torch.from_numpy(targets).flatten())


LEARNERS: dict[Side, Callable[[TextExperiment, int, Any, int], Learner]] = {
    "scratch": ScratchLearner,
    "reference": ReferenceLearner,
}
