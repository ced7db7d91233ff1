"""Chapter 6's models as ONNX has them: with its own recurrent operators, whose sequences may be of
any length. PyTorch's exporter writes one time step after the other, as many as its example has.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference.recurrent import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer, RNNModel

#: Of ONNX's standard, whose RNN, GRU and LSTM have been these since.
VERSION = 14


class OnnxModel(nn.Module):
    """A model of the next character, for ``torch.onnx.export`` only: elsewhere its operators come
    to nothing.

    Sequences start from a state of 0, as a new text does, in whatever state training has left the
    model. In float32: ONNX Runtime has the operators in no other type.

    Args:
        model: of ``reference.models.next_character``.
    """

    def __init__(self, model: RNNModel) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_OnnxLayer(layer) for layer in model.layers))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, vocab_size)`` to an output of the same shape."""
        outputs: Tensor = self.layers(x)
        return outputs


class _OnnxLayer(nn.Module):
    def __init__(self, layer: RecurrentLayer) -> None:
        super().__init__()
        self.hidden_size = layer.hidden_size
        self.operator, of_input, of_state, bias = _weights(layer)
        # One direction comes first; the biases of the state are in those of the input.
        self.of_input = nn.Buffer(of_input.float()[None])
        self.of_state = nn.Buffer(of_state.float()[None])
        self.bias = nn.Buffer(torch.cat((bias, torch.zeros_like(bias))).float()[None])
        self.projection_weight = nn.Buffer(layer.projection.weight.detach().float())
        self.projection_bias = nn.Buffer(layer.projection.bias.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        batch, time, _ = x.shape
        hidden = torch.onnx.ops.symbolic(
            self.operator,
            (x.transpose(0, 1), self.of_input, self.of_state, self.bias),
            {"hidden_size": self.hidden_size},
            dtype=x.dtype,
            shape=(time, 1, batch, self.hidden_size),
            version=VERSION,
        )
        hidden = hidden.squeeze(1).transpose(0, 1)
        return nn.functional.linear(hidden, self.projection_weight, self.projection_bias)


def _weights(layer: RecurrentLayer) -> tuple[str, Tensor, Tensor, Tensor]:
    """ONNX's operator, its weights of the input and of the state, and the sum of its biases, with
    the gates in its order.
    """
    order: tuple[int, ...]
    weights: tuple[Tensor, Tensor, Tensor]
    if isinstance(layer, GRULayer) and not layer.reset_after:
        cell = layer.cell
        # ONNX has the update before the reset, and as the book resets before the product.
        operator, order = "GRU", (1, 0, 2)
        of_state = torch.cat((cell.of_state.weight, cell.of_reset_state.weight))
        weights = cell.of_input.weight, of_state, cell.of_input.bias
    elif isinstance(layer, LSTMLayer) and not layer.peepholes:
        operator, order = "LSTM", (0, 3, 1, 2)
        weights = _of_torch(layer.lstm)
    elif isinstance(layer, RNNLayer):
        operator, order = "RNN", (0,)
        weights = _of_torch(layer.rnn)
    else:
        kind = type(layer).__name__
        raise ValueError(f"OnnxModel: ONNX has no operator for this variant of {kind}")
    of_input, of_state, bias = (_in_order(weight, order) for weight in weights)
    return operator, of_input, of_state, bias


def _of_torch(module: nn.RNNBase) -> tuple[Tensor, Tensor, Tensor]:
    weight_of = module.get_parameter
    bias = weight_of("bias_ih_l0") + weight_of("bias_hh_l0")
    return weight_of("weight_ih_l0"), weight_of("weight_hh_l0"), bias


def _in_order(weight: Tensor, order: tuple[int, ...]) -> Tensor:
    """The gates' rows in another order."""
    parts = weight.detach().chunk(len(order))
    return torch.cat([parts[gate] for gate in order])
