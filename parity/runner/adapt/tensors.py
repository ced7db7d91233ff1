"""What a learner has written in PyTorch, behind the book's protocol: ``nn.Module``, and
``autograd.Function``. Gradients are those of autograd.

PyTorch is there only where the learner's file has imported it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy import ndarray

from parity.comparison import Absent
from parity.runner.adapt import spelling
from parity.runner.adapt.forgotten import nothing, returns_nothing
from parity.runner.adapt.objects import AdaptedLayer, AdaptedLoss, AdaptedOperation
from parity.runner.adapt.spelling import plain

#: What stands in for an activation that is no module.
_ACTIVATIONS = {"Linear": "Identity"} | {n: n for n in ("Sigmoid", "Tanh", "ReLU", "ReLU6")}


def torch() -> Any:
    """PyTorch as the learner's file has it; None if it has not."""
    module = sys.modules.get("torch")
    return module if hasattr(module, "nn") and hasattr(module, "autograd") else None


def is_module(value: Any) -> bool:
    """Whether it is a class of modules whose way back is left to autograd."""
    if torch() is None or not inspect.isclass(value):
        return False
    return issubclass(value, torch().nn.Module) and not hasattr(value, "backward")


def is_of_torch(value: Any) -> bool:
    """Whether it is a class of modules, of functions that autograd goes back through, or of
    optimizers.
    """
    if torch() is None or not inspect.isclass(value):
        return False
    return issubclass(value, torch().nn.Module | torch().autograd.Function) or is_optimizer(value)


def is_optimizer(value: Any) -> bool:
    """Whether it is a class of PyTorch's optimizers."""
    optimizer = getattr(getattr(torch(), "optim", None), "Optimizer", None)
    return optimizer is not None and inspect.isclass(value) and issubclass(value, optimizer)


def is_function(value: Any) -> bool:
    """Whether it is an ``autograd.Function``, which has a way back of its own."""
    if torch() is None or not inspect.isclass(value):
        return False
    return issubclass(value, torch().autograd.Function)


def as_tensor(value: Any, *, leaf: bool = False) -> Any:
    """A tensor that shares no memory with the array; what is no array as it is."""
    if not isinstance(value, ndarray):
        return value
    copied = torch().from_numpy(np.array(value, order="C"))
    return copied.requires_grad_() if leaf and copied.is_floating_point() else copied


def as_array(value: Any) -> Any:
    """An array in the same memory; what is no tensor as it is."""
    if torch() is None or not isinstance(value, torch().Tensor):
        return value
    return value.detach().numpy()


@contextmanager
def _type_of(array: Any) -> Iterator[None]:
    """What is made without a type, as ``torch.zeros`` is, has that of the array."""
    before = torch().get_default_dtype()
    dtype = as_tensor(array).dtype
    torch().set_default_dtype(dtype if dtype.is_floating_point else torch().float64)
    try:
        yield
    finally:
        torch().set_default_dtype(before)


def with_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; called with tensors where it takes no arrays."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except TypeError as error:
            if torch() is None or "Tensor" not in str(error):
                raise
            tensors = {key: as_tensor(value) for key, value in kwargs.items()}
            result = function(*map(as_tensor, args), **tensors)
        if isinstance(result, tuple | list):
            return type(result)(map(as_array, result)) if torch() is not None else result
        return as_array(result)

    return call


