"""Chapter 4 in PyTorch: learning-rate schedules, under the names of the scratch side.

Each of them sets the rate of an optimizer that was made with ``lr``; its ``step`` ends an epoch.
They are meant for ``max_epochs`` and no more: after the last one PyTorch's exponential goes on to
fall and its cosine rises again, where the scratch side stays at ``final_lr``.
"""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
)


def LinearDecay(optim: Optimizer, final_lr: float, max_epochs: int) -> LRScheduler:  # noqa: N802
    """The same amount off after each epoch; the last of ``max_epochs`` runs at ``final_lr``."""
    return LinearLR(
        optim,
        start_factor=1.0,
        end_factor=final_lr / current_lr(optim),
        total_iters=decays(max_epochs),
    )


def ExponentialDecay(  # noqa: N802
    optim: Optimizer, final_lr: float, max_epochs: int
) -> LRScheduler:
    """The same factor after each epoch; the last of ``max_epochs`` runs at ``final_lr``."""
    return ExponentialLR(optim, gamma=(final_lr / current_lr(optim)) ** (1 / decays(max_epochs)))


def CosineDecay(optim: Optimizer, final_lr: float, max_epochs: int) -> LRScheduler:  # noqa: N802
    """Half a wave of the cosine; the last of ``max_epochs`` runs at ``final_lr``."""
    return CosineAnnealingLR(optim, T_max=decays(max_epochs), eta_min=final_lr)


def ReduceOnPlateau(  # noqa: N802
    optim: Optimizer,
    final_lr: float = 0.0,
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
) -> ReduceLROnPlateau:
    """Less by a ``factor`` when the loss stops falling, which is handed to ``step``."""
    return ReduceLROnPlateau(
        optim, factor=factor, patience=patience, threshold=threshold, min_lr=final_lr
    )


def current_lr(optim: Optimizer) -> float:
    """The rate of the next step."""
    return float(optim.param_groups[0]["lr"])


def decays(max_epochs: int) -> int:
    """How often the rate falls in so many epochs: after each but the last, and at least once."""
    return max(max_epochs - 1, 1)
