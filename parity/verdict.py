"""Verdicts: what a check of a file comes to, component by component."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from parity.catalogue.component import Mutant
from parity.engine import Failure


@dataclass(frozen=True)
class Frame:
    """A line of the learner's own file in a traceback."""

    line: int | None
    function: str
    code: str


@dataclass(frozen=True)
class LearnerError:
    """An exception from the learner's code.

    Attributes:
        type: the name of its class.
        message: what it says.
        frames: where it came from, in the learner's file alone.
        case: the name of the case, or None if the file could not be imported.
    """

    type: str
    message: str
    frames: tuple[Frame, ...]
    case: str | None = None


@dataclass
class Verdict:
    """What came of one component.

    Attributes:
        component: its name.
        status: "passed", "differs", "raised", "not written", "wrong kind", "timed out",
            "out of memory", "too much output" or "died".
        cases: how many there are.
        failures: the results that are not the expected ones.
        errors: the exceptions that were raised.
        detail: words for a status that has neither.
        rests_on: required components of the same file that did not pass.
        notes: what a learner should know although it is no mistake.
    """

    component: str
    status: str
    cases: int
    failures: list[Failure] = field(default_factory=list)
    errors: list[LearnerError] = field(default_factory=list)
    detail: str = ""
    rests_on: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.status == "passed"

    @property
    def failed_cases(self) -> int:
        """How many cases went wrong."""
        return len({f.case.name for f in self.failures} | {e.case for e in self.errors})

    @property
    def mistakes(self) -> list[Failure]:
        """The first failure of each mistake that is known by name, and is not one of a component
        that this one rests on.
        """
        first: dict[Mutant, Failure] = {}
        for failure in self.failures:
            if failure.mutant is not None and failure.mutant.within not in self.rests_on:
                first.setdefault(failure.mutant, failure)
        return list(first.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "component": self.component,
            "status": self.status,
            "cases": self.cases,
            "failed_cases": self.failed_cases,
            "detail": self.detail,
            "rests_on": self.rests_on,
            "notes": self.notes,
            "mistakes": [
                {"name": f.mutant.name, "sentence": f.mutant.sentence, "errata": f.mutant.errata}
                for f in self.mistakes
                if f.mutant is not None
            ],
            "failures": [_failure_as_dict(failure) for failure in self.failures],
            "errors": [
                {
                    "type": error.type,
                    "message": error.message,
                    "case": error.case,
                    "frames": [vars(frame) for frame in error.frames],
                }
                for error in self.errors
            ],
        }


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
        "expected": difference.expected,
        "actual": difference.actual,
        "elements_off": difference.count,
        "elements": difference.size,
        "scale": difference.scale,
        "mistake": failure.mutant.name if failure.mutant else None,
    }


def _finite(number: float | None) -> float | None:
    """JSON has no word for infinity."""
    return number if number is not None and math.isfinite(number) else None
