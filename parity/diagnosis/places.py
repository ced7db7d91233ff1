"""Where in a learner's file the code stands that a result comes from."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

#: What computes a result, by words in its name: the first of these methods that the learner's class
#: has of its own. What stands first counts.
_METHODS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("restart", "stay from pass to pass", "standard deviation", "mean of", "filters of its own"),
     ("_setup_layer", "setup_layer", "_init_params", "_init_layer", "__init__")),
    (("clearing", "zero_grad"), ("clear_gradients", "_clear_gradients", "zero_grad")),
    (("at inference",), ("_output", "forward", "_setup_layer")),
    (("param_grad", "bias_grad"), ("_param_grad", "_bias_grad", "_param_grads", "backward")),
    (("in_grad", "input_grad", "deriv", ".grad", "gradient"), ("_input_grad", "backward")),
    (("after every step",), ("_update_rule", "step", "_step")),
    (("learning rates",), ("_decay_lr", "_setup_decay", "rate", "step", "__call__")),
    (("decay", "epoch", "batch", "step", "validat", "network", "row"), ("fit",)),
    (("start_",), ("_init_params", "forward")),
    (("output", "loss", "_out", "code", "images"), ("_output", "forward", "_setup_layer")),
    (("",), ("forward", "fit", "step")),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Lines of a learner's file.

    Attributes:
        name: of the function, or of the class and method, as in "Dense.backward".
        first: line.
        last: line.
    """

    name: str
    first: int
    last: int


#: By method, an inherited one under its own class's name; "" is the class or function itself.
Places = Mapping[str, Place]


def places_of(value: Any, file: str) -> dict[str, Place]:
    """Where a class and its methods stand, or a function, as far as they stand in that file."""
    if not inspect.isclass(value):
        place = _place(_plain(value), file)
        return {} if place is None else {"": place}
    places = {
        name: place
        for owner in reversed(value.__mro__)
        for name, function in vars(owner).items()
        if (place := _place(_plain(function), file)) is not None
    }
    own = [places[name] for name in vars(value) if name in places]
    if own:
        first, last = min(place.first for place in own), max(place.last for place in own)
        places[""] = Place(value.__name__, first, last)
    return places


def place_of(places: Places, result: str, mistake: Any = None) -> Place | None:
    """The lines that a result comes from: those of the method, or of the whole.

    Args:
        places: from ``places_of``.
        result: as the catalogue calls it.
        mistake: the implementation of the mutant that explains it: the method that it gets wrong
            is the one to look at.
    """
    wrong = [name for name in vars(mistake) if name in places] if inspect.isclass(mistake) else []
    names = next(names for words, names in _METHODS if any(word in result for word in words))
    for name in (*(name for name in names if name in wrong), *wrong, *names, ""):
        if name in places:
            return places[name]
    return None


def _plain(function: Any) -> Any:
    """What a method, or a decorator like ``staticmethod``, is put around."""
    function = getattr(function, "__func__", function)
    return inspect.unwrap(function) if inspect.isfunction(function) else function


def _place(function: Any, file: str) -> Place | None:
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or code.co_filename != file:
        return None
    name = code.co_qualname.rpartition("<locals>.")[2]
    return Place(name, code.co_firstlineno, max(_line_numbers(code)))


def _line_numbers(code: CodeType) -> Iterator[int]:
    yield code.co_firstlineno
    yield from (line for _, _, line in code.co_lines() if line)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _line_numbers(constant)
