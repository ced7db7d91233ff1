"""How recurrent layers are run and what is expected: two batches, one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Given, Implementation, Observed, snapshot
from parity.catalogue.dense import are_arrays, seeded
from parity.catalogue.recurrent.states import (
    adopt_named,
    clear_gradients,
    derivs_of,
    load,
    param_shapes,
    set_start_states,
    start_states,
    states_of,
    values_of,
)
from parity.catalogue.twins import array, require_varied, tensor
from parity.comparison import Absent

if TYPE_CHECKING:
    from reference.recurrent import RecurrentLayer

FIRST, KEPT = "at first", "params stay from pass to pass"
NEXT, BOTH = " of the next batch", " after both batches"
CLEARED = "clearing sets every deriv to 0"
UPDATED = "output after an update"

#: The option of a case in which another layer of the same class works at the same time.
BESIDE = "beside"


def make_layer(
    impl: Implementation, kind: str, hidden: int, out: int, options: Mapping[str, Any]
) -> Any:
    """A recurrent layer as the book makes one. Its class need not take a scale of the weights."""
    cls = getattr(impl, kind)
    if "weight_scale" in options and "weight_scale" not in inspect.signature(cls).parameters:
        options = {name: value for name, value in options.items() if name != "weight_scale"}
    return seeded(cls(hidden_size=hidden, output_size=out, **options))


def layer_twin(
    kind: str, features: int, hidden: int, out: int, params: Mapping[str, ndarray], **options: Any
) -> RecurrentLayer:
    """A layer of ``reference`` with a layer's parameters."""
    from parity.bridge import load_recurrent
    from reference import recurrent

    twin: RecurrentLayer = getattr(recurrent, kind)(features, hidden, out, **options)
    load_recurrent(twin, params)
    return twin


def _sizes(given: Given) -> tuple[int, int, int]:
    """Features, hidden states and outputs of a case."""
    x, grad = given.inputs["x_seq_in"], given.inputs["x_seq_out_grad"]
    return x.shape[2], given.options["hidden_size"], grad.shape[2]


def _added(options: Mapping[str, Any]) -> dict[str, Any]:
    """What a case hands to the class beside the sizes."""
    return {name: value for name, value in options.items() if name not in ("hidden_size", BESIDE)}


def _names(kind: str, given: Given) -> dict[str, tuple[int, ...]]:
    variants = {"reset_after", "peepholes"}
    variant = {name: value for name, value in given.options.items() if name in variants}
    return param_shapes(kind, *_sizes(given), **variant)


def _starts(given: Given, states: Mapping[str, Any]) -> dict[str, Any]:
    """What a case starts from: its own states, where it has some, or those of a new layer."""
    return {name: given.inputs.get(name, state) for name, state in states.items()}


def run_layer(kind: str) -> Callable[[Implementation, Given], Observed]:
    """Two batches of different sizes, each forward and back, then a third way forward with other
    parameters. A pass with other numbers goes before, which sets the layer up; the start states are
    put back after it. Where the case wants another layer beside it, that one goes there and back
    between the two ways of each batch, which must not change anything.
    """

    def run(impl: Implementation, given: Given) -> Observed:
        _, hidden, out = _sizes(given)
        names = _names(kind, given)
        layer = make_layer(impl, kind, hidden, out, _added(given.options))
        first = start_states(layer, kind)
        layer.forward(given.inputs["x_seq_in"] + 1)
        beside = None
        if given.options.get(BESIDE):
            beside = make_layer(impl, kind, hidden, out, _added(given.options))
            beside.forward(given.inputs["x_seq_in"] + 1)
            set_start_states(beside, first)
        arrays = values_of(layer, names)
        if not are_arrays(arrays, len(names)):
            return Observed({}, arrays)
        load(arrays, given.params)
        params = [snapshot(param) for param in arrays]
        if beside is not None and are_arrays(values_of(beside, names), len(names)):
            load(values_of(beside, names), params)
        set_start_states(layer, _starts(given, first))
        tensors = _two_batches(layer, beside, kind, names, given)
        dtype = given.inputs["x_seq_in"].dtype
        shown = {f"{name} {FIRST}": _in_dtype(state, dtype) for name, state in first.items()}
        now = values_of(layer, names)
        shown[KEPT] = are_arrays(now, len(arrays)) and all(
            np.shares_memory(param, old) and param.tolist() == value.tolist()
            for param, old, value in zip(now, arrays, params, strict=True)
        )
        if CLEARED in tensors and are_arrays(now):
            for param in now:
                param += 0.1
            tensors[UPDATED] = snapshot(layer.forward(given.inputs["x_seq_in"]))
        return Observed(shown | tensors, params)

    return run


