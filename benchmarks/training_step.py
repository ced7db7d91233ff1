"""One training step of chapter 4's classifier of digits: in NumPy, in PyTorch, and by hand.

``python -m benchmarks.training_step``. 784-89-10, tanh, softmax cross entropy, SGD with momentum,
60 images, float32: forward, loss, backward, update.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from numpy import ndarray
from torch import nn

import reference.models
import scratch.models
from benchmarks.measure import describe_machine, in_threads, run_module, spread, take_turns
from parity.bridge import copy_to_reference
from scratch.functions import one_hot
from scratch.network import NeuralNetwork
from scratch.optimizers import SGDMomentum

BATCH, FEATURES, CLASSES = 60, 784, 10
LR, MOMENTUM = 0.1, 0.9

Step = Callable[[], float]


def scratch_step(net: NeuralNetwork, X: ndarray, y: ndarray) -> Step:
    """A step of the project's own classes, with targets in one-hot rows as in the book."""
    optimizer = SGDMomentum(LR, MOMENTUM)
    optimizer.net = net

    def step() -> float:
        loss = net.train_batch(X, y)
        optimizer.step()
        return float(loss)

    return step


def torch_step(params: list[ndarray], X: ndarray, y: ndarray) -> Step:
    """A step of PyTorch, with its own loss and optimizer and nothing around them.

    ``y`` may hold class numbers, which PyTorch is faster with, or one-hot rows.
    """
    model = reference.models.mnist_dense()
    copy_to_reference(params, model)
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM)
    criterion = nn.CrossEntropyLoss()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def plain_step(params: list[ndarray], X: ndarray, y: ndarray) -> Step:
    """The same sums written down in one function, without a class or a check: the lower bound."""
    W1, B1, W2, B2 = params = [param.copy() for param in params]
    velocities = [np.zeros_like(param) for param in params]
    updates = [np.empty_like(param) for param in params]

    def step() -> float:
        hidden = np.tanh(X @ W1 + B1)
        logits = hidden @ W2 + B2
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        total = exponentials.sum(axis=1, keepdims=True)
        loss = float(np.sum(y * (np.log(total) - logits))) / BATCH

        output_grad = (exponentials / total - y) / BATCH
        hidden_grad = (output_grad @ W2.T) * (1 - hidden * hidden)
        grads = (
            X.T @ hidden_grad,
            hidden_grad.sum(axis=0, keepdims=True),
            hidden.T @ output_grad,
            output_grad.sum(axis=0, keepdims=True),
        )
        for param, grad, velocity, update in zip(params, grads, velocities, updates, strict=True):
            velocity *= MOMENTUM
            np.multiply(grad, LR, out=update)
            velocity += update
            param -= velocity
        return loss

    return step


def make_steps() -> dict[str, Step]:
    """The step of each side, all from the same parameters and on the same images."""
    generator = np.random.default_rng(1)
    X = generator.standard_normal((BATCH, FEATURES)).astype(np.float32)
    digits = generator.integers(0, CLASSES, BATCH)
    y = one_hot(digits, CLASSES, X.dtype)
    net = scratch.models.mnist_dense(weight_init="glorot", seed=1)
    net.forward(X)
    params = [param.copy() for param in net.params()]
    return {
        "scratch": scratch_step(net, X, y),
        "PyTorch": torch_step(params, X, digits),
        "PyTorch, one-hot targets": torch_step(params, X, y),
        "plain NumPy": plain_step(params, X, y),
    }


def require_equal_losses(steps: dict[str, Step], number: int) -> None:
    """Make steps on all sides, which must see the same losses: else the times compare nothing.

    Raises:
        SystemExit: they do not.
    """
    losses = np.array([[step() for _ in range(number)] for step in steps.values()])
    if not np.allclose(losses, losses[0], rtol=1e-4, atol=1e-6):
        raise SystemExit(f"The sides do not compute the same losses:\n{losses}")


def measure(threads: int, rounds: int, calls: int) -> None:
    """Print the times of a step, and the ratio of those of scratch and PyTorch in each round."""
    torch.set_num_threads(threads)
    steps = make_steps()
    require_equal_losses(steps, 5)
    seconds = take_turns(steps, rounds, calls, warm_up=calls // 4)
    print(f"\n{in_threads(threads)}, {rounds} rounds: ms a step")
    for name, values in seconds.items():
        print(f"  {name:36}{spread(1000 * values, 3)}")
    for name in list(seconds)[1:]:
        print(f"  scratch / {name:26}{spread(seconds['scratch'] / seconds[name])}")


def main() -> None:
    """Measure with each number of threads, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200, help="timed steps in a round")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        measure(arguments.threads[0], arguments.rounds, arguments.calls)
        return
    print(describe_machine())
    options = ["--here", "--rounds", str(arguments.rounds), "--calls", str(arguments.calls)]
    for threads in arguments.threads:
        own = ["--threads", str(threads)]
        print(run_module("benchmarks.training_step", *options, *own, threads=threads), end="")


if __name__ == "__main__":
    main()
