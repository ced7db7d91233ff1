"""Chapter 6: what numbers and arrays with a gradient share: the graph of what each was made from.

One pass goes back over the graph, from the last node to the first, and visits each node once.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


class Node:
    """A value that knows what it was made from. Chapter 6, "Automatic Differentiation".

    ``grad`` is None until a backward pass has reached the node. It is a plain number or array, no
    node. A node is made from others, never changed into one that depends on itself.

    Args:
        depends_on: the nodes that it was made from; none for a leaf.
        creation_op: the operation that made it; empty for a leaf.
    """

    #: NumPy's numbers and arrays leave ``array + node`` to the node.
    __array_ufunc__ = None

    grad: Any

    def __init__(self, depends_on: Iterable[Any] | None, creation_op: str) -> None:
        self.depends_on = list(depends_on or ())
        self.creation_op = creation_op
        self.grad = None

    def backward(self, backward_grad: Any = None) -> None:
        """Add to ``grad`` of this node, and of all that it was made from, the gradient of this
        node. Chapter 6, "Automatic Differentiation".

        Each node sends back, once, all that has come to it in this pass, and nothing from passes
        before (E18). The gradients of several passes add up in every node, as in PyTorch, until
        ``zero_grad``. Where an error is raised, no gradient has changed.

        Args:
            backward_grad: the gradient on this node, 1 where none is given.
        """
        arrived = {id(self): self._first_grad(backward_grad)}
        grads = []
        for node in reversed(in_order(self)):
            if id(node) not in arrived:  # a constant that nobody asks a gradient of
                continue
            grad = node._received(arrived.pop(id(node)))
            grads.append((node, grad))
            if not node.depends_on:
                continue
            for source, part in zip(node.depends_on, node._input_grads(grad), strict=True):
                if part is not None:
                    known = arrived.get(id(source))
                    arrived[id(source)] = part if known is None else known + part
        for node, grad in grads:
            node._add_to_grad(grad)

    def zero_grad(self) -> None:
        """Forget the gradients of this node and of all that it was made from."""
        for node in in_order(self):
            node.grad = None

    def to_dot(self) -> str:
        """The graph up to this node, as text in Graphviz's DOT language."""
        order = in_order(self)
        numbers = {id(node): i for i, node in enumerate(order)}
        lines = ["digraph {", "    rankdir=LR", "    node [shape=box]"]
        lines += [f'    n{i} [label="{_escape(node._label())}"]' for i, node in enumerate(order)]
        lines += [
            f"    n{numbers[id(source)]} -> n{i}"
            for i, node in enumerate(order)
            for source in node.depends_on
        ]
        return "\n".join([*lines, "}"]) + "\n"

    def draw(self, file: str | Path) -> None:
        """Draw the graph up to this node into a PNG file.

        Raises:
            RuntimeError: Graphviz's ``dot`` is not installed, or it fails.
        """
        dot = shutil.which("dot")
        if dot is None:
            raise RuntimeError(
                "drawing a graph needs Graphviz's `dot`, which is not installed: install the "
                "package graphviz (apt, brew, conda), or take the text that to_dot() returns"
            )
        text = self.to_dot().encode()
        drawn = subprocess.run([dot, "-Tpng"], input=text, capture_output=True, check=False)
        if drawn.returncode != 0:
            words = " ".join(drawn.stderr.decode(errors="replace").split())
            raise RuntimeError(f"Graphviz's `dot` could not draw the graph: {words}")
        Path(file).write_bytes(drawn.stdout)

    def _first_grad(self, backward_grad: Any) -> Any:
        """The gradient that a pass begins with."""
        raise NotImplementedError(f"{type(self).__name__} must define _first_grad")

    def _received(self, grad: Any) -> Any:
        """A gradient that has come in, as this node holds it."""
        return grad

    def _input_grads(self, grad: Any) -> Sequence[Any]:
        """Gradients on what the node was made from, in the order of ``depends_on``; None for a
        constant that nobody asks a gradient of.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _input_grads")

    def _add_to_grad(self, grad: Any) -> None:
        self.grad = grad if self.grad is None else self.grad + grad

    def _label(self) -> str:
        """The lines of the node in a drawing."""
        raise NotImplementedError(f"{type(self).__name__} must define _label")


def in_order(last: Node) -> list[Node]:
    """All nodes that one was made from, and itself at the end: each stands after all that it
    depends on. However deep the graph is, nothing here calls itself.
    """
    order: list[Node] = []
    seen: set[int] = set()
    open_ = [(last, False)]
    while open_:
        node, sources_done = open_.pop()
        if sources_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            open_.append((node, True))
            open_.extend((source, False) for source in node.depends_on)
    return order


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
