"""The pytest plugin: the catalogue as tests, of the scratch side or of a learner's file.

A test that asks for the ``parity_check`` fixture and is marked ``components("module")`` becomes one
test for each component and case of that module. With ``--impl FILE`` it becomes one test for each
component of the learner's file instead, and tests of anything else are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from parity.catalogue.component import Case, Component
    from parity.verdict import Verdict

_FOUND = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--impl``."""
    group = parser.getgroup("parity", "Deep Learning from Scratch, checked against PyTorch")
    group.addoption(
        "--impl", metavar="FILE", default=None, help="check the components of a learner's file"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and look into the learner's file."""
    config.addinivalue_line("markers", "components(module): one test for each of its components")
    file = config.getoption("--impl")
    if file is None:
        return
    from parity.checking.file import FileError, find
    from parity.packages import WrongPackageError, require_own_packages

    try:
        require_own_packages()
        config.stash[_FOUND] = find(Path(file))
    except (FileError, WrongPackageError) as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is being tested."""
    file = config.getoption("--impl")
    return None if file is None else f"parity: checking {file} against PyTorch"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each component and case, or for each component of a learner's file."""
    if "parity_check" not in metafunc.fixturenames:
        return
    from parity.catalogue import components

    marker = metafunc.definition.get_closest_marker("components")
    if marker is None:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: parity_check needs @pytest.mark.components(module)"
        )
    chosen = [entry for entry in components() if entry.module in marker.args]
    if metafunc.config.getoption("--impl") is not None:
        found = metafunc.config.stash[_FOUND]
        chosen = [entry for entry in chosen if entry.in_book or entry.name in found]
        metafunc.parametrize("parity_check", chosen, ids=[c.name for c in chosen], indirect=True)
        return
    pairs = [(entry, case) for entry in chosen for case in entry.cases]
    ids = [f"{entry.name}-{case.name}" for entry, case in pairs]
    metafunc.parametrize("parity_check", pairs, ids=ids, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--impl``, leave out the tests of the project itself."""
    if config.getoption("--impl") is None:
        return
    kept = [item for item in items if "parity_check" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture
def parity_check(request: pytest.FixtureRequest) -> Callable[[], None]:
    """A function that fails the test, in words, unless the component equals its reference."""
    file = request.config.getoption("--impl")
    if file is None:
        component, case = request.param
        return lambda: _check_scratch(component, case)
    found = request.config.stash[_FOUND]
    return lambda: _check_file(Path(file).resolve(), request.param, found)


def _check_scratch(component: Component, case: Case) -> None:
    from parity.engine import check_in_process

    failures = check_in_process(component, case).failures
    if failures:
        lines = [f"{failure.result} {failure.difference.message}" for failure in failures]
        pytest.fail("\n".join([f"{component.name}, {case.name}:", *lines]), pytrace=False)


def _check_file(file: Path, component: Component, found: dict[str, str]) -> None:
    if component.name not in found:
        pytest.skip(f"{file.name} does not define {component.name}")
    verdict = _verdict(file, component.name, found[component.name])
    if verdict.passed:
        return
    from parity.checking.file import rest
    from parity.reports.terminal import verdict_text

    failed = [
        name
        for name in component.requires
        if name in found and not _verdict(file, name, found[name]).carries
    ]
    rest(verdict, failed)
    pytest.fail(verdict_text(verdict, file), pytrace=False)


@cache
def _verdict(file: Path, name: str, kind: str) -> Verdict:
    from parity.checking.file import check_component
    from parity.runner.isolated import Limits

    return check_component(file, name, kind, Limits())
