"""How training by hand is run and judged (chapter 2): gradient descent on batches.

Every implementation draws its own weights and its own order of the rows. The weights are those that
it returns after no step. The order is read from the losses of a run with next to no learning rate:
the data are such that each set of rows has a loss of its own. The reference then takes the same
batches from the same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import batch_cases
from parity.catalogue.component import (
    AdoptionError,
    Case,
    Given,
    Implementation,
    Observed,
    snapshot,
)
from parity.catalogue.twins import adopt, tensor
from parity.comparison import TOLERANCES, Absent, as_result

if TYPE_CHECKING:
    from torch import nn

ANSWER = "what it returns"
SAME_SEED = "the same seed gives the same weights"
VARIED = "the elements of W1 differ from one another before training"
PAIRED = "every loss is that of rows of X with their own rows of y"
SIZES = "batch sizes"
ONCE = "a pass over the data takes every row once"
REORDERED = "passes over the data take the rows in different orders"

TRAINING = {"n_iter": 20, "learning_rate": 0.05, "seed": 7}
ROWS, PASSES = 7, 4

# Not 0, which an implementation may refuse; too little to change a weight.
STANDSTILL = 1e-30

#: All sets of rows, one a line.
SETS = (np.arange(1, 2**ROWS)[:, None] >> np.arange(ROWS)) & 1 == 1


def training_cases(features: int, options: Mapping[str, Any]) -> tuple[Case, ...]:
    """Whole batches, in which the order of the rows makes no difference; then smaller ones."""
    return (
        *batch_cases(
            lambda n: {"X": (n, features), "y": (n, 1)},
            options={**TRAINING, **options},
            tolerance="through time",
        ),
        *(_batches(size, features, options) for size in (1, 2, 3)),
        _batches(3, features, options, ", reversed in memory", layout="reversed"),
        _batches(3, features, options, ", float32", dtype="float32"),
    )


def _batches(
    size: int, features: int, options: Mapping[str, Any], label: str = "", **rest: Any
) -> Case:
    """The targets grow by powers, so that no two sets of rows have the same loss."""
    return Case(
        f"{ROWS} rows by {size}{label}",
        {"X": (ROWS, features)},
        {**TRAINING, **options, "batch_size": size, "n_iter": PASSES * len(_sizes(ROWS, size))},
        values={"y": [[3 * 2 ** (row / 2)] for row in range(ROWS)]},
        **rest,
    )


def _sizes(n: int, size: int) -> list[int]:
    """Rows in each batch of a pass."""
    return [min(size, n - start) for start in range(0, n, size)]


def as_updated(value: Any, shape: tuple[int, ...]) -> Any:
    """A bias, or its gradient, as the update spreads it: the book's gradient has shape ``(out,)``
    for a bias of shape ``(1, out)``.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number or isinstance(value, ndarray | np.number)) or shape[0] != 1:
        return value
    if np.shape(value) in ((), shape[1:]):
        return np.array(np.broadcast_to(value, shape))
    return value


def wrong_form(words: str) -> Observed:
    """What is observed of an answer that is not of the right form: nothing but that."""
    return Observed({ANSWER: Absent(words)}, [Absent(words)])


def require_form(given: Given, wanted: str) -> None:
    """Say what an answer must be, if ``wrong_form`` was observed.

    Raises:
        AdoptionError: it was.
    """
    if given.params is not None and len(given.params) == 1:
        found = as_result(given.params[0])
        if isinstance(found, Absent):
            raise AdoptionError(ANSWER, f"is {found.what}, must be {wanted}")


def form_of(answer: Any) -> str:
    """A few words for what came back instead."""
    found = as_result(answer)
    if not isinstance(found, Absent):
        return "an array" if isinstance(answer, ndarray) else "a number"
    if isinstance(answer, tuple | list):
        return f"{found.what} of {len(answer)}"
    if isinstance(answer, Mapping):
        return f"{found.what} with {', '.join(map(str, list(answer)[:8])) or 'nothing'}"
    return found.what


def split_pair(answer: Any) -> tuple[Any, Any] | None:
    """The dictionary and what comes with it, in either order: the book prints both (E5)."""
    if isinstance(answer, tuple | list) and len(answer) == 2:
        first, second = answer
        if isinstance(first, Mapping):
            return first, second
        if isinstance(second, Mapping):
            return second, first
    return None


