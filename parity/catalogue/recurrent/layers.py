"""Catalogue of chapter 6: recurrent layers."""

from __future__ import annotations

from parity.catalogue.cases import BATCHES, Shapes
from parity.catalogue.component import Case, Component, Mutant
from parity.catalogue.recurrent.layer_runs import (
    BESIDE,
    BOTH,
    CLEARED,
    FIRST,
    KEPT,
    NEXT,
    UPDATED,
    objective_of,
    reference_layer,
    run_layer,
)
from parity.catalogue.recurrent.states import judged_in_float64, param_shapes, states_of
from parity.mutants.recurrent import layer_options as option_mutants
from parity.mutants.recurrent import layers as mutants
from parity.mutants.recurrent.lstm_layer import LSTM_LAYER


def _shapes(n: int, time: int, features: int, out: int) -> Shapes:
    """Of a batch, and of the next one, which has another size."""
    following = 3 if n == 2 else 2
    return {
        "x_seq_in": (n, time, features),
        "x_seq_out_grad": (n, time, out),
        "next_in": (following, time, features),
        "next_out_grad": (following, time, out),
    }


def _next_shapes(n: int, time: int) -> Shapes:
    return {"next_in": (n, time, 3), "next_out_grad": (n, time, 2)}


def _state_shapes(kind: str, hidden: int) -> Shapes:
    return dict.fromkeys(states_of(kind), (1, hidden))


def _case(
    name: str,
    n: int,
    time: int,
    *,
    hidden: int,
    features: int = 3,
    out: int = 2,
    more: Shapes | None = None,
    beside: bool = False,
    dtype: str = "float64",
) -> Case:
    """A case of its own: of large weights, with which all that is in a layer shows."""
    options = {"hidden_size": hidden, "weight_scale": 1.0} | ({BESIDE: True} if beside else {})
    shapes = {**_shapes(n, time, features, out), **(more or {})}
    return Case(name, shapes, options, dtype)


def _cases(kind: str) -> tuple[Case, ...]:
    """In no batch more time steps than in the first: the book makes a node for each of those."""
    sizes = {"hidden_size": 4}
    steps = {1: 5, 2: 2, 7: 3, 64: 1}
    return (
        *(Case(f"batch of {n}, time of {t}", _shapes(n, t, 3, 2), sizes) for n, t in steps.items()),
        *(
            Case(f"batch of 7, {layout} in memory", _shapes(7, 2, 3, 2), sizes, layout=layout)
            for layout in ("strided", "reversed", "transposed")
        ),
        Case("batch of 64, float32", _shapes(64, 2, 3, 2), sizes, dtype="float32"),
        _case("time of 5", 2, 5, hidden=2),
        _case("time of 5, float32", 7, 5, hidden=3, dtype="float32"),
        _case("as many features as hidden states and outputs", 2, 3, hidden=3, out=3),
        _case("one hidden state", 2, 3, hidden=1, more=_state_shapes(kind, 1)),
        _case("states given", 7, 3, hidden=3, more=_state_shapes(kind, 3)),
        _case("one feature, one output", 7, 2, hidden=3, features=1, out=1),
        _case("another layer of the kind beside it", 7, 3, hidden=4, beside=True),
        _case("fewer time steps in the next batch", 7, 5, hidden=4, more=_next_shapes(7, 2)),
    )


def _option_cases(kind: str, option: str, value: bool) -> tuple[Case, ...]:
    """A small grid with an option; each case starts from states of its own."""
    given = {"hidden_size": 3, option: value}
    shapes = {n: _shapes_from_states(kind, n) for n in BATCHES}
    return (
        *(Case(f"batch of {n}", shapes[n], given) for n in BATCHES),
        *(
            Case(f"batch of 7, {layout} in memory", shapes[7], given, layout=layout)
            for layout in ("strided", "reversed")
        ),
        Case("batch of 7, float32", shapes[7], given, dtype="float32"),
        Case("time of 5", _shapes(2, 5, 2, 3), given),
    )


def _shapes_from_states(kind: str, n: int) -> Shapes:
    return {**_shapes(n, 1 if n == 64 else 2, 2, 3), **_state_shapes(kind, 3)}


def _compares(kind: str) -> tuple[str, ...]:
    states = states_of(kind)
    return (
        *(f"{name} {FIRST}" for name in states),
        KEPT,
        "output",
        *states,
        "input_grad",
        "deriv",
        f"output{NEXT}",
        *(f"{name}{NEXT}" for name in states),
        f"input_grad{NEXT}",
        f"deriv{BOTH}",
        CLEARED,
        UPDATED,
    )


def _gradients(kind: str, **variant: bool) -> dict[str, str]:
    names = param_shapes(kind, 1, 1, 1, **variant)
    derivs = {f"deriv[{name}]": f"params[{i}]" for i, name in enumerate(names)}
    return {"input_grad": "x_seq_in"} | derivs


def _describe(
    kind: str, summary: str, skeleton: str, mutations: tuple[Mutant, ...], requires: str
) -> Component:
    return Component(
        name=kind,
        chapter=6,
        module="recurrent",
        summary=summary,
        compares=_compares(kind),
        run=run_layer(kind),
        reference=reference_layer(kind),
        cases=judged_in_float64(_cases(kind)),
        gradients=_gradients(kind),
        objective=objective_of(kind),
        mutants=mutations,
        requires=(requires,),
        skeleton=skeleton,
    )


