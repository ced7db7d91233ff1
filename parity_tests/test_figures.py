"""The pictures hold what they claim: each curve is what the component computes, each cell a digit.

What they look like is not tested, only that they can be drawn.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from parity import figures
from scratch.activations import LeakyReLU, Linear, ReLU, ReLU6, Sigmoid, Tanh
from scratch.functions import sigmoid

FALLING = [2.0, 1.0, 0.5, 0.7]
LOWER = [1.5, 0.8, 0.4, 0.3]
BOTH = {
    "scratch": {"training": LOWER, "validation": FALLING},
    "reference": {"training": LOWER, "validation": FALLING},
}


def draw(figure: Figure) -> None:
    """Layout and all, as it is saved: a warning of Matplotlib's is a failure."""
    figure.savefig(io.BytesIO(), format="png")


def lines(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.lines}


def values(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata(), float).tolist()


def marks(axes: Axes) -> dict[str, list[float]]:
    """Where the points with a label are."""
    return {
        str(points.get_label()): np.asarray(points.get_offsets(), float)[0].tolist()
        for points in axes.collections
        if isinstance(points, PathCollection)
    }


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def on_a_line(axes: Axes, curve: np.ndarray) -> bool:
    """Whether one of the lines has these values."""
    return any(np.array_equal(line.get_ydata(), curve) for line in axes.lines)


# Training curves


def test_training_curves_hold_every_loss_at_its_epoch() -> None:
    figure = figures.training_curves(BOTH, "title", "cross entropy")
    [axes] = figure.axes
    assert (axes.get_title(), axes.get_ylabel(), axes.get_xlabel()) == (
        "title", "cross entropy", "epoch",
    )  # fmt: skip
    shown = lines(axes)
    assert set(shown) == {f"{part}, {side}" for side, parts in BOTH.items() for part in parts}
    for side, parts in BOTH.items():
        for part, losses in parts.items():
            line = shown[f"{part}, {side}"]
            assert np.asarray(line.get_xdata()).tolist() == [1, 2, 3, 4]
            assert values(line) == losses
    draw(figure)


def test_a_side_on_top_of_the_other_leaves_it_visible() -> None:
    shown = lines(figures.training_curves(BOTH, "title", "loss").axes[0])
    for part in ("training", "validation"):
        below, above = shown[f"{part}, scratch"], shown[f"{part}, reference"]
        assert below.get_zorder() < above.get_zorder()
        assert below.get_linewidth() > 2 * above.get_linewidth()
        assert (below.get_linestyle(), above.get_linestyle()) == ("-", "--")
    assert len({str(line.get_color()) for line in shown.values()}) == 4


def test_the_epoch_of_the_lowest_validation_loss_of_each_side_is_marked() -> None:
    curves = {
        "scratch": {"training": LOWER, "validation": FALLING},
        "reference": {"training": LOWER, "validation": [3.0, 1.0]},
    }
    [axes] = figures.training_curves(curves, "title", "loss").axes
    expected = {
        "lowest, scratch: epoch 3": [3.0, 0.5],
        "lowest, reference: epoch 2": [2.0, 1.0],
    }
    assert marks(axes) == expected
    assert set(expected) <= set(legend(axes))


@pytest.mark.parametrize("side", BOTH)
def test_one_side_alone_has_its_two_curves_and_its_mark(side: str) -> None:
    figure = figures.training_curves({side: BOTH[side]}, "title", "loss")
    [axes] = figure.axes
    assert legend(axes) == [f"training, {side}", f"validation, {side}", f"lowest, {side}: epoch 3"]
    draw(figure)


def test_without_validation_losses_nothing_is_marked() -> None:
    [axes] = figures.training_curves({"scratch": {"training": LOWER}}, "title", "loss").axes
    assert list(lines(axes)) == ["training, scratch"]
    assert marks(axes) == {}


def test_a_single_epoch_is_a_point_on_each_side_and_within_the_picture() -> None:
    one = {side: {part: losses[:1] for part, losses in p.items()} for side, p in BOTH.items()}
    figure = figures.training_curves(one, "title", "loss", {"scratch": [0.9], "reference": [0.9]})
    for axes in figure.axes:
        for name, line in lines(axes).items():
            assert line.get_marker() == "o", name
        low, high = axes.get_ylim()
        assert all(low < y < high for line in axes.lines for y in values(line))
    below, above = (lines(figure.axes[0])[f"training, {side}"] for side in BOTH)
    assert below.get_markersize() > 1.5 * above.get_markersize()
    draw(figure)


def test_several_epochs_are_lines_without_points() -> None:
    [axes] = figures.training_curves(BOTH, "title", "loss").axes
    assert {line.get_marker() for line in axes.lines} == {"None"}


