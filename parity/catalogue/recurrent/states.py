"""What the descriptions of recurrent layers and models share: parameters by name, start states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from numpy import ndarray

from parity.catalogue.component import AdoptionError, Case, Given, snapshot
from parity.catalogue.twins import adopt
from parity.comparison import Absent


def states_of(kind: str) -> tuple[str, ...]:
    """The names of the states that a kind of layer starts from."""
    return ("start_H", "start_C") if kind == "LSTMLayer" else ("start_H",)


def param_shapes(
    kind: str,
    features: int,
    hidden: int,
    out: int,
    *,
    reset_after: bool = False,
    peepholes: bool = False,
) -> dict[str, tuple[int, ...]]:
    """The parameters of a kind of layer, by their names in the book, and their shapes."""
    row, both = (1, hidden), (features + hidden, hidden)
    shapes: dict[str, tuple[int, ...]]
    if kind == "RNNLayer":
        shapes = {"W_f": both, "B_f": row}
    elif kind == "GRULayer":
        shapes = dict.fromkeys(("W_xr", "W_xu", "W_xh"), (features, hidden))
        shapes |= dict.fromkeys(("W_hr", "W_hu", "W_hh"), (hidden, hidden))
        shapes |= dict.fromkeys(("B_r", "B_u", "B_h", "B_hh")[: 3 + reset_after], row)
    else:
        shapes = dict.fromkeys(("W_f", "W_i", "W_c", "W_o"), both)
        shapes |= dict.fromkeys(("B_f", "B_i", "B_c", "B_o"), row)
        shapes |= dict.fromkeys(("P_f", "P_i", "P_o") if peepholes else (), row)
    return shapes | {"W_v": (hidden, out), "B_v": (1, out)}


def values_of(layer: Any, names: Mapping[str, Any]) -> list[Any]:
    """The parameters of these names; of what is no such mapping, one ``Absent``."""
    return _entries(layer, names, "value")


def derivs_of(layer: Any, names: Mapping[str, Any], after: str = "") -> dict[str, Any]:
    """The gradients on these parameters, as ``deriv[...]`` followed by ``after``."""
    entries = _entries(layer, names, "deriv")
    entries += [Absent()] * (len(names) - len(entries))
    return {
        f"deriv[{name}]{after}": snapshot(entry) for name, entry in zip(names, entries, strict=True)
    }


def _entries(layer: Any, names: Mapping[str, Any], key: str) -> list[Any]:
    params = getattr(layer, "params", Absent())
    if not isinstance(params, Mapping):
        return [params if isinstance(params, Absent) else Absent("no dictionary")]
    return [
        entry[key] if isinstance(entry, Mapping) and key in entry else Absent()
        for entry in (params[name] for name in names if name in params)
    ]


def adopt_named(given: Given, shapes: dict[str, tuple[int, ...]]) -> list[ndarray]:
    """The implementation's parameters, once they are what they must be.

    Raises:
        AdoptionError: they are not.
    """
    if len(given.params or []) != len(shapes):
        message = f"must be a dictionary of {', '.join(shapes)}"
        raise AdoptionError("params", f'{message}, each of them {{"value": ..., "deriv": ...}}')
    return adopt(given, shapes)


def load(arrays: list[Any], params: list[ndarray] | None) -> None:
    """Put parameters into those of a layer that has set itself up, in place."""
    if params is not None:
        for own, value in zip(arrays, params, strict=True):
            own[...] = value


def start_states(layer: Any, kind: str) -> dict[str, Any]:
    """The states that the layer's next batch starts from."""
    return {name: snapshot(getattr(layer, name, Absent())) for name in states_of(kind)}


def set_start_states(layer: Any, states: Mapping[str, Any]) -> None:
    """Let the layer's next batch start from these, where it has such states at all."""
    for name, state in states.items():
        if not isinstance(state, Absent):
            setattr(layer, name, snapshot(state))


def clear_gradients(layer: Any) -> None:
    """Clear a layer's gradients, by the one of two names that it has: the book's companion code
    puts an underscore in front.

    Raises:
        AttributeError: it has neither.
    """
    clear = getattr(layer, "_clear_gradients", None)
    (layer.clear_gradients if clear is None else clear)()


def give_both_names(layer: Any) -> Any:
    """The layer, whose gradients can be cleared by either name: a learner's model uses one of them,
    and the layers in it may be ours.
    """
    for name, other in (
        ("clear_gradients", "_clear_gradients"),
        ("_clear_gradients", "clear_gradients"),
    ):
        if hasattr(layer, name) and not hasattr(layer, other):
            with suppress(AttributeError):  # __slots__
                setattr(layer, other, getattr(layer, name))
    return layer


def judged_in_float64(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases, of which those in float32 are held to fewer digits.

    A layer draws its own weights, new ones in each check. With one draw in some dozens, the shares
    of rows and time steps in some gradient cancel so far that float32 has no five digits left of
    it, in PyTorch no more than in what is checked. The same cases in float64 have them.
    """
    return tuple(replace(case, tolerance="through time") for case in cases)
