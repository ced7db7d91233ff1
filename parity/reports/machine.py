"""A check's result for other programs: one JSON object, whose form docs/json.md tells."""

from __future__ import annotations

import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

from parity import __version__
from parity.checking.file import CheckResult, FileError
from parity.diagnosis.finding import Finding, findings
from parity.diagnosis.places import Place
from parity.engine import Failure
from parity.verdict import Verdict

#: The version of the form, one more when something that was there is gone or means something else.
SCHEMA = 1


def as_json(result: CheckResult) -> str:
    """The whole result as one JSON object."""
    return _dumps(
        {
            **_head(result.file),
            "passed": result.passed,
            "interrupted": result.interrupted,
            "error": None,
            "components": [verdict_as_dict(verdict) for verdict in result.verdicts],
            "missing": [component.name for component in result.missing],
        }
    )


def error_as_json(file: Path, error: FileError) -> str:
    """A file that could not be checked, as one JSON object of the same form."""
    return _dumps(
        {
            **_head(file),
            "passed": False,
            "interrupted": False,
            "error": str(error),
            "components": [],
            "missing": [],
        }
    )


def _head(file: Path) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "parity": __version__,
        "torch": torch_version(),
        "file": str(file),
    }


def torch_version() -> str:
    """Of the PyTorch that is checked against, without loading it."""
    return version("torch").partition("+")[0]


def _dumps(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False)


def verdict_as_dict(verdict: Verdict) -> dict[str, Any]:
    """A verdict, with its findings first things first and every failure."""
    return {
        "component": verdict.component,
        "status": verdict.status,
        "cases": verdict.cases,
        "failed_cases": verdict.failed_cases,
        "detail": verdict.detail,
        "rests_on": verdict.rests_on,
        "notes": verdict.notes,
        "findings": [_finding_as_dict(finding) for finding in findings(verdict)],
        "failures": [_failure_as_dict(failure) for failure in verdict.failures],
        "errors": [
            {
                "type": error.type,
                "message": error.message,
                "case": error.case,
                "frames": [vars(frame) for frame in error.frames],
            }
            for error in verdict.errors
        ],
    }


def _finding_as_dict(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "result": finding.result,
        "summary": finding.summary,
        "next_step": finding.next_step,
        "place": _place_as_dict(finding.place),
        "mistakes": [
            {"name": mutant.name, "sentence": mutant.sentence, "errata": mutant.errata}
            for mutant in finding.mistakes
        ],
        "relation": finding.relation
        and {
            "kind": finding.relation.kind,
            "sentence": finding.relation.sentence,
            "constant": _finite(finding.relation.constant),
        },
        "starts": finding.starts,
        "right": finding.right,
        "wrong": finding.wrong,
    }


def _place_as_dict(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else vars(place)


def _failure_as_dict(failure: Failure) -> dict[str, Any]:
    difference = failure.difference
    return {
        "case": failure.case.name,
        "result": failure.result,
        "kind": difference.kind,
        "message": difference.message,
        "max_abs": _finite(difference.max_abs),
        "max_rel": _finite(difference.max_rel),
        "index": difference.index,
        "expected": _finite(difference.expected),
        "actual": _finite(difference.actual),
        "elements_off": difference.count,
        "elements": difference.size,
        "scale": _finite(difference.scale),
        "mistakes": [mutant.name for mutant in (failure.mutant, failure.also) if mutant],
    }


def _finite(number: float | None) -> float | None:
    """JSON has no word for infinity."""
    return number if number is not None and math.isfinite(number) else None
