"""Texts that hold several names, with commas between them: layers, tests, methods with their options."""

from __future__ import annotations

import re
from collections.abc import Sequence


def names(texts: Sequence[str]) -> list[str]:
    """The names in texts of one or several; a place's comma stays in its address: 'blocks.1,blocks.3@5,6' are two."""
    result: list[str] = []
    for text in texts:
        for at, part in enumerate(text.split(",")):
            if at and part.strip().isdigit() and result and re.search(r"@\s*\d+$", result[-1]):
                result[-1] += "," + part.strip()
            elif part.strip():
                result.append(part.strip())
    return result


def specs(texts: Sequence[str]) -> list[str]:
    """The specs in texts of one or several, each a name with its options: 'occlusion:window=48,stride=24,guided' are
    two, as what follows a comma and has a '=' but no ':' is one more option.
    """
    result: list[str] = []
    for text in texts:
        for at, part in enumerate(text.split(",")):
            if at and "=" in part and ":" not in part and result:
                result[-1] += "," + part.strip()
            elif part.strip():
                result.append(part.strip())
    return result
