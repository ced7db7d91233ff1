"""The skeleton file that a learner fills in, made from the catalogue."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import fill

from parity.catalogue import components
from parity.catalogue.component import Component

_HEADER = '''"""My own {chapters}.

Fill in what raises NotImplementedError, then run: parity check {name}
"""

import numpy as np
'''


def chapters() -> tuple[int, ...]:
    """The chapters that have components."""
    return tuple(sorted({component.chapter for component in components()}))


def skeleton(name: str, chapter: int | None = None) -> str:
    """The text of a skeleton.

    Args:
        name: of the file, for its first lines.
        chapter: the one chapter to write, with what it requires of earlier ones; all where it is
            None.
    """
    names = _names(chapter)
    wanted = [component for component in components() if component.name in names]
    title = f"chapters 1 to {chapters()[-1]}" if chapter is None else f"chapter {chapter}"
    parts = [_HEADER.format(chapters=title, name=name)]
    for number in chapters():
        of_chapter = [component for component in wanted if component.chapter == number]
        if of_chapter:
            parts.append(f"# Chapter {number}")
            parts += [_unfinished(component) for component in of_chapter]
    return "\n\n".join(part.strip() + "\n" for part in parts)


def _names(chapter: int | None) -> set[str]:
    """The components of a chapter, and all that they are built on."""
    names: set[str] = set()
    for component in reversed(components()):  # what a component requires stands before it
        if (component.in_book and chapter in (None, component.chapter)) or component.name in names:
            names |= {component.name, component.symbol, *component.requires}
    return names


def write_skeleton(file: Path, chapter: int | None = None) -> None:
    """Write a skeleton to a new file.

    Raises:
        FileExistsError: there is something of that name; it is left alone.
    """
    text = skeleton(file.name, chapter)
    with file.open("x", encoding="utf-8") as stream:
        stream.write(text)


def _unfinished(component: Component) -> str:
    """The component's skeleton with ``raise NotImplementedError`` at the end of each body; what is
    to be added to a class, as a comment.
    """
    if component.argument is not None:
        words = f"{component.name}: {' '.join(component.skeleton.split())}"
        return fill(words, 99, initial_indent="# ", subsequent_indent="# ")
    lines = component.skeleton.strip().splitlines()
    functions = [
        node
        for node in ast.walk(ast.parse(component.skeleton.strip()))
        if isinstance(node, ast.FunctionDef)
    ]
    for node in sorted(functions, key=lambda node: node.lineno, reverse=True):
        indent = " " * (node.col_offset + 4)
        assert node.end_lineno is not None
        lines.insert(node.end_lineno, f"{indent}raise NotImplementedError")
    return "\n".join(lines)
