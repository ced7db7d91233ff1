"""One epoch of MNIST on both sides: images a second, and the most memory that it takes.

``python -m benchmarks.epoch``. 784-89-10, tanh, softmax cross entropy, SGD with momentum, batches
of 60, all 70,000 images: experiment 4.3 of ``parity train``, but in float32. With ``--model
mnist-conv`` the convolutional network of chapter 5.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.measure import describe_machine, in_threads, run_module, spread
from datasets import mnist_split
from parity.training import mnist_conv, mnist_dense
from parity.training.conv_experiment import ConvExperiment
from parity.training.experiments import EXPERIMENTS
from parity.training.mnist_dense import Side


def peak_memory() -> float:
    """The most memory that this process has held so far (its resident set), in MB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 1e6)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else 1024 * peak / 1e6


def train_dense(side: Side) -> tuple[int, float, float]:
    """Images, seconds with one look at the test images, and the mean training loss."""
    data, experiment = mnist_split(np.float32), EXPERIMENTS["4.3"]
    trained = mnist_dense.TRAINERS[side](experiment, data, 1, 1, lambda *epoch: None)
    return trained.images, trained.seconds, trained.training_losses[0]


def train_conv(side: Side) -> tuple[int, float, float]:
    """Images, seconds without a look at the test images, and the mean training loss."""
    data = mnist_conv.as_images(mnist_split(np.float32))
    trained = mnist_conv.TRAINERS[side](ConvExperiment(), data, 1, lambda *batch: None)
    return trained.images, trained.seconds, float(np.mean(trained.training_losses))


MODELS = {"mnist-dense": train_dense, "mnist-conv": train_conv}


def train(model: str, side: Side) -> dict[str, float]:
    """Train one side for an epoch, and say how it went; the loading does not count."""
    images, seconds, loss = MODELS[model](side)
    return {
        "seconds": seconds,
        "images a second": images / seconds,
        "memory": peak_memory(),
        "loss": loss,
    }


def train_in_turns(model: str, threads: int, rounds: int) -> dict[Side, list[dict[str, float]]]:
    """What ``train`` says in a process of its own, for each side and round."""
    sides: tuple[Side, ...] = ("scratch", "reference")
    results: dict[Side, list[dict[str, float]]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            options = ("--model", model, "--here", side)
            said = run_module("benchmarks.epoch", *options, threads=threads)
            results[side].append(json.loads(said))
    return results


def column(results: Sequence[dict[str, float]], name: str) -> np.ndarray:
    """One number of each round."""
    return np.array([result[name] for result in results])


def main() -> None:
    """Train with each number of threads, and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=list(MODELS), default="mnist-dense")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--here", choices=["scratch", "reference"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here is not None:
        print(json.dumps(train(arguments.model, arguments.here)))
        return
    print(describe_machine())
    for threads in arguments.threads:
        results = train_in_turns(arguments.model, threads, arguments.rounds)
        print(f"\n{in_threads(threads)}, {arguments.rounds} rounds")
        for side, said in results.items():
            print(
                f"  {side:12}{spread(column(said, 'seconds'), 2)} s, "
                f"{spread(column(said, 'images a second'), 0)} images a second, at most "
                f"{spread(column(said, 'memory'), 0)} MB, loss {said[0]['loss']:.4f}"
            )
        ours, theirs = (column(said, "images a second") for said in results.values())
        print(f"  scratch / reference: {spread(ours / theirs)} times the images a second")


if __name__ == "__main__":
    main()
