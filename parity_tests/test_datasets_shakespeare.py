"""The play that chapter 6's models learn from, checked before use."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets import DataFileError, load_shakespeare
from datasets.files import DATA_DIRECTORY, SHAKESPEARE


def test_play_has_its_characters() -> None:
    play = load_shakespeare()
    assert len(play) == 164_969
    assert len(set(play)) == 66
    assert play.isascii()
    assert "\r" not in play


def test_play_is_whole() -> None:
    play = load_shakespeare()
    assert play.startswith("THE TRAGEDY OF CORIOLANUS\n")
    assert play.endswith("A dead march sounded.]")
    acts = [line for line in play.splitlines() if line.startswith("ACT ")]
    assert acts == ["ACT I.", "ACT II.", "ACT III.", "ACT IV.", "ACT V."]
    assert play.count("FIRST CITIZEN.\nBefore we proceed any further, hear me speak.") == 1


def test_play_is_read_through_the_checksum(tmp_path: Path) -> None:
    content = (DATA_DIRECTORY / SHAKESPEARE.name).read_bytes()
    damaged = tmp_path / SHAKESPEARE.name
    damaged.write_bytes(content.replace(b"Coriolanus", b"Coriolanvs", 1))
    with pytest.raises(DataFileError, match=r"coriolanus\.txt was changed: its SHA-256"):
        load_shakespeare(directory=tmp_path)
    damaged.write_bytes(content.replace(b"\n", b"\r\n"))
    with pytest.raises(DataFileError, match="CRLF in place of LF"):
        load_shakespeare(directory=tmp_path)


def test_missing_play_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.files.DATA_DIRECTORY", tmp_path)
    with pytest.raises(DataFileError, match=r"coriolanus\.txt is missing; "):
        load_shakespeare()


def test_provenance_tells_where_the_play_is_from() -> None:
    provenance = (DATA_DIRECTORY.parent / "PROVENANCE.md").read_text(encoding="utf-8")
    for fact in ("`shakespeare` 0.6", "164,969", "66 different", "public domain"):
        assert fact in provenance