def test_accuracies_are_a_second_panel_in_percent() -> None:
    accuracies = {"scratch": [0.5, 0.75, 0.875, 1.0], "reference": [0.25, 0.5]}
    figure = figures.training_curves(BOTH, "title", "loss", accuracies)
    upper, lower = figure.axes
    shown = lines(lower)
    assert values(shown["scratch"]) == [50, 75, 87.5, 100]
    assert values(shown["reference"]) == [25, 50]
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", "epoch")
    assert lower.get_ylabel() == "accuracy, %"
    assert upper.get_xlim() == lower.get_xlim()
    draw(figure)


@pytest.mark.parametrize("accuracy", [91.0, -0.1, np.nan])
def test_accuracies_that_are_no_shares_are_refused(accuracy: float) -> None:
    with pytest.raises(ValueError, match="accuracies of scratch must lie between 0 and 1"):
        figures.training_curves(BOTH, "title", "loss", {"scratch": [accuracy]})


@pytest.mark.parametrize("curves", [{}, {"scratch": {}}, {"scratch": {"training": []}}])
def test_training_curves_of_nothing_are_refused(curves: dict[str, dict[str, list[float]]]) -> None:
    with pytest.raises(ValueError, match="no loss to draw"):
        figures.training_curves(curves, "title", "loss")


# Figures 4.4 to 4.7


def test_cross_entropy_and_squared_error_are_those_of_the_target_0() -> None:
    figure = figures.cross_entropy_against_squared_error()
    shown = lines(figure.axes[0])
    p = np.asarray(shown["cross entropy"].get_xdata(), float)
    assert p.min() < 0.01
    assert 0.99 < p.max() < 1
    np.testing.assert_allclose(values(shown["cross entropy"]), -np.log(1 - p), rtol=1e-12)
    assert np.array_equal(shown["squared error"].get_xdata(), p)
    np.testing.assert_allclose(values(shown["squared error"]), p**2, rtol=1e-12)
    draw(figure)


def test_the_cross_entropy_leaves_the_picture_and_the_squared_error_does_not() -> None:
    [axes] = figures.cross_entropy_against_squared_error().axes
    shown, (_, top) = lines(axes), axes.get_ylim()
    assert max(values(shown["cross entropy"])) > top
    assert max(values(shown["squared error"])) < 1 < top


FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Sigmoid": sigmoid,
    "Tanh": np.tanh,
    "Linear": lambda x: x,
    "ReLU": lambda x: np.maximum(x, 0),
    "LeakyReLU": lambda x: np.maximum(x, 0.2 * x),
    "ReLU6": lambda x: np.clip(x, 0, 6),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_an_activation_function_is_drawn_on_both_sides_of_its_kinks(name: str) -> None:
    figure = figures.activation_function(name)
    [axes] = figure.axes
    curve = axes.lines[0]
    x = np.asarray(curve.get_xdata(), float)
    np.testing.assert_allclose(values(curve), FORMULAS[name](x), rtol=1e-12)
    assert x.min() <= -5
    assert x.max() > (6 if name == "ReLU6" else 4)
    assert name in axes.get_title()
    draw(figure)


def test_an_activation_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be one of Sigmoid, .*, not 'Softplus'"):
        figures.activation_function("Softplus")


def test_activation_functions_have_a_panel_each_with_output_and_derivative() -> None:
    figure = figures.activation_functions()
    classes = [Sigmoid, Tanh, Linear, ReLU, LeakyReLU, ReLU6]
    assert [axes.get_title() for axes in figure.axes] == [cls.__name__ for cls in classes]
    for axes, cls in zip(figure.axes, classes, strict=True):
        shown, activation = lines(axes), cls()
        x = np.asarray(shown["output"].get_xdata(), float)
        assert values(shown["output"]) == activation.forward(x).tolist()
        assert values(shown["derivative"]) == activation.backward(np.ones_like(x)).tolist()
        assert not np.isin(x, [0, 6]).any()
    draw(figure)


def test_derivatives_are_those_of_the_classes_and_tanh_is_the_steeper() -> None:
    figure = figures.activation_derivatives()
    [axes] = figure.axes
    assert legend(axes) == ["Sigmoid, at most 0.25", "Tanh, at most 1.00"]
    for activation in (Sigmoid(), Tanh()):
        x = np.asarray(axes.lines[0].get_xdata(), float)
        activation.forward(x)
        assert on_a_line(axes, activation.backward(np.ones_like(x)))
    draw(figure)


def test_what_is_drawn_is_what_the_class_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "_output", lambda self: self.input_ * 3)
    monkeypatch.setattr(Tanh, "_input_grad", lambda self, output_grad: output_grad * 7)
    curve = figures.activation_function("Tanh").axes[0].lines[0]
    np.testing.assert_array_equal(curve.get_ydata(), np.asarray(curve.get_xdata()) * 3)
    assert on_a_line(figures.activation_derivatives().axes[0], np.full(1000, 7.0))


