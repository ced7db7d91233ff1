"""Catalogue of chapter 6: gradients cut down before an update."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import BATCHES
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    arrange,
    indexed,
)
from parity.catalogue.twins import array, tensor
from parity.mutants.recurrent import clipping as mutants

#: PyTorch adds 1e-6 to the norm that it divides by. Gradients that explode are this much larger
#: than usual: with them, that is beyond all digits, and either way is right.
EXPLODED = 1e4


def _grads(given: Given) -> list[ndarray]:
    """Copies, which are changed in place, and lie in memory as the inputs do."""
    factor, layout = given.options.get("factor", 1.0), given.options.get("layout", "contiguous")
    return [arrange((factor * x).astype(x.dtype), layout) for x in given.inputs.values()]


def _run_clip_by_value(impl: Implementation, given: Given) -> Observed:
    grads = _grads(given)
    limits = [given.options["limit"]] if "limit" in given.options else []
    impl.clip_by_value(_as_given(grads, given), *limits)
    return Observed(indexed("grads", grads))


def _as_given(grads: list[ndarray], given: Given) -> Any:
    """A list, or an iterator, as ``param_grads()`` of a model returns it."""
    return iter(grads) if given.options.get("iterator") else grads


def _reference_clip_by_value(given: Given) -> dict[str, Any]:
    from torch.nn.utils import clip_grad_value_

    tensors = [_with_grad(grad) for grad in _grads(given)]
    clip_grad_value_(tensors, given.options.get("limit", 2.0))
    return {f"grads[{i}]": array(each.grad) for i, each in enumerate(tensors)}


def _with_grad(grad: ndarray) -> Any:
    parameter = tensor(np.zeros_like(grad), requires_grad=True)
    parameter.grad = tensor(grad)
    return parameter


def _run_clip_by_norm(impl: Implementation, given: Given) -> Observed:
    grads = _grads(given)
    norm = impl.clip_by_norm(_as_given(grads, given), given.options["max_norm"])
    return Observed({"norm": norm, **indexed("grads", grads)})


def _reference_clip_by_norm(given: Given) -> dict[str, Any]:
    from torch.nn.utils import clip_grad_norm_

    tensors = [_with_grad(grad) for grad in _grads(given)]
    norm = clip_grad_norm_(tensors, given.options["max_norm"])
    clipped = {f"grads[{i}]": array(each.grad) for i, each in enumerate(tensors)}
    return {"norm": array(norm), **clipped}


def _shapes(n: int) -> dict[str, tuple[int, ...]]:
    return {"W_f": (n, 3), "B_f": (1, 3), "W_v": (3, 2)}


def _cases(options: dict[str, Any]) -> tuple[Case, ...]:
    """The usual grid, of matrices with so many rows."""
    return (
        *(Case(f"{n} rows", _shapes(n), options) for n in BATCHES),
        *(
            Case(
                f"7 rows, {layout} in memory",
                _shapes(7),
                {**options, "layout": layout},
                layout=layout,
            )
            for layout in ("strided", "reversed", "transposed")
        ),
        *(Case(f"{n} rows, float32", _shapes(n), options, dtype="float32") for n in (2, 64)),
        Case("an iterator", _shapes(7), {**options, "iterator": True}),
        Case("one array", {"W_f": (7, 3)}, options),
    )


COMPONENTS = (
    Component(
        name="clip_by_value",
        chapter=6,
        module="recurrent",
        summary="each element of the gradients within limits",
        compares=("grads",),
        run=_run_clip_by_value,
        reference=_reference_clip_by_value,
        cases=(
            *_cases({"limit": 0.5}),
            Case("the limit of the book's companion code", _shapes(64), {"factor": 2.0}),
            Case("a limit of 3", _shapes(64), {"factor": 2.0, "limit": 3.0}),
            Case("nothing to clip", _shapes(7), {"limit": 50.0}),
        ),
        mutants=mutants.CLIP_BY_VALUE,
        skeleton='''
def clip_by_value(grads, limit=2.0):
    """Change the arrays in place: what is above limit becomes limit, what is below -limit becomes
    -limit. grads is a list of arrays, or an iterator over them."""
''',
        in_book=False,
    ),
    Component(
        name="clip_by_norm",
        chapter=6,
        module="recurrent",
        summary="the gradients shortened, all arrays together",
        compares=("norm", "grads"),
        run=_run_clip_by_norm,
        reference=_reference_clip_by_norm,
        cases=(
            *_cases({"max_norm": 1.0, "factor": EXPLODED}),
            Case("a limit of 5", _shapes(7), {"max_norm": 5.0, "factor": EXPLODED}),
            Case("nothing to shorten", _shapes(7), {"max_norm": 50.0}),
            Case("gradients of 0", _shapes(7), {"max_norm": 1.0, "factor": 0.0}),
        ),
        mutants=mutants.CLIP_BY_NORM,
        skeleton='''
def clip_by_norm(grads, max_norm):
    """The norm is the root of the sum of the squares of all elements of all arrays. If it is above
    max_norm, multiply every array by max_norm / norm, in place. Return the norm as it was. grads is
    a list of arrays, or an iterator over them, which can be gone through once only."""
''',
        in_book=False,
    ),
)
