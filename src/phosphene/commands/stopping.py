"""Ctrl-C as a request: what runs goes on to a place where it can be stopped without loss."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """The event that is set by the first Ctrl-C; the second stops at once, wherever it is."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield stop
        return

    def request(number: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, request)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
