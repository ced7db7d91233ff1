"""The search for a relation: one finder after the other, the plainest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from textwrap import shorten

import numpy as np

from parity.diagnosis.relations import (
    constants,
    elements,
    losses,
    others,
    parts,
    shapes,
)
from parity.diagnosis.relations.pairs import Pairs, Relation, Sample, pairs_of

#: Of a sentence, in characters.
MAX_LENGTH = 120

#: From what says most to what says least. A wrong shape is looked at first, for it is what stands
#: out. A copy of another array comes before what can be made of
#: the right one, for nothing is fitted to it. Then what keeps every element (a constant, an
#: arrangement), what changes each of them, and what brings in other arrays of the case, of which
#: there are many to choose from. Relations of a part of the result come next to last, numbers of a
#: part's own last: they leave most to chance.
_FINDERS: tuple[Callable[[Pairs], Relation | None], ...] = (
    elements.zero,
    shapes.lengths_of_one,
    shapes.repeated,
    shapes.summed,
    others.unchanged,
    others.another,
    constants.times,
    shapes.transposed,
    shapes.flipped,
    shapes.reshaped,
    constants.plus,
    elements.single_precision,
    constants.step,
    others.accumulated,
    losses.other_loss,
    others.factor,
    others.term,
    elements.function_of,
    others.reduced,
    others.matrix_product,
    shapes.shifted,
    parts.at_border,
    parts.slices,
    parts.gaps,
    parts.where_special,
    shapes.permuted,
    parts.by_row,
    elements.nearly,
    shapes.reordered,
)


def relate(samples: Sequence[Sample]) -> Relation | None:
    """How a wrong result relates to the right one.

    A relation holds in every wrong case that can tell it from others (not empty and finite), by the
    tolerance of that case, and is invisible in the right ones: "times the batch size" in a batch of
    one. It rests on two different elements at least, and on more where a number is fitted to them.

    Args:
        samples: the same result in all cases of a component, in their order.

    Returns:
        The plainest relation; None if there is none, or if nothing is wrong.
    """
    with np.errstate(all="ignore"):
        pairs = pairs_of(samples)
        if not pairs.wrong:
            return elements.not_a_number(samples)
        for finder in _FINDERS:
            relation = finder(pairs)
            if relation is not None:
                return replace(relation, sentence=shorten(relation.sentence, MAX_LENGTH))
    return None
