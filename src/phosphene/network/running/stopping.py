"""A way to stop work from outside: before the network runs the next time.

Instruments reach the network by the seam only, so that whatever runs it often can be stopped there, in the middle of a
call that gives nothing before its end.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_stop: contextvars.ContextVar[Callable[[], bool] | None] = contextvars.ContextVar("phosphene_stop", default=None)


class Stopped(BaseException):
    """The work was stopped from outside. A BaseException, so that no `except Exception` on the way eats it."""


@contextmanager
def stoppable(stop: Callable[[], bool]) -> Iterator[None]:
    """Within the block each run of a network first asks `stop()`, and raises `Stopped` where it says so."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


def check_stop() -> None:
    """Raises `Stopped` where the work was stopped. Called before each run of a network."""
    stop = _stop.get()
    if stop is not None and stop():
        raise Stopped
