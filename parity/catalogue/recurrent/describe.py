"""How the nodes of chapter 6 are described: a time step, or two of them with one set of parameters.

A parameter's ``deriv`` holds half of its value at first, as if later time steps had left that, for
what a node does is to add to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Mutant,
    Observed,
    snapshot,
)
from parity.catalogue.dense import are_arrays
from parity.catalogue.recurrent.states import param_shapes
from parity.catalogue.twins import array, tensor
from parity.comparison import Absent, with_article

if TYPE_CHECKING:
    from torch import Tensor

Params = dict[str, dict[str, Any]]

#: What goes from one time step to the next.
_STATES = {"RNNNode": ("H",), "GRUNode": ("H",), "LSTMNode": ("H", "C")}

_NEXT = " of the next step"
_KEPT = "params keep their values"


def describe(
    kind: str,
    summary: str,
    skeleton: str,
    mutations: tuple[Mutant, ...],
    *,
    option: str = "",
) -> Component:
    """An entry for a node.

    Args:
        kind: the class.
        summary: one line.
        skeleton: the code, or words.
        mutations: the mutants.
        option: an argument of the class, where the entry is for that; it is False or True.
    """
    options = {option: True} if option else {}
    states = _STATES[kind]
    grads = {f"{name}_in_grad": f"{name}_in" for name in ("X", *states)}
    derivs = {f"deriv[{name}]": name for name in _param_shapes(kind, 1, 1, 1, options)}
    return Component(
        name=f"{kind}.{option}" if option else kind,
        chapter=6,
        module="recurrent",
        summary=summary,
        compares=(
            *(f"{name}_out{of}" for of in ("", _NEXT) for name in ("X", *states)),
            *(f"{name}{of}" for of in (_NEXT, "") for name in grads),
            "deriv",
            _KEPT,
        ),
        run=_run(kind),
        reference=_reference(kind),
        cases=_cases(kind, options),
        skeleton=skeleton,
        mutants=mutations,
        requires=(kind,) if option else (),
        gradients=grads | {f"X_in_grad{_NEXT}": "next_in"} | derivs,
        objective=_objective(kind),
        in_book=not option,
    )


def _param_shapes(
    kind: str, features: int, hidden: int, out: int, options: Mapping[str, Any]
) -> dict[str, tuple[int, ...]]:
    return param_shapes(kind.replace("Node", "Layer"), features, hidden, out, **options)


def _sizes(given: Given) -> tuple[int, int, int]:
    """Features, hidden units and outputs of a case."""
    widths = [given.inputs[name].shape[1] for name in ("X_in", "H_in", "X_out_grad")]
    return widths[0], widths[1], widths[2]


def _values(kind: str, given: Given) -> dict[str, ndarray]:
    """The parameters of a case."""
    names = _param_shapes(kind, *_sizes(given), given.options)
    return {name: given.inputs[name] for name in names}


def _steps(inputs: Mapping[str, ndarray]) -> list[tuple[ndarray, ndarray, str]]:
    """Of each time step: the input, the gradient on the output, what follows a result's name."""
    steps = [(inputs["X_in"], inputs["X_out_grad"], "")]
    if "next_in" in inputs:
        steps.append((inputs["next_in"], inputs["next_out_grad"], _NEXT))
    return steps


def _run(kind: str) -> Callable[[Implementation, Given], Observed]:
    """A pass with other numbers goes before, for a layer keeps its nodes from batch to batch."""

    def run(impl: Implementation, given: Given) -> Observed:
        nodes = [getattr(impl, kind)(**given.options) for _ in _steps(given.inputs)]
        other = Given({name: value + 1 for name, value in given.inputs.items()}, given.options)
        _both_ways(nodes, kind, other, _started(_values(kind, other)))

        values = _values(kind, given)
        params = _started(values)
        shown = _both_ways(nodes, kind, given, params)
        kept = all(np.array_equal(params[name]["value"], values[name]) for name in values)
        return Observed(shown | {_KEPT: kept})

    return run


def _started(values: Mapping[str, ndarray]) -> Params:
    return {name: {"value": value, "deriv": value / 2} for name, value in values.items()}


def _both_ways(nodes: list[Any], kind: str, given: Given, params: Params) -> dict[str, Any]:
    """Results of the wrong shape have no way on, and no way back."""
    inputs, states = given.inputs, _STATES[kind]
    shown: dict[str, Any] = {}
    steps = list(zip(nodes, _steps(inputs), strict=True))

    state = [inputs[f"{name}_in"] for name in states]
    for node, (x_in, x_out_grad, of) in steps:
        names = [f"{name}_out{of}" for name in ("X", *states)]
        parts = _parts(node.forward(x_in, *state, params), names, "forward")
        shown |= _snapshots(parts)
        wanted = [x_out_grad.shape, *(part.shape for part in state)]
        _, *state = parts.values()
        if _shapes_of(parts.values()) != wanted:
            return shown

    grads = [inputs[f"{name}_out_grad"] for name in states]
    for node, (_, x_out_grad, of) in reversed(steps):
        if not hasattr(node, "backward"):
            return shown
        names = [f"{name}_in_grad{of}" for name in ("X", *states)]
        parts = _parts(node.backward(x_out_grad, *grads, params), names, "backward")
        shown |= _snapshots(parts)
        wanted = [part.shape for part in grads]
        _, *grads = parts.values()
        if _shapes_of(grads) != wanted:
            break
    return shown | {f"deriv[{name}]": snapshot(entry["deriv"]) for name, entry in params.items()}


