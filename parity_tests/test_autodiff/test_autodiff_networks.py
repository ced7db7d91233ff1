"""Networks written with ``ArrayWithGrad``: the gradients of the hand-written ones and PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import nn

from scratch.autodiff import ArrayWithGrad
from scratch.functions import one_hot
from scratch.regression import (
    Weights,
    forward_linear_regression,
    forward_neural_network,
    init_weights_linear_regression,
    init_weights_neural_network,
    loss_gradients_linear_regression,
    loss_gradients_neural_network,
)

Nodes = dict[str, ArrayWithGrad]


def random(*shape: int) -> ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def as_nodes(arrays: Weights) -> Nodes:
    return {name: ArrayWithGrad(array) for name, array in arrays.items()}


def assert_same(nodes: Nodes, expected: dict[str, Any]) -> None:
    assert set(nodes) == set(expected)
    for name, node in nodes.items():
        assert node.grad is not None
        np.testing.assert_allclose(
            node.grad, expected[name], rtol=1e-9, atol=1e-14, err_msg=name, strict=True
        )


# Chapter 2


def test_linear_regression_of_chapter_2_has_the_gradients_worked_out_by_hand() -> None:
    X, y = random(20, 13), random(20, 1)
    weights = init_weights_linear_regression(X, np.random.RandomState(80718))
    nodes = as_nodes(weights)
    loss = ((y - (X @ nodes["W"] + nodes["B"])) ** 2).mean()
    loss.backward()
    info, expected = forward_linear_regression(X, y, weights)
    assert loss.array == pytest.approx(expected, rel=1e-14)
    assert_same(nodes, loss_gradients_linear_regression(info, weights))


def test_neural_network_of_chapter_2_has_the_gradients_worked_out_by_hand() -> None:
    X, y = random(20, 13), random(20, 1)
    weights = init_weights_neural_network(X, np.random.RandomState(80718))
    nodes = as_nodes(weights)
    O1 = (X @ nodes["W1"] + nodes["B1"]).sigmoid()
    loss = ((y - (O1 @ nodes["W2"] + nodes["B2"])) ** 2).mean()
    loss.backward()
    info, expected = forward_neural_network(X, y, weights)
    assert loss.array == pytest.approx(expected, rel=1e-14)
    assert_same(nodes, loss_gradients_neural_network(info, weights))


# Chapter 4


def test_softmax_cross_entropy_has_pytorchs_gradient() -> None:
    scores, numbers = 30 * random(7, 4), np.array([0, 3, 1, 1, 2, 0, 3])
    node, tensor = ArrayWithGrad(scores), torch.tensor(scores, requires_grad=True)
    loss = -(node.log_softmax(axis=1) * one_hot(numbers, 4)).sum() / len(scores)
    loss.backward()
    expected = nn.functional.cross_entropy(tensor, torch.tensor(numbers))
    expected.backward()
    assert loss.array == pytest.approx(expected.item(), rel=1e-14)
    assert node.grad is not None
    assert tensor.grad is not None
    np.testing.assert_allclose(node.grad, tensor.grad.numpy(), rtol=1e-9, atol=1e-14)


# Chapter 6

BATCH, VOCABULARY, HIDDEN, OUTPUT = 5, 4, 3, 2
GATES = ("i", "f", "c", "o")  # in PyTorch's order


def lstm_step(nodes: Nodes, X_in: Any, H_in: Any, C_in: Any) -> tuple[Any, Any, Any]:
    """Chapter 6, "LSTM: The Code"."""
    Z = ArrayWithGrad.concatenate([X_in, H_in], axis=1)
    f = (Z @ nodes["W_f"] + nodes["B_f"]).sigmoid()
    i = (Z @ nodes["W_i"] + nodes["B_i"]).sigmoid()
    C_bar = (Z @ nodes["W_c"] + nodes["B_c"]).tanh()
    C_out = f * C_in + i * C_bar
    o = (Z @ nodes["W_o"] + nodes["B_o"]).sigmoid()
    H_out = o * C_out.tanh()
    return H_out @ nodes["W_v"] + nodes["B_v"], H_out, C_out


@pytest.fixture
def weights() -> Weights:
    shapes = {f"W_{gate}": (VOCABULARY + HIDDEN, HIDDEN) for gate in GATES}
    shapes |= {f"B_{gate}": (1, HIDDEN) for gate in GATES}
    shapes |= {"W_v": (HIDDEN, OUTPUT), "B_v": (1, OUTPUT)}
    draws = np.random.default_rng(6)
    return {name: draws.standard_normal(shape) for name, shape in shapes.items()}


class TorchLSTM(nn.Module):
    """PyTorch's cell, and the book's layer on top of it."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(VOCABULARY, HIDDEN, dtype=torch.float64)
        self.linear = nn.Linear(HIDDEN, OUTPUT, dtype=torch.float64)
        W = np.concatenate([weights[f"W_{gate}"] for gate in GATES], axis=1).T
        B = np.concatenate([weights[f"B_{gate}"] for gate in GATES], axis=1)[0]
        with torch.no_grad():
            self.cell.weight_ih.copy_(torch.tensor(W[:, :VOCABULARY]))
            self.cell.weight_hh.copy_(torch.tensor(W[:, VOCABULARY:]))
            self.cell.bias_ih.copy_(torch.tensor(B))
            self.cell.bias_hh.zero_()
            self.linear.weight.copy_(torch.tensor(weights["W_v"].T))
            self.linear.bias.copy_(torch.tensor(weights["B_v"][0]))

    def grads(self) -> dict[str, ndarray]:
        """The gradients under the book's names, in its shapes."""
        grad: dict[str, Any] = {
            name: param.grad.numpy()
            for name, param in self.named_parameters()
            if param.grad is not None
        }
        W = np.concatenate([grad["cell.weight_ih"], grad["cell.weight_hh"]], axis=1).T
        gates = dict(zip(GATES, np.split(W, 4, axis=1), strict=True))
        biases = dict(zip(GATES, np.split(grad["cell.bias_ih"][None], 4, axis=1), strict=True))
        return {
            **{f"W_{gate}": part for gate, part in gates.items()},
            **{f"B_{gate}": part for gate, part in biases.items()},
            "W_v": grad["linear.weight"].T,
            "B_v": grad["linear.bias"][None],
        }


