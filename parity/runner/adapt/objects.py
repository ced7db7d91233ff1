"""A learner's class behind the book's protocol, where its own says the same in other words.

What is unclear is left as it is, and shows as what is wrong with it. No result is chosen by its
numbers or its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from parity.comparison import Absent
from parity.runner.adapt import spelling
from parity.runner.adapt.forgotten import forgotten_return, nothing
from parity.runner.adapt.spelling import plain

#: Attributes of the stand-in itself; all others are the learner's.
_KEPT = "_adapted_"

#: In a dictionary of gradients a parameter's own name will do.
_KINDS_AND_GRADS = tuple(
    kind | grad for kind, grad in zip(spelling.KINDS, spelling.KIND_GRADS, strict=True)
)


class Adapted:
    """Stands in for an object of a learner's class, which is made as soon as it can be.

    Args:
        cls: the learner's.
        name: of the component.
        args, kwargs: as the book has them.
    """

    def __init__(self, cls: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        kept = {"cls": cls, "name": name, "args": args, "kwargs": kwargs, "own": None, "set": {}}
        for key, value in kept.items():
            object.__setattr__(self, _KEPT + key, value)
        object.__setattr__(self, _KEPT + "values", {})
        kwargs = spelling.spelled(cls, name, kwargs) if not args else kwargs
        object.__setattr__(self, _KEPT + "kwargs", kwargs)
        if self._missing() is None:
            self._make({})

    def _missing(self) -> str | None:
        """The argument that can be given only later, as the number of inputs can; None if none."""
        return None

    def _make(self, more: dict[str, Any]) -> None:
        args, kwargs = self._of("args"), {**self._of("kwargs"), **more}
        own = self._of("cls")(*args, **kwargs)
        object.__setattr__(self, _KEPT + "own", own)
        for name, value in self._of("set").items():
            setattr(own, name, value)

    def _of(self, name: str) -> Any:
        return object.__getattribute__(self, _KEPT + name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._of("own"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._of("own") is None:
            self._of("set")[name] = value
        else:
            setattr(self._of("own"), name, value)

    def _method(self, *names: str) -> Callable[..., Any]:
        """The first of these that the learner's object has."""
        own = self._of("own")
        for name in names:
            method = getattr(own, name, None)
            if callable(method):
                return method
        return getattr(own, names[0])

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the learner's method; where that fails for want of a ``return``, say so."""
        try:
            return method(*args, **kwargs)
        except (TypeError, AttributeError, AssertionError, ValueError) as error:
            forgotten = forgotten_return(self._of("own"))
            if forgotten is None:
                raise
            raise forgotten.with_traceback(error.__traceback__) from None


class AdaptedOperation(Adapted):
    """``forward(input_)`` and ``backward(output_grad)``, with the gradients kept or returned."""

    def forward(self, input_: Any, **inference: Any) -> Any:
        """As the learner's ``forward``, or ``__call__``."""
        method = self._method("forward", "__call__")
        values = self._of("values")
        values.clear()
        self._refuse_nothing("forward", input_)
        values["input"] = input_
        output = self._call(method, input_, **self._mode(method, inference))
        if isinstance(output, tuple) and len(output) == 2 and self._takes_cache():
            output, values["cache"] = output
        return nothing(method, self._of("own")) if output is None else output

    def _mode(self, method: Callable[..., Any], inference: dict[str, Any]) -> dict[str, Any]:
        """Training or inference, as the learner's method wants to be told; or its object."""
        arguments = spelling.taken(method)
        if arguments is None:
            return inference
        infers = bool(inference.get("inference", False))
        for argument in arguments:
            if plain(argument.name) in spelling.TRAINING:
                return {argument.name: not infers}
            if plain(argument.name) in spelling.INFERENCE:
                told = spelling.is_required(argument) or bool(inference)
                return {argument.name: infers} if told else {}
        own = self._of("own")
        if isinstance(getattr(own, "training", None), bool):
            own.training = not infers
            return {}
        return inference

    def _refuse_nothing(self, method: str, value: Any) -> None:
        """What another layer of the same class has not returned is no argument for this one."""
        if isinstance(value, Absent):
            raise TypeError(f"{self._of('name')}.{method} returns {value.what}")

    def _takes_cache(self) -> bool:
        return len(spelling.required(self._method("backward")) or ()) == 2

    def backward(self, output_grad: Any) -> Any:
        """The gradient on the input, from what the learner's ``backward`` returns or keeps."""
        method, values = self._method("backward"), self._of("values")
        self._refuse_nothing("backward", output_grad)
        rest = (spelling.required(method) or [])[1:]
        more: list[Any] = []
        if len(rest) == 1 and "cache" in values:
            more = [values["cache"]]
        elif len(rest) == 1 and plain(rest[0]) in spelling.INPUT:
            more = [values["input"]]
        result = self._call(method, output_grad, *more)
        values.pop("returned", None)
        if isinstance(result, dict):
            values["returned"] = [_among(result, names) for names in self._grad_names()]
            result = _among(result, spelling.INPUT_GRAD)
        elif isinstance(result, tuple | list) and result:
            result, *values["returned"] = result
        if result is None:
            return self._kept_input_grad(method)
        return result

    def _grad_names(self) -> tuple[frozenset[str], ...]:
        return spelling.KIND_GRADS

    def _kept_input_grad(self, method: Any) -> Any:
        """What the learner's object keeps; a class like the book's returns it."""
        own = self._of("own")
        found = _among(_attributes(own), spelling.INPUT_GRAD)
        likes_the_book = any(hasattr(own, name) for name in ("_input_grad", "operations"))
        return nothing(method, own) if likes_the_book or isinstance(found, Absent) else found

    @property
    def param_grad(self) -> Any:
        """The gradient on the one parameter."""
        own = self._of("own")
        if hasattr(own, "param_grad"):
            is_forgotten = own.param_grad is None and forgotten_return(own) is not None
            return nothing(own.backward, own) if is_forgotten else own.param_grad
        returned = self._of("values").get("returned")
        if returned is not None:
            there = [grad for grad in returned if not isinstance(grad, Absent)]
            return there[0] if len(there) == 1 else Absent()
        names = spelling.PARAM_GRAD.union(*spelling.KIND_GRADS)
        return _among(_grads(own, spelling.KINDS[0] | spelling.KINDS[1]), names)


