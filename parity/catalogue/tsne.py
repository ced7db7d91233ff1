"""Catalogue of chapter 7: the parts of t-SNE.

The book uses it and does not show it; what is asked for here is that of van der Maaten and Hinton's
paper of 2008. Each case has several sets of points, and takes one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import BATCHES, Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed
from parity.catalogue.twins import array, tensor
from parity.comparison import Absent
from parity.mutants.tsne import divergence, probabilities

_FAR = "output of distant points"
_ZEROS = "loss where P has zeros"


def _stacked(results: Iterable[Any]) -> Any:
    """What the sets gave, in one array; what is neither array nor number, or has another shape from
    set to set, by itself.
    """
    values = list(results)
    for value in values:
        if not isinstance(value, ndarray | np.number | float | int):
            return value
    if len({np.shape(value) for value in values}) > 1:
        return Absent("of another shape from set to set")
    return np.stack(values)


def _run_probabilities(name: str) -> Callable[[Implementation, Given], Observed]:
    def run(impl: Implementation, given: Given) -> Observed:
        function, perplexity = getattr(impl, name), given.options["perplexity"]
        return Observed({_output(given): _stacked(function(X, perplexity) for X in _sets(given))})

    return run


def _reference_probabilities(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import tsne

        X, perplexity = tensor(given.inputs["X"]), given.options["perplexity"]
        return {_output(given): array(getattr(tsne, name)(X, perplexity))}

    return reference


def _sets(given: Given) -> ndarray:
    return given.inputs["X"]


def _output(given: Given) -> str:
    """Distant points, which are told of themselves, do not hide what else is wrong."""
    return _FAR if given.options.get("far") else "output"


def _run_affinities(impl: Implementation, given: Given) -> Observed:
    function = impl.low_dimensional_affinities
    return Observed({"output": _stacked(function(Y) for Y in given.inputs["Y"])})


def _reference_affinities(given: Given) -> dict[str, Any]:
    from reference.tsne import low_dimensional_affinities

    return {"output": array(low_dimensional_affinities(tensor(given.inputs["Y"])))}


def _near(X: ndarray) -> ndarray:
    """A symmetric matrix for each set, with 0 on its diagonal, that adds up to 1: no search for a
    precision decides what it is.
    """
    differences = X[:, :, np.newaxis] - X[:, np.newaxis]
    P = np.exp(-np.square(differences).sum(axis=-1) / 2)
    P *= 1 - np.eye(X.shape[1], dtype=X.dtype)
    return P / P.sum(axis=(1, 2), keepdims=True)


def _of_pairs(function: Callable[..., Any], given: Given) -> Any:
    """What a function makes of P and Y."""
    Y = given.inputs["Y"]
    return _stacked(function(P, points) for P, points in zip(_near(_sets(given)), Y, strict=True))


def _run_divergence(impl: Implementation, given: Given) -> Observed:
    return Observed({_loss_name(given): _of_pairs(impl.kl_divergence, given)})


def _reference_divergence(given: Given) -> dict[str, Any]:
    from reference.tsne import kl_divergence

    P, Y = tensor(_near(_sets(given))), tensor(given.inputs["Y"])
    return {_loss_name(given): array(kl_divergence(P, Y))}


def _loss_name(given: Given) -> str:
    return _ZEROS if given.options.get("zeros") else "loss"


def _run_gradient(impl: Implementation, given: Given) -> Observed:
    return Observed({"gradient": _of_pairs(impl.kl_gradient, given)})


def _reference_gradient(given: Given) -> dict[str, Any]:
    from reference.tsne import kl_divergence

    Y = tensor(given.inputs["Y"], requires_grad=True)
    kl_divergence(tensor(_near(_sets(given))), Y).sum().backward()
    return {"gradient": array(Y.grad)}


def _divergence(given: Given) -> float:
    """Of all sets together, on the scratch side."""
    return float(np.sum(_of_pairs(Implementation().kl_divergence, given)))


def _drawing(n: int) -> Shapes:
    return {"Y": (n, 3 if n == 64 else 6, 2)}


def _drawn_points(n: int) -> Shapes:
    (sets, points, _) = _drawing(n)["Y"]
    return {"X": (sets, points, 3), **_drawing(n)}


def _random(*shape: int) -> ndarray:
    return np.random.default_rng(shape).standard_normal(shape)


def _points_case(name: str, X: ndarray, perplexity: float, dtype: str = "float64") -> Case:
    options = {"perplexity": perplexity, "far": name.startswith("distant")}
    return Case(name, {}, options, dtype, values={"X": X.tolist()}, tolerance="numeric")


def _sets_case(name: str, n: int, **rest: Any) -> Case:
    """A search takes its time: there are few points where there are many sets."""
    shapes = {"X": (n, 3 if n == 64 else 8, 2)}
    perplexity = 1.7 if n == 64 else 2.0
    return Case(name, shapes, {"perplexity": perplexity}, tolerance="numeric", **rest)


#: Where a search ends is nobody's last digit.
_OF_POINTS = (
    *(_sets_case(f"batch of {n}", n) for n in BATCHES),
    *(
        _sets_case(f"batch of 2, {layout} in memory", 2, layout=layout)
        for layout in ("strided", "reversed", "transposed")
    ),
    _sets_case("batch of 2, float32", 2, dtype="float32"),
    _points_case("thirty points", _random(2, 30, 5), 7.5),
    _points_case("thirty points, float32", _random(2, 30, 5), 7.5, "float32"),
    _points_case("a dense group and a loose one", _random(1, 16, 2) * [[[0.1]] * 8 + [[1]] * 8], 3),
    _points_case("one column", _random(2, 9, 1), 4),
    _points_case("points that come twice", np.repeat(_random(2, 5, 3), 2, axis=1), 3),
    _points_case("distant points", 1000 * _random(2, 8, 3), 3),
    _points_case("distant points, float32", 1000 * _random(2, 8, 3), 3, "float32"),
)

_WIDER = Case("three dimensions", {"X": (2, 9, 3), "Y": (2, 9, 3)})
_LARGER = Case("thirty points", {"X": (1, 30, 4), "Y": (1, 30, 2)})
_WIDE = Case("far apart in the drawing", {"X": (1, 7, 3)}, values={"Y": 30 * _random(1, 7, 2)})
_GROUPS = 100 * np.repeat([[[0.0], [1.0]]], 3, axis=1) + _random(1, 6, 3)

COMPONENTS = (
    Component(
        name="conditional_probabilities",
        chapter=7,
        module="tsne",
        summary="a Gaussian of given perplexity around each point",
        compares=("output", _FAR),
        run=_run_probabilities("conditional_probabilities"),
        reference=_reference_probabilities("conditional_probabilities"),
        cases=_OF_POINTS,
        mutants=probabilities.CONDITIONAL_PROBABILITIES,
        skeleton='''
def conditional_probabilities(X, perplexity):
    """Points (n, columns) become a matrix (n, n). Row i, which adds up to 1, is proportional to
    exp(-precision * squared distance of point i and point j), and 0 for j = i. Find the precision
    of each row by bisection: the entropy of the row, -sum(p * log(p)), must be log(perplexity) to
    within 1e-10, with natural logarithms; for points that are thousands of units apart, too."""
''',
        in_book=False,
    ),
    Component(
        name="joint_probabilities",
        chapter=7,
        module="tsne",
        summary="how near two points are, both ways round",
        compares=("output", _FAR),
        run=_run_probabilities("joint_probabilities"),
        reference=_reference_probabilities("joint_probabilities"),
        cases=_OF_POINTS,
        mutants=probabilities.JOINT_PROBABILITIES,
        requires=("conditional_probabilities",),
        skeleton='''
def joint_probabilities(X, perplexity):
    """The conditional probabilities and their transpose, added up and divided by 2 n: symmetric,
    and all of it adds up to 1."""
''',
        in_book=False,
    ),
    Component(
        name="low_dimensional_affinities",
        chapter=7,
        module="tsne",
        summary="how near two points of a drawing are",
        compares=("output",),
        run=_run_affinities,
        reference=_reference_affinities,
        cases=(
            *batch_cases(_drawing),
            Case("three dimensions", {"Y": (2, 9, 3)}),
            Case("thirty points", {"Y": (1, 30, 2)}),
            Case("far apart", {}, values={"Y": 30 * _random(1, 7, 2)}),
        ),
        mutants=divergence.LOW_DIMENSIONAL_AFFINITIES,
        skeleton='''
def low_dimensional_affinities(Y):
    """Points (n, dimensions) become a matrix Q (n, n), proportional to 1 / (1 + squared distance),
    with 0 on its diagonal; all of it adds up to 1."""
''',
        in_book=False,
    ),
    Component(
        name="kl_divergence",
        chapter=7,
        module="tsne",
        summary="how far a drawing is from P",
        compares=("loss", _ZEROS),
        run=_run_divergence,
        reference=_reference_divergence,
        cases=(
            *batch_cases(_drawn_points),
            _WIDER,
            _LARGER,
            _WIDE,
            Case(
                "zeros in P",
                {"Y": (1, 6, 2)},
                {"zeros": True},
                values={"X": _GROUPS.tolist()},
            ),
        ),
        mutants=divergence.KL_DIVERGENCE,
        requires=("low_dimensional_affinities",),
        skeleton='''
def kl_divergence(P, Y):
    """One number: the sum of p * log(p / q) over all pairs, with natural logarithms. P (n, n) is as
    joint_probabilities has it, Q are the affinities of Y (n, dimensions). Where p is 0, the pair
    counts nothing."""
''',
        in_book=False,
    ),
    Component(
        name="kl_gradient",
        chapter=7,
        module="tsne",
        summary="the gradient of kl_divergence in the drawing",
        compares=("gradient",),
        run=_run_gradient,
        reference=_reference_gradient,
        cases=(*batch_cases(_drawn_points), _WIDER, _LARGER, _WIDE),
        gradients={"gradient": "Y"},
        objective=_divergence,
        mutants=divergence.KL_GRADIENT,
        requires=("low_dimensional_affinities",),
        skeleton='''
def kl_gradient(P, Y):
    """The gradient of kl_divergence(P, Y), of the shape of Y: row i is 4 times the sum over j of
    (p_ij - q_ij) * (y_i - y_j) / (1 + squared distance of y_i and y_j)."""
''',
        in_book=False,
    ),
)
