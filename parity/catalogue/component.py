"""The words of the catalogue: component, case, mutant, and what a run is given and shows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy import ndarray

LAYOUTS = ("contiguous", "strided", "reversed", "transposed")


@dataclass(frozen=True)
class Case:
    """One set of inputs.

    Attributes:
        name: unique within the component.
        shapes: of each input array, by name; values come from the standard normal.
        options: what else the run needs, in JSON's types.
        dtype: "float64" or "float32".
        layout: how the arrays lie in memory, one of ``LAYOUTS``.
        values: exact values for some of the inputs, instead of random ones.
        tolerance: "analytic", "numeric" where the result goes through a difference quotient, or
            "through time" where weights are drawn and gradients added up over time steps.
        differentiable: False where an input lies on a kink: the gradient is then a convention, and
            no difference quotient has it.
        seed: which of the many random arrays of these shapes are drawn; 0 in the catalogue.
    """

    name: str
    shapes: Mapping[str, tuple[int, ...]]
    options: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float64"
    layout: str = "contiguous"
    values: Mapping[str, Any] = field(default_factory=dict)
    tolerance: str = "analytic"
    differentiable: bool = True
    seed: int = 0

    def inputs(self) -> dict[str, ndarray]:
        """The arrays, from a generator of the case's own: the same ones on every call."""
        key = zlib.crc32(self.name.encode())
        generator = np.random.default_rng([key, self.seed] if self.seed else key)
        arrays = {
            name: generator.standard_normal(shape).astype(self.dtype)
            for name, shape in self.shapes.items()
        }
        for name, value in self.values.items():
            arrays[name] = np.array(value, dtype=self.dtype)
        return {name: arrange(array, self.layout) for name, array in arrays.items()}

    def reseeded(self, seed: int) -> Case:
        """The same case with other random inputs; those in ``values`` stay. Where an implementation
        is handed a seed to draw with, it is handed another one.

        Args:
            seed: at least 0; with 0 the inputs are those of the catalogue.
        """
        options = self.options
        if "seed" in options:
            options = {**options, "seed": options["seed"] - self.seed + seed}
        return replace(self, seed=seed, options=options)


def arrange(array: ndarray, layout: str) -> ndarray:
    """An equal array with the given layout in memory, that owns nobody else's data.

    "strided" leaves gaps between elements, "reversed" has negative strides, "transposed" is in
    Fortran order.
    """
    if layout == "contiguous":
        return np.ascontiguousarray(array)
    if layout == "strided":
        holder = np.full(tuple(2 * n for n in array.shape), np.nan, dtype=array.dtype)
        view = holder[(slice(None, None, 2),) * array.ndim]
    elif layout == "reversed":
        view = np.full_like(array, np.nan, order="C")[(slice(None, None, -1),) * array.ndim]
    elif layout == "transposed":
        return np.asfortranarray(array)
    else:
        raise ValueError(f"no such layout: {layout!r}; there are {', '.join(LAYOUTS)}")
    view[...] = array
    return view


@dataclass
class Given:
    """What one run gets: input arrays, options, and parameters to adopt.

    ``params`` is None where an implementation keeps its own (a learner's, the scratch one); a
    reference and a mutant adopt those of the implementation that they are held against.
    """

    inputs: dict[str, ndarray]
    options: Mapping[str, Any]
    params: list[ndarray] | None = None


@dataclass
class Observed:
    """What one run shows: results by name, in the order in which they are looked at, and the
    parameters that they were computed with.
    """

    tensors: dict[str, Any]
    params: list[Any] = field(default_factory=list)


