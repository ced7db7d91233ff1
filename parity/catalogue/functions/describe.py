"""How functions are described: one maker of entries, and the cases that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def _arguments(
    order: Iterable[str],
    given: Given,
    convert: Callable[[ndarray], Any] = lambda array: array,
    function: Callable[[str], Any] = SIGMAS.__getitem__,
) -> list[Any]:
    """What a case has of the arguments: its arrays, its functions and its numbers."""
    values = {name: convert(array) for name, array in given.inputs.items()}
    for name, option in given.options.items():
        if name == "sigma":
            values[name] = function(option)
        elif name == "chain":
            values[name] = [function(sigma) for sigma in option]
        else:
            values[name] = option
    return [values[name] for name in order if name in values]


def describe(
    name: str,
    summary: str,
    order: tuple[str, ...],
    compares: tuple[str, ...],
    cases: tuple[Case, ...],
    code: str,
    mutations: tuple[Mutant, ...],
    *,
    chapter: int = 1,
    keywords: tuple[str, ...] = (),
    gradients: dict[str, str] | None = None,
    objective: Callable[[Given], float] | None = None,
    in_book: bool = True,
) -> Component:
    """An entry for a function of the arguments in ``order``, and of those options of a case that
    are named in ``keywords``; it returns one array or as many as ``compares`` names.
    """
    # Autograd takes no step.
    exact = [argument for argument in order if argument != "delta"]

    def named(result: Any) -> dict[str, Any]:
        if len(compares) == 1:
            return {compares[0]: result}
        if not isinstance(result, tuple | list) or len(result) != len(compares):
            return dict.fromkeys(compares, result)
        return dict(zip(compares, result, strict=True))

    def by_keyword(given: Given) -> dict[str, Any]:
        return {key: given.options[key] for key in keywords if key in given.options}

    def run(impl: Implementation, given: Given) -> Observed:
        function = getattr(impl, name)
        return Observed(named(function(*_arguments(order, given), **by_keyword(given))))

    def reference(given: Given) -> dict[str, Any]:
        from reference import functions

        function = getattr(functions, name)
        result = named(function(*_arguments(exact, given, tensor, twin), **by_keyword(given)))
        return {key: array(value) for key, value in result.items()}

    return Component(
        name=name,
        chapter=chapter,
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


def sum_of(function: Callable[..., Any], *order: str) -> Callable[[Given], float]:
    """The sum of what a function of the arguments in ``order`` returns, as an objective to take
    gradients of.
    """

    def objective(given: Given) -> float:
        return float(np.sum(function(*_arguments(order, given))))

    return objective
