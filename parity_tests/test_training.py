"""``scratch/training.py`` against ``reference/training/``, and what holds beyond that.

How both trainers stop, and what they go back to, is in ``test_early_stopping.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from parity_tests.fits import (
    Data,
    ScriptedError,
    ScriptedTorchError,
    assert_equal_params,
    fit,
    make_data,
    make_net,
    params_of,
    torch_fit,
)
from scratch.network import NeuralNetwork
from scratch.training import generate_batches, permute_data


@pytest.mark.components("training")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


@pytest.fixture
def data() -> Data:
    return make_data()


# Permutations and batches


def test_permuted_rows_keep_their_targets(data: Data) -> None:
    X, y = permute_data(data.X_train, data.y_train, seed=3)
    order = np.random.RandomState(3).permutation(20)
    np.testing.assert_array_equal(X, data.X_train[order])
    np.testing.assert_array_equal(y, data.y_train[order])
    assert not np.shares_memory(X, data.X_train)
    assert not np.shares_memory(y, data.y_train)


def test_batches_cover_the_rows_in_order_and_the_last_is_short(data: Data) -> None:
    batches = list(generate_batches(data.X_train, data.y_train, 6))
    assert [len(X) for X, _ in batches] == [6, 6, 6, 2]
    np.testing.assert_array_equal(np.concatenate([X for X, _ in batches]), data.X_train)
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), data.y_train)


@pytest.mark.parametrize("size", [0, -1])
def test_batch_size_below_1_is_refused_at_once(size: int) -> None:
    with pytest.raises(ValueError, match=f"batch size must be at least 1, not {size}"):
        generate_batches(np.ones((4, 5)), np.ones((4, 1)), size)


@pytest.mark.parametrize("function", [permute_data, generate_batches])
@pytest.mark.parametrize("rows", [3, 5])
def test_different_numbers_of_rows_are_refused(
    function: Callable[[ndarray, ndarray], Any], rows: int
) -> None:
    with pytest.raises(ValueError, match=rf"X has shape \(4, 5\), y \({rows}, 1\)"):
        function(np.ones((4, 5)), np.ones((rows, 1)))


# Restart and seeds


def test_restart_forgets_earlier_training(data: Data) -> None:
    net = make_net()
    once = fit(net, data, epochs=2, early_stopping=False).params
    assert_equal_params(fit(net, data, epochs=2, early_stopping=False).params, once)


def test_without_restart_training_goes_on(data: Data) -> None:
    net = make_net()
    once = fit(net, data, epochs=2, early_stopping=False).params
    arrays = list(net.params())
    fit(net, data, epochs=2, lr=0, restart=False)
    assert_equal_params(params_of(net), once)
    fit(net, data, epochs=2, restart=False, early_stopping=False)
    assert all(a is b for a, b in zip(net.params(), arrays, strict=True))
    assert not np.array_equal(arrays[0], once[0])


def batches_seen(net: NeuralNetwork, data: Data, **options: Any) -> list[ndarray]:
    """The rows of ``X`` in each epoch."""
    seen, train_batch = [], net.train_batch

    def record(x_batch: ndarray, y_batch: ndarray) -> float:
        seen.append(x_batch.copy())
        return train_batch(x_batch, y_batch)

    net.train_batch = record  # type: ignore[method-assign]
    fit(net, data, batch_size=20, early_stopping=False, **options)
    return seen


def test_integer_seeds_draw_in_the_books_order(data: Data) -> None:
    """``fit`` seeds the stream once and permutes; each layer seeds it anew and draws; the second
    permutation, of rows permuted already, follows on the last layer's draws.
    """
    first, second = batches_seen(make_net(seed=11), data, epochs=2, seed=22)
    order = np.random.RandomState(22).permutation(20)
    np.testing.assert_array_equal(first, data.X_train[order])
    stream = np.random.RandomState(11)
    stream.standard_normal((4, 1))
    stream.standard_normal((1, 1))
    np.testing.assert_array_equal(second, data.X_train[order][stream.permutation(20)])


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_stream_of_ones_own_draws_the_permutations(
    data: Data, make: Callable[[int], np.random.Generator | np.random.RandomState]
) -> None:
    seen = batches_seen(make_net(), data, epochs=3, seed=make(5))
    stream, order = make(5), np.arange(20)
    for rows in seen:
        order = order[stream.permutation(20)]
        np.testing.assert_array_equal(rows, data.X_train[order])


def test_without_a_seed_two_runs_differ(data: Data) -> None:
    one, other = (batches_seen(make_net(), data, epochs=1, seed=None)[0] for _ in range(2))
    assert not np.array_equal(one, other)


# What is reported


def test_validation_happens_every_so_many_epochs(data: Data) -> None:
    calls: list[tuple[int, float]] = []
    net = make_net(ScriptedError([3.0, 2.0]))
    _, history = fit(net, data, epochs=7, eval_every=3, on_epoch=lambda *call: calls.append(call))
    assert history.epochs == [3, 6]
    assert history.losses == [3.0, 2.0]
    assert calls == list(enumerate(history.training_losses, start=1))
    assert len(calls) == 7


def test_no_validation_leaves_an_empty_history(data: Data) -> None:
    for history in (
        fit(make_net(), data, epochs=2, eval_every=3).history,
        torch_fit(data, epochs=2, eval_every=3),
    ):
        assert (history.epochs, history.losses) == ([], [])
        assert (history.best_epoch, history.best_loss) == (0, math.inf)


def test_epoch_is_reported_before_it_is_judged(data: Data) -> None:
    ours: list[int] = []
    theirs: list[int] = []
    net = make_net(ScriptedError([1.0, 2.0]))
    fit(net, data, epochs=9, on_epoch=lambda epoch, _: ours.append(epoch))
    loss = ScriptedTorchError([1.0, 2.0])
    torch_fit(data, loss, epochs=9, on_epoch=lambda epoch, _: theirs.append(epoch))
    assert ours == theirs == [1, 2]


def test_verbose_prints_the_books_lines(data: Data, capsys: pytest.CaptureFixture[str]) -> None:
    fit(make_net(ScriptedError([3.25, 2.0, 2.5])), data, epochs=9, eval_every=2, verbose=True)
    assert capsys.readouterr().out.splitlines() == [
        "Validation loss after 2 epochs is 3.250",
        "Validation loss after 4 epochs is 2.000",
        "Validation loss after 6 epochs is 2.500, no longer falling; "
        "back to the network of epoch 4 (2.000)",
    ]
    fit(make_net(), data, epochs=2, verbose=False)
    assert capsys.readouterr().out == ""


# Types, memory, bad input


def test_float32_stays_float32(data: Data) -> None:
    data32 = Data(*(array.astype(np.float32) for array in data))
    net = fit(make_net(), data32, epochs=3).trainer.net
    arrays = [*net.params(), *net.param_grads(), net.forward(data32.X_test)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_fit_leaves_the_callers_arrays_alone(data: Data) -> None:
    before = deepcopy(data)
    for array in data:
        array.setflags(write=False)
    net = fit(make_net(), data, epochs=2).trainer.net
    assert_equal_params(data, before)
    assert not any(np.shares_memory(param, array) for param in net.params() for array in data)


@pytest.mark.parametrize(
    ("part", "shape", "words"),
    [
        ("y_train", (19, 1), r"X has shape \(20, 5\), y \(19, 1\)"),
        ("y_train", (21, 1), r"X has shape \(20, 5\), y \(21, 1\)"),
        ("y_test", (8, 1), r"X has shape \(9, 5\), y \(8, 1\)"),
        ("X_test", (9, 4), r"X_train and X_test .* not \(20, 5\) and \(9, 4\)"),
        ("y_test", (9, 2), r"y_train and y_test .* not \(20, 1\) and \(9, 2\)"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_training(
    data: Data, part: str, shape: tuple[int, ...], words: str
) -> None:
    net = make_net()
    with pytest.raises(ValueError, match=words):
        fit(net, data._replace(**{part: np.ones(shape)}), epochs=1)
    assert list(net.params()) == []


@pytest.mark.parametrize("part", ["train", "test"])
def test_no_rows_are_refused(data: Data, part: str) -> None:
    empty = {f"X_{part}": np.ones((0, 5)), f"y_{part}": np.ones((0, 1))}
    with pytest.raises(ValueError, match=r"rows to train on and to validate on, .*\(0, 5\)"):
        fit(make_net(), data._replace(**empty), epochs=1)


@pytest.mark.parametrize(
    "options", [{"epochs": -1}, {"epochs": 1, "eval_every": 0}, {"epochs": 1, "batch_size": 0}]
)
def test_numbers_out_of_range_are_refused(data: Data, options: dict[str, Any]) -> None:
    words = "must be at least 0|must be at least 1"
    with pytest.raises(ValueError, match=words):
        fit(make_net(), data, **options)
    with pytest.raises(ValueError, match=words):
        torch_fit(data, **options)


def test_no_epochs_train_nothing(data: Data) -> None:
    net = make_net()
    assert fit(net, data, epochs=0).trainer.net is net
    assert list(net.params()) == []
