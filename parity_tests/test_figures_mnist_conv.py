"""The pictures of the convolutional network hold what they claim: every batch, filter and map."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from parity import figures

LOSSES = [float(loss) for loss in range(25, 0, -1)]
ACCURACIES = {10: 0.5, 20: 0.8}


def draw(figure: Figure) -> None:
    """Layout and all, as it is saved: a warning of Matplotlib's is a failure."""
    figure.savefig(io.BytesIO(), format="png")


def line(axes: Axes, name: str) -> tuple[list[float], list[float]]:
    [found] = [line for line in axes.lines if line.get_label() == name]
    return np.asarray(found.get_xdata()).tolist(), np.asarray(found.get_ydata()).tolist()


def cells(figure: Figure) -> list[ndarray]:
    """The images that were drawn, but for colour bars."""
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def test_losses_are_means_over_ten_batches_and_accuracies_are_percents() -> None:
    both = {"scratch": LOSSES, "reference": LOSSES[:12]}
    figure = figures.batch_curves(both, dict.fromkeys(both, ACCURACIES), "title", {10: 0.4})
    upper, lower = figure.axes
    assert line(upper, "scratch") == ([10, 20, 25], [20.5, 10.5, 3.0])
    assert line(upper, "reference") == ([10, 12], [20.5, 14.5])
    for side in both:
        assert line(lower, side) == ([10, 20], [50.0, 80.0])
    assert line(lower, "book (E16)") == ([10], [40.0])
    assert upper.get_title() == "title"
    draw(figure)


def test_a_single_point_shows() -> None:
    figure = figures.batch_curves({"scratch": [2.0]}, {"scratch": {1: 0.1}}, "title")
    assert [axes.lines[0].get_marker() for axes in figure.axes] == ["o", "o"]
    draw(figure)


def test_no_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no loss to draw"):
        figures.batch_curves({"scratch": []}, {}, "title")


@pytest.mark.parametrize("n", [1, 8, 10, 32])
def test_every_filter_is_drawn_once_in_the_scale_of_all(n: int) -> None:
    filters = np.random.RandomState(0).standard_normal((2, n, 5, 5))
    figure = figures.filters({"scratch": filters[0], "reference": filters[1]}, "title")
    shown = cells(figure)
    np.testing.assert_array_equal(shown, filters.reshape(-1, 5, 5))
    largest = np.abs(filters).max()
    images = [image for axes in figure.axes for image in axes.images]
    assert {image.get_clim() for image in images} == {(-largest, largest)}
    assert len({tuple(image.get_extent()) for image in images}) == n  # side by side
    draw(figure)


def test_filters_that_are_all_zero_are_drawn() -> None:
    draw(figures.filters({"scratch": np.zeros((3, 5, 5))}, "title"))


def test_an_image_stands_beside_its_maps() -> None:
    stream = np.random.RandomState(0)
    image, maps = stream.standard_normal((28, 28)), stream.uniform(-1, 1, (6, 28, 28))
    figure = figures.feature_maps(image, maps, "title")
    first, *others = cells(figure)
    np.testing.assert_array_equal(first, image)
    np.testing.assert_array_equal(others, maps)
    draw(figure)


@pytest.mark.parametrize("shape", [(5, 5), (0, 5, 5), (1, 2, 5, 5)])
def test_filters_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"filters: each panel must have shape \(n, rows, col"):
        figures.filters({"scratch": np.zeros(shape)}, "title")


@pytest.mark.parametrize("shape", [(28, 28), (3, 27, 28), (3, 1, 28, 28)])
def test_maps_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="feature_maps: the image must have shape"):
        figures.feature_maps(np.zeros((28, 28)), np.zeros(shape), "title")
