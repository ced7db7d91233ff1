"""``parity demo``, the first thing that a newcomer runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from parity.cli.demo import command


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    out = tmp_path_factory.mktemp("demo") / "pictures"
    return CliRunner().invoke(command, ["--out", str(out)]), out


def test_the_planted_mistake_is_named_where_it_is(demo: tuple[Result, Path]) -> None:
    result, _ = demo
    assert result.exit_code == 0, result.output
    output = result.output
    assert "✗ BiasAdd, planted_mistake.py line 54: " in output
    told = " ".join(output.split())
    assert "The bias gradient is averaged over the batch; it is the sum." in told
    assert "– Dense not judged: depends on BiasAdd" in told
    assert "✗ Sigmoid" not in output


def test_the_model_is_trained_on_both_sides_and_they_agree(demo: tuple[Result, Path]) -> None:
    result, _ = demo
    assert "Both sides are equal" in result.output


def test_the_pictures_are_there(demo: tuple[Result, Path]) -> None:
    _, out = demo
    for name in ("losses.png", "predicted_against_actual.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "file" / "folder")])
    assert result.exit_code == 2
    assert "Error: nothing can be written to" in result.output


def test_the_demo_can_be_seen_again(demo: tuple[Result, Path]) -> None:
    first, out = demo
    again = CliRunner().invoke(command, ["--out", str(out)])
    assert again.exit_code == 0, again.output
    assert again.output == first.output
