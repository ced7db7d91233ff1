"""A model of PyTorch beside its scratch twin with the same parameters: outputs, loss, gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from torch import nn

from parity.bridge import read_recurrent_grads, to_book_layout, weighted_layers
from parity.runs.task import Batch, Task, first_of
from reference.recurrent import RNNModel as TorchRNNModel
from scratch.functions import one_hot
from scratch.network import NeuralNetwork
from scratch.recurrent import RNNModel

Twin = NeuralNetwork | RNNModel

#: How far the sides may be apart in float64, relative to the largest element.
LIMIT = 1e-9


@dataclass(frozen=True)
class Differences:
    """How far a model and its twin are apart on one batch, relative to the largest element.

    Attributes:
        output: of the model.
        loss: of the batch.
        gradients: on all parameters, the largest of them.
    """

    output: float
    loss: float
    gradients: float

    @property
    def agree(self) -> bool:
        """Whether this is rounding."""
        return max(self.output, self.loss, self.gradients) < LIMIT


def compare_with_twin(
    task: Task, batch: Batch, make_twin: Callable[[nn.Module], Twin]
) -> Differences:
    """Pass a batch through both sides and back, in float64 and without dropout's masks.

    Args:
        task: whose model, which stays as it is.
        batch: of the task's.
        make_twin: the scratch twin of a model in float64 on the CPU, with its parameters.
    """
    model = deepcopy(task.model).cpu().double().eval()
    inputs, targets = batch.inputs.cpu(), batch.targets.cpu()
    X = inputs.double()
    y = targets.double() if targets.is_floating_point() else targets
    twin = make_twin(model)

    for param in model.parameters():
        param.grad = None
    output = first_of(model(X))
    share = task.divide_by(batch)
    loss = task.loss(output, y) / share
    loss.backward()

    ours = _forward(twin, X.numpy())
    our_loss = twin.loss.forward(ours, _targets(twin, y.numpy(), ours))
    if isinstance(twin, RNNModel):
        twin.clear_gradients()
    twin.backward(twin.loss.backward())
    return Differences(
        _apart([ours], [output.detach().numpy()]),
        _apart([np.asarray(our_loss)], [loss.detach().numpy()]),
        _apart(list(twin.param_grads()), _gradients(model)),
    )


def _forward(twin: Twin, X: ndarray) -> ndarray:
    if isinstance(twin, RNNModel):
        return twin.forward(X)
    return twin.forward(X, inference=True)


def _targets(twin: Twin, y: ndarray, output: ndarray) -> ndarray:
    """As the book has them: one-hot rows, where PyTorch takes class numbers."""
    if y.dtype.kind == "i" and isinstance(twin, NeuralNetwork):
        return one_hot(y, output.shape[1])
    return y


def _gradients(model: nn.Module) -> list[ndarray]:
    """In the book's order and shapes."""
    if isinstance(model, TorchRNNModel):
        return [grad for layer in model.layers for grad in read_recurrent_grads(layer).values()]
    return [
        to_book_layout(param.grad)
        for module in weighted_layers(model)
        for param in module.parameters()
        if param.grad is not None
    ]


def _apart(ours: Sequence[ndarray], theirs: Sequence[ndarray]) -> float:
    """The largest difference of two arrays, relative to the largest element of the second."""
    found = [
        np.max(np.abs(a - b)) / max(np.max(np.abs(b)), np.finfo(float).tiny)
        for a, b in zip(ours, theirs, strict=True)
    ]
    return float(np.max(found))
