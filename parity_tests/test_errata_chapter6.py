"""What chapter 6 prints is wrong, and what stands here instead is right."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.catalogue import component
from parity.catalogue.component import Implementation
from parity.diagnosis.mistakes import explain
from parity.engine import check_in_process
from scratch.autodiff import NumberWithGrad, ensure_number
from scratch.functions import sigmoid
from scratch.recurrent import GRULayer, GRUNode, LSTMLayer, LSTMNode, RNNLayer, RNNNode


def random(*shape: int) -> ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def runs(source: str) -> bool:
    """Whether Python can read it."""
    try:
        compile(source, "printed.py", "exec")
    except SyntaxError:
        return False
    return True


class Printed:
    """The book's class as printed, but for the name of ``ensure_number``, which is ``number``."""

    def __init__(self, num: Any, depends_on: Any = None, creation_op: str = "") -> None:
        self.num = num
        self.grad: Any = None
        self.depends_on = depends_on or []
        self.creation_op = creation_op

    def number(self, num: Any) -> Any:
        return num if isinstance(num, Printed) else type(self)(num)

    def __add__(self, other: Any) -> Printed:
        other = self.number(other)
        return type(self)(self.num + other.num, [self, other], "add")

    def __mul__(self, other: Any) -> Printed:
        other = self.number(other)
        return type(self)(self.num * other.num, [self, other], "mul")

    def backward(self, backward_grad: Any = None) -> None:
        if backward_grad is None:
            self.grad = 1
        elif self.grad is None:
            self.grad = backward_grad
        else:
            self.grad += backward_grad
        self.send(self.grad)

    def send(self, grad: Any) -> None:
        if self.creation_op == "add":
            for source in self.depends_on:
                source.backward(grad)
        if self.creation_op == "mul":
            first, second = self.depends_on
            first.backward(second.num * grad)
            second.backward(first.num * grad)


class OnlyTheNewPart(Printed):
    def backward(self, backward_grad: Any = None) -> None:
        new = 1 if backward_grad is None else backward_grad
        self.grad = new if self.grad is None else self.grad + new
        self.send(new)


# E18


def leaf_twice(a: Any) -> Any:
    """The book's example."""
    return (a * 4 + 3) * (a + 2)


def product_twice(a: Any) -> Any:
    b = a * 4
    return b + b


@pytest.mark.parametrize(
    ("graph", "printed", "right"), [(product_twice, 12, 8), (leaf_twice, 35, 35)]
)
def test_e18_what_is_used_twice_on_the_way_sends_too_much_as_printed(
    graph: Callable[[Any], Any], printed: int, right: int
) -> None:
    slope = round((graph(3.01) - graph(2.99)) / 0.02, 9)
    assert slope == right
    kinds: list[tuple[Any, int]] = [
        (Printed, printed),
        (OnlyTheNewPart, right),
        (NumberWithGrad, right),
    ]
    for kind, expected in kinds:
        a = kind(3)
        graph(a).backward()
        assert a.grad == expected


# E19


def test_e19_the_printed_name_is_none() -> None:
    with pytest.raises(NameError, match="_number"):
        eval("_number(4)", {"ensure_number": ensure_number})


