"""A look at the installation: versions, devices, limits, package names, data files."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec

from packaging.requirements import Requirement

from datasets import data_status
from parity.packages import PACKAGES, foreign_packages, project_root

DISTRIBUTION = "parity-from-scratch"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        group: "versions", "devices", "limits", "packages" or "data".
        name: of the thing.
        value: what it is.
        ok: whether all is well.
        mend: what to do if it is not.
    """

    group: str
    name: str
    value: str
    ok: bool = True
    mend: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other; never raises for what it finds."""
    yield from _versions()
    yield from _devices()
    yield from _limits()
    yield from _packages()
    yield from _data()


def _versions() -> Iterator[Finding]:
    python = platform.python_version()
    yield Finding(
        "versions",
        "Python",
        f"{python} ({platform.system()} {platform.machine()})",
        sys.version_info >= (3, 11),
        "install Python 3.11 or later",
    )
    for requirement in _requirements():
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(
                "versions",
                requirement.name,
                "missing",
                False,
                f'python -m pip install "{requirement}"',
            )
            continue
        yield Finding(
            "versions",
            requirement.name,
            found,
            requirement.specifier.contains(found, prereleases=True),
            f'python -m pip install --upgrade "{requirement}"',
        )


def _requirements() -> list[Requirement]:
    """What the project needs at run time, as its own metadata says."""
    try:
        lines = distribution(DISTRIBUTION).requires or []
    except PackageNotFoundError:
        lines = [
            "numpy",
            "torch",
            "torchvision",
            "click",
            "rich",
            "psutil",
            "scikit-learn",
            "matplotlib",
        ]
    requirements = [Requirement(line) for line in lines]
    return [entry for entry in requirements if entry.marker is None or entry.marker.evaluate()]


def _devices() -> Iterator[Finding]:
    yield Finding("devices", "CPU", f"{os.cpu_count()} cores")
    try:
        import torch
    except (ImportError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        yield Finding(
            "devices",
            "torch",
            f"cannot be imported: {reason}",
            False,
            'python -m pip install --force-reinstall "torch>=2.11"',
        )
        return
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "not available"
    yield Finding("devices", "CUDA", cuda)
    mps = "available" if torch.backends.mps.is_available() else "not available"
    yield Finding("devices", "MPS", mps)


def _limits() -> Iterator[Finding]:
    by_system = find_spec("resource") is not None
    value = "time, output, memory" + (" (also by the system's own limit)" if by_system else "")
    yield Finding("limits", "learners' code", value)


def _packages() -> Iterator[Finding]:
    foreign = foreign_packages()
    for name in PACKAGES:
        if name in foreign:
            yield Finding(
                "packages",
                name,
                f"is somebody else's: {foreign[name]}",
                False,
                "run parity from a virtual environment of its own, in a folder without a "
                f"{name!r} in it",
            )
        else:
            yield Finding("packages", name, str(project_root() / name))


def _data() -> Iterator[Finding]:
    for status in data_status():
        value = f"{status.state}, {status.size:,} bytes" if status.size else status.state
        yield Finding("data", status.name, value, status.state == "ok", status.mend or "")
