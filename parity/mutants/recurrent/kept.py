"""Mistakes in what a recurrent layer of chapter 6 keeps: in common with other layers, or for too
long.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy import ndarray

from parity.mutants.recurrent.by_nodes import ByNodes, Mistake


class _ParamsShared(ByNodes):
    of_class: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        cls.of_class = {}

    def _init_params(self, input_: ndarray) -> None:
        self.params = self.of_class
        super()._init_params(input_)


class _NodesShared(ByNodes):
    of_class: ClassVar[list[Any]]

    def __init_subclass__(cls) -> None:
        cls.of_class = []

    def _make_nodes(self, length: int) -> list[Any]:
        while len(self.of_class) < length:
            self.of_class.append(self._make_node())
        return self.of_class[:length]


class _FirstLength(ByNodes):
    """What is as long as the first batch is filled up with zeros."""

    length: int

    def forward(self, x_seq_in: ndarray) -> ndarray:
        if self.first:
            self.length = x_seq_in.shape[1]
        return super().forward(x_seq_in)

    def _filled_up(self, sequences: ndarray) -> ndarray:
        missing = max(self.length - sequences.shape[1], 0)
        return np.pad(sequences, ((0, 0), (0, missing), (0, 0)))


class _OutputOfFirstLength(_FirstLength):
    def _outputs(self, x_seq_out: list[ndarray]) -> ndarray:
        return self._filled_up(super()._outputs(x_seq_out))


class _InputGradOfFirstLength(_FirstLength):
    def backward(self, x_seq_out_grad: ndarray) -> ndarray:
        return self._filled_up(super().backward(x_seq_out_grad))


class _NodesFromTheEnd(ByNodes):
    """The nodes are those of the first batch, of which backward takes the last ones."""

    kept: list[Any]

    def _make_nodes(self, length: int) -> list[Any]:
        if not hasattr(self, "kept"):
            self.kept = super()._make_nodes(length)
        return self.kept[:length]

    def backward(self, x_seq_out_grad: ndarray) -> ndarray:
        self.nodes = self.kept[-len(self.nodes) :]
        return super().backward(x_seq_out_grad)


KEPT: tuple[Mistake, ...] = (
    (
        "parameters shared among layers",
        "All layers of the class share one params, so that the gradients of all are added up: "
        "set self.params = {} in each layer, not params = {} in the class.",
        _ParamsShared,
        "deriv[W_v]",
    ),
    (
        "nodes shared among layers",
        "All layers of the class share their nodes, which remember only the layer that went last: "
        "set self.nodes in each layer, not nodes = [] in the class.",
        _NodesShared,
        "input_grad",
    ),
    (
        "output as long as the first batch's",
        "The output has as many time steps as the first batch had; it has those of this one, "
        "x_seq_in.shape[1].",
        _OutputOfFirstLength,
        "output of the next batch",
    ),
    (
        "input gradient as long as the first batch's",
        "The input gradient has as many time steps as the first batch had; it has those of this "
        "one, x_seq_out_grad.shape[1].",
        _InputGradOfFirstLength,
        "input_grad of the next batch",
    ),
    (
        "nodes counted from the end",
        "backward begins with the last node there is, which a shorter batch has not passed: "
        "self.nodes[t] for t in reversed(range(x_seq_out_grad.shape[1])).",
        _NodesFromTheEnd,
        "input_grad of the next batch",
    ),
)
