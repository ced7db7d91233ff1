"""The loss of sequences: what holds beyond the catalogue's cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.comparison import compare
from scratch.functions import one_hot
from scratch.losses import SoftmaxCrossEntropy, softmax_cross_entropy_as_printed
from scratch.recurrent import SequenceSoftmaxCrossEntropy


@pytest.fixture
def prediction() -> ndarray:
    return np.random.default_rng(6).standard_normal((3, 4, 5))


@pytest.fixture
def classes() -> ndarray:
    return np.random.default_rng(7).integers(0, 5, (3, 4))


def with_time(classes: ndarray, count: int, dtype: Any = np.float64) -> ndarray:
    """Probabilities, 1 for the right class of each time step."""
    return one_hot(classes.ravel(), count, dtype).reshape(*classes.shape, count)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_is_pytorchs_with_the_classes_in_the_second_place(
    prediction: ndarray, classes: ndarray, dtype: str
) -> None:
    prediction = prediction.astype(dtype)
    leaf = torch.tensor(prediction, requires_grad=True)
    expected = torch.nn.CrossEntropyLoss()(leaf.transpose(1, 2), torch.tensor(classes))
    expected.backward()
    assert leaf.grad is not None

    loss = SequenceSoftmaxCrossEntropy()
    assert compare(loss.forward(prediction, classes), expected.item(), dtype=dtype) is None
    assert compare(loss.backward(), leaf.grad.numpy(), dtype=dtype) is None


def test_class_numbers_and_probabilities_are_one_target(
    prediction: ndarray, classes: ndarray
) -> None:
    of_numbers, of_probabilities = SequenceSoftmaxCrossEntropy(), SequenceSoftmaxCrossEntropy()
    first = of_numbers.forward(prediction, classes)
    assert of_probabilities.forward(prediction, with_time(classes, 5)) == first
    np.testing.assert_array_equal(of_probabilities.backward(), of_numbers.backward())


def test_it_is_the_mean_of_the_losses_of_all_time_steps(
    prediction: ndarray, classes: ndarray
) -> None:
    steps = [
        SoftmaxCrossEntropy().forward(prediction[:, t], classes[:, t])
        for t in range(prediction.shape[1])
    ]
    total = SequenceSoftmaxCrossEntropy().forward(prediction, classes)
    assert total == pytest.approx(np.mean(steps), rel=1e-12)


def test_a_model_that_knows_nothing_has_the_logarithm_of_the_number_of_characters() -> None:
    """62 in the book's text: a loss of 4.13 is no better than guessing."""
    classes = np.arange(10).reshape(2, 5)
    loss = SequenceSoftmaxCrossEntropy().forward(np.zeros((2, 5, 62)), classes)
    assert loss == pytest.approx(np.log(62))


def test_without_the_division_steps_would_grow_with_the_length_of_sequences(
    prediction: ndarray, classes: ndarray
) -> None:
    """The book's companion code divides neither by the batch nor by the time."""
    once, twice = SequenceSoftmaxCrossEntropy(), SequenceSoftmaxCrossEntropy()
    loss = once.forward(prediction, classes)
    doubled = [np.concatenate([part, part], axis=1) for part in (prediction, classes)]
    assert twice.forward(*doubled) == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(twice.backward().sum(axis=1), once.backward().sum(axis=1))


def test_as_printed_the_loss_has_a_gradient_of_its_own(
    prediction: ndarray, classes: ndarray
) -> None:
    """E9: the other half of the entropy makes it larger, and the printed gradient lacks it."""
    rows, labels = prediction.reshape(12, 5), classes.ravel()
    loss = SequenceSoftmaxCrossEntropy()
    assert softmax_cross_entropy_as_printed(rows, labels) > loss.forward(prediction, classes)

    nudge = np.zeros_like(prediction)
    nudge[1, 2, 3] = 1e-6
    above, below = (
        softmax_cross_entropy_as_printed((prediction + step).reshape(12, 5), labels)
        for step in (nudge, -nudge)
    )
    slope, printed = (above - below) / 2e-6, loss.backward()[1, 2, 3]
    assert abs(slope - printed) > 0.1 * abs(printed)


def test_neither_array_is_changed_or_kept_hold_of(prediction: ndarray, classes: ndarray) -> None:
    targets = with_time(classes, 5)
    before, before_targets = prediction.copy(), targets.copy()
    loss = SequenceSoftmaxCrossEntropy()
    loss.forward(prediction, targets)
    grad = loss.backward()
    grad += 1
    np.testing.assert_array_equal(prediction, before)
    np.testing.assert_array_equal(targets, before_targets)


def test_the_gradient_of_a_time_step_sums_to_zero(prediction: ndarray, classes: ndarray) -> None:
    loss = SequenceSoftmaxCrossEntropy()
    loss.forward(prediction, classes)
    np.testing.assert_allclose(loss.backward().sum(axis=2), 0, atol=1e-16)


@pytest.mark.parametrize(
    "shape, target, words",
    [
        ((3, 5), (3, 5), r"\(batch, time, classes\), none of them 0, not \(3, 5\)"),
        ((3, 4, 5), (3, 5), r"\(3, 4, 5\).*\(3, 4\), not float64 in shape \(3, 5\)"),
        ((3, 4, 5), (4, 3, 5), r"in shape \(4, 3, 5\)"),
        ((3, 4, 5), (12,), r"in shape \(12,\)"),
        ((0, 4, 5), (0, 4, 5), "SequenceSoftmaxCrossEntropy"),
        ((3, 0, 5), (3, 0, 5), "SequenceSoftmaxCrossEntropy"),
    ],
)
def test_other_shapes_are_refused(
    shape: tuple[int, ...], target: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        SequenceSoftmaxCrossEntropy().forward(np.ones(shape), np.ones(target))


def test_a_target_that_is_no_distribution_is_refused(prediction: ndarray) -> None:
    with pytest.raises(ValueError, match="must be a distribution"):
        SequenceSoftmaxCrossEntropy().forward(prediction, np.ones_like(prediction))


def test_a_character_beyond_the_last_one_is_refused(prediction: ndarray) -> None:
    with pytest.raises(ValueError, match=r"SequenceSoftmaxCrossEntropy.*between 0 and 4"):
        SequenceSoftmaxCrossEntropy().forward(prediction, np.full((3, 4), 5))


def test_backward_before_forward_is_refused() -> None:
    with pytest.raises(RuntimeError, match="before forward"):
        SequenceSoftmaxCrossEntropy().backward()