def _split_answer(answer: Any, shapes: Mapping[str, tuple[int, ...]]) -> tuple[list[Any], Any]:
    """The weights, in order, and the losses.

    Raises:
        ValueError: the answer is something else; the message says what.
    """
    pair = split_pair(answer)
    if pair is None:
        raise ValueError(form_of(answer))
    weights, losses = pair
    missing = [key for key in shapes if key not in weights]
    if missing:
        raise ValueError(f"without {' and '.join(missing)} in the weights")
    if not isinstance(losses, tuple | list | ndarray) or not all(
        np.shape(loss) == () and not isinstance(as_result(loss), Absent) for loss in losses
    ):
        raise ValueError(f"with losses that are {form_of(losses)}")
    return [snapshot(as_updated(weights[key], shape)) for key, shape in shapes.items()], losses


class _Replay(np.random.RandomState):
    """Draws given weights, then the orders of given passes; past them, what its seed gives."""

    def __init__(self, seed: int, weights: list[ndarray], orders: list[list[int]]) -> None:
        super().__init__(seed)
        self.weights, self.orders = iter(weights), iter(orders)
        self.last: list[int] | None = None

    def standard_normal(self, size: Any = None) -> Any:
        drawn = super().standard_normal(size)
        return next(self.weights, drawn)

    def permutation(self, x: Any) -> Any:
        """Each order as one of the rows in the order before, which is how they are drawn."""
        drawn, order = super().permutation(x), next(self.orders, None)
        if order is None:
            return drawn
        before, self.last = self.last, order
        return np.array([before.index(row) for row in order] if before else order)


def _passes(batches: ndarray, size: int) -> list[ndarray]:
    steps = len(_sizes(ROWS, size))
    return [batches[start : start + steps] for start in range(0, len(batches), steps)]


def _takes_each_row_once(batches: ndarray, size: int) -> bool:
    return all(bool((one_pass.sum(axis=0) == 1).all()) for one_pass in _passes(batches, size))


def _wanted_sizes(options: Mapping[str, Any]) -> ndarray:
    return np.array(PASSES * _sizes(ROWS, options["batch_size"]), dtype=np.int64)


def _can_be_repeated(batches: ndarray, options: Mapping[str, Any]) -> bool:
    """Whether the batches are such that the reference can train on them."""
    right_sizes = batches.sum(axis=1).tolist() == _wanted_sizes(options).tolist()
    return right_sizes and _takes_each_row_once(batches, options["batch_size"])


def run_training(
    name: str, shapes: Mapping[str, tuple[int, ...]], predict: Callable[..., ndarray]
) -> Callable[[Implementation, Given], Observed]:
    """What trains, with ``name``, weights of these shapes, from which ``predict`` is right."""

    def run(impl: Implementation, given: Given) -> Observed:
        try:
            return _run(getattr(impl, name), given)
        except _WrongFormError as error:
            return wrong_form(str(error))

    def _run(train: Callable[..., Any], given: Given) -> Observed:
        X, y = given.inputs["X"], given.inputs["y"]
        switches = _books_switches(train)

        def call(**changed: Any) -> tuple[list[Any], Any]:
            options = {"batch_size": len(X), **given.options, **changed}
            if given.params and ("W1" not in shapes or _is_varied(given.params[0])):
                options["seed"] = _adopted_stream(given, len(shapes))
            answer = train(X, y, **options, **switches)
            try:
                return _split_answer(answer, shapes)
            except ValueError as error:
                raise _WrongFormError(*error.args) from None

        params, _ = call(n_iter=0)
        if not _same(params, call(n_iter=0)[0]):
            return Observed({SAME_SEED: False})
        results: dict[str, Any] = {SAME_SEED: True}
        if not _fit(params, shapes):
            return Observed(results, params)
        if "W1" in shapes:
            results[VARIED] = _is_varied(params[0])
            if not results[VARIED]:
                return Observed(results, params)
        if "batch_size" in given.options:
            batches = _find_batches(
                (y - predict(X, dict(zip(shapes, params, strict=True)))) ** 2,
                call(learning_rate=STANDSTILL)[1],
                str(X.dtype),
            )
            params.append(batches)
            results[PAIRED] = bool(batches.any(axis=1).all())
            if not results[PAIRED]:
                return Observed(results, params)
            size = given.options["batch_size"]
            passes = [one_pass.tolist() for one_pass in _passes(batches, size)]
            results[SIZES] = batches.sum(axis=1)
            results[ONCE] = _takes_each_row_once(batches, size)
            results[REORDERED] = any(one_pass != passes[0] for one_pass in passes)
            if not _can_be_repeated(batches, given.options):
                return Observed(results, params)
        weights, losses = call()
        results["losses"] = np.array(losses, dtype=X.dtype)
        results |= {f"weights[{key}]": w for key, w in zip(shapes, weights, strict=True)}
        return Observed(results, params)

    return run


