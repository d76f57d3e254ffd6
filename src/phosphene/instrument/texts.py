"""Texts that hold several names, with commas between them: layers, tests, methods with their options."""

from __future__ import annotations

import re
from collections.abc import Sequence


def names(texts: Sequence[str]) -> list[str]:
    """The names in the texts; a place's comma stays in its address: 'blocks.1,blocks.3@5,6' are two names."""
    result: list[str] = []
    for text in texts:
        for at, part in enumerate(text.split(",")):
            if at and part.strip().isdigit() and result and re.search(r"@\s*\d+$", result[-1]):
                result[-1] += "," + part.strip()
            elif part.strip():
                result.append(part.strip())
    return result


def specs(texts: Sequence[str]) -> list[str]:
    """The specs in the texts, each a name with its options: 'occlusion:window=48,stride=24,guided' are two, because a
    part that has a '=' but no ':' is one more option of the spec before.
    """
    result: list[str] = []
    for text in texts:
        for at, part in enumerate(text.split(",")):
            if at and "=" in part and ":" not in part and result:
                result[-1] += "," + part.strip()
            elif part.strip():
                result.append(part.strip())
    return result