def _in_dtype(state: Any, dtype: np.dtype) -> Any:
    """A new layer does not know yet which type it is to compute in."""
    return state.astype(dtype) if isinstance(state, ndarray) else state


def _two_batches(
    layer: Any, beside: Any, kind: str, names: Mapping[str, Any], given: Given
) -> dict[str, Any]:
    """An output of the wrong shape has no way back."""
    tensors: dict[str, Any] = {}
    for x, grad, of, after in (
        (given.inputs["x_seq_in"], given.inputs["x_seq_out_grad"], "", ""),
        (given.inputs["next_in"], given.inputs["next_out_grad"], NEXT, BOTH),
    ):
        output = snapshot(layer.forward(x))
        if beside is not None:
            _there_and_back(beside, x + 1, grad)
        tensors[f"output{of}"] = output
        tensors |= {f"{name}{of}": state for name, state in start_states(layer, kind).items()}
        if not isinstance(output, ndarray) or output.shape != grad.shape:
            return tensors
        tensors[f"input_grad{of}"] = snapshot(layer.backward(grad))
        tensors |= derivs_of(layer, names, after)
    tensors[CLEARED] = _is_cleared(layer, names)
    return tensors


def _there_and_back(layer: Any, x: ndarray, grad: ndarray) -> None:
    if np.shape(layer.forward(x)) == grad.shape:
        layer.backward(grad)


def _is_cleared(layer: Any, names: Mapping[str, Any]) -> Any:
    try:
        clear_gradients(layer)
    except AttributeError:
        return Absent()
    return all(
        isinstance(deriv, ndarray) and not deriv.any() for deriv in derivs_of(layer, names).values()
    )


def reference_layer(kind: str) -> Callable[[Given], dict[str, Any]]:
    """The same with PyTorch. The gradients of both batches add up there, too."""

    def reference(given: Given) -> dict[str, Any]:
        names = _names(kind, given)
        params = dict(zip(names, adopt_named(given, names), strict=True))
        for name, value in params.items():
            if name.startswith("W"):
                require_varied(value, name)
        options = _added(given.options)
        options.pop("weight_scale", None)
        twin = layer_twin(kind, *_sizes(given), params, **options)
        zeros = {name: array(getattr(twin, name)) for name in states_of(kind)}
        _start_twin(twin, _starts(given, zeros))
        expected: dict[str, Any] = {f"{name} {FIRST}": zero for name, zero in zeros.items()}
        expected[KEPT] = True
        expected |= _two_batches_in_torch(twin, kind, given)
        expected[CLEARED] = True

        more = {name: value + np.array(0.1, value.dtype) for name, value in params.items()}
        updated = layer_twin(kind, *_sizes(given), more, **options)
        _start_twin(updated, {name: array(getattr(twin, name)) for name in states_of(kind)})
        expected[UPDATED] = array(updated(tensor(given.inputs["x_seq_in"])))
        return expected

    return reference


def _start_twin(twin: RecurrentLayer, states: Mapping[str, ndarray]) -> None:
    for name, state in states.items():
        setattr(twin, name, tensor(state))


def _two_batches_in_torch(twin: RecurrentLayer, kind: str, given: Given) -> dict[str, Any]:
    from parity.bridge import read_recurrent_grads

    expected: dict[str, Any] = {}
    for x_in, grad, of, after in (
        ("x_seq_in", "x_seq_out_grad", "", ""),
        ("next_in", "next_out_grad", NEXT, BOTH),
    ):
        x = tensor(given.inputs[x_in], requires_grad=True)
        output = twin(x)
        output.backward(tensor(given.inputs[grad]))
        expected[f"output{of}"] = array(output)
        expected |= {f"{name}{of}": array(getattr(twin, name)) for name in states_of(kind)}
        expected[f"input_grad{of}"] = array(x.grad)
        expected |= {
            f"deriv[{name}]{after}": grad for name, grad in read_recurrent_grads(twin).items()
        }
    return expected


def objective_of(kind: str) -> Callable[[Given], float]:
    """The sum of output times output gradient, of the first batch; from the scratch side."""

    def objective(given: Given) -> float:
        _, hidden, out = _sizes(given)
        names, x = _names(kind, given), given.inputs["x_seq_in"]
        layer = make_layer(Implementation(), kind, hidden, out, _added(given.options))
        zeros = start_states(layer, kind)
        layer.forward(x[:1, :1])
        load(values_of(layer, names), given.params)
        set_start_states(layer, _starts(given, zeros))
        return float(np.sum(layer.forward(x) * given.inputs["x_seq_out_grad"]))

    return objective
