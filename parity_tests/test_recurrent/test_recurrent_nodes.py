"""Nodes: several time steps with one set of parameters, PyTorch's cells, and what a node leaves
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import nn

from parity.catalogue.recurrent.states import param_shapes
from parity.mutants.recurrent.in_parts import GRU, LSTM, RNN
from parity.oracle import central_differences
from scratch.recurrent import GRUNode, LSTMNode, RNNNode

FEATURES, HIDDEN, OUT = 3, 4, 2

#: A node's class, its arguments, and the same in parts, of which the mutants are made.
KINDS: list[tuple[Any, dict[str, bool], Any]] = [
    (RNNNode, {}, RNN),
    (GRUNode, {}, GRU),
    (GRUNode, {"reset_after": True}, GRU),
    (LSTMNode, {}, LSTM),
    (LSTMNode, {"peepholes": True}, LSTM),
]

each_kind = pytest.mark.parametrize(
    "kind, options, parts", KINDS, ids=lambda value: getattr(value, "__name__", None)
)


class Steps:
    """A few time steps of a batch, with a node for each, and one set of parameters.

    Args:
        kind: the node's class.
        options: its arguments.
        length: how many steps.
        batch: rows.
        dtype: of all arrays.
    """

    def __init__(
        self,
        kind: type[Any],
        options: dict[str, bool],
        length: int = 4,
        batch: int = 5,
        dtype: str = "float64",
    ) -> None:
        draws = np.random.default_rng(20190901)

        def draw(*shape: int) -> ndarray:
            return draws.standard_normal(shape).astype(dtype)

        name = kind.__name__.replace("Node", "Layer")
        shapes = param_shapes(name, FEATURES, HIDDEN, OUT, **options)
        self.make = lambda: kind(**options)
        self.params = {
            name: {"value": draw(*shape), "deriv": np.zeros(shape, dtype)}
            for name, shape in shapes.items()
        }
        states = 2 if kind is LSTMNode else 1
        self.x = draw(length, batch, FEATURES)
        self.start = [draw(batch, HIDDEN) for _ in range(states)]
        self.x_grad = draw(length, batch, OUT)
        self.last_grad = [draw(batch, HIDDEN) for _ in range(states)]

    def forward(self) -> tuple[list[ndarray], list[ndarray]]:
        """Outputs of all steps, and the last state."""
        self.nodes = [self.make() for _ in self.x]
        state, outputs = self.start, []
        for node, x in zip(self.nodes, self.x, strict=True):
            output, *state = node.forward(x, *state, self.params)
            outputs.append(output)
        return outputs, state

    def backward(self) -> tuple[ndarray, list[ndarray]]:
        """Gradients on the inputs of all steps, and on the first state."""
        grads, on_inputs = self.last_grad, list[ndarray]()
        for node, grad in reversed(list(zip(self.nodes, self.x_grad, strict=True))):
            on_input, *grads = node.backward(grad, *grads, self.params)
            on_inputs.insert(0, on_input)
        return np.stack(on_inputs), grads

    def objective(self) -> float:
        """What ``backward`` takes the gradients of."""
        outputs, state = self.forward()
        pairs = [*zip(outputs, self.x_grad, strict=True), *zip(state, self.last_grad, strict=True)]
        return float(sum(np.sum(value * grad) for value, grad in pairs))

    def derivs(self) -> dict[str, ndarray]:
        """The gradients on the parameters."""
        return {name: entry["deriv"] for name, entry in self.params.items()}

    def arrays(self) -> Iterator[ndarray]:
        """All that no node may change."""
        yield from (self.x, self.x_grad, *self.start, *self.last_grad)
        yield from (entry["value"] for entry in self.params.values())


@each_kind
def test_gradients_through_time_are_slopes(kind: Any, options: Any, parts: Any) -> None:
    steps = Steps(kind, options)
    steps.forward()
    on_inputs, on_start = steps.backward()
    pairs = [(on_inputs, steps.x), *zip(on_start, steps.start, strict=True)]
    pairs += [(entry["deriv"].copy(), entry["value"]) for entry in steps.params.values()]
    for grad, array in pairs:
        slopes = central_differences(steps.objective, array)
        np.testing.assert_allclose(grad, slopes, rtol=0, atol=5e-8 * np.abs(slopes).max())


@each_kind
def test_gradients_of_all_steps_add_up(kind: Any, options: Any, parts: Any) -> None:
    together = Steps(kind, options)
    together.forward()
    together.backward()

    apart = Steps(kind, options)
    apart.forward()
    grads, shares = apart.last_grad, []
    for node, grad in reversed(list(zip(apart.nodes, apart.x_grad, strict=True))):
        for deriv in apart.derivs().values():
            deriv[...] = 0
        _, *grads = node.backward(grad, *grads, apart.params)
        shares.append(deepcopy(apart.derivs()))
    for name, deriv in together.derivs().items():
        assert all(share[name].any() for share in shares)
        np.testing.assert_allclose(deriv, sum(share[name] for share in shares), rtol=1e-12)


@each_kind
def test_derivs_are_added_to_in_place(kind: Any, options: Any, parts: Any) -> None:
    """Optimizers and clipping know these arrays."""
    steps = Steps(kind, options)
    before = steps.derivs()
    steps.forward()
    steps.backward()
    assert all(deriv is before[name] for name, deriv in steps.derivs().items())


@each_kind
def test_nothing_that_a_node_is_given_is_changed(kind: Any, options: Any, parts: Any) -> None:
    steps = Steps(kind, options)
    for array in steps.arrays():
        array.setflags(write=False)
    steps.forward()
    steps.backward()


@each_kind
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_type_and_shapes_are_kept(
    kind: Any, options: Any, parts: Any, batch: int, dtype: str
) -> None:
    steps = Steps(kind, options, batch=batch, dtype=dtype)
    outputs, state = steps.forward()
    on_inputs, on_start = steps.backward()
    assert {output.shape for output in outputs} == {(batch, OUT)}
    assert {array.shape for array in (*state, *on_start)} == {(batch, HIDDEN)}
    assert on_inputs.shape == (4, batch, FEATURES)
    found = [*outputs, *state, on_inputs, *on_start, *steps.derivs().values()]
    assert {str(array.dtype) for array in found} == {dtype}


@each_kind
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gates_that_are_wide_open_or_shut_overflow_nothing(
    kind: Any, options: Any, parts: Any, dtype: str
) -> None:
    steps = Steps(kind, options, dtype=dtype)
    steps.x *= 1e6
    outputs, state = steps.forward()
    on_inputs, on_start = steps.backward()
    assert all(np.isfinite(array).all() for array in (*outputs, *state, on_inputs, *on_start))


@each_kind
def test_each_backward_pass_is_of_the_last_forward_pass(
    kind: Any, options: Any, parts: Any
) -> None:
    """A layer keeps its nodes from batch to batch, and batches differ in size."""
    steps = Steps(kind, options, length=1)
    node, other = steps.make(), Steps(kind, options, length=1, batch=2)
    node.forward(other.x[0], *other.start, other.params)
    node.backward(other.x_grad[0], *other.last_grad, other.params)
    node.forward(steps.x[0], *steps.start, steps.params)
    found = node.backward(steps.x_grad[0], *steps.last_grad, steps.params)
    steps.forward()
    on_inputs, on_start = steps.backward()
    for one, wanted in zip(found, [on_inputs[0], *on_start], strict=True):
        np.testing.assert_array_equal(one, wanted)


@each_kind
def test_the_mutants_are_made_of_what_is_right(kind: Any, options: Any, parts: Any) -> None:
    """So a mutant has no mistake beside its own."""
    steps, in_parts = Steps(kind, options), Steps(kind, options)
    in_parts.make = lambda: parts(**options)
    found, wanted = (
        [*outputs, *state, on_inputs, *on_start, *run.derivs().values()]
        for run in (in_parts, steps)
        for outputs, state in [run.forward()]
        for on_inputs, on_start in [run.backward()]
    )
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


# PyTorch's own cells, with the book's parameters put where PyTorch has them


def values(steps: Steps) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(entry["value"]) for name, entry in steps.params.items()}


def fill(cell: nn.RNNCellBase, weights: list[torch.Tensor], biases: list[torch.Tensor]) -> None:
    """Weights over input and state together, a column for each unit of each gate."""
    stacked = torch.cat(weights, dim=1).T
    with torch.no_grad():
        cell.weight_ih.copy_(stacked[:, :FEATURES])
        cell.weight_hh.copy_(stacked[:, FEATURES:])
        cell.bias_ih.copy_(torch.cat(biases, dim=1)[0])
        cell.bias_hh.zero_()


def test_classic_node_is_pytorchs_cell_and_a_linear_layer() -> None:
    steps = Steps(RNNNode, {})
    book, cell = values(steps), nn.RNNCell(FEATURES, HIDDEN, dtype=torch.float64)
    fill(cell, [book["W_f"]], [book["B_f"]])
    outputs, (H,) = steps.forward()
    h = torch.tensor(steps.start[0])
    for x, output in zip(steps.x, outputs, strict=True):
        h = cell(torch.tensor(x), h)
        expected = h @ book["W_v"] + book["B_v"]
        np.testing.assert_allclose(output, expected.detach(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(H, h.detach(), rtol=1e-12, atol=1e-14)


def test_lstm_node_is_pytorchs_cell_with_the_gates_in_another_order() -> None:
    steps = Steps(LSTMNode, {})
    book, cell = values(steps), nn.LSTMCell(FEATURES, HIDDEN, dtype=torch.float64)
    fill(cell, [book[f"W_{gate}"] for gate in "ifco"], [book[f"B_{gate}"] for gate in "ifco"])
    _, state = steps.forward()
    h, c = (torch.tensor(start) for start in steps.start)
    for x in steps.x:
        h, c = cell(torch.tensor(x), (h, c))
    for found, expected in zip(state, (h, c), strict=True):
        np.testing.assert_allclose(found, expected.detach(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_node_is_pytorchs_cell_only_if_it_resets_after_the_product(reset_after: bool) -> None:
    steps = Steps(GRUNode, {"reset_after": reset_after})
    book, cell = values(steps), nn.GRUCell(FEATURES, HIDDEN, dtype=torch.float64)
    weights = [torch.cat((book[f"W_x{gate}"], book[f"W_h{gate}"])) for gate in "ruh"]
    fill(cell, weights, [book[f"B_{gate}"] for gate in "ruh"])
    if reset_after:
        with torch.no_grad():
            cell.bias_hh[2 * HIDDEN :] = book["B_hh"][0]
    _, (H,) = steps.forward()
    h = torch.tensor(steps.start[0])
    for x in steps.x:
        h = cell(torch.tensor(x), h)
    assert np.allclose(H, h.detach(), rtol=1e-12) == reset_after


# What gates do, and which variants are the same where


WIDE_OPEN = 1e3


@pytest.mark.parametrize("reset_after", [False, True])
def test_an_open_update_gate_keeps_the_state(reset_after: bool) -> None:
    steps = Steps(GRUNode, {"reset_after": reset_after})
    steps.params["B_u"]["value"][...] = WIDE_OPEN
    _, (H,) = steps.forward()
    np.testing.assert_array_equal(H, steps.start[0])


def test_an_open_reset_gate_makes_it_the_same_where_the_reset_stands() -> None:
    before, after = Steps(GRUNode, {}), Steps(GRUNode, {"reset_after": True})
    after.x, after.start = before.x, before.start
    for name, entry in before.params.items():
        after.params[name]["value"][...] = entry["value"]
    after.params["B_hh"]["value"][...] = 0
    assert not np.allclose(before.forward()[1], after.forward()[1])
    for steps in (before, after):
        steps.params["B_r"]["value"][...] = WIDE_OPEN
    np.testing.assert_allclose(before.forward()[1], after.forward()[1], rtol=1e-12)


@pytest.mark.parametrize("peepholes", [False, True])
def test_an_open_forget_gate_and_a_shut_input_gate_keep_the_cell(peepholes: bool) -> None:
    steps = Steps(LSTMNode, {"peepholes": peepholes})
    steps.params["B_f"]["value"][...] = WIDE_OPEN
    steps.params["B_i"]["value"][...] = -WIDE_OPEN
    _, (_, C) = steps.forward()
    np.testing.assert_array_equal(C, steps.start[1])


def test_peepholes_of_0_see_nothing() -> None:
    plain, seeing = Steps(LSTMNode, {}), Steps(LSTMNode, {"peepholes": True})
    seeing.x, seeing.start = plain.x, plain.start
    for name, entry in seeing.params.items():
        entry["value"][...] = plain.params[name]["value"] if name in plain.params else 0
    np.testing.assert_allclose(plain.forward()[1], seeing.forward()[1], rtol=1e-12)
