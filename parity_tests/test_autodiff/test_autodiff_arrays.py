"""``scratch/autodiff/ndarrays.py``: PyTorch's gradients, types, memory, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from scratch.autodiff import ArrayWithGrad, NumberWithGrad


def random(*shape: int) -> ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def assert_same_gradients(
    compute: Callable[..., Any],
    compute_torch: Callable[..., Any],
    *arrays: ndarray,
    rtol: float = 1e-12,
) -> None:
    """Hold results and gradients of all arrays against PyTorch's, with a gradient on the result."""
    nodes = [ArrayWithGrad(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    out, expected = compute(*nodes), compute_torch(*tensors)
    grad = random(*out.shape, 9)[..., 0]
    out.backward(grad)
    expected.backward(torch.tensor(grad))
    np.testing.assert_allclose(out.array, expected.detach().numpy(), rtol=rtol, strict=True)
    for node, tensor in zip(nodes, tensors, strict=True):
        assert node.grad is not None
        assert tensor.grad is not None
        np.testing.assert_allclose(
            node.grad, tensor.grad.numpy(), rtol=rtol, atol=rtol, strict=True
        )


# The book


def test_the_books_tensor_example() -> None:
    """Chapter 7, "Class PyTorch Tensor"."""
    a = ArrayWithGrad([[3.0, 3.0], [3.0, 3.0]])
    b = a * 4
    c = b + 3
    d = a + 2
    e = c * d
    e.sum().backward()
    np.testing.assert_array_equal(a.grad, np.full((2, 2), 35.0), strict=True)


def test_e18_what_is_used_twice_sends_its_gradient_on_once() -> None:
    a = ArrayWithGrad([3.0, 5.0])
    b = a * 4
    (b + b).backward([1, 10])
    np.testing.assert_array_equal(a.grad, [8.0, 80.0], strict=True)


# Shapes

BROADCAST = [
    ((2, 3), (2, 3)),
    ((2, 3), (1, 3)),
    ((2, 3), (3,)),
    ((2, 3), ()),
    ((2, 3), (2, 1)),
    ((2, 1), (1, 3)),
    ((4, 1, 3), (2, 1)),
    ((1, 1), (1,)),
    ((0, 3), (3,)),
    ((0, 3), (1, 1)),
]


@pytest.mark.parametrize("shapes", [*BROADCAST, *((b, a) for a, b in BROADCAST)], ids=str)
@pytest.mark.parametrize("operation", ["add", "sub", "mul", "truediv"])
def test_gradients_are_summed_over_what_was_broadcast(
    operation: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    def compute(a: Any, b: Any) -> Any:
        return getattr(a, f"__{operation}__")(b)

    one, other = (random(*shape, 2)[..., i] for i, shape in enumerate(shapes))
    assert_same_gradients(compute, compute, one, other)


MATRICES = [
    ((4, 5), (5, 3)),
    ((5,), (5, 3)),
    ((4, 5), (5,)),
    ((5,), (5,)),
    ((7, 4, 5), (5, 3)),
    ((4, 5), (7, 5, 3)),
    ((7, 4, 5), (7, 5, 3)),
    ((7, 1, 4, 5), (2, 5, 3)),
    ((1, 4, 5), (7, 5, 3)),
    ((5,), (7, 5, 3)),
    ((7, 4, 5), (5,)),
    ((0, 5), (5, 3)),
    ((4, 0), (0, 3)),
]


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matrix_products_of_vectors_matrices_and_batches(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    one, other = (random(*shape) for shape in shapes)
    assert_same_gradients(lambda a, b: a @ b, lambda a, b: a @ b, one, other)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (-1, 0), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sums_and_means_over_axes(name: str, axis: Any, keepdims: bool) -> None:
    every = (0, 1, 2) if axis is None else axis
    assert_same_gradients(
        lambda a: getattr(a, name)(axis=axis, keepdims=keepdims),
        lambda a: getattr(a, name)(dim=every, keepdim=keepdims),
        random(2, 3, 4),
    )


INDICES: list[Any] = [
    0,
    -1,
    (1, 2),
    slice(1, None),
    (slice(None), 0),
    (slice(None, None, 2), slice(0, 2)),
    [0, 0, 2],
    ([0, 0, 2], [1, 1, 0]),
    (slice(None), [1, 1, 1]),
    np.array([[0, 1], [0, 0]]),
    np.array([True, False, True]),
    (..., 0),
    (None, 1),
    [],
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_gradients_go_back_to_where_an_index_took_from(index: Any) -> None:
    assert_same_gradients(lambda a: a[index], lambda a: a[index], random(3, 4))


@pytest.mark.parametrize("axes", [None, (0, 1, 2), (1, 2, 0), (2, 0, 1), (-1, 0, -2)], ids=str)
def test_axes_go_back_to_where_they_were(axes: Any) -> None:
    order = (2, 1, 0) if axes is None else axes
    assert_same_gradients(
        lambda a: a.transpose(axes), lambda a: torch.permute(a, order), random(2, 3, 4)
    )


def test_the_transposed_is_an_attribute() -> None:
    assert_same_gradients(lambda a, b: a.T @ b, lambda a, b: a.T @ b, random(5, 2), random(5, 3))


@pytest.mark.parametrize("shape", [(6, 4), (-1,), (2, -1, 2)], ids=str)
def test_a_shape_may_be_given_in_one_or_in_parts(shape: tuple[int, ...]) -> None:
    assert_same_gradients(lambda a: a.reshape(shape), lambda a: a.reshape(shape), random(2, 3, 4))
    assert_same_gradients(lambda a: a.reshape(*shape), lambda a: a.reshape(shape), random(2, 3, 4))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_arrays_end_to_end_get_each_their_part(axis: int) -> None:
    one, other = random(3, 3), random(2, 3) if axis == 0 else random(3, 2)
    assert_same_gradients(
        lambda a, b: ArrayWithGrad.concatenate([a, b, a], axis),
        lambda a, b: torch.concatenate([a, b, a], axis),
        one,
        other,
    )


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_arrays_side_by_side_get_each_their_part(axis: int) -> None:
    assert_same_gradients(
        lambda a, b: ArrayWithGrad.stack([a, b, a * b], axis),
        lambda a, b: torch.stack([a, b, a * b], axis),
        random(2, 3),
        random(2, 3, 1)[..., 0],
    )


def test_plain_arrays_may_stand_among_those_put_together() -> None:
    a = ArrayWithGrad(np.ones((2, 1), "float32"))
    row = ArrayWithGrad.concatenate([np.zeros((2, 1), int), a], axis=1)
    assert row.dtype == "float32"
    row.backward([[1, 2], [3, 4]])
    np.testing.assert_array_equal(a.grad, np.array([[2], [4]], "float32"), strict=True)


# Functions


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "exp"])
def test_functions_of_each_element(name: str) -> None:
    x = np.array([[-3.5, 0.0, 0.3], [2.0, 30.0, -30.0]])
    assert_same_gradients(lambda a: getattr(a, name)(), lambda a: getattr(torch, name)(a), x)


def test_large_numbers_do_not_overflow() -> None:
    x = np.array([-800.0, 800.0])
    assert_same_gradients(lambda a: a.sigmoid(), torch.sigmoid, x)
    assert_same_gradients(lambda a: a.tanh(), torch.tanh, x)
    assert_same_gradients(lambda a: a.log_softmax(), lambda a: torch.log_softmax(a, -1), x)


def test_logarithm_of_each_element() -> None:
    assert_same_gradients(lambda a: a.log(), torch.log, np.array([1e-300, 0.5, 1, 1e300]))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.5, -1, -2.5, np.float32(2)])
def test_powers_of_each_element(exponent: Any) -> None:
    x = np.array([0.5, 1.0, 3.0])
    assert_same_gradients(lambda a: a**exponent, lambda a: a ** float(exponent), x)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
def test_powers_of_zero_and_of_negative_elements(exponent: int) -> None:
    x = np.array([0.0, -2.0])
    assert_same_gradients(lambda a: a**exponent, lambda a: a**exponent, x)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_log_softmax_along_an_axis(axis: int) -> None:
    assert_same_gradients(
        lambda a: a.log_softmax(axis), lambda a: torch.log_softmax(a, axis), random(4, 3)
    )


# Types and memory

EVERYTHING: dict[str, Callable[[Any], Any]] = {
    "2 - x": lambda x: 2 - x,
    "x / 3": lambda x: x / 3,
    "x * np.float64(2)": lambda x: x * np.float64(2),
    "np.float64(2) / x": lambda x: np.float64(2) / x,
    "x + whole": lambda x: x + np.arange(3),
    "whole * x": lambda x: np.arange(3) * x,
    "x - list": lambda x: x - [1, 2, 3],
    "x ** 2": lambda x: x**2,
    "x ** np.float64": lambda x: x ** np.float64(-1.5),
    "-x": lambda x: -x,
    "x @ x.T": lambda x: x @ x.T,
    "whole @ x": lambda x: np.ones((1, 2), int) @ x,
    "sum": lambda x: x.sum(0),
    "mean": lambda x: x.mean(),
    "reshape": lambda x: x.reshape(-1),
    "transpose": lambda x: x.T,
    "index": lambda x: x[0],
    "mask": lambda x: x[x.array > 1],
    "concatenate": lambda x: ArrayWithGrad.concatenate([x, x]),
    "stack": lambda x: ArrayWithGrad.stack([x, x]),
    "sigmoid": lambda x: x.sigmoid(),
    "tanh": lambda x: x.tanh(),
    "relu": lambda x: x.relu(),
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "log_softmax": lambda x: x.log_softmax(),
    "x itself": lambda x: x,
}

each_use = pytest.mark.parametrize("compute", EVERYTHING.values(), ids=EVERYTHING)


@each_use
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_everything_comes_in_the_type_of_the_array(
    compute: Callable[[Any], Any], dtype: str
) -> None:
    x = ArrayWithGrad(np.arange(1, 7).reshape(2, 3).astype(dtype))
    y = compute(x)
    for _ in range(2):
        y.backward(np.ones(y.shape))
        assert isinstance(x.grad, ndarray)
        assert {y.dtype, y.grad.dtype, x.grad.dtype} == {np.dtype(dtype)}
        assert x.grad.shape == x.shape


@each_use
def test_nothing_shares_memory_with_anything_else(compute: Callable[[Any], Any]) -> None:
    given = np.arange(1.0, 7).reshape(2, 3)
    given.setflags(write=False)
    x = ArrayWithGrad(given)
    y = compute(x)
    grad = np.ones(y.shape)
    y.backward(grad)
    nodes = [x] if y is x else [x, y]
    arrays: list[Any] = [given, grad, *(array for n in nodes for array in (n.array, n.grad))]
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:i])


