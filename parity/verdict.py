"""Verdicts: what a check of a file comes to, component by component."""

from __future__ import annotations

from dataclasses import dataclass, field

from parity.catalogue.component import Mutant
from parity.diagnosis.places import Places
from parity.engine import Failure, Run


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
            "out of memory", "too much output", "died", or "not judged" where something that it is
            built on is wrong and it has no mistake of its own that is known.
        cases: how many there are.
        failures: the results that are not the expected ones.
        errors: the exceptions that were raised.
        detail: words for a status that has neither.
        rests_on: required components of the same file that it cannot be judged without.
        notes: what a learner should know although it is no mistake.
        places: where in the file it stands.
        runs: what was shown and expected in each case that was run to its end.
    """

    component: str
    status: str
    cases: int
    failures: list[Failure] = field(default_factory=list)
    errors: list[LearnerError] = field(default_factory=list)
    detail: str = ""
    rests_on: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: Places = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list, repr=False)

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.status == "passed"

    @property
    def carries(self) -> bool:
        """Whether what is built on it can be judged: all its numbers are right, though it may break
        a rule, like that of refusing a wrong shape.
        """
        rules_only = all(failure.difference.kind == "rule" for failure in self.failures)
        return self.passed or (self.status == "differs" and rules_only and not self.errors)

    @property
    def failed_cases(self) -> int:
        """How many cases went wrong."""
        return len({f.case.name for f in self.failures} | {e.case for e in self.errors})

    @property
    def mistakes(self) -> list[Failure]:
        """The first failure of each mistake that is known by name, and is not one of a component
        that this one rests on.
        """
        seen: set[Mutant] = set()
        first = []
        for failure in self.failures:
            named = {m for m in (failure.mutant, failure.also) if m is not None}
            own = {mutant for mutant in named if mutant.within not in self.rests_on}
            if own - seen:
                first.append(failure)
            seen |= own
        return first
