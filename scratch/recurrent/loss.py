"""Chapter 6: the loss of a model that predicts something at each time step."""

from __future__ import annotations

from numpy import ndarray

from scratch.losses import SoftmaxCrossEntropy


class SequenceSoftmaxCrossEntropy(SoftmaxCrossEntropy):
    """``SoftmaxCrossEntropy`` at each time step, its mean over all of them.

    Chapter 6, "RNNs: The Code", which asks for a softmax of three dimensions. Takes predictions of
    shape ``(batch, time, classes)`` and targets in one of two forms: probabilities of the same
    shape, or class numbers, integers of shape ``(batch, time)``. A single column is, as there, the
    logit of the second of two classes.
    """

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        """The loss of a batch, one number: over ``batch * time`` predictions.

        Raises:
            ValueError: as ``SoftmaxCrossEntropy.forward``, or not of the shapes above.
        """
        if prediction.ndim != 3 or 0 in prediction.shape:
            raise ValueError(
                f"{self}: prediction must have shape (batch, time, classes), none of them 0, "
                f"not {prediction.shape}"
            )
        numbers = target.shape == prediction.shape[:2] and target.dtype.kind in "iu"
        if target.shape != prediction.shape and not numbers:
            raise ValueError(
                f"{self}: target must have the shape of the prediction, {prediction.shape}, or "
                f"hold integers in shape {prediction.shape[:2]}, not {target.dtype} in shape "
                f"{target.shape}"
            )
        self._shape = prediction.shape
        rows = (-1, prediction.shape[2])
        return super().forward(prediction.reshape(rows), target.reshape(-1 if numbers else rows))

    def backward(self) -> ndarray:
        """The gradient of the loss in the prediction, ``(batch, time, classes)``.

        Raises:
            RuntimeError: ``forward`` has not run.
        """
        self.input_grad = super().backward().reshape(self._shape)
        return self.input_grad
