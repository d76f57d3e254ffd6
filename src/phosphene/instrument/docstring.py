"""What a docstring says to a face: its first line, its details, and lines of the form

    - `name`: what the parameter does

which are the parameters' helps.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Described:
    """What a docstring says: in one line, at length, and of each parameter."""

    line: str
    details: str
    parameters: Mapping[str, str]


def described(function: Callable[..., Any]) -> Described:
    """The docstring taken apart; what it says of exceptions is for those who program, and left out."""
    line, _, rest = (inspect.getdoc(function) or "").partition("\n")
    helps: dict[str, str] = {}
    for bullet in re.finditer(r"^- ((?:`\w+`(?:, )?)+): (.+(?:\n[ \t]+\S.*)*)", rest, re.MULTILINE):
        for name in re.findall(r"\w+", bullet[1]):
            helps[name] = " ".join(bullet[2].split())
    rest = re.sub(r"^- .+(?:\n[ \t]+\S.*)*", "", rest, flags=re.MULTILINE)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", rest)]
    sentences = [re.sub(r"(^|(?<=\. ))Raises .*", "", part).strip() for part in paragraphs]
    return Described(line.strip(), "\n\n".join(part for part in sentences if part), helps)
