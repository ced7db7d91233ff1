"""The shipped data files: listed, checked before use, and mended by the command that is named."""

import hashlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from datasets import (
    DataFileError,
    DataFileStatus,
    boston_dataset,
    boston_split,
    data_status,
    load_boston,
    load_mnist,
    mnist_dataset,
    mnist_split,
)
from datasets.files import (
    BOSTON_HOUSING,
    DATA_DIRECTORY,
    MNIST_TEST_LABELS,
    SHIPPED_FILES,
    DataFile,
    read_verified,
)
from parity import doctor

ROOT = DATA_DIRECTORY.parent.parent

NAMES = [
    "boston_housing.csv",
    "mnist/train-images-idx3-ubyte.gz",
    "mnist/train-labels-idx1-ubyte.gz",
    "mnist/t10k-images-idx3-ubyte.gz",
    "mnist/t10k-labels-idx1-ubyte.gz",
    "coriolanus.txt",
]


def by_name(file: DataFile) -> str:
    return file.name


@pytest.fixture
def data_directory(tmp_path: Path) -> Path:
    """A copy of the smaller shipped files that a test may damage."""
    small = shutil.ignore_patterns("*images*")
    return Path(shutil.copytree(DATA_DIRECTORY, tmp_path / "datasets" / "data", ignore=small))


@pytest.fixture(params=[BOSTON_HOUSING, MNIST_TEST_LABELS], ids=by_name)
def file(request: pytest.FixtureRequest) -> DataFile:
    """A file of text in the data directory, then one of bytes in a folder of it."""
    shipped: DataFile = request.param
    return shipped


@pytest.fixture
def path(data_directory: Path, file: DataFile) -> Path:
    return data_directory / file.name


def status_of(file: DataFile, directory: Path) -> DataFileStatus:
    [status] = [status for status in data_status(directory) if status.name == file.name]
    return status


# The files


def test_shipped_files_are_undamaged() -> None:
    assert [(s.name, s.state, s.message) for s in data_status()] == [
        (name, "ok", None) for name in NAMES
    ]


