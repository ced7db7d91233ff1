"""Ctrl-C, which ends a step before it ends a training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by_interrupt(wanted: bool) -> Iterator[threading.Event]:
    """Let the first Ctrl-C set the event, and the next one interrupt at once."""
    stop = threading.Event()
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    before = signal.getsignal(signal.SIGINT)
    if before in (signal.SIG_IGN, None):  # as in the background of a script: Ctrl-C is not for us
        yield stop
        return

    def on_interrupt(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
