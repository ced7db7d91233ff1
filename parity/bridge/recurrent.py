"""Parameters both ways between a scratch recurrent layer or model and its PyTorch twin.

The book has one matrix for each gate, ``(in, hidden)``, and, but for the GRU, one for input and
state together, ``(features + hidden, hidden)``. PyTorch stacks the gates, ``(gates * hidden, in)``
(in ``nn.GRU`` r, z, n, the book's r, u, h; in ``nn.LSTM`` i, f, g, o, the book's i, f, c, o), and
has input and state apart, each with a bias: that of the state is 0 in the twins (only ``B_hh`` of a
GRU that resets after the product is more than a second bias).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from reference.recurrent import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer
from reference.recurrent import RNNModel as TorchModel
from scratch.recurrent import GRULayer as ScratchGRULayer
from scratch.recurrent import LSTMLayer as ScratchLSTMLayer
from scratch.recurrent import RecurrentLayer as ScratchLayer
from scratch.recurrent import RNNLayer as ScratchRNNLayer
from scratch.recurrent import RNNModel

#: A parameter of the book, in pieces that lie one below the other: views of a twin's tensors.
Pieces = list[Tensor]


def load_recurrent(module: RecurrentLayer, params: Mapping[str, ndarray]) -> None:
    """Put the book's parameters into a layer, in place; all of it takes on their dtype.

    Args:
        module: a layer of ``reference.recurrent``.
        params: by their names in the book.

    Raises:
        ValueError: they do not fit; the layer is then left as it was.
    """
    book = _pieces(module, _values(module))
    if params.keys() != book.keys():
        raise ValueError(
            f"{type(module).__name__} needs {', '.join(book)}, not {', '.join(params)}"
        )
    for name, pieces in book.items():
        shape = (sum(len(piece) for piece in pieces), pieces[0].shape[1])
        if params[name].shape != shape:
            raise ValueError(f"{name} has shape {params[name].shape}, must be {shape}")
    module.to(getattr(torch, np.result_type(*params.values()).name))
    for name, pieces in _pieces(module, _values(module)).items():
        rows = torch.from_numpy(np.array(params[name], order="C"))
        for piece, part in zip(pieces, rows.split([len(piece) for piece in pieces]), strict=True):
            piece.copy_(part)
    _second_bias(module).zero_()


def read_recurrent(module: RecurrentLayer) -> dict[str, ndarray]:
    """A layer's parameters by their names in the book, as copies: inverse of ``load_recurrent``.

    Raises:
        ValueError: PyTorch's second bias is not 0, and the book has no place for it.
    """
    if _second_bias(module).any():
        raise ValueError(
            f"the second bias of a {type(module).__name__} is not 0; the book has one bias only"
        )
    return _joined(_pieces(module, _values(module)))


def read_recurrent_grads(module: RecurrentLayer) -> dict[str, ndarray]:
    """The gradients on a layer's parameters by their names in the book, as copies.

    Raises:
        ValueError: there are none yet.
    """
    return _joined(_pieces(module, _grads(module)))


def model_to_reference(model: RNNModel) -> TorchModel:
    """The PyTorch twin of a scratch model that has seen its first input: parameters and states.

    Raises:
        ValueError: a layer has no parameters yet, or has no twin.
    """
    twins = [_twin(layer) for layer in model.layers]
    for layer, twin in zip(model.layers, twins, strict=True):
        load_recurrent(twin, {name: param["value"] for name, param in layer.params.items()})
        for ours, theirs in zip(layer.start_state(), twin.start_state(), strict=True):
            theirs.copy_(torch.from_numpy(ours))
    return TorchModel(twins, model.many_to_one)


def model_to_scratch(model: TorchModel, scratch: RNNModel) -> None:
    """Put a model's parameters and states into a scratch model that has seen its first input.

    The arrays of the parameters stay the same objects: an optimizer knows them.

    Args:
        model: in PyTorch.
        scratch: of the same layers.

    Raises:
        ValueError: they do not fit; the scratch model is then left as it was.
    """
    if len(model.layers) != len(scratch.layers):
        raise ValueError(
            f"the model has {len(model.layers)} layers, the scratch model {len(scratch.layers)}"
        )
    values = [read_recurrent(layer) for layer in model.layers]
    for layer, read in zip(scratch.layers, values, strict=True):
        shapes = {name: param["value"].shape for name, param in layer.params.items()}
        if shapes != {name: value.shape for name, value in read.items()}:
            raise ValueError(f"{layer} has other parameters than its twin, or none yet")
    for layer, twin, read in zip(scratch.layers, model.layers, values, strict=True):
        for name, value in read.items():
            layer.params[name]["value"][...] = value
        layer.start_H = twin.start_H.numpy().copy()
        if isinstance(layer, ScratchLSTMLayer) and isinstance(twin, LSTMLayer):
            layer.start_C = twin.start_C.numpy().copy()


def _twin(layer: ScratchLayer) -> RecurrentLayer:
    if layer.first:
        raise ValueError(f"{layer} has no parameters yet; run the model forward once")
    sizes = (layer.features, layer.hidden_size, layer.output_size, layer.carry_state)
    if isinstance(layer, ScratchRNNLayer):
        return RNNLayer(*sizes)
    if isinstance(layer, ScratchGRULayer):
        return GRULayer(*sizes, layer.reset_after)
    if isinstance(layer, ScratchLSTMLayer):
        return LSTMLayer(*sizes, layer.peepholes)
    raise ValueError(f"{layer} has no twin; there is one for RNNLayer, GRULayer and LSTMLayer only")


def _values(module: RecurrentLayer) -> dict[str, Tensor]:
    return {name: param.detach() for name, param in module.named_parameters()}


def _grads(module: RecurrentLayer) -> dict[str, Tensor]:
    grads = {}
    for name, param in module.named_parameters():
        if param.grad is not None:
            grads[name] = param.grad
        elif param.requires_grad:
            raise ValueError(f"{name} has no gradient yet; run a backward pass first")
    return grads


def _joined(book: Mapping[str, Pieces]) -> dict[str, ndarray]:
    return {name: torch.cat(pieces).numpy() for name, pieces in book.items()}


def _pieces(module: RecurrentLayer, tensors: Mapping[str, Tensor]) -> dict[str, Pieces]:
    """The parameters, or the gradients on them, by the book's names, in its order and layout."""
    if isinstance(module, RNNLayer):
        book = _rnn_pieces(tensors)
    elif isinstance(module, GRULayer):
        book = _gru_pieces(tensors, module.reset_after)
    elif isinstance(module, LSTMLayer):
        book = _lstm_pieces(tensors, module.peepholes)
    else:
        raise ValueError(
            f"{type(module).__name__} has no counterpart among the book's recurrent layers"
        )
    book["W_v"] = [tensors["projection.weight"].T]
    book["B_v"] = [tensors["projection.bias"][None]]
    return book


