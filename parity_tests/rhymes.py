"""A little text and a little model, for what trains on text."""

from __future__ import annotations

from parity.training.text_experiment import Characters, TextExperiment, as_characters

RHYME = "the cat sat on the mat,\nthe rat ran at the cat.\n" * 12
SMALL = TextExperiment(hidden=8, length=5, batch_size=4, steps=12)


def rhyme(experiment: TextExperiment = SMALL) -> Characters:
    """The text in numbers."""
    return as_characters("rhyme.txt", RHYME, experiment)
