"""The engine: catalogue, comparison, diagnosis, runner, command line, pytest plugin.

``parity.gradcheck`` is for everyday use: central differences of any function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.numeric import GradCheck as GradCheck
    from parity.numeric import gradcheck as gradcheck

__version__ = "0.1.0"

_PUBLIC = {"gradcheck": "parity.numeric", "GradCheck": "parity.numeric"}


def __getattr__(name: str) -> Any:
    """What is public, loaded when it is first asked for."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)
