"""How the functions of chapter 1 are described: one maker of entries, and the cases they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Mutant, Observed
from parity.catalogue.twins import array, tensor
from scratch import functions as scratch

# Functions that are handed to what is checked: ours, never the learner's, so that one mistake does
# not show twice. The difference quotient of a polynomial of degree two is exact, so cases with
# "square" and "affine" are held to the strict tolerance.
SIGMAS: dict[str, scratch.ArrayFunction] = {
    "sigmoid": scratch.sigmoid,
    "square": scratch.square,
    "leaky_relu": scratch.leaky_relu,
    "affine": lambda x: 3 * x - 1,
}


def twin(sigma: str) -> Callable[[Any], Any]:
    """The PyTorch function of that name in ``SIGMAS``."""
    import torch

    from reference import functions as reference

    twins: dict[str, Callable[[Any], Any]] = {
        "sigmoid": torch.sigmoid,
        "square": torch.square,
        "leaky_relu": reference.leaky_relu,
        "affine": lambda x: 3 * x - 1,
    }
    return twins[sigma]


def describe(
    name: str,
    summary: str,
    compares: tuple[str, ...],
    cases: tuple[Case, ...],
    code: str,
    mutations: tuple[Mutant, ...],
    *,
    gradients: dict[str, str] | None = None,
    objective: Callable[[Given], float] | None = None,
    in_book: bool = True,
) -> Component:
    """An entry for a function of arrays and perhaps a sigma (or a chain of them), which returns one
    array or as many as ``compares`` names.
    """

    def arguments(given: Given, convert: Callable[[ndarray], Any], side: Any) -> list[Any]:
        arrays = {key: convert(value) for key, value in given.inputs.items()}
        weights = [arrays.pop("V")] if "V" in arrays else []
        if "chain" in given.options:
            return [[side(sigma) for sigma in given.options["chain"]], *arrays.values()]
        sigma = [side(given.options["sigma"])] if "sigma" in given.options else []
        if name == "deriv":
            return [*sigma, *arrays.values()]
        return [*arrays.values(), *sigma, *weights]

    def named(result: Any) -> dict[str, Any]:
        if len(compares) == 1:
            return {compares[0]: result}
        if not isinstance(result, tuple | list) or len(result) != len(compares):
            return dict.fromkeys(compares, result)
        return dict(zip(compares, result, strict=True))

    def run(impl: Implementation, given: Given) -> Observed:
        return Observed(
            named(getattr(impl, name)(*arguments(given, lambda x: x, SIGMAS.__getitem__)))
        )

    def reference(given: Given) -> dict[str, Any]:
        from reference import functions

        result = named(getattr(functions, name)(*arguments(given, tensor, twin)))
        return {key: array(value) for key, value in result.items()}

    return Component(
        name=name,
        chapter=1,
        module="functions",
        summary=summary,
        compares=compares,
        run=run,
        reference=reference,
        cases=cases,
        skeleton=code,
        mutants=mutations,
        gradients=gradients or {},
        objective=objective,
        in_book=in_book,
    )


def sigma_cases(shapes: Callable[[int], Shapes]) -> tuple[Case, ...]:
    """Cases for what takes difference quotients of ``sigma``: strict where they are exact, and the
    book's own sigmoid with the tolerance that the quotient allows.
    """
    exact = batch_cases(shapes, options={"sigma": "square"})
    return (
        *(case for case in exact if case.dtype == "float64"),
        Case("sigmoid", shapes(7), {"sigma": "sigmoid"}, tolerance="numeric"),
        Case(
            "sigmoid, batch of 64, reversed",
            shapes(64),
            {"sigma": "sigmoid"},
            layout="reversed",
            tolerance="numeric",
        ),
        Case(
            "sigmoid, float32",
            shapes(7),
            {"sigma": "sigmoid"},
            dtype="float32",
            tolerance="numeric",
        ),
    )


def plain_sigma_cases(shapes: Callable[[int], Shapes]) -> tuple[Case, ...]:
    """Cases for what only applies ``sigma``."""
    return batch_cases(shapes, options={"sigma": "sigmoid"})


def sum_of(function: Callable[..., Any]) -> Callable[[Given], float]:
    """The sum of what a function returns, as an objective to take gradients of."""

    def objective(given: Given) -> float:
        inputs = dict(given.inputs)
        weights = [inputs.pop("V")] if "V" in inputs else []
        sigma = SIGMAS[given.options["sigma"]]
        return float(np.sum(function(*inputs.values(), sigma, *weights)))

    return objective
