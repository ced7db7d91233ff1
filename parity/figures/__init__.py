"""The pictures: the book's figures that can be computed, loss curves, and misread digits."""

from parity.figures.autoencoder import decoded, embedding, reconstructions
from parity.figures.chapter4 import (
    activation_derivatives,
    activation_function,
    activation_functions,
    activation_spread,
    cross_entropy_against_squared_error,
)
from parity.figures.confusion import confusion_matrix
from parity.figures.house_prices import (
    feature_against_target,
    loss_curves,
    predicted_against_actual,
)
from parity.figures.layers import layer_filters
from parity.figures.mnist import misclassified, training_curves
from parity.figures.mnist_conv import batch_curves, feature_maps, filters
from parity.figures.next_character import step_losses
from parity.figures.style import save

__all__ = [
    "activation_derivatives",
    "activation_function",
    "activation_functions",
    "activation_spread",
    "batch_curves",
    "confusion_matrix",
    "cross_entropy_against_squared_error",
    "decoded",
    "embedding",
    "feature_against_target",
    "feature_maps",
    "filters",
    "layer_filters",
    "loss_curves",
    "misclassified",
    "predicted_against_actual",
    "reconstructions",
    "save",
    "step_losses",
    "training_curves",
]
