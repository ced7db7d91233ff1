"""Where the book is wrong: what it prints fails, what stands in ``scratch/`` passes.

The rows are those of ``docs/errata.md``. What a gradient is held against are central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from datasets import boston_split
from parity.catalogue import component
from parity.catalogue.component import Implementation
from parity.engine import check_in_process
from scratch.activations import Linear, Sigmoid, Tanh
from scratch.dense import Dense, Layer
from scratch.functions import (
    chain_length_2,
    deriv,
    matrix_function_backward_sum_1,
    matrix_function_backward_weighted_sum_1,
    matrix_function_forward_sum,
    matrix_function_forward_weighted_sum,
    one_hot,
    sigmoid,
    softmax,
    square,
)
from scratch.losses import (
    MeanSquaredError,
    SoftmaxCrossEntropy,
    softmax_cross_entropy_as_printed,
)
from scratch.network import NeuralNetwork
from scratch.operations import Operation, ParamOperation
from scratch.optimizers import SGD, Optimizer, SGDMomentum
from scratch.regression import (
    forward_linear_regression,
    forward_neural_network,
    loss_gradients_linear_regression,
    loss_gradients_neural_network,
    mae,
    predict_linear_regression,
    rmse,
    train_linear_regression,
)

BATCH = 7


@pytest.fixture
def data() -> tuple[ndarray, ndarray]:
    stream = np.random.RandomState(0)
    return stream.standard_normal((BATCH, 5)), stream.standard_normal((BATCH, 1))


@pytest.fixture
def linear_weights() -> dict[str, ndarray]:
    stream = np.random.RandomState(1)
    return {"W": stream.standard_normal((5, 1)), "B": stream.standard_normal((1, 1))}


@pytest.fixture
def network_weights() -> dict[str, ndarray]:
    stream = np.random.RandomState(1)
    shapes = {"W1": (5, 4), "B1": (1, 4), "W2": (4, 1), "B2": (1, 1)}
    return {name: stream.standard_normal(shape) for name, shape in shapes.items()}


def slopes(function: Callable[[], float], array: ndarray) -> ndarray:
    """Central differences of ``function`` in each element of ``array``, which it reads."""
    result = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + 1e-5
        above = function()
        array[index] = value - 1e-5
        result[index] = (above - function()) / 2e-5
        array[index] = value
    return result


def agree(gradient: ndarray, truth: ndarray) -> bool:
    return np.allclose(gradient, truth, rtol=1e-6, atol=1e-8)


# E1


def printed_backward(X: ndarray, W: ndarray, V: ndarray) -> ndarray:
    """Computes ``dLdN`` and then carries ``dSdN`` on."""
    dLdS = V
    dSdN = deriv(sigmoid, np.dot(X, W))
    dLdN = dLdS * dSdN  # noqa: F841
    return np.dot(dSdN, np.transpose(W, (1, 0)))


def test_e1_printed_gradient_is_right_only_for_a_plain_sum() -> None:
    stream = np.random.RandomState(0)
    X, W = stream.standard_normal((3, 3)), stream.standard_normal((3, 2))
    V = stream.standard_normal((3, 2))
    plain = slopes(lambda: matrix_function_forward_sum(X, W, sigmoid), X)
    weighted = slopes(lambda: matrix_function_forward_weighted_sum(X, W, sigmoid, V), X)

    assert agree(matrix_function_backward_sum_1(X, W, sigmoid), plain)
    assert agree(matrix_function_backward_weighted_sum_1(X, W, sigmoid, V), weighted)
    assert agree(printed_backward(X, W, np.ones((3, 2))), plain)
    assert not agree(printed_backward(X, W, V), weighted)


# E2: what is printed are names that do not exist, so there is nothing of ours to hold it against


def test_e2_what_is_meant_applies_the_functions_in_turn() -> None:
    np.testing.assert_array_equal(chain_length_2([square, np.negative], np.arange(3)), [0, -1, -4])


# E3


def printed_linear_gradients(info: dict[str, ndarray]) -> dict[str, ndarray]:
    dLdP = -2 * (info["y"] - info["P"])
    return {"W": np.dot(info["X"].T, dLdP), "B": dLdP.sum(axis=0)[None]}


def printed_network_gradients(
    info: dict[str, ndarray], weights: dict[str, ndarray]
) -> dict[str, ndarray]:
    dLdP = -(info["y"] - info["P"])
    dLdN1 = np.dot(dLdP, weights["W2"].T) * sigmoid(info["N1"]) * (1 - sigmoid(info["N1"]))
    return {
        "W1": np.dot(info["X"].T, dLdN1),
        "B1": dLdN1.sum(axis=0)[None],
        "W2": np.dot(info["O1"].T, dLdP),
        "B2": dLdP.sum(axis=0)[None],
    }


def test_e3_printed_gradients_of_linear_regression_are_n_times_too_large(
    data: tuple[ndarray, ndarray], linear_weights: dict[str, ndarray]
) -> None:
    info, _ = forward_linear_regression(*data, linear_weights)
    right = loss_gradients_linear_regression(info, linear_weights)
    for name, printed in printed_linear_gradients(info).items():
        truth = slopes(
            lambda: forward_linear_regression(*data, linear_weights)[1], linear_weights[name]
        )
        assert agree(right[name], truth)
        assert agree(printed, BATCH * truth)
        assert not agree(printed, truth)


def test_e3_printed_gradients_of_the_network_are_half_n_times_too_large(
    data: tuple[ndarray, ndarray], network_weights: dict[str, ndarray]
) -> None:
    info, _ = forward_neural_network(*data, network_weights)
    right = loss_gradients_neural_network(info, network_weights)
    for name, printed in printed_network_gradients(info, network_weights).items():
        truth = slopes(
            lambda: forward_neural_network(*data, network_weights)[1], network_weights[name]
        )
        assert agree(right[name], truth)
        assert agree(printed, BATCH / 2 * truth)
        assert not agree(printed, truth)


# E4


def test_e4_bias_gradient_summed_twice_is_one_number_for_all_units(
    data: tuple[ndarray, ndarray], network_weights: dict[str, ndarray]
) -> None:
    """What the book's numbers were computed with; ``convention="book"`` gives it on request."""
    truth = slopes(lambda: forward_neural_network(*data, network_weights)[1], network_weights["B1"])
    info, _ = forward_neural_network(*data, network_weights)
    book = loss_gradients_neural_network(info, network_weights, "book")["B1"]
    twice = printed_network_gradients(info, network_weights)["B1"].sum(axis=0).sum(axis=0)

    assert agree(loss_gradients_neural_network(info, network_weights)["B1"], truth)
    assert agree(book, np.full((1, 4), twice))
    assert not agree(book, BATCH / 2 * truth)