def _parts(answer: Any, names: list[str], method: str) -> dict[str, Any]:
    """What a method returns, by name; it must return as many things as there are names."""
    if isinstance(answer, tuple | list) and len(answer) == len(names):
        return dict(zip(names, answer, strict=True))
    what = "None" if answer is None else with_article(type(answer).__name__)
    if isinstance(answer, tuple | list):
        what += f" of {len(answer)}"
    elif isinstance(answer, ndarray):
        what = "one array"
    return dict.fromkeys(names, Absent(f"not there, for {method} returns {what}"))


def _snapshots(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: snapshot(part) for name, part in parts.items()}


def _shapes_of(parts: Iterable[Any]) -> list[Any]:
    return [part.shape if are_arrays([part]) else None for part in parts]


def _reference(kind: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        import torch

        from parity.bridge import load_recurrent, read_recurrent_grads
        from reference import recurrent

        values, inputs, states = _values(kind, given), given.inputs, _STATES[kind]
        twin = getattr(recurrent, kind.replace("Node", "Layer"))(*_sizes(given), **given.options)
        load_recurrent(twin, values)
        state = tuple(tensor(inputs[f"{name}_in"], requires_grad=True) for name in states)
        forward: dict[str, Any] = {}
        leaves, outputs, grads = [], [], []
        for x_in, x_out_grad, of in _steps(inputs):
            x = tensor(x_in, requires_grad=True)
            leaves.append(({"X": x} | dict(zip(states, state, strict=True)), of))
            x_seq_out, state = twin.forward_from(x[:, None], state)
            outputs.append(x_seq_out[:, 0])
            grads.append(tensor(x_out_grad))
            shown = {"X": x_seq_out[:, 0]} | dict(zip(states, state, strict=True))
            forward |= {f"{name}_out{of}": array(part) for name, part in shown.items()}
            state = tuple(_entering(part) for part in state)
        grads += [tensor(inputs[f"{name}_out_grad"]) for name in states]
        torch.autograd.backward([*outputs, *state], grads)

        backward: dict[str, Any] = {}
        for parts, of in reversed(leaves):
            backward |= {f"{name}_in_grad{of}": array(part.grad) for name, part in parts.items()}
        for name, grad in read_recurrent_grads(twin).items():
            backward[f"deriv[{name}]"] = values[name] / 2 + grad
        return {**forward, **backward, _KEPT: True}

    return reference


def _entering(state: Tensor) -> Tensor:
    """A state as the next step gets it: its gradient is that step's share alone."""
    copy = state.clone()
    copy.retain_grad()
    return copy


def _objective(kind: str) -> Callable[[Given], float]:
    """The sum of outputs and last states times the gradients on them. A quarter of each parameter's
    square comes on top, whose slope is what its ``deriv`` holds at first.
    """

    def objective(given: Given) -> float:
        params, inputs, states = _started(_values(kind, given)), given.inputs, _STATES[kind]
        state = [inputs[f"{name}_in"] for name in states]
        total = 0.0
        for x_in, x_out_grad, _ in _steps(inputs):
            node = getattr(Implementation(), kind)(**given.options)
            x_out, *state = node.forward(x_in, *state, params)
            total += np.sum(x_out * x_out_grad)
        for name, part in zip(states, state, strict=True):
            total += np.sum(part * inputs[f"{name}_out_grad"])
        return float(total + sum(np.sum(entry["value"] ** 2) / 4 for entry in params.values()))

    return objective


def _shapes(
    kind: str, n: int, features: int, hidden: int, out: int, options: Mapping[str, Any]
) -> dict[str, tuple[int, ...]]:
    states = _STATES[kind]
    return {
        "X_in": (n, features),
        **{f"{name}_in": (n, hidden) for name in states},
        "X_out_grad": (n, out),
        **{f"{name}_out_grad": (n, hidden) for name in states},
        **_param_shapes(kind, features, hidden, out, options),
    }


def _cases(kind: str, options: dict[str, Any]) -> tuple[Case, ...]:
    def shapes(n: int) -> Shapes:
        return _shapes(kind, n, 3, 4, 2, options)

    def two(n: int) -> Shapes:
        """Of a step and of the next one."""
        return _shapes(kind, n, 2, 3, 4, options) | {"next_in": (n, 2), "next_out_grad": (n, 4)}

    off = dict.fromkeys(options, False)
    without = (Case(f"with {name}=False", _shapes(kind, 7, 3, 4, 2, off), off) for name in options)
    return (
        *batch_cases(shapes, options=options),
        Case("as many outputs as features", _shapes(kind, 7, 3, 2, 3, options), options),
        Case("two time steps", two(2), options),
        Case("two time steps, batch of 7", two(7), options),
        Case("two time steps, float32", two(7), options, dtype="float32", tolerance="through time"),
        *without,
    )
