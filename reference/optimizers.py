"""Chapters 3 and 4 in PyTorch: optimizers, under the book's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim import RMSprop as RMSProp

__all__ = ["SGD", "SGDMomentum", "RegularizedSGD", "AdaGrad", "RMSProp", "Adam"]


class SGD(torch.optim.SGD):
    """``torch.optim.SGD`` with the book's default rate. Chapter 3, "Optimizer"."""

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, weight_decay: float = 0) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)


class SGDMomentum(Optimizer):
    """Momentum in the book's form, with the learning rate in the velocity. Chapter 4, "Momentum".

    With a constant rate it is ``torch.optim.SGD(momentum=...)``, whose ``momentum_buffer`` is this
    ``velocity`` divided by the rate; when the rate changes the two go different ways.

    Raises:
        ValueError: ``lr`` is below 0, or ``momentum`` not between 0 and 1.
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.9) -> None:
        if lr < 0 or not 0 <= momentum < 1:
            raise ValueError(
                f"lr must be at least 0, momentum at least 0 and below 1, not {lr} and {momentum}"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update each parameter that has a gradient. Returns what ``closure`` returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                state = self.state[param]
                if "velocity" not in state:
                    state["velocity"] = torch.zeros_like(param)
                velocity = state["velocity"]
                velocity.mul_(group["momentum"]).add_(param.grad, alpha=group["lr"])
                param.sub_(velocity)
        return loss


class RegularizedSGD(SGD):
    """``torch.optim.SGD`` with ``alpha`` as its ``weight_decay``."""

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, alpha: float = 0.1) -> None:
        super().__init__(params, lr=lr, weight_decay=alpha)


class AdaGrad(torch.optim.Adagrad):
    """``torch.optim.Adagrad``, with the place of ``eps`` to be chosen.

    Args:
        params: as there.
        lr: as there.
        eps: at least 0.
        eps_in: "root" adds it to the root, as PyTorch does; "sum" to the sum at each step, as the
            book's library does.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        eps: float = 1e-10,
        eps_in: str = "root",
    ) -> None:
        if eps_in not in ("root", "sum"):
            raise ValueError(f"eps_in must be 'root' or 'sum', not {eps_in!r}")
        super().__init__(params, lr=lr, eps=eps if eps_in == "root" else 0.0)
        self.eps_in_sum = eps if eps_in == "sum" else 0.0

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update each parameter that has a gradient. Returns what ``closure`` returns."""
        for param, state in self.state.items():
            if param.grad is not None:
                state["sum"] += self.eps_in_sum
        return super().step(closure)
