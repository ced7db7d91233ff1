"""The pictures of chapter 7 hold what they claim: every image, point, count and filter."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy import ndarray

from parity import figures


def draw(figure: Figure) -> None:
    """Layout and all, as it is saved: a warning of Matplotlib's is a failure."""
    figure.savefig(io.BytesIO(), format="png")


def images(n: int) -> ndarray:
    """Images that differ."""
    return np.random.default_rng(n).uniform(-1, 1, (n, 28, 28))


def shown(figure: Figure) -> list[ndarray]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


# Figures 7.3 and 7.5


@pytest.mark.parametrize("n", [1, 5, 8, 9, 16])
def test_each_original_stands_above_its_reconstruction(n: int) -> None:
    originals, restored = images(n), images(n) / 2
    figure = figures.reconstructions(originals, restored, "title")
    assert figure.get_suptitle() == "title"
    draw(figure)
    above, below = figure.axes[::2], figure.axes[1::2]
    np.testing.assert_array_equal(shown(figure)[::2], originals)
    np.testing.assert_array_equal(shown(figure)[1::2], restored)
    for upper, lower in zip(above, below, strict=True):
        first, second = upper.get_position(), lower.get_position()
        assert first.x0 == pytest.approx(second.x0)
        assert first.y0 > second.y1
    assert len({(axes.get_position().x0, axes.get_position().y0) for axes in figure.axes}) == 2 * n


def test_the_rows_of_reconstructions_are_named_at_their_left() -> None:
    figure = figures.reconstructions(images(9), images(9), "title")
    names = [axes.get_ylabel() for axes in figure.axes]
    assert names == ["original", "restored", *[""] * 14, "original", "restored"]


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_an_image_is_drawn_in_the_scale_of_the_autoencoder_whatever_is_in_it(value: float) -> None:
    flat = np.full((2, 28, 28), value)
    for figure in (figures.reconstructions(flat, flat, "title"), figures.decoded(flat, "title")):
        limits = [image.get_clim() for axes in figure.axes for image in axes.images]
        assert set(limits) == {(-1, 1)}
        draw(figure)


@pytest.mark.parametrize("n", [1, 3, 5, 7])
def test_each_decoded_code_has_a_cell(n: int) -> None:
    figure = figures.decoded(images(n), "title")
    assert len(figure.axes) == n
    np.testing.assert_array_equal(shown(figure), images(n))
    assert figure.get_suptitle() == "title"
    draw(figure)


