"""What ``parity.gradcheck`` is handed, looked at before use: functions, arrays, gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray


def names_of(function: Callable[..., Any], count: int) -> list[str]:
    """What the function calls its arguments, or "array 1" and so on."""
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        parameters = []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [parameter.name for parameter in parameters if parameter.kind in positional]
    unnamed = [f"array {number}" for number in range(1, count + 1)]
    return [*named, *unnamed[len(named) :]][:count]


def require_arguments(
    function: Callable[..., Any], arguments: list[ndarray], who: str, what: str
) -> None:
    """Let a function pass that can be called so, or does not tell.

    Raises:
        TypeError: it takes other arguments.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise TypeError(
            f"gradcheck: {who} is called with {what}, {_counted(len(arguments), 'argument')}, but "
            f"takes {', '.join(signature.parameters) or 'none'}"
        ) from error


def changed(who: str, copies: list[ndarray], points: list[ndarray], names: list[str]) -> list[str]:
    """A sentence for each array that a function has changed."""
    return [
        f"Note that {who} changes its argument {name} in place; it was given copies here."
        for copy, point, name in zip(copies, points, names, strict=True)
        if not np.array_equal(copy, point, equal_nan=True)
    ]


def gradients_for(found: Any, points: list[ndarray], names: list[str]) -> list[Any]:
    """The gradient on each array, as it was given.

    Raises:
        TypeError: there are not as many as arrays, or they have other names.
    """
    if found is None:
        raise TypeError("gradcheck: the function of the gradient gives None: forgot return?")
    if isinstance(found, Mapping):
        if set(found) != set(names):
            raise TypeError(
                f"gradcheck: gradients named {', '.join(map(str, found))}, but the arrays are "
                f"{', '.join(names)}"
            )
        return [found[name] for name in names]
    several = isinstance(found, list | tuple)
    if several and len(points) == 1:
        several = not _is_one(found, points[0].shape)
    given = list(found) if several else [found]
    if len(given) != len(points):
        raise TypeError(
            f"gradcheck: {_counted(len(given), 'gradient')} for {_counted(len(points), 'array')}"
        )
    return given


def _is_one(found: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Whether a list is the gradient of one array, rather than holds it."""
    try:
        whole = np.shape(found)
    except ValueError:  # ragged
        return False
    if whole == shape:
        return True
    return whole[1:] != shape and not any(isinstance(part, ndarray) for part in found)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def as_float(array: Any, number: int) -> ndarray:
    """A copy in float64.

    Raises:
        TypeError: it is not of real numbers.
    """
    found = np.asarray(array)
    if found.dtype.kind not in "fiu":
        raise TypeError(
            f"gradcheck: argument {number} is {type(array).__name__} of {found.dtype}, must be an "
            "array of real numbers"
        )
    return np.array(found, dtype=np.float64)


def as_real(values: Any, what: str) -> ndarray:
    """In float64, nothing of it left out.

    Raises:
        TypeError: they are not real numbers, or no array.
    """
    if values is None:
        raise TypeError(f"gradcheck: {what} is None; forgot return?")
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise TypeError(f"gradcheck: {what} is a ragged list, must be an array") from error
    if found.dtype.kind not in "fiu":
        raise TypeError(
            f"gradcheck: {what} is {type(values).__name__} of {found.dtype}, must be an array of "
            "real numbers"
        )
    return found.astype(np.float64)


def as_output(given: Any) -> tuple[ndarray, bool]:
    """What a function gave, in float64, and whether it was in float32.

    Raises:
        ValueError: it is not one array of finite real numbers, or in float16.
    """
    if given is None:
        raise ValueError("gradcheck: the function gives None: forgot return?")
    try:
        output = np.asarray(given)
    except ValueError as error:
        raise ValueError(
            f"gradcheck: the function gives a {type(given).__name__} of several things, must give "
            "one array; as in gradcheck(lambda x: f(x)[0], x)"
        ) from error
    if output.dtype.kind not in "fiu":
        raise ValueError(
            f"gradcheck: the function gives {type(given).__name__} of {output.dtype}, must give "
            "real numbers"
        )
    if output.dtype == np.float16:
        raise ValueError(
            "gradcheck: the function computes in float16, which is too coarse for differences; "
            "let it compute in float64"
        )
    if not np.isfinite(output).all():
        raise ValueError(
            "gradcheck: the function gives NaN or infinity, there or a step away; take it elsewhere"
        )
    return output.astype(np.float64), output.dtype == np.float32
