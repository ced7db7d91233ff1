"""``scratch/losses.py`` against ``reference/losses.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import nn

from parity.comparison import TOLERANCES
from reference import losses as reference
from scratch.functions import one_hot, sigmoid, softmax
from scratch.losses import (
    Loss,
    MeanSquaredError,
    SoftmaxCrossEntropy,
    softmax_cross_entropy_as_printed,
)


@pytest.mark.components("losses")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def autograd(loss: nn.Module, prediction: ndarray, target: ndarray) -> tuple[ndarray, ndarray]:
    """The loss and its gradient."""
    leaf = torch.tensor(prediction, requires_grad=True)
    value = loss(leaf, torch.tensor(target))
    value.backward()
    assert leaf.grad is not None
    return value.detach().numpy(), leaf.grad.numpy()


def assert_close(actual: Any, expected: ndarray) -> None:
    tolerance = TOLERANCES[str(expected.dtype), "analytic"]
    np.testing.assert_allclose(
        np.asarray(actual),
        expected,
        rtol=tolerance.relative,
        atol=tolerance.floor * np.abs(expected).max(),
        strict=True,
    )


# Mean squared error


def test_sum_of_squares_is_divided_by_the_rows_alone() -> None:
    """``nn.MSELoss`` divides by the elements: half of it here."""
    loss = MeanSquaredError()
    prediction, target = np.array([[3.0, 1.0], [0.0, 4.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    assert loss.forward(prediction, target) == (4 + 16) / 2
    np.testing.assert_array_equal(loss.backward(), [[2, 0], [0, 4]])
    elements = torch.nn.MSELoss()(torch.from_numpy(prediction), torch.from_numpy(target))
    assert elements.item() == (4 + 16) / 4


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradient_is_right_in_every_type(dtype: str) -> None:
    loss = SoftmaxCrossEntropy()
    assert loss.forward(np.array([[0, 1, 2]], dtype), np.array([2])) == pytest.approx(
        0.4076, abs=1e-3
    )
    assert loss.backward().dtype == dtype
    np.testing.assert_allclose(loss.backward(), [[0.0900, 0.2447, -0.3348]], atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_of_a_tiny_probability_is_0_and_not_slow_to_compute_with(dtype: str) -> None:
    """As numbers below the smallest normal one are."""
    loss = SoftmaxCrossEntropy()
    loss.forward(np.array([[0, np.log(np.finfo(dtype).tiny) - 1]], dtype), np.array([0]))
    assert loss.backward().tolist() == [[0, 0]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_over_elements_it_is_pytorchs_mse_loss(dtype: str) -> None:
    prediction, target = np.random.RandomState(4).standard_normal((2, 7, 3)).astype(dtype)
    loss = MeanSquaredError("elements")
    value = loss.forward(prediction, target)
    expected, gradient = autograd(nn.MSELoss(), prediction, target)
    assert_close(value, expected)
    assert_close(loss.backward(), gradient)


@pytest.mark.parametrize("mean_over", ["columns", "", None])
@pytest.mark.parametrize("make", [MeanSquaredError, reference.MeanSquaredError])
def test_any_other_mean_is_refused(make: Any, mean_over: Any) -> None:
    with pytest.raises(ValueError, match=f'"rows" or "elements", not {mean_over!r}'):
        make(mean_over)


def test_a_loss_shows_its_mean() -> None:
    assert repr(MeanSquaredError()) == "MeanSquaredError()"
    assert repr(MeanSquaredError("elements")) == "MeanSquaredError('elements')"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_loss_and_gradient_keep_the_type_and_share_no_memory(dtype: str) -> None:
    loss = MeanSquaredError()
    prediction, target = np.ones((7, 2), dtype), np.zeros((7, 2), dtype)
    prediction.setflags(write=False)
    target.setflags(write=False)
    assert np.asarray(loss.forward(prediction, target)).dtype == dtype
    gradient = loss.backward()
    assert gradient.dtype == dtype
    assert not np.shares_memory(gradient, prediction)
    assert not np.shares_memory(gradient, target)


@pytest.mark.parametrize("shape", [(7,), (1, 2), (7, 1), (2,)])
def test_target_that_would_broadcast_is_refused(shape: tuple[int, ...]) -> None:
    words = r"MeanSquaredError.* prediction and target must have the same shape, not \(7, 2\) and "
    with pytest.raises(ValueError, match=words) as refusal:
        MeanSquaredError().forward(np.ones((7, 2)), np.ones(shape))
    with pytest.raises(ValueError, match=words) as reference_refusal:
        reference.MeanSquaredError()(torch.ones(7, 2), torch.ones(shape))
    assert str(refusal.value).endswith(str(shape))
    assert str(reference_refusal.value).endswith(str(shape))


# Softmax cross entropy


def batch(rows: int, classes: int, dtype: str = "float64") -> tuple[ndarray, ndarray]:
    """Predictions, and class numbers of which the first is 1."""
    stream = np.random.RandomState(190119)
    labels = stream.randint(0, classes, rows)
    labels[0] = 1
    return (3 * stream.standard_normal((rows, classes))).astype(dtype), labels


def check_against_pytorch(prediction: ndarray, target: ndarray, torch_target: ndarray) -> None:
    """Both sides against the loss that PyTorch has."""
    loss = SoftmaxCrossEntropy()
    value = loss.forward(prediction, target)
    gradient = loss.backward()
    expected = autograd(nn.CrossEntropyLoss(), prediction, torch_target)
    for found in ((value, gradient), autograd(reference.SoftmaxCrossEntropy(), prediction, target)):
        assert_close(found[0], expected[0])
        assert_close(found[1], expected[1])


BATCHES = pytest.mark.parametrize(
    ("rows", "classes"), [(1, 2), (2, 3), (7, 2), (7, 3), (60, 10), (64, 10)]
)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


@DTYPES
@BATCHES
def test_equals_cross_entropy_loss_for_one_hot_targets(rows: int, classes: int, dtype: str) -> None:
    prediction, labels = batch(rows, classes, dtype)
    target = one_hot(labels, classes, dtype)
    check_against_pytorch(prediction, target, target)


@DTYPES
@BATCHES
def test_equals_cross_entropy_loss_for_class_numbers(rows: int, classes: int, dtype: str) -> None:
    prediction, labels = batch(rows, classes, dtype)
    check_against_pytorch(prediction, labels, labels)


@DTYPES
def test_equals_cross_entropy_loss_for_any_distribution(dtype: str) -> None:
    prediction, _ = batch(7, 3, dtype)
    target = softmax(np.random.RandomState(1).standard_normal((7, 3)), axis=1).astype(dtype)
    check_against_pytorch(prediction, target, target)


@DTYPES
@pytest.mark.parametrize("labels", [[0, 1], [1, 2], [2, 2]])
def test_equals_cross_entropy_loss_for_huge_predictions(labels: list[int], dtype: str) -> None:
    """Neither overflows nor warns, and loses nothing to a smallest probability."""
    prediction = np.array([[1000, -1000, 0], [-1000, -1000, -999]], dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        check_against_pytorch(prediction, np.array(labels), np.array(labels))
        target = one_hot(labels, 3, dtype)
        check_against_pytorch(prediction, target, target)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_class_numbers_come_in_any_type_of_integer(dtype: type[np.integer[Any]]) -> None:
    prediction, labels = batch(7, 3)
    check_against_pytorch(prediction, labels.astype(dtype), labels.astype(np.int64))


def test_predictions_in_integers_are_taken_as_float64() -> None:
    loss = SoftmaxCrossEntropy()
    target = np.array([[0.25, 0.75]])
    for prediction in (np.array([[2, 3]]), np.array([[2.0, 3.0]])):
        assert loss.forward(prediction, target) == pytest.approx(np.log(1 + np.e) - 0.75)
        np.testing.assert_array_equal(loss.backward(), softmax(np.array([[2.0, 3.0]])) - target)


@DTYPES
@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_one_column_is_the_logit_of_the_second_of_two_classes(rows: int, dtype: str) -> None:
    logit, labels = batch(rows, 1, dtype)
    labels = np.arange(1, rows + 1) % 2
    column = labels[:, np.newaxis].astype(dtype)
    expected = autograd(nn.BCEWithLogitsLoss(), logit, column)
    two_columns = np.hstack([np.zeros_like(logit), logit])
    as_two = SoftmaxCrossEntropy()
    two = as_two.forward(two_columns, labels), as_two.backward()[:, 1:]

    for target in (column, labels):
        loss = SoftmaxCrossEntropy()
        one = loss.forward(logit, target), loss.backward()
        for found in (one, two, autograd(reference.SoftmaxCrossEntropy(), logit, target)):
            assert_close(found[0], expected[0])
            assert_close(found[1], expected[1])
        np.testing.assert_array_equal(loss.probabilities, sigmoid(logit))


@DTYPES
def test_one_column_takes_huge_logits_and_any_probability(dtype: str) -> None:
    logit = np.array([[-1000], [-30], [0.5], [30], [1000]], dtype)
    for target in ([[1], [0], [0.25], [1], [0]], [[0], [1], [1], [0], [1]]):
        column = np.array(target, dtype)
        loss = SoftmaxCrossEntropy()
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            found = loss.forward(logit, column), loss.backward()
        expected = autograd(nn.BCEWithLogitsLoss(), logit, column)
        assert_close(found[0], expected[0])
        assert_close(found[1], expected[1])


@pytest.mark.parametrize("target_dtype", [np.float64, np.float32, np.int64, np.uint8])
@DTYPES
def test_the_predictions_type_decides_whatever_the_targets_is(
    dtype: str, target_dtype: type[np.generic]
) -> None:
    prediction, labels = batch(7, 3, dtype)
    target = one_hot(labels, 3, target_dtype)
    for array in (prediction, target):
        array.setflags(write=False)
    loss = SoftmaxCrossEntropy()
    assert np.asarray(loss.forward(prediction, target)).dtype == dtype
    gradient = loss.backward()
    assert gradient.dtype == dtype
    assert not np.shares_memory(gradient, loss.backward())
    for array in (prediction, target):
        assert not np.shares_memory(gradient, array)
    assert_close(gradient, autograd(reference.SoftmaxCrossEntropy(), prediction, target)[1])


DISTRIBUTION = "each row of the target must be a distribution, with a sum of 1"


def on_tensors(loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda prediction, target: loss(torch.tensor(prediction), torch.tensor(target))


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("SoftmaxCrossEntropy", SoftmaxCrossEntropy().forward),
        ("SoftmaxCrossEntropy", on_tensors(reference.SoftmaxCrossEntropy())),
        ("softmax_cross_entropy_as_printed", softmax_cross_entropy_as_printed),
        (
            "softmax_cross_entropy_as_printed",
            on_tensors(reference.softmax_cross_entropy_as_printed),
        ),
    ],
    ids=["scratch", "reference", "scratch, as printed", "reference, as printed"],
)
@pytest.mark.parametrize(
    ("shape", "target", "words"),
    [
        ((2, 3), [[1.0, 0, 0], [0, 0, 0]], DISTRIBUTION),
        ((2, 3), [[1.0, 0, 0], [0, 1, 1]], DISTRIBUTION),
        ((2, 3), [[1.0, 0, 0], [0, 2, -1]], DISTRIBUTION),
        ((2, 3), [[1.0, 0, 0], [0, np.nan, 1]], DISTRIBUTION),
        ((2, 3), [[1, 0, 0], [0, 2, 0]], DISTRIBUTION),
        ((2, 3), [0, 3], "class numbers must lie between 0 and 2"),
        ((2, 3), [-1, 2], "class numbers must lie between 0 and 2"),
        ((2, 1), [0, 2], "class numbers must lie between 0 and 1"),
        ((2, 1), [[0.5], [1.5]], "the target of a single column must lie between 0 and 1"),
        ((2, 1), [[-0.5], [0.5]], "the target of a single column must lie between 0 and 1"),
        ((2, 1), [[np.nan], [0.5]], "the target of a single column must lie between 0 and 1"),
        ((2, 3), [0.0, 1.0], r"\(2, 3\).*integers in shape \(2,\), not .*float.* in shape \(2,\)"),
        ((2, 3), [0, 1, 2], r"\(2, 3\).*integers in shape \(2,\), not .*int64 in shape \(3,\)"),
        ((2, 3), [[1.0, 0], [0, 1]], r"shape of the prediction, \(2, 3\), .*shape \(2, 2\)"),
        ((3, 3), [[1.0, 0, 0]], r"shape of the prediction, \(3, 3\), .*shape \(1, 3\)"),
        ((2, 3), [[0], [1]], r"shape of the prediction, \(2, 3\), .*shape \(2, 1\)"),
        ((0, 3), [], r"\(batch, classes\), neither of them 0, not \(0, 3\)"),
        ((3, 0), [0, 0, 0], r"\(batch, classes\), neither of them 0, not \(3, 0\)"),
        ((3,), [0, 1, 2], r"\(batch, classes\), neither of them 0, not \(3,\)"),
        ((2, 3, 1), [0, 1], r"\(batch, classes\), neither of them 0, not \(2, 3, 1\)"),
    ],
)
def test_targets_that_do_not_fit_are_refused(
    name: str, loss: Callable[..., Any], shape: tuple[int, ...], target: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=f"{name}.*: .*{words}"):
        loss(np.ones(shape), np.array(target))


def test_class_numbers_are_refused_with_the_wrong_one() -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 2, not be 7"):
        SoftmaxCrossEntropy().forward(np.ones((2, 3)), np.array([0, 7]))


def test_a_target_rounded_to_float32_is_still_a_distribution() -> None:
    target = softmax(np.random.RandomState(1).standard_normal((64, 100)), axis=1)
    rounded = target.astype(np.float32).astype(np.float64)
    assert (rounded.sum(axis=1) != 1).any()
    SoftmaxCrossEntropy().forward(np.ones((64, 100)), rounded)


# The loss that the book prints


def printed(prediction: ndarray, target: ndarray) -> float:
    """The book's formula, element by element, over the number of rows."""
    p = np.clip(softmax(prediction, axis=1), 1e-9, 1 - 1e-9)
    return float(
        np.mean([-np.sum(np.log(np.where(y, q, 1 - q))) for q, y in zip(p, target, strict=True)])
    )


