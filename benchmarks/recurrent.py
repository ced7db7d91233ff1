"""Recurrent layers over a sequence, forward and all gradients: in NumPy and in PyTorch.

``python -m benchmarks.recurrent``. A batch of 32 sequences of 25 characters out of 62, a state of
256 numbers, and the projection back to 62. The book's form of a GRU is another function than
``nn.GRU``, of as many products; it is timed next to that.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy import ndarray

from benchmarks.measure import describe_machine, in_threads, run_module, spread, take_turns
from parity.bridge import load_recurrent, read_recurrent_grads
from reference import recurrent as reference
from scratch import recurrent as scratch

BATCH, LENGTH, FEATURES, HIDDEN = 32, 25, 62, 256

Step = Callable[[], ndarray]


@dataclass(frozen=True)
class Kind:
    """A layer on both sides; ``timed_with`` is the one of PyTorch that it is held against."""

    name: str
    ours: Callable[..., scratch.RecurrentLayer]
    theirs: Callable[..., reference.RecurrentLayer]
    timed_with: Callable[..., reference.RecurrentLayer]


_gru = partial(reference.GRULayer, reset_after=True)

KINDS = (
    Kind("LSTM", scratch.LSTMLayer, reference.LSTMLayer, reference.LSTMLayer),
    Kind("GRU, as nn.GRU", partial(scratch.GRULayer, reset_after=True), _gru, _gru),
    Kind("GRU, as in the book", scratch.GRULayer, reference.GRULayer, _gru),
    Kind("RNN", scratch.RNNLayer, reference.RNNLayer, reference.RNNLayer),
)


def scratch_step(layer: scratch.RecurrentLayer, x: ndarray, grad: ndarray) -> Step:
    """Forward, backward and the gradients on all parameters."""

    def step() -> ndarray:
        layer.clear_gradients()
        layer.forward(x)
        return layer.backward(grad)

    return step


def torch_step(layer: reference.RecurrentLayer, x: ndarray, grad: ndarray) -> Step:
    """The same from autograd."""
    input_, output_grad = torch.tensor(x, requires_grad=True), torch.from_numpy(grad)

    def step() -> ndarray:
        layer.zero_grad()
        input_.grad = None
        layer(input_).backward(output_grad)
        assert input_.grad is not None
        return input_.grad.numpy()

    return step


def bare_step(kind: str, x: ndarray, grad: ndarray) -> Step | None:
    """PyTorch's layer without the projection, which the book counts to its own."""
    module = {"LSTM": torch.nn.LSTM, "GRU, as nn.GRU": torch.nn.GRU, "RNN": torch.nn.RNN}.get(kind)
    if module is None:
        return None
    layer = module(FEATURES, HIDDEN, batch_first=True, dtype=torch.from_numpy(x).dtype)
    input_ = torch.tensor(x, requires_grad=True)
    state_grad = torch.ones(BATCH, LENGTH, HIDDEN, dtype=input_.dtype)

    def step() -> ndarray:
        output, _ = layer(input_)
        return torch.autograd.grad(output, (input_, *layer.parameters()), state_grad)[0].numpy()

    return step


def require_equal_results(
    ours: scratch.RecurrentLayer, kind: Kind, x: ndarray, grad: ndarray
) -> None:
    """Both sides must compute the same, or the times compare nothing.

    Raises:
        SystemExit: they do not.
    """
    theirs = _twin(ours, kind.theirs, x.dtype)
    input_grads = scratch_step(ours, x, grad)(), torch_step(theirs, x, grad)()
    param_grads = read_recurrent_grads(theirs)
    pairs = [input_grads, *((p["deriv"], param_grads[name]) for name, p in ours.params.items())]
    tolerance = 1e-3 if x.dtype == np.float32 else 1e-10
    for mine, wanted in pairs:
        if not np.abs(wanted - mine).max() <= tolerance * np.abs(wanted).max():
            raise SystemExit(f"{kind.name}: the sides do not compute the same")


def _twin(
    ours: scratch.RecurrentLayer, make: Callable[..., reference.RecurrentLayer], dtype: np.dtype
) -> reference.RecurrentLayer:
    theirs = make(FEATURES, HIDDEN, FEATURES, carry_state=False).to(
        torch.float32 if dtype == np.float32 else torch.float64
    )
    load_recurrent(theirs, {name: param["value"] for name, param in ours.params.items()})
    return theirs


def measure(kind: Kind, dtype: str, rounds: int) -> None:
    """Print the times of a step, and what they are of PyTorch's in each round."""
    generator = np.random.default_rng(1)
    x = np.eye(FEATURES, dtype=dtype)[generator.integers(0, FEATURES, (BATCH, LENGTH))]
    grad = generator.standard_normal((BATCH, LENGTH, FEATURES)).astype(dtype)
    make = {"carry_state": False, "seed": 1, "weight_scale": 0.05}
    fused, plain = (
        kind.ours(HIDDEN, FEATURES, **make),
        kind.ours(HIDDEN, FEATURES, **make, fused=False),
    )
    for layer in (fused, plain):
        layer.forward(x)
    require_equal_results(fused, kind, x, grad)
    timed = kind.timed_with(FEATURES, HIDDEN, FEATURES, carry_state=False).to(
        torch.from_numpy(x).dtype
    )
    steps = {"PyTorch": torch_step(timed, x, grad), "scratch": scratch_step(fused, x, grad)}
    steps["scratch, node by node"] = scratch_step(plain, x, grad)
    if kind.theirs is not kind.timed_with:
        steps["PyTorch, its cell in Python"] = torch_step(
            _twin(fused, kind.theirs, x.dtype), x, grad
        )
    bare = bare_step(kind.name, x, grad)
    if bare is not None:
        steps["PyTorch, no projection"] = bare
    seconds = take_turns(steps, rounds, calls=5, warm_up=2)
    print(f"\n{kind.name}, {dtype}: ms, and times PyTorch's")
    for name, values in seconds.items():
        ratio = "" if name == "PyTorch" else spread(values / seconds["PyTorch"])
        print(f"  {name:30}{spread(1000 * values, 1):28}{ratio}".rstrip())


def main() -> None:
    """Measure with each number of threads, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        torch.set_num_threads(arguments.threads[0])
        for dtype in ("float32", "float64"):
            for kind in KINDS:
                measure(kind, dtype, arguments.rounds)
        return
    print(describe_machine())
    for threads in arguments.threads:
        print(f"\n{in_threads(threads)}, {arguments.rounds} rounds", end="")
        options = ["--threads", str(threads), "--rounds", str(arguments.rounds), "--here"]
        print(run_module("benchmarks.recurrent", *options, threads=threads), end="")


if __name__ == "__main__":
    main()
