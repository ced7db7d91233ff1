"""Chapters 3 and 4: activations, operations that work element by element."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.functions import relu, sigmoid
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


class Tanh(Operation):
    """The hyperbolic tangent, any shape. Chapter 4, "A Happy Medium: Tanh"."""

    def _output(self) -> ndarray:
        return np.tanh(self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        tanh_backward = 1.0 - self.output * self.output
        return tanh_backward * output_grad


class ReLU(Operation):
    """Negative elements to 0, any shape. Chapter 4, "The Other Extreme: The Rectified Linear Unit".

    At the kink, 0, the gradient is 0, as in PyTorch.
    """

    def _output(self) -> ndarray:
        return relu(self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.where(self.input_ > 0, output_grad, 0)


class LeakyReLU(Operation):
    """Negative elements times a small slope, any shape. Chapter 4, "A Happy Medium: Tanh".

    At the kink, 0, the gradient is ``negative_slope``, as in PyTorch.

    Args:
        negative_slope: by default that of ``leaky_relu`` in chapter 1; PyTorch's is 0.01.
    """

    def __init__(self, negative_slope: float = 0.2) -> None:
        self.negative_slope = negative_slope

    def _output(self) -> ndarray:
        return np.where(self.input_ > 0, self.input_, self.negative_slope * self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.where(self.input_ > 0, output_grad, self.negative_slope * output_grad)

    def __repr__(self) -> str:
        return f"LeakyReLU({self.negative_slope})"


class ReLU6(Operation):
    """Negative elements to 0, those above 6 to 6, any shape. Chapter 4, "A Happy Medium: Tanh".

    At both kinks, 0 and 6, the gradient is 0, as in PyTorch.
    """

    def _output(self) -> ndarray:
        return np.minimum(relu(self.input_), 6)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.where((self.input_ > 0) & (self.input_ < 6), output_grad, 0)