@BATCHES
def test_printed_loss_is_the_books_formula_on_both_sides(rows: int, classes: int) -> None:
    prediction, labels = batch(rows, classes)
    target = one_hot(labels, classes)
    expected = printed(prediction, target)
    for form in (target, labels):
        found = softmax_cross_entropy_as_printed(prediction, form)
        twin = reference.softmax_cross_entropy_as_printed(
            torch.tensor(prediction), torch.tensor(form)
        )
        assert isinstance(found, float)
        np.testing.assert_allclose([found, twin.item()], expected, rtol=1e-12)


def test_printed_loss_is_larger_by_what_the_other_classes_add() -> None:
    prediction, labels = batch(60, 10)
    p, wrong = softmax(prediction, axis=1), 1 - one_hot(labels, 10)
    rest = -np.sum(wrong * np.log(1 - p)) / 60
    categorical = SoftmaxCrossEntropy().forward(prediction, labels)
    found = softmax_cross_entropy_as_printed(prediction, labels)
    np.testing.assert_allclose(found, categorical + rest, rtol=1e-12)


@DTYPES
def test_printed_loss_is_finite_however_sure_the_prediction(dtype: str) -> None:
    """In float32, 1 - 1e-9 is 1."""
    prediction = np.array([[1000, -1000], [1000, -1000]], dtype)
    found = softmax_cross_entropy_as_printed(prediction, np.array([0, 1]))
    twin = reference.softmax_cross_entropy_as_printed(
        torch.tensor(prediction), torch.tensor([0, 1])
    )
    assert found == pytest.approx(-np.log(1e-9), rel=1e-7)
    assert twin.item() == pytest.approx(found, rel=1e-12)


