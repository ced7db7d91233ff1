"""Parameters both ways between a scratch network and its PyTorch twin.

The book holds ``W`` as ``(in, out)`` and ``B`` as ``(1, out)``; ``nn.Linear`` holds a weight of
``(out, in)`` and a bias of ``(out,)``. Filters are ``(in, out, height, width)`` in the book and
``(out, in, height, width)`` in ``nn.Conv2d``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from reference import activations as torch_activations
from reference import dropout as torch_dropout
from reference.conv import ConvLayer
from reference.dense import DenseLayer
from reference.network import NeuralNetwork as TorchNetwork
from scratch.conv import Conv2D
from scratch.dense import Dense
from scratch.dropout import Dropout, InvertedDropout
from scratch.network import NeuralNetwork

Weighted: TypeAlias = nn.Linear | nn.Conv2d


def weighted_layers(model: nn.Module) -> list[Weighted]:
    """The ``nn.Linear`` and ``nn.Conv2d`` modules of a model, first to last.

    Raises:
        ValueError: another module has parameters, or a convolution has groups.
    """
    modules: list[Weighted] = []
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and getattr(module, "groups", 1) == 1:
            modules.append(module)
        elif next(module.parameters(recurse=False), None) is not None:
            raise ValueError(f"{module} has no counterpart in the book's networks")
    return modules


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """The ``nn.Linear`` modules of a model, first to last."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def load_weights(module: Weighted, params: Sequence[ndarray]) -> None:
    """Put the book's parameters into a module, which takes on their dtype: ``W`` and ``B``, or
    filters, with a bias of shape ``(1, out)`` if the module has one.

    Raises:
        ValueError: they do not fit.
    """
    _require_fit(module, params)
    for name, value in zip(_names(module), params, strict=True):
        shape = getattr(module, name).shape
        setattr(module, name, nn.Parameter(to_torch_layout(value, shape)))


def read_weights(module: Weighted) -> list[ndarray]:
    """The book's parameters of a module, as copies: the inverse of ``load_weights``."""
    return [to_book_layout(getattr(module, name)) for name in _names(module)]


def to_torch_layout(value: ndarray, shape: Sequence[int]) -> Tensor:
    """A parameter in the book's order of axes, or a gradient on it, as PyTorch lays it out.

    Args:
        value: ``W``, ``B`` or filters.
        shape: that PyTorch has it in.
    """
    turned = value.transpose(1, 0, 2, 3) if value.ndim == 4 else value.T
    return torch.tensor(np.array(turned, order="C")).reshape(tuple(shape))


def to_book_layout(value: Tensor) -> ndarray:
    """The inverse of ``to_torch_layout``, a copy."""
    array = value.detach().numpy()
    if array.ndim == 1:
        return array[None].copy()
    turned = array.transpose(1, 0, 2, 3) if array.ndim == 4 else array.T
    return turned.copy()


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
        net: its layers must be ``Dense`` or ``Conv2D``.
        share_masks: let dropout use the masks of the scratch network's last forward pass, instead
            of PyTorch's own.

    Raises:
        ValueError: the network has no parameters yet, a layer of another class, or an activation
            that ``reference`` has not.
    """
    layers = []
    for layer in net.layers:
        if not isinstance(layer, Dense | Conv2D):
            raise ValueError(f"{layer} has no twin; there is one for Dense and Conv2D layers only")
        if layer.first:
            raise ValueError(f"{layer} has no parameters yet; run the network forward once")
        activation = getattr(torch_activations, type(layer.activation).__name__, None)
        if activation is None:
            raise ValueError(f"{layer.activation} has no twin in reference.activations")
        dropout = _dropout_twin(layer, share_masks)
        twin: DenseLayer | ConvLayer
        if isinstance(layer, Conv2D):
            twin = _conv_twin(layer, activation(), dropout)
            load_weights(twin.conv, layer.params)
        else:
            inputs, neurons = layer.params[0].shape
            twin = DenseLayer(inputs, neurons, activation(), dropout)
            load_weights(twin.linear, layer.params)
        layers.append(twin)
    return TorchNetwork(layers)


def _conv_twin(layer: Conv2D, activation: nn.Module, dropout: nn.Module) -> ConvLayer:
    return ConvLayer(
        layer.params[0].shape[0],
        layer.out_channels,
        layer.param_size,
        activation,
        dropout,
        layer.flatten,
        layer.padding,
        layer.stride,
        layer.dilation,
        layer.bias,
    )


def _dropout_twin(layer: Dense | Conv2D, share_masks: bool) -> nn.Module:
    dropout = layer.operations[-1]
    if not isinstance(dropout, Dropout):
        return nn.Identity()
    if share_masks:
        return SharedDropout(dropout)
    twin: nn.Module = getattr(torch_dropout, type(dropout).__name__)(dropout.keep_prob)
    return twin


def copy_to_reference(params: list[ndarray], model: nn.Module) -> None:
    """Put parameters, in the order of the book's network, into a model's weighted layers.

    Raises:
        ValueError: they do not fit, or the model has other layers with parameters; it is then left
            as it was.
    """
    modules = weighted_layers(model)
    counts = [len(_names(module)) for module in modules]
    if len(params) != sum(counts):
        raise ValueError(f"{len(modules)} layers need {sum(counts)} arrays, not {len(params)}")
    remaining = iter(params)
    shares = [[next(remaining) for _ in range(count)] for count in counts]
    for module, share in zip(modules, shares, strict=True):
        _require_fit(module, share)
    for module, share in zip(modules, shares, strict=True):
        load_weights(module, share)


def read_reference(model: nn.Module) -> list[ndarray]:
    """The parameters of a model's weighted layers in the book's order and shapes, as copies."""
    return [param for module in weighted_layers(model) for param in read_weights(module)]


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


def _names(module: Weighted) -> list[str]:
    return ["weight"] if module.bias is None else ["weight", "bias"]


def _require_fit(module: Weighted, params: Sequence[ndarray]) -> None:
    wanted = read_weights(module)
    if len(params) != len(wanted):
        raise ValueError(f"a layer needs {len(wanted)} arrays, not {len(params)}")
    names = ("W", "B") if isinstance(module, nn.Linear) else ("the filters", "the bias")
    for name, value, param in zip(names, params, wanted, strict=False):
        _require_shape(name, value, param.shape)


def _require_shape(name: str, array: ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != tuple(shape):
        raise ValueError(f"{name} has shape {array.shape}, must be {tuple(shape)}")
