"""Chapters 3 and 4 in PyTorch: losses."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn


class MeanSquaredError(nn.Module):
    """Squared differences, summed, over the number of rows. Chapter 3, "Loss Class".

    Args:
        mean_over: "rows" divides by their number; "elements" is ``nn.MSELoss``.

    Raises:
        ValueError: ``mean_over`` is neither.
    """

    def __init__(self, mean_over: Literal["rows", "elements"] = "rows") -> None:
        super().__init__()
        if mean_over not in ("rows", "elements"):
            raise ValueError(
                f'MeanSquaredError: mean_over must be "rows" or "elements", not {mean_over!r}'
            )
        self.mean_over = mean_over

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
        if self.mean_over == "elements":
            return F.mse_loss(prediction, target)
        return F.mse_loss(prediction, target, reduction="sum") / prediction.shape[0]


class SoftmaxCrossEntropy(nn.Module):
    """``nn.CrossEntropyLoss``; of a single column, ``nn.BCEWithLogitsLoss``.

    Chapter 4, "The Softmax Cross Entropy Loss Function".
    """

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The mean loss of a batch, one number.

        Args:
            prediction: ``(batch, classes)``, not yet through a softmax; a single column is the
                logit of the second of two classes.
            target: probabilities in the shape of the prediction, or class numbers ``(batch,)``.

        Raises:
            ValueError: the shapes do not fit, a row of the target is no distribution, a class
                number is out of range, or the batch is empty.
        """
        _check_target(prediction, target, "SoftmaxCrossEntropy")
        if prediction.shape[1] == 1:
            column = target.reshape(prediction.shape).to(prediction.dtype)
            return F.binary_cross_entropy_with_logits(prediction, column)
        target = target.long() if target.ndim == 1 else target.to(prediction.dtype)
        return F.cross_entropy(prediction, target)


def softmax_cross_entropy_as_printed(
    prediction: Tensor, target: Tensor, eps: float = 1e-9
) -> Tensor:
    """The loss of chapter 4's listing, over the number of rows: what the book's tables show (E9).

    In float64, for in float32 ``1 - eps`` is 1 and ``log(1 - p)`` infinite.

    Args:
        prediction: ``(batch, classes)``, with at least two classes.
        target: as ``SoftmaxCrossEntropy`` takes it.
        eps: how close to 0 and 1 a probability may come.

    Raises:
        ValueError: as ``SoftmaxCrossEntropy``; also for a single column.
    """
    who = "softmax_cross_entropy_as_printed"
    _check_target(prediction, target, who)
    if prediction.shape[1] == 1:
        raise ValueError(
            f"{who}: prediction must have at least two columns, not {tuple(prediction.shape)}"
        )
    y = target if target.ndim == 2 else F.one_hot(target.long(), prediction.shape[1])
    p = prediction.double().softmax(dim=1).clamp(eps, 1 - eps)
    return F.binary_cross_entropy(p, y.double(), reduction="sum") / prediction.shape[0]


def _check_target(prediction: Tensor, target: Tensor, who: str) -> None:
    """Refuse what ``cross_entropy`` lets pass, or refuses in words of its own."""
    shape = tuple(prediction.shape)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(
            f"{who}: prediction must have shape (batch, classes), neither of them 0, not {shape}"
        )
    rows, columns = shape
    if target.shape == (rows,) and not target.is_floating_point():
        highest = max(columns, 2) - 1
        if not ((target >= 0) & (target <= highest)).all():
            raise ValueError(f"{who}: class numbers must lie between 0 and {highest}")
    elif target.shape != prediction.shape:
        raise ValueError(
            f"{who}: target must have the shape of the prediction, {shape}, or hold integers in "
            f"shape ({rows},), not {target.dtype} in shape {tuple(target.shape)}"
        )
    elif columns == 1:
        if not ((target >= 0) & (target <= 1)).all():
            raise ValueError(f"{who}: the target of a single column must lie between 0 and 1")
    elif not ((target >= 0).all() and ((target.sum(dim=1) - 1).abs() < 1e-5).all()):
        raise ValueError(f"{who}: each row of the target must be a distribution, with a sum of 1")
