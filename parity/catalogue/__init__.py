"""The catalogue: every component described once, for all the uses of the description.

Loads NumPy and the scratch side, never torch: the references import it when they run.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from parity.catalogue.component import Component

MODULES = (
    "functions",
    "regression",
    "operations",
    "activations",
    "dense",
    "initialization",
    "dropout",
    "conv",
    "pooling",
    "losses",
    "optimizers",
    "schedules",
    "network",
    "training",
    "autodiff",
    "recurrent",
    "text",
    "autoencoder",
    "tsne",
)

#: Of these, the ones that the reference has no use for: PyTorch has this one itself.
SCRATCH_ONLY = frozenset({"autodiff"})


@cache
def components() -> tuple[Component, ...]:
    """All components, in the order of the book: what a component requires stands before it."""
    entries = [
        entry
        for module in MODULES
        for entry in import_module(f"parity.catalogue.{module}").COMPONENTS
    ]
    return tuple(sorted(entries, key=lambda entry: entry.chapter))


@cache
def _by_name() -> dict[str, Component]:
    return {entry.name: entry for entry in components()}


def component(name: str) -> Component:
    """The component of that name.

    Raises:
        KeyError: there is none.
    """
    return _by_name()[name]
