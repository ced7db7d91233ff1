"""Catalogue of chapters 6 and 7: arrays that find their own gradients, as PyTorch's tensors do.

A case is one expression, which is written the same way for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import Case, Component, Given, Implementation, Observed, snapshot
from parity.catalogue.twins import array, tensor
from parity.mutants.autodiff import arrays as mutants


@dataclass(frozen=True)
class Expression:
    """What is computed.

    Attributes:
        compute: the result, from the class, for what takes several arrays, and the inputs.
        shapes: of the inputs, and of the gradient on the output, for a batch size; without one,
            the output is one number.
        passes: how often backward is called.
    """

    compute: Callable[..., Any]
    shapes: Callable[[int], Shapes]
    passes: int = 1


def _rows(output: tuple[int, ...], **others: tuple[int, ...]) -> Callable[[int], Shapes]:
    """Shapes where the output has a row for each row of ``x``; both have the same columns, unless
    ``x`` says what it has.
    """
    columns = others.pop("x", output)
    return lambda n: {"x": (n, *columns), **others, "output_grad": (n, *output)}


def _whole(output: tuple[int, ...]) -> Callable[[int], Shapes]:
    """Shapes where the output is the same for any batch of rows of three."""
    return lambda n: {"x": (n, 3), "output_grad": output}


def _reused(_: Any, x: Any) -> Any:
    y = x * 4
    return y + y


def _squared(_: Any, x: Any) -> Any:
    y = x * 4
    return y * y


def _quotients(_: Any, x: Any, w: Any) -> Any:
    y = w**2 + 1
    return x / y + 2 / y - x / 4


#: The expression of the full grid comes first.
EXPRESSIONS: Mapping[str, Expression] = {
    "x @ w + b": Expression(lambda _, x, w, b: x @ w + b, _rows((3,), x=(5,), w=(5, 3), b=(1, 3))),
    "x @ w, as many columns as rows": Expression(lambda _, x, w: x @ w, _rows((4,), w=(4, 4))),
    "x @ w, a matrix for each": Expression(
        lambda _, x, w: x @ w, _rows((2, 3), x=(2, 4), w=(4, 3))
    ),
    "(4 * x + 3) * (x + 2)": Expression(lambda _, x: (x * 4 + 3) * (x + 2), _rows((2,))),
    "y = 4 * x; y + y": Expression(_reused, _rows((3,))),
    "(x - w) * (2 - x), one w for all rows": Expression(
        lambda _, x, w: (x - w) * (2 - x), _rows((3,), w=(3,))
    ),
    "y = w ** 2 + 1; x / y + 2 / y - x / 4": Expression(_quotients, _rows((3,), w=(1, 3))),
    "-x ** 3": Expression(lambda _, x: -(x**3), _rows((3,))),
    "sum of all, times w": Expression(
        lambda _, x, w: x.sum() * w, lambda n: {"x": (n, 3), "w": (2,), "output_grad": (2,)}
    ),
    "mean of all, times w": Expression(
        lambda _, x, w: x.mean() * w, lambda n: {"x": (n, 3), "w": (2,), "output_grad": (2,)}
    ),
    "sum of the rows": Expression(lambda _, x: (x * x).sum(axis=0), _whole((3,))),
    "mean of the rows": Expression(lambda _, x: x.mean(axis=0), _whole((3,))),
    "sum of each row": Expression(lambda _, x: (x * x).sum(axis=1), _rows((), x=(3,))),
    "mean of each row": Expression(lambda _, x: (x * x).mean(axis=1), _rows((), x=(3,))),
    "x times the sum of each row of w, as many as columns": Expression(
        lambda _, x, w: x * w.sum(axis=1), _rows((3,), w=(3, 3))
    ),
    "x times the mean of each row of w, as many as columns": Expression(
        lambda _, x, w: x * w.mean(axis=1), _rows((3,), w=(3, 3))
    ),
    "sum over axes 0 and 2": Expression(
        lambda _, x: (x * x).sum(axis=(0, 2)), lambda n: {"x": (n, 2, 3), "output_grad": (2,)}
    ),
    "mean over axes 0 and -1": Expression(
        lambda _, x: (x * x).mean(axis=(0, -1)), lambda n: {"x": (n, 2, 3), "output_grad": (2,)}
    ),
    "x less the mean of its row": Expression(
        lambda _, x: x - x.mean(axis=1, keepdims=True), _rows((3,))
    ),
    "another shape": Expression(lambda _, x: x.reshape((-1, 2, 3)) * 2, _rows((2, 3), x=(6,))),
    "w @ x.T": Expression(lambda _, x, w: (w @ x.T).T, _rows((2,), x=(3,), w=(2, 3))),
    "axes 1, 2, 0": Expression(
        lambda own, x: own.transpose(x, (1, 2, 0)) * 2,
        lambda n: {"x": (n, 2, 3), "output_grad": (2, 3, n)},
    ),
    "columns 1 and on, times column 0": Expression(
        lambda _, x: x[:, 1:] * x[:, :1], _rows((2,), x=(3,))
    ),
    "rows 0, -1, 0": Expression(lambda _, x: x[[0, -1, 0]], _whole((3, 3))),
    "row 0, times element 1, 2": Expression(lambda _, x: x[0] * x[1, 2], _whole((3,))),
    "x and w end to end": Expression(
        lambda own, x, w: own.concatenate([x, w * w, x], axis=0),
        lambda n: {"x": (n, 3), "w": (2, 3), "output_grad": (2 * n + 2, 3)},
    ),
    "x beside w": Expression(
        lambda own, x, w: own.concatenate([x, w], axis=1),
        lambda n: {"x": (n, 3), "w": (n, 2), "output_grad": (n, 5)},
    ),
    "x beside its square, in pairs": Expression(
        lambda own, x: own.concatenate([x, x * x], axis=1).reshape((-1, 2, 3)),
        _rows((2, 3), x=(3,)),
    ),
    "x above its square, no axis given": Expression(
        lambda own, x: own.concatenate([x, x * x]),
        lambda n: {"x": (n, 3), "output_grad": (2 * n, 3)},
    ),
    "x beside its square": Expression(
        lambda own, x: own.stack([x, x * x], axis=1), _rows((2, 3), x=(3,))
    ),
    "x and its square, no axis given": Expression(
        lambda own, x: own.stack([x, x * x]), lambda n: {"x": (n, 3), "output_grad": (2, n, 3)}
    ),
    "each element beside its square": Expression(
        lambda own, x: own.stack([x, x * x], axis=2), _rows((3, 2), x=(3,))
    ),
    "sigmoid": Expression(lambda _, x: x.sigmoid(), _rows((3,))),
    "tanh": Expression(lambda _, x: x.tanh(), _rows((3,))),
    "relu": Expression(lambda _, x: x.relu(), _rows((3,))),
    "log of the sum of exp": Expression(
        lambda _, x: x.exp().sum(axis=1, keepdims=True).log(), _rows((1,), x=(3,))
    ),
    "sum of all squares, backward()": Expression(
        lambda _, x: (x * x).sum(), lambda n: {"x": (n, 3)}
    ),
    "y = 4 * x; y * y, backward twice": Expression(_squared, _rows((3,)), passes=2),
}


def _cases() -> Iterator[Case]:
    for i, (name, expression) in enumerate(EXPRESSIONS.items()):
        for case in batch_cases(expression.shapes, options={"expression": name}):
            in_short = case.name in ("batch of 7, strided in memory", "batch of 2, float32")
            if i == 0 or in_short:
                yield replace(case, name=f"{name}, {case.name}")


#: relu at 0, where its slope is a convention.
KINKS = tuple(
    Case(
        f"relu of 0, {dtype}",
        {"x": (2, 3), "output_grad": (2, 3)},
        {"expression": "relu"},
        dtype=dtype,
        values={"x": [[0, 2, -1], [3, -2, 0]]},
        differentiable=False,
    )
    for dtype in ("float64", "float32")
)


def _inputs(given: Given) -> dict[str, Any]:
    return {name: value for name, value in given.inputs.items() if name != "output_grad"}


def _backward_grad(given: Given) -> list[Any]:
    return [value for name, value in given.inputs.items() if name == "output_grad"]


def _run(impl: Implementation, given: Given) -> Observed:
    own, expression = impl.ArrayWithGrad, EXPRESSIONS[given.options["expression"]]
    leaves = {name: own(value) for name, value in _inputs(given).items()}
    output = expression.compute(own, *leaves.values())
    for _ in range(expression.passes):
        output.backward(*_backward_grad(given))
    grads = {f"{name}.grad": snapshot(leaf.grad) for name, leaf in leaves.items()}
    return Observed({"output": snapshot(output.array), **grads})


def _reference(given: Given) -> dict[str, Any]:
    import torch

    own = SimpleNamespace(concatenate=torch.concatenate, stack=torch.stack, transpose=torch.permute)
    expression = EXPRESSIONS[given.options["expression"]]
    leaves = {name: tensor(value, requires_grad=True) for name, value in _inputs(given).items()}
    output = expression.compute(own, *leaves.values())
    for _ in range(expression.passes):
        output.backward(*map(tensor, _backward_grad(given)), retain_graph=True)
    grads = {f"{name}.grad": array(leaf.grad) for name, leaf in leaves.items()}
    return {"output": array(output), **grads}


def _objective(given: Given) -> float:
    """What the gradients of all passes add up to those of."""
    expression = EXPRESSIONS[given.options["expression"]]
    own = Implementation().ArrayWithGrad
    output = expression.compute(own, *map(own, _inputs(given).values())).array
    return (
        float(sum((output * grad).sum() for grad in _backward_grad(given) or [1.0]))
        * expression.passes
    )


COMPONENTS = (
    Component(
        name="ArrayWithGrad",
        chapter=6,
        module="autodiff",
        summary="an array that finds its own gradients",
        compares=("output", "x.grad", "w.grad", "b.grad"),
        run=_run,
        reference=_reference,
        cases=(*_cases(), *KINKS),
        gradients={"x.grad": "x", "w.grad": "w", "b.grad": "b"},
        objective=_objective,
        mutants=mutants.ARRAY_WITH_GRAD,
        in_book=False,
        skeleton='''
class ArrayWithGrad:
    """NumberWithGrad with an array in place of a number, as PyTorch's tensors. Operators broadcast,
    take plain numbers on either side, and keep the dtype."""

    def __init__(self, array):
        """Keep array as self.array; self.grad is None until backward."""

    def __add__(self, other):
        """Likewise -, *, /, ** with a number as the exponent, and the sign as in -x."""

    def __matmul__(self, other):
        """The matrix product; batches of matrices are matrices along the last two axes."""

    def sum(self, axis=None, keepdims=False):
        """As NumPy's: along one axis, several in a tuple, or all; likewise mean."""

    def reshape(self, shape):
        """As NumPy's; likewise transpose(axes) and the attribute T."""

    def __getitem__(self, index):
        """Numbers, slices, lists of numbers; what is taken several times gets the sum."""

    @staticmethod
    def concatenate(arrays, axis=0):
        """As NumPy's; likewise stack(arrays, axis=0)."""

    def exp(self):
        """Element by element; likewise log, sigmoid, tanh and relu, whose slope at 0 is 0."""

    def backward(self, backward_grad=None):
        """Set the gradients, as NumberWithGrad does; backward_grad is an array in the shape of
        self.array, or 1 where none is given and self.array is one number. What a second call
        finds is added to the gradients of the first."""
''',
    ),
)
