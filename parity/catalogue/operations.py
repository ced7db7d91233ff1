"""Catalogue of chapter 3: operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    snapshot,
)
from parity.catalogue.twins import array, backpropagate, tensor
from parity.comparison import Absent
from parity.mutants import operations as mutants

if TYPE_CHECKING:
    from torch import Tensor, nn


def refuses(call: Callable[[], Any]) -> bool:
    """Whether a call raises, as it should."""
    try:
        call()
    except Exception:
        return True
    return False


def _run_operation(impl: Implementation, given: Given) -> Observed:
    """Tries ``Operation`` through the simplest subclass, three times the square."""

    class Probe(impl.Operation):  # type: ignore[name-defined]
        def _output(self, inference: bool = False) -> Any:
            return 3 * self.input_ * self.input_

        def _input_grad(self, output_grad: Any) -> Any:
            return 6 * self.input_ * output_grad

    operation = Probe()
    operation.forward(given.inputs["input_"] + 1)
    output = operation.forward(given.inputs["input_"])
    input_grad = operation.backward(given.inputs["output_grad"])
    return Observed(
        {
            "output": snapshot(output),
            "self.output": snapshot(operation.output),
            "input_grad": snapshot(input_grad),
            "an output_grad of the wrong shape is refused": refuses(
                lambda: operation.backward(given.inputs["output_grad"][:, :1])
            ),
        }
    )


def _reference_operation(given: Given) -> dict[str, Any]:
    x = tensor(given.inputs["input_"], requires_grad=True)
    output = 3 * x.square()
    output.backward(tensor(given.inputs["output_grad"]))
    return {
        "output": array(output),
        "self.output": array(output),
        "input_grad": array(x.grad),
        "an output_grad of the wrong shape is refused": True,
    }


def make_scale(impl: Implementation, param: Any) -> Any:
    """The input times ``param``, element by element: the smallest ``ParamOperation`` to try."""

    class Scale(impl.ParamOperation):  # type: ignore[name-defined]
        def _output(self, inference: bool = False) -> Any:
            return self.input_ * self.param

        def _input_grad(self, output_grad: Any) -> Any:
            return self.param * output_grad

        def _param_grad(self, output_grad: Any) -> Any:
            return (self.input_ * output_grad).sum(axis=0, keepdims=True)

    return Scale(param)


def _run_param_operation(impl: Implementation, given: Given) -> Observed:
    """Tries ``ParamOperation`` through a subclass that multiplies element by element."""
    param = np.array(given.inputs["param"])
    operation = make_scale(impl, param)
    operation.forward(given.inputs["input_"] + 1)
    operation.backward(given.inputs["output_grad"] + 1)
    output = operation.forward(given.inputs["input_"])
    input_grad = operation.backward(given.inputs["output_grad"])
    param_grad = getattr(operation, "param_grad", None)
    observed = {
        "output": snapshot(output),
        "input_grad": snapshot(input_grad),
        "param_grad": snapshot(param_grad),
    }
    refused = refuses(lambda: operation.backward(given.inputs["output_grad"][:, :1]))
    param += 1
    return Observed(
        observed
        | {
            "output after an update": snapshot(operation.forward(given.inputs["input_"])),
            "an output_grad of the wrong shape is refused": refused,
        }
    )


def _reference_param_operation(given: Given) -> dict[str, Any]:
    x = tensor(given.inputs["input_"], requires_grad=True)
    param = tensor(given.inputs["param"], requires_grad=True)
    output = x * param
    output.backward(tensor(given.inputs["output_grad"]))
    return {
        "output": array(output),
        "input_grad": array(x.grad),
        "param_grad": array(param.grad),
        "output after an update": array(x * (param + 1)),
        "an output_grad of the wrong shape is refused": True,
    }


def _run_with_param(name: str) -> Callable[[Implementation, Given], Observed]:
    def run(impl: Implementation, given: Given) -> Observed:
        """A pass with other arrays goes before, so that nothing stale or added up can pass; after
        the one that counts the parameter is updated in place, and then put back.
        """
        x, grad, param = (given.inputs[key] for key in ("input_", "output_grad", "param"))
        operation = getattr(impl, name)(param)
        operation.forward(x + 1)
        operation.backward(grad + 1)
        output = snapshot(operation.forward(x))
        input_grad = snapshot(operation.backward(grad))
        param_grad = snapshot(getattr(operation, "param_grad", Absent()))
        before = snapshot(param)
        param += 1
        updated = snapshot(operation.forward(x))
        param[...] = before
        return Observed(
            {
                "output": output,
                "input_grad": input_grad,
                "param_grad": param_grad,
                "output after an update": updated,
            }
        )

    return run


def _reference_with_param(name: str) -> Callable[[Given], dict[str, Any]]:
    def reference(given: Given) -> dict[str, Any]:
        from reference import operations

        make: Callable[[Tensor], nn.Module] = getattr(operations, name)
        module = make(tensor(given.inputs["param"]))
        output, input_grad, param_grads = backpropagate(
            module, given.inputs["input_"], given.inputs["output_grad"], list(module.parameters())
        )
        updated = make(tensor(given.inputs["param"] + 1))
        return {
            "output": output,
            "input_grad": input_grad,
            "param_grad": param_grads[0],
            "output after an update": array(updated(tensor(given.inputs["input_"]))),
        }

    return reference


def _squares(n: int) -> dict[str, tuple[int, ...]]:
    return {"input_": (n, 3), "output_grad": (n, 3)}


def _with_row(n: int) -> Shapes:
    return _squares(n) | {"param": (1, 3)}


def _weights(n: int) -> Shapes:
    return {"input_": (n, 5), "output_grad": (n, 3), "param": (5, 3)}


def _square_weights(n: int) -> Shapes:
    """A matrix that fits the wrong way round, too: that mistake shows in numbers, not in shapes."""
    return {"input_": (n, 4), "output_grad": (n, 4), "param": (4, 4)}


_GRADIENTS = {"input_grad": "input_", "param_grad": "param"}

COMPONENTS = (
    Component(
        name="Operation",
        chapter=3,
        module="operations",
        summary="the base of all operations",
        compares=(
            "output",
            "self.output",
            "input_grad",
            "an output_grad of the wrong shape is refused",
        ),
        run=_run_operation,
        reference=_reference_operation,
        cases=batch_cases(_squares, empty=True),
        gradients={"input_grad": "input_"},
        mutants=mutants.OPERATION,
        skeleton='''
class Operation:
    """Base class. Subclasses define _output() and _input_grad(output_grad)."""

    def forward(self, input_):
        """Keep input_ as self.input_, what _output() returns as self.output; return the latter."""

    def backward(self, output_grad):
        """Check output_grad's shape against self.output; return _input_grad(output_grad)."""

    def _output(self):
        """For subclasses to define."""

    def _input_grad(self, output_grad):
        """For subclasses to define."""
