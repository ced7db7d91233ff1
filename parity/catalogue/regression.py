"""Catalogue of chapter 2: linear regression and a network by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Component,
    Given,
    Implementation,
    Mutant,
    Observed,
    snapshot,
)
from parity.catalogue.descent import (
    ONCE,
    PAIRED,
    REORDERED,
    SAME_SEED,
    SIZES,
    VARIED,
    as_updated,
    form_of,
    reference_training,
    require_form,
    run_training,
    split_pair,
    training_cases,
    wrong_form,
)
from parity.catalogue.twins import array, tensor
from parity.comparison import Absent
from parity.mutants import descent as train_mutants
from parity.mutants import regression as mutants
from scratch import regression as scratch

if TYPE_CHECKING:
    from torch import nn

FEATURES, HIDDEN = 5, 4

LINEAR: dict[str, tuple[int, ...]] = {"W": (FEATURES, 1), "B": (1, 1)}
NETWORK: dict[str, tuple[int, ...]] = {
    "W1": (FEATURES, HIDDEN),
    "B1": (1, HIDDEN),
    "W2": (HIDDEN, 1),
    "B2": (1, 1),
}


def _data(n: int) -> dict[str, tuple[int, ...]]:
    return {"X": (n, FEATURES), "y": (n, 1)}


def _linear(n: int) -> Shapes:
    return {**_data(n), **LINEAR}


def _network(n: int) -> Shapes:
    return {**_data(n), **NETWORK}


def _weights(given: Given) -> dict[str, Any]:
    return {name: value for name, value in given.inputs.items() if name not in ("X", "y")}


def linear_twin(W: Any, B: Any) -> nn.Module:
    """``reference.regression.LinearRegression`` with the given weights."""
    from parity.bridge import load_weights
    from reference.regression import LinearRegression

    model = LinearRegression(W.shape[0])
    load_weights(model.linear, [W, B])
    return model


def network_twin(W1: Any, B1: Any, W2: Any, B2: Any) -> nn.Module:
    """``reference.regression.OneHiddenLayerNetwork`` with the given weights."""
    from parity.bridge import load_weights
    from reference.regression import OneHiddenLayerNetwork

    model = OneHiddenLayerNetwork(*W1.shape)
    load_weights(model.fc1, [W1, B1])
    load_weights(model.fc2, [W2, B2])
    return model


def _twin(weights: dict[str, Any]) -> nn.Module:
    return linear_twin(**weights) if "W" in weights else network_twin(**weights)


def _run_forward(name: str) -> Any:
    def run(impl: Implementation, given: Given) -> Observed:
        answer = getattr(impl, name)(given.inputs["X"], given.inputs["y"], _weights(given))
        pair = split_pair(answer)
        if pair is None:
            return wrong_form(form_of(answer))
        forward_info, loss = pair
        return Observed({"P": snapshot(forward_info.get("P", Absent())), "loss": snapshot(loss)})

    return run


def _reference_forward(given: Given) -> dict[str, Any]:
    import torch.nn.functional as F

    require_form(given, "(forward_info, loss), forward_info a dictionary with P")
    predictions = _twin(_weights(given))(tensor(given.inputs["X"]))
    loss = F.mse_loss(predictions, tensor(given.inputs["y"]))
    return {"P": array(predictions), "loss": array(loss)}


def _run_gradients(forward: Any, name: str) -> Any:
    def run(impl: Implementation, given: Given) -> Observed:
        weights = _weights(given)
        forward_info, _ = forward(given.inputs["X"], given.inputs["y"], weights)
        gradients = getattr(impl, name)(forward_info, weights)
        if not isinstance(gradients, Mapping):
            return wrong_form(form_of(gradients))
        return Observed(
            {
                key: snapshot(as_updated(gradients.get(key, Absent()), weight.shape))
                for key, weight in weights.items()
            }
        )

    return run


def _reference_gradients(given: Given) -> dict[str, Any]:
    import torch.nn.functional as F

    from parity.bridge import linear_layers

    require_form(given, f"a dictionary with {' and '.join(_weights(given))}")
    model = _twin(_weights(given))
    loss = F.mse_loss(model(tensor(given.inputs["X"])), tensor(given.inputs["y"]))
    loss.backward()
    gradients = [
        gradient
        for layer in linear_layers(model)
        for gradient in (array(layer.weight.grad).T, array(layer.bias.grad)[None])
    ]
    return dict(zip(_weights(given), gradients, strict=True))


def _run_predict(name: str) -> Any:
    def run(impl: Implementation, given: Given) -> Observed:
        return Observed({"output": getattr(impl, name)(given.inputs["X"], _weights(given))})

    return run


def _reference_predict(given: Given) -> dict[str, Any]:
    return {"output": array(_twin(_weights(given))(tensor(given.inputs["X"])))}


def _metric(name: str, summary: str, mutations: tuple[Mutant, ...]) -> Component:
    def run(impl: Implementation, given: Given) -> Observed:
        return Observed({"output": getattr(impl, name)(*given.inputs.values())})

    def reference(given: Given) -> dict[str, Any]:
        from reference import regression

        return {"output": array(getattr(regression, name)(*map(tensor, given.inputs.values())))}

    return Component(
        name=name,
        chapter=2,
        module="regression",
        summary=summary,
        compares=("output",),
        run=run,
        reference=reference,
        cases=batch_cases(lambda n: {"preds": (n, 1), "actuals": (n, 1)}),
        skeleton=f"def {name}(preds, actuals):\n"
        f'    """{summary[0].upper()}{summary[1:]}, of two arrays of shape (batch, 1)."""',
        mutants=mutations,
    )


def _model(
    suffix: str, noun: str, shapes: dict[str, tuple[int, ...]], forward_alias: str
) -> tuple[Component, ...]:
    """The four functions of one model: forward, gradients, predict, train."""
    keys = tuple(shapes)
    listed = ", ".join(keys)
    forward, gradients, predict, train = (
        f"{verb}_{suffix}" for verb in ("forward", "loss_gradients", "predict", "train")
    )
    right_forward = getattr(scratch, forward)

    def loss(given: Given) -> float:
        return float(right_forward(given.inputs["X"], given.inputs["y"], _weights(given))[1])

    def shapes_of(n: int) -> Shapes:
        return {**_data(n), **shapes}

    def mutations(verb: str) -> tuple[Mutant, ...]:
        found: tuple[Mutant, ...] = getattr(mutants, f"{verb}_{suffix}".upper())
        return found

    common: dict[str, Any] = {"chapter": 2, "module": "regression"}
    return (
        Component(
            name=forward,
            summary=f"forward pass and loss of {noun}",
            compares=("P", "loss"),
            run=_run_forward(forward),
            reference=_reference_forward,
            cases=batch_cases(shapes_of),
            skeleton=f"def {forward}(X, y, weights):\n"
            f'    """Return (forward_info, loss). weights has {listed}; forward_info has at least\n'
            '    the predictions, forward_info["P"], of shape (batch, 1).\n    """',
            mutants=mutations("forward"),
            aliases=(forward_alias,) if forward_alias else (),
            keys=keys[:1],
            **common,
        ),
        Component(
            name=gradients,
            summary=f"gradients of the loss of {noun}",
            compares=keys,
            run=_run_gradients(right_forward, gradients),
            reference=_reference_gradients,
            cases=batch_cases(shapes_of, tolerance="through time"),
            skeleton=f"def {gradients}(forward_info, weights):\n"
            f'    """Gradients of the mean squared error: a dictionary with {listed}.\n\n'
            f'    forward_info has {", ".join(_info_keys(keys))}.\n    """',
            mutants=mutations("loss_gradients"),
            aliases=("loss_gradients",),
            keys=keys[:1],
            gradients={key: key for key in keys},
            objective=loss,
            **common,
        ),
        Component(
            name=predict,
            summary=f"predictions of {noun}",
            compares=("output",),
            run=_run_predict(predict),
            reference=_reference_predict,
            cases=batch_cases(lambda n: {"X": (n, FEATURES), **shapes}, empty=True),
            skeleton=f"def {predict}(X, weights):\n"
            f'    """Predictions, shape (batch, 1). weights has {listed}."""',
            mutants=mutations("predict"),
            aliases=("predict",),
            keys=keys[:1],
            **common,
        ),
        Component(
            name=train,
            summary=f"gradient descent for {noun}",
            compares=(
                SAME_SEED,
                *((VARIED,) if "W1" in keys else ()),
                *(PAIRED, SIZES, ONCE, REORDERED, "losses", "weights"),
            ),
            run=run_training(train, shapes, getattr(scratch, predict)),
            reference=reference_training(shapes, _twin),
            cases=training_cases(FEATURES, {"hidden_size": HIDDEN} if "W1" in keys else {}),
            skeleton=f"def {train}(X, y, n_iter=1000, learning_rate=0.001, batch_size=100, "
            f"{'hidden_size=13, ' if 'W1' in keys else ''}seed=1):\n"
            '    """Return (weights, losses): the trained weights and the loss of each batch."""',
            mutants=getattr(train_mutants, f"TRAIN_{suffix}".upper()),
            requires=(forward, gradients),
            aliases=("train",),
            keys=keys[:1],
            **common,
        ),
    )


def _info_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    return ("X", "N", "P", "y") if "W" in keys else ("X", "M1", "N1", "O1", "M2", "P", "y")


COMPONENTS = (
    *_model("linear_regression", "linear regression", LINEAR, ""),
    *_model("neural_network", "the one-hidden-layer network", NETWORK, "forward_loss"),
    _metric("mae", "mean absolute error", mutants.MAE),
    _metric("rmse", "root mean squared error", mutants.RMSE),
)
