"""Whether ``scratch``, ``reference`` and ``datasets`` are this project's: they are common words."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("scratch", "reference", "datasets")


class WrongPackageError(Exception):
    """A package name of the project resolves to somebody else's; the message says what to do."""


def project_root() -> Path:
    """The folder that holds the project's packages."""
    return Path(__file__).resolve().parent.parent


def foreign_packages() -> dict[str, str]:
    """The names that resolve elsewhere, or to nothing, and where to."""
    found = {}
    for name in PACKAGES:
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):
            spec = None
        where = spec.origin if spec is not None else None
        if where is None or Path(where).resolve().parent != project_root() / name:
            found[name] = where or "nowhere"
    return found


def require_own_packages() -> None:
    """Refuse to run on somebody else's package.

    Raises:
        WrongPackageError: a name resolves elsewhere.
    """
    for name, where in foreign_packages().items():
        raise WrongPackageError(
            f"the name {name!r} must be the package in {project_root()}, but Python finds "
            f"{where}; run parity from a virtual environment of its own, in a folder without a "
            f"{name!r} in it"
        )
