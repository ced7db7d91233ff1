"""``scratch/pooling.py`` against ``reference/pooling.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray
from torch import nn

from parity.oracle import central_differences
from reference import pooling as reference
from scratch.activations import Linear, Tanh
from scratch.conv import Conv2DOperation, Flatten
from scratch.dense import Dense, Layer
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork
from scratch.pooling import AveragePool2D, MaxPool2D, Pool2D

KINDS = [MaxPool2D, AveragePool2D]

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@pytest.mark.components("pooling")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


# Against PyTorch


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Of a pool of up to four rows and columns: numbers and pairs, all that PyTorch takes."""
    if draw(st.booleans()):
        size = draw(st.integers(1, 4))
        stride = draw(st.none() | st.integers(1, 5))
        return {"pool_size": size, "stride": stride, "padding": draw(st.integers(0, size // 2))}
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return {
        "pool_size": (rows, columns),
        "stride": draw(st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5))),
        "padding": (draw(st.integers(0, rows // 2)), draw(st.integers(0, columns // 2))),
    }


@st.composite
def images(draw: st.DrawFn, pool_size: Any, padding: Any) -> ndarray:
    """At least as large as a pool: normal numbers, or a few small ones with many ties."""
    least = np.maximum(np.broadcast_to(pool_size, 2) - 2 * np.broadcast_to(padding, 2), 1)
    shape = (
        draw(st.integers(0, 3)),
        draw(st.integers(1, 3)),
        *(int(n) + draw(st.integers(0, 6)) for n in least),
    )
    draws = np.random.default_rng(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        return draws.standard_normal(shape)
    return draws.integers(-1, 2, shape).astype(float)


def both_ways(
    kind: type[Pool2D], x: ndarray, options: dict[str, Any]
) -> tuple[list[ndarray], list[ndarray]]:
    """Outputs and input gradients of both sides, for one random gradient on the output."""
    tensor = torch.tensor(np.array(x, order="C"), requires_grad=True)
    expected = getattr(reference, kind.__name__)(**options)(tensor)
    grad = np.random.default_rng(0).standard_normal(expected.shape).astype(x.dtype)
    expected.backward(torch.tensor(grad))
    assert tensor.grad is not None
    pooling = kind(**options)
    ours = [pooling.forward(x), pooling.backward(grad)]
    return ours, [expected.detach().numpy(), tensor.grad.numpy()]


@each_kind
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_outputs_and_gradients_equal_pytorchs(kind: type[Pool2D], data: st.DataObject) -> None:
    options = data.draw(arguments())
    x = data.draw(images(options["pool_size"], options["padding"]))
    for ours, theirs in zip(*both_ways(kind, x, options), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14, strict=True)


@each_kind
@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (2, 3, 2, 1), (2, 3, 1, 4)])
def test_pools_may_be_larger_than_the_image_without_its_padding(
    kind: type[Pool2D], shape: tuple[int, ...], stride: int
) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    options = {"pool_size": 6, "stride": stride, "padding": 3}
    for ours, theirs in zip(*both_ways(kind, x, options), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, strict=True)


@each_kind
def test_defaults_are_pytorchs(kind: type[Pool2D]) -> None:
    module = getattr(reference, kind.__name__)()
    assert isinstance(module, nn.MaxPool2d | nn.AvgPool2d)
    assert (module.kernel_size, module.stride, module.padding) == (2, 2, 0)
    pooling = kind()
    assert (pooling.pool_size, pooling.stride, pooling.padding) == ((2, 2), (2, 2), (0, 0))


@each_kind
@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 1}, {"pool_size": (3, 2), "stride": (2, 3), "padding": (1, 0)}],
    ids=["default", "overlap", "padding and gaps"],
)
def test_gradient_is_the_slope(kind: type[Pool2D], options: dict[str, Any]) -> None:
    draws = np.random.default_rng(1)
    x, pooling = draws.standard_normal((2, 2, 5, 6)), kind(**options)
    grad = draws.standard_normal(pooling.forward(x).shape)
    slopes = central_differences(lambda: float((kind(**options).forward(x) * grad).sum()), x)
    np.testing.assert_allclose(pooling.backward(grad), slopes, atol=1e-8)


# What cannot be seen in ordinary numbers


def test_of_several_largest_the_first_gets_the_gradient_row_by_row() -> None:
    pooling = MaxPool2D((2, 3))
    pooling.forward(np.array([[[[1.0, 1.0, 5.0], [5.0, 5.0, 1.0]]]]))
    assert pooling.backward(np.full((1, 1, 1, 1), 7.0)).tolist() == [[[[0, 0, 7], [0, 0, 0]]]]


def test_gradients_add_up_where_pools_share_the_largest() -> None:
    pooling = MaxPool2D(2, stride=1)
    pooling.forward(np.array([[[[0.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 0.0]]]]))
    input_grad = pooling.backward(np.array([[[[1.0, 20.0], [300.0, 4000.0]]]]))
    assert input_grad.tolist() == [[[[0, 0, 0], [0, 4321, 0], [0, 0, 0]]]]


