"""Functions in the place of a class: one that makes the object, one that returns the way back, and
two that go there and back.
"""

from __future__ import annotations

import dis
import itertools
from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from parity.runner.adapt import spelling


class Pair:
    """Two functions, ``forward(input_)`` and ``backward(output_grad, cache)``.

    Args:
        forward: returns the output, and with it whatever ``backward`` wants to be given.
        backward: returns the gradient on the input.
    """

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        self.forward, self.backward = forward, backward

    def given(self, *args: Any, **kwargs: Any) -> Pair:
        """The two, with what the component's ``__init__`` gets handed to ``forward``.

        Raises:
            TypeError: ``forward`` does not take that, beside the input.
        """
        names = [argument.name for argument in spelling.taken(self.forward) or ()][1:]
        more = {**dict(zip(names, args, strict=False)), **kwargs}
        if len(args) > len(names) or not spelling.binds(self.forward, (None,), more):
            name = getattr(self.forward, "__name__", "forward")
            told = ", ".join(["the input", *(names[: len(args)] or ["param"] * len(args)), *kwargs])
            raise TypeError(f"{name} cannot be called with {told}; write a class instead")
        return Pair(partial(self.forward, **more) if more else self.forward, self.backward)


class WithBackward:
    """A function that returns its result and the way back: a function, or for a loss the gradient.

    Args:
        function: of what the component's ``forward`` gets.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def forward(self, *args: Any) -> Any:
        """Its first result."""
        result, self.way_back = _two(self.function, self.function(*args))
        return result

    def backward(self, *output_grad: Any) -> Any:
        """Its second result."""
        return self.way_back(*output_grad) if callable(self.way_back) else self.way_back


def _two(function: Callable[..., Any], result: Any) -> tuple[Any, Any]:
    if isinstance(result, tuple) and len(result) == 2:
        return result[0], result[1]
    name = getattr(function, "__name__", "it")
    raise TypeError(f"{name} must be a class, or return its result and the way back")


def stands_for_class(value: Any) -> bool:
    """Whether a function can stand where a class should: it takes nothing that it needs, and so can
    make an object; or it returns two things.
    """
    if isinstance(value, Pair):
        return True
    if not isinstance(value, FunctionType):
        return False
    return not spelling.required(value) or _returns_two(value.__code__)


def made_by(value: Any) -> Callable[..., Any]:
    """What makes an object, as a class would."""
    if isinstance(value, Pair):
        return value.given
    if spelling.required(value):
        return lambda: WithBackward(value)
    return value


def _returns_two(code: CodeType) -> bool:
    steps = list(dis.get_instructions(code))
    return any(
        before.opname == "BUILD_TUPLE" and before.arg == 2 and step.opname == "RETURN_VALUE"
        for before, step in itertools.pairwise(steps)
    )
