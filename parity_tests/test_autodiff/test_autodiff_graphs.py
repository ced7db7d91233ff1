"""``scratch/autodiff/graph.py``: deep and wide graphs, the order of a pass, and drawings."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scratch.autodiff import ArrayWithGrad, Node, NumberWithGrad
from scratch.autodiff.graph import in_order

#: Nodes of a large graph. Where a plain number is added it has two for each addition.
N = 100_000


def make_number() -> NumberWithGrad:
    return NumberWithGrad(1)


def make_array() -> ArrayWithGrad:
    return ArrayWithGrad(np.ones(()))


each_kind = pytest.mark.parametrize("make", [make_number, make_array])


# Size


@each_kind
def test_a_deep_chain_has_a_way_back(make: Callable[[], NumberWithGrad]) -> None:
    a = last = make()
    for _ in range(N // 2):
        last = last + 1
    assert len(in_order(last)) == N + 1
    last.backward()
    assert a.grad == 1
    last.zero_grad()
    assert a.grad is None


@each_kind
def test_a_wide_sum_has_a_way_back(make: Callable[[], NumberWithGrad]) -> None:
    a, leaves = make(), [make() for _ in range(N // 4)]
    sum((a for _ in range(N // 4)), sum(leaves, make())).backward()
    assert {float(leaf.grad or 0) for leaf in leaves} == {1}
    assert a.grad == N // 4


def test_a_chain_that_uses_each_node_twice_takes_one_visit_a_node() -> None:
    """Its ways from the end to the beginning are 2 to the power of 200."""
    a = last = NumberWithGrad(1)
    for _ in range(200):
        last = last + last
    last.backward()
    assert a.grad == 2**200


def test_the_last_reference_to_a_deep_graph_may_go() -> None:
    """In a process of its own: what overflows the stack takes the interpreter with it."""
    code = """
import threading
from scratch.autodiff import ArrayWithGrad, NumberWithGrad

def deep(last):
    for _ in range(50_000):
        last = last * 1
    print(repr(last)[:14])
    del last

def run():
    deep(NumberWithGrad(1))
    deep(ArrayWithGrad(1.0))

threading.stack_size(256 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:3] == ["NumberWithGrad", "ArrayWithGrad(", "still here"]
    assert done.returncode == 0


# Order


def test_each_node_stands_once_and_after_all_that_it_depends_on() -> None:
    a, b = NumberWithGrad(2), NumberWithGrad(3)
    c = a * b
    last = (c + a) * (c + c * b) * c
    order = in_order(last)
    places = {id(node): i for i, node in enumerate(order)}
    assert len(places) == len(order) == 8
    assert order[-1] is last
    for node in order:
        assert all(places[id(source)] < places[id(node)] for source in node.depends_on)


def test_a_class_of_its_own_must_say_how_gradients_go_back() -> None:
    with pytest.raises(NotImplementedError, match="Node must define _first_grad"):
        Node([], "").backward()


# Drawings


def nodes_and_edges(dot: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    nodes = dict(re.findall(r'^    (n\d+) \[label="(.*)"\]$', dot, re.MULTILINE))
    edges = re.findall(r"^    (n\d+) -> (n\d+)$", dot, re.MULTILINE)
    assert dot.startswith("digraph {\n")
    assert dot.endswith("}\n")
    assert len(dot.splitlines()) == 4 + len(nodes) + len(edges)
    return nodes, edges


def test_the_text_of_a_drawing_has_every_node_and_every_use() -> None:
    a = NumberWithGrad(3)
    b = a * 4.5
    c = b + b
    c.backward()
    nodes, edges = nodes_and_edges(c.to_dot())
    labels = {r"3\ngrad 9", r"4.5\ngrad 6", r"mul\n13.5\ngrad 2", r"add\n27\ngrad 1"}
    assert set(nodes.values()) == labels
    named = {label.split(r"\n")[0]: name for name, label in nodes.items()}
    assert sorted(edges) == sorted(
        [
            (named["3"], named["mul"]),
            (named["4.5"], named["mul"]),
            (named["mul"], named["add"]),
            (named["mul"], named["add"]),
        ]
    )


def test_the_text_of_a_drawing_tells_arrays_by_shape_and_type() -> None:
    x = ArrayWithGrad(np.ones((2, 3), "float32"))
    nodes, edges = nodes_and_edges((x @ np.ones(3)).to_dot())
    assert list(nodes.values()).count(r"shape (2, 3)\nfloat32") == 1
    assert r"matmul\nshape (2,)\nfloat64" in nodes.values()
    assert len(edges) == 2


def test_quotation_marks_in_a_name_do_not_end_the_label() -> None:
    nodes, _ = nodes_and_edges(NumberWithGrad(1, [], 'say "add\\"').to_dot())
    assert list(nodes.values()) == [r"say \"add\\\"\n1\ngrad None"]


def test_a_deep_graph_has_a_text() -> None:
    last = NumberWithGrad(1)
    for _ in range(5000):
        last = last + 1
    nodes, edges = nodes_and_edges(last.to_dot())
    assert (len(nodes), len(edges)) == (10_001, 10_000)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A maker of a ``dot`` that runs a line of Python, alone on the path."""

    def make(line: str) -> Path:
        programs = tmp_path / "programs"
        programs.mkdir()
        dot = programs / "dot"
        dot.write_text(f"#!{sys.executable}\nimport sys\n{line}\n")
        dot.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs))
        return tmp_path / "graph.png"

    return make


def test_dot_is_given_the_text_and_its_answer_becomes_the_file(
    stand_in: Callable[[str], Path],
) -> None:
    file = stand_in("print(*sys.argv[1:], sys.stdin.read(), end='')")
    last = NumberWithGrad(3) * 4
    last.draw(file)
    assert file.read_text() == f"-Tpng {last.to_dot()}"
    last.draw(str(file))


def test_a_dot_that_fails_is_told_of_in_its_own_words_and_leaves_no_file(
    stand_in: Callable[[str], Path],
) -> None:
    file = stand_in("print('half'); sys.exit('no fonts\\nat all')")
    with pytest.raises(RuntimeError, match=r"^Graphviz's `dot` could not .*: no fonts at all$"):
        NumberWithGrad(3).draw(file)
    assert not file.exists()


def test_where_dot_is_not_installed_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = "needs Graphviz's `dot`, which is not installed: install the package graphviz"
    with pytest.raises(RuntimeError, match=words):
        NumberWithGrad(3).draw(tmp_path / "graph.png")
