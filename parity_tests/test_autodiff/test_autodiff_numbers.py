"""``scratch/autodiff/numbers.py``: the book's numbers, PyTorch's gradients, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from scratch.autodiff import NumberWithGrad, ensure_number


@pytest.mark.components("autodiff")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture
def a() -> NumberWithGrad:
    return NumberWithGrad(3)


def whole(number: NumberWithGrad) -> int:
    """Its gradient, which the book prints as a whole number."""
    assert type(number.grad) is int
    return number.grad


# The book


def test_first_example_of_the_book(a: NumberWithGrad) -> None:
    b = a * 4
    c = b + 5
    c.backward()
    assert (c.num, whole(a), whole(b), whole(c)) == (17, 4, 1, 1)


def test_second_example_of_the_book(a: NumberWithGrad) -> None:
    b = a * 4
    c = b + 3
    d = a + 2
    e = c * d
    e.backward()
    assert (e.num, whole(a)) == (75, 35)


def test_e18_what_is_used_twice_sends_its_gradient_on_once() -> None:
    a = NumberWithGrad(3)
    b = a * 4
    (b + b).backward()
    assert (whole(b), whole(a)) == (2, 8)


def test_the_graph_of_figure_6_1_has_a_way_back() -> None:
    a1, w1, a2, w2 = (NumberWithGrad(num) for num in (2, 3, 5, 7))
    b2 = a2 * w2
    ((a1 * w1 + b2) * b2).backward()
    assert whole(b2) == 2 * 3 + 2 * 35
    assert [whole(number) for number in (a1, w1, a2, w2)] == [3 * 35, 2 * 35, 7 * 76, 5 * 76]


def test_attributes_are_the_books(a: NumberWithGrad) -> None:
    four = NumberWithGrad(4)
    product = a * four
    assert (product.num, product.grad, product.creation_op) == (12, None, "mul")
    assert product.depends_on == [a, four]
    assert (a.depends_on, a.creation_op) == ([], "")


def test_a_number_made_by_hand_as_in_the_book_has_a_way_back(a: NumberWithGrad) -> None:
    four = NumberWithGrad(4)
    NumberWithGrad(12, depends_on=[a, four], creation_op="mul").backward()
    assert (whole(a), whole(four)) == (4, 3)


def test_an_unknown_operation_is_refused_when_it_has_to_be_undone(a: NumberWithGrad) -> None:
    with pytest.raises(ValueError, match="NumberWithGrad: there is no operation 'sinh'"):
        NumberWithGrad(12, [a], "sinh").backward()


def test_ensure_number_wraps_plain_numbers_alone(a: NumberWithGrad) -> None:
    assert ensure_number(a) is a
    assert ensure_number(2.5).num == 2.5


# E19: numbers on either side

ON_EITHER_SIDE: list[Callable[[Any], Any]] = [
    lambda x: 2 + x,
    lambda x: x + 2,
    lambda x: 2 - x,
    lambda x: x - 2,
    lambda x: 2 * x,
    lambda x: x * 2,
    lambda x: 2 / x,
    lambda x: x / 2,
    lambda x: 2**x,
    lambda x: x**2,
    lambda x: sum([x, x, 1]),
    lambda x: -x,
]


@pytest.mark.parametrize("expression", ON_EITHER_SIDE)
@pytest.mark.parametrize("kind", [int, float, np.int64, np.float64, np.float32])
def test_e19_plain_numbers_may_stand_on_either_side(
    expression: Callable[[Any], Any], kind: type
) -> None:
    a, x = NumberWithGrad(kind(3)), torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    result, expected = expression(a), expression(x)
    result.backward()
    expected.backward()
    assert isinstance(result, NumberWithGrad)
    assert result.num == pytest.approx(expected.item(), rel=1e-14)
    assert x.grad is not None
    assert a.grad == pytest.approx(x.grad.item(), rel=1e-14)
    assert type(a.num) is (int if kind in (int, np.int64) else float)


@pytest.mark.parametrize("number", [np.float64(2), np.float32(2), np.int64(2)])
def test_a_number_of_numpys_on_the_left_leaves_the_operation_to_the_node(number: Any) -> None:
    a = NumberWithGrad(3)
    product: Any = number * a
    product.backward()
    assert (type(product), product.num, a.grad) == (NumberWithGrad, 6, 2)


def test_whole_numbers_stay_whole_however_large_they_are() -> None:
    a = NumberWithGrad(10)
    (a**400 * 3).backward()
    assert whole(a) == 1200 * 10**399


# Several passes


def test_gradients_of_several_passes_add_up_in_every_node_as_in_pytorch() -> None:
    a, x = NumberWithGrad(3), torch.tensor(3.0, requires_grad=True)
    b, y = a * 4, x * 4
    c, z = b * b, y * y
    for tensor in (y, z):
        tensor.retain_grad()
    for passes in (1, 2, 3):
        c.backward()
        z.backward(retain_graph=True)
        assert [n.grad for n in (a, b, c)] == [t.grad.item() for t in (x, y, z)]  # type: ignore[union-attr]
        assert whole(a) == passes * 96


def test_passes_over_graphs_that_share_a_part_add_up() -> None:
    a = NumberWithGrad(3)
    b = a * 4
    (b + 1).backward()
    (b * 2).backward(10)
    assert (whole(b), whole(a)) == (21, 84)


def test_zero_grad_forgets_the_gradients_of_the_whole_graph(a: NumberWithGrad) -> None:
    b = a * 4
    c = b * b
    c.backward()
    c.zero_grad()
    assert (a.grad, b.grad, c.grad) == (None, None, None)
    c.backward()
    assert whole(a) == 96


def test_a_leaf_has_the_gradient_1_in_itself(a: NumberWithGrad) -> None:
    a.backward()
    assert whole(a) == 1
    a.zero_grad()
    assert a.grad is None


@pytest.mark.parametrize("backward_grad, expected", [(0, 0), (2, 8), (-0.5, -2.0)])
def test_a_pass_may_begin_with_another_gradient_than_1(
    a: NumberWithGrad, backward_grad: float, expected: float
) -> None:
    b = a * 4
    b.backward(backward_grad)
    assert (b.grad, a.grad) == (backward_grad, expected)


def test_adding_in_place_makes_a_new_number(a: NumberWithGrad) -> None:
    b = a
    b += 2
    b *= b
    b.backward()
    assert (a.num, b.num, whole(a)) == (3, 25, 10)


# Slopes at the edge of what is defined, as PyTorch has them

EDGES: list[tuple[Callable[[Any, Any], Any], float, float]] = [
    (lambda a, b: a**b, 0.0, 2.0),
    (lambda a, b: a**b, 0.0, 1.0),
    (lambda a, b: a**b, 2.0, 0.0),
    (lambda a, b: a**0 + b, 0.0, 1.0),
    (lambda a, b: a**3 + b, -2.0, 1.0),
    (lambda a, b: a**-3 + b, -2.0, 1.0),
    (lambda a, b: a.relu() + b, 0.0, 1.0),
    (lambda a, b: a.tanh() * b, 400.0, 1.0),
    (lambda a, b: a.exp() * b, -800.0, 1.0),
    (lambda a, b: a / b, 1e-300, 1e200),
    (lambda a, b: a / b, 1e-300, 1e-200),
]


@pytest.mark.parametrize("expression, a, b", EDGES)
def test_gradients_at_the_edges_are_pytorchs(
    expression: Callable[[Any, Any], Any], a: float, b: float
) -> None:
    numbers = NumberWithGrad(a), NumberWithGrad(b)
    tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (a, b)]
    result, expected = expression(*numbers), expression(*tensors)
    result.backward()
    expected.backward()
    assert result.num == pytest.approx(expected.item(), rel=1e-14)
    for number, tensor in zip(numbers, tensors, strict=True):
        assert tensor.grad is not None
        assert number.grad == pytest.approx(tensor.grad.item(), rel=1e-14)


def test_nan_is_not_hidden() -> None:
    a = NumberWithGrad(math.nan)
    assert all(math.isnan(number.num) for number in (a + 1, a.relu(), a.tanh(), a.exp(), a.log()))


# What is refused, each in one sentence

REFUSED: list[tuple[Callable[[Any], Any], float, type[Exception], str]] = [
    (lambda a: a.log(), 0, ValueError, "log needs a number above 0, not 0"),
    (lambda a: a.log(), -2.5, ValueError, "log needs a number above 0, not -2.5"),
    (lambda a: 1 / a, 0, ZeroDivisionError, "1 cannot be divided by 0"),
    (lambda a: a / 0.0, 3, ZeroDivisionError, "3 cannot be divided by 0"),
    (lambda a: a**-1, 0, ZeroDivisionError, "0 has no power of -1"),
    (lambda a: 0**a, -1.5, ZeroDivisionError, "0 has no power of -1.5"),
    (lambda a: a**0.5, -4, ValueError, "-4 has no real power of 0.5"),
    (lambda a: (-2) ** a, 2, ValueError, "-2 to the power of a NumberWithGrad .2. has no gradient"),
    (lambda a: a ** NumberWithGrad(2), -1, ValueError, "-1 to the power of a NumberWithGrad"),
    (lambda a: a**400, 10.0, OverflowError, "10.0 to the power of 400 is too large"),
    (lambda a: a.exp(), 1000, OverflowError, "exp of 1000 is too large"),
]


@pytest.mark.parametrize("expression, num, error, words", REFUSED)
def test_what_has_no_value_is_refused_in_a_sentence(
    expression: Callable[[Any], Any], num: float, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"^NumberWithGrad: {words}"):
        expression(NumberWithGrad(num))


def test_an_infinite_slope_is_refused_and_leaves_no_gradient_behind() -> None:
    a, b = NumberWithGrad(0.0), NumberWithGrad(4.0)
    c = a**0.5 + b**0.5
    with pytest.raises(ZeroDivisionError, match=r"slope of x \*\* 0.5 at 0 is infinite"):
        c.backward()
    assert (a.grad, b.grad, c.grad) == (None, None, None)


@pytest.mark.parametrize("value", ["3", None, 2j, [3], np.ones(2), np.complex128(1)])
def test_what_is_no_number_is_refused(a: NumberWithGrad, value: Any) -> None:
    words = f"NumberWithGrad: a number must be an int or a float, not {type(value).__name__}"
    uses: list[Callable[[], Any]] = [
        lambda: NumberWithGrad(value),
        lambda: ensure_number(value),
        lambda: a + value,
        lambda: value * a,
        lambda: a**value,
    ]
    for use in uses:
        with pytest.raises(TypeError, match=words):
            use()


def test_a_gradient_that_is_no_plain_number_is_refused(a: NumberWithGrad) -> None:
    grad: Any = NumberWithGrad(1)
    with pytest.raises(TypeError, match="an int or a float, not NumberWithGrad"):
        a.backward(grad)


# What it says of itself


def test_it_is_shown_with_its_gradient_and_operation(a: NumberWithGrad) -> None:
    b = a * 4
    assert repr(b) == "NumberWithGrad(12, grad=None, creation_op='mul')"
    b.backward()
    assert repr(a) == "NumberWithGrad(3, grad=4)"
