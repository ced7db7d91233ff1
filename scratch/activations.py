"""Chapter 3: activations, operations that work element by element."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.functions import sigmoid
from scratch.operations import Operation


class Sigmoid(Operation):
    """``1 / (1 + exp(-input))``, any shape. Chapter 3, "Building Blocks on Building Blocks"."""

    def _output(self) -> ndarray:
        return sigmoid(self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        sigmoid_backward = self.output * (1.0 - self.output)
        return sigmoid_backward * output_grad


class Linear(Operation):
    """The input as it is, any shape: no activation. Chapter 3, "The Dense Layer".

    Output and gradient are copies, so that nobody's array is shared.
    """

    def _output(self) -> ndarray:
        return np.array(self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.array(output_grad)