def test_a_double_and_a_single_meet_in_double_and_part_in_their_own_types() -> None:
    x, w = ArrayWithGrad(np.ones(3, "float32")), ArrayWithGrad(np.ones(3))
    product = x * w * np.ones(3)
    product.sum().backward()
    assert product.dtype == "float64"
    assert [node.grad.dtype.name for node in (x, w) if node.grad is not None] == [
        "float32",
        "float64",
    ]


def test_an_index_that_changes_later_does_not_move_the_gradient() -> None:
    x, index = ArrayWithGrad(np.ones(3)), np.array([0, 0])
    y = x[index]
    index[:] = 2
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 0.0, 0.0])


def test_a_gradient_that_was_read_does_not_change_with_the_next_pass() -> None:
    x = ArrayWithGrad(np.ones(3))
    y = (x * 2).sum()
    y.backward()
    first = x.grad
    y.backward()
    np.testing.assert_array_equal(first, [2.0] * 3)
    np.testing.assert_array_equal(x.grad, [4.0] * 3)
    y.zero_grad()
    assert (x.grad, y.grad) == (None, None)


def test_arrays_of_numpys_on_the_left_leave_the_operation_to_the_node() -> None:
    x = ArrayWithGrad(np.ones((2, 3)))
    results: list[Any] = [np.ones(3) + x, np.ones(3) - x, np.ones(3) * x, np.ones(3) / x]
    results += [np.ones((4, 2)) @ x, np.float64(1) * x, [1.0, 2.0, 3.0] - x]
    assert {type(result) for result in results} == {ArrayWithGrad}
    assert all(x in result.depends_on for result in results)


