"""``parity doctor`` says what there is, what is missing, and the command that mends it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from datasets import files
from parity import doctor
from parity.cli.doctor import command
from parity.packages import project_root


@pytest.fixture
def damaged_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped data, used instead of it."""
    folder = tmp_path / "data"
    shutil.copytree(files.DATA_DIRECTORY, folder)
    monkeypatch.setattr("datasets.files.DATA_DIRECTORY", folder)
    return folder / "boston_housing.csv"


def examine(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_all_is_well_here() -> None:
    result = examine()
    assert result.exit_code == 0, result.output
    assert "All is well." in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_versions_devices_packages_and_data_are_looked_at() -> None:
    findings = json.loads(examine("--json").output)
    names = {(finding["group"], finding["name"]) for finding in findings}
    assert names >= {
        ("versions", "Python"),
        ("versions", "numpy"),
        ("versions", "torch"),
        ("devices", "CPU"),
        ("devices", "CUDA"),
        ("devices", "MPS"),
        ("packages", "scratch"),
        ("packages", "reference"),
        ("packages", "datasets"),
        ("data", "boston_housing.csv"),
    }


def test_a_changed_data_file_is_named_with_the_command_that_mends_it(damaged_data: Path) -> None:
    damaged_data.write_bytes(damaged_data.read_bytes().replace(b"0.00632", b"0.00633"))
    result = examine()
    assert result.exit_code == 1
    assert "boston_housing.csv: " in result.output
    assert "checkout HEAD -- " in result.output or "pip install" in result.output


def test_a_missing_data_file_is_named(damaged_data: Path) -> None:
    damaged_data.unlink()
    result = examine()
    assert result.exit_code == 1
    assert "missing" in result.output


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = [doctor.Requirement("no-such-library>=2.0")]
    monkeypatch.setattr(doctor, "_requirements", lambda: wanted)
    result = examine()
    assert result.exit_code == 1
    assert 'no-such-library: python -m pip install "no-such-library>=2.0"' in result.output


def test_a_library_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_requirements", lambda: [doctor.Requirement("numpy>=1000")])
    result = examine()
    assert result.exit_code == 1
    assert 'numpy: python -m pip install --upgrade "numpy>=1000"' in result.output


def test_a_torch_that_cannot_be_imported_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = examine()
    assert result.exit_code == 1
    assert "torch: python -m pip install" in result.output


def test_somebody_elses_package_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "datasets"
    elsewhere.mkdir()
    (elsewhere / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "datasets")
    result = examine("--json")
    assert result.exit_code == 1
    found = next(f for f in json.loads(result.output) if f["name"] == "datasets")
    assert str(elsewhere) in found["value"]
    assert not found["ok"]


def test_packages_are_shown_with_their_folders() -> None:
    findings = json.loads(examine("--json").output)
    scratch = next(finding for finding in findings if finding["name"] == "scratch")
    assert Path(scratch["value"]) == project_root() / "scratch"
