"""Mistakes in the slope of one gate alone, of the LSTM's and the GRU's node of chapter 6."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.recurrent.in_parts import GRU, LSTM, InParts

Slope = Callable[[ndarray], ndarray]

#: What may stand for ``gate * (1 - gate)``, and what is said of it; ``{0}`` is the gate.
_OF_A_SIGMOID: dict[str, tuple[Slope, str]] = {
    "forgotten": (np.ones_like, "left out"),
    "the gate alone": (lambda gate: gate, "taken as {0}"),
    "one less the gate alone": (lambda gate: 1 - gate, "taken as 1 - {0}"),
    "tanh's": (lambda gate: 1 - gate**2, "taken as 1 - {0} ** 2, which is that of tanh"),
}

#: What may stand for ``1 - candidate ** 2``.
_OF_THE_CANDIDATE: dict[str, tuple[Slope, str]] = {
    "forgotten": (np.ones_like, "left out"),
    "the sigmoid's": (lambda bar: bar * (1 - bar), "taken as {0} * (1 - {0}), the sigmoid's"),
}


def _with_slope(node: type[InParts], name: str, wrong: Slope) -> type[InParts]:
    """The node with another slope of what it keeps under ``name``."""

    def sigmoid_slope(self: InParts, gate: ndarray) -> ndarray:
        return wrong(gate) if gate is getattr(self, name) else node._sigmoid_slope(self, gate)

    def tanh_slope(self: InParts, tanh: ndarray) -> ndarray:
        return wrong(tanh) if tanh is getattr(self, name) else node._tanh_slope(self, tanh)

    return type("Slope", (node,), {"_sigmoid_slope": sigmoid_slope, "_tanh_slope": tanh_slope})


def _mutants(node: type[InParts], gates: dict[str, str], candidate: str) -> Iterator[Mutant]:
    for gate, called in gates.items():
        for what, (wrong, words) in _OF_A_SIGMOID.items():
            sentence = (
                f"The sigmoid's slope of {gate}, the {called} gate, is {words.format(gate)}; it is "
                f"{gate} * (1 - {gate})."
            )
            implementation = _with_slope(node, gate, wrong)
            yield Mutant(f"slope of {gate}: {what}", sentence, implementation, "X_in_grad")
    for what, (wrong, words) in _OF_THE_CANDIDATE.items():
        sentence = (
            f"tanh's slope of the candidate, {candidate}, is {words.format(candidate)}; it is "
            f"1 - {candidate} ** 2."
        )
        implementation = _with_slope(node, candidate, wrong)
        yield Mutant(f"slope of {candidate}: {what}", sentence, implementation, "X_in_grad")


LSTM_SLOPES = tuple(_mutants(LSTM, {"f": "forget", "i": "input", "o": "output"}, "C_bar"))
GRU_SLOPES = tuple(_mutants(GRU, {"r": "reset", "u": "update"}, "h_bar"))