# E5


def test_e5_either_order_of_forward_info_and_loss_passes_a_check() -> None:
    """The printed function returns the loss first, the printed loop wants it last."""

    def printed_forward(X: ndarray, y: ndarray, weights: dict[str, ndarray]) -> Any:
        info, loss = forward_linear_regression(X, y, weights)
        return loss, info

    entry = component("forward_linear_regression")
    for forward in (printed_forward, forward_linear_regression):
        for case in entry.cases:
            implementation = Implementation({entry.name: forward})
            assert check_in_process(entry, case, implementation).failures == []


@pytest.mark.parametrize(
    ("seed", "errors"), [(180708, ("3.5643", "5.0508")), (80718, ("3.5424", "5.0372"))]
)
def test_e5_printed_seed_gives_other_digits(seed: int, errors: tuple[str, str]) -> None:
    """The book prints the numbers of 180708 beside the seed 80718."""
    split = boston_split("book")
    weights, _ = train_linear_regression(
        split.X_train, split.y_train, batch_size=23, seed=seed, convention="book"
    )
    preds = predict_linear_regression(split.X_test, weights)
    assert (f"{mae(preds, split.y_test):.4f}", f"{rmse(preds, split.y_test):.4f}") == errors


# E6


class PrintedDense(Dense):
    """Asks whether the class of the operation is an instance of ``ParamOperation``."""

    def _param_grads(self) -> None:
        self.param_grads = []
        for operation in self.operations:
            if isinstance(operation.__class__, ParamOperation):
                self.param_grads.append(operation.param_grad)


def printed_step(net: NeuralNetwork, lr: float) -> None:
    """The book's ``SGD.step``: ``zip`` hides that there are no gradients."""
    for param, param_grad in zip(net.params(), net.param_grads(), strict=False):
        param -= lr * param_grad


@pytest.mark.parametrize(("make", "trains"), [(PrintedDense, False), (Dense, True)])
def test_e6_printed_layer_collects_no_gradient_and_nothing_trains(
    data: tuple[ndarray, ndarray], make: type[Dense], trains: bool
) -> None:
    net = NeuralNetwork([make(1, Linear())], MeanSquaredError())
    first = net.train_batch(*data)
    for _ in range(20):
        printed_step(net, 0.05)
        last = net.train_batch(*data)
    assert len(list(net.param_grads())) == (2 if trains else 0)
    assert (last < first) == trains
    assert (last == first) != trains


# E7


class PrintedDefault(Dense):
    """One ``Sigmoid`` for all layers."""

    def __init__(self, neurons: int, activation: Operation = Sigmoid()) -> None:  # noqa: B008
        super().__init__(neurons, activation)


