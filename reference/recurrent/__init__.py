"""Chapter 6 in PyTorch: recurrent layers, and models of them."""

from reference.recurrent.clipping import clip_by_norm
from reference.recurrent.layers import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer
from reference.recurrent.model import RNNModel

__all__ = ["GRULayer", "LSTMLayer", "RNNLayer", "RNNModel", "RecurrentLayer", "clip_by_norm"]
