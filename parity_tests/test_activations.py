"""``scratch/activations.py`` against ``reference/activations.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from reference import activations as reference
from scratch.activations import LeakyReLU, Linear, ReLU, ReLU6, Sigmoid, Tanh
from scratch.functions import leaky_relu, relu
from scratch.operations import Operation


@pytest.mark.components("activations")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture(params=[Sigmoid, Linear, Tanh, ReLU, LeakyReLU, ReLU6])
def activation(request: pytest.FixtureRequest) -> Operation:
    made: Operation = request.param()
    return made


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("squashing", "ends"), [(Sigmoid, (0, 1)), (Tanh, (-1, 1))])
def test_squashing_is_flat_and_finite_far_out(
    squashing: type[Operation], ends: tuple[int, int], dtype: str
) -> None:
    operation = squashing()
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        output = operation.forward(np.array([[-1000, 1000]], dtype=dtype))
        input_grad = operation.backward(np.ones((1, 2), dtype))
    np.testing.assert_array_equal(output, [ends])
    np.testing.assert_array_equal(input_grad, [[0, 0]])


@pytest.mark.parametrize(
    ("squashing", "steepest"), [(Sigmoid, 0.25), (Tanh, 1.0)], ids=["Sigmoid", "Tanh"]
)
def test_slope_is_largest_at_0(squashing: type[Operation], steepest: float) -> None:
    """Figure 4.7: that of tanh is 4 times as large as that of the sigmoid."""
    operation = squashing()
    points = np.linspace(-4, 4, 81)
    operation.forward(points)
    slopes = operation.backward(np.ones(81))
    assert slopes.max() == slopes[40] == steepest


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("rectifier", "at_0", "at_6"), [(ReLU, 0, 1), (LeakyReLU, 0.2, 1), (ReLU6, 0, 0)]
)
def test_slope_on_a_kink_is_pytorchs(
    rectifier: type[Operation], at_0: float, at_6: float, dtype: str
) -> None:
    kinks = np.array([-0.0, 0.0, 6.0], dtype)
    operation = rectifier()
    operation.forward(kinks)
    slopes = operation.backward(np.ones(3, dtype))

    tensor = torch.tensor(kinks, requires_grad=True)
    getattr(reference, rectifier.__name__)()(tensor).sum().backward()
    np.testing.assert_array_equal(slopes, np.array([at_0, at_0, at_6], dtype))
    assert tensor.grad is not None
    np.testing.assert_array_equal(slopes, tensor.grad.numpy())


def test_rectifiers_are_the_functions_of_chapter_1() -> None:
    points = np.linspace(-3, 3, 13)
    np.testing.assert_array_equal(ReLU().forward(points), relu(points))
    np.testing.assert_array_equal(LeakyReLU().forward(points), leaky_relu(points))


@pytest.mark.parametrize("slope", [0.0, 0.01, 1.0, 2.0, -0.5])
def test_any_slope_below_0_will_do(slope: float) -> None:
    operation, twin = LeakyReLU(slope), reference.LeakyReLU(slope)
    points = np.array([-2.0, 0.5, 3.0])
    np.testing.assert_array_equal(operation.forward(points), twin(torch.tensor(points)).numpy())
    np.testing.assert_array_equal(operation.backward(np.ones(3)), [slope, 1, 1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_results_keep_the_type_and_share_no_memory(activation: Operation, dtype: str) -> None:
    input_, output_grad = np.ones((7, 3), dtype), np.ones((7, 3), dtype)
    input_.setflags(write=False)
    output_grad.setflags(write=False)
    for result in (activation.forward(input_), activation.backward(output_grad)):
        assert result.dtype == dtype
        assert result.flags.writeable
        assert not np.shares_memory(result, input_)
        assert not np.shares_memory(result, output_grad)


def test_any_number_of_dimensions_will_do(activation: Operation) -> None:
    for shape in ((), (5,), (2, 3, 4)):
        input_ = np.full(shape, 0.5)
        assert activation.forward(input_).shape == shape
        assert activation.backward(input_).shape == shape


def test_backward_before_forward_is_refused(activation: Operation) -> None:
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        activation.backward(np.ones((7, 3)))


@pytest.mark.parametrize("shape", [(1, 3), (7, 1), (3,)])
def test_gradient_that_would_broadcast_is_refused(
    activation: Operation, shape: tuple[int, ...]
) -> None:
    activation.forward(np.ones((7, 3)))
    with pytest.raises(ValueError, match=r"output and output_grad .* \(7, 3\) and") as refusal:
        activation.backward(np.ones(shape))
    assert type(activation).__name__ in str(refusal.value)
    assert str(refusal.value).endswith(str(shape))


def test_nan_stays_nan(activation: Operation) -> None:
    """It is not mistaken for a number above or below a kink."""
    assert np.isnan(activation.forward(np.array([np.nan])))


def test_backward_uses_the_latest_forward_pass() -> None:
    sigmoid = Sigmoid()
    sigmoid.forward(np.array([3.0]))
    sigmoid.forward(np.array([0.0]))
    assert sigmoid.backward(np.array([1.0])) == 0.25


def test_a_leaky_relu_shows_its_slope() -> None:
    assert repr(LeakyReLU(0.01)) == "LeakyReLU(0.01)"
