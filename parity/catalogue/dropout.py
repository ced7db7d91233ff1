"""Catalogue of chapter 4: dropout, in an operation, in a layer, and through a whole network.

Each implementation draws masks of its own, so what is compared must hold for any mask.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

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
    indexed,
    snapshot,
)
from parity.catalogue.dense import are_arrays, listed, load, params_of, seeded
from parity.catalogue.twins import adopt, array, require_varied, tensor
from parity.comparison import Absent
from parity.mutants import dropout as mutants

#: So many elements are drawn before a share is taken to one decimal: half of a decimal is then ten
#: standard deviations or more.
DRAWN = 10_000


def _share_kept(draw: Callable[[], Any], columns: int) -> Any:
    """The share of elements that are not 0, to one decimal, over many draws. Only the elements of
    one row count as drawn, for all rows may have one mask.
    """
    outputs = [snapshot(draw()) for _ in range(-(-DRAWN // columns))]
    if not are_arrays(outputs):
        return Absent()
    if all((output == outputs[0]).all() for output in outputs):
        return Absent("always that of one mask")
    return round(sum(float((output != 0).mean()) for output in outputs) / len(outputs), 1)


def _settled(forward: Callable[[], Any]) -> Any:
    """What a forward pass returns, if it returns it twice."""
    first, second = snapshot(forward()), snapshot(forward())
    if are_arrays([first, second]) and first.tolist() != second.tolist():
        return Absent("another one in each pass")
    return first


def _ratio(result: ndarray, original: ndarray) -> Any:
    """The one number that elements were multiplied by where they are not 0, or that there is none.

    Of results that are all 0 it is 0.
    """
    kept = result != 0
    if not kept.any():
        return 0.0
    ratios = result[kept] / original[kept]
    middle = float(np.median(ratios))
    same = bool((abs(ratios - middle) <= 1e-5 * abs(middle)).all())
    return middle if same else Absent("not one number")


class _TorchOperation:
    """A PyTorch module with ``forward`` and ``backward``, looked at in the same way as an
    operation.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """The output; ``inference`` is PyTorch's evaluation mode."""
        self.module.train(not inference)
        self.x = tensor(input_, requires_grad=True)
        self.output = self.module(self.x)
        output: ndarray = array(self.output)
        return output

    def backward(self, output_grad: ndarray) -> ndarray:
        """The gradient on the last input."""
        self.output.backward(tensor(output_grad))
        input_grad: ndarray = array(self.x.grad)
        return input_grad


def _look_at(dropout: Any, given: Given) -> dict[str, Any]:
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    dropout.forward(x)
    first = snapshot(dropout.forward(x))
    output = snapshot(dropout.forward(x))
    input_grad = snapshot(dropout.backward(grad))
    if not are_arrays([output, input_grad]) or {output.shape, input_grad.shape} != {x.shape}:
        return {"output": output, "input_grad": input_grad}
    kept = output != 0
    return {
        "output over input where kept": _ratio(output, x),
        "each forward pass draws a new mask": (first != output).any().item(),
        "share kept": _share_kept(lambda: dropout.forward(x), x.shape[1]),
        "each row has a mask of its own": len(kept) == 1 or (kept != kept[:1]).any().item(),
        "backward lets through what forward kept": ((input_grad != 0) == kept).all().item(),
        "share of input_grad kept": _share_kept(lambda: _way_back(dropout, x, grad), x.shape[1]),
        "input_grad over output_grad where kept": _ratio(input_grad, grad),
        "output at inference": _settled(lambda: dropout.forward(x, inference=True)),
    }


def _way_back(dropout: Any, x: ndarray, grad: ndarray) -> Any:
    dropout.forward(x)
    return dropout.backward(grad)


_DROPOUT = (
    "output over input where kept",
    "each forward pass draws a new mask",
    "share kept",
    "each row has a mask of its own",
    "backward lets through what forward kept",
    "share of input_grad kept",
    "input_grad over output_grad where kept",
    "output at inference",
)


def _run_dropout(name: str) -> Callable[[Implementation, Given], Observed]:
    def run(impl: Implementation, given: Given) -> Observed:
        keep_prob = given.options["keep_prob"]
        make = getattr(impl, name)
        return Observed(_look_at(make() if keep_prob is None else make(keep_prob), given))

    return run


