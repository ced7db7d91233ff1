"""Recurrent layers of all kinds and their way forward and back, on both sides, for the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import model_to_reference, read_recurrent_grads
from parity.comparison import compare
from reference.recurrent import RecurrentLayer as TorchLayer
from scratch.losses import MeanSquaredError
from scratch.recurrent import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer, RNNModel

DTYPES = ("float64", "float32")

KINDS: dict[str, Callable[..., RecurrentLayer]] = {
    "RNN": RNNLayer,
    "GRU": GRULayer,
    "GRU reset after": partial(GRULayer, reset_after=True),
    "LSTM": LSTMLayer,
    "LSTM with peepholes": partial(LSTMLayer, peepholes=True),
}

each_kind = pytest.mark.parametrize("kind", KINDS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
each_form = pytest.mark.parametrize("fused", [True, False], ids=["fused", "node by node"])

FEATURES, HIDDEN, OUT = 5, 4, 3


def draw(*shape: int, dtype: str = "float64", seed: int = 0) -> ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(dtype)


def make_layer(
    kind: str, dtype: str = "float64", *, features: int = FEATURES, **options: Any
) -> RecurrentLayer:
    """A layer that has its parameters, the same ones at each call, and starts from 0."""
    given = {"weight_scale": 0.5, "seed": 1, **options}
    layer = KINDS[kind](HIDDEN, OUT, **given)
    state = draw_state(layer, 1, dtype)
    layer.forward_from(np.zeros((1, 1, features), dtype), state)
    return layer


def make_twin(layer: RecurrentLayer) -> TorchLayer:
    [twin] = model_to_reference(RNNModel([layer], MeanSquaredError())).layers
    return twin


def draw_state(layer: RecurrentLayer, batch: int, dtype: str, seed: int = 7) -> tuple[ndarray, ...]:
    """One that the layer could start from, or a gradient on it."""
    parts = len(layer.start_state())
    return tuple(draw(parts, batch, layer.hidden_size, dtype=dtype, seed=seed))


def derivs(layer: RecurrentLayer) -> dict[str, ndarray]:
    return {f"gradient on {name}": param["deriv"] for name, param in layer.params.items()}


def tensor(array: ndarray, *, grad: bool = False) -> torch.Tensor:
    return torch.tensor(np.array(array, order="C"), requires_grad=grad)


def results(
    output: Any, state: Sequence[Any], input_grad: Any, state_grad: Sequence[Any]
) -> dict[str, ndarray]:
    """By name, as plain arrays."""
    named = {"output": output, "gradient on the input": input_grad}
    for name, part, grad in zip("HC", state, state_grad, strict=False):
        named |= {f"last {name}": part, f"gradient on the first {name}": grad}
    return {name: np.asarray(value) for name, value in named.items()}


def there_and_back(
    layer: RecurrentLayer,
    x: ndarray,
    state: tuple[ndarray, ...],
    output_grad: ndarray,
    state_grad: tuple[ndarray, ...],
) -> dict[str, ndarray]:
    """All that a layer says of a batch, gradients on its parameters included."""
    layer.clear_gradients()
    output, last = layer.forward_from(x, state)
    input_grad, first_grad = layer.backward_from(output_grad, state_grad)
    return results(output, last, input_grad, first_grad) | derivs(layer)


def pytorchs_there_and_back(
    twin: TorchLayer,
    x: ndarray,
    state: tuple[ndarray, ...],
    output_grad: ndarray,
    state_grad: tuple[ndarray, ...],
) -> dict[str, ndarray]:
    """The same of a twin."""
    twin.zero_grad()
    x_in, first = tensor(x, grad=True), tuple(tensor(part, grad=True) for part in state)
    output, last = twin.forward_from(x_in, first)
    torch.autograd.backward((output, *last), [tensor(grad) for grad in (output_grad, *state_grad)])
    grads = {f"gradient on {name}": grad for name, grad in read_recurrent_grads(twin).items()}
    return (
        results(
            output.detach(), [part.detach() for part in last], x_in.grad, [s.grad for s in first]
        )
        | grads
    )


def assert_same(
    found: Mapping[str, Any], expected: Mapping[str, ndarray], dtype: str = "float64"
) -> None:
    """By the table of tolerances."""
    assert list(found) == list(expected)
    for name, value in expected.items():
        difference = compare(found[name], value, dtype=dtype)
        assert difference is None, f"{name} {difference.message}"


def assert_identical(found: Mapping[str, ndarray], expected: Mapping[str, ndarray]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name, strict=True)


def joined(found: Mapping[str, ndarray]) -> ndarray:
    """All of them in one, to be held against the largest element of them all."""
    return np.concatenate([np.ravel(result) for result in found.values()])
