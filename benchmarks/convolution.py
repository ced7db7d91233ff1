"""Convolution, forward and both gradients: in NumPy, in PyTorch, and as in the book's appendix.

``python -m benchmarks.convolution``. Batches of 60 images; the gradients on the filters and on the
input are both computed. Also how much memory the NumPy side needs for it, by the size of the batch.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import numpy as np
import torch
from numpy import ndarray

from benchmarks.measure import describe_machine, in_threads, run_module, spread, take_turns
from parity.bridge import load_weights
from reference.conv import ConvLayer
from scratch.conv import Conv2DOperation
from scratch.conv.forms import FORMS
from scratch.conv.matmul import input_grad_matmul, output_matmul, param_grad_matmul

BATCH = 60

Step = Callable[[], tuple[ndarray, ndarray, ndarray]]


@dataclass(frozen=True)
class Shape:
    """What is convolved: channels in and out, the size of images and filters, the stride."""

    n_in: int
    n_out: int
    size: int
    filter_size: int
    stride: int = 1

    def __str__(self) -> str:
        stride = "" if self.stride == 1 else f", stride {self.stride}"
        return (
            f"{self.n_in} to {self.n_out} channels, {self.size} x {self.size}, "
            f"filter {self.filter_size}{stride}"
        )

    def arrays(self, dtype: str, batch: int = BATCH) -> tuple[ndarray, ndarray, ndarray]:
        """Images, filters, and a gradient on the result."""
        generator = np.random.default_rng(1)
        stops = -(-self.size // self.stride)
        shapes = (
            (batch, self.n_in, self.size, self.size),
            (self.n_in, self.n_out, self.filter_size, self.filter_size),
            (batch, self.n_out, stops, stops),
        )
        images, filters, grad = (generator.standard_normal(shape).astype(dtype) for shape in shapes)
        return images, filters, grad


#: The two that matter most, the first layer of the book's model and a layer further inside, and a
#: grid around them.
MAIN = (Shape(1, 32, 28, 5), Shape(16, 8, 28, 5))
GRID = (
    Shape(3, 16, 28, 5),
    Shape(32, 1, 28, 5),
    Shape(32, 32, 28, 5),
    Shape(32, 32, 14, 3),
    Shape(64, 64, 14, 1),
    Shape(16, 32, 28, 3, stride=2),
    Shape(8, 8, 64, 11),
)


def scratch_step(images: ndarray, filters: ndarray, grad: ndarray, stride: int) -> Step:
    """The project's own operation."""
    operation = Conv2DOperation(filters, stride=stride)

    def step() -> tuple[ndarray, ndarray, ndarray]:
        output = operation.forward(images)
        return output, operation.backward(grad), operation.param_grad

    return step


def torch_step(images: ndarray, filters: ndarray, grad: ndarray, stride: int) -> Step:
    """PyTorch's convolution and autograd."""
    n_in, n_out, rows, columns = filters.shape
    layer = ConvLayer(n_in, n_out, (rows, columns), stride=stride)
    load_weights(layer.conv, [filters])
    x, output_grad = torch.tensor(images, requires_grad=True), torch.from_numpy(grad)

    def step() -> tuple[ndarray, ndarray, ndarray]:
        output = layer(x)
        grads = torch.autograd.grad(output, (x, layer.conv.weight), output_grad)
        return output.detach().numpy(), grads[0].numpy(), grads[1].transpose(0, 1).numpy()

    return step


def appendix_step(images: ndarray, filters: ndarray, grad: ndarray, stride: int) -> Step:
    """The form of the book's appendix, with its gradients put right; it knows no stride."""

    def step() -> tuple[ndarray, ndarray, ndarray]:
        return (
            output_matmul(images, filters),
            input_grad_matmul(images, filters, grad),
            param_grad_matmul(images, filters, grad),
        )

    return step


def in_form(name: str, step: Step) -> Step:
    """A step of scratch that has no choice of how to multiply."""

    def forced() -> tuple[ndarray, ndarray, ndarray]:
        with mock.patch.dict(FORMS, {name: FORMS[name]}, clear=True):
            return step()

    return forced


def require_equal_results(steps: dict[str, Step], dtype: str) -> None:
    """All must compute the same, or the times compare nothing.

    Raises:
        SystemExit: they do not.
    """
    (_, expected), *others = [(name, step()) for name, step in steps.items()]
    tolerance = 1e-3 if dtype == "float32" else 1e-10
    for name, results in others:
        for wanted, result in zip(expected, results, strict=True):
            if not np.abs(wanted - result).max() <= tolerance * np.abs(wanted).max():
                raise SystemExit(f"{name} does not compute the same")


def measure(shape: Shape, dtype: str, rounds: int, *, forms: bool, appendix: bool) -> None:
    """Print the times of a step, and what they are of PyTorch's in each round."""
    arrays = shape.arrays(dtype)
    ours = scratch_step(*arrays, shape.stride)
    steps = {"PyTorch": torch_step(*arrays, shape.stride), "scratch": ours}
    if forms:
        steps |= {f"scratch, {name}": in_form(name, ours) for name in FORMS}
    if appendix and shape.stride == 1:
        steps["as in the appendix"] = appendix_step(*arrays, shape.stride)
    require_equal_results(steps, dtype)
    seconds = take_turns(steps, rounds, calls=5, warm_up=1)
    print(f"\n{shape}, {dtype}: ms, and times PyTorch's")
    for name, values in seconds.items():
        ratio = "" if name == "PyTorch" else spread(values / seconds["PyTorch"])
        print(f"  {name:24}{spread(1000 * values, 1):28}{ratio}".rstrip())


def measure_memory(shape: Shape, dtype: str = "float32") -> None:
    """Print the most that a step has allocated beyond its images, by the size of the batch."""
    print(f"\n{shape}, {dtype}: most memory of a step in MB, its results among it")
    for batch in (1, 15, 60, 240):
        arrays = shape.arrays(dtype, batch)
        step = scratch_step(*arrays, shape.stride)
        tracemalloc.start()
        step()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        both = arrays[0].nbytes + arrays[2].nbytes
        print(f"  batch of {batch:<4}{peak / 1e6:8.2f}{peak / both:8.1f} times input and output")


def main() -> None:
    """Measure with each number of threads, in a process of its own; the memory once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--here", choices=["times", "memory"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here == "memory":
        for shape in (*MAIN, Shape(8, 8, 64, 11)):
            measure_memory(shape)
    elif arguments.here == "times":
        torch.set_num_threads(arguments.threads[0])
        for dtype in ("float32", "float64"):
            for shape in MAIN:
                measure(shape, dtype, arguments.rounds, forms=True, appendix=dtype == "float32")
        for shape in GRID:
            measure(shape, "float32", arguments.rounds, forms=True, appendix=False)
    else:
        print(describe_machine())
        options = ["--rounds", str(arguments.rounds), "--here"]
        for threads in arguments.threads:
            print(f"\n{in_threads(threads)}, {arguments.rounds} rounds", end="")
            own = ["--threads", str(threads), *options, "times"]
            print(run_module("benchmarks.convolution", *own, threads=threads), end="")
        print(run_module("benchmarks.convolution", *options, "memory"), end="")


if __name__ == "__main__":
    main()
