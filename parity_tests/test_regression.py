"""``scratch/regression.py`` against ``reference/regression.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import copy_to_reference, read_reference
from reference import regression as reference
from scratch import regression as scratch
from scratch.regression import TrainInfo, Weights, mae, rmse

WEIGHTS = {
    "linear_regression": {"W": (5, 1), "B": (1, 1)},
    "neural_network": {"W1": (5, 4), "B1": (1, 4), "W2": (4, 1), "B2": (1, 1)},
}


@pytest.mark.components("regression")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture(params=WEIGHTS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def data() -> tuple[ndarray, ndarray]:
    """Ten rows, so that batches of four leave two."""
    stream = np.random.RandomState(0)
    return stream.standard_normal((10, 5)), stream.standard_normal((10, 1))


@pytest.fixture
def weights(model: str) -> Weights:
    stream = np.random.RandomState(1)
    return {name: stream.standard_normal(shape) for name, shape in WEIGHTS[model].items()}


def train(model: str, X: ndarray, y: ndarray, **options: Any) -> TrainInfo:
    if model == "neural_network":
        options = {"hidden_size": 4, **options}
    info: TrainInfo = getattr(scratch, f"train_{model}")(X, y, **options)
    return info


def forward(model: str, X: ndarray, y: ndarray, weights: Weights) -> Any:
    return getattr(scratch, f"forward_{model}")(X, y, weights)


def gradients(model: str, data: tuple[ndarray, ndarray], weights: Weights, *convention: Any) -> Any:
    info, _ = forward(model, *data, weights)
    return getattr(scratch, f"loss_gradients_{model}")(info, weights, *convention)


# Training


def drawn_batches(model: str, n_rows: int, n_iter: int, size: int, seed: int) -> list[ndarray]:
    """The rows of each step: weights come first from the stream, then the permutations."""
    stream = np.random.RandomState(seed)
    for shape in WEIGHTS[model].values():
        stream.standard_normal(shape)
    order = np.arange(n_rows)
    batches: list[ndarray] = []
    while len(batches) < n_iter:
        order = order[stream.permutation(n_rows)]
        batches += [order[start : start + size] for start in range(0, n_rows, size)]
    return batches[:n_iter]


@pytest.mark.parametrize("size", [4, 3, 10, 64, 1])
def test_training_on_batches_equals_pytorch_step_by_step(
    model: str, data: tuple[ndarray, ndarray], size: int
) -> None:
    """The last batch of a pass is short where ``size`` does not divide ten."""
    X, y = data
    options: dict[str, Any] = {"learning_rate": 0.05, "batch_size": size, "seed": 7}
    features, hidden = 5, 4
    twin = (
        reference.LinearRegression(features)
        if model == "linear_regression"
        else reference.OneHiddenLayerNetwork(features, hidden)
    )
    start, _ = train(model, X, y, n_iter=0, **options)
    copy_to_reference(list(start.values()), twin)
    for step, rows in enumerate(drawn_batches(model, 10, 25, size, 7), start=1):
        batch = torch.from_numpy(X[rows]), torch.from_numpy(y[rows])
        losses = reference.train(twin, [batch], learning_rate=0.05)
        info = train(model, X, y, n_iter=step, **options)
        np.testing.assert_allclose(info.losses[-1:], losses, rtol=1e-9)
        for ours, theirs in zip(info.weights.values(), read_reference(twin), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_weights_come_first_from_the_seed(model: str, data: tuple[ndarray, ndarray]) -> None:
    weights, losses = train(model, *data, n_iter=0, seed=42)
    stream = np.random.RandomState(42)
    assert losses == []
    for name, shape in WEIGHTS[model].items():
        np.testing.assert_array_equal(weights[name], stream.randn(*shape))


def test_training_lowers_the_loss_of_a_line(model: str, data: tuple[ndarray, ndarray]) -> None:
    X, _ = data
    y = X @ np.arange(5.0)[:, None] + 1
    losses = train(model, X, y, n_iter=400, learning_rate=0.02, batch_size=10).losses
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("convention", ["mean", "book"])
def test_float32_stays_float32(
    model: str, data: tuple[ndarray, ndarray], weights: Weights, convention: str
) -> None:
    X, y = (array.astype(np.float32) for array in data)
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    info, loss = forward(model, X, y, weights)
    results = {**info, "loss": loss}
    results["predictions"] = getattr(scratch, f"predict_{model}")(X, weights)
    results |= gradients(model, (X, y), weights, convention)
    trained = train(model, X, y, n_iter=5, batch_size=4, convention=convention).weights
    for name, array in [*results.items(), *trained.items()]:
        assert array.dtype == np.float32, name


def test_training_leaves_the_callers_arrays_alone(
    model: str, data: tuple[ndarray, ndarray]
) -> None:
    for array in data:
        array.setflags(write=False)
    trained, _ = train(model, *data, n_iter=5, batch_size=4)
    assert not any(np.shares_memory(w, array) for w in trained.values() for array in data)


def test_gradients_are_arrays_of_their_own(
    model: str, data: tuple[ndarray, ndarray], weights: Weights
) -> None:
    for array in (*data, *weights.values()):
        array.setflags(write=False)
    info, _ = forward(model, *data, weights)
    found = getattr(scratch, f"loss_gradients_{model}")(info, weights)
    for gradient in found.values():
        assert not any(np.shares_memory(gradient, array) for array in info.values())


# The book's gradients


def test_books_gradients_of_linear_regression_are_n_times_too_large(
    data: tuple[ndarray, ndarray],
) -> None:
    weights = {"W": np.ones((5, 1)), "B": np.ones((1, 1))}
    book, mean = (
        gradients("linear_regression", data, weights, convention) for convention in ("book", "mean")
    )
    for name in weights:
        np.testing.assert_allclose(book[name], 10 * mean[name])


def test_books_gradients_of_the_network_are_half_n_times_too_large(
    data: tuple[ndarray, ndarray],
) -> None:
    """All but the one on ``B1``, which is also summed over the units."""
    stream = np.random.RandomState(1)
    weights = {k: stream.standard_normal(shape) for k, shape in WEIGHTS["neural_network"].items()}
    book, mean = (
        gradients("neural_network", data, weights, convention) for convention in ("book", "mean")
    )
    for name in ("W1", "W2", "B2"):
        np.testing.assert_allclose(book[name], 10 / 2 * mean[name])
    np.testing.assert_allclose(book["B1"], np.full((1, 4), 10 / 2 * mean["B1"].sum()))


def test_mean_is_the_default_convention(
    model: str, data: tuple[ndarray, ndarray], weights: Weights
) -> None:
    for name, gradient in gradients(model, data, weights).items():
        np.testing.assert_array_equal(gradient, gradients(model, data, weights, "mean")[name])
    options: dict[str, Any] = {"n_iter": 3, "batch_size": 4}
    assert (
        train(model, *data, **options).losses
        == train(model, *data, **options, convention="mean").losses
        != train(model, *data, **options, convention="book").losses
    )


@pytest.mark.parametrize("word", ["sum", "Book", "", None])
def test_another_convention_is_refused(
    model: str, data: tuple[ndarray, ndarray], weights: Weights, word: Any
) -> None:
    words = f'convention must be "mean" or "book", not {word!r}'
    with pytest.raises(ValueError, match=words):
        gradients(model, data, weights, word)
    with pytest.raises(ValueError, match=words):
        train(model, *data, n_iter=1, convention=word)


# Bad input


@pytest.mark.parametrize(
    ("X_shape", "y_shape", "words"),
    [
        ((10, 5), (9, 1), r"as many rows: X has shape \(10, 5\), y \(9, 1\)"),
        ((10, 5), (11, 1), r"as many rows: X has shape \(10, 5\), y \(11, 1\)"),
        ((10, 5), (10,), r"one shape, not \(10, 1\) and \(10,\)"),
        ((10,), (10, 1), r"X must have shape \(batch, features\), not \(10,\)"),
        ((0, 5), (0, 1), r"empty batch .* X has shape \(0, 5\)"),
    ],
)
def test_data_that_do_not_fit_are_refused(
    model: str, weights: Weights, X_shape: tuple[int, ...], y_shape: tuple[int, ...], words: str
) -> None:
    X, y = np.ones(X_shape), np.ones(y_shape)
    with pytest.raises(ValueError, match=words):
        forward(model, X, y, weights)
    with pytest.raises(ValueError, match=words):
        train(model, X, y, n_iter=1)


@pytest.mark.parametrize(
    ("model", "name", "shape"),
    [
        ("linear_regression", "W", (4, 1)),
        ("linear_regression", "W", (5, 2)),
        ("linear_regression", "B", (1,)),
        ("linear_regression", "B", (10, 1)),
        ("neural_network", "W1", (4, 4)),
        ("neural_network", "B1", (10, 4)),
        ("neural_network", "W2", (5, 1)),
        ("neural_network", "B2", (10, 1)),
    ],
)
def test_weights_of_another_shape_are_refused(
    data: tuple[ndarray, ndarray], weights: Weights, name: str, shape: tuple[int, ...]
) -> None:
    """Some of these would broadcast."""
    weights[name] = np.ones(shape)
    with pytest.raises(ValueError, match=rf"{name} must .* X of shape \(10, 5\), not ") as refusal:
        forward("linear_regression" if "W" in weights else "neural_network", *data, weights)
    assert str(refusal.value).endswith(str(shape))


@pytest.mark.parametrize(
    ("model", "name", "shape"),
    [
        ("linear_regression", "W", (4, 1)),
        ("linear_regression", "B", (10,)),
        ("linear_regression", "B", (10, 1)),
        ("neural_network", "W1", (4, 4)),
        ("neural_network", "B1", (4,)),
        ("neural_network", "W2", (4,)),
        ("neural_network", "B2", (10,)),
    ],
)
def test_predictions_and_gradients_refuse_weights_of_another_shape(
    model: str,
    data: tuple[ndarray, ndarray],
    weights: Weights,
    name: str,
    shape: tuple[int, ...],
) -> None:
    """A bias of shape (10,) would broadcast ten predictions to (10, 10)."""
    info, _ = forward(model, *data, weights)
    weights[name] = np.ones(shape)
    words = rf"{name} must have shape .* for X of shape \(10, 5\), not \({shape[0]}"
    with pytest.raises(ValueError, match=words):
        getattr(scratch, f"predict_{model}")(data[0], weights)
    with pytest.raises(ValueError, match=words):
        getattr(scratch, f"loss_gradients_{model}")(info, weights)


def test_predictions_need_a_matrix(model: str, weights: Weights) -> None:
    with pytest.raises(ValueError, match=r"X must have shape \(batch, features\), not \(5,\)"):
        getattr(scratch, f"predict_{model}")(np.ones(5), weights)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("P", (10,), r"one shape, not \(10,\) and \(10, 1\)"),
        ("y", (10,), r"one shape, not \(10, 1\) and \(10,\)"),
        ("y", (9, 1), r"as many rows: X has shape \(10, 5\), y \(9, 1\)"),
    ],
)
def test_gradients_refuse_a_forward_pass_that_does_not_fit(
    model: str,
    data: tuple[ndarray, ndarray],
    weights: Weights,
    name: str,
    shape: tuple[int, ...],
    words: str,
) -> None:
    info, _ = forward(model, *data, weights)
    info[name] = np.ones(shape)
    with pytest.raises(ValueError, match=words):
        getattr(scratch, f"loss_gradients_{model}")(info, weights)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "n_iter must .* and batch_size at least 1, not 1 and 0"),
        ({"n_iter": -1}, "n_iter must be at least 0 .*, not -1 and 100"),
        ({"learning_rate": float("nan")}, "learning rate must be a finite number, not nan"),
        ({"learning_rate": float("inf")}, "learning rate must be a finite number, not inf"),
    ],
)
def test_numbers_out_of_range_are_refused(
    model: str, data: tuple[ndarray, ndarray], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        train(model, *data, **{"n_iter": 1, **options})


def test_features_that_are_not_floating_point_are_refused(model: str) -> None:
    with pytest.raises(TypeError, match=r"floating-point type, not int64; use \.astype"):
        train(model, np.ones((10, 5), np.int64), np.ones((10, 1)))


@pytest.mark.parametrize("error", [mae, rmse])
def test_errors_of_different_shapes_or_of_nothing_are_refused(
    error: Callable[[ndarray, ndarray], float],
) -> None:
    with pytest.raises(ValueError, match=r"\(10, 1\) and \(10,\)"):
        error(np.ones((10, 1)), np.ones(10))
    with pytest.raises(ValueError, match=r"\(0, 1\)"):
        error(np.ones((0, 1)), np.ones((0, 1)))
