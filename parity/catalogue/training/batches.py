"""Catalogue of chapter 3: data in a random order, and cut into batches."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.dense import listed
from parity.catalogue.training.stubs import Rows, row_sums
from parity.comparison import Absent
from parity.mutants import training as mutants

#: How often a result that depends on chance is looked at: even two rows come out right by chance
#: in all of them only once in a million times.
CALLS = 20


def _is_shuffled(order: list[int]) -> bool:
    """Whether few rows still stand next to each other, as they do where an array is only turned
    around or moved along. Of few rows nothing can be said.
    """
    n = len(order)
    together = sum((second - first) % n in (1, n - 1) for first, second in pairwise(order))
    return n < 20 or together < n // 2


def _run_permute_data(impl: Implementation, given: Given) -> Observed:
    """Many calls with the same data; what is looked at holds in any random order."""
    X = given.inputs["X"]
    y = row_sums(X)
    rows = Rows(X, y)
    results = [impl.permute_data(X, y) for _ in range(CALLS)]
    right_form = all(
        isinstance(result, tuple | list)
        and len(result) == 2
        and all(isinstance(array, ndarray) for array in result)
        and [array.shape for array in result] == [X.shape, y.shape]
        for result in results
    )
    observed: dict[str, Any] = {"two arrays of the same shapes are returned": right_form}
    if right_form:
        orders = [rows.order(permuted) for permuted, _ in results]
        known = [order for order in orders if order is not None]
        whole = len(known) == CALLS
        observed |= {
            "each row comes once": whole
            and all(sorted(order) == list(range(len(X))) for order in known),
            "y is in X's order": all(
                rows.pairs(order, y) for order, (_, y) in zip(orders, results, strict=True)
            ),
            "the rows are shuffled": whole and all(map(_is_shuffled, known)),
            "each call makes a new order": len(X) < 7 or len(set(map(tuple, known))) > 1,
        }
    return Observed(observed)


def _reference_permute_data(given: Given) -> dict[str, Any]:
    return dict.fromkeys(_PERMUTE_DATA, True)


_PERMUTE_DATA = (
    "two arrays of the same shapes are returned",
    "each row comes once",
    "y is in X's order",
    "the rows are shuffled",
    "each call makes a new order",
)


def _are_pairs(batches: list[Any]) -> bool:
    return all(
        isinstance(batch, tuple | list)
        and len(batch) == 2
        and all(isinstance(array, ndarray) and array.ndim > 0 for array in batch)
        for batch in batches
    )


def _stack(parts: list[ndarray], like: ndarray) -> Any:
    if len({part.shape[1:] for part in parts}) > 1:
        return Absent("in batches of different widths")
    return np.concatenate(parts) if parts else like[:0]


def _run_generate_batches(impl: Implementation, given: Given) -> Observed:
    X, y = given.inputs["X"], given.inputs["y"]
    batches = listed(impl.generate_batches(X, y, given.options["size"]))
    if not _are_pairs(batches):
        return Observed({"each batch is a pair of arrays": False})
    sizes = [len(X_batch) for X_batch, _ in batches]
    return Observed(
        {
            "each batch is a pair of arrays": True,
            "batch sizes": np.array(sizes, dtype=np.int64),
            "rows of X": _stack([X_batch for X_batch, _ in batches], X),
            "rows of y": _stack([y_batch for _, y_batch in batches], y),
        }
    )


def reference_generate_batches(given: Given) -> dict[str, Any]:
    """``torch.Tensor.split`` cuts the same way."""
    import torch

    rows = torch.arange(len(given.inputs["X"])).split(given.options["size"])
    return {
        "each batch is a pair of arrays": True,
        "batch sizes": np.array([len(part) for part in rows], dtype=np.int64),
        "rows of X": np.array(given.inputs["X"]),
        "rows of y": np.array(given.inputs["y"]),
    }


def _data(n: int) -> Shapes:
    return {"X": (n, 5), "y": (n, 1)}


COMPONENTS = (
    Component(
        name="permute_data",
        chapter=3,
        module="training",
        summary="rows in a random order",
        compares=_PERMUTE_DATA,
        run=_run_permute_data,
        reference=_reference_permute_data,
        cases=batch_cases(lambda n: {"X": (n, 5)}),
        mutants=mutants.PERMUTE_DATA,
        skeleton="def permute_data(X, y):\n"
        '    """The rows of X and y in one random order: two new arrays."""',
    ),
    Component(
        name="generate_batches",
        chapter=3,
        module="training",
        summary="data cut into batches",
        compares=("each batch is a pair of arrays", "batch sizes", "rows of X", "rows of y"),
        run=_run_generate_batches,
        reference=reference_generate_batches,
        cases=(
            Case("64 rows by 32", _data(64), {"size": 32}),
            Case("7 rows by 3", _data(7), {"size": 3}),
            Case("2 rows by 32", _data(2), {"size": 32}),
            Case("1 row by 1", _data(1), {"size": 1}),
            Case("7 rows by 3, reversed in memory", _data(7), {"size": 3}, layout="reversed"),
            Case("7 rows by 3, float32", _data(7), {"size": 3}, dtype="float32"),
        ),
        mutants=mutants.GENERATE_BATCHES,
        method_of="Trainer",
        skeleton="def generate_batches(X, y, size=32):\n"
        '    """Yield (X_batch, y_batch), size rows each; the last takes what is left."""',
    ),
)
