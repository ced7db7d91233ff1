"""What to do next about something that is wrong, in one sentence."""

from __future__ import annotations

from parity.catalogue.component import Component, Mutant
from parity.diagnosis.places import Place
from parity.diagnosis.relations import Relation
from parity.engine import Failure

#: What to look at, by the kind of difference.
_BY_KIND = {
    "absent": "return or store it, as `parity list` and docs/contract.md say",
    "type": "look at what it returns",
    "shape": "print the shapes on the way",
    "dtype": "keep the type of the input: look for np.zeros, np.array or astype without a dtype",
    "not finite": "look for a division by zero, log(0), or an exp of large numbers",
    "params": "look at where the parameters are made",
    "input changed": "look for +=, -=, *= and out= on what came in",
    "rule": "look at what the rule says, step by step",
}


def next_step(
    entry: Component,
    failure: Failure | None,
    place: Place | None,
    mistakes: tuple[Mutant, ...],
    relation: Relation | None,
) -> str:
    """One sentence: what to look at, what to try, where in the book it stands."""
    where = f"{place.name}, line {place.first}" if place is not None else entry.symbol
    book = f"the book's chapter {entry.chapter}" if entry.in_book else "docs/guide.md"
    if failure is None:
        return f"Look at {where}; arguments and shapes are in docs/contract.md and {book}."
    if mistakes:
        errata = [f"erratum {mutant.errata}" for mutant in mistakes if mutant.errata]
        read = " and ".join([*errata, book])
        return f"Mend {where}; see {read}."
    kind = failure.difference.kind
    if kind != "value":
        return f"In {where}, {_BY_KIND.get(kind, 'look at what it returns')}; see {book}."
    if failure.result in entry.gradients:
        return (
            f"Look at {where}, and hold it against central differences: "
            f"{gradcheck_call(entry, failure.result)}; see {book}."
        )
    if relation is not None:
        return f"Look at {where} for what makes that; see {book}."
    return f"Work the case through by hand beside {where}; see {book}."


def gradcheck_call(entry: Component, result: str) -> str:
    """A call of ``parity.gradcheck`` that shows what a gradient must be."""
    source, name = entry.gradients[result], entry.symbol
    if entry.kind == "function":
        return f"parity.gradcheck(f, {source}) for the f that it is the gradient of"
    if "prediction" in entry.gradients.values():
        return f"parity.gradcheck(lambda p: {name}().forward(p, target), prediction)"
    if source in ("param", "W"):
        return f"parity.gradcheck(lambda {source}: {name}({source}).forward(x), {source})"
    if source in ("input_", "x_seq_in"):
        return f"parity.gradcheck({name.lower()}.forward, x)"
    return f"parity.gradcheck(f, {source}), with f the output as a function of it"
