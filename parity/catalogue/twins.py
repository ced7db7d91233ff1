"""Help for the reference side of the catalogue: arrays to tensors and back, adopting parameters.

Torch is imported inside the functions: the catalogue itself must load without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import AdoptionError, Given
from parity.comparison import Absent, as_result

if TYPE_CHECKING:
    from torch import Tensor, nn


def tensor(array: Any, *, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the array's data (torch knows no negative strides)."""
    import torch

    return torch.tensor(np.array(array, order="C"), requires_grad=requires_grad)


def array(value: Any) -> Any:
    """A tensor's data as a NumPy array of its own."""
    return value.detach().numpy().copy()


def adopt(given: Given, shapes: dict[str, tuple[int, ...]]) -> list[ndarray]:
    """The implementation's parameters, once their number, shapes and types are what they must be.

    They come in the dtype of the inputs. Parameters in float64 will do for float32 inputs: the
    book's layers draw them so.

    Args:
        given: with ``params``.
        shapes: what each parameter must look like, by its name in the book.

    Raises:
        AdoptionError: they are not.
    """
    params = given.params or []
    dtype = next(iter(given.inputs.values())).dtype
    if len(params) != len(shapes):
        raise AdoptionError(
            "params",
            f"must hold {len(shapes)} {'array' if len(shapes) == 1 else 'arrays'} "
            f"({', '.join(shapes)}), not {len(params)}",
        )
    for i, (value, (name, shape)) in enumerate(zip(params, shapes.items(), strict=True)):
        what, param = f"params[{i}]", as_result(value)
        if isinstance(param, Absent):
            raise AdoptionError(what, f"({name}) is {param.what}, must be an array")
        if param.shape != shape:
            raise AdoptionError(what, f"({name}) has shape {param.shape}, must be {shape}")
        if param.dtype not in (dtype, np.float64):
            raise AdoptionError(what, f"({name}) is of type {param.dtype}, must be {dtype}")
        if not (np.abs(param) <= np.finfo(dtype).max).all():
            raise AdoptionError(what, f"({name}) holds NaN or infinity")
    return [param.astype(dtype) for param in params]


def require_varied(W: ndarray, name: str) -> None:
    """Refuse weights that are all one number: such neurons can never learn different things.

    Raises:
        AdoptionError: they are.
    """
    if W.size > 1 and np.all(W.flat[0] == W):
        raise AdoptionError(
            name,
            f"is {W.flat[0]:.4g} in every element; draw it at random, or all neurons of the layer "
            "stay alike for ever",
        )


def backpropagate(
    module: nn.Module, input_: ndarray, output_grad: ndarray, params: Sequence[nn.Parameter] = ()
) -> tuple[ndarray, ndarray, list[ndarray]]:
    """Output, gradient on the input and gradients on ``params``, all from autograd."""
    x = tensor(input_, requires_grad=True)
    output = module(x)
    output.backward(tensor(output_grad))
    return array(output), array(x.grad), [array(param.grad) for param in params]
