"""One epoch of MNIST on both sides: images a second, and the most memory that it takes.

``python -m benchmarks.epoch``. 784-89-10, tanh, softmax cross entropy, SGD with momentum, batches
of 60, all 70,000 images: experiment 4.3 of ``parity train``, but in float32.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.measure import describe_machine, in_threads, run_module, spread
from datasets import mnist_split
from parity.training.experiments import EXPERIMENTS
from parity.training.mnist_dense import TRAINERS, Side

EXPERIMENT = EXPERIMENTS["4.3"]


def peak_memory() -> float:
    """The most memory that this process has held so far (its resident set), in MB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 1e6)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else 1024 * peak / 1e6


def train(side: Side) -> dict[str, float]:
    """Load MNIST, train one side for an epoch, and say how it went.

    The time is that of the epoch and of one look at the test images, without the loading.
    """
    data = mnist_split(np.float32)
    trained = TRAINERS[side](EXPERIMENT, data, 1, 1, lambda epoch, training, validation: None)
    return {
        "images a second": trained.images / trained.seconds,
        "memory": peak_memory(),
        "loss": trained.training_losses[0],
    }


def train_in_turns(threads: int, rounds: int) -> dict[Side, list[dict[str, float]]]:
    """What ``train`` says in a process of its own, for each side and round."""
    results: dict[Side, list[dict[str, float]]] = {side: [] for side in TRAINERS}
    for number in range(rounds):
        for side in list(results) if number % 2 == 0 else reversed(results):
            said = run_module("benchmarks.epoch", "--here", side, threads=threads)
            results[side].append(json.loads(said))
    return results


def column(results: Sequence[dict[str, float]], name: str) -> np.ndarray:
    """One number of each round."""
    return np.array([result[name] for result in results])


def main() -> None:
    """Train with each number of threads, and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--here", choices=list(TRAINERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here is not None:
        print(json.dumps(train(arguments.here)))
        return
    print(describe_machine())
    for threads in arguments.threads:
        results = train_in_turns(threads, arguments.rounds)
        print(f"\n{in_threads(threads)}, {arguments.rounds} rounds")
        for side, said in results.items():
            print(
                f"  {side:12}{spread(column(said, 'images a second'), 0)} images a second, "
                f"at most {spread(column(said, 'memory'), 0)} MB, loss {said[0]['loss']:.4f}"
            )
        ours, theirs = (column(said, "images a second") for said in results.values())
        print(f"  scratch / reference: {spread(ours / theirs)} times the images a second")


if __name__ == "__main__":
    main()