@pytest.mark.parametrize("steps", [1, 3])
def test_steps_of_an_lstm_have_pytorchs_gradients(weights: Weights, steps: int) -> None:
    """All three results of the last step count, and the outputs of those before."""
    nodes, model = as_nodes(weights), TorchLSTM(weights)
    X = random(steps, BATCH, VOCABULARY)
    start = as_nodes({"H": random(BATCH, HIDDEN), "C": random(BATCH, HIDDEN, 1)[..., 0]})
    first = {k: torch.tensor(v.array, requires_grad=True) for k, v in start.items()}
    x, tensor = ArrayWithGrad(X), torch.tensor(X, requires_grad=True)
    counts = random(OUTPUT + 2 * HIDDEN, BATCH).T

    H, C = start["H"], start["C"]
    h, c = first["H"], first["C"]
    outs, expected_outs = [], []
    for t in range(steps):
        out, H, C = lstm_step(nodes, x[t], H, C)
        h, c = model.cell(tensor[t], (h, c))
        outs.append(out)
        expected_outs.append(model.linear(h))
    loss = (ArrayWithGrad.concatenate([sum(outs), H, C], axis=1) * counts).sum()
    expected = (torch.concatenate([sum(expected_outs), h, c], 1) * torch.tensor(counts)).sum()
    loss.backward()
    expected.backward()

    assert loss.array == pytest.approx(expected.item(), rel=1e-12)
    assert_same(nodes, model.grads())
    assert_same(
        {**start, "X": x},
        {name: t.grad.numpy() for name, t in {**first, "X": tensor}.items()},  # type: ignore[union-attr]
    )


def test_figure_6_1_with_matrices_has_pytorchs_gradients() -> None:
    """The graph for which the book finds ``Operation`` wanting: ``b2`` is used twice."""
    names = ("a1", "w1", "a2", "w2")
    arrays = {name: random(3, 3, i + 1)[..., 0] for i, name in enumerate(names)}
    nodes = as_nodes(arrays)
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}

    def compute(a1: Any, w1: Any, a2: Any, w2: Any) -> Any:
        b1, b2 = a1 @ w1, a2 @ w2
        return ((b1 + b2) * b2).sum()

    compute(*nodes.values()).backward()
    compute(*tensors.values()).backward()
    assert_same(nodes, {name: tensor.grad.numpy() for name, tensor in tensors.items()})  # type: ignore[union-attr]