def _rnn_pieces(tensors: Mapping[str, Tensor]) -> dict[str, Pieces]:
    return {
        "W_f": [tensors["rnn.weight_ih_l0"].T, tensors["rnn.weight_hh_l0"].T],
        "B_f": [tensors["rnn.bias_ih_l0"][None]],
    }


def _gru_pieces(tensors: Mapping[str, Tensor], reset_after: bool) -> dict[str, Pieces]:
    if reset_after:
        of_input, biases = tensors["gru.weight_ih_l0"], tensors["gru.bias_ih_l0"]
        of_state = list(tensors["gru.weight_hh_l0"].chunk(3))
        after = {"B_hh": [tensors["gru.bias_hh_l0"].chunk(3)[2][None]]}
    else:
        of_input, biases = tensors["cell.of_input.weight"], tensors["cell.of_input.bias"]
        of_state = [
            *tensors["cell.of_state.weight"].chunk(2),
            tensors["cell.of_reset_state.weight"],
        ]
        after = {}
    book = {f"W_x{gate}": [part.T] for gate, part in zip("ruh", of_input.chunk(3), strict=True)}
    book |= {f"W_h{gate}": [part.T] for gate, part in zip("ruh", of_state, strict=True)}
    book |= {f"B_{gate}": [part[None]] for gate, part in zip("ruh", biases.chunk(3), strict=True)}
    return book | after


def _lstm_pieces(tensors: Mapping[str, Tensor], peepholes: bool) -> dict[str, Pieces]:
    if peepholes:
        weights, biases = [tensors["cell.gates.weight"]], tensors["cell.gates.bias"]
        seen = dict(zip("ifo", tensors["cell.peepholes"], strict=True))
    else:
        weights = [tensors["lstm.weight_ih_l0"], tensors["lstm.weight_hh_l0"]]
        biases, seen = tensors["lstm.bias_ih_l0"], {}
    of_gates = [dict(zip("ifco", stacked.chunk(4), strict=True)) for stacked in weights]
    of_biases = dict(zip("ifco", biases.chunk(4), strict=True))
    book = {f"W_{gate}": [parts[gate].T for parts in of_gates] for gate in "fico"}
    book |= {f"B_{gate}": [of_biases[gate][None]] for gate in "fico"}
    return book | {f"P_{gate}": [seen[gate][None]] for gate in "fio" if peepholes}


def _second_bias(module: RecurrentLayer) -> Tensor:
    """What PyTorch adds to the book's biases and is not trained; empty where there is no such."""
    values = _values(module)
    if isinstance(module, RNNLayer):
        return values["rnn.bias_hh_l0"]
    if isinstance(module, GRULayer) and module.reset_after:
        return values["gru.bias_hh_l0"][: 2 * module.hidden_size]
    return values.get("lstm.bias_hh_l0", torch.empty(0))