# What is refused


@pytest.mark.parametrize("array", [[1, 2], np.ones(2, int), [True], [1j], ["1"], None])
def test_a_leaf_that_is_not_floating_point_is_refused(array: Any) -> None:
    words = f"array must be of a floating-point type, not {np.array(array).dtype}"
    with pytest.raises(TypeError, match=words):
        ArrayWithGrad(array)


@pytest.mark.parametrize("other", ["2", None, 2j, NumberWithGrad(2)])
def test_an_operand_that_is_no_number_is_refused(other: Any) -> None:
    with pytest.raises(TypeError, match="ArrayWithGrad: an operand must be of real numbers, not"):
        ArrayWithGrad([1.0]) + other


def test_an_exponent_that_is_no_plain_number_is_refused() -> None:
    exponent: Any = ArrayWithGrad([1.0])
    with pytest.raises(TypeError, match="an exponent must be a number, not ArrayWithGrad"):
        ArrayWithGrad([1.0]) ** exponent


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x + np.ones(2), r"add of shapes \(2, 3\) and \(2,\), which do not fit together"),
    (lambda x: x @ x, r"\(2, 3\) @ \(2, 3\) do not fit together"),
    (lambda x: np.ones(4) @ x, r"\(4,\) @ \(2, 3\) do not fit together"),
    (lambda x: (x - 1).log(), r"log needs numbers above 0, not 0 at \[0, 0\]"),
    (lambda x: (-x) ** 0.5, r"a negative number has no real power of 0.5 at \[0, 0\]"),
    (lambda x: x[:0].mean(), r"no elements have no mean \(shape \(0, 3\)\)"),
    (lambda x: x.backward(), r"backward from shape \(2, 3\) needs a gradient of that shape"),
    (lambda x: x.backward(np.ones(3)), r"must have the same shape, not \(2, 3\) and \(3,\)"),
    (lambda x: ArrayWithGrad.stack([]), "there are no arrays to put together"),
    (
        lambda x: ArrayWithGrad([1.0], [x], "sinh").backward(),
        "there is no way back from 'sinh'",
    ),
]


