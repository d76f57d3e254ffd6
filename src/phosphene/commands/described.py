"""What a docstring tells a command line: its first line, its details, and lines of the form

    - `name`: what the parameter does

which are the parameters' helps. A sentence "`name` is what it does." in the details is a help too.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.markup import escape


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
    for said in re.finditer(r"`(\w+)` is ([^.]+)\.", " ".join(f"{line} {rest}".split())):
        helps.setdefault(said[1], said[2])
    rest = re.sub(r"^- .+(?:\n[ \t]+\S.*)*", "", rest, flags=re.MULTILINE)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", rest)]
    told = [re.sub(r"(^|(?<=\. ))Raises .*", "", part).strip() for part in paragraphs]
    return Described(line.strip(), "\n\n".join(part for part in told if part), helps)


def marked_up(text: str) -> str:
    """Text for rich: brackets stay brackets, and what is in backticks is set off."""
    return re.sub(r"`([^`]+)`", r"[cyan]\1[/cyan]", escape(text))


def as_sentence(text: str) -> str:
    """The text, marked up, with a capital and a full stop."""
    text = text[:1].upper() + text[1:]
    return marked_up(text if not text or text.endswith(".") else f"{text}.")
