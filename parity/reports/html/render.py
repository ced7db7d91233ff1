"""From what a page says to HTML.

A page brings its own styles, runs no script and asks for nothing from elsewhere.
"""

from __future__ import annotations

import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from parity.checking.answers import clean
from parity.checking.file import CheckResult, FileError
from parity.diagnosis.places import Place
from parity.reports.html.content import content
from parity.reports.html.listing import Listing, listing
from parity.reports.machine import torch_version
from parity.training.output import all_or_nothing

#: So many lines are shown before and after the one that keeps a file from being imported.
_AROUND = 4


def page(result: CheckResult, source: str) -> str:
    """A whole page: progress by chapter, the first thing that is wrong in full, the rest folded.

    Args:
        result: of a check.
        source: the text of the file that was checked.
    """
    report = _render("report.html.j2", content=content(result, source), top=1)
    return _render("page.html.j2", title=result.file.name, report=report)


def fragment(result: CheckResult, source: str) -> str:
    """The same as one element to put into another page, as a notebook's output is: its styles come
    with it and reach nothing around it.

    Args:
        result: of a check.
        source: the text of the code that was checked.
    """
    return _render("report.html.j2", content=content(result, source), top=2)


def error_page(file: Path, error: FileError) -> str:
    """A page that says why a file could not be checked.

    Args:
        file: its path.
        error: says why.
    """
    report = _render(
        "error.html.j2",
        file=str(file),
        torch=torch_version(),
        message=str(error),
        frames=error.error.frames if error.error is not None else (),
        listing=_around(file, error),
    )
    return _render("page.html.j2", title=file.name, report=report)


def write_page(result: CheckResult, target: Path) -> None:
    """Write the page of a check, the whole of it or nothing.

    Args:
        result: of a check; its file is read again for the lines that are shown.
        target: the page's path; its folder is made where it is missing.

    Raises:
        OSError: it cannot be written.
    """
    written = page(result, read_source(result.file))
    with all_or_nothing(target.parent) as folder:
        (folder / target.name).write_text(written, encoding="utf-8")


def read_source(file: Path) -> str:
    """The text of a Python file, in the encoding that it names; "" where it cannot be read."""
    try:
        raw = file.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return raw.decode(encoding)
    except (OSError, SyntaxError, UnicodeError, LookupError):
        return ""


def _around(file: Path, error: FileError) -> Listing | None:
    """The lines around the one that raised."""
    frames = error.error.frames if error.error is not None else ()
    line = frames[-1].line if frames else None
    if line is None:
        return None
    source = read_source(file)
    last = min(line + _AROUND, source.count("\n") + 1)
    whole = Place(file.name, max(1, line - _AROUND), max(line, last))
    return listing(source, whole, [Place("the line that fails", line, line)])


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("parity.reports", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_showable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _breakable(name: str) -> Markup:
    """A name or a path that goes on in the next line after an underscore or a slash."""
    return Markup(re.sub(r"([_/\\])(?=\w)", r"\1<wbr>", str(escape(clean(name)))))


def _showable(value: Any) -> Any:
    """A learner's text may hold what no page can: control characters, half a surrogate pair."""
    return clean(value) if type(value) is str else value  # and HTML is a class of its own
