"""The two sides of every training."""

from typing import Literal

Side = Literal["scratch", "reference"]