class TorchOperation(AdaptedOperation):
    """A module, or the ``apply`` of a function. A parameter that the book hands over is an array,
    which may be updated in place: its numbers are taken over before each way forward.
    """

    def _make(self, more: dict[str, Any]) -> None:
        arrays = [value for value in self._of("args") if isinstance(value, ndarray)]
        leaves = [as_tensor(array, leaf=True) for array in arrays]
        self._of("values").update(arrays=arrays, leaves=leaves, flipped=False)
        if is_function(self._of("cls")):
            object.__setattr__(self, "_adapted_own", self._of("cls"))
            return
        given = iter(leaves)
        args = [next(given) if isinstance(v, ndarray) else v for v in self._of("args")]
        object.__setattr__(self, "_adapted_args", tuple(args))
        with _type_of(arrays[0] if arrays else np.zeros(1)):
            super()._make({**more, **_as_modules(self._of("kwargs"))})
        own = list(self._of("own").parameters())
        if len(leaves) == 1 == len(own):
            leaf = leaves[0].detach()
            flip = leaf.ndim == 2 and not torch().equal(own[0].detach(), leaf)
            flipped = flip and own[0].shape == leaf.T.shape
            self._of("values").update(leaves=own, flipped=flipped)

    def forward(self, input_: Any, **inference: Any) -> Any:
        """The module's output, as an array."""
        self._refuse_nothing("forward", input_)
        return self._there([input_], bool(inference.get("inference", False)))

    def _there(self, inputs: list[Any], infers: bool = False) -> Any:
        own, values = self._of("own"), self._of("values")
        tensors = [as_tensor(value, leaf=i == 0) for i, value in enumerate(inputs)]
        with _type_of(inputs[0]):
            if is_function(own):
                self._take_over()
                output = self._call(own.apply, *tensors, *values["leaves"])
            else:
                own.to(tensors[0].dtype)
                own.train(not infers)
                self._take_over()
                output = self._call(own, *tensors)
        values.update(input=tensors[0], output=output)
        return nothing(own.forward, own) if output is None else as_array(output)

    def _take_over(self) -> None:
        values = self._of("values")
        with torch().no_grad():
            for leaf, array in zip(values.get("leaves", ()), values.get("arrays", ()), strict=True):
                leaf.copy_(as_tensor(array.T if values["flipped"] else array))

    def backward(self, output_grad: Any) -> Any:
        """The gradient on the input, as autograd has it."""
        self._refuse_nothing("backward", output_grad)
        grads = self._back([self._of("values")["input"], *self._learnt()], output_grad)
        self._of("values")["grads"] = grads[1:]
        return grads[0]

    def _learnt(self) -> list[Any]:
        return list(self._of("values")["leaves"])

    def _back(self, leaves: list[Any], output_grad: Any) -> list[Any]:
        output, name = self._of("values")["output"], self._of("name")
        if output is None:
            raise TypeError(f"{name}.forward returns {nothing(self._of('own').forward).what}")
        if not isinstance(output, torch().Tensor) or not output.requires_grad:
            raise TypeError(
                f"{name}.forward returns what autograd cannot follow; expected a tensor that is "
                "computed from the input, without detach, item or numpy"
            )
        grads = torch().autograd.grad(
            output, leaves, as_tensor(output_grad), retain_graph=True, allow_unused=True
        )
        own = self._of("own")
        forgot = is_function(own) and returns_nothing(own.backward)
        none = nothing(own.backward) if forgot else Absent()
        return [none if grad is None else as_array(grad) for grad in grads]

    @property
    def param_grad(self) -> Any:
        """The gradient on the one parameter, in the shape in which it was handed over."""
        values = self._of("values")
        grads = values.get("grads", ())
        if len(grads) != 1:
            raise AttributeError("param_grad")
        return grads[0].T if values["flipped"] and isinstance(grads[0], ndarray) else grads[0]


