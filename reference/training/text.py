"""Chapter 7 in PyTorch: the training loop for a model that predicts the next character."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reference.models import NextCharacterModel
from reference.text import one_hot_sequences
from reference.training.evaluation import on_device_of
from reference.training.trainer import PyTorchTrainer


class LSTMTrainer(PyTorchTrainer):
    """Trains ``NextCharacterModel`` on sequences of characters' numbers. Chapter 7, "LSTMs in
    PyTorch".

    ``fit`` takes sequences and targets ``(n, time)`` as ``reference.text.sequences_and_targets``
    makes them, or batches of them, such as a ``DataLoader`` of a ``TextDataset`` or a list of
    ``contiguous_batches``. One-hot rows are made of a batch when its turn has come.

    Args:
        model: what is trained, in place.
        optim: must hold exactly the model's parameters.
        criterion: of logits ``(batch, vocab_size, time)`` and numbers ``(batch, time)``;
            ``nn.CrossEntropyLoss()`` by default.
        clip_value: what no element of a gradient may exceed in size; they stay as they are where
            it is not given.

    Raises:
        ValueError: ``optim`` holds other parameters than the model's, or ``clip_value`` is not
            above 0.
    """

    def __init__(
        self,
        model: NextCharacterModel,
        optim: Optimizer,
        criterion: nn.Module | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(model, optim, nn.CrossEntropyLoss() if criterion is None else criterion)
        if clip_value is not None and not clip_value > 0:
            raise ValueError(f"clip_value must be above 0, not {clip_value}")
        self.vocab_size = model.vocab_size
        self.clip_value = clip_value

    def _inputs(self, X: Tensor) -> Tensor:
        """One-hot rows of a batch ``(batch, time)``.

        Raises:
            ValueError: a number is none of the vocabulary.
        """
        if X.numel() > 0 and not 0 <= int(X.min()) <= int(X.max()) < self.vocab_size:
            raise ValueError(
                f"characters' numbers must lie between 0 and {self.vocab_size - 1}, not between "
                f"{int(X.min())} and {int(X.max())}"
            )
        dtype = next(self.model.parameters()).dtype
        return one_hot_sequences(on_device_of(self.model, X), self.vocab_size, dtype)

    def _step(self) -> None:
        if self.clip_value is not None:
            torch.nn.utils.clip_grad_value_(self.model.parameters(), self.clip_value)
        self.optim.step()