@pytest.mark.parametrize("shape", [(28, 28), (0, 28, 28), (3, 1, 28, 28)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    wrong = np.zeros(shape)
    with pytest.raises(ValueError, match="reconstructions: originals and reconstructions must"):
        figures.reconstructions(wrong, wrong, "title")
    with pytest.raises(ValueError, match=r"decoded: images must have shape \(n, rows, columns\)"):
        figures.decoded(wrong, "title")


def test_more_originals_than_reconstructions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not \(3, 28, 28\) and \(2, 28, 28\)"):
        figures.reconstructions(images(3), images(2), "title")


# Figure 7.4


@pytest.fixture
def codes() -> tuple[ndarray, ndarray]:
    """Points around ten places, and their digits."""
    labels = np.arange(200) % 10
    noise = np.random.default_rng(1).standard_normal((200, 2))
    return np.stack([labels % 4, labels // 4], axis=1) * 20 + noise, labels


def clusters(axes: Axes) -> list[PathCollection]:
    return [points for points in axes.collections if isinstance(points, PathCollection)]


def colour(cluster: PathCollection) -> str:
    return to_hex(tuple(np.asarray(cluster.get_facecolor(), float)[0]))


def marker(cluster: PathCollection) -> bytes:
    return np.asarray(cluster.get_paths()[0].vertices, float).tobytes()


def test_every_point_is_drawn_with_its_digit_and_its_colour(codes: tuple[ndarray, ndarray]) -> None:
    points, labels = codes
    figure = figures.embedding(points, labels, "title")
    [axes] = figure.axes
    assert axes.get_title() == "title"
    drawn = clusters(axes)
    assert len(drawn) == 10
    for digit, cluster in enumerate(drawn):
        np.testing.assert_array_equal(cluster.get_offsets(), points[labels == digit])
    assert len({colour(cluster) for cluster in drawn}) == 10
    assert len({marker(cluster) for cluster in drawn}) == 10
    draw(figure)


def test_each_digit_stands_among_its_points(codes: tuple[ndarray, ndarray]) -> None:
    points, labels = codes
    points[0] = 300, -300  # a stray one
    [axes] = figures.embedding(points, labels, "title").axes
    assert [text.get_text() for text in axes.texts] == [f"{digit}" for digit in range(10)]
    for digit, text in enumerate(axes.texts):
        place = np.array([digit % 4, digit // 4]) * 20
        assert np.linalg.norm(np.array(text.get_position()) - place) < 5


def test_no_large_digit_hides_another() -> None:
    """As drawn: ten digits at the same points."""
    points = np.tile(np.random.default_rng(4).standard_normal((200, 2)), (10, 1))
    figure = figures.embedding(points, np.repeat(np.arange(10), 200), "title")
    draw(figure)
    drawn = [text.get_window_extent() for text in figure.axes[0].texts]
    inner = [box.shrunk_to_aspect(1).padded(-4) for box in drawn]  # without the line's height
    for number, box in enumerate(inner):
        assert not any(box.overlaps(other) for other in inner[:number])
    assert min(text.get_zorder() for text in figure.axes[0].texts) > max(
        cluster.get_zorder() for cluster in clusters(figure.axes[0])
    )


def test_the_legend_counts_the_points_of_each_digit() -> None:
    labels = np.array([0] * 3 + [1] * 1200)
    figure = figures.embedding(np.random.default_rng(0).normal(size=(1203, 2)), labels, "title")
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["3", "1,200"]


def test_missing_digits_are_left_out_and_the_others_keep_their_colours(
    codes: tuple[ndarray, ndarray],
) -> None:
    points, labels = codes
    some = np.isin(labels, [3, 7])
    figure = figures.embedding(points[some], labels[some], "title")
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts] == ["3", "7"]
    every = clusters(figures.embedding(points, labels, "title").axes[0])
    for digit, cluster in zip([3, 7], clusters(axes), strict=True):
        assert colour(cluster) == colour(every[digit])
    draw(figure)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_points_in_one_place_can_be_drawn(n: int) -> None:
    draw(figures.embedding(np.zeros((n, 2), np.float32), np.arange(n) % 10, "title"))


def test_both_directions_have_one_scale(codes: tuple[ndarray, ndarray]) -> None:
    figure = figures.embedding(codes[0] * [10, 1], codes[1], "title")
    draw(figure)
    [axes] = figure.axes
    (left, bottom), (right, top) = axes.transData.transform([(0, 0), (10, 10)])
    assert right - left == pytest.approx(top - bottom)


@pytest.mark.parametrize(
    "points, labels, words",
    [
        (np.zeros((3, 3)), np.zeros(3, int), r"not \(3, 3\) and \(3,\)"),
        (np.zeros((3, 2)), np.zeros(2, int), r"not \(3, 2\) and \(2,\)"),
        (np.zeros((0, 2)), np.zeros(0, int), "there is no point to draw"),
        (np.full((3, 2), np.nan), np.zeros(3, int), "points must be finite"),
        (np.zeros((3, 2)), np.array([0, 3, 10]), "must be digits from 0 to 9, not 0 to 10"),
        (np.zeros((3, 2)), np.array([0, -1, 1]), "must be digits from 0 to 9, not -1 to 1"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(
    points: ndarray, labels: ndarray, words: str
) -> None:
    with pytest.raises(ValueError, match=f"embedding: .*{words}"):
        figures.embedding(points, labels, "title")


# The confusion matrix

TRUE = np.array([0] * 8 + [1] * 4 + [9])
READ = np.array([0] * 6 + [6, 8] + [1, 1, 1, 7] + [9])


def cells(figure: Figure) -> dict[tuple[int, int], str]:
    """What is written, by row and column."""
    found = {}
    for text in figure.axes[0].texts:
        column, row = (int(place) for place in text.get_position())
        found[row, column] = text.get_text()
    return found


def test_rows_are_true_digits_and_columns_what_they_are_read_as() -> None:
    figure = figures.confusion_matrix(TRUE, READ, "title")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == (
        "read as", "true digit", "title",
    )  # fmt: skip
    written = cells(figure)
    assert len(written) == 100
    others = {(0, 0): "6\n75.0%", (0, 6): "1", (0, 8): "1", (1, 1): "3\n75.0%", (1, 7): "1"}
    assert {place: text for place, text in written.items() if text != "0"} == {
        **others,
        (9, 9): "1\n100.0%",
    }
    draw(figure)


def test_errors_are_coloured_by_their_share_of_the_row_and_what_is_right_is_not() -> None:
    [image] = figures.confusion_matrix(TRUE, READ, "title").axes[0].images
    coloured = np.ma.masked_invalid(np.asarray(image.get_array(), float))
    assert coloured.mask.tolist() == np.eye(10, dtype=bool).tolist()
    assert coloured[0, 6] == 1 / 8
    assert coloured[1, 7] == 1 / 4
    assert image.get_clim() == (0, 1 / 4)


@pytest.mark.parametrize("digit", [0, 9])
def test_one_image_is_a_matrix(digit: int) -> None:
    one = np.array([digit])
    figure = figures.confusion_matrix(one, one, "title")
    assert cells(figure)[digit, digit] == "1\n100.0%"
    assert sorted(cells(figure).values()) == ["0"] * 99 + ["1\n100.0%"]
    assert figure.axes[0].images[0].get_clim() == (0, 1)
    draw(figure)


def test_labels_of_one_byte_are_counted_beyond_what_it_holds() -> None:
    many = np.full(700, 4, np.uint8)
    assert cells(figures.confusion_matrix(many, many, "title"))[4, 4] == "700\n100.0%"


@pytest.mark.parametrize(
    "expected, predicted, words",
    [
        (np.zeros(3, int), np.zeros(2, int), r"not \(3,\) and \(2,\)"),
        (np.zeros((3, 10)), np.zeros((3, 10)), r"not \(3, 10\) and \(3, 10\)"),
        (np.zeros(0, int), np.zeros(0, int), r"not \(0,\) and \(0,\)"),
        (np.array([0, 10]), np.array([0, 1]), "expected must be digits from 0 to 9, not 0 to 10"),
        (np.array([0, 1]), np.array([0, -1]), "predicted must be digits from 0 to 9, not -1 to 0"),
    ],
)
def test_confusions_that_cannot_be_counted_are_refused(
    expected: ndarray, predicted: ndarray, words: str
) -> None:
    with pytest.raises(ValueError, match=f"confusion_matrix: .*{words}"):
        figures.confusion_matrix(expected, predicted, "title")


# Filters of several channels


@pytest.mark.parametrize("shape", [(16, 8, 5, 5), (1, 1, 3, 3), (14, 7, 3, 5), (2, 3, 1, 1)])
def test_each_filter_is_a_column_with_a_row_for_each_channel(shape: tuple[int, ...]) -> None:
    filters = np.random.default_rng(3).standard_normal(shape)
    figure = figures.layer_filters(filters, "title")
    [image] = figure.axes[0].images
    mosaic: ndarray = np.ma.masked_invalid(np.asarray(image.get_array(), float)).filled(np.nan)
    rows, columns, height, width = shape
    for row, column in np.ndindex(rows, columns):
        y, x = row * (height + 1), column * (width + 1)
        cell = mosaic[y : y + height, x : x + width]
        np.testing.assert_array_equal(cell, filters[row, column])
        [y_tick, x_tick] = figure.axes[0].get_yticks()[row], figure.axes[0].get_xticks()[column]
        assert (y_tick, x_tick) == (y + (height - 1) / 2, x + (width - 1) / 2)
    assert mosaic.shape == (rows * (height + 1) - 1, columns * (width + 1) - 1)
    assert np.isfinite(mosaic).sum() == filters.size
    largest = np.abs(filters).max()
    assert image.get_clim() == (-largest, largest)
    assert figure.get_suptitle() == "title"
    draw(figure)


def test_layer_filters_that_are_all_zero_are_drawn() -> None:
    figure = figures.layer_filters(np.zeros((3, 2, 5, 5), np.float32), "title")
    assert figure.axes[0].images[0].get_clim() == (-1, 1)
    draw(figure)


@pytest.mark.parametrize("shape", [(16, 5, 5), (0, 8, 5, 5), (16, 8, 5, 0)])
def test_layer_filters_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="layer_filters: filters must have shape"):
        figures.layer_filters(np.zeros(shape), "title")
