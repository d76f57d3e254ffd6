"""Which instrument refuses which kind of network, and what it says."""

from __future__ import annotations


def refusal_of(kind: str, instrument: str) -> str | None:
    """What the sentence has to match; None where the instrument has to answer."""
    return None
