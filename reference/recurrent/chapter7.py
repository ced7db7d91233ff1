"""Chapter 7 in PyTorch: the layer of LSTMs as that chapter has it, on the whole of ``nn.LSTM``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference.dense import DenseLayer
from reference.network import PyTorchLayer
from reference.recurrent.cells import State


class LSTMLayer(PyTorchLayer):
    """``nn.LSTM`` and a dense layer. Chapter 7, "LSTMs in PyTorch".

    Both biases of ``nn.LSTM`` are trained, as in PyTorch's own models; a step moves their sum twice
    as far as the one bias of ``reference.recurrent.LSTMLayer``, which is chapter 6's. The states
    that the next batch starts from are buffers: in the book they are plain tensors, which neither
    ``to()`` nor ``state_dict()`` takes along (E65).

    Args:
        sequence_length: time steps that are meant to come in; ``nn.LSTM`` takes any number.
        input_size: columns of the input.
        hidden_size: columns of each state.
        output_size: columns of the output.
        carry_state: whether a batch starts from the mean of the last one's states, as in the book.
    """

    def __init__(
        self,
        sequence_length: int,
        input_size: int,
        hidden_size: int,
        output_size: int,
        carry_state: bool = True,
    ) -> None:
        super().__init__()
        self.sequence_length = sequence_length
        self.hidden_size = hidden_size
        self.carry_state = carry_state
        self.h_init: Tensor = nn.Buffer(torch.zeros(1, hidden_size))
        self.c_init: Tensor = nn.Buffer(torch.zeros(1, hidden_size))
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.fc = DenseLayer(hidden_size, output_size)

    def start_state(self) -> State:
        """Hidden state and state of the cell that the next batch starts from, ``(1, hidden)``."""
        return self.h_init, self.c_init

    def reset_state(self) -> None:
        """Let the next batch start from 0."""
        self.h_init, self.c_init = torch.zeros_like(self.h_init), torch.zeros_like(self.c_init)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, input_size)`` to ``(batch, time, output_size)``, from the start state."""
        start = tuple(part.expand(len(x), -1) for part in self.start_state())
        out, state = self.forward_from(x, start)
        if self.carry_state and len(x) > 0:
            self.h_init, self.c_init = (part.detach().mean(0, keepdim=True) for part in state)
        return out

    def forward_from(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The same from a state of the caller's: output, and the state after the last time step.

        Args:
            x: ``(batch, time, input_size)``.
            state: hidden state and state of the cell, each ``(batch, hidden)``.
        """
        h, c = (part[None].contiguous() for part in state)
        hidden, (h, c) = self.lstm(x, (h, c))
        return self.fc(hidden), (h[0], c[0])