class TorchLayer(TorchOperation, AdaptedLayer):
    """A layer that is a module. Its weights are arrays in the book's shapes, in the same memory."""

    def forward(self, input_: Any, **inference: Any) -> Any:
        """As an operation's; makes the module where it had to know the number of inputs."""
        missing = self._missing() if self._of("own") is None else None
        if missing is not None:
            self._make({missing: input_.shape[1]})
        return super().forward(input_, **inference)

    def _learnt(self) -> list[Any]:
        own = self._of("own")
        named = dict(own.named_parameters())
        of_kinds = [
            [p for name, p in named.items() if plain(name.rpartition(".")[2]) in kind]
            for kind in spelling.KINDS
        ]
        ordered = [p for found in of_kinds for p in found]
        return ordered if len(ordered) == len(named) else list(named.values())

    @property
    def params(self) -> Any:
        """The weights and the bias."""
        return [self._in_shape(p, as_array(p)) for p in self._learnt()]

    @property
    def param_grads(self) -> Any:
        """Their gradients, in the same order."""
        grads = self._of("values").get("grads", ())
        return [self._in_shape(p, g) for p, g in zip(self._learnt(), grads, strict=True)]

    def _in_shape(self, param: Any, values: Any) -> Any:
        """An array that belongs to a parameter, as the book would have it."""
        if not isinstance(values, ndarray):
            return values
        if param.ndim == 1:
            return values[np.newaxis]
        if param.ndim == 4 and self._is_of(param, "Conv2d"):
            return values.swapaxes(0, 1)
        is_weights = param.ndim == 2 and param is self._learnt()[0]
        return values.T if is_weights and self._is_turned(param) else values

    def _is_of(self, param: Any, kind: str) -> bool:
        modules = self._of("own").modules()
        return any(
            isinstance(m, getattr(torch().nn, kind)) and any(p is param for p in m.parameters())
            for m in modules
            if m is not self._of("own")
        )

    def _is_turned(self, param: Any) -> bool:
        """Whether a matrix is ``(out, in)``: that of ``nn.Linear`` is, any other by its shape.
        Where that does not tell, by the shape in a layer with one more neuron.
        """
        if self._is_of(param, "Linear"):
            return True
        given, inputs = self._of("kwargs"), self._of("values")["input"].shape[-1]
        key = next((k for k in given if plain(k) in _NEURONS), None)
        if key is None or param.shape != (inputs, inputs):
            return bool(param.shape[0] != inputs and param.shape[1] == inputs)
        values = self._of("values")
        if "turned" not in values:
            wider = {**given, key: given[key] + 1}
            with torch().random.fork_rng(devices=[]):
                other = TorchLayer(self._of("cls"), self._of("name"), self._of("args"), wider)
                other.forward(np.zeros((1, inputs)))
            shapes = [tuple(p.shape) for p in other._learnt() if p.ndim == 2]
            values["turned"] = shapes == [(inputs + 1, inputs)]
        return bool(values["turned"])


_NEURONS = spelling.ARGUMENTS["neurons"] | {"neurons"}


class TorchLoss(TorchOperation, AdaptedLoss):
    """A loss that is a module or a function: a tensor of one number."""

    def forward(self, prediction: Any, target: Any) -> Any:  # type: ignore[override]
        """The loss, as a number."""
        own, values = self._of("own"), self._of("values")
        values.update(prediction=prediction, target=target)
        names = [] if is_function(own) else spelling.required(own.forward) or []
        first, second = self._pair(names) or (prediction, target)
        tensors = {id(prediction): as_tensor(prediction, leaf=True), id(target): as_tensor(target)}
        with _type_of(prediction):
            call = own.apply if is_function(own) else own
            output = self._call(call, tensors[id(first)], tensors[id(second)])
        values.update(input=tensors[id(prediction)], output=output)
        if output is None:
            return nothing(own.forward, own)
        array = as_array(output)
        return array[()] if isinstance(array, ndarray) else array

    def backward(self) -> Any:  # type: ignore[override]
        """The gradient on the prediction, as autograd has it."""
        output = self._of("values")["output"]
        one = np.ones(np.shape(as_array(output)), self._of("values")["prediction"].dtype)
        return self._back([self._of("values")["input"]], one)[0]


def _as_modules(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Activations that a module can call: PyTorch's, for those that are in NumPy."""
    result = dict(kwargs)
    for key, value in kwargs.items():
        name = _ACTIVATIONS.get(type(value).__name__)
        if name is not None and not callable(value):
            result[key] = getattr(torch().nn, name)()
    return result