def test_printed_loss_keeps_probabilities_as_far_from_0_as_is_asked_for() -> None:
    prediction = np.array([[1000.0, -1000.0]])
    for eps in (1e-3, 1e-12):
        found = softmax_cross_entropy_as_printed(prediction, np.array([1]), eps)
        twin = reference.softmax_cross_entropy_as_printed(
            torch.tensor(prediction), torch.tensor([1]), eps
        )
        assert found == pytest.approx(-2 * np.log(eps), rel=1e-4)
        assert twin.item() == pytest.approx(found, rel=1e-12)


def test_printed_loss_of_a_single_column_is_refused() -> None:
    words = r"at least two columns, not \(2, 1\)"
    with pytest.raises(ValueError, match=words):
        softmax_cross_entropy_as_printed(np.ones((2, 1)), np.array([0, 1]))
    with pytest.raises(ValueError, match=words):
        reference.softmax_cross_entropy_as_printed(torch.ones(2, 1), torch.tensor([0, 1]))


# All losses


@pytest.mark.parametrize("shape", [(0, 2), (7, 0)])
def test_empty_batch_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"MeanSquaredError.*empty batch") as refusal:
        MeanSquaredError().forward(np.ones(shape), np.ones(shape))
    assert f"(shape {shape})" in str(refusal.value)


def test_backward_before_forward_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"MeanSquaredError\(\): backward was called"):
        MeanSquaredError().backward()


def test_backward_belongs_to_the_latest_forward() -> None:
    loss = MeanSquaredError()
    loss.forward(np.array([[5.0]]), np.array([[0.0]]))
    loss.forward(np.array([[1.0]]), np.array([[0.0]]))
    assert loss.backward() == 2


def test_subclass_with_a_misshapen_gradient_is_found_out() -> None:
    class SummedError(MeanSquaredError):
        def _input_grad(self) -> ndarray:
            return np.sum(super()._input_grad(), axis=0)

    loss = SummedError()
    loss.forward(np.ones((7, 2)), np.zeros((7, 2)))
    with pytest.raises(ValueError, match=r"prediction and input_grad .* \(7, 2\) and \(2,\)"):
        loss.backward()


def test_subclass_that_defines_nothing_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="Loss must define _output"):
        Loss().forward(np.ones((7, 2)), np.ones((7, 2)))
