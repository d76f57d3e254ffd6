"""Names that parameters had before: calls, command lines and pictures that use them still work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# instrument -> name before -> name now
FORMER: Mapping[str, Mapping[str, str]] = {"why": {"method": "methods"}}


def current_names(instrument: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values under today's names. TypeError where both names are given."""
    now = FORMER.get(instrument, {})
    for name in values:
        if now.get(name) in values:
            raise TypeError(f"{name!r} is {now[name]!r} now, and both are given to {instrument}; leave out {name!r}")
    return {now.get(name, name): value for name, value in values.items()}


def former(instrument: str, name: str) -> tuple[str, ...]:
    """The names that a parameter had before."""
    return tuple(before for before, now in FORMER.get(instrument, {}).items() if now == name)
