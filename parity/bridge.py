"""Parameters both ways between a scratch network and its PyTorch twin.

The book holds ``W`` as ``(in, out)`` and ``B`` as ``(1, out)``; ``nn.Linear`` holds a weight of
``(out, in)`` and a bias of ``(out,)``.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from reference import activations as torch_activations
from reference import dropout as torch_dropout
from reference.dense import DenseLayer
from reference.network import NeuralNetwork as TorchNetwork
from scratch.dense import Dense
from scratch.dropout import Dropout, InvertedDropout
from scratch.network import NeuralNetwork


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """The ``nn.Linear`` modules of a model, first to last."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def load_linear(linear: nn.Linear, W: ndarray, B: ndarray) -> None:
    """Put the book's ``W`` and ``B`` into an ``nn.Linear``, which takes on their dtype.

    Raises:
        ValueError: they do not fit.
    """
    _require_fit(linear, W, B)
    linear.weight = nn.Parameter(torch.tensor(np.array(W.T, order="C")))
    linear.bias = nn.Parameter(torch.tensor(np.array(B[0], order="C")))


def read_linear(linear: nn.Linear) -> tuple[ndarray, ndarray]:
    """The book's ``W`` and ``B`` of an ``nn.Linear``, as copies."""
    weight, bias = linear.weight.detach().numpy(), linear.bias.detach().numpy()
    return weight.T.copy(), bias[None].copy()


class SharedDropout(nn.Module):
    """Dropout that takes its masks from a scratch operation, which must have gone before.

    Args:
        operation: whose ``mask`` is used in training.
    """

    def __init__(self, operation: Dropout) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor) -> Tensor:
        """The input times the mask; in evaluation times what the operation multiplies by."""
        if self.training:
            return x * torch.tensor(self.operation.mask)
        return x if isinstance(self.operation, InvertedDropout) else x * self.operation.keep_prob


def to_reference(net: NeuralNetwork, *, share_masks: bool = False) -> TorchNetwork:
    """The PyTorch twin of a scratch network that has seen its first input, with its parameters.

    Args:
        net: its layers must be ``Dense``.
        share_masks: let dropout use the masks of the scratch network's last forward pass, instead
            of PyTorch's own.

    Raises:
        ValueError: the network has no parameters yet, a layer that is not ``Dense``, or an
            activation that ``reference`` has not.
    """
    layers = []
    for layer in net.layers:
        if not isinstance(layer, Dense):
            raise ValueError(f"{layer} has no twin; there is one for Dense layers only")
        if layer.first:
            raise ValueError(f"{layer} has no parameters yet; run the network forward once")
        W, B = layer.params
        activation = getattr(torch_activations, type(layer.activation).__name__, None)
        if activation is None:
            raise ValueError(f"{layer.activation} has no twin in reference.activations")
        twin = DenseLayer(W.shape[0], W.shape[1], activation(), _dropout_twin(layer, share_masks))
        load_linear(twin.linear, W, B)
        layers.append(twin)
    return TorchNetwork(layers)


def _dropout_twin(layer: Dense, share_masks: bool) -> nn.Module:
    dropout = layer.operations[-1]
    if not isinstance(dropout, Dropout):
        return nn.Identity()
    if share_masks:
        return SharedDropout(dropout)
    twin: nn.Module = getattr(torch_dropout, type(dropout).__name__)(dropout.keep_prob)
    return twin


def copy_to_reference(params: list[ndarray], model: nn.Module) -> None:
    """Put parameters, ``W`` and ``B`` for each layer in turn, into a model's linear layers.

    Raises:
        ValueError: they do not fit; the model is then left as it was.
    """
    linears = linear_layers(model)
    if len(params) != 2 * len(linears):
        raise ValueError(f"{len(linears)} layers need {2 * len(linears)} arrays, not {len(params)}")
    layers = list(zip(linears, params[::2], params[1::2], strict=True))
    for linear, W, B in layers:
        _require_fit(linear, W, B)
    for linear, W, B in layers:
        load_linear(linear, W, B)


def read_reference(model: nn.Module) -> list[ndarray]:
    """The parameters of a model's linear layers in the book's order and shapes, as copies."""
    return [param for linear in linear_layers(model) for param in read_linear(linear)]


def copy_to_scratch(model: nn.Module, net: NeuralNetwork) -> None:
    """Put a model's parameters into a scratch network that has seen its first input, in place.

    Raises:
        ValueError: they do not fit.
    """
    params, values = list(net.params()), read_reference(model)
    if len(params) != len(values):
        raise ValueError(f"the network holds {len(params)} arrays, the model {len(values)}")
    for param, value in zip(params, values, strict=True):
        _require_shape("parameter", value, param.shape)
        param[...] = value


def _require_fit(linear: nn.Linear, W: ndarray, B: ndarray) -> None:
    _require_shape("W", W, tuple(reversed(linear.weight.shape)))
    _require_shape("B", B, (1, *linear.bias.shape))


def _require_shape(name: str, array: ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != tuple(shape):
        raise ValueError(f"{name} has shape {array.shape}, must be {tuple(shape)}")
