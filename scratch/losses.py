"""Chapter 3: losses, which end a network in one number."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.operations import check_same_shape


class Loss:
    """The penalty for predictions, given targets. Chapter 3, "Loss Class".

    A subclass defines ``_output`` and ``_input_grad``.
    """

    prediction: ndarray
    target: ndarray
    input_grad: ndarray

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        """The loss of a batch, one number.

        Raises:
            ValueError: the shapes differ, or the batch is empty.
        """
        check_same_shape(prediction, target, f"{self} prediction and target")
        if np.shape(prediction)[:1] == (0,):
            raise ValueError(f"{self}: an empty batch has no loss (shape {prediction.shape})")
        self.prediction = prediction
        self.target = target
        return self._output()

    def backward(self) -> ndarray:
        """The gradient of the loss in the prediction, in its shape.

        Raises:
            RuntimeError: ``forward`` has not run.
        """
        if not hasattr(self, "prediction"):
            raise RuntimeError(f"{self}: backward was called before forward")
        self.input_grad = self._input_grad()
        check_same_shape(self.prediction, self.input_grad, f"{self} prediction and input_grad")
        return self.input_grad

    def _output(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} must define _output")

    def _input_grad(self) -> ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _input_grad")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MeanSquaredError(Loss):
    """Squared differences, summed, over the number of rows. Chapter 3, "Loss Class".

    Takes two arrays of shape ``(batch, out)``. Divides by ``batch``, not by ``batch * out``.
    """

    def _output(self) -> float:
        return np.sum(np.power(self.prediction - self.target, 2)) / self.prediction.shape[0]

    def _input_grad(self) -> ndarray:
        return 2.0 * (self.prediction - self.target) / self.prediction.shape[0]
