"""The skeleton: a file to begin with, which a check finds to be not written yet."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from parity.catalogue import components
from parity.catalogue.component import Implementation
from parity.checking.file import check_file, find
from parity.engine import run_case
from parity.skeleton import chapters, skeleton, write_skeleton

ROOT = Path(__file__).parents[2]


def defined(text: str) -> list[str]:
    return [
        node.name
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]


#: What the skeleton of a chapter has of earlier ones, at least.
REQUIRED: dict[int | None, set[str]] = {
    4: {"Operation", "Layer", "Dense", "Loss", "NeuralNetwork", "Trainer"},
    5: {"Operation", "ParamOperation", "Layer", "Sigmoid", "Dropout"},
    6: {"Loss", "softmax"},
    7: {"Operation", "Layer", "Dense", "Tanh", "Flatten", "Conv2D"},
}


@pytest.mark.parametrize("chapter", [None, *chapters()])
def test_it_defines_the_books_components_in_order(chapter: int | None) -> None:
    """And what they require of earlier chapters."""
    text = skeleton("mine.py", chapter)
    names = defined(text)
    of_chapter = [
        entry for entry in components() if entry.in_book and chapter in (None, entry.chapter)
    ]
    assert names == [entry.name for entry in components() if entry.name in names]
    assert {entry.name for entry in of_chapter if entry.argument is None} <= set(names)
    for entry in of_chapter:
        assert (f"\n# {entry.name}: " in text) == (entry.argument is not None)
    earlier = set(names) - {entry.name for entry in of_chapter}
    assert REQUIRED.get(chapter, set()) <= earlier
    assert bool(earlier) == (chapter in REQUIRED)


def test_there_is_one_for_each_chapter() -> None:
    assert chapters() == (1, 2, 3, 4, 5, 6, 7)


def test_what_is_to_be_added_to_a_class_is_a_comment_of_readable_width() -> None:
    comments = [line for line in skeleton("mine.py", 4).splitlines() if line.startswith("# ")]
    assert any(line.startswith("# Dense.dropout: Give Dense an argument") for line in comments)
    assert max(map(len, comments)) <= 99


def test_it_says_how_to_check_it() -> None:
    assert "parity check mine.py" in skeleton("mine.py")


def test_every_function_says_what_to_do_and_that_it_is_not_done() -> None:
    for node in ast.walk(ast.parse(skeleton("mine.py"))):
        if isinstance(node, ast.FunctionDef):
            assert ast.get_docstring(node)
            assert ast.unparse(node.body[-1]) == "raise NotImplementedError"


@pytest.mark.parametrize("chapter", chapters())
def test_one_chapter_stands_alone(chapter: int, tmp_path: Path) -> None:
    write_skeleton(tmp_path / "mine.py", chapter)
    wanted = {
        entry.name
        for entry in components()
        if entry.in_book and entry.chapter == chapter and entry.argument is None
    }
    assert wanted <= set(find(tmp_path / "mine.py"))


def test_nothing_in_it_runs() -> None:
    """Nor passes by chance."""
    module: dict[str, Any] = {}
    exec(skeleton("mine.py"), module)
    for entry in components():
        if entry.in_book and entry.argument is None:
            own = Implementation({name: module[name] for name in (*entry.requires, entry.name)})
            for case in entry.cases:
                with pytest.raises(NotImplementedError):
                    run_case(entry, case, own)


def test_a_check_finds_it_not_written_yet(tmp_path: Path) -> None:
    write_skeleton(tmp_path / "mine.py", chapter=2)
    result = check_file(tmp_path / "mine.py")
    assert {verdict.component: verdict.status for verdict in result.verdicts} == {
        entry.name: "not written" for entry in components() if entry.chapter == 2
    }


def test_the_scratch_side_filled_in_passes(tmp_path: Path) -> None:
    """All of it in one file, as a learner's: what is asked for can be had."""
    sources = [without_own_imports(file.read_text(encoding="utf-8")) for file in in_order()]
    sources.insert(0, "from __future__ import annotations")
    file = tmp_path / "mine.py"
    file.write_text("\n\n".join(sources), encoding="utf-8")
    assert set(find(file)) == {entry.name for entry in components()}
    later = [entry.name for entry in components() if entry.chapter >= 3]
    result = check_file(file, later)
    assert {verdict.component for verdict in result.verdicts if verdict.passed} == set(later)


def in_order() -> list[Path]:
    """The files of the catalogue's modules, what one imports before itself."""
    found: dict[Path, None] = {}

    def visit(file: Path) -> None:
        if file in found:
            return
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and re.match(r"scratch\b", node.module or ""):
                path = ROOT.joinpath(*(node.module or "").split("."))
                visit(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
        if file.name != "__init__.py":
            found[file] = None

    for name in dict.fromkeys(entry.module for entry in components()):
        path = ROOT / "scratch" / name
        for file in sorted(path.rglob("[!_]*.py")) if path.is_dir() else [path.with_suffix(".py")]:
            visit(file)
    return list(found)


def without_own_imports(source: str) -> str:
    tree = ast.parse(source)
    tree.body = [
        node
        for node in tree.body
        if not (
            isinstance(node, ast.ImportFrom) and re.match(r"scratch|__future__", node.module or "")
        )
    ]
    return ast.unparse(tree)


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("precious")
    with pytest.raises(FileExistsError):
        write_skeleton(file)
    assert file.read_text() == "precious"
