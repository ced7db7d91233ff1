"""Results of checks as the tests of the page need them: hostile ones, large ones, mixed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from parity.catalogue import component, components
from parity.catalogue.component import Observed
from parity.checking.file import CheckResult
from parity.comparison import compare
from parity.diagnosis.places import Place
from parity.engine import Failure, Run
from parity.verdict import Frame, LearnerError, Verdict

#: What a learner's file may hold in a name, a message or a line of code.
HOSTILE = (
    "</pre></style><script>alert('x')</script><img src=http://x.org onerror=\"y\">&lt; {{ 7 }}"
)

SOURCE = "\n".join(f"line_{n} = '{HOSTILE}'" for n in range(1, 301))


def differing(name: str, /, **arrays: tuple[Any, Any]) -> Verdict:
    """A verdict on a component whose results are wrong, each given as what it is and must be."""
    case = component(name).cases[0]
    failures = []
    for result, (found, wanted) in arrays.items():
        difference = compare(found, wanted, dtype="float64")
        if difference is not None:
            failures.append(Failure(case, result, difference))
    shown = {result: found for result, (found, _) in arrays.items()}
    expected = {result: wanted for result, (_, wanted) in arrays.items()}
    runs = [Run(case, Observed(shown), failures, expected)]
    return Verdict(name, "differs", 10, failures=failures, runs=runs)


def placed(verdict: Verdict, first: int, last: int, **methods: tuple[int, int]) -> Verdict:
    """The same with a class in those lines of the file, and its methods."""
    verdict.places = {
        "": Place("Mine", first, last),
        **{name: Place(f"Mine.{name}", *lines) for name, lines in methods.items()},
    }
    return verdict


def raising(name: str, message: str = HOSTILE) -> Verdict:
    frames = (Frame(3, HOSTILE, HOSTILE), Frame(5, "forward", "x < 1 & y"))
    errors = [LearnerError("ValueError", message, frames, "batch of 1")]
    return Verdict(name, "raised", 10, errors=errors)


def result_of(*verdicts: Verdict, file: str = "mine.py", interrupted: bool = False) -> CheckResult:
    found = frozenset(verdict.component for verdict in verdicts)
    return CheckResult(Path(file), found, list(verdicts), interrupted)


def mixed() -> CheckResult:
    """Something of everything: the first wrong component has wide, narrow and infinite arrays."""
    wide = np.random.default_rng(1).standard_normal((40, 50))
    narrow = np.linspace(-1, 1, 12).reshape(2, 2, 3)
    broken = narrow.copy()
    broken[1, 0, 2], broken[1, 1, 0] = np.nan, -np.inf
    first = differing(
        "relu", output=(wide * 2, wide), code=(narrow * 3, narrow), loss=(broken, narrow)
    )
    return result_of(
        Verdict("square", "passed", 10, notes=["right, but slow"]),
        placed(first, 5, 40, forward=(10, 20)),
        placed(raising("leaky_relu", f"{HOSTILE} {'long' * 60}"), 1, 8),
        Verdict("sigmoid", "not written", 10),
        Verdict("deriv", "not judged", 10, rests_on=["relu"]),
        Verdict("Dense", "timed out", 22, detail="timed out after 10 s"),
    )


def all_wrong() -> CheckResult:
    """Every component of the catalogue wrong, in more arrays than are drawn, and large ones."""
    wanted = np.random.default_rng(1).standard_normal((64, 64))
    arrays = {f"output {n}": (wanted * 2, wanted) for n in range(4)}
    return result_of(
        *(
            placed(differing(entry.name, **arrays), 1, 200, forward=(100, 130))
            for entry in components()
        )
    )