class AdaptedLayer(AdaptedOperation):
    """With ``params`` and ``param_grads``, and set up again once ``first`` is set to True."""

    def _missing(self) -> str | None:
        given = self._of("kwargs")
        names = [n for n in spelling.required(self._of("cls")) or () if n not in given]
        sizes = [name for name in names if plain(name) in spelling.INPUT_SIZE]
        return sizes[0] if len(sizes) == 1 == len(names) and not self._of("args") else None

    def __setattr__(self, name: str, value: Any) -> None:
        own = self._of("own")
        knows = any(hasattr(own, attribute) for attribute in ("first", "_setup_layer"))
        if name == "first" and value is True and own is not None and not knows:
            object.__setattr__(self, _KEPT + "own", None)
            if self._missing() is None:
                self._make({})
            return
        super().__setattr__(name, value)
        if name == "seed":
            self._of("set")[name] = value

    def forward(self, input_: Any, **inference: Any) -> Any:
        """As an operation's; sets the layer up where it had to know the number of inputs."""
        missing = self._missing()
        if self._of("own") is None and missing is not None:
            self._make({missing: input_.shape[1]})
        return super().forward(input_, **inference)

    @property
    def params(self) -> Any:
        """The weights and the bias, from a list, a dictionary, or attributes."""
        own = self._of("own")
        params = getattr(own, "params", None)
        if callable(params):
            params = params()
        if not isinstance(params, dict) and params is not None:
            return params
        values = self._own_params()
        if not values:
            raise AttributeError("params")
        return [_row(value) for value in values]

    def _own_params(self) -> list[Any]:
        own = self._of("own")
        params = getattr(own, "params", None)
        return _of_kinds(params if isinstance(params, dict) else _attributes(own), spelling.KINDS)

    @property
    def param_grads(self) -> Any:
        """Their gradients, in the same order. Where a bias has one axis, so has its gradient."""
        own, returned = self._of("own"), self._of("values").get("returned")
        grads = getattr(own, "param_grads", None)
        if callable(grads):
            grads = grads()
        if returned is None and not isinstance(grads, dict) and grads is not None:
            return grads
        if returned is None:
            kept = (getattr(own, key, None) for key in ("param_grads", "grads", "gradients"))
            held: dict[Any, Any] | None = next((k for k in kept if isinstance(k, dict)), None)
            returned = (
                _of_kinds(_attributes(own), spelling.KIND_GRADS)
                if held is None
                else _of_kinds(held, _KINDS_AND_GRADS)
            )
        if not returned:
            raise AttributeError("param_grads")
        flat = [getattr(param, "ndim", 2) == 1 for param in self._own_params()]
        flat += [False] * len(returned)
        return [_row(v) if is_flat else v for v, is_flat in zip(returned, flat, strict=False)]


