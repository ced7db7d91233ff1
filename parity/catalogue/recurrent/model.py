"""Catalogue of chapter 6: models of recurrent layers, over two batches one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from numpy import ndarray

from parity.catalogue.cases import BATCHES
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    snapshot,
)
from parity.catalogue.dense import are_arrays
from parity.catalogue.recurrent.layer_runs import layer_twin, make_layer
from parity.catalogue.recurrent.loss import one_hot_targets
from parity.catalogue.recurrent.states import (
    adopt_named,
    derivs_of,
    give_both_names,
    judged_in_float64,
    load,
    param_shapes,
    set_start_states,
    start_states,
    values_of,
)
from parity.catalogue.twins import array, tensor
from parity.mutants.recurrent import model as mutants

_NEXT = " of the next batch"

#: The layers of a model: kind, width of the state, width of the output.
Layers = tuple[tuple[str, int, int], ...]


class _Stack:
    """The layers of a case: their parameters in one row, and the states they start from.

    Args:
        layers: set up or not.
        shapes: of the parameters of each.
        kinds: of the layers.
    """

    def __init__(self, layers: list[Any], shapes: list[dict[str, Any]], kinds: list[str]) -> None:
        self.layers, self.shapes, self.kinds = layers, shapes, kinds
        self.starts = [start_states(*pair) for pair in zip(layers, kinds, strict=True)]

    def arrays(self) -> list[Any]:
        """The parameters of all layers."""
        pairs = zip(self.layers, self.shapes, strict=True)
        return [value for layer, names in pairs for value in values_of(layer, names)]

    def rewind(self) -> None:
        """Let the next batch start from where a new layer does."""
        for layer, states in zip(self.layers, self.starts, strict=True):
            set_start_states(layer, states)

    def derivs(self, of: str) -> dict[str, Any]:
        """The gradients on all parameters."""
        return {
            name: deriv
            for label, layer, names in zip(
                _labels(self.kinds), self.layers, self.shapes, strict=True
            )
            for name, deriv in _labelled(label, derivs_of(layer, names), of)
        }


def _labels(kinds: list[str]) -> list[str]:
    return [f"{kind} {i}" for i, kind in enumerate(kinds, 1)]


def _labelled(label: str, derivs: Mapping[str, Any], of: str) -> Iterator[tuple[str, Any]]:
    """From ``deriv[W_f]`` to ``deriv[RNNLayer 1, W_f]``."""
    for name, deriv in derivs.items():
        yield name.replace("[", f"[{label}, ") + of, deriv


def _layers(given: Given) -> Layers:
    layers: Layers = given.options["layers"]
    return layers


def _shapes_of(features: int, layers: Layers) -> list[dict[str, Any]]:
    widths = [features, *(out for _, _, out in layers)]
    return [
        param_shapes(kind, width, hidden, out)
        for width, (kind, hidden, out) in zip(widths, layers, strict=False)
    ]


def _make_stack(parts: Implementation, given: Given) -> _Stack:
    # Weights that are not small, or little comes through several layers; but with those of 1 the
    # second layer's tanh is now and then so near 1 that 1 - tanh ** 2 keeps 5 digits.
    scale = {"weight_scale": 0.5} if len(_layers(given)) > 1 else {}
    layers = [
        give_both_names(make_layer(parts, kind, hidden, out, scale))
        for kind, hidden, out in _layers(given)
    ]
    for i, layer in enumerate(layers):
        if hasattr(layer, "seed"):
            layer.seed += i  # or layers of one shape would start out equal
    shapes = _shapes_of(given.inputs["x_batch"].shape[2], _layers(given))
    return _Stack(layers, shapes, [kind for kind, _, _ in _layers(given)])


def _make_model(impl: Implementation, layers: list[Any], loss: Any, given: Given) -> Any:
    """A model, given what its class asks for: the book's companion code names the length of the
    sequences and the number of characters, too.
    """
    _, length, features = given.inputs["x_batch"].shape
    taken = inspect.signature(impl.RNNModel).parameters
    sizes = {"sequence_length": length, "vocab_size": features}
    options = {name: size for name, size in sizes.items() if name in taken}
    if given.options["many_to_one"]:
        options["many_to_one"] = True
    return impl.RNNModel(layers=layers, loss=loss, **options)


def _train(model: Any, x: ndarray, y: ndarray) -> Any:
    """One batch forward and back; the companion code calls it a single step."""
    return (model.train_batch if hasattr(model, "train_batch") else model.single_step)(x, y)


def _run_model(impl: Implementation, given: Given) -> Observed:
    """A forward pass sets the layers up. Then one more, and two batches to train on, the second
    from the states that the first one leaves behind. No update is made.
    """
    parts = impl if given.options["parts"] == "own" else Implementation()
    stack = _make_stack(parts, given)
    model = _make_model(impl, stack.layers, getattr(parts, given.options["loss"])(), given)
    x, y = given.inputs["x_batch"], given.inputs["y_batch"]
    model.forward(x + 1)
    arrays = stack.arrays()
    if not are_arrays(arrays, sum(map(len, stack.shapes))):
        return Observed({}, arrays)
    load(arrays, given.params)
    params = [snapshot(param) for param in arrays]
    stack.rewind()
    tensors = {"output": snapshot(model.forward(x))}
    if not isinstance(tensors["output"], ndarray) or tensors["output"].shape != y.shape:
        return Observed(tensors, params)
    stack.rewind()
    for x_batch, y_batch, of in ((x, y, ""), _next_batch(given)):
        tensors[f"loss{of}"] = _train(model, x_batch, y_batch)
        tensors |= stack.derivs(of)
    return Observed(tensors, params)


def _next_batch(given: Given) -> tuple[ndarray, ndarray, str]:
    return given.inputs["next_x_batch"], given.inputs["next_y_batch"], _NEXT


def _reference_model(given: Given) -> dict[str, Any]:
    from parity.bridge import read_recurrent_grads
    from reference import losses
    from reference.recurrent import RNNModel

    options, features = given.options, given.inputs["x_batch"].shape[2]
    shapes = _shapes_of(features, _layers(given))
    labels = _labels([kind for kind, _, _ in _layers(given)])
    named = {
        f"{name} of {label}": shape
        for label, names in zip(labels, shapes, strict=True)
        for name, shape in names.items()
    }
    params = iter(adopt_named(given, named))
    widths = [features, *(out for _, _, out in _layers(given))]
    model = RNNModel(
        [
            layer_twin(kind, width, hidden, out, {name: next(params) for name in names})
            for names, width, (kind, hidden, out) in zip(
                shapes, widths, _layers(given), strict=False
            )
        ],
        many_to_one=options["many_to_one"],
    )
    x, y = given.inputs["x_batch"], given.inputs["y_batch"]
    expected: dict[str, Any] = {"output": array(model(tensor(x)))}
    model.reset_state()
    for x_batch, y_batch, of in ((x, y, ""), _next_batch(given)):
        model.zero_grad()
        predictions, targets = model(tensor(x_batch)), tensor(y_batch)
        if options["loss"] == "SequenceSoftmaxCrossEntropy":
            loss = losses.SoftmaxCrossEntropy()(predictions.flatten(0, 1), targets.flatten(0, 1))
        else:
            loss = getattr(losses, options["loss"])()(predictions, targets)
        loss.backward()
        expected[f"loss{of}"] = array(loss)
        for label, layer in zip(labels, model.layers, strict=True):
            derivs = {f"deriv[{k}]": v for k, v in read_recurrent_grads(layer).items()}
            expected |= dict(_labelled(label, derivs, of))
    return expected


def _first_loss(given: Given) -> float:
    """The loss of the first batch, which the gradients belong to."""
    impl = Implementation()
    stack, x = _make_stack(impl, given), given.inputs["x_batch"]
    loss = getattr(impl, given.options["loss"])()
    model = _make_model(impl, stack.layers, loss, given)
    model.forward(x[:1, :1])
    load(stack.arrays(), given.params)
    stack.rewind()
    return float(loss.forward(model.forward(x), given.inputs["y_batch"]))


def _gradients(cases: tuple[Case, ...]) -> dict[str, str]:
    """Of the first batch. A name has one source, whatever the case."""
    sources: dict[str, str] = {}
    for case in cases:
        layers: Layers = case.options["layers"]
        names = [
            f"deriv[{label}, {name}]"
            for label, shapes in zip(
                _labels([kind for kind, _, _ in layers]), _shapes_of(1, layers), strict=True
            )
            for name in shapes
        ]
        for i, name in enumerate(names):
            if sources.setdefault(name, f"params[{i}]") != f"params[{i}]":
                raise ValueError(f"{name} is the gradient of two parameters")
    return sources


def _case(
    name: str,
    shape: tuple[int, int, int],
    layers: Layers,
    loss: str = "SequenceSoftmaxCrossEntropy",
    *,
    many_to_one: bool = False,
    parts: str = "ours",
    **rest: Any,
) -> Case:
    """A batch of the given shape and a smaller one after it."""
    n, time, features = shape
    out, following = layers[-1][2], 3 if n == 2 else 2
    shapes: dict[str, tuple[int, ...]] = {
        "x_batch": shape,
        "next_x_batch": (following, time, features),
    }
    values = {}
    for which, rows in (("y_batch", n), ("next_y_batch", following)):
        where = (rows, out) if many_to_one else (rows, time, out)
        if loss == "MeanSquaredError":
            shapes[which] = where
        else:
            values[which] = one_hot_targets(where)
    options = {"layers": layers, "loss": loss, "many_to_one": many_to_one, "parts": parts}
    return Case(name, shapes, options, values=values, **rest)


_ONE: Layers = (("RNNLayer", 4, 2),)
_TWO: Layers = (("RNNLayer", 3, 3), ("RNNLayer", 3, 3))
_MIXED: Layers = (("GRULayer", 3, 2), ("LSTMLayer", 2, 4))
_THREE: Layers = (("RNNLayer", 3, 3), ("RNNLayer", 4, 2), ("LSTMLayer", 3, 2))


def _grid(**rest: Any) -> tuple[Case, ...]:
    return (
        *(_case(f"batch of {n}", (n, 1 if n == 64 else 3, 3), _ONE, **rest) for n in BATCHES),
        *(
            _case(f"batch of 7, {layout} in memory", (7, 3, 3), _ONE, **rest, layout=layout)
            for layout in ("strided", "reversed")
        ),
    )


_MODEL_CASES = (
    *_grid(),
    _case("mean squared error", (7, 3, 3), _ONE, "MeanSquaredError"),
    _case("two layers", (2, 3, 3), _TWO),
    _case("two layers, mean squared error", (2, 3, 3), _TWO, "MeanSquaredError"),
    _case("two layers of different kinds", (2, 5, 4), _MIXED, "MeanSquaredError"),
    _case("two layers of different kinds, float32", (7, 3, 4), _MIXED, dtype="float32"),
    _case("three layers", (2, 3, 2), _THREE, "MeanSquaredError"),
    _case("one layer, all parts from the file", (7, 3, 3), _ONE, parts="own"),
    _case("two layers of one kind, all parts from the file", (2, 3, 3), _TWO, parts="own"),
    _case(
        "two layers, all parts from the file", (2, 5, 4), _MIXED, "MeanSquaredError", parts="own"
    ),
)
_ONE_CASES = (
    *_grid(loss="MeanSquaredError", many_to_one=True),
    _case("softmax", (7, 3, 3), _ONE, "SoftmaxCrossEntropy", many_to_one=True),
    _case("one time step", (2, 1, 3), _ONE, "MeanSquaredError", many_to_one=True),
    _case("two layers", (2, 5, 4), _MIXED, "MeanSquaredError", many_to_one=True),
    _case(
        "two layers, float32",
        (7, 3, 4),
        _MIXED,
        "MeanSquaredError",
        many_to_one=True,
        dtype="float32",
    ),
)
_COMPARES = ("output", "loss", "deriv", f"loss{_NEXT}", f"deriv{_NEXT}")

COMPONENTS = (
    Component(
        name="RNNModel",
        chapter=6,
        module="recurrent",
        summary="recurrent layers and a loss, two batches",
        compares=_COMPARES,
        run=_run_model,
        reference=_reference_model,
        cases=judged_in_float64(_MODEL_CASES),
        gradients=_gradients(_MODEL_CASES),
        objective=_first_loss,
        mutants=mutants.RNN_MODEL,
        requires=("RNNLayer", "GRULayer", "LSTMLayer", "SequenceSoftmaxCrossEntropy"),
        skeleton='''
class RNNModel:
    """Recurrent layers in a row, of any kinds, and a loss."""

    def __init__(self, layers, loss):
        """Keep both. (It may ask for sequence_length and vocab_size as well.)"""

    def forward(self, x_batch):
        """Predictions for a batch (batch, time, features), from the layers' start states."""

    def backward(self, loss_grad):
        """Send the gradient of the loss back through all layers."""

    def train_batch(self, x_batch, y_batch):
        """Forward once, clear the gradients of all layers, backward; no update. Return the loss.
        (It may be called single_step.)"""
''',
    ),
    Component(
        name="RNNModel.many_to_one",
        chapter=6,
        module="recurrent",
        summary="one prediction for a whole sequence",
        compares=_COMPARES,
        run=_run_model,
        reference=_reference_model,
        cases=judged_in_float64(_ONE_CASES),
        gradients=_gradients(_ONE_CASES),
        objective=_first_loss,
        mutants=mutants.MANY_TO_ONE,
        requires=("RNNModel",),
        skeleton="""RNNModel takes many_to_one. With True the predictions are the last layer's
        output at the last time step, (batch, out); on the way back all other time steps get
        zeros.""",
        in_book=False,
    ),
)
