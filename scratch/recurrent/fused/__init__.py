"""Chapter 6, made fast: a layer's way through time with as much of it at once as can be."""

from scratch.recurrent.fused.gru import FusedGRU, FusedGRUResetAfter
from scratch.recurrent.fused.lstm import FusedLSTM
from scratch.recurrent.fused.sequence import FusedPass, FusedRNN, Room

__all__ = ["FusedGRU", "FusedGRUResetAfter", "FusedLSTM", "FusedPass", "FusedRNN", "Room"]
