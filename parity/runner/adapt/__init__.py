"""A learner's style is theirs: what they have written, behind the protocol that a run calls.

Only the component that is looked at is adapted; what it is built on is called by the learner's own
code, in the learner's own style.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from parity.runner.adapt.forgotten import nothing
from parity.runner.adapt.functions import made_by
from parity.runner.adapt.objects import (
    Adapted,
    AdaptedLayer,
    AdaptedLoss,
    AdaptedOperation,
    AdaptedOptimizer,
)
from parity.runner.adapt.tensors import (
    TorchLayer,
    TorchLoss,
    TorchOperation,
    is_function,
    is_module,
    is_of_torch,
    is_optimizer,
    with_tensors,
)

#: What is adapted, and how.
FAMILIES: Mapping[str, type[Adapted]] = {
    **dict.fromkeys(
        (
            "Sigmoid", "Linear", "Tanh", "ReLU", "LeakyReLU", "ReLU6", "Dropout",
            "InvertedDropout", "Flatten", "Reshape", "MaxPool2D", "AveragePool2D",
            "WeightMultiply", "BiasAdd", "Conv2DOperation", "ConvTranspose2DOperation",
        ),
        AdaptedOperation,
    ),
    **dict.fromkeys(("Dense", "Conv2D"), AdaptedLayer),
    **dict.fromkeys(
        ("MeanSquaredError", "SoftmaxCrossEntropy", "SequenceSoftmaxCrossEntropy"), AdaptedLoss
    ),
    **dict.fromkeys(
        ("SGD", "SGDMomentum", "RegularizedSGD", "AdaGrad", "RMSProp", "Adam"), AdaptedOptimizer
    ),
}  # fmt: skip


#: What stands in where it is a class of PyTorch's.
_IN_TORCH: Mapping[type[Adapted], type[Adapted]] = {
    AdaptedOperation: TorchOperation,
    AdaptedLayer: TorchLayer,
    AdaptedLoss: TorchLoss,
}


def adapt(name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """The learner's components, the one to be looked at behind the book's protocol.

    Args:
        name: of the component, as in the catalogue.
        own: names, and what the learner's file has under them.
    """
    symbol = name.partition(".")[0]
    result = {key: _applied(value) if is_function(value) else value for key, value in own.items()}
    if symbol in own:
        result[symbol] = _adapted(symbol, own[symbol])
    return result


def _adapted(name: str, value: Any) -> Any:
    family = FAMILIES.get(name)
    if is_of_torch(value):
        accepted = is_module(value) or (is_function(value) and family is not AdaptedLayer)
        family = _IN_TORCH.get(family) if family is not None else None
        return _stand_in(family, value, name) if family and accepted else _refused(name, value)
    if family is not None:
        return _stand_in(family, value if inspect.isclass(value) else made_by(value), name)
    return _telling(value) if inspect.isfunction(value) else value


def _applied(function: Any) -> Callable[..., Any]:
    """What makes an operation of an ``autograd.Function`` for the learner's own code to call."""
    return lambda: function.apply


def _refused(name: str, cls: Any) -> Callable[..., Any]:
    if is_function(cls):
        why = "is an autograd.Function; expected a class with the methods of the book, or a module"
    elif is_optimizer(cls):
        why = "is a torch.optim.Optimizer; expected a plain class, with arrays"
    elif hasattr(cls, "backward") and name in FAMILIES:
        why = "is an nn.Module with a backward of its own; leave that to autograd"
    else:
        why = "is an nn.Module; expected a plain class, with arrays"

    def refuse(*_: Any, **__: Any) -> Any:
        raise TypeError(f"{name} {why}")

    return refuse


def _stand_in(family: type[Adapted], cls: Any, name: str) -> Callable[..., Any]:
    def make(*args: Any, **kwargs: Any) -> Adapted:
        return family(cls, name, args, kwargs)

    return make


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; where it returns nothing, that is told. It may be one of tensors."""
    calls = with_tensors(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = calls(*args, **kwargs)
        return nothing(function) if result is None else result

    return call
