"""How long chapter 7's network trains until it reads so many of MNIST's test images."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from benchmarks.throughput.clock import Clock
from benchmarks.throughput.recipes import Recipe
from datasets import mnist_split
from reference.models import MNIST_ConvNet

#: Test images that are read at a time.
ROWS_AT_A_TIME = 2000


@dataclass(frozen=True)
class Digits:
    """MNIST on a device: images ``(images, 1, 28, 28)`` in float32, digits ``(images,)``."""

    X_train: Tensor
    y_train: Tensor
    X_test: Tensor
    y_test: Tensor


@dataclass(frozen=True)
class Reached:
    """A goal, and what it took.

    Attributes:
        goal: a share of the test images.
        accuracy: the share at the first look that was not below the goal, or the last share.
        reached: whether there was such a look.
        steps: of the optimizer until then.
        training: seconds until then, without the looks.
        looking: seconds that the looks took.
    """

    goal: float
    accuracy: float
    reached: bool
    steps: int
    training: float
    looking: float


def load_digits(device: torch.device, limit: int | None = None) -> Digits:
    """The shipped MNIST as ``datasets.mnist_split`` normalises it, or the first of both parts."""
    data = mnist_split(np.float32)

    def images(rows: np.ndarray) -> Tensor:
        return torch.from_numpy(rows[:limit].reshape(-1, 1, 28, 28)).to(device)

    def digits(numbers: np.ndarray) -> Tensor:
        return torch.from_numpy(numbers[:limit]).to(device)

    return Digits(
        images(data.X_train), digits(data.y_train), images(data.X_test), digits(data.y_test)
    )


def accuracy(model: nn.Module, X: Tensor, y: Tensor, *, bf16: bool = False) -> float:
    """The share of images that are read right, in evaluation mode; training mode afterwards."""
    model.eval()
    right = torch.zeros((), dtype=torch.int64, device=X.device)
    with torch.no_grad(), torch.autocast(X.device.type, dtype=torch.bfloat16, enabled=bf16):
        for images, digits in zip(X.split(ROWS_AT_A_TIME), y.split(ROWS_AT_A_TIME), strict=True):
            right += (model(images).argmax(dim=1) == digits).sum()
    model.train()
    return right.item() / len(X)


def train_to_goals(
    recipe: Recipe, data: Digits, clock: Clock, *, bf16: bool = False, steps: int | None = None
) -> list[Reached]:
    """Train until the last goal is reached or the recipe ends.

    The data is on the device before the time runs. Each look waits for the device.

    Args:
        recipe: how.
        data: on the clock's device.
        clock: of the device.
        bf16: whether under autocast to bfloat16.
        steps: after which it ends in any case; for a warm-up.
    """
    device, n = data.X_train.device, len(data.X_train)
    torch.manual_seed(1)
    model = MNIST_ConvNet(recipe.keep).to(device).train()
    optimizer = recipe.optimizer(model)
    total = recipe.epochs * math.ceil(n / recipe.batch)
    schedule = None
    if recipe.one_cycle is not None:
        schedule = OneCycleLR(optimizer, recipe.one_cycle, total_steps=total)
    background = float(data.X_train.min())
    padded = F.pad(data.X_train, [recipe.shift] * 4, value=background)
    orders = torch.Generator(device).manual_seed(1)
    shifts = np.random.default_rng(1)

    goals, found = list(recipe.goals), []
    step, looking, share = 0, 0.0, 0.0
    last = total if steps is None else min(total, steps)
    clock.finish()
    started = time.perf_counter()
    while step < last:
        order = torch.randperm(n, generator=orders, device=device)
        for rows in order.split(recipe.batch):
            down, across = shifts.integers(0, 2 * recipe.shift + 1, 2).tolist()
            images = padded[rows, :, down : down + 28, across : across + 28]
            optimizer.zero_grad()
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                loss = F.cross_entropy(model(images), data.y_train[rows])
            loss.backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
            step += 1
            if step % recipe.every != 0 and step != last:
                continue
            clock.finish()
            look = time.perf_counter()
            share = accuracy(model, data.X_test, data.y_test, bf16=bf16)
            now = time.perf_counter()
            looking += now - look
            while goals and share >= goals[0]:
                found.append(
                    Reached(goals.pop(0), share, True, step, now - started - looking, looking)
                )
            if not goals or step == last:
                break
        if not goals:
            break
    training = time.perf_counter() - started - looking
    return found + [Reached(goal, share, False, step, training, looking) for goal in goals]