def test_checksum_list_names_exactly_the_shipped_files() -> None:
    lines = (DATA_DIRECTORY / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    assert lines == [f"{file.sha256}  {file.name}" for file in SHIPPED_FILES]
    on_disk = {p.relative_to(DATA_DIRECTORY).as_posix() for p in DATA_DIRECTORY.rglob("*.*")}
    assert on_disk == {file.name for file in SHIPPED_FILES}


@pytest.mark.parametrize("shipped", SHIPPED_FILES, ids=by_name)
def test_verified_reading_returns_the_bytes_that_were_checked(shipped: DataFile) -> None:
    content = read_verified(shipped)
    assert (len(content), hashlib.sha256(content).hexdigest()) == (shipped.size, shipped.sha256)


def test_provenance_tells_of_the_wrong_cell_and_of_column_b() -> None:
    provenance = (DATA_DIRECTORY.parent / "PROVENANCE.md").read_text(encoding="utf-8")
    for fact in ("`0.6718`", "`10.6718`", "The column `B`", "scikit-learn 0.20.4"):
        assert fact in provenance


def test_provenance_names_every_file_and_its_licence() -> None:
    provenance = (DATA_DIRECTORY.parent / "PROVENANCE.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`{Path(name).name}`" in provenance
    assert "BSD 3-Clause" in provenance
    assert "CC BY-SA 3.0" in provenance


def test_doctor_lists_every_file() -> None:
    findings = [finding for finding in doctor.examine() if finding.group == "data"]
    assert [(finding.name, finding.ok) for finding in findings] == [(name, True) for name in NAMES]


# Damaged files


def damage_message(file: DataFile, directory: Path, state: str) -> str:
    """The sentence for the damaged file, the same from the reading and from the status."""
    status = status_of(file, directory)
    assert status.state == state
    with pytest.raises(DataFileError) as caught:
        read_verified(file, directory)
    message = str(caught.value)
    assert message == status.message
    assert message.startswith(f"The data file {directory / file.name} ")
    assert message.endswith(f"`{status.mend}`.")
    assert "\n" not in message
    return message


def test_missing_file_is_named(file: DataFile, data_directory: Path, path: Path) -> None:
    path.unlink()
    assert " is missing; " in damage_message(file, data_directory, "missing")


def test_missing_directory_is_a_missing_file(file: DataFile, tmp_path: Path) -> None:
    assert " is missing; " in damage_message(file, tmp_path / "nowhere", "missing")


@pytest.mark.parametrize("left", [0, 1, 4_000, -1])
def test_truncated_file_tells_how_much_is_left(
    file: DataFile, data_directory: Path, path: Path, left: int
) -> None:
    size = left % file.size
    path.write_bytes(path.read_bytes()[:size])
    message = damage_message(file, data_directory, "truncated")
    assert f" is truncated: it has {size} of {file.size} bytes; " in message


@pytest.mark.parametrize("position", [0, 2_000, -1])
def test_one_changed_byte_is_found(
    file: DataFile, data_directory: Path, path: Path, position: int
) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    message = damage_message(file, data_directory, "changed")
    assert " was changed: its SHA-256 checksum differs from the recorded one; " in message
    assert "line endings" not in message


def test_lengthened_file_tells_both_sizes(file: DataFile, data_directory: Path, path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")
    message = damage_message(file, data_directory, "changed")
    assert f"it has {file.size + 1} bytes in place of {file.size}" in message


def test_converted_line_endings_are_named(data_directory: Path) -> None:
    path = data_directory / BOSTON_HOUSING.name
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    message = damage_message(BOSTON_HOUSING, data_directory, "changed")
    assert "only because its line endings are CRLF in place of LF" in message


def test_something_unreadable_in_the_place_of_the_file(
    file: DataFile, data_directory: Path, path: Path
) -> None:
    path.unlink()
    path.mkdir()
    message = damage_message(file, data_directory, "unreadable")
    assert " cannot be read (" in message
    assert "delete it and run" in message


def test_status_tells_path_and_sizes(file: DataFile, data_directory: Path, path: Path) -> None:
    path.write_bytes(b"CRIM")
    status = status_of(file, data_directory)
    assert (status.path, status.size, status.expected_size) == (path, 4, file.size)
    path.unlink()
    status = status_of(file, data_directory)
    assert (status.path, status.size, status.expected_size) == (path, None, file.size)


def test_loader_of_boston_reads_through_the_checksum(data_directory: Path) -> None:
    path = data_directory / BOSTON_HOUSING.name
    path.write_bytes(path.read_bytes().replace(b"0.00632", b"0.00633"))
    message = damage_message(BOSTON_HOUSING, data_directory, "changed")
    with pytest.raises(DataFileError) as caught:
        load_boston(directory=data_directory)
    assert str(caught.value) == message


def test_default_directory_can_be_exchanged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("datasets.files.DATA_DIRECTORY", tmp_path)
    assert [status.path for status in data_status()] == [tmp_path / name for name in NAMES]
    for load in (boston_split, boston_dataset, load_mnist, mnist_split, mnist_dataset):
        with pytest.raises(DataFileError, match="is missing"):
            load()


def test_loaders_of_mnist_read_through_the_checksum(
    data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.files.DATA_DIRECTORY", data_directory)
    images = data_directory / "mnist" / "t10k-images-idx3-ubyte.gz"
    shutil.copy(DATA_DIRECTORY / "mnist" / images.name, images)
    labels = data_directory / MNIST_TEST_LABELS.name
    # Still a sound gzip file, of the same labels: the flag byte that says "packed at best speed".
    content = bytearray(labels.read_bytes())
    content[8] = 4
    labels.write_bytes(content)
    message = damage_message(MNIST_TEST_LABELS, data_directory, "changed")
    with pytest.raises(DataFileError) as caught:
        mnist_dataset("test")
    assert str(caught.value) == message


def test_outside_a_clone_pip_mends(file: DataFile, data_directory: Path, path: Path) -> None:
    path.unlink()
    mend = status_of(file, data_directory).mend
    assert mend == "python -m pip install --force-reinstall --no-deps parity-from-scratch"


@pytest.fixture
def clone(data_directory: Path) -> Path:
    """A git repository with the data and the project's attributes, set to convert line endings."""
    root = data_directory.parent.parent
    if shutil.which("git") is None or not (ROOT / ".gitattributes").exists():
        pytest.skip("needs git and a source tree")
    shutil.copy(ROOT / ".gitattributes", root)
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    for command in (
        ["init", "--quiet"],
        ["config", "core.autocrlf", "true"],
        ["add", "--all"],
        [*identity, "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=data"],
    ):
        subprocess.run(["git", "-C", str(root), *command], check=True, capture_output=True)
    return root


@pytest.mark.parametrize("damage", ["missing", "truncated", "changed"])
def test_in_a_clone_the_named_git_command_mends(
    clone: Path, file: DataFile, data_directory: Path, path: Path, damage: str
) -> None:
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:99] if damage == "truncated" else content.lower())
    status = status_of(file, data_directory)
    assert status.state == damage
    assert status.mend is not None
    assert status.mend.startswith("git ")
    assert status.mend.endswith(f"checkout HEAD -- datasets/data/{file.name}")
    subprocess.run(shlex.split(status.mend), check=True, capture_output=True)
    # Restored byte for byte, although this repository is set to write CRLF.
    assert path.read_bytes() == content


# The package


def test_arrays_need_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, datasets\n"
        "datasets.boston_split('book'), datasets.data_status(), datasets.mnist_split()\n"
        "large = ('torch', 'torchvision', 'PIL', 'sklearn', 'scipy', 'pandas')\n"
        "print([module for module in large if module in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
