"""What the documents say is so: transcripts, tables, links."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from parity.catalogue import components
from parity.cli.list import command as list_command
from parity.packages import project_root

README = project_root() / "README.md"
TRANSCRIPTS = runpy.run_path(str(project_root() / "docs" / "transcripts.py"))
CALLS = {
    match["call"]: match["output"]
    for match in TRANSCRIPTS["TRANSCRIPT"].finditer(README.read_text("utf-8"))
}
PAGES = [README, *sorted((project_root() / "docs").glob("*.md"))]


@pytest.mark.parametrize("call", CALLS)
def test_the_readme_shows_what_the_command_prints(call: str) -> None:
    expected = _without_differences(CALLS[call])
    assert expected
    assert _without_differences(TRANSCRIPTS["output_of"](call)) == expected


def _without_differences(text: str) -> str:
    """Differences between the sides are rounding, which no two machines need share; and somebody
    may have another PyTorch.
    """
    text = re.sub(r"PyTorch \d+\.\d+\.\d+", "PyTorch", text)
    return re.sub(r"\d\.\d+e-1\d", "tiny", text)


def test_the_readme_shows_all_three_uses() -> None:
    assert {call.split()[0] for call in CALLS} >= {"check", "list", "train", "book"}


def test_the_table_of_components_is_the_catalogues() -> None:
    page = (project_root() / "docs" / "components.md").read_text("utf-8")
    assert page == CliRunner().invoke(list_command, ["--markdown"]).output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r'\]\(([^)#]+)\)|src="([^"]+)"', text)
    for target in (first or second for first, second in targets):
        assert (page.parent / target).exists(), target


def test_every_erratum_that_a_mutant_names_is_explained() -> None:
    page = (project_root() / "docs" / "errata.md").read_text("utf-8")
    named = {mutant.errata for entry in components() for mutant in entry.mutants} - {None}
    assert named
    for erratum in named:
        assert re.search(rf"^\| {erratum} \|.*\| yes \|$", page, re.MULTILINE), erratum