@pytest.mark.parametrize(("make", "right"), [(PrintedDefault, False), (Dense, True)])
def test_e7_shared_activation_gives_wrong_gradients(
    data: tuple[ndarray, ndarray], make: Callable[[int], Dense], right: bool
) -> None:
    X, _ = data
    layers: list[Layer] = [make(4), make(4)]
    for layer in layers:
        layer.seed = 1

    def forward() -> Any:
        return layers[1].forward(layers[0].forward(X))

    weights_of_sum = np.random.RandomState(2).standard_normal(forward().shape)
    input_grad = layers[0].backward(layers[1].backward(weights_of_sum))
    first_grad = layers[0].param_grads[0]

    def objective() -> float:
        return float(np.sum(weights_of_sum * forward()))

    assert agree(input_grad, slopes(objective, X)) == right
    assert agree(first_grad, slopes(objective, layers[0].params[0])) == right


# E8


def test_e8_printed_linear_regression_is_a_sigmoid() -> None:
    """It cannot leave 0 to 1; with ``Linear`` it reaches a line exactly."""
    X = np.random.RandomState(0).standard_normal((64, 5))
    y = 20 + X @ np.arange(5.0)[:, None]
    losses, predictions = [], []
    for layer in (Dense(neurons=1), Dense(1, Linear())):
        net = NeuralNetwork([layer], MeanSquaredError())
        for _ in range(500):
            losses.append(net.train_batch(X, y))
            printed_step(net, 0.1)
        predictions.append(net.forward(X))
    assert 0 <= predictions[0].min() <= predictions[0].max() <= 1
    assert losses[499] > 300
    np.testing.assert_allclose(predictions[1], y, rtol=1e-9)


def test_e8_network_takes_no_learning_rate() -> None:
    with pytest.raises(TypeError, match="learning_rate"):
        NeuralNetwork(
            layers=[Dense(neurons=1)],
            loss=MeanSquaredError(),
            learning_rate=0.01,  # type: ignore[call-arg]
        )


# E9


@pytest.fixture
def classified() -> tuple[ndarray, ndarray]:
    stream = np.random.RandomState(0)
    return stream.standard_normal((BATCH, 3)), one_hot(stream.randint(0, 3, BATCH), 3)


def printed_cross_entropy_gradient(prediction: ndarray, target: ndarray) -> ndarray:
    return softmax(prediction, axis=1) - target


def test_e9_printed_gradient_is_not_that_of_the_printed_loss(
    classified: tuple[ndarray, ndarray],
) -> None:
    """Nor is it so after any division: it does not even point the same way."""
    prediction, target = classified
    printed = printed_cross_entropy_gradient(prediction, target)
    truth = slopes(lambda: BATCH * softmax_cross_entropy_as_printed(prediction, target), prediction)
    ratio = printed / truth
    assert not agree(printed, truth)
    assert ratio.max() > 1.2 * ratio.min()


def test_e9_printed_gradient_has_the_slope_of_each_term_in_its_own_prediction_alone(
    classified: tuple[ndarray, ndarray],
) -> None:
    """How the book derives it; but the softmax makes each term depend on the others too."""
    prediction, target = classified
    printed = printed_cross_entropy_gradient(prediction, target)
    for i in range(3):

        def term(i: int = i) -> float:
            p, y = softmax(prediction, axis=1)[:, i], target[:, i]
            return float(-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)))

        truth = slopes(term, prediction)
        assert agree(printed[:, i], truth[:, i])
        assert np.all(np.delete(truth, i, axis=1) != 0)


def test_e9_printed_gradient_is_n_times_that_of_the_categorical_loss(
    classified: tuple[ndarray, ndarray],
) -> None:
    prediction, target = classified
    loss = SoftmaxCrossEntropy()
    truth = slopes(lambda: loss.forward(prediction, target), prediction)
    loss.forward(prediction, target)
    printed = printed_cross_entropy_gradient(prediction, target)
    assert agree(loss.backward(), truth)
    assert agree(printed, BATCH * truth)
    assert not agree(printed, truth)


# E10


@pytest.mark.parametrize("lr, final_lr, epochs", [(0.2, 0.05, 50), (0.15, 0.05, 5)])
def test_e10_printed_exponent_does_not_lead_to_the_final_rate(
    lr: float, final_lr: float, epochs: int
) -> None:
    """It makes the rate grow; that of the code under it ends where it should."""
    printed = final_lr ** (1 / (epochs - 1)) / lr
    right = (final_lr / lr) ** (1 / (epochs - 1))
    assert lr * printed ** (epochs - 1) > lr
    assert lr * right ** (epochs - 1) == pytest.approx(final_lr, rel=1e-12)
    optim = SGD(lr, final_lr, "exponential")
    found = rates(optim, epochs, lambda optim: True)
    np.testing.assert_allclose(found, lr * right ** np.arange(epochs), rtol=1e-12)


