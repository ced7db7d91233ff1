"""The two sides of every training."""

from typing import Literal, cast

Side = Literal["scratch", "reference"]


def chosen(sides: str) -> list[Side]:
    """What ``--side`` means: one side, or with "both" the two, in the order they are shown in."""
    return ["scratch", "reference"] if sides == "both" else [cast(Side, sides)]
