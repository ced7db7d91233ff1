"""``scratch/recurrent`` against ``reference/recurrent``."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.components("recurrent")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()