# Figure 4.8


@pytest.fixture
def panels() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(20190119)
    wide, narrow = 28 * rng.standard_normal((300, 89)), rng.standard_normal((300, 89))
    return {"standard": (wide, np.tanh(wide)), "glorot": (narrow, np.tanh(narrow))}


def heights(axes: Axes) -> np.ndarray:
    [bars] = [bars for bars in axes.containers if isinstance(bars, BarContainer)]
    return np.array([bar.get_height() for bar in bars.patches])


def test_the_spread_has_a_column_for_each_initialisation(
    panels: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    figure = figures.activation_spread(panels)
    assert len(figure.axes) == 4
    tops = [axes for axes in figure.axes if axes.get_xlabel() == "input of tanh"]
    bottoms = [axes for axes in figure.axes if axes.get_xlabel() == "output of tanh"]
    for axes, name in zip(tops, panels, strict=True):
        deviation = np.std(panels[name][0])
        assert axes.get_title() == f"{name}\nstandard deviation {deviation:.3g}"
    for axes, (_, after) in zip(bottoms, panels.values(), strict=True):
        share = np.mean(np.abs(after) > 0.99)
        assert axes.get_title() == f"{share:.0%} beyond ±0.99"
    draw(figure)


def test_every_value_is_in_a_bar(panels: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for axes in figures.activation_spread(panels).axes:
        assert heights(axes).sum() == pytest.approx(1)


def test_with_standard_weights_nearly_all_outputs_are_in_the_outermost_bars(
    panels: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    _, standard, _, glorot = (heights(axes) for axes in figures.activation_spread(panels).axes)
    assert standard[[0, -1]].sum() > 0.9
    assert glorot[[0, -1]].sum() < 0.2


def test_a_layer_that_puts_out_nothing_but_zeros_can_be_drawn() -> None:
    zeros = np.zeros((3, 4))
    draw(figures.activation_spread({"dead": (zeros, zeros)}))


def test_the_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="panels is empty"):
        figures.activation_spread({})


# Misclassified digits


def digits(n: int) -> np.ndarray:
    """Images that differ."""
    rng = np.random.default_rng(n)
    return rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("n", [1, 3, 8, 9, 40])
def test_each_misread_digit_has_a_cell_with_what_it_is_and_what_it_was_read_as(n: int) -> None:
    images, actual = digits(n), np.arange(n) % 10
    figure = figures.misclassified(images, (actual + 1) % 10, actual, "title")
    assert len(figure.axes) == n
    for i, axes in enumerate(figure.axes):
        [image] = axes.images
        assert np.array_equal(np.asarray(image.get_array()), images[i])
        assert image.get_clim() == (0, 255)
        assert axes.get_title() == f"{i % 10}, read as {(i + 1) % 10}"
    assert figure.get_suptitle() == "title"
    draw(figure)


def test_of_many_the_first_forty_are_shown_and_the_title_says_so() -> None:
    actual = np.arange(57) % 10
    figure = figures.misclassified(digits(57), (actual + 1) % 10, actual, "title")
    assert len(figure.axes) == 40
    assert figure.get_suptitle() == "title (the first 40 of 57)"


def test_digits_that_were_read_right_are_left_out() -> None:
    images, actual = digits(5), np.array([4, 1, 7, 0, 2])
    predicted = np.array([9, 1, 7, 0, 3])
    figure = figures.misclassified(images, predicted, actual, "title")
    assert [axes.get_title() for axes in figure.axes] == ["4, read as 9", "2, read as 3"]
    assert np.array_equal(np.asarray(figure.axes[1].images[0].get_array()), images[4])


@pytest.mark.parametrize("n", [0, 5])
def test_none_misread_is_a_sentence(n: int) -> None:
    figure = figures.misclassified(digits(n), np.zeros(n, int), np.zeros(n, int), "title")
    assert figure.axes == []
    assert [text.get_text() for text in figure.texts] == ["title", "No digit was misread."]
    draw(figure)


def test_images_and_labels_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not \(3, 28, 28\), \(2,\) and \(3,\)"):
        figures.misclassified(digits(3), np.zeros(2, int), np.zeros(3, int), "title")
    with pytest.raises(ValueError, match=r"not \(3, 784\)"):
        figures.misclassified(
            digits(3).reshape(3, 784), np.zeros(3, int), np.zeros(3, int), "title"
        )


# Files


def test_a_figure_is_saved_as_png_at_150_dots_an_inch(tmp_path: Path) -> None:
    path = tmp_path / "tanh.png"
    figures.save(figures.activation_function("Tanh"), path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.size == (1080, 690)
