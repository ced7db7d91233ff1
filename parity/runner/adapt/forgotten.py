"""A ``return`` that was forgotten, in the learner's terms: not where its None goes wrong later."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

from parity.comparison import Absent

#: What must return something, beside ``forward`` and ``backward``.
_METHODS = ("_output", "_input_grad", "_param_grad")


def nothing(function: Any, own: Any = None) -> Absent:
    """What to show of a result of None: what it comes from, if that is a forgotten ``return``.

    Args:
        function: the learner's, that returned it.
        own: the object whose method it is.
    """
    method = _without_return(own)
    if method is not None:
        place = f"{method.__qualname__}, line {method.__code__.co_firstlineno}"
        return Absent(f"None (did you forget `return` in {place}?)")
    forgot = all(not _is_none(entry) for entry in _returns(function))
    return Absent("None (did you forget `return`?)" if forgot else "None")


def forgotten_return(own: Any) -> TypeError | None:
    """The error to tell of an object one of whose methods computes something and returns nothing.

    Args:
        own: the learner's; of a class like the book's operations and losses.
    """
    method = _without_return(own)
    if method is None:
        return None
    line = method.__code__.co_firstlineno
    return TypeError(f"{method.__qualname__} (line {line}) returns None; did you forget `return`?")


def _without_return(own: Any) -> Any:
    methods = (getattr(type(own), name, None) for name in _METHODS)
    return next((m for m in methods if inspect.isfunction(m) and returns_nothing(m)), None)


def returns_nothing(function: Any) -> bool:
    """Whether a function never returns a value although it computes something. One that raises is
    for others to define, and one that is empty is not written.
    """
    body = _body(function)
    works = any(isinstance(entry, _WORK) for entry in body if not _is_constant(entry))
    others = (ast.Return, ast.Raise, ast.Yield, ast.YieldFrom)
    return works and not any(isinstance(node, others) for node in _walk(body))


_WORK = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.With)


def _is_constant(entry: ast.stmt) -> bool:
    return isinstance(entry, ast.Expr) and isinstance(entry.value, ast.Constant)


def _returns(function: Any) -> Iterator[ast.Return]:
    return (node for node in _walk(_body(function)) if isinstance(node, ast.Return))


def _is_none(entry: ast.Return) -> bool:
    value = entry.value
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _body(function: Any) -> list[ast.stmt]:
    """The statements of a function, as far as its source is to be had."""
    try:
        [definition] = ast.parse(dedent(inspect.getsource(inspect.unwrap(function)))).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return []
    return definition.body if isinstance(definition, ast.FunctionDef) else []


def _walk(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes, without those of functions within."""
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
