"""Chapter 6 in PyTorch: ``nn.RNN``, ``nn.GRU`` and ``nn.LSTM``, each with a projection at its end.

PyTorch adds two biases where the book has one. One of them adds nothing to what a layer can
compute: it stays 0 here and is not trained, so that parameters can be held against the book's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from reference.recurrent.cells import PeepholeLSTMCell, ResetBeforeGRUCell, State, unroll


class RecurrentLayer(nn.Module):
    """What the three layers share. Chapter 6, "The RNNLayer Class".

    Args:
        features: columns of the input.
        hidden_size: columns of the state.
        output_size: columns of the output.
        carry_state: whether a batch starts from the mean of the last one's states, as in the book.
    """

    def __init__(
        self, features: int, hidden_size: int, output_size: int, carry_state: bool = True
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.carry_state = carry_state
        self.projection = nn.Linear(hidden_size, output_size)
        self.start_H: Tensor = nn.Buffer(torch.zeros(1, hidden_size))

    def start_state(self) -> State:
        """What the next batch starts from, each ``(1, hidden)``."""
        return (self.start_H,)

    def reset_state(self) -> None:
        """Let the next batch start from 0."""
        self._start_from(tuple(torch.zeros_like(part) for part in self.start_state()))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, features)`` to ``(batch, time, output_size)``, from the start state."""
        start = tuple(part.expand(len(x), -1) for part in self.start_state())
        out, state = self.forward_from(x, start)
        if self.carry_state and len(x) > 0:
            self._start_from(tuple(part.detach().mean(0, keepdim=True) for part in state))
        return out

    def forward_from(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The same from a state of the caller's: output, and the state after the last time step.

        Args:
            x: ``(batch, time, features)``.
            state: ``(H,)``, in LSTM ``(H, C)``, each ``(batch, hidden)``.
        """
        hidden, state = self._through_time(x, state)
        return self.projection(hidden), state

    def _start_from(self, state: State) -> None:
        (H,) = state
        self.start_H = H.to(self.start_H.dtype)  # under autocast it comes in another type

    def _through_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        raise NotImplementedError(f"{type(self).__name__} must define _through_time")


class RNNLayer(RecurrentLayer):
    """``nn.RNN``. Chapter 6, "RNNNode: The Code". Arguments as in ``RecurrentLayer``."""

    def __init__(
        self, features: int, hidden_size: int, output_size: int, carry_state: bool = True
    ) -> None:
        super().__init__(features, hidden_size, output_size, carry_state)
        self.rnn = nn.RNN(features, hidden_size, batch_first=True)
        nn.init.zeros_(self.rnn.get_parameter("bias_hh_l0")).requires_grad_(False)

    def _through_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        hidden, h = self.rnn(x, state[0][None].contiguous())
        return hidden, (h[0],)


class GRULayer(RecurrentLayer):
    """The book's GRU, or ``nn.GRU``. Chapter 6, "GRUNodes: The Code".

    Args:
        features: columns of the input.
        hidden_size: columns of the state.
        output_size: columns of the output.
        carry_state: as in ``RecurrentLayer``.
        reset_after: whether it is ``nn.GRU``, which resets after the product.
    """

    def __init__(
        self,
        features: int,
        hidden_size: int,
        output_size: int,
        carry_state: bool = True,
        reset_after: bool = False,
    ) -> None:
        super().__init__(features, hidden_size, output_size, carry_state)
        self.reset_after = reset_after
        if reset_after:
            self.gru = nn.GRU(features, hidden_size, batch_first=True)
            nn.init.zeros_(self.gru.get_parameter("bias_hh_l0"))
            self._hold_second_bias()
        else:
            self.cell = ResetBeforeGRUCell(features, hidden_size)

    def _hold_second_bias(self) -> None:
        """Train the candidate's share of it alone, which is reset, and so not the first again."""
        gates = 2 * self.hidden_size
        self.gru.get_parameter("bias_hh_l0").register_hook(
            lambda grad: torch.cat((torch.zeros_like(grad[:gates]), grad[gates:]))
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Copies and what is read from a file have lost the hook."""
        super().__setstate__(state)
        if self.reset_after:
            self._hold_second_bias()

    def _through_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if not self.reset_after:
            return unroll(self.cell, x, state)
        hidden, h = self.gru(x, state[0][None].contiguous())
        return hidden, (h[0],)


class LSTMLayer(RecurrentLayer):
    """``nn.LSTM``, or an LSTM with peepholes. Chapter 6, "LSTMNodes: The Code".

    Args:
        features: columns of the input.
        hidden_size: columns of each state.
        output_size: columns of the output.
        carry_state: as in ``RecurrentLayer``; it holds for both states.
        peepholes: whether the gates see the state of the cell.
    """

    def __init__(
        self,
        features: int,
        hidden_size: int,
        output_size: int,
        carry_state: bool = True,
        peepholes: bool = False,
    ) -> None:
        super().__init__(features, hidden_size, output_size, carry_state)
        self.peepholes = peepholes
        self.start_C: Tensor = nn.Buffer(torch.zeros(1, hidden_size))
        if peepholes:
            self.cell = PeepholeLSTMCell(features, hidden_size)
        else:
            self.lstm = nn.LSTM(features, hidden_size, batch_first=True)
            nn.init.zeros_(self.lstm.get_parameter("bias_hh_l0")).requires_grad_(False)

    def start_state(self) -> State:
        """Hidden state and state of the cell that the next batch starts from."""
        return self.start_H, self.start_C

    def _start_from(self, state: State) -> None:
        H, C = state
        super()._start_from((H,))
        self.start_C = C.to(self.start_C.dtype)

    def _through_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if self.peepholes:
            return unroll(self.cell, x, state)
        h, c = (part[None].contiguous() for part in state)
        hidden, (h, c) = self.lstm(x, (h, c))
        return hidden, (h[0], c[0])
