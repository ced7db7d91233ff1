"""Two hundred steps of training on both sides, with clipped gradients and carried states."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy import ndarray

from parity.bridge import model_to_reference, read_recurrent
from parity_tests.recurrences import KINDS, assert_same
from reference import optimizers as torch_optimizers
from reference.recurrent import RNNModel as TorchModel
from reference.recurrent import clip_by_norm as torch_clip_by_norm
from scratch.functions import one_hot
from scratch.optimizers import SGD, AdaGrad
from scratch.recurrent import RNNModel, SequenceSoftmaxCrossEntropy, clip_by_norm, clip_by_value

STEPS, TIME, CHARACTERS, HIDDEN = 200, 8, 6, 16

#: The book's companion code has 2; the gradients of so small a model come nowhere near it.
LIMIT = 0.05
MAX_NORM = 0.25

MODELS = {
    "RNN": ["RNN"],
    "GRU": ["GRU"],
    "GRU reset after": ["GRU reset after"],
    "LSTM": ["LSTM"],
    "LSTM with peepholes": ["LSTM with peepholes"],
    "GRU under LSTM": ["GRU", "LSTM"],
}


class Training(NamedTuple):
    """How both sides are trained, and the least a parameter must move for it to count."""

    optimizer: Callable[[], Any]
    torch_optimizer: Callable[[Any], torch.optim.Optimizer]
    clip: Callable[[Iterable[ndarray]], Any]
    torch_clip: Callable[[Any], Any]


TRAININGS = {
    "AdaGrad, clipped by value": Training(
        lambda: AdaGrad(lr=0.01),
        lambda params: torch_optimizers.AdaGrad(params, lr=0.01),
        lambda grads: clip_by_value(grads, LIMIT),
        lambda params: torch.nn.utils.clip_grad_value_(params, LIMIT),
    ),
    "SGD, clipped by norm": Training(
        lambda: SGD(lr=0.5),
        lambda params: torch_optimizers.SGD(params, lr=0.5),
        lambda grads: clip_by_norm(grads, MAX_NORM),
        lambda params: torch_clip_by_norm(params, MAX_NORM),
    ),
}


def make_model(kinds: list[str]) -> RNNModel:
    layers = [KINDS[kind](HIDDEN, CHARACTERS, weight_scale=0.3) for kind in kinds]
    return RNNModel(layers, SequenceSoftmaxCrossEntropy(), seed=3)


def batches() -> list[tuple[ndarray, ndarray]]:
    """One-hot inputs and class numbers, each the input after; batches of different sizes."""
    draws = np.random.default_rng(5)
    steps = np.cumsum(draws.choice([1, 2], (STEPS, 4, TIME + 1), p=[0.8, 0.2]), axis=2)
    indices = (steps + draws.integers(0, CHARACTERS, (STEPS, 4, 1))) % CHARACTERS
    sizes = draws.integers(1, 5, STEPS)
    return [
        (
            one_hot(rows[:size, :-1].ravel(), CHARACTERS).reshape(size, TIME, CHARACTERS),
            rows[:size, 1:],
        )
        for rows, size in zip(indices, sizes, strict=True)
    ]


def length(model: RNNModel) -> float:
    return float(np.sqrt(sum(np.square(grad).sum() for grad in model.param_grads())))


def everything(model: RNNModel) -> dict[str, ndarray]:
    """Parameters and states."""
    return {
        f"{name} of layer {number}": array
        for number, layer in enumerate(model.layers)
        for name, array in [
            *((name, param["value"]) for name, param in layer.params.items()),
            *zip(("start_H", "start_C"), layer.start_state(), strict=False),
        ]
    }


def pytorchs_everything(model: TorchModel) -> dict[str, ndarray]:
    return {
        f"{name} of layer {number}": array
        for number, layer in enumerate(model.layers)
        for name, array in [
            *read_recurrent(layer).items(),
            *zip(
                ("start_H", "start_C"),
                (part.numpy() for part in layer.start_state()),
                strict=False,
            ),
        ]
    }


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("kinds", MODELS)
def test_both_sides_stay_together_for_two_hundred_steps(kinds: str, training: str) -> None:
    """At the end parameters and states differ no more than after one step."""
    optimizer, torch_optimizer, clip, torch_clip = TRAININGS[training]
    model, data = make_model(MODELS[kinds]), batches()
    model.forward(data[0][0])
    model.reset_state()
    start = [param.copy() for param in model.params()]
    twin = model_to_reference(model)
    optim, torch_optim = optimizer(), torch_optimizer(twin.parameters())
    optim.net = model
    losses, clipped = [], 0
    for x, y in data:
        losses.append(model.train_batch(x, y))
        whole = length(model)
        clip(model.param_grads())
        clipped += length(model) < whole
        optim.step()

        torch_optim.zero_grad()
        output = twin(torch.from_numpy(x))
        torch_loss = F.cross_entropy(output.flatten(0, 1), torch.from_numpy(y.ravel()))
        torch_loss.backward()
        torch_clip(twin.parameters())
        torch_optim.step()
        assert_same({"loss": losses[-1]}, {"loss": torch_loss.detach().numpy()})
    assert_same(everything(model), pytorchs_everything(twin))
    moved = [abs(param - old).max() for param, old in zip(model.params(), start, strict=True)]
    assert min(moved) > 0.01
    assert np.mean(losses[-20:]) < np.mean(losses[:20]) - 0.1
    assert clipped > STEPS / 4
