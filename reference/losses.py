"""Chapter 3 in PyTorch: losses."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class MeanSquaredError(nn.Module):
    """Squared differences, summed, over the number of rows. Chapter 3, "Loss Class".

    ``nn.MSELoss`` divides by the number of elements instead.
    """

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Two tensors ``(batch, out)`` to one number.

        Raises:
            ValueError: the shapes differ (``mse_loss`` would broadcast them).
        """
        if prediction.shape != target.shape:
            raise ValueError(
                f"MeanSquaredError: prediction and target must have the same shape, not "
                f"{tuple(prediction.shape)} and {tuple(target.shape)}"
            )
        return F.mse_loss(prediction, target, reduction="sum") / prediction.shape[0]