class AdoptionError(Exception):
    """The reference cannot adopt an implementation's parameters.

    Args:
        what: the parameter at fault, or "params".
        message: what is wrong with it.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(f"{what} {message}")
        self.what = what
        self.message = message


class Implementation:
    """Names to run: an implementation's own, with the scratch ones standing in for the rest.

    Args:
        own: component names and what implements them.
    """

    def __init__(self, own: Mapping[str, Any] | None = None) -> None:
        self.own = dict(own or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.own[name] if name in self.own else scratch_component(name)


def scratch_component(name: str) -> Any:
    """The scratch implementation of a component, by its name in the catalogue.

    Raises:
        KeyError: there is none of that name.
    """
    from parity.catalogue import component

    symbol = component(name).symbol
    return getattr(import_module(f"scratch.{component(symbol).module}"), symbol)


@dataclass(frozen=True)
class Mutant:
    """A component with one realistic mistake.

    Attributes:
        name: short, unique within the component.
        sentence: what the mistake is and how to mend it, to the learner who made it.
        implementation: the wrong function or class.
        caught_in: the result that gives it away.
        errata: the row of ``docs/errata.md`` when the book prints this mistake.
        within: the required component that the mistake is really in; if that one is wrong in the
            same file, the mistake is reported there and not again.
    """

    name: str
    sentence: str
    implementation: Any
    caught_in: str
    errata: str | None = None
    within: str | None = None


@dataclass(frozen=True)
class Component:
    """One entry of the catalogue: everything there is to know about a component.

    Attributes:
        name: as in the book; what a learner's file must define. With a dot it is what a later
            chapter adds to a class: "Dense.dropout" is looked at where ``Dense`` takes ``dropout``.
        chapter: of the book.
        module: its module in ``scratch/``, ``reference/`` and ``parity_tests/``.
        summary: one line for people.
        compares: the results compared, for people; those of a list carry no index.
        run: computes the results with an implementation.
        reference: computes them with PyTorch, adopting the implementation's parameters.
        cases: the inputs.
        mutants: realistic mistakes.
        skeleton: the code that a learner fills in; what to add, in words, if the name has a dot.
        requires: components that this one is built on.
        aliases: other names a learner's file may use.
        keys: strings that must occur in the code of a function found by an alias.
        method_of: the class that has it as a method in the book.
        gradients: which results are gradients, and of which input or parameter.
        objective: the scalar that they are gradients of; by default the sum of
            ``output * output_grad``.
        shown_by: for a name with a dot, the class and its argument that show that a file has it,
            as in "NeuralNetwork.inference", where they are not the name itself; or the class and
            its method, as in "NumberWithGrad.exp()".
        in_book: False for what the project adds.
    """

    name: str
    chapter: int
    module: str
    summary: str
    compares: tuple[str, ...]
    run: Callable[[Implementation, Given], Observed]
    reference: Callable[[Given], dict[str, Any]]
    cases: tuple[Case, ...]
    skeleton: str
    mutants: tuple[Mutant, ...] = ()
    requires: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    method_of: str = ""
    gradients: Mapping[str, str] = field(default_factory=dict)
    objective: Callable[[Given], float] | None = None
    shown_by: str = ""
    in_book: bool = True

    @property
    def symbol(self) -> str:
        """The class or function that implements it."""
        return self.name.partition(".")[0]

    @property
    def argument(self) -> tuple[str, str] | None:
        """A class and an argument of it, or a method with ``()`` at its end, which a file has if it
        has this addition to a class.
        """
        owner, dot, argument = (self.shown_by or self.name).partition(".")
        return (owner, argument) if dot else None

    @property
    def kind(self) -> str:
        """What a learner's file must define: a "class" or a "function"."""
        is_class = self.argument is not None or self.skeleton.lstrip().startswith("class ")
        return "class" if is_class else "function"


def snapshot(value: Any) -> Any:
    """A copy that later in-place changes do not reach; what is no array is returned as it is."""
    return np.array(value, copy=True) if isinstance(value, ndarray) else value


def indexed(name: str, values: Any) -> dict[str, Any]:
    """Results of a list under ``name[0]``, ``name[1]`` …; anything that is no sequence as it is."""
    if isinstance(values, ndarray) or not hasattr(values, "__iter__"):
        return {name: snapshot(values)}
    return {f"{name}[{i}]": snapshot(value) for i, value in enumerate(values)}
