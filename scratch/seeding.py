"""Where random numbers come from: never from NumPy's global state.

Everything random takes a ``Seed``. An integer means the legacy stream that the book draws from
(``np.random.seed(n)`` followed by ``np.random.randn``), without touching global state.
"""

from __future__ import annotations

from typing import TypeAlias, TypeGuard

import numpy as np

Stream: TypeAlias = np.random.RandomState | np.random.Generator
Seed: TypeAlias = int | Stream | None


def as_stream(seed: Seed) -> Stream:
    """Turn ``seed`` into something that draws.

    Args:
        seed: an integer for the book's legacy stream, a ``RandomState`` or ``Generator`` to be used
            as it is (and advanced), or None for a fresh, unpredictable stream.

    Raises:
        TypeError: ``seed`` is none of these.
    """
    if isinstance(seed, np.random.RandomState | np.random.Generator):
        return seed
    if seed is None or is_integer(seed):
        return np.random.RandomState(seed)
    raise TypeError(
        f"seed must be an integer, a Generator, a RandomState or None, not {type(seed).__name__}"
    )


def is_integer(seed: object) -> TypeGuard[int]:
    """Whether ``seed`` is a whole number (True and False are not)."""
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool)
