"""Which components a module defines, by name, by alias, or by the mapping that it gives."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

from parity.catalogue.component import Component
from parity.runner.adapt import FAMILIES
from parity.runner.adapt.functions import Pair, stands_for_class

#: The name of the mapping, from component names to a learner's own.
MAPPING = "PARITY"

#: What is imported from these is not the learner's own work.
NOT_OWN = {"scratch", "reference", "torch"}


class MappingError(Exception):
    """The file's mapping is wrong; the message says how."""


def find_components(
    module: ModuleType, components: Iterable[Component]
) -> dict[str, tuple[Any, str]]:
    """The components that a module defines, and what each is: "class", "function" or other words.

    Raises:
        MappingError: ``PARITY`` is no mapping from component names to names in the module.
    """
    components = list(components)
    names = vars(module)
    mapped = _mapped(names, {entry.name for entry in components if entry.argument is None})
    found: dict[str, tuple[Any, str]] = {}
    for component in components:
        if component.argument is not None:
            shown_by, argument = component.argument
            if {shown_by, component.symbol} <= set(found) and _takes(found[shown_by][0], argument):
                found[component.name] = found[component.symbol]
            continue
        if component.name in mapped:
            value = mapped[component.name]
        elif component.name in names:
            value = names[component.name]
        else:
            value = _by_alias(names, component)
        if value is None and component.method_of:
            owner = mapped.get(component.method_of, names.get(component.method_of))
            value = _method(owner, component.name)
        if value is not None and _is_own(value):
            found[component.name] = (value, _kind(value, component.name))
    return found


def _by_alias(names: Mapping[str, Any], component: Component) -> Any:
    for alias in component.aliases:
        if alias in names and _mentions(names[alias], component.keys):
            return names[alias]
    return None


def _method(owner: Any, name: str) -> Any:
    """A method as a function that takes no ``self``; None if the class has none of that name.

    The object it is called through is one that ``__init__`` never saw.
    """
    if not inspect.isclass(owner) or not callable(getattr(owner, name, None)):
        return None
    try:
        return getattr(object.__new__(owner), name)
    except Exception:
        return None


def _takes(owner: Any, argument: str) -> bool:
    """Whether the class can be given an argument of that name, when it is made or in ``forward``:
    by a method of its own, or by an inherited one that gets all keywords that it has no name for.
    With parentheses at the end, ``name()``, whether it has a method of that name.
    """
    if not inspect.isclass(owner):
        return False
    if argument.endswith("()"):
        return inspect.isfunction(getattr(owner, argument.removesuffix("()"), None))
    return any(_hands_on(owner, method, argument) for method in ("__init__", "forward"))


def _hands_on(owner: type, name: str, argument: str) -> bool:
    for cls in owner.__mro__:
        method = vars(cls).get(name)
        if not inspect.isfunction(method):
            continue
        code = method.__code__
        if argument in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            return True
        if not code.co_flags & inspect.CO_VARKEYWORDS:
            return False
    return False


def _mapped(names: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    mapping = names.get(MAPPING, {})
    if not isinstance(mapping, dict):
        raise MappingError(
            f"{MAPPING} must be a dictionary from component names to your own names, not "
            f"{type(mapping).__name__}"
        )
    mapped = {}
    for name, own in mapping.items():
        if name not in known:
            raise MappingError(f"{MAPPING} names {name!r}, which is no component")
        if isinstance(own, tuple) and name in FAMILIES:
            mapped[name] = _pair(names, name, own)
            continue
        mapped[name] = _look_up(names, own) if isinstance(own, str) else own
        if mapped[name] is None and isinstance(own, str) and own not in names:
            raise MappingError(f"{MAPPING} maps {name} to {own!r}, which the file does not define")
        if mapped[name] is None:
            raise MappingError(f"{MAPPING} maps {name} to None")
    return mapped


def _pair(names: Mapping[str, Any], name: str, own: tuple[Any, ...]) -> Pair:
    """The two functions that ``PARITY`` names, the way there and the way back."""
    values = [_look_up(names, entry) if isinstance(entry, str) else entry for entry in own]
    if len(values) != 2 or not all(map(inspect.isfunction, values)):
        raise MappingError(f"{MAPPING} must map {name} to a class, or to two functions of the file")
    return Pair(*values)


def _look_up(names: Mapping[str, Any], own: str) -> Any:
    """What stands under a name, or a method under "Class.method"; None if nothing does."""
    owner, dot, method = own.partition(".")
    return _method(names.get(owner), method) if dot else names.get(own)


def _is_own(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] not in NOT_OWN


def _kind(value: Any, name: str) -> str:
    if inspect.isclass(value) or (name in FAMILIES and stands_for_class(value)):
        return "class"
    return "function" if callable(value) else type(value).__name__


def _mentions(value: Any, keys: tuple[str, ...]) -> bool:
    """Whether a function's code has all the strings: the book calls two functions by one name, and
    the keys of the weights tell which one it is. It prints them in small letters once (E5).
    """
    if not keys:
        return True
    code = getattr(value, "__code__", None)
    if not isinstance(code, CodeType):
        return False
    return {key.lower() for key in keys} <= {string.lower() for string in _strings(code)}


def _strings(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _strings(constant)
        elif isinstance(constant, tuple | frozenset):
            yield from (entry for entry in constant if isinstance(entry, str))
        elif isinstance(constant, str):
            yield constant