@pytest.mark.parametrize("left", [lambda a: 2 + a, lambda a: 3 * a])
def test_e19_plain_numbers_do_not_stand_on_the_left_as_printed(left: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        left(Printed(3))
    assert left(NumberWithGrad(3)).num == left(3)


@pytest.mark.parametrize(
    ("name", "own", "errata"),
    [
        ("NumberWithGrad", Printed, "E18"),
        ("NumberWithGrad", OnlyTheNewPart, None),
        ("NumberWithGrad.__radd__", Printed, "E19"),
    ],
)
def test_e18_and_e19_are_named(name: str, own: type, errata: str | None) -> None:
    entry = component(name)
    implementation = Implementation({"NumberWithGrad": own})
    found = explain(entry, [check_in_process(entry, case, implementation) for case in entry.cases])
    named = {failure.mutant.errata if failure.mutant else "unknown" for failure in found}
    assert named == ({errata} if errata else set())


# E49


def test_e49_brackets_of_the_numerical_check() -> None:
    printed = "round(forward(3.01) - forward(2.99)) / 0.02), 3)"
    assert not runs(f"print({printed}")
    assert eval(printed.removesuffix("), 3)"), {"forward": leaf_twice}) == 50
    assert round((leaf_twice(3.01) - leaf_twice(2.99)) / 0.02, 3) == 35


# E50


@pytest.mark.parametrize(
    ("printed", "right"),
    [
        ("node.forward(x_in, H_in, C_in params)", "node.forward(x_in, H_in, C_in, params)"),
        ("def forward(X_in) ->\n    tuple: pass", "def forward(X_in) -> tuple: pass"),
    ],
)
def test_e50_printed_lines_that_python_cannot_read(printed: str, right: str) -> None:
    assert not runs(printed)
    assert runs(right)


# E51


def assert_dim(t: Any, dim: int) -> None:
    """As chapter 5 has it."""
    assert t.ndim == dim


def test_e51_the_class_has_not_three_axes() -> None:
    x_batch = random(2, 5, 3)
    assert_dim(x_batch, 3)
    with pytest.raises(AssertionError):
        assert_dim(ndarray, 3)


def test_e51_ours_asks_the_batch() -> None:
    RNNLayer(4, 2).forward(random(2, 5, 3))
    with pytest.raises(ValueError, match=r"must have shape .batch, time, features.*not \(2, 3\)"):
        RNNLayer(4, 2).forward(random(2, 3))


# E52

GATES = "ruh"


def gru_parameters(features: int, hidden: int, out: int) -> dict[str, dict[str, ndarray]]:
    shapes = {
        **{f"W_x{gate}": (features, hidden) for gate in GATES},
        **{f"W_h{gate}": (hidden, hidden) for gate in GATES},
        **{f"B_{gate}": (1, hidden) for gate in GATES},
        "W_v": (hidden, out),
        "B_v": (1, out),
    }
    values = {name: random(i + 1, *shape)[i] for i, (name, shape) in enumerate(shapes.items())}
    values["B_r"] += 60  # resets nothing, so that before and after the product are the same
    return {name: {"value": value, "deriv": 0 * value} for name, value in values.items()}


def test_e52_the_update_gate_is_the_old_states_in_the_code_and_in_pytorch() -> None:
    features, hidden, X, H = 3, 4, random(6, 3), random(6, 4)
    params = gru_parameters(features, hidden, 2)
    value = {name: param["value"] for name, param in params.items()}
    _, H_out = GRUNode().forward(X, H, params)

    cell = torch.nn.GRUCell(features, hidden, dtype=torch.float64)
    with torch.no_grad():
        for rows, name in ((cell.weight_ih, "W_x"), (cell.weight_hh, "W_h")):
            rows.copy_(torch.tensor(np.vstack([value[name + gate].T for gate in GATES])))
        cell.bias_ih.copy_(torch.tensor(np.hstack([value[f"B_{gate}"][0] for gate in GATES])))
        cell.bias_hh.zero_()
        pytorch = cell(torch.tensor(X), torch.tensor(H)).numpy()
    np.testing.assert_allclose(H_out, pytorch, rtol=1e-12)

    u = sigmoid(X @ value["W_xu"] + H @ value["W_hu"] + value["B_u"])
    h_bar = np.tanh(X @ value["W_xh"] + H @ value["W_hh"] + value["B_h"])
    without_input = np.tanh(H @ value["W_hh"] + value["B_h"])
    np.testing.assert_allclose(u * H + (1 - u) * h_bar, pytorch, rtol=1e-12)
    assert not np.allclose(u * h_bar + (1 - u) * H, pytorch, atol=0.1)
    assert not np.allclose(u * H + (1 - u) * without_input, pytorch, atol=0.1)


# E53


def test_e53_printed_names_are_none_of_ours() -> None:
    layer: Any = LSTMLayer(4, 2)
    layer.forward(random(2, 5, 3))
    assert [name for name in ("start_H", "start_C") if hasattr(layer, name)] == [
        "start_H",
        "start_C",
    ]
    assert not any(hasattr(layer, name) for name in ("start_n", "start_h", "start_c"))
    assert "W_v" in layer.params
    assert "w_v" not in layer.params


# E54


def test_e54_a_cell_state_of_another_width_does_not_fit() -> None:
    layer, node = LSTMLayer(4, 2), LSTMNode()
    layer.forward(random(2, 5, 3))
    assert layer.start_C.shape == layer.start_H.shape == (1, 4)
    X, H = random(2, 3), random(2, 4)
    node.forward(X, H, random(2, 4), layer.params)
    with pytest.raises(ValueError, match="broadcast"):
        node.forward(X, H, random(2, 6), layer.params)


# E55


@pytest.mark.parametrize("kind", [RNNLayer, GRULayer, LSTMLayer])
def test_e55_steps_come_first_and_the_output_is_of_its_own_size(kind: type) -> None:
    batch, steps, features, out = 2, 5, 3, 7
    x = random(batch, steps, features)
    layer: Any = kind(4, out)
    assert layer.forward(x).shape == (batch, steps, out)
    exchanged: Any = kind(4, out)
    assert exchanged.forward(x.transpose(0, 2, 1)).shape == (batch, features, out)


def test_e55_a_nodes_output_is_not_as_wide_as_the_vocabulary() -> None:
    layer = RNNLayer(4, 7)
    layer.forward(random(2, 5, 3))
    X_out, H_out = RNNNode().forward(random(2, 3), random(2, 4), layer.params)
    assert (X_out.shape, H_out.shape) == ((2, 7), (2, 4))


# E56

PRINTED = "def ensure_number(num) -> NumberWithGrad: ..."


def annotation_of(source: str) -> Any:
    """What it is said to return; Python up to 3.13 has it as soon as the function is made."""
    module: dict[str, Any] = {}
    exec(compile(source, "printed.py", "exec", dont_inherit=True), module)
    return inspect.get_annotations(module["ensure_number"])["return"]


def test_e56_annotations_name_a_class_that_is_not_there_yet() -> None:
    with pytest.raises(NameError, match="NumberWithGrad"):
        annotation_of(PRINTED)
    assert annotation_of(f"from __future__ import annotations\n{PRINTED}") == "NumberWithGrad"


@pytest.mark.parametrize("make", [RNNLayer, GRULayer, LSTMLayer])
@pytest.mark.parametrize("carry_state", [True, False])
def test_e22_the_mean_state_makes_a_row_depend_on_others_of_an_earlier_batch(
    make: type[RNNLayer], carry_state: bool
) -> None:
    first, changed, second = random(3, 4, 2), random(3, 4, 2), random(2, 4, 2)
    changed[1:] += 1

    def row_of_second(before: ndarray) -> ndarray:
        layer = make(5, 3, weight_scale=1.0, carry_state=carry_state, seed=1)
        layer.forward(before)
        return layer.forward(second)[0]

    same = np.array_equal(row_of_second(first), row_of_second(changed))
    assert same == (not carry_state)
