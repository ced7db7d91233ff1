"""`parity book`: the printed numbers come out, and the exit code says whether they do."""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from datasets.files import DATA_DIRECTORY
from parity.book import chapter2, chapter_rows
from parity.book.rows import CORRECTED_CELL, Row
from parity.cli.book import command

rows_of = cache(chapter_rows)

EXACT = {1: 6, 2: 9, 3: 21}

# From the same recipes with 10.6718 in row 445, on another machine.
WITH_CORRECTED_CELL = {
    "2.1": ["3.5671", "5.0476"],
    "2.2": ["3.5644", "5.0497", "22.0776", "22.9%"],
    "2.4": ["2.5951", "3.8851"],
    "3.1": ["30.293", "28.469", "26.293", "25.541", "25.087", "3.52", "5.01"],
    "3.2": ["27.435", "21.839", "18.918", "17.195", "16.215", "2.60", "4.03"],
    "3.3": ["44.143", "25.278", "22.339", "16.500", "14.655", "2.45", "3.83"],
}


@pytest.fixture(autouse=True)
def computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.cli.book.chapter_rows", rows_of)


def book(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(command, args)


def result(id_: str) -> list[Row]:
    return [row for row in rows_of(int(id_[0])) if row.id == id_]


# The numbers


@pytest.mark.parametrize("chapter", EXACT)
def test_every_exact_number_is_equal_to_the_last_printed_digit(chapter: int) -> None:
    exact = [row for row in rows_of(chapter) if row.kind == "exact"]
    assert len(exact) == EXACT[chapter]
    assert {f"{row.id} {row.what}": row.ours for row in exact} == {
        f"{row.id} {row.what}": row.printed for row in exact
    }


@pytest.mark.parametrize("id_", WITH_CORRECTED_CELL)
def test_the_corrected_cell_changes_the_last_digits(id_: str) -> None:
    assert [row.instead[CORRECTED_CELL] for row in result(id_)] == WITH_CORRECTED_CELL[id_]


def test_the_printed_seed_gives_other_numbers() -> None:
    seed_80718 = [row.instead["seed 80718"] for row in result("2.2")]
    assert seed_80718[:2] == ["3.5424", "5.0372"]


def test_the_right_bias_gradient_gives_other_numbers() -> None:
    assert [row.instead["B1 summed once"] for row in result("2.4")] == ["2.5262", "3.9707"]


def test_the_lost_coefficients_are_not_claimed_but_their_conclusion_is_checked() -> None:
    *coefficients, most_important = result("2.3")
    assert [row.kind for row in coefficients] == ["not reproduced"] * 13
    assert [float(row.ours) for row in coefficients] == pytest.approx(
        [float(row.printed) for row in coefficients], abs=0.2
    )
    assert most_important.kind == "exact"
    assert most_important.ours == "LSTAT, the last"
    assert "not known" in most_important.note


def test_another_most_important_feature_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chapter2, "most_important_feature", lambda coefficients: 5)
    monkeypatch.setattr(chapter2, "NETWORK_ITERATIONS", 1)  # they take long, and are not for this
    [checked] = [row for row in chapter2.rows() if row.what == "most important"]
    assert (checked.ours, checked.failed) == ("RM, not the last", True)


# The command


@pytest.mark.parametrize("chapter", EXACT)
def test_a_chapter_is_printed_in_80_columns(chapter: int) -> None:
    shown = book(str(chapter))
    assert shown.exit_code == 0
    assert max(len(line) for line in shown.output.splitlines()) <= 80
    words = " ".join(shown.output.split())
    for row in rows_of(chapter):
        assert row.id in words
        assert row.title in words
        assert row.recipe in words
        assert row.note in words
        for line in (*row.printed.split("\n"), *row.ours.split("\n")):
            assert line.strip() in words
    assert f"{EXACT[chapter]} of {EXACT[chapter]} are equal" in words


def test_a_number_that_differs_is_said_in_words_and_by_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = Row(id="1.1", title="A", what="X", printed="1.0", ours="1.1", recipe="None.")
    monkeypatch.setattr("parity.cli.book.chapter_rows", lambda chapter: [wrong])
    shown = book("1")
    assert shown.exit_code == 1
    assert "DIFFERS" in shown.output
    assert "0 of 1 are equal to the last printed digit, 1 DIFFER." in shown.output
    as_json = book("1", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.output)["passed"] is False


def test_a_number_that_nobody_can_reproduce_is_no_failure() -> None:
    shown = book("2")
    assert shown.output.count("see note") == 13
    assert "13 more are not reproduced (see 2.3)" in " ".join(shown.output.split())


@pytest.mark.parametrize("chapter", EXACT)
def test_json_holds_every_row(chapter: int) -> None:
    shown = book(str(chapter), "--json")
    assert shown.exit_code == 0
    content: dict[str, Any] = json.loads(shown.output)
    assert content["chapter"] == chapter
    assert content["passed"] is True
    assert [(row["id"], row["what"], row["ours"], row["equal"]) for row in content["rows"]] == [
        (row.id, row.what, row.ours, row.equal) for row in rows_of(chapter)
    ]


@pytest.mark.parametrize("chapter", ["9", "0", "one", "", "[bold]"])
def test_a_chapter_that_is_not_there_is_a_wrong_call(chapter: str) -> None:
    shown = book(chapter)
    assert shown.exit_code == 2
    assert shown.output == (
        f"Error: there is no chapter {chapter!r} here; chapters 1 to 7 are there.\n"
    )


@pytest.mark.parametrize("chapter", [2, 3])
def test_a_damaged_data_file_is_named(
    chapter: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = shutil.copytree(DATA_DIRECTORY, tmp_path / "data") / "boston_housing.csv"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    monkeypatch.setattr("datasets.files.DATA_DIRECTORY", damaged.parent)
    monkeypatch.setattr("parity.cli.book.chapter_rows", chapter_rows)
    shown = book(str(chapter))
    assert shown.exit_code == 2
    assert shown.output.startswith(f"Error: The data file {damaged} is truncated")
    assert len(shown.output.splitlines()) == 1


def test_chapter_rows_refuses_a_chapter_it_has_not() -> None:
    with pytest.raises(ValueError, match="chapter must be one of"):
        chapter_rows(9)
