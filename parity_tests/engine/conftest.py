"""What the tests of the engine share: files as learners write them, and checks of these files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from parity.catalogue import component
from parity.checking.file import check_component
from parity.runner.isolated import Limits
from parity.verdict import Verdict

Learner = Callable[..., Path]
Check = Callable[..., Verdict]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def learner(tmp_path: Path) -> Learner:
    """Writes a learner's file."""

    def write(source: str, name: str = "mine.py") -> Path:
        file = tmp_path / name
        file.write_text(dedent(source), encoding="utf-8")
        return file

    return write


@pytest.fixture
def check(learner: Learner) -> Check:
    """Writes a learner's file and checks one component of it."""

    def check_source(source: str, name: str = "Dense", **limits: float) -> Verdict:
        file = learner(source)
        return check_component(file, name, component(name).kind, Limits(**limits))  # type: ignore[arg-type]

    return check_source


@pytest.fixture(scope="session")
def clean_environment() -> dict[str, str]:
    """The environment without what a run of pytest, or a terminal, has put into it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_") and name not in ("COLUMNS", "FORCE_COLOR")
    }


@pytest.fixture
def parity(tmp_path: Path, clean_environment: dict[str, str]) -> Run:
    """Runs the command line in a process and a folder of its own."""

    def run(
        *arguments: object, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        folder = cwd or tmp_path / "elsewhere"
        folder.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "parity", *map(str, arguments)],
            cwd=folder,
            env=clean_environment | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    return run


@pytest.fixture
def is_running() -> Callable[[int], bool]:
    """Whether a process still does anything; one that nobody has waited for does not."""

    def ask(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return ask
