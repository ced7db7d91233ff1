"""The project's package names are common words: nothing runs on somebody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from parity import packages
from parity.packages import PACKAGES, WrongPackageError, foreign_packages, require_own_packages


def test_all_is_well_where_the_names_are_the_projects() -> None:
    assert foreign_packages() == {}
    require_own_packages()


@pytest.fixture
def somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that comes before the project's, not imported yet."""
    package = tmp_path / "datasets"
    package.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [*sys.modules]:
        if name.partition(".")[0] == "datasets":
            monkeypatch.delitem(sys.modules, name)
    return package


def test_somebody_elses_package_is_refused_in_a_sentence(somebody_elses: Path) -> None:
    init = somebody_elses / "__init__.py"
    init.touch()
    assert foreign_packages() == {"datasets": str(init)}
    with pytest.raises(WrongPackageError) as raised:
        require_own_packages()
    assert f"Python finds {init}; run parity from a virtual environment" in str(raised.value)


def test_somebody_elses_module_is_refused(tmp_path: Path, somebody_elses: Path) -> None:
    somebody_elses.rmdir()
    (tmp_path / "datasets.py").touch()
    assert foreign_packages() == {"datasets": str(tmp_path / "datasets.py")}


def test_a_folder_of_that_name_that_is_no_package_changes_nothing(somebody_elses: Path) -> None:
    """A learner may well keep a folder of data sets."""
    (somebody_elses / "data.csv").touch()
    assert foreign_packages() == {}


def test_a_name_that_is_not_there_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert foreign_packages() == dict.fromkeys(PACKAGES, "nowhere")


def test_nothing_of_the_others_is_run(tmp_path: Path) -> None:
    """To look whose it is, a package need not be imported."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("raise SystemExit('was run')")
    code = "from parity.packages import foreign_packages; print(*foreign_packages())"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "datasets\n"
