"""What is told of the trainings that a chapter's numbers come from."""

from __future__ import annotations

from collections.abc import Callable

#: Called before each training with its name and the number of its epochs, batches or steps; returns
#: what to call after each of these, with its number and two figures of how the training goes.
OnTraining = Callable[[str, int], Callable[[int, float, float], None]]


def quiet(name: str, count: int) -> Callable[[int, float, float], None]:
    """Tells nobody."""
    return lambda number, first, second: None
