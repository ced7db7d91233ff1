"""The page of a check: complete, safe to open whatever a learner's file holds, and small."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from parity.catalogue import component
from parity.catalogue.component import Implementation
from parity.checking.file import FileError
from parity.diagnosis.finding import findings
from parity.diagnosis.mistakes import explain
from parity.engine import check_in_process
from parity.reports.html import error_page, fragment, page, read_source, write_page
from parity.verdict import Frame, LearnerError, Verdict
from parity_tests.engine.html_results import (
    HOSTILE,
    SOURCE,
    all_wrong,
    differing,
    mixed,
    placed,
    raising,
    result_of,
)

#: Elements that have no end tag; what ends in "/>", as in SVG, has none either.
VOID = {"meta", "wbr"}


class Read(HTMLParser):
    """A page as a reader gets it: its elements, attributes and text; whether tags are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.outside_folds = ""
        self.headings: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(f"{tag} ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "details" not in self.open:
            self.outside_folds += data
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            self.headings[-1] += data


@pytest.fixture(scope="module", name="read")
def of_everything() -> Read:
    return Read(page(mixed(), SOURCE))


# What it says


def test_it_begins_with_the_file_and_how_far_it_has_got(read: Read) -> None:
    assert read.headings[0] == "h1 mine.py"
    assert "1 of 6 components passed, 3 are wrong." in read.text
    missing = sum(entry.chapter == 1 for entry in mixed().missing)
    words = "Chapter 1: 1 done, 2 wrong, 1 not written, 1 not judged"
    assert f"{words}, {missing} not in this file" in " ".join(read.text.split())


def test_the_first_wrong_component_is_open_and_the_others_are_folded(read: Read) -> None:
    assert "h2 Mend first: relu" in read.headings
    assert read.tags.count("details") == 2
    assert "timed out after 10 s" not in read.outside_folds
    assert "timed out after 10 s" in read.text


@pytest.mark.parametrize(
    "verdict",
    [
        differing("square", output=(np.ones(3), np.zeros(3))),
        differing("square", output=(np.ones((3, 2)), np.ones((2, 3)))),
        differing("square", output=(2 * np.arange(9.0), np.arange(9.0))),
        raising("square", "no good"),
        Verdict("Dense", "wrong kind", 22, detail="is an int, must be a class"),
    ],
    ids=["value", "shape", "relation", "exception", "kind"],
)
def test_a_finding_has_the_words_of_the_diagnosis(verdict: Verdict) -> None:
    [finding] = findings(verdict)
    read = Read(page(result_of(verdict), SOURCE))
    assert finding.summary in read.outside_folds
    assert finding.next_step in read.outside_folds


def test_a_known_mistake_is_named_with_its_erratum_its_numbers_and_its_heat_maps() -> None:
    entry = component("loss_gradients_linear_regression")
    [mutant] = (m for m in entry.mutants if m.name == "not divided by the batch size")
    own = Implementation({entry.symbol: mutant.implementation})
    runs = [check_in_process(entry, case, own) for case in entry.cases]
    failures = explain(entry, runs)
    verdict = Verdict(entry.name, "differs", len(entry.cases), failures=failures, runs=runs)
    read = Read(page(result_of(verdict), ""))
    assert mutant.sentence in read.text
    assert "E3 of the book" in read.text
    assert "W differs in 5 of 5 elements" in read.text
    assert [heading for heading in read.headings if heading.startswith("h3 ")] == [
        "h3 The numbers of W in “batch of 2”",
        "h3 And of B in “batch of 2”",
    ]
    assert read.attributes.count(("role", "img")) == 6


def test_headings_leave_no_level_out(read: Read) -> None:
    levels = [int(heading[1]) for heading in read.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(following <= level + 1 for level, following in pairwise(levels))


def test_every_heat_map_has_words_for_those_who_do_not_see_it(read: Read) -> None:
    labels = [words for name, words in read.attributes if name == "aria-label" and " by " in words]
    assert len(labels) == read.attributes.count(("role", "img")) == 9
    assert labels[6] == "Yours: 2 by 3 numbers, from 0.0909 to 1, 2 NaN or infinite"


def test_the_rest_stands_in_short_lists(read: Read) -> None:
    text = " ".join(read.outside_folds.split())
    assert "Mend first what they are built on; then check again. deriv depends on relu" in text
    assert "Not written yet sigmoid" in text
    assert "Passed square" in text
    assert "Not in this file chain_length_2" in text
    assert "Note: right, but slow (square)." in text


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (result_of(Verdict("square", "passed", 10)), "The one component passed."),
        (
            result_of(Verdict("square", "passed", 10), Verdict("relu", "passed", 10)),
            "All 2 components passed.",
        ),
        (result_of(Verdict("square", "not written", 10)), "0 of 1 components passed."),
        (result_of(interrupted=True), "Interrupted after 0 components; 0 of them passed."),
    ],
    ids=["one", "all", "none", "interrupted"],
)
def test_where_nothing_is_wrong_nothing_is_to_be_mended(result, words: str) -> None:
    read = Read(page(result, ""))
    assert words in read.text
    assert "Mend first" not in read.text


def test_a_file_that_cannot_be_checked_has_a_page_that_says_why() -> None:
    error = LearnerError("ZeroDivisionError", "", (Frame(7, HOSTILE, HOSTILE),))
    read = Read(error_page(Path("mine.py"), FileError(f"mine.py raises {HOSTILE}", error)))
    assert f"mine.py raises {HOSTILE}" in read.text
    assert f"line 7, in {HOSTILE}: {HOSTILE}" in read.text
    assert not {"script", "img"} & set(read.tags)