# E11


def rates(optim: Optimizer, epochs: int, asks: Callable[[Optimizer], Any]) -> list[float]:
    """The rate of each epoch, in a loop like the book's that asks before the rate decays."""
    optim.max_epochs = epochs
    optim._setup_decay()
    found = []
    for _ in range(epochs):
        found.append(optim.lr)
        if asks(optim):
            optim._decay_lr()
    return found


def test_e11_printed_question_keeps_a_rate_that_should_fall_to_0() -> None:
    """Asked for ``decay_type``, it falls; to other rates than 0 it falls either way."""
    to_zero = [
        rates(SGD(0.4, 0.0, "linear"), 5, asks)
        for asks in (lambda optim: optim.final_lr, lambda optim: optim.decay_type)
    ]
    assert to_zero[0] == [0.4] * 5
    np.testing.assert_allclose(to_zero[1], [0.4, 0.3, 0.2, 0.1, 0.0], rtol=1e-12)
    assert rates(SGD(0.4, 0.2, "linear"), 3, lambda optim: optim.final_lr)[-1] == 0.2


# E12


def spreads(weight_init: str, neurons: int, layers: int) -> tuple[float, float]:
    """The standard deviation from row to row, which biases have no part in, of what leaves the last
    of some layers, for an input of 1, and of the gradient that arrives at the first, for one of 1.
    """
    generator = np.random.default_rng(0)
    x = generator.standard_normal((64, neurons))
    grad = generator.standard_normal((64, neurons))
    stack = [Dense(neurons, Tanh(), generator, weight_init=weight_init) for _ in range(layers)]
    for layer in stack:
        x = layer.forward(x)
    for layer in reversed(stack):
        grad = layer.backward(grad)
    return float(x.std(axis=0).mean()), float(grad.std(axis=0).mean())


def test_e12_printed_weights_leave_next_to_nothing_of_activations_and_gradients() -> None:
    right, printed = spreads("glorot", 100, 5), spreads("glorot_as_printed", 100, 5)
    assert min(right) > 0.1
    assert max(printed) < 1e-3


def test_e12_printed_standard_deviation_is_the_variance_of_the_text() -> None:
    x = np.zeros((1, 784))
    found = {}
    for name in ("glorot", "glorot_as_printed"):
        layer = Dense(89, Tanh(), np.random.default_rng(0), weight_init=name)
        layer.forward(x)
        found[name] = float(layer.params[0].std())
    variance = 2 / (784 + 89)
    assert found["glorot"] ** 2 == pytest.approx(variance, rel=0.02)
    assert found["glorot_as_printed"] == pytest.approx(variance, rel=0.02)


# E35


@pytest.mark.parametrize(("parts", "arrives"), [(5, False), (4, True)])
def test_e35_formula_and_listing_lead_to_two_rates(parts: int, arrives: bool) -> None:
    """Five epochs: the formula divides by their number, the listing by one less, as ours does."""
    form = [0.15 - (0.15 - 0.05) * epoch / parts for epoch in range(5)]
    ours = rates(SGD(0.15, 0.05, "linear"), 5, lambda optim: True)
    assert (form == pytest.approx(ours, rel=1e-12)) == arrives
    assert (form[-1] == pytest.approx(0.05, rel=1e-12)) == arrives


# E39


def printed_factor(optim: Optimizer, decay_type: str | None, epochs: int) -> float:
    """What the printed ``_setup_decay`` multiplies the rate by."""
    if decay_type is None:
        return 1.0
    return float(np.power(optim.final_lr / optim.lr, 1 / (epochs - 1)))


def test_e39_printed_default_ends_the_training_after_one_epoch() -> None:
    optim = SGD(0.1)
    assert printed_factor(optim, "exponential", 50) == 0
    assert printed_factor(optim, None, 50) == 1
    assert rates(optim, 3, lambda optim: True) == [0.1] * 3


# E41


def test_e41_momentum_adds_gradients_up_where_an_average_would_not_grow() -> None:
    """Of gradients that are all 1 the average is 1; the sum of their weights is 10."""

    class Net:
        def params(self) -> list[ndarray]:
            return [param]

        def param_grads(self) -> list[ndarray]:
            return [np.ones(1)]

    param = np.zeros(1)
    optim = SGDMomentum(lr=1.0, momentum=0.9)
    optim.net = Net()  # type: ignore[assignment]
    for _ in range(300):
        before = param.copy()
        optim.step()
    np.testing.assert_allclose(before - param, 10, rtol=1e-9)
