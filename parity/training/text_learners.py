"""A model of chapter 6 with its optimizer, in NumPy and in PyTorch, both with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy import ndarray

import scratch.models
from parity.training.text_experiment import (
    EPS,
    LEARNING_RATE,
    Characters,
    TextExperiment,
    batches,
)
from scratch.optimizers import AdaGrad
from scratch.recurrent import (
    RNNModel,
    SequenceSoftmaxCrossEntropy,
    clip_by_norm,
    clip_by_value,
)
from scratch.text import one_hot_sequences, sample

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from parity.runs.processes import Processes
    from parity.runs.task import Batch


class Learner(Protocol):
    """A side's model with its optimizer."""

    def reset_state(self) -> None:
        """Begin the text anew."""

    def step(self, inputs: ndarray, targets: ndarray) -> float:
        """Train on a batch of characters' numbers; returns its loss, a mean, before the step."""

    def read_on(self, inputs: ndarray, targets: ndarray, states: Any) -> tuple[float, Any]:
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
        self.experiment, self.vocab_size, self.dtype = experiment, vocab_size, dtype
        self.model = initial_model(experiment, vocab_size, dtype, seed)
        self.optimizer = AdaGrad(LEARNING_RATE, EPS, eps_in="sum")
        self.optimizer.net = self.model

    def reset_state(self) -> None:
        """Begin the text anew."""
        self.model.reset_state()

    def step(self, inputs: ndarray, targets: ndarray) -> float:
        """Train on a batch of characters' numbers; returns its loss, a mean, before the step."""
        model, experiment = self.model, self.experiment
        model.clear_gradients()
        loss = model.loss.forward(model.forward(self._one_hot(inputs)), targets)
        count = targets.size if experiment.reduction == "sum" else 1
        model.backward(count * model.loss.backward())
        if experiment.clipping == "value":
            clip_by_value(model.param_grads(), experiment.limit)
        elif experiment.clipping == "norm":
            clip_by_norm(model.param_grads(), experiment.limit)
        self.optimizer.step()
        return float(loss)

    def read_on(self, inputs: ndarray, targets: ndarray, states: Any) -> tuple[float, Any]:
        """The loss of a batch from these states, and the states after it."""
        predictions, states = self.model.forward_from(self._one_hot(inputs), states)
        return SequenceSoftmaxCrossEntropy().forward(predictions, targets), states

    def write(self, characters: Characters, length: int, temperature: float, seed: int) -> str:
        """Let the model write from a state of 0."""
        return sample(
            self.model, characters.vocabulary, characters.start, length, temperature, seed
        )

    def params(self) -> list[ndarray]:
        """Copies of all parameters, in the book's order and shapes."""
        return [param.copy() for param in self.model.params()]

    def _one_hot(self, inputs: ndarray) -> ndarray:
        return one_hot_sequences(inputs, self.vocab_size, self.dtype)


class ReferenceLearner:
    """In PyTorch; by default on the CPU."""

    def __init__(
        self,
        experiment: TextExperiment,
        vocab_size: int,
        dtype: Any,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
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
        self.model.to(device)
        self.experiment, self.vocab_size = experiment, vocab_size
        self.trained = [param for param in self.model.parameters() if param.requires_grad]
        self.optimizer = AdaGrad(self.trained, LEARNING_RATE, EPS, eps_in="sum")

    def reset_state(self) -> None:
        """Begin the text anew."""
        self.model.reset_state()

    def step(self, inputs: ndarray, targets: ndarray) -> float:
        """Train on a batch of characters' numbers; returns its loss, a mean, before the step."""
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.one_hot(inputs)), self.numbers(targets))
        loss.backward()
        self.clip()
        self.optimizer.step()
        return loss.item() / (targets.size if self.experiment.reduction == "sum" else 1)

    def loss(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """What is minimised over a batch."""
        return cross_entropy(predictions, targets, self.experiment.reduction)

    def clip(self) -> None:
        """Cut the gradients as the experiment says."""
        import torch

        from reference.recurrent import clip_by_norm as clip_grads_by_norm

        if self.experiment.clipping == "value":
            torch.nn.utils.clip_grad_value_(self.trained, self.experiment.limit)
        elif self.experiment.clipping == "norm":
            clip_grads_by_norm(self.trained, self.experiment.limit)

    def read_on(self, inputs: ndarray, targets: ndarray, states: Any) -> tuple[float, Any]:
        """The loss of a batch from these states, and the states after it."""
        import torch

        with torch.no_grad():
            predictions, states = self.model.forward_from(self.one_hot(inputs), states)
            return float(cross_entropy(predictions, self.numbers(targets), "mean")), states

    def one_hot(self, inputs: ndarray) -> Tensor:
        """Rows of ones and zeros, ``(batch, time, vocab_size)``, made where the model is."""
        from reference.text import one_hot_sequences

        return one_hot_sequences(self.numbers(inputs), self.vocab_size, self.trained[0].dtype)

    def numbers(self, indices: ndarray) -> Tensor:
        """Characters' numbers where the model is."""
        import torch

        return torch.from_numpy(indices).to(self.trained[0].device)

    def write(self, characters: Characters, length: int, temperature: float, seed: int) -> str:
        """Let the model write from a state of 0, on the CPU: one character at a time is no work
        for a GPU.
        """
        import torch

        from reference.text import Vocabulary, sample

        return sample(
            deepcopy(self.model).cpu(),
            Vocabulary(characters.vocabulary.characters),
            characters.start,
            length,
            temperature,
            uniforms=torch.from_numpy(np.random.RandomState(seed).uniform(size=length)),
        )

    def params(self) -> list[ndarray]:
        """Copies of all parameters, in the book's order and shapes."""
        from parity.bridge import read_recurrent

        layers = deepcopy(self.model).cpu().layers
        return [param for layer in layers for param in read_recurrent(layer).values()]

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


def cross_entropy(predictions: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """Its mean or sum over batch and time."""
    import torch.nn.functional as F

    return F.cross_entropy(predictions.flatten(0, 1), targets.flatten(), reduction=reduction)


class TextBatches:
    """A text's batches for the reference side: one epoch of as many steps as the experiment has,
    in which the text may be read more than once.

    Args:
        learner: who is to read them.
        training: numbers of characters.
        seed: of their order, if they are shuffled.
        processes: of which each takes its part of each batch.
    """

    def __init__(
        self, learner: ReferenceLearner, training: ndarray, seed: int, processes: Processes
    ) -> None:
        self.learner, self.training, self.seed = learner, training, seed
        self.processes = processes
        self.taken = 0  # by the training, which takes one batch for each step

    @property
    def per_epoch(self) -> int:
        """How many steps there are."""
        return self.learner.experiment.steps

    @property
    def per_reading(self) -> int:
        """How many steps the text is read in once."""
        stream = batches(self.learner.experiment, self.training, self.seed)
        return next(step for step, (first, _, _) in enumerate(stream) if first and step)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches from the batch ``start`` on; there is no epoch but number 0."""
        import torch

        from parity.runs.task import Batch

        stream = batches(self.learner.experiment, self.training, self.seed)
        self.taken = start
        for first, inputs, targets in islice(stream, start, self.per_epoch):
            own, share = self.processes.part(torch.arange(len(inputs)))
            self.taken += 1
            yield Batch(
                self.learner.one_hot(inputs[own.numpy()]),
                self.learner.numbers(targets[own.numpy()]),
                share,
                len(inputs),
                first,
            )
