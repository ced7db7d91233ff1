"""What the mistakes in convolutions share: wrong ways of moving a filter, and of taking batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from parity.catalogue.component import Mutant

Function = Callable[..., Any]


def slide(padded: ndarray, param: ndarray) -> ndarray:
    """The filter at each place where it fits, over as many axes as it has."""
    return np.tensordot(sliding_window_view(padded, param.shape), param, param.ndim)


def pad_one_side(array: ndarray, param: ndarray, *, front: bool) -> ndarray:
    """All the zeros that a filter needs, on one side of each of its axes."""
    widths = [(size - 1, 0) if front else (0, size - 1) for size in param.shape]
    return np.pad(array, [(0, 0)] * (array.ndim - param.ndim) + widths)


def last_only(array: ndarray) -> ndarray:
    """Zeros but for the last element: what is left where each product replaces the one before."""
    result = np.zeros_like(array)
    result[(-1,) * array.ndim] = array[(-1,) * array.ndim]
    return result


def cut_to_square(images: ndarray, axis: int) -> ndarray:
    """Images of which loops with one size for both axes, that along ``axis``, reach only a part.

    Raises:
        IndexError: they run over the edge.
    """
    size = images.shape[axis]
    if size > min(images.shape[-2:]):
        raise IndexError("the loops run over the edge of the image")
    result = np.zeros_like(images)
    result[..., :size, :size] = images[..., :size, :size]
    return result


def for_batches(
    mutants: Iterable[Mutant], within: str, over_batch: Callable[[Function], Function]
) -> tuple[Mutant, ...]:
    """The same mistakes in a function of batches that is built on a function of one observation.

    Args:
        mutants: of the function of one observation.
        within: its name.
        over_batch: makes a function of batches of it.
    """
    return tuple(
        replace(mutant, implementation=over_batch(mutant.implementation), within=within)
        for mutant in mutants
    )


def stacked(*varying: int) -> Callable[[Function], Function]:
    """Makes functions of batches: one result for each observation.

    Args:
        varying: the arguments, by their positions, that have a part for each observation.
    """
    return lambda function: lambda *arguments: np.stack(_each(function, arguments, varying))


def summed(*varying: int) -> Callable[[Function], Function]:
    """Makes functions of batches: the results of the observations added up.

    Args:
        varying: as for ``stacked``.
    """
    return lambda function: lambda *arguments: sum(_each(function, arguments, varying))


def _each(function: Function, arguments: tuple[Any, ...], varying: tuple[int, ...]) -> list[Any]:
    return [
        function(*(value[i] if at in varying else value for at, value in enumerate(arguments)))
        for i in range(len(arguments[0]))
    ]


def first_for_all(right: Function, result: str) -> Mutant:
    """The first observation's result, for the whole batch."""

    def wrong(inp: ndarray, *rest: Any) -> ndarray:
        return np.repeat(right(inp, *rest)[:1], len(inp), axis=0)

    return Mutant(
        "first for all",
        "Every observation gets the result of the first; go through the batch, one by one.",
        wrong,
        result,
    )


def averaged(right: Function, result: str) -> Mutant:
    """Divided by the batch size."""

    def wrong(inp: ndarray, *rest: Any) -> ndarray:
        gradient: ndarray = right(inp, *rest) / len(inp)
        return gradient

    return Mutant(
        "averaged over the batch",
        "The gradient is divided by the batch size; where that is wanted, the loss does it, and "
        "output_grad has it already.",
        wrong,
        result,
    )
