"""The live microscope: a page on this machine that shows what networks see.

It stands on the description of instruments (`instrument/`) and on the atlas; the command line starts it and knows
nothing else of it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from .opening import microscope

__all__ = ["microscope"]


class _Package(ModuleType):
    """This package, which may be called: `ph.microscope()` works also where the package was imported before."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        return microscope(*given, **named)


sys.modules[__name__].__class__ = _Package
