"""Chapter 6: recurrent networks. A layer passes sequences through time, a node is one time step."""

from scratch.recurrent.clipping import clip_by_norm, clip_by_value
from scratch.recurrent.layers import GRULayer, LSTMLayer, RecurrentLayer, RNNLayer
from scratch.recurrent.loss import SequenceSoftmaxCrossEntropy
from scratch.recurrent.model import RNNModel
from scratch.recurrent.nodes import GRUNode, LSTMNode, RNNNode

__all__ = [
    "GRULayer",
    "GRUNode",
    "LSTMLayer",
    "LSTMNode",
    "RNNLayer",
    "RNNModel",
    "RNNNode",
    "RecurrentLayer",
    "SequenceSoftmaxCrossEntropy",
    "clip_by_norm",
    "clip_by_value",
]