def test_a_file_that_cannot_be_imported_is_shown_where_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("\n".join(f"line_{n} = {n}" for n in range(1, 31)))
    error = LearnerError("ZeroDivisionError", "", (Frame(17, "<module>", "line_17 = 17"),))
    read = Read(error_page(file, FileError("mine.py raises it", error)))
    assert "mine.py, lines 13 to 21; marked: the line that fails, line 17" in read.text
    assert "▸  17 line_17 = 17" in read.text
    assert "What to do" in read.text


def test_what_depends_on_the_same_is_told_once() -> None:
    result = result_of(
        Verdict("relu", "not judged", 10, rests_on=["square"]),
        Verdict("deriv", "not judged", 10, rests_on=["square"]),
    )
    text = " ".join(Read(page(result, "")).text.split())
    assert "relu, deriv depend on square" in text


# Nothing of a learner's gets out of its place


@pytest.mark.parametrize("write", [page, fragment])
def test_whatever_a_file_holds_is_text(write) -> None:
    hostile = placed(raising("square"), 1, 8)
    noted = Verdict(
        "relu",
        "not judged",
        10,
        rests_on=[HOSTILE],
        notes=[HOSTILE],
        detail=HOSTILE,
    )
    ended = Verdict("sigmoid", "died", 10, detail=HOSTILE)
    wrong = differing("deriv", output=(np.ones((7, 8)), np.zeros((7, 8))))
    wrong = placed(wrong, 1, 9, forward=(2, 3))
    read = Read(write(result_of(hostile, noted, ended, wrong, file=f"{HOSTILE}/x.py"), SOURCE))
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & set(read.tags)
    assert read.tags.count("style") == (2 if write is page else 1)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert f"ValueError: {HOSTILE}" in read.text
    assert f"line 3, in {HOSTILE}: {HOSTILE}" in read.text
    assert f"line_1 = '{HOSTILE}'" in read.text
    assert f"It {HOSTILE}." in read.text
    assert f"Note: {HOSTILE} (relu)." in read.text
    assert f"depends on {HOSTILE}" in read.text
    assert "{{ 7 }}" in read.text


def test_what_no_page_can_hold_is_replaced() -> None:
    result = result_of(raising("square", "a\0b\x1b[31m\ud800\u202ec"), file="mine\udcff.py")
    written = page(placed_first(result), "bad = '\0\ud800\u202e'\n" * 9)
    written.encode("utf-8")
    assert not set("\0\x1b\ud800\udcff\u202e") & set(written)
    assert "ValueError: a�b�[31m��c" in Read(written).text


def placed_first(result):
    placed(result.verdicts[0], 1, 9)
    return result


@pytest.mark.parametrize("write", [page, fragment])
def test_a_page_asks_for_nothing_from_elsewhere(write) -> None:
    result = mixed()
    del result.verdicts[2]  # its message holds an address
    written = write(result, "x = 1\n" * 50)
    read = Read(written)
    assert not {name for name, _ in read.attributes} & {
        "src", "href", "xlink:href", "srcset", "action", "data", "poster", "id"
    }  # fmt: skip
    [*styles] = re.findall("<style>(.*?)</style>", written, re.DOTALL)
    assert styles
    assert not re.search(r"url\(|@import|@font-face|https?:", "".join(styles))
    assert not re.search("https?:", written)


def test_the_browser_is_told_to_run_and_load_nothing(read: Read) -> None:
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in read.attributes


def test_a_fragment_is_no_page_and_its_styles_stay_inside() -> None:
    written = fragment(mixed(), SOURCE)
    assert written.strip().startswith('<div class="parity-report">')
    assert not {"html", "head", "body", "main", "title", "h1"} & set(Read(written).tags) - {"title"}
    [style] = re.findall("<style>(.*?)</style>", written, re.DOTALL)
    selectors = re.findall(r"([^{};]+)\{", re.sub(r"@media[^{]*\{", "", style))
    assert len(selectors) > 40
    for selector in selectors:
        for part in re.split(r",(?![^(]*\))", selector):
            assert part.strip().startswith(".parity-report"), selector


# Size


@pytest.mark.parametrize("write", [page, fragment])
def test_a_page_of_a_whole_catalogue_of_mistakes_stays_small(write) -> None:
    result = all_wrong()
    written = write(result, SOURCE)
    assert len(result.verdicts) > 100
    assert len(written.encode("utf-8")) < 3_000_000
    assert written.count('role="img"') == 3 * (
        len(result.verdicts) + 2
    )  # the first one has three arrays


# Files


def test_a_page_is_written_whole_into_a_folder_that_is_made(tmp_path: Path) -> None:
    file, target = tmp_path / "mine.py", tmp_path / "out" / "report.html"
    file.write_bytes("# -*- coding: latin-1 -*-\nname = 'Übung'\n".encode("latin-1"))
    result = result_of(placed(raising("square"), 1, 2), file=str(file))
    write_page(result, target)
    assert "name = 'Übung'" in Read(target.read_text(encoding="utf-8")).text
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.mkdir()
    with pytest.raises(OSError, match="is a directory"):
        write_page(mixed(), target)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not list(target.iterdir())


@pytest.mark.parametrize(
    "raw",
    [b"# coding: nonsense\n", b"# coding: rot13\n", b"1\n2\n# \xff\n", None],
    ids=["no such encoding", "no encoding of text", "not in its encoding", "gone"],
)
def test_a_file_that_cannot_be_read_again_is_no_reason_to_fail(
    tmp_path: Path, raw: bytes | None
) -> None:
    file = tmp_path / "mine.py"
    if raw is not None:
        file.write_bytes(raw)
    assert read_source(file) == ""
    result = result_of(placed(raising("square"), 1, 2), file=str(file))
    assert "Your code" not in page(result, read_source(file))
