"""A check's result as JUnit's XML, which continuous integration and learning platforms read."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from parity.catalogue import component as component_of
from parity.checking.file import CheckResult, FileError
from parity.reports.terminal import is_wrong, verdict_text
from parity.verdict import Verdict

#: What XML 1.0 has no way to write.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(result: CheckResult) -> str:
    """One test suite for the file, one test case for each component: failed, skipped where it is
    not written or not judged, in error where it gave no answer.
    """
    suite = ElementTree.Element(
        "testsuite",
        name=_legal(str(result.file)),
        tests=str(len(result.verdicts)),
        failures=str(sum(_tag(verdict) == "failure" for verdict in result.verdicts)),
        errors=str(sum(_tag(verdict) == "error" for verdict in result.verdicts)),
        skipped=str(sum(_tag(verdict) == "skipped" for verdict in result.verdicts)),
    )
    for verdict in result.verdicts:
        chapter = component_of(verdict.component).chapter
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"chapter {chapter}", name=verdict.component
        )
        tag = _tag(verdict)
        if tag is not None:
            text = _legal(verdict_text(verdict, result.file))
            entry = ElementTree.SubElement(case, tag, message=text.partition("\n")[0])
            entry.text = text
    return _written(suite)


def error_as_junit(file: Path, error: FileError) -> str:
    """A file that could not be checked: one test case, in error."""
    suite = ElementTree.Element(
        "testsuite", name=_legal(str(file)), tests="1", failures="0", errors="1", skipped="0"
    )
    case = ElementTree.SubElement(suite, "testcase", classname="file", name="can be checked")
    ElementTree.SubElement(case, "error", message=_legal(str(error)))
    return _written(suite)


def _written(suite: ElementTree.Element) -> str:
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    written: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}\n'


def _tag(verdict: Verdict) -> str | None:
    if verdict.passed:
        return None
    if not is_wrong(verdict):
        return "skipped"
    return "failure" if verdict.status in ("differs", "raised", "wrong kind") else "error"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