def _describe_option(
    kind: str,
    option: str,
    summary: str,
    words: str,
    mutations: tuple[Mutant, ...],
    *,
    value: bool = True,
    more: tuple[Case, ...] = (),
    requires: tuple[str, ...] = (),
) -> Component:
    """An argument of a layer's class, looked at with ``value``, and in ``more`` cases."""
    variant = {} if option == "carry_state" else {option: value}
    return Component(
        name=f"{kind}.{option}",
        chapter=6,
        module="recurrent",
        summary=summary,
        compares=_compares(kind),
        run=run_layer(kind),
        reference=reference_layer(kind),
        cases=judged_in_float64((*_option_cases(kind, option, value), *more)),
        gradients=_gradients(kind, **variant),
        objective=objective_of(kind),
        mutants=mutations,
        requires=(kind, *requires),
        skeleton=words,
        in_book=False,
    )


_SKELETON = '''
class {kind}:
    """Passes a batch of sequences through time: each time step has a node of its own, {node}(),
    and all of them work with the same params,
    {params}."""

    def __init__(self, hidden_size, output_size, weight_scale=None):
        """{starts}, zeros of shape (1, hidden_size):
        the state that a batch starts from. self.first is True until the first forward pass."""

    def forward(self, x_seq_in):
        """From (batch, time, features) to (batch, time, output_size). The first call draws
        self.params at random, {{name: {{"value": ..., "deriv": zeros}}}}, and makes a node for each
        of its time steps; both are this layer's alone. A later batch may have other rows and fewer
        time steps. Each row starts from the start state; afterwards
        {mean}, in the same shape."""

    def backward(self, x_seq_out_grad):
        """The gradient on x_seq_in, from the last time step to the first. Adds to every "deriv",
        and to what earlier calls have left there; nothing goes back into the batch before."""

    def clear_gradients(self):
        """Set every "deriv" to 0. (The name may begin with an underscore.)"""
'''

_CARRY_STATE = """{kind} takes carry_state. With True, as without it, the next batch starts from the
    mean of the last states; with False {states} it was, so that every batch starts from it."""


def _skeleton(kind: str, params: str) -> str:
    two = kind == "LSTMLayer"
    return _SKELETON.format(
        kind=kind,
        node=kind.replace("Layer", "Node"),
        params=params,
        starts="Sets self.start_H and self.start_C" if two else "Sets self.start_H",
        mean="self.start_H and self.start_C are the means of the batch's last states"
        if two
        else "self.start_H is the mean of the batch's last states",
    )


def _carry_state(kind: str, mutations: tuple[Mutant, ...]) -> Component:
    stays = "start_H and start_C stay as each" if kind == "LSTMLayer" else "start_H stays as"
    carried = {"hidden_size": 3, "carry_state": True}
    return _describe_option(
        kind,
        "carry_state",
        "whether a batch starts where the last one stopped",
        _CARRY_STATE.format(kind=kind, states=stays),
        mutations,
        value=False,
        more=(Case("state carried on", _shapes_from_states(kind, 7), carried),),
    )


COMPONENTS = (
    _describe(
        "RNNLayer",
        "RNNNodes in a row through time",
        _skeleton("RNNLayer", "W_f, B_f, W_v, B_v"),
        mutants.RNN_LAYER,
        "RNNNode",
    ),
    _describe(
        "GRULayer",
        "GRUNodes in a row through time",
        _skeleton("GRULayer", "W_xr, W_xu, W_xh, W_hr, W_hu, W_hh, B_r, B_u, B_h, W_v, B_v"),
        mutants.GRU_LAYER,
        "GRUNode",
    ),
    _describe(
        "LSTMLayer",
        "LSTMNodes in a row through time",
        _skeleton("LSTMLayer", "W_f, W_i, W_c, W_o, B_f, B_i, B_c, B_o, W_v, B_v"),
        LSTM_LAYER,
        "LSTMNode",
    ),
    _carry_state("RNNLayer", option_mutants.RNN_CARRY_STATE),
    _carry_state("GRULayer", option_mutants.GRU_CARRY_STATE),
    _carry_state("LSTMLayer", option_mutants.LSTM_CARRY_STATE),
    _describe_option(
        "GRULayer",
        "reset_after",
        "a GRU that resets after the product, as nn.GRU",
        """GRULayer takes reset_after. With True its nodes are GRUNode(reset_after=True), and params
        holds the bias of the state's product as well, B_hh, of shape (1, hidden_size).""",
        option_mutants.RESET_AFTER,
        requires=("GRUNode.reset_after",),
    ),
    _describe_option(
        "LSTMLayer",
        "peepholes",
        "an LSTM whose gates see the cell's state",
        """LSTMLayer takes peepholes. With True its nodes are LSTMNode(peepholes=True), and params
        holds P_f, P_i and P_o as well, each of shape (1, hidden_size).""",
        option_mutants.PEEPHOLES,
        requires=("LSTMNode.peepholes",),
    ),
)