def _fit(params: list[Any], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    found = [as_result(param) for param in params]
    return not any(isinstance(param, Absent) for param in found) and (
        [np.shape(param) for param in params] == list(shapes.values())
    )


def _is_varied(weights: ndarray) -> bool:
    return len(set(weights.flat)) > 1


def _books_switches(train: Callable[..., Any]) -> dict[str, bool]:
    """The book's functions return nothing unless these are set."""
    try:
        parameters = signature(train).parameters
    except (TypeError, ValueError):
        return {}
    return {name: True for name in ("return_losses", "return_weights") if name in parameters}


class _WrongFormError(Exception):
    """An answer is not of the right form; the message says what it is."""


def _same(first: list[Any], second: list[Any]) -> bool:
    return all(
        snapshot(a).tolist() == snapshot(b).tolist()
        if isinstance(a, ndarray) and isinstance(b, ndarray)
        else type(a) is type(b)
        for a, b in zip(first, second, strict=True)
    )


def _adopted_stream(given: Given, count: int) -> _Replay:
    params = given.params or []
    orders: list[list[int]] = []
    if len(params) > count and _can_be_repeated(params[count], given.options):
        passes = _passes(params[count], given.options["batch_size"])
        orders = [[int(row) for batch in one for row in batch.nonzero()[0]] for one in passes]
    return _Replay(given.options["seed"], params[:count], orders)


def _find_batches(row_losses: ndarray, losses: Any, dtype: str) -> ndarray:
    """Which rows each loss is the mean of: one line a step; no row where it is of none."""
    means = (SETS @ row_losses.astype(np.float64))[:, 0] / SETS.sum(axis=1)
    tolerance = TOLERANCES[dtype, "analytic"]
    allowed = tolerance.relative * means + tolerance.floor * means.max()
    batches = np.zeros((len(losses), ROWS), dtype=np.int64)
    for step, loss in enumerate(losses):
        error = abs(means - float(loss))
        nearest = int(error.argmin())
        if error[nearest] <= allowed[nearest]:
            batches[step] = SETS[nearest]
    return batches


def reference_training(
    shapes: dict[str, tuple[int, ...]], build: Callable[[dict[str, Any]], nn.Module]
) -> Callable[[Given], dict[str, Any]]:
    """PyTorch's training from the weights and on the batches that were observed."""

    def reference(given: Given) -> dict[str, Any]:
        from parity.bridge import read_reference
        from reference.regression import train

        require_form(given, f"(weights, losses), weights a dictionary with {' and '.join(shapes)}")
        if not given.params:
            return {SAME_SEED: True}
        own = Given(given.inputs, given.options, given.params[: len(shapes)])
        weights = adopt(own, shapes)
        expected: dict[str, Any] = {SAME_SEED: True}
        if "W1" in shapes:
            expected[VARIED] = True
            if not _is_varied(weights[0]):
                return expected
        X, y = given.inputs["X"], given.inputs["y"]
        rows = [np.ones(len(X), dtype=bool)] * given.options["n_iter"]
        if "batch_size" in given.options:
            [batches] = given.params[len(shapes) :] or [np.zeros((1, ROWS))]
            expected[PAIRED] = True
            if not batches.any(axis=1).all():
                return expected
            expected |= {SIZES: _wanted_sizes(given.options), ONCE: True, REORDERED: True}
            if not _can_be_repeated(batches, given.options):
                return expected
            rows = [batch == 1 for batch in batches]
        model = build(dict(zip(shapes, weights, strict=True)))
        losses = train(
            model,
            [(tensor(X[batch]), tensor(y[batch])) for batch in rows],
            given.options["learning_rate"],
        )
        return {**expected, "losses": np.array(losses, dtype=X.dtype)} | {
            f"weights[{key}]": weight
            for key, weight in zip(shapes, read_reference(model), strict=True)
        }

    return reference
