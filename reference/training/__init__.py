"""Chapters 3, 4, 6 and 7 in PyTorch: the training loop, and evaluation."""

from reference.training.evaluation import calc_accuracy_model, eval_regression_model, predict
from reference.training.text import LSTMTrainer
from reference.training.trainer import OnEpoch, PyTorchTrainer, TrainingHistory

__all__ = [
    "LSTMTrainer",
    "OnEpoch",
    "PyTorchTrainer",
    "TrainingHistory",
    "calc_accuracy_model",
    "eval_regression_model",
    "predict",
]