def test_padding_is_never_the_largest() -> None:
    x = np.full((1, 1, 2, 2), -3.0)
    assert MaxPool2D(2, padding=1).forward(x).tolist() == [[[[-3, -3], [-3, -3]]]]


def test_padding_counts_in_the_average() -> None:
    x = np.full((1, 1, 2, 2), 8.0)
    assert AveragePool2D(2, padding=1).forward(x).tolist() == [[[[2, 2], [2, 2]]]]


@pytest.mark.parametrize("options", [{"pool_size": 3}, {"pool_size": 2, "stride": 1, "padding": 1}])
@pytest.mark.parametrize(
    "special",
    [
        {(0, 1): np.nan, (1, 0): np.nan, (2, 1): np.nan},
        {(0, 0): np.nan, (1, 1): np.inf},
        {(i, j): -np.inf for i in range(3) for j in range(3)},
        {(0, 0): -np.inf, (1, 2): np.inf, (2, 2): np.inf},
    ],
    ids=["NaN", "NaN and infinity", "minus infinity alone", "both infinities"],
)
def test_what_is_not_finite_goes_where_pytorch_sends_it(
    options: dict[str, Any], special: dict[tuple[int, int], float]
) -> None:
    x = np.random.default_rng(2).standard_normal((2, 2, 3, 3))
    for (row, column), value in special.items():
        x[1, 0, row, column] = value
    for ours, theirs in zip(*both_ways(MaxPool2D, x, options), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


@each_kind
def test_a_gradient_that_is_not_finite_stays_in_its_pool(kind: type[Pool2D]) -> None:
    pooling = kind()
    pooling.forward(np.arange(16.0).reshape(1, 1, 4, 4))
    input_grad = pooling.backward(np.array([[[[1.0, np.inf], [np.nan, 1.0]]]]))
    assert np.isfinite(input_grad[:, :, :2, :2]).all()
    assert np.isfinite(input_grad[:, :, 2:, 2:]).all()
    if kind is MaxPool2D:
        assert (~np.isfinite(input_grad)).sum() == 2


def test_a_pool_may_have_more_elements_than_a_byte_counts() -> None:
    x = np.zeros((1, 1, 20, 30))
    x[0, 0, 17, 23] = 1
    pooling = MaxPool2D((20, 30))
    assert pooling.forward(x).item() == 1
    np.testing.assert_array_equal(pooling.backward(np.ones((1, 1, 1, 1))), x)


@each_kind
def test_each_backward_pass_is_of_the_last_forward_pass(kind: type[Pool2D]) -> None:
    draws = np.random.default_rng(3)
    pooling = kind(3, stride=2)
    pooling.forward(draws.standard_normal((4, 2, 9, 8)))
    pooling.backward(np.ones((4, 2, 4, 3)))
    x, grad = draws.standard_normal((2, 3, 5, 6)), draws.standard_normal((2, 3, 2, 2))
    fresh = kind(3, stride=2)
    np.testing.assert_array_equal(pooling.forward(x), fresh.forward(x))
    for _ in range(2):
        np.testing.assert_array_equal(pooling.backward(grad), fresh.backward(grad))


# Types and memory


@each_kind
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("size", [1, 2])
def test_type_is_kept_and_no_memory_is_shared(kind: type[Pool2D], size: int, dtype: str) -> None:
    x, grad = np.ones((7, 3, 4, 2), dtype), np.ones((7, 3, 4 // size, 2 // size), dtype)
    x.setflags(write=False)
    grad.setflags(write=False)
    pooling = kind(size)
    for result in (pooling.forward(x), pooling.backward(grad)):
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert not np.shares_memory(result, x)
        assert not np.shares_memory(result, grad)
    assert pooling.output.base is None


@each_kind
def test_memory_layout_makes_no_difference(kind: type[Pool2D]) -> None:
    x = np.random.default_rng(4).standard_normal((6, 5, 3, 2))
    turned = x.transpose(3, 2, 1, 0)[:, ::-1, :, ::-1]
    for ours, theirs in zip(*both_ways(kind, turned, {"stride": 1}), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14)
    pooling = kind()
    grad = np.random.default_rng(4).standard_normal((3, 2, 3, 2)).transpose(1, 0, 3, 2)[:, ::-1]
    pooling.forward(turned[:, :, :4, :6])
    np.testing.assert_array_equal(pooling.backward(grad), pooling.backward(grad.copy()))


# Bad arguments and input


NO_SIZES = [-1, 1.5, True, "2", (2,), (2, 2, 2), (2, -1), [2, 2]]
NOT_EVEN_ZERO = [0, (2, 0)]


@each_kind
@pytest.mark.parametrize(
    "name, value",
    [
        *((name, value) for name in ("pool_size", "stride", "padding") for value in NO_SIZES),
        *((name, value) for name in ("pool_size", "stride") for value in NOT_EVEN_ZERO),
        ("pool_size", None),
        ("padding", None),
    ],
)
def test_what_is_no_size_is_refused(kind: type[Pool2D], name: str, value: Any) -> None:
    words = rf"{kind.__name__}: {name} must be a whole number of at least [01], or a pair"
    with pytest.raises(ValueError, match=words) as refusal:
        kind(**{"pool_size": 4, name: value})
    assert str(refusal.value).endswith(f"not {value!r}")


@each_kind
@pytest.mark.parametrize("size, padding", [(1, 1), (3, 2), ((3, 2), (1, 2)), ((1, 3), (1, 1))])
def test_padding_of_more_than_half_a_pool_is_refused(
    kind: type[Pool2D], size: Any, padding: Any
) -> None:
    with pytest.raises(ValueError, match=f"{kind.__name__}: padding .* more than half") as refusal:
        kind(size, padding=padding)
    for pair in (size, padding):
        assert str(pair if isinstance(pair, tuple) else (pair, pair)) in str(refusal.value)
    with pytest.raises(RuntimeError, match="at most half"):
        getattr(reference, kind.__name__)(size, padding=padding)(torch.ones(1, 1, 9, 9))


@each_kind
def test_sizes_may_be_numpy_integers(kind: type[Pool2D]) -> None:
    two: Any = np.int64(2)
    assert kind(two, (two, 1), two // 2).forward(np.ones((1, 1, 4, 5))).shape == (1, 1, 3, 6)


@each_kind
@pytest.mark.parametrize("shape", [(3, 4, 4), (4, 4), (1, 1, 1, 4, 4), (1, 1, 0, 4), (1, 1, 4, 0)])
def test_input_that_is_no_batch_of_images_is_refused(
    kind: type[Pool2D], shape: tuple[int, ...]
) -> None:
    words = rf"{kind.__name__}\(\(2, 2\), .*\): input .* \(batch, channels, height, width\)"
    with pytest.raises(ValueError, match=words) as refusal:
        kind(padding=1).forward(np.ones(shape))
    assert str(refusal.value).endswith(str(shape))


@each_kind
@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
def test_input_that_is_not_floating_point_is_refused(kind: type[Pool2D], dtype: str) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}.*floating-point type, not {dtype}"):
        kind().forward(np.ones((1, 1, 4, 4), dtype))


@each_kind
@pytest.mark.parametrize("shape", [(1, 1, 2, 9), (1, 1, 9, 1)])
def test_pool_larger_than_the_padded_image_is_refused(
    kind: type[Pool2D], shape: tuple[int, ...]
) -> None:
    padded = (shape[2], shape[3] + 2)
    words = rf"{kind.__name__}.*\(3, 4\) is larger than the padded image \({padded[0]}, {padded[1]}"
    with pytest.raises(ValueError, match=words):
        kind((3, 4), padding=(0, 1)).forward(np.ones(shape))


@each_kind
def test_gradient_of_another_shape_is_refused(kind: type[Pool2D]) -> None:
    pooling = kind()
    with pytest.raises(RuntimeError, match=rf"{kind.__name__}.*backward was called before forward"):
        pooling.backward(np.ones((1, 1, 2, 2)))
    pooling.forward(np.ones((1, 1, 4, 4)))
    with pytest.raises(ValueError, match=r"output and output_grad .* \(1, 1, 2, 2\) and \(1, 1, 4"):
        pooling.backward(np.ones((1, 1, 4, 4)))


# In a network


class Pooled(Layer):
    """Filters of three by three, tanh, and pooling at the end."""

    def __init__(self, channels: int, pooling: Pool2D, seed: int) -> None:
        super().__init__(channels, seed)
        self.pooling = pooling

    def _setup_layer(self, input_: ndarray) -> None:
        W = 0.3 * self._draws().standard_normal((input_.shape[1], self.neurons, 3, 3))
        self.operations = [Conv2DOperation(W), Tanh(), self.pooling, Flatten()]
        self._params()


@each_kind
def test_network_with_a_layer_that_ends_with_pooling_learns_as_in_pytorch(
    kind: type[Pool2D],
) -> None:
    draws = np.random.default_rng(5)
    X, y = draws.standard_normal((6, 2, 7, 8)), draws.standard_normal((6, 3))
    options: dict[str, Any] = {"pool_size": 3, "stride": 2, "padding": 1}
    net = NeuralNetwork(
        [Pooled(4, kind(**options), seed=1), Dense(3, Linear())], MeanSquaredError(), seed=1
    )
    loss = net.train_batch(X, y)

    filters, W, B = net.params()
    conv = nn.Conv2d(2, 4, 3, padding="same", bias=False)
    conv.weight = nn.Parameter(torch.tensor(filters.transpose(1, 0, 2, 3).copy()))
    linear = nn.Linear(64, 3)
    linear.weight = nn.Parameter(torch.tensor(W.T.copy()))
    linear.bias = nn.Parameter(torch.tensor(B[0]))
    pooling = getattr(reference, kind.__name__)(**options)
    model = nn.Sequential(conv, nn.Tanh(), pooling, nn.Flatten(), linear)
    expected = (model(torch.tensor(X)) - torch.tensor(y)).square().sum() / len(X)
    expected.backward()
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-12)
    grads = [param.grad.numpy() for param in model.parameters() if param.grad is not None]
    wanted = [grads[0].transpose(1, 0, 2, 3), grads[1].T, grads[2][None]]
    for ours, theirs in zip(net.param_grads(), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12, strict=True)
