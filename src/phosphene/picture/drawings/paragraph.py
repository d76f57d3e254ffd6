"""Wrapped type on a sheet, in the few sizes that sheets use."""

from dataclasses import dataclass
from typing import Literal

from .drawing import Mark, Text
from .typesetting import text_width, wrap

TITLE, SUBTITLE, HEADING, BODY, SMALL = 28.0, 16.0, 15.0, 14.0, 13.0
LEADING = 1.45
Weight = Literal["regular", "bold"]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Typeset:
    """Marks that stand at their place, and the room they take from their corner on."""

    marks: tuple[Mark, ...]
    width: float
    height: float


def stacked(
    text: str, size: float, x: float, y: float, width: float, weight: Weight = "regular", *, anchor: Anchor = "start",
    colour: str = "ink", mono: bool = False, leading: float = 1.3,
) -> tuple[list[Mark], float]:  # fmt: skip
    """The text in as many lines as it needs, the first on the baseline `y`; and the height of those below the first."""
    step = size * leading
    lines = wrap(text, size, width, weight)
    marks: list[Mark] = [
        Text(x, y + step * at, line, size, weight, anchor, colour, mono) for at, line in enumerate(lines)
    ]
    return marks, step * (len(lines) - 1)


def paragraph(
    text: str,
    size: float,
    colour: str,
    left: float,
    top: float,
    width: float,
    weight: Weight = "regular",
) -> Typeset:
    """The text from (left, top) down, in lines no wider than `width`."""
    leading = size * (1.25 if size >= TITLE else LEADING)
    lines = wrap(text, size, width, weight)
    marks = tuple(
        Text(left, top + size * 0.82 + (leading - size) / 2 + index * leading, line, size, weight, colour=colour)
        for index, line in enumerate(lines)
        if line
    )
    widest = max((text_width(line, size, weight) for line in lines), default=0.0)
    return Typeset(marks, widest, len(lines) * leading)