def _reference_dropout(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import dropout

        keep_prob = given.options["keep_prob"]
        module = getattr(dropout, name)(0.8 if keep_prob is None else keep_prob)
        return _look_at(_TorchOperation(module), given)

    return reference


def _shapes(n: int) -> Shapes:
    return {"input_": (n, 60), "output_grad": (n, 60)}


def _dropout(name: str, summary: str, mutations: tuple[Mutant, ...], skeleton: str) -> Component:
    return Component(
        name=name,
        chapter=4,
        module="dropout",
        summary=summary,
        compares=_DROPOUT,
        run=_run_dropout(name),
        reference=_reference_dropout(name),
        cases=(
            *batch_cases(_shapes, options={"keep_prob": 0.8}),
            Case("keeps 3 of 10", _shapes(7), {"keep_prob": 0.3}),
            Case("the default", _shapes(7), {"keep_prob": None}),
        ),
        mutants=mutations,
        requires=("Operation",),
        skeleton=skeleton,
        in_book=name == "Dropout",
    )


def _dense_with_dropout(impl: Implementation, given: Given) -> Any:
    neurons = given.inputs["output_grad"].shape[1]
    activation, keep_prob = impl.Sigmoid(), given.options["keep_prob"]
    return seeded(impl.Dense(neurons=neurons, activation=activation, dropout=keep_prob))


def _run_dense_dropout(impl: Implementation, given: Given) -> Observed:
    """A layer of sigmoids: its output is 0 only where dropout has left it out."""
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    layer = _dense_with_dropout(impl, given)
    layer.forward(x)
    arrays = params_of(layer)
    if not are_arrays(arrays, 2):
        return Observed({}, arrays)
    load(layer, given.params)
    W, B = (snapshot(param) for param in arrays)
    first = snapshot(layer.forward(x))
    output = snapshot(layer.forward(x))
    layer.backward(grad)
    grads = indexed("param_grads", getattr(layer, "param_grads", Absent()))
    shown: dict[str, Any] = {}
    if are_arrays([output]) and output.shape == grad.shape:
        whole = 1 / (1 + math.e ** -(x.dot(W) + B))
        shown = {
            "output over that without dropout where kept": _rounded(_ratio(output, whole)),
            "each forward pass draws a new mask": (first != output).any().item(),
            "share kept": _share_kept(lambda: layer.forward(x), grad.shape[1]),
            "param_grads are those of what was kept": _are_kept_grads(
                list(grads.values()), x, grad * (output != 0) * whole * (1 - whole)
            ),
        }
    return Observed(
        shown | {"output at inference": _settled(lambda: layer.forward(x, inference=True))}, [W, B]
    )


def _rounded(ratio: Any) -> Any:
    """A ratio that went through a matrix product: float32 leaves no more digits."""
    return ratio if isinstance(ratio, Absent) else round(ratio, 3)


def _are_kept_grads(grads: list[Any], x: ndarray, kept_grad: ndarray) -> Any:
    if not are_arrays(grads, 2):
        return Absent()
    expected = [x.T.dot(kept_grad), kept_grad.sum(axis=0, keepdims=True)]
    return all(
        found.shape == wanted.shape and (abs(found - wanted) <= 1e-4).all().item()
        for found, wanted in zip(grads, expected, strict=True)
    )


def _reference_dense_dropout(given: Given) -> dict[str, Any]:
    from torch import nn

    from parity.bridge import load_weights
    from reference.dense import DenseLayer

    n_in, neurons = given.inputs["input_"].shape[1], given.inputs["output_grad"].shape[1]
    W, B = adopt(given, {"W": (n_in, neurons), "B": (1, neurons)})
    require_varied(W, "W")
    layer = DenseLayer(n_in, neurons, nn.Sigmoid(), dropout=given.options["keep_prob"])
    load_weights(layer.linear, [W, B])
    x = tensor(given.inputs["input_"])
    return {
        "output over that without dropout where kept": 1.0,
        "each forward pass draws a new mask": True,
        "share kept": given.options["keep_prob"],
        "param_grads are those of what was kept": True,
        "output at inference": array(layer.eval()(x)),
    }


def _dense_shapes(n: int) -> Shapes:
    return {"input_": (n, 5), "output_grad": (n, 60)}


def _run_inference(impl: Implementation, given: Given) -> Observed:
    """A network with two wide layers with dropout, the implementation's own or the scratch side's:
    that two passes leave out the same neurons does not happen.
    """
    parts = impl if given.options["parts"] == "own" else Implementation()
    x, y = given.inputs["X"], given.inputs["y"]
    layers = [
        parts.Dense(neurons=60, activation=parts.Sigmoid(), dropout=0.8),
        parts.Dense(neurons=40, activation=parts.Sigmoid(), dropout=0.5),
        parts.Dense(neurons=y.shape[1], activation=parts.Linear()),
    ]
    net = impl.NeuralNetwork(layers=layers, loss=parts.MeanSquaredError(), seed=20190119)
    net.forward(x)
    arrays = [param for layer in layers for param in params_of(layer)]
    if not are_arrays(arrays, 6):
        return Observed({}, arrays)
    for i, layer in enumerate(layers):
        load(layer, given.params[2 * i : 2 * i + 2] if given.params is not None else None)
    params = [snapshot(param) for param in arrays]
    outputs = [snapshot(net.forward(x)).tolist() for _ in range(2)]
    losses = [net.train_batch(x, y) for _ in range(2)]
    return Observed(
        {
            "output at inference": _settled(lambda: net.forward(x, inference=True)),
            "without inference neurons are left out": outputs[0] != outputs[1],
            "train_batch leaves neurons out": bool(losses[0] != losses[1]),
            "number of params": len(listed(net.params())),
        },
        params,
    )


def _inference_shapes(features: int, out: int) -> dict[str, tuple[int, ...]]:
    first = {"W1": (features, 60), "B1": (1, 60), "W2": (60, 40), "B2": (1, 40)}
    return {**first, "W3": (40, out), "B3": (1, out)}


def _reference_inference(given: Given) -> dict[str, Any]:
    from torch import nn

    from parity.bridge import copy_to_reference
    from reference.dense import DenseLayer
    from reference.network import NeuralNetwork

    features, out = given.inputs["X"].shape[1], given.inputs["y"].shape[1]
    params = adopt(given, _inference_shapes(features, out))
    net = NeuralNetwork(
        [
            DenseLayer(features, 60, nn.Sigmoid(), dropout=0.8),
            DenseLayer(60, 40, nn.Sigmoid(), dropout=0.5),
            DenseLayer(40, out),
        ]
    )
    copy_to_reference(params, net)
    return {
        "output at inference": array(net.eval()(tensor(given.inputs["X"]))),
        "without inference neurons are left out": True,
        "train_batch leaves neurons out": True,
        "number of params": 6,
    }


def _network_shapes(n: int) -> Shapes:
    return {"X": (n, 5), "y": (n, 3)}


COMPONENTS = (
    _dropout(
        "Dropout",
        "elements left out at random in training",
        mutants.DROPOUT,
        '''
class Dropout(Operation):
    """Sets elements to 0 at random in training, keeps the average in inference."""

    def __init__(self, keep_prob=0.8):
        """keep_prob is the probability that an element is kept."""

    def forward(self, input_, inference=False):
        """Training: the input times a new mask of 0 and 1. Inference: times keep_prob. Keep
        self.input_ and self.output, as Operation does."""

    def _input_grad(self, output_grad):
        """output_grad times the mask of the last forward pass."""
''',
    ),
    _dropout(
        "InvertedDropout",
        "dropout that scales in training, as PyTorch's",
        mutants.INVERTED_DROPOUT,
        '''
class InvertedDropout(Operation):
    """Sets elements to 0 at random in training and divides the others by keep_prob."""

    def __init__(self, keep_prob=0.8):
        """keep_prob is the probability that an element is kept."""

    def forward(self, input_, inference=False):
        """Training: the input times a new mask of 0 and 1 / keep_prob. Inference: as it is. Keep
        self.input_ and self.output, as Operation does."""

    def _input_grad(self, output_grad):
        """output_grad times the mask of the last forward pass."""
''',
    ),
    Component(
        name="Dense.dropout",
        chapter=4,
        module="dropout",
        summary="a layer that leaves out neurons in training",
        compares=(
            "output over that without dropout where kept",
            "share kept",
            "each forward pass draws a new mask",
            "param_grads are those of what was kept",
            "output at inference",
        ),
        run=_run_dense_dropout,
        reference=_reference_dense_dropout,
        cases=(
            *batch_cases(_dense_shapes, options={"keep_prob": 0.8}),
            Case("keeps 1 of 2", _dense_shapes(7), {"keep_prob": 0.5}),
        ),
        mutants=mutants.DENSE_DROPOUT,
        requires=("Dense", "Sigmoid", "Dropout"),
        skeleton="""
        Give Dense an argument dropout=1.0, the probability to keep a neuron. Where it is below 1,
        the operations of the layer end with Dropout(dropout), after the activation. forward of
        Operation, Layer and Dense takes inference=False and hands it on to every operation.
        """,
    ),
    Component(
        name="NeuralNetwork.inference",
        chapter=4,
        module="dropout",
        summary="forward for training or for inference",
        compares=(
            "output at inference",
            "without inference neurons are left out",
            "train_batch leaves neurons out",
            "number of params",
        ),
        run=_run_inference,
        reference=_reference_inference,
        cases=tuple(
            Case(
                case.name if parts == "ours" else f"{case.name}, all parts from the file",
                case.shapes,
                {"parts": parts},
                case.dtype,
                case.layout,
            )
            for parts in ("ours", "own")
            for case in batch_cases(_network_shapes)
        ),
        mutants=mutants.NEURAL_NETWORK_INFERENCE,
        requires=("NeuralNetwork", "MeanSquaredError", "Sigmoid", "Dense.dropout"),
        skeleton="""
        Give NeuralNetwork.forward an argument inference=False and hand it on to the forward of
        every layer. train_batch leaves it at False.
        """,
    ),
)