@pytest.mark.parametrize("use, words", REFUSED, ids=[words for _, words in REFUSED])
def test_what_does_not_fit_or_has_no_value_is_refused_in_a_sentence(
    use: Callable[[Any], Any], words: str
) -> None:
    x = ArrayWithGrad(np.arange(1.0, 7).reshape(2, 3))
    with pytest.raises(ValueError, match=f"^ArrayWithGrad: .*{words}"):
        use(x)
    assert x.grad is None


@pytest.mark.parametrize(
    "use, words",
    [
        (lambda x: 1 / x, r"division by 0 at \[1\]"),
        (lambda x: x / 0, "division by 0$"),
        (lambda x: x**-1, r"0 to the power of -1 has no finite slope at \[1\]"),
        (lambda x: x**0.5, r"0 to the power of 0.5 has no finite slope at \[1\]"),
    ],
)
def test_infinities_are_refused(use: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(ZeroDivisionError, match=f"^ArrayWithGrad: {words}"):
        use(ArrayWithGrad([1.0, 0.0, 0.0]))


# What it says of itself


def test_it_is_shown_in_one_line() -> None:
    x = ArrayWithGrad([[1.0, 2.5], [3.0, 4.0]])
    y = x.sum()
    y.backward()
    assert repr(x) == "ArrayWithGrad([[1. , 2.5], [3. , 4. ]], grad=[[1., 1.], [1., 1.]])"
    assert repr(y) == "ArrayWithGrad(10.5, grad=1., creation_op='sum')"
    assert repr(ArrayWithGrad(random(10, 20))) == "ArrayWithGrad(<shape (10, 20)>, grad=None)"
