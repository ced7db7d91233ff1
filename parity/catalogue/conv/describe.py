"""How the functions of convolution are described: one maker of entries, and the cases they share.

Filters have odd lengths and are as high as they are wide, as in the book; for even ones its
gradient belongs to another forward pass (``docs/errata.md``, E43).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.catalogue.cases import BATCHES, Shapes
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Mutant,
    Observed,
    scratch_component,
    snapshot,
)
from parity.catalogue.twins import array, tensor

if TYPE_CHECKING:
    from torch import Tensor

LAYOUTS = ("strided", "reversed", "transposed")


def describe(
    name: str,
    summary: str,
    arguments: tuple[str, ...],
    cases: tuple[Case, ...],
    code: str,
    mutations: tuple[Mutant, ...],
    *,
    twin: str = "",
    result: str = "output",
    forward: str = "",
    requires: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    in_book: bool = True,
) -> Component:
    """An entry for a function of arrays and numbers.

    Args:
        name: of the function, and so on as in ``Component``.
        summary: one line.
        arguments: names of arrays and options of a case, in the order in which they are given; the
            first array is the one that the filter moves over.
        cases: the inputs.
        code: the skeleton.
        mutations: the mutants.
        twin: the function of ``reference.conv.functions`` that does the same, or, for a gradient,
            whose gradient autograd is to take.
        result: "output"; or "input_grad" or "param_grad", of which ``forward`` is the way forward.
        forward: the scratch function whose output has the gradient, of the first array and the
            filter.
        requires: components that it is built on.
        aliases: other names.
        in_book: whether the book prints it.
    """
    moved_over = arguments[0]
    source = {"input_grad": moved_over, "param_grad": "param"}.get(result)
    grad = next((argument for argument in arguments if argument.startswith("output_grad")), "")

    def run(impl: Implementation, given: Given) -> Observed:
        values = {**given.inputs, **given.options}
        answer = getattr(impl, name)(*(values[argument] for argument in arguments))
        return Observed({result: snapshot(answer)})

    def reference(given: Given) -> dict[str, Any]:
        from reference.conv import functions

        function: Callable[..., Tensor] = getattr(functions, twin or name)
        if source is None:
            tensors = {key: tensor(value) for key, value in given.inputs.items()}
            values = {**tensors, **given.options}
            return {result: array(function(*(values[argument] for argument in arguments)))}
        leaves = {
            key: tensor(given.inputs[key], requires_grad=True) for key in (moved_over, "param")
        }
        function(*leaves.values()).backward(tensor(given.inputs[grad]))
        return {result: array(leaves[source].grad)}

    def objective(given: Given) -> float:
        output = scratch_component(forward)(given.inputs[moved_over], given.inputs["param"])
        return float(np.sum(output * given.inputs[grad]))

    return Component(
        name=name,
        chapter=5,
        module="conv",
        summary=summary,
        compares=(result,),
        run=run,
        reference=reference,
        cases=cases,
        skeleton=code,
        mutants=mutations,
        requires=requires,
        aliases=aliases,
        gradients={} if source is None else {result: source},
        objective=None if source is None else objective,
        in_book=in_book,
    )


def grid(
    label: str, shapes: Callable[[int], Shapes], options: dict[str, Any] | None = None
) -> tuple[Case, ...]:
    """The usual grid, of sizes 1, 2, 7 and 64, layouts in memory, and float32.

    Args:
        label: what has these sizes, as in "batch of {}".
        shapes: the shapes of the inputs for a size.
        options: of every case.
    """
    rest: dict[str, Any] = {"options": options or {}}
    names = {n: label.format(n) for n in BATCHES}
    cases = [Case(names[n], shapes(n), **rest) for n in BATCHES]
    cases += [
        Case(f"{names[7]}, {layout} in memory", shapes(7), layout=layout, **rest)
        for layout in LAYOUTS
        if layout != "transposed" or any(len(shape) > 1 for shape in shapes(7).values())
    ]
    cases += [Case(f"{names[n]}, float32", shapes(n), dtype="float32", **rest) for n in (2, 64)]
    return tuple(cases)


def other_margins(shape: tuple[int, ...]) -> tuple[Case, ...]:
    """Other numbers of zeros around an input of that shape."""
    return tuple(Case(f"num={num}", {"inp": shape}, {"num": num}) for num in (0, 1, 3))


def with_grad(shapes: Callable[[int], Shapes]) -> Callable[[int], Shapes]:
    """The same shapes with an output gradient, which is of the input's."""

    def with_output_grad(n: int) -> Shapes:
        return {**shapes(n), "output_grad": shapes(n)["inp"]}

    return with_output_grad
