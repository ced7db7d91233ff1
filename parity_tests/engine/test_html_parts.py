"""What a page draws and lists: which part of an array, and which lines of a file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.diagnosis.places import Place
from parity.reports.html.heatmaps import EDGE, LEVELS, Picture, picture
from parity.reports.html.listing import MAX_CHARACTERS, MAX_LINES, Listing, listing
from parity_tests.engine.html_results import differing


def drawn(found: Any, wanted: Any, edge: int = EDGE) -> Picture:
    verdict = differing("square", output=(found, wanted))
    picture_of = picture(verdict.failures[0], verdict.runs[0], edge)
    assert picture_of is not None
    return picture_of


def off_at(shape: tuple[int, ...], index: tuple[int, ...]) -> Picture:
    """Ones, but for a 3 at that index."""
    found = np.ones(shape)
    found[index] = 3.0
    return drawn(found, np.ones(shape))


# Heat maps


def test_the_three_maps_are_what_was_found_what_is_right_and_the_difference() -> None:
    found = drawn(np.array([[1.0, -4.0]]), np.array([[1.0, 2.0]]))
    titles = {each.name: [cell.title for cell in each.cells] for each in found.maps}
    assert titles == {
        "Yours": ["[0, 0]: 1", "[0, 1]: -4"],
        "PyTorch’s": ["[0, 0]: 1", "[0, 1]: 2"],
        "Yours minus PyTorch’s": ["[0, 0]: 0", "[0, 1]: -6"],
    }
    assert found.worst == "Outlined, [0, 1]: yours -4, PyTorch’s 2."
    assert (found.row, found.column) == (0, 1)


def test_what_was_found_and_what_is_right_share_a_scale_and_0_has_no_colour() -> None:
    yours, theirs, difference = drawn(np.array([[8.0, 0, -8]]), np.array([[1.6, 0, -4.8]])).maps
    assert [cell.style for cell in yours.cells] == ["p5", "z", "n5"]
    assert [cell.style for cell in theirs.cells] == ["p1", "z", "n3"]
    assert [cell.style for cell in difference.cells] == ["p5", "z", "n2"]
    assert [each.largest for each in (yours, theirs, difference)] == ["8", "8", "6.4"]


def test_the_colours_of_opposite_numbers_are_as_strong() -> None:
    numbers = np.random.default_rng(1).standard_normal((5, 7))
    straight, turned = drawn(numbers, 2 * numbers), drawn(-numbers, -2 * numbers)
    levels = [[cell.level for cell in each.cells] for each in straight.maps]
    assert levels == [[-level for level in of] for of in _levels(turned)]
    assert {abs(level) for level in levels[1] if level is not None} == set(range(LEVELS + 1))


def _levels(of: Picture) -> list[list[int]]:
    return [[cell.level for cell in each.cells if cell.level is not None] for each in of.maps]


@pytest.mark.parametrize(
    ("number", "text", "title"),
    [(np.nan, "NaN", "NaN"), (np.inf, "∞", "infinity"), (-np.inf, "-∞", "minus infinity")],
)
def test_what_is_not_finite_is_marked_and_leaves_the_scale_to_the_others(
    number: float, text: str, title: str
) -> None:
    found = drawn(np.array([[2.0, number]]), np.array([[1.0, 4.0]]))
    yours = found.maps[0]
    assert [(cell.style, cell.text) for cell in yours.cells] == [("p2", "2"), ("bad", text)]
    assert yours.cells[1].title == f"[0, 1]: {title}"
    assert yours.largest == "4"
    assert found.maps[2].cells[1].style == "bad"
    assert "1 NaN or infinite" in yours.label
    assert title in found.worst


def test_an_array_of_nothing_finite_can_be_drawn() -> None:
    found = drawn(np.full((2, 3), np.nan), np.ones((2, 3)))
    assert {cell.style for cell in found.maps[0].cells} == {"bad"}
    assert "nothing finite" in found.maps[0].label


def test_one_dimension_is_one_row() -> None:
    found = off_at((4,), (2,))
    assert [cell.title for cell in found.maps[0].cells] == ["[0]: 1", "[1]: 1", "[2]: 3", "[3]: 1"]
    assert (found.row, found.column, found.row_labels) == (0, 2, [])
    assert found.shown == "Shape (4,)."


def test_of_more_than_two_dimensions_the_slice_with_the_worst_element_is_drawn() -> None:
    found = off_at((3, 2, 4, 5), (2, 1, 3, 0))
    assert (
        found.shown
        == "Shape (3, 2, 4, 5). Drawn is [2, 1, :, :], the slice with the worst element."
    )
    assert len(found.maps[0].cells) == 20
    assert found.maps[0].cells[0].title == "[2, 1, 0, 0]: 1"
    assert (found.row, found.column) == (3, 0)


@pytest.mark.parametrize("index", [(0, 0), (29, 49), (15, 25), (29, 0), (3, 48)])
def test_a_large_array_is_drawn_around_the_worst_element(index: tuple[int, int]) -> None:
    found = off_at((30, 50), index)
    assert (len(found.row_labels), len(found.column_labels)) == (EDGE, EDGE)
    assert (found.row_labels[found.row], found.column_labels[found.column]) == index
    [worst] = (cell for cell in found.maps[0].cells if cell.level == LEVELS)
    assert (worst.row, worst.column) == (found.row, found.column)
    first, last = found.row_labels[0], found.row_labels[-1]
    assert f"rows {first} to {last} of 30 and columns" in found.shown


def test_the_worst_row_and_column_and_the_ends_are_labelled() -> None:
    found = off_at((64, 64), (20, 63))
    assert found.row_ticks == [(0, 8), (12, 20), (23, 31)]
    assert found.column_ticks == [(0, 40), (23, 63)]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (np.float64(1.0), np.float64(2.0)),
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.ones((2, 3), dtype="float32"), np.ones((2, 3))),
        (np.ones((2, 3), dtype="complex128"), np.ones((2, 3))),
        ([1.0, 2.0], np.ones(2)),
        (None, np.ones(2)),
    ],
    ids=["number", "shape", "float32", "complex", "list", "None"],
)
def test_what_words_say_better_is_not_drawn(found: Any, wanted: Any) -> None:
    verdict = differing("square", output=(found, wanted))
    assert verdict.failures
    assert picture(verdict.failures[0], verdict.runs[0]) is None


# Lines

SOURCE = "\n".join(f"line {n}" for n in range(1, 201))
WHOLE = Place("Mine", 11, 20)


def numbers(of: Listing | None, *, marked: bool = False) -> list[int]:
    assert of is not None
    return [line.number for line in of.lines if line.marked or not marked]


def test_a_component_is_listed_with_its_lines_to_look_at_marked() -> None:
    found = listing(SOURCE, WHOLE, [Place("Mine.forward", 13, 15)])
    assert numbers(found) == list(range(11, 21))
    assert numbers(found, marked=True) == [13, 14, 15]
    assert found is not None
    assert found.lines[0].code == "line 11"
    assert found.caption == "Mine, lines 11 to 20; marked: Mine.forward, lines 13 to 15"


def test_where_all_of_it_is_to_be_looked_at_nothing_is_marked() -> None:
    found = listing(SOURCE, WHOLE, [WHOLE])
    assert numbers(found, marked=True) == []
    assert found is not None
    assert found.caption == "Mine, lines 11 to 20"


def test_what_is_inherited_is_listed_instead() -> None:
    found = listing(SOURCE, WHOLE, [Place("Base.forward", 3, 5)])
    assert numbers(found) == [3, 4, 5]


def test_a_long_component_is_cut_to_the_lines_to_look_at() -> None:
    found = listing(SOURCE, Place("Mine", 1, 150), [Place("Mine.backward", 140, 150)])
    assert found is not None
    assert len(found.lines) == MAX_LINES
    assert numbers(found, marked=True) == list(range(140, 151))
    assert found.caption.startswith("Mine, lines 91 to 150 of 1 to 150; marked: ")


def test_a_long_method_is_shown_from_a_little_before_it() -> None:
    found = listing(SOURCE, Place("Mine", 1, 190), [Place("Mine.fit", 50, 180)])
    assert numbers(found)[:5] == [46, 47, 48, 49, 50]


@pytest.mark.parametrize("gap", ["\f", "\u2028", "\x1c", "\x85"])
def test_lines_are_counted_as_python_counts_them(gap: str) -> None:
    source = f"first = '{gap}'\r\nsecond = 2\rthird = 3\nfourth = 4"
    found = listing(source, Place("f", 2, 4), [])
    assert found is not None
    assert [line.code for line in found.lines] == ["second = 2", "third = 3", "fourth = 4"]


@pytest.mark.parametrize("first, last", [(0, 5), (-3, 2), (199, 10**12), (9, 8), (300, 301)])
def test_lines_that_a_file_does_not_have_are_not_listed(first: int, last: int) -> None:
    assert listing(SOURCE, Place("Mine", first, last), [Place("Mine.f", first, last)]) is None


def test_lines_to_look_at_that_a_file_does_not_have_are_not_marked() -> None:
    found = listing(SOURCE, WHOLE, [Place("Mine.f", 0, 12), Place("Mine.g", 13, 14)])
    assert numbers(found) == list(range(11, 21))
    assert numbers(found, marked=True) == [13, 14]


def test_without_a_file_or_a_place_there_is_nothing_to_list() -> None:
    assert listing("", WHOLE, [WHOLE]) is None
    assert listing(SOURCE, None, []) is None


def test_a_long_line_is_cut() -> None:
    found = listing("x" * 10_000, Place("f", 1, 1), [])
    assert found is not None
    assert found.lines[0].code == "x" * MAX_CHARACTERS + "…"


CLASS = """class Base:
    pass
class Mine(Base):
    rate = 1

    def forward(self, x):
        return [
            x,
        ]

    def backward(self, x):
        return x
after = 1"""


def test_a_class_is_listed_from_its_head_to_its_end() -> None:
    found = listing(CLASS, Place("Mine", 6, 8), [Place("Mine.forward", 6, 8)])
    assert numbers(found) == list(range(3, 13))


def test_a_method_is_marked_until_its_brackets_are_closed() -> None:
    found = listing(CLASS, Place("Mine", 6, 12), [Place("Mine.forward", 6, 8)])
    assert numbers(found, marked=True) == [6, 7, 8, 9]


def test_a_line_that_raised_is_marked_alone() -> None:
    found = listing(CLASS, Place("Mine", 6, 12), [Place("forward", 6, 6)])
    assert numbers(found, marked=True) == [6]
