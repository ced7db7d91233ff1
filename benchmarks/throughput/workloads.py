"""The book's models with batches of random numbers, and one training step of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from reference.autoencoder import Autoencoder
from reference.models import (
    HousePricesModel,
    MNIST_ConvNet,
    mnist_conv,
    mnist_dense,
    next_character,
)
from reference.optimizers import AdaGrad

CLASSES, CHARACTERS, LENGTH = 10, 62, 25

Loss = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True)
class Workload:
    """A model of the book and how it is trained there.

    Attributes:
        name: as in the tables.
        unit: what is counted, in the plural.
        units: of them in one row of a batch.
        batch: the book's, in rows.
        large: a batch that gives a GPU something to do.
        model: makes it, with fresh parameters.
        inputs: of that many rows.
        targets: for inputs.
        loss: of the model's output and the targets.
        optimizer: of the model's parameters.
    """

    name: str
    unit: str
    units: int
    batch: int
    large: int
    model: Callable[[], nn.Module]
    inputs: Callable[[int], Tensor]
    targets: Callable[[Tensor], Tensor]
    loss: Loss
    optimizer: Callable[[nn.Module], Optimizer]


def _sgd(lr: float, momentum: float = 0.0) -> Callable[[nn.Module], Optimizer]:
    return lambda model: torch.optim.SGD(model.parameters(), lr, momentum)


def _images(rows: int) -> Tensor:
    return torch.rand(rows, 1, 28, 28)


def _digits(x: Tensor) -> Tensor:
    return torch.randint(0, CLASSES, (len(x),))


def _text(rows: int) -> Tensor:
    return F.one_hot(torch.randint(0, CHARACTERS, (rows, LENGTH)), CHARACTERS).float()


def _next_characters(x: Tensor) -> Tensor:
    return torch.randint(0, CHARACTERS, x.shape[:2])


def _reconstruction_loss(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    return F.mse_loss(output[0], target)


def _sequence_loss(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


#: In the book's order. No state is carried from batch to batch of text: batches are independent,
#: and a state in bf16 would meet the next batch in float32.
WORKLOADS = (
    Workload(
        "house-prices",
        "houses",
        1,
        32,
        16_384,
        HousePricesModel,
        lambda rows: torch.randn(rows, 13),
        lambda x: torch.randn(len(x), 1),
        F.mse_loss,
        _sgd(0.01),
    ),
    Workload(
        "mnist-dense",
        "images",
        1,
        60,
        16_384,
        mnist_dense,
        lambda rows: torch.rand(rows, 784),
        _digits,
        F.cross_entropy,
        _sgd(0.1, 0.9),
    ),
    Workload(
        "mnist-conv",
        "images",
        1,
        60,
        4096,
        mnist_conv,
        _images,
        _digits,
        F.cross_entropy,
        _sgd(0.01, 0.9),
    ),
    Workload(
        "MNIST_ConvNet",
        "images",
        1,
        60,
        4096,
        MNIST_ConvNet,
        _images,
        _digits,
        F.cross_entropy,
        _sgd(0.01, 0.9),
    ),
    Workload(
        "autoencoder",
        "images",
        1,
        60,
        4096,
        lambda: Autoencoder(hidden_dim=28),
        lambda rows: 2 * _images(rows) - 1,
        lambda x: x,
        _reconstruction_loss,
        _sgd(0.01, 0.9),
    ),
    Workload(
        "next-character",
        "characters",
        LENGTH,
        32,
        2048,
        lambda: next_character(CHARACTERS, carry_state=False),
        _text,
        _next_characters,
        _sequence_loss,
        lambda model: AdaGrad(model.parameters(), lr=0.01),
    ),
)


def training_step(
    workload: Workload,
    rows: int,
    device: torch.device,
    *,
    bf16: bool = False,
    compiled: bool = False,
    mode: str | None = None,
) -> Callable[[], None]:
    """Forward, loss, backward and the optimizer's step, on the same batch each time.

    The model, the batch and the optimizer are on the device when this returns. Nothing in a step
    waits for the device.

    Args:
        workload: what is trained.
        rows: of the batch.
        device: where.
        bf16: whether forward pass and loss are under autocast to bfloat16.
        compiled: whether ``torch.compile`` makes one function of forward pass and loss, and of the
            backward pass; it is compiled when the first step is made.
        mode: of ``torch.compile``.
    """
    torch.manual_seed(1)
    model = workload.model().to(device).train()
    optimizer = workload.optimizer(model)
    inputs = workload.inputs(rows)
    x, y = inputs.to(device), workload.targets(inputs).to(device)

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        if not bf16:
            return workload.loss(model(x), y)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            return workload.loss(model(x), y)

    forward = torch.compile(loss_of, dynamic=False, mode=mode) if compiled else loss_of

    def step() -> None:
        optimizer.zero_grad()
        forward(x, y).backward()
        optimizer.step()

    return step


def count_flops(workload: Workload, rows: int) -> int:
    """Floating-point operations of the products in a step, two for a multiplication with its sum.

    Counted on PyTorch's device without numbers, "meta", where recurrent layers fall into their
    products. Convolutions count as if done directly, activations and the optimizer not at all.
    """
    step = training_step(workload, rows, torch.device("meta"))
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


class _Operators(TorchDispatchMode):
    """Counts PyTorch's operators that are more than another view of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.number += func.namespace == "aten" and not func.is_view
        return func(*args, **(kwargs or {}))


def count_operators(step: Callable[[], object]) -> int:
    """The operators that Python asks for in a step that is not compiled."""
    step()  # the first one also makes the optimizer's state
    with _Operators() as operators:
        step()
    return operators.number