class AdaptedLoss(AdaptedOperation):
    """``forward(prediction, target)`` and ``backward()``."""

    def forward(self, prediction: Any, target: Any) -> Any:  # type: ignore[override]
        """The loss; the gradient may come with it."""
        method, values = self._method("forward", "__call__", "loss"), self._of("values")
        values.clear()
        values.update(prediction=prediction, target=target)
        args = self._pair(spelling.required(method)) or [prediction, target]
        result = self._call(method, *args)
        own = self._of("own")
        if isinstance(result, tuple) and len(result) == 2 and not hasattr(own, "backward"):
            result, values["grad"] = result
        return nothing(method, own) if result is None else result

    def _pair(self, names: list[str] | None) -> list[Any] | None:
        """Prediction and target in the order of these names; None where they do not tell."""
        values = self._of("values")
        if names is None or len(names) != 2:
            return None
        first, second = map(plain, names)
        if first in spelling.TARGET and second in spelling.PREDICTION:
            return [values["target"], values["prediction"]]
        if first in spelling.PREDICTION and second in spelling.TARGET:
            return [values["prediction"], values["target"]]
        return None

    def backward(self) -> Any:  # type: ignore[override]
        """The gradient on the prediction."""
        values = self._of("values")
        if "grad" in values:
            return values["grad"]
        method = self._method("backward", "gradient", "grad")
        names = spelling.required(method) or []
        args = self._pair(names) or []
        if len(names) == 1 and plain(names[0]) in spelling.UPSTREAM:
            args = [1.0]
        result = self._call(method, *args)
        return self._kept_input_grad(method) if result is None else result


class AdaptedOptimizer(Adapted):
    """``net`` is set, then ``step()``; ``lr`` may be set anew."""

    def _missing(self) -> str | None:
        given = self._of("kwargs")
        names = [n for n in spelling.required(self._of("cls")) or () if n not in given]
        return names[0] if len(names) == 1 and plain(names[0]) in spelling.NETWORK else None

    def __setattr__(self, name: str, value: Any) -> None:
        own = self._of("own")
        if name == "net":
            self._of("values")["net"] = value
            missing = self._missing()
            if own is None and missing is not None:
                self._make({missing: value})
        super().__setattr__(self._spelled(name), value)

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(self._spelled(name))

    def _spelled(self, name: str) -> str:
        """The learner's word for ``lr``."""
        own = self._of("own")
        if name != "lr" or own is None or hasattr(own, "lr"):
            return name
        others = [n for n in _attributes(own) if plain(n) in spelling.ARGUMENTS["lr"]]
        return others[0] if len(others) == 1 else name

    def step(self) -> Any:
        """One update, by a method that may want parameters and gradients in two lists."""
        method, net = self._method("step", "update"), self._of("values")["net"]
        names = [plain(name) for name in spelling.required(method) or ()]
        if len(names) == 2 and names[0] in spelling.PARAMS and names[1] in spelling.GRADS:
            return self._call(method, list(net.params()), list(net.param_grads()))
        return self._call(method)


def _attributes(own: Any) -> dict[str, Any]:
    """What an object keeps."""
    return {name: getattr(own, name) for name in _names(own)}


def _names(own: Any) -> Iterator[str]:
    yield from getattr(own, "__dict__", {})
    for cls in type(own).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(own, name):
                yield name


def _grads(own: Any, params: frozenset[str]) -> dict[str, Any]:
    """What an object keeps, and what its dictionary of gradients holds, under a gradient's name."""
    found = _attributes(own)
    for key in ("grads", "gradients", "param_grads"):
        if isinstance(kept := found.get(key), dict):
            for name, value in kept.items():
                found[f"d{name}" if plain(str(name)) in params else str(name)] = value
    return found


def _among(values: dict[Any, Any], names: frozenset[str]) -> Any:
    """What is called by one of the names; nothing, if two things are."""
    found = {id(v): v for name, v in values.items() if plain(str(name)) in names and v is not None}
    return next(iter(found.values())) if len(found) == 1 else Absent()


def _of_kinds(values: dict[Any, Any], kinds: tuple[frozenset[str], ...]) -> list[Any]:
    """Weights and bias, or their gradients, as far as they are there."""
    found = [_among(values, names) for names in kinds]
    return [value for value in found if not isinstance(value, Absent)]


def _row(value: Any) -> Any:
    """A bias without a first axis in the book's form, in the same memory."""
    return value[np.newaxis] if isinstance(value, ndarray) and value.ndim == 1 else value
