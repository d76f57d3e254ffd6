"""Generators that hold threads, actors or unwritten rows are closed before Python ends.

A caller may leave such a generator in the middle and keep it in a variable. Python would then close it while it takes
its modules apart: threads and databases no longer work by then, so that rows are lost or the program waits for ever.
"""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Callable, Generator
from functools import wraps
from typing import ParamSpec, TypeVar
from weakref import WeakSet

Options = ParamSpec("Options")
Yielded = TypeVar("Yielded")
_open: WeakSet[Generator] = WeakSet()


def closed_at_exit(function: Callable[Options, Generator[Yielded]]) -> Callable[Options, Generator[Yielded]]:
    """A generator function whose generators are closed when Python ends, if they are still there."""

    @wraps(function)
    def opened(*arguments: Options.args, **options: Options.kwargs) -> Generator[Yielded]:
        generator = function(*arguments, **options)
        _open.add(generator)
        atexit.unregister(_close_all)  # the latest is called first: before libraries that were imported since shut down
        atexit.register(_close_all)
        return generator

    return opened


def _close_all() -> None:
    for generator in list(_open):
        with contextlib.suppress(ValueError):  # it runs in another thread, and can't be closed
            generator.close()
