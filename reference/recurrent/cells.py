"""Chapter 6 in PyTorch: one time step of the cells that PyTorch has not."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

#: What goes from time step to time step: ``(H,)``, in LSTM ``(H, C)``, each ``(batch, hidden)``.
State = tuple[Tensor, ...]


class ResetBeforeGRUCell(nn.Module):
    """The book's GRU, which resets the state before the product. Chapter 6, "GRUNodes: The Code".

    ``nn.GRUCell`` resets what comes out of the product.

    Args:
        features: columns of the input.
        hidden_size: columns of the state.
    """

    def __init__(self, features: int, hidden_size: int) -> None:
        super().__init__()
        self.of_input = nn.Linear(features, 3 * hidden_size)
        self.of_state = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        self.of_reset_state = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x: Tensor, state: State) -> State:
        """The state after ``x``, which is ``(batch, features)``."""
        (h,) = state
        x_r, x_u, x_h = self.of_input(x).chunk(3, dim=1)
        h_r, h_u = self.of_state(h).chunk(2, dim=1)
        reset, update = torch.sigmoid(x_r + h_r), torch.sigmoid(x_u + h_u)
        candidate = torch.tanh(x_h + self.of_reset_state(reset * h))
        return (update * h + (1 - update) * candidate,)


class PeepholeLSTMCell(nn.Module):
    """An LSTM whose gates see the cell's state, too. Chapter 6, on variants of the cell.

    Args:
        features: columns of the input.
        hidden_size: columns of each state.
    """

    def __init__(self, features: int, hidden_size: int) -> None:
        super().__init__()
        self.gates = nn.Linear(features + hidden_size, 4 * hidden_size)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size))

    def forward(self, x: Tensor, state: State) -> State:
        """The states after ``x``, which is ``(batch, features)``."""
        h, c = state
        i, f, g, o = self.gates(torch.cat((x, h), dim=1)).chunk(4, dim=1)
        p_i, p_f, p_o = self.peepholes
        c = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
        return torch.sigmoid(o + p_o * c) * torch.tanh(c), c


def unroll(cell: Callable[[Tensor, State], State], x: Tensor, state: State) -> tuple[Tensor, State]:
    """A cell's way through time.

    Args:
        cell: one time step.
        x: ``(batch, time, features)``.
        state: before the first time step.

    Returns:
        The hidden state after each time step, ``(batch, time, hidden)``, and the last state.
    """
    hidden = []
    for x_t in x.unbind(dim=1):
        state = cell(x_t, state)
        hidden.append(state[0])
    return torch.stack(hidden, dim=1), state
