"""Names that parameters had before: calls, command lines and pictures that use them still work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# instrument -> name before -> name now
FORMER: Mapping[str, Mapping[str, str]] = {"why": {"method": "methods"}}


def renamed(instrument: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, under the names of today. TypeError where a thing is given under both."""
    now = FORMER.get(instrument, {})
    for name in given:
        if now.get(name) in given:
            raise TypeError(f"{name!r} is {now[name]!r} now, and both are given to {instrument}; leave out {name!r}")
    return {now.get(name, name): value for name, value in given.items()}


def former(instrument: str, name: str) -> tuple[str, ...]:
    """The names that a parameter had before."""
    return tuple(before for before, now in FORMER.get(instrument, {}).items() if now == name)
