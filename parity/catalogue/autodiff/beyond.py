"""Catalogue of chapter 6: what numbers that find their own gradients can do beyond the book's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.catalogue.autodiff.graphs import (
    BOOK,
    DIFFERENCES,
    FUNCTIONS,
    GRADIENTS,
    KINK,
    POWERS,
    QUOTIENTS,
    Graph,
    graph_cases,
    in_columns,
    look_at,
    made,
    objective,
    torch_graph,
)
from parity.catalogue.component import Case, Component, Given, Implementation, Mutant, Observed
from parity.catalogue.twins import array
from parity.mutants.autodiff import functions, passes


def _run(impl: Implementation, given: Given) -> Observed:
    return Observed(look_at(impl.NumberWithGrad, given))


def _reference(given: Given) -> dict[str, Any]:
    shown, _ = torch_graph(given)
    return shown


def _operations(
    method: str,
    summary: str,
    graphs: Mapping[str, Graph],
    mutants: tuple[Mutant, ...],
    skeleton: str,
    kinks: tuple[Case, ...] = (),
) -> Component:
    """What a file has if its ``NumberWithGrad`` has a method of that name."""
    return Component(
        name=f"NumberWithGrad.{method}",
        chapter=6,
        module="autodiff",
        summary=summary,
        compares=("output", "output.grad", "inner.grad", "a.grad", "b.grad"),
        run=_run,
        reference=_reference,
        cases=(*graph_cases(graphs), *kinks),
        gradients=GRADIENTS,
        objective=objective,
        mutants=mutants,
        requires=("NumberWithGrad",),
        shown_by=f"NumberWithGrad.{method}()",
        in_book=False,
        skeleton=skeleton,
    )


def _run_passes(impl: Implementation, given: Given) -> Observed:
    """Three passes over one graph, the last one after the gradients were forgotten."""
    shown = []
    for nodes in made(impl.NumberWithGrad, given):
        output = nodes["output"]
        output.backward()
        output.backward()
        twice = {name: node.grad for name, node in nodes.items() if node is not output}
        output.zero_grad()
        output.backward()
        shown.append(_named(twice, {name: nodes[name].grad for name in twice}))
    return Observed(in_columns(shown, given))


def _reference_passes(given: Given) -> dict[str, Any]:
    shown, nodes = torch_graph(given)
    nodes["output"].sum().backward()
    twice = {name: array(node.grad) for name, node in nodes.items() if name != "output"}
    return _named(twice, {name: shown[f"{name}.grad"] for name in twice})


def _named(twice: Mapping[str, Any], anew: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{f"{name}.grad after a second backward": grad for name, grad in twice.items()},
        **{f"{name}.grad after zero_grad and backward": grad for name, grad in anew.items()},
    }


COMPONENTS = (
    _operations(
        "__sub__",
        "differences, and the sign",
        DIFFERENCES,
        functions.NUMBER_WITH_GRAD_SUB,
        """
        Give NumberWithGrad the operator - (__sub__, and __rsub__ for a number on the left), and
        the sign as in -a (__neg__).
        """,
    ),
    _operations(
        "__truediv__",
        "quotients",
        QUOTIENTS,
        functions.NUMBER_WITH_GRAD_TRUEDIV,
        """
        Give NumberWithGrad the operator / (__truediv__, and __rtruediv__ for a number on the left).
        """,
    ),
    _operations(
        "__pow__",
        "powers",
        POWERS,
        functions.NUMBER_WITH_GRAD_POW,
        """
        Give NumberWithGrad the operator ** (__pow__, and __rpow__ for a number on the left). The
        exponent is a number or a NumberWithGrad, which then has a gradient, too.
        """,
    ),
    _operations(
        "exp",
        "exp, log, tanh and relu",
        FUNCTIONS,
        functions.NUMBER_WITH_GRAD_EXP,
        """
        Give NumberWithGrad methods exp, log, tanh and relu, each of which returns a new
        NumberWithGrad. The slope of relu at 0 is 0.
        """,
        (KINK,),
    ),
    Component(
        name="NumberWithGrad.zero_grad",
        chapter=6,
        module="autodiff",
        summary="gradients of several passes, and none again",
        compares=(
            "inner.grad after a second backward",
            "a.grad after a second backward",
            "b.grad after a second backward",
            "inner.grad after zero_grad and backward",
            "a.grad after zero_grad and backward",
            "b.grad after zero_grad and backward",
        ),
        run=_run_passes,
        reference=_reference_passes,
        cases=tuple(graph_cases(BOOK)),
        gradients={f"{name}.grad after zero_grad and backward": name for name in "ab"},
        objective=objective,
        mutants=passes.NUMBER_WITH_GRAD_ZERO_GRAD,
        requires=("NumberWithGrad",),
        shown_by="NumberWithGrad.zero_grad()",
        in_book=False,
        skeleton="""
        Give NumberWithGrad a method zero_grad(), after which neither the number nor any that it was
        made from has a gradient. Without it, a second call of backward adds to the gradients of the
        first in every number on the way, and sends on only what is new.
        """,
    ),
)
