"""What a convolutional network of chapters 5 and 7 makes of images: classes, a loss, maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from parity.training.conv_experiment import ConvExperiment
from parity.training.mnist_dense import CLASSES
from scratch.conv import Conv2DOperation
from scratch.functions import one_hot
from scratch.losses import SoftmaxCrossEntropy, softmax_cross_entropy_as_printed
from scratch.network import NeuralNetwork

if TYPE_CHECKING:
    from torch import nn

#: So many images at a time are predicted: the maps of 10,000 would take gigabytes.
BLOCK = 500


def predict_scratch(net: NeuralNetwork, X: ndarray) -> ndarray:
    """A network's outputs for images, without dropout."""
    return predict_in_blocks(lambda block: net.forward(block, inference=True), X)


def predict_reference(model: nn.Module, X: ndarray) -> ndarray:
    """A model's outputs for images, on its device, back in memory."""
    import torch

    from reference.training import predict

    device = next(model.parameters()).device
    return predict_in_blocks(
        lambda block: predict(model, torch.from_numpy(block).to(device)).cpu().numpy(), X
    )


def predict_in_blocks(predict: Callable[[ndarray], ndarray], X: ndarray) -> ndarray:
    """Predictions for many images, ``BLOCK`` at a time."""
    return np.concatenate([predict(X[start : start + BLOCK]) for start in range(0, len(X), BLOCK)])


def validation_loss(experiment: ConvExperiment, predictions: ndarray, y: ndarray) -> float:
    """Of the loss that chapter 5 prints, with its extra terms (E9); in chapter 7 without them."""
    targets = one_hot(y, CLASSES, predictions.dtype)
    if experiment.network == "chapter-5":
        return softmax_cross_entropy_as_printed(predictions, targets)
    return float(SoftmaxCrossEntropy().forward(predictions, targets))


def feature_maps(params: Sequence[ndarray], image: ndarray) -> ndarray:
    """What the first layer makes of an image.

    Args:
        params: of the network; first come filters of shape ``(1, out, height, width)``, and then,
            in chapter 7, their biases.
        image: shape ``(1, rows, columns)``.

    Returns:
        Shape ``(out, rows, columns)``, from -1 to 1.
    """
    filters = params[0]
    bias = params[1] if len(params[1]) == 1 and params[1].size == filters.shape[1] else None
    maps: ndarray = np.tanh(Conv2DOperation(filters, bias=bias).forward(image[np.newaxis])[0])
    return maps