''',
    ),
    Component(
        name="ParamOperation",
        chapter=3,
        module="operations",
        summary="the base of operations with a parameter",
        compares=(
            "output",
            "input_grad",
            "param_grad",
            "output after an update",
            "an output_grad of the wrong shape is refused",
        ),
        run=_run_param_operation,
        reference=_reference_param_operation,
        cases=batch_cases(_with_row, empty=True),
        gradients=_GRADIENTS,
        mutants=mutants.PARAM_OPERATION,
        requires=("Operation",),
        skeleton='''
class ParamOperation(Operation):
    """Base class with a parameter. Subclasses define _param_grad(output_grad) too."""

    def __init__(self, param):
        """Keep param itself (no copy) as self.param."""

    def backward(self, output_grad):
        """As in Operation; also keep _param_grad(output_grad) as self.param_grad."""

    def _param_grad(self, output_grad):
        """For subclasses to define."""
''',
    ),
    Component(
        name="WeightMultiply",
        chapter=3,
        module="operations",
        summary="input W",
        compares=("output", "input_grad", "param_grad", "output after an update"),
        run=_run_with_param("WeightMultiply"),
        reference=_reference_with_param("WeightMultiply"),
        cases=(
            *batch_cases(_weights, empty=True),
            Case("as many outputs as inputs", _square_weights(7)),
            Case("as many rows as inputs and outputs", _square_weights(4)),
        ),
        gradients=_GRADIENTS,
        mutants=mutants.WEIGHT_MULTIPLY,
        requires=("Operation", "ParamOperation"),
        skeleton='''
class WeightMultiply(ParamOperation):
    """input_ (batch, in) times W (in, out)."""

    def __init__(self, W):
        """W is the parameter."""

    def _output(self):
        """Shape (batch, out)."""

    def _input_grad(self, output_grad):
        """Shape (batch, in)."""

    def _param_grad(self, output_grad):
        """Shape (in, out)."""
''',
    ),
    Component(
        name="BiasAdd",
        chapter=3,
        module="operations",
        summary="input + B",
        compares=("output", "input_grad", "param_grad", "output after an update"),
        run=_run_with_param("BiasAdd"),
        reference=_reference_with_param("BiasAdd"),
        cases=(
            *batch_cases(_with_row, empty=True),
            Case("as many rows as outputs", _with_row(3)),
        ),
        gradients=_GRADIENTS,
        mutants=mutants.BIAS_ADD,
        requires=("Operation", "ParamOperation"),
        skeleton='''
class BiasAdd(ParamOperation):
    """input_ (batch, out) plus B (1, out)."""

    def __init__(self, B):
        """B is the parameter."""

    def _output(self):
        """Shape (batch, out)."""

    def _input_grad(self, output_grad):
        """Shape (batch, out)."""

    def _param_grad(self, output_grad):
        """Shape (1, out)."""
''',
    ),
)
